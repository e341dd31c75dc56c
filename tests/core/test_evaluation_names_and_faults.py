"""Data sets as people have them: names of every kind, and bad items that cost nothing but themselves."""

import csv
import errno
import io
import json
import os
import unicodedata
from pathlib import Path

import pytest

from analogist.evaluation import table
from analogist.evaluation.dataset import read_dataset
from analogist.evaluation.jobs import serial
from analogist.evaluation.names import LONGEST, check_name
from analogist.evaluation.plots import plots
from analogist.evaluation.report import write_report
from analogist.evaluation.runner import Evaluated, evaluate
from analogist.evaluation.scoring import LibraryScorer
from analogist.evaluation.settings import PUBLISHED, RenderSettings, read_config
from analogist.evaluation.sources import Dataset
from analogist.evaluation.store import Record, Store
from support.evaluation import BACKEND, FakeRenderer, config, picture, plain, published

NFC, NFD = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))


def prompts(dataset: Dataset) -> dict[str, str]:
    return {source.name: source.prompt for source in dataset.sources}


def problems(dataset: Dataset) -> dict[str, str]:
    return {problem.name: problem.sentence for problem in dataset.problems}


def grids(root: Path, names: list[str], lines: list[str], encoding: str = "utf-8") -> Path:
    """A published task of grids with these names, and the lines of its table."""
    folder = root / "t_masked"
    folder.mkdir(parents=True)
    for name in names:
        picture(0).save(folder / name)
    (root / "t_gpt4_out.txt").write_text("\n".join(lines), encoding=encoding)
    return root


# Which line belongs to which grid


ELEVEN = range(1, 12)


@pytest.mark.parametrize(
    ("names", "first_column"),
    [
        pytest.param("{}.jpg", "{}.png", id="another ending"),
        pytest.param("{}.png", "{}", id="without ending"),
        pytest.param("Grid {}.PNG", "grid {}.png", id="another case"),
        pytest.param("grid.v{}.png", "grid.v{}", id="dots in names"),
        pytest.param(f"{NFD} {{}}.png", f"{NFC} {{}}.png", id="another Unicode form"),
        pytest.param("{}.png", "x", id="by position, in natural order"),
        pytest.param("{:03}.png", "row {}", id="by position, as the numbers say"),
    ],
)
def test_each_grid_gets_its_own_prompt(tmp_path: Path, names: str, first_column: str) -> None:
    lines = [f"{first_column.format(n)}\tprompt {n}" for n in ELEVEN]
    dataset = read_dataset(grids(tmp_path, [names.format(n) for n in ELEVEN], lines))
    assert not dataset.problems
    called = {unicodedata.normalize("NFC", Path(names.format(n)).stem): f"prompt {n}" for n in ELEVEN}
    assert prompts(dataset) == called


def test_a_line_that_looks_like_another_grid_is_not_matched_by_position(tmp_path: Path) -> None:
    lines = [f"row {n}\tprompt {n}" for n in (2, 1, 3)]
    dataset = read_dataset(grids(tmp_path, ["001.png", "002.png", "003.png"], lines))
    assert not dataset.sources
    assert "line 1 of 't_gpt4_out.txt' is called 'row 2', like the grid '002.png'" in problems(dataset)[""]


def test_lines_that_name_no_grid_take_nobodys_place(tmp_path: Path) -> None:
    lines = ["cat\ta cat", "gone\ta ghost", "cat.v1\ta dog", "bird\tone", "bird.png\ttwo"]
    dataset = read_dataset(grids(tmp_path, ["cat.png", "cat.v1.png", "bird.png", "new.png"], lines))
    assert prompts(dataset) == {"bird": "two", "cat": "a cat", "cat.v1": "a dog"}
    assert set(problems(dataset)) == {"gone", "bird", "new"}
    assert "that names it, got 0" in problems(dataset)["new"]


def columns(root: Path, names: list[str], lines: list[str]) -> Path:
    for cell in ("a", "a_prime", "b"):
        (root / "t" / cell).mkdir(parents=True)
        for name in names:
            picture(0).save(root / "t" / cell / name)
    (root / "t" / "prompts.txt").write_text("\n".join(lines), encoding="utf-8-sig")
    return root


def test_columns_match_whole_names(tmp_path: Path) -> None:
    lines = ["cat\ta cat", "cat.v1\ta dog", "Bird.jpg\ta bird", f"{NFC}\tcoffee", "cat.v2\ta mouse"]
    dataset = read_dataset(columns(tmp_path, ["cat.png", "bird.png", f"{NFD}.png"], lines))
    assert prompts(dataset) == {"cat": "a cat", "bird": "a bird", NFC: "coffee"}
    assert set(problems(dataset)) == {"cat.v1", "cat.v2"}


def test_two_images_of_one_stem_are_not_merged(tmp_path: Path) -> None:
    plain(tmp_path, "t", ["x", "y"])
    picture(0).save(tmp_path / "t" / "x" / "a.webp")
    dataset = read_dataset(tmp_path)
    assert prompts(dataset) == {"y": "prompt of y"}
    assert problems(dataset) == {"x": "expected one image a, got a.png, a.webp."}
    dataset = read_dataset(columns(tmp_path / "columns", ["one.png", "one.webp", "two.png"], ["one\t1", "two\t2"]))
    assert prompts(dataset) == {"two": "2"}
    assert problems(dataset) == {"one": "expected one image a, got one.png, one.webp."}


# Names


@pytest.mark.parametrize(
    "name",
    [
        "con",
        "NUL",
        "com1",
        "lpt\u00b9",
        "aux.old",
        "Prn .x",
        "x.",
        "a\ud800",
        "a\0b",
        "x\ny",
        "",
        " x",
        ".x",
        "a/b",
        "a|b",
    ],
)
def test_what_is_no_name_of_a_file_on_every_system_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid file name"):
        check_name(name)


@pytest.mark.parametrize("name", ["console", "com", "com10", "a.con", "\u732b" * (LONGEST // 3), "x" * LONGEST, NFC])
def test_other_names_are_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["x" * (LONGEST + 1), "\u732b" * 80])
def test_a_name_without_room_for_its_endings_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"at most {LONGEST} bytes in UTF-8, got 2[04]"):
        check_name(name)


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    name = "\u732b" * (LONGEST // 3)
    data = plain(tmp_path / "data", "t", [name])
    assert len(run(tmp_path, read_dataset(data)).finished) == 1
    assert (tmp_path / "out" / "strips" / "t" / f"{name}.png").exists()


def test_names_that_differ_in_case_alone_are_told(tmp_path: Path) -> None:
    rows = [{"name": name, "grid": "g.png", "prompt": "p"} for name in ("Cat", "cat", "dog")]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = read_dataset(tmp_path / "m.jsonl")
    assert list(prompts(dataset)) == ["dog"]
    assert set(problems(dataset)) == {"Cat", "cat"}
    (tmp_path / "c.yaml").write_text("tasks: {Weak: {data: m}, weak: {data: m}}")
    with pytest.raises(ValueError, match="two tasks are called 'weak'"):
        read_config(tmp_path / "c.yaml")


def test_one_name_in_two_unicode_forms_is_one(tmp_path: Path) -> None:
    plain(tmp_path / "data", NFD, [NFD])
    (tmp_path / "c.yaml").write_text(json.dumps({"tasks": {NFC: {"steps": 7}}}))
    dataset = read_dataset(tmp_path / "data")
    assert [(source.task, source.name) for source in dataset.sources] == [(NFC, NFC)]
    assert read_config(tmp_path / "c.yaml").tasks.keys() == dataset.tasks


@pytest.mark.skipif(os.name != "posix", reason="making links needs a right on Windows")
def test_a_linked_task_has_the_name_of_the_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain(tmp_path / "real", "target", ["x"])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "real" / "target", target_is_directory=True)
    assert read_dataset(tmp_path / "data").tasks == {"link"}
    assert read_dataset(tmp_path / "data" / "link").tasks == {"link"}
    monkeypatch.chdir(tmp_path / "real" / "target")
    assert read_dataset(Path()).tasks == {"target"}


@pytest.mark.skipif(os.name != "posix", reason="making links needs a right on Windows")
def test_links_in_a_circle_end(tmp_path: Path) -> None:
    published(tmp_path / "data", {"deblur": 1})
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data", target_is_directory=True)
    assert list(prompts(read_dataset(tmp_path / "data"))) == ["000"]


def test_what_systems_leave_in_folders_is_no_analogy(tmp_path: Path) -> None:
    published(tmp_path, {"deblur": 2}, names=True)
    folder = tmp_path / "some_tasks_processed"
    (folder / "._deblur_gpt4_out.txt").write_bytes(b"\0\5\26\7")
    (folder / "deblur_masked" / "._000.png").write_bytes(b"\0\5\26\7")
    (folder / "deblur_masked" / ".ipynb_checkpoints").mkdir()
    (folder / "deblur_masked" / "folder.png").mkdir()
    dataset = read_dataset(tmp_path)
    assert len(dataset.sources) == 2
    assert not dataset.problems
    plain(tmp_path / "plain", "t", ["x"])
    for left in ("__MACOSX", ".ipynb_checkpoints", "t/.ipynb_checkpoints", "t/x/.ipynb_checkpoints"):
        (tmp_path / "plain" / left).mkdir()
        picture(0).save(tmp_path / "plain" / left / "a.png")
    dataset = read_dataset(tmp_path / "plain")
    assert list(prompts(dataset)) == ["x"]
    assert not dataset.problems


# Byte-order marks


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    dataset = read_dataset(grids(tmp_path / "p", ["1.png", "2.png"], ["1.png\tone", "2.png\ttwo"], "utf-8-sig"))
    assert prompts(dataset) == {"1": "one", "2": "two"}
    (tmp_path / "m.csv").write_text("name,grid,prompt\nx,g.png,one\n", encoding="utf-8-sig")
    (tmp_path / "m.jsonl").write_text('{"name": "x", "grid": "g.png", "prompt": "one"}\n', encoding="utf-8-sig")
    for name in ("m.csv", "m.jsonl"):
        assert prompts(read_dataset(tmp_path / name)) == {"x": "one"}
    (tmp_path / "c.yaml").write_text("seed: 7", encoding="utf-8-sig")
    (tmp_path / "c.toml").write_text("seed = 7", encoding="utf-8-sig")
    for name in ("c.yaml", "c.toml"):
        assert read_config(tmp_path / name).seed == 7


# Manifests


DEEP = "[" * 100_000
ROW = {"grid": "g.png", "prompt": "p"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(DEEP, "nested too deeply", id="deep"),
        pytest.param('{"a": ', "it is not valid JSON", id="cut"),
        pytest.param("[1]", "Input should be a valid dictionary", id="list"),
        pytest.param("1" * 5000, "it is not valid JSON", id="long number"),
        pytest.param(json.dumps({**ROW, "seed": 2**64}), "seed: Input should be less than or equal to", id="seed"),
    ],
)
def test_a_line_of_json_that_cannot_be_read_costs_itself(tmp_path: Path, line: str, says: str) -> None:
    good = [json.dumps({**ROW, "name": name}) for name in ("x", "y")]
    (tmp_path / "m.jsonl").write_text("\n".join([good[0], line, good[1]]))
    dataset = read_dataset(tmp_path / "m.jsonl")
    assert list(prompts(dataset)) == ["x", "y"]
    assert says in problems(dataset)["line 2"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param('bad,g.png,"a cat', "it is not a valid CSV line", id="unclosed quote"),
        pytest.param('bad,g.png,"a cat" sat', "it is not a valid CSV line", id="text behind a quote"),
        pytest.param("bad,g.png,a cat, a dog", "expected 3 cells as in the first line, got 4", id="comma"),
        pytest.param("bad,g.png," + "x" * 200_000, "it is not a valid CSV line: field larger", id="endless cell"),
    ],
)
def test_a_line_of_a_table_that_cannot_be_read_costs_itself(tmp_path: Path, line: str, says: str) -> None:
    lines = ["name,grid,prompt", "x,g.png,one", line, "", 'y,g.png,"two, or', 'three"', "z,g.png,four"]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    dataset = read_dataset(tmp_path / "m.csv")
    assert prompts(dataset) == {"x": "one", "y": "two, or\nthree", "z": "four"}
    assert set(problems(dataset)) == {"line 3"}
    assert says in problems(dataset)["line 3"]


def run(folder: Path, dataset: Dataset, renderer: FakeRenderer | None = None) -> Evaluated:
    """A run with scores, tables, plots and report, as the command makes them."""
    with Store(folder / "out") as store:
        executor = serial(renderer or FakeRenderer(folder / "notes.txt"))
        evaluated = evaluate(store, config(), dataset, executor, BACKEND, scorer=LibraryScorer())
        for name, build in table.TABLES.items():
            store.write(store.folder / name, build(evaluated))
        write_report(store, evaluated, plots(evaluated), "title")
    return evaluated


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "bad", "grid": "g\0.png"},
        {"name": "bad", "grid": "\ud800.png"},
        {"name": "b\0ad", "grid": "good.png"},
        {"name": "b\ud800ad", "grid": "good.png"},
        {"name": "bad", "grid": "good.png", "prompt": "half \ud800"},
        {"name": "bad", "grid": "good.png", "prompt": "nul \0"},
        {"task": "t\ud800", "name": "bad", "grid": "good.png"},
        {"name": "x" * 300, "grid": "good.png"},
        {"name": "bad", "grid": "x" * 300 + ".png"},
        {"name": "bad", "grid": "."},
        {"name": "bad", "grid": "none.png"},
        {"name": "bad", "grid": "broken.png"},
        {"name": "bad", "grid": "good.png", "b_prime": "broken.png"},
    ],
    ids=str,
)
def test_a_bad_item_is_a_problem_of_its_own_and_tables_and_report_are_whole(tmp_path: Path, bad: dict) -> None:
    picture(0).save(tmp_path / "good.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "good.png").read_bytes()[:100])
    rows = [{"prompt": "p", "name": "good", "grid": "good.png"}, {"prompt": "p", **bad}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    evaluated = run(tmp_path, read_dataset(tmp_path / "t.jsonl"))
    assert "good" in [one.plan.source.name for one in evaluated.finished]
    assert len(evaluated.problems) == 1
    read = list(csv.DictReader(io.StringIO((tmp_path / "out" / "analogies.csv").read_text(encoding="utf-8"))))
    assert len(read) == 2
    assert sum(bool(row["problem"]) for row in read) == 1
    assert len(json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["problems"]) == 1
    assert "good" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0garbage", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\x05"],
)
def test_an_image_with_broken_exif_is_an_image(tmp_path: Path, exif: bytes) -> None:
    plain(tmp_path / "data", "t", ["x"], truth=True)
    for name in ("a", "b_prime"):
        (tmp_path / "data" / "t" / "x" / f"{name}.png").unlink()
        picture(0).save(tmp_path / "data" / "t" / "x" / f"{name}.jpg", exif=exif)
    evaluated = run(tmp_path, read_dataset(tmp_path / "data"))
    assert not evaluated.problems
    assert "squared_error" in evaluated.finished[0].record.scores


def test_a_broken_header_is_a_problem_of_its_analogy(tmp_path: Path) -> None:
    for number, header in enumerate((b"P6 x y 255\n", b"P6 9999999999999 1 255\n", b"P5\n# ", b"BM")):
        plain(tmp_path / "data", "t", [f"x{number}"])
        (tmp_path / "data" / "t" / f"x{number}" / "a.png").write_bytes(header)
    plain(tmp_path / "data", "t", ["good"])
    evaluated = run(tmp_path, read_dataset(tmp_path / "data"))
    assert [problem.name for problem in evaluated.problems] == ["x0", "x1", "x2", "x3"]
    assert all("a.png' cannot be read" in problem.sentence for problem in evaluated.problems)
    assert [one.plan.source.name for one in evaluated.finished] == ["good"]


class Surrogates(FakeRenderer):
    """Fails with words that no file can hold."""

    def render(self, job):
        raise ValueError("half \ud800 of a letter")


def test_words_that_are_no_text_do_not_cost_the_tables(tmp_path: Path) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "t", ["x"]))
    run(tmp_path, dataset, Surrogates(tmp_path / "notes.txt"))
    for name in ("analogies.csv", "results.json", "report.html"):
        assert "of a letter" in (tmp_path / "out" / name).read_text(encoding="utf-8")


@pytest.mark.skipif(os.name != "posix", reason="names are Unicode on Windows")
def test_a_name_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    plain(tmp_path / "data", "t", ["x"])
    try:
        (tmp_path / "data" / "t" / "x").rename(tmp_path / "data" / "t" / os.fsdecode(b"x\xff"))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    plain(tmp_path / "data", "t", ["y"])
    (problem,) = run(tmp_path, read_dataset(tmp_path / "data")).problems
    assert (problem.name, "is not a valid file name" in problem.sentence) == ("x\\udcff", True)


def test_a_file_system_with_shorter_names_costs_the_longer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Store.write_pieces.__globals__["whole_file"]

    def shorter(path: Path):
        if len(path.name) > 20:
            raise OSError(errno.ENAMETOOLONG, "File name too long")
        return whole(path)

    monkeypatch.setitem(Store.write_pieces.__globals__, "whole_file", shorter)
    dataset = read_dataset(plain(tmp_path / "data", "t", ["x", "a long name for a file"]))
    evaluated = run(tmp_path, dataset)
    assert [one.plan.source.name for one in evaluated.finished] == ["x"]
    (problem,) = evaluated.problems
    assert "cannot be written: File name too long" in problem.sentence


# Settings


OLD_DEFAULTS = """
seed: 42
defaults:
  steps: 50
  strength: 0.98
  guidance_scale: 15.0
  sac_start_layer: 3
  sac_end_layer: 11
  cam_start_layer: 3
  cam_end_layer: 11
  scale_sac: 1.3
  num_images_per_prompt: 8
  res: 512
  suffix: ", best quality, extremely detailed"
  negative_prompt: "Messy,Disordered,Chaotic,Cluttered,Haphazard,Unkempt,Scattered,Disheveled,Tangled,Random"
tasks:
  colorization: {}
  deblur: {strength: 0.7}
  denoise: {strength: 0.7}
  enhancement: {}
  image_editing: {}
  image_translation: {}
  style_transfer: {}
  inpainting: {guidance_scale: 7.5}
  ubcfashion: {}
  scannet: {}
"""


def test_a_file_with_the_published_settings_is_the_default_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OLD_DEFAULTS)
    assert read_config(tmp_path / "mine.yaml") == PUBLISHED


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("c.yaml", "[" * 20_000, "nested too deeply"),
        ("c.toml", "a = " + "[" * 20_000, "nested too deeply"),
        ("c.yaml", "a: \0", "cannot be read"),
        ("c.yaml", 'defaults: {suffix: "\\ud800"}', "the suffix contains invalid characters"),
    ],
)
def test_a_configuration_that_cannot_be_parsed_is_one_sentence(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=says):
        read_config(tmp_path / name)


def test_records_of_earlier_versions_are_results_still(tmp_path: Path) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "t", ["x"]))
    renderer = FakeRenderer(tmp_path / "notes.txt")
    run(tmp_path, dataset, renderer)
    path = tmp_path / "out" / "records" / "t" / "x.json"
    record = json.loads(path.read_text())
    record["origin"]["painting"] = record["origin"].pop("settings")
    path.write_text(json.dumps(record))
    assert Record.model_validate(record).origin.settings == RenderSettings(res=128, steps=2, num_images_per_prompt=2)
    assert len(run(tmp_path, dataset, renderer).finished) == 1
    assert renderer.rendered() == ["t/x"]
