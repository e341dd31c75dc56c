"""Analogies of several pairs in an evaluation: their files, their grid, their strip."""

from pathlib import Path

import pytest

from analogist.cells import Cell
from analogist.evaluation.dataset import read_dataset
from analogist.evaluation.jobs import prepare
from analogist.evaluation.planning import plan
from analogist.grid import canvas, compose
from analogist.scores.strips import Strip, cells, inputs, join
from support.evaluation import BACKEND, config, picture, plain


def with_pairs(root: Path, *names: str) -> Path:
    folder = plain(root, "task", ["one", "two"]) / "task" / "two"
    for number, name in enumerate(names):
        picture(50 + number).save(folder / f"{name}.png")
    return root


def test_each_analogy_has_as_many_pairs_as_it_has_files(tmp_path: Path) -> None:
    dataset = read_dataset(with_pairs(tmp_path, "a2", "a2_prime", "a3", "a3_prime"))
    plans = plan(config(), dataset, BACKEND).plans
    assert {one.source.name: one.settings.pairs for one in plans} == {"one": 1, "two": 3}
    (two,) = (one for one in plans if one.source.name == "two")
    job = prepare(two.source, two.settings, 1)
    assert job.grid.size == (256, 128)
    pairs = [(picture(50), picture(51)), (picture(52), picture(53))]
    assert job.image.tobytes() == compose(job.grid, picture(10), picture(11), picture(12), pairs).tobytes()
    assert job.cells[Cell("A", True, 3)].tobytes() == picture(53).tobytes()
    whole = canvas(job.grid, job.image, picture(99))
    strip = join(job.grid, job.image, [whole, whole])
    assert strip.size == (4 * 256, 128)
    tiles = [strip.crop((x, 0, x + 256, 128)) for x in range(0, strip.width, 256)]
    taken = Strip(tiles[0], tuple(tiles[2:]), job.grid)
    for found in (inputs(taken), cells(taken)):
        images = [found.a, found.a_prime, found.b, *(image for pair in found.more_pairs for image in pair)]
        assert {image.size for image in images} == {(64, 64)}
        assert len(found.more_pairs) == 2
    (first, _) = cells(taken).b_primes
    expected = picture(99).resize((64, 64))
    difference = sum(abs(one - other) for one, other in zip(first.tobytes(), expected.tobytes(), strict=True))
    assert difference / len(first.tobytes()) < 8  # Twice resampled.


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a2"], "it has no image a2_prime."),
        (["a3", "a3_prime"], "it has no image a2 and no image a2_prime."),
        (["a2", "a2_prime", "a3_prime"], "it has no image a3."),
    ],
)
def test_half_a_pair_is_named(tmp_path: Path, names: list[str], says: str) -> None:
    (problem,) = read_dataset(with_pairs(tmp_path, *names)).problems
    assert (problem.name, problem.sentence) == ("two", says)


def test_a_manifest_names_more_pairs(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("name,a,a_prime,b,a2,a2_prime,prompt\nx,a.png,b.png,c.png,d.png,e.png,p\n")
    (source,) = read_dataset(tmp_path / "m.csv").sources
    assert (source.pairs, source.files["a2_prime"]) == (2, tmp_path / "e.png")
