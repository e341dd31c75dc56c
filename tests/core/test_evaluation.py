"""Evaluations: data sets of every layout, settings by task, and results that are whole, whatever happens."""

import gc
import json
import re
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from analogist.cells import Cell
from analogist.evaluation import table
from analogist.evaluation.backends.diffusers import sampling
from analogist.evaluation.dataset import read_dataset
from analogist.evaluation.jobs import Job, Outcome, attempt, prepare, seed_of, serial
from analogist.evaluation.planning import missing_tasks
from analogist.evaluation.runner import Evaluated, ProgressCallback, evaluate
from analogist.evaluation.settings import (
    PUBLISHED,
    ComfyUI,
    Config,
    RenderSettings,
    read_config,
)
from analogist.evaluation.sources import Dataset, Source
from analogist.evaluation.store import PNG_KEY, Origin, Store
from analogist.files.writing import UNFINISHED
from analogist.grid import (
    AnalogyGrid,
    canvas,
    compose,
    crop,
)
from analogist.layers import PAPER, LayerRange, Layers, Numbering
from analogist.pipelines.edits import Edit
from analogist.pipelines.inpainting import Settings
from analogist.scores.strips import Asked, published_cells, read_strip
from support.evaluation import BACKEND, FakeRenderer, config, picture, plain, published

PAPER_TASKS = ["colorization", "deblur", "denoise", "enhancement"]
PAPER_TASKS += ["image_editing", "image_translation", "style_transfer", "inpainting", "ubcfashion", "scannet"]


def run(folder: Path, dataset: Dataset, renderer: FakeRenderer, settings: Config | None = None, **more) -> Evaluated:
    with Store(folder) as store:
        return evaluate(store, settings or config(), dataset, serial(renderer), BACKEND, **more)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tables(evaluated: Evaluated) -> dict[str, bytes]:
    return {name: made(evaluated) for name, made in table.TABLES.items()}


@pytest.fixture
def renderer(tmp_path: Path) -> FakeRenderer:
    return FakeRenderer(tmp_path / "notes.txt")


# Settings


def test_the_default_configuration_is_the_published_evaluation() -> None:
    tasks = PUBLISHED.tasks
    assert list(tasks) == PAPER_TASKS
    special = {"deblur": {"strength": 0.7}, "denoise": {"strength": 0.7}, "inpainting": {"guidance_scale": 7.5}}
    for name, task in tasks.items():
        assert task.settings == RenderSettings(**special.get(name, {}))


@pytest.mark.parametrize(
    ("defaults", "task", "sac", "cam"),
    [
        ("{}", "{layers: 4-8}", Layers.parse("4-8"), Layers.parse("4-8")),
        ("{}", "{layers: 7}", Layers.parse("7"), Layers.parse("7")),
        ("{}", "{layers: 4-8, numbering: this model's own}", *[Layers.parse("4-8", Numbering.OWN)] * 2),
        ("{cam_end_layer: 9}", "{layers: 4-8}", Layers.parse("4-8"), Layers.parse("4-8")),
        ("{layers: 4-8}", "{}", Layers.parse("4-8"), Layers.parse("4-8")),
        ("{layers: 4-8}", "{layers: ''}", PAPER, PAPER),
        ("{layers: 4-8}", "{sac_start_layer: 5}", LayerRange(5, 11), PAPER),
        ("{cam_end_layer: 9}", "{sac_start_layer: 5}", LayerRange(5, 11), LayerRange(3, 9)),
    ],
)
def test_layers_in_words_or_as_numbers(
    tmp_path: Path, defaults: str, task: str, sac: LayerRange | Layers, cam: LayerRange | Layers
) -> None:
    """What a task says in one way takes the place of what the defaults say in the other."""
    path = tmp_path / "settings.yaml"
    path.write_text(f"defaults: {defaults}\ntasks: {{a: {task}}}")
    settings = read_config(path).tasks["a"].settings
    assert (settings.sac, settings.cam) == (sac, cam)
    assert sampling(settings).edit == Edit(sac, cam)
    assert RenderSettings.model_validate_json(settings.model_dump_json()) == settings


def test_settings_that_were_kept_before_there_were_layers_in_words_are_the_same() -> None:
    kept = {name: value for name, value in RenderSettings().model_dump().items() if name not in ("layers", "numbering")}
    assert RenderSettings(**kept) == RenderSettings()


def test_the_defaults_are_those_of_the_pipeline() -> None:
    assert sampling(RenderSettings()) == Settings()


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (
            ".yaml",
            "seed: 7\ndefaults: {steps: 9, res: 256}\ntasks:\n  deblur: {strength: 0.5}\n  sharp: {data: deblur}\n",
        ),
        (
            ".toml",
            'seed = 7\ndefaults = {steps = 9, res = 256}\n[tasks]\ndeblur.strength = 0.5\nsharp.data = "deblur"\n',
        ),
    ],
)
def test_tasks_inherit_the_defaults(tmp_path: Path, ending: str, text: str) -> None:
    path = tmp_path / f"settings{ending}"
    path.write_text(text)
    read = read_config(path)
    assert read.seed == 7
    assert read.tasks["deblur"].settings == RenderSettings(steps=9, res=256, strength=0.5)
    assert read.tasks["sharp"].settings == RenderSettings(steps=9, res=256)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tasks: {deblur: {strenght: 0.5}}", "tasks.deblur.strenght: there is no such setting"),
        ("tasks: {deblur: {strength: 2}}", "tasks.deblur: strength must be in (0, 1], got 2.0"),
        ("defaults: {res: 100}", "defaults.res: Input should be a multiple of 128"),
        ("defaults: {sac_start_layer: 12}", "defaults: expected 0 <= start_layer <= end_layer"),
        ("defaults: {layers: 3-}", "defaults: expected layers such as 4-53 or 7-10, 18, 25, got '3-'"),
        ("defaults: {layers: 3-4, sac_end_layer: 9}", "defaults: expected layers or the start and end layers of SAC"),
        ("defaults: {numbering: own}", "defaults.numbering: Input should be 'as in SD 1.5' or"),
        ("defaults: {scale_sac: .nan}", "defaults.scale_sac: Input should be a finite number"),
        ("tasks: {../x: {}}", "tasks: The name '../x' is not a valid file name"),
        ("tasks: [deblur]", "tasks: Input should be a valid dictionary"),
        ("backend: {kind: comfyui}", "backend.comfyui.workflow: Field required"),
        ("seed: -1", "seed: Input should be greater than or equal to 0"),
        ("a: [", "cannot be read: while parsing"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        read_config(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "message"), [("none.yaml", "There is no conf"), ("x.json", "must be a .yaml, .yml or")]
)
def test_a_configuration_that_is_none(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path / name)


def test_a_workflow_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("backend: {kind: comfyui, workflow: graph.json}")
    backend = read_config(tmp_path / "settings.yaml").backend
    assert isinstance(backend, ComfyUI)
    assert backend.workflow == str(tmp_path / "graph.json")


# Data sets


def named(dataset: Dataset) -> list[tuple[str, str, str]]:
    return [(source.task, source.name, source.prompt) for source in dataset.sources]


def problems(dataset: Dataset) -> dict[tuple[str, str], str]:
    return {(problem.task, problem.name): problem.sentence for problem in dataset.problems}


@pytest.mark.parametrize("where", [".", "some_tasks_processed", "some_tasks_processed/deblur_masked"])
def test_the_published_layout(tmp_path: Path, where: str) -> None:
    published(tmp_path, {"deblur": 2})
    dataset = read_dataset(tmp_path / where)
    assert named(dataset) == [("deblur", f"00{n}", f"Prompt {n} of deblur") for n in (0, 1)]
    assert not dataset.problems
    assert dataset.sources[0].files == {"grid": tmp_path / "some_tasks_processed/deblur_masked/000.png"}


def test_lines_that_name_their_grids_are_matched_by_name(tmp_path: Path) -> None:
    published(tmp_path, {"deblur": 3}, names=True)
    path = tmp_path / "some_tasks_processed" / "deblur_gpt4_out.txt"
    path.write_text("002.png\tlast\n000\tfirst\n")
    dataset = read_dataset(tmp_path)
    assert named(dataset) == [("deblur", "000", "first"), ("deblur", "002", "last")]
    assert problems(dataset) == {("deblur", "001"): "expected one line of 'deblur_gpt4_out.txt' that names it, got 0."}


def test_a_count_mismatch_is_named_and_stops_no_other_task(tmp_path: Path) -> None:
    published(tmp_path, {"deblur": 3, "denoise": 1})
    path = tmp_path / "some_tasks_processed" / "deblur_gpt4_out.txt"
    path.write_text("x\tone\nx\ttwo\n")
    dataset = read_dataset(tmp_path)
    assert named(dataset) == [("denoise", "000", "Prompt 0 of denoise")]
    (sentence,) = problems(dataset).values()
    assert "there are 3 grids in 'deblur_masked' but 2 lines in 'deblur_gpt4_out.txt'" in sentence


def test_an_empty_prompt_line_is_named_and_shifts_nothing(tmp_path: Path) -> None:
    published(tmp_path, {"deblur": 4})
    path = tmp_path / "some_tasks_processed" / "deblur_gpt4_out.txt"
    path.write_text("x\tone\n\nx\t \nx\tfour\n")
    dataset = read_dataset(tmp_path)
    assert named(dataset) == [("deblur", "000", "one"), ("deblur", "003", "four")]
    assert problems(dataset) == {("deblur", f"00{n}"): "its prompt is empty." for n in (1, 2)}


@pytest.mark.parametrize("where", [".", "task"])
def test_the_plain_layout(tmp_path: Path, where: str) -> None:
    plain(tmp_path, "task", ["x", "y"], truth=True)
    (tmp_path / "task" / "y" / "b.png").unlink()
    dataset = read_dataset(tmp_path / where)
    assert named(dataset) == [("task", "x", "prompt of x")]
    assert list(dataset.sources[0].files) == ["a", "a_prime", "b", "b_prime"]
    assert problems(dataset) == {("task", "y"): "it has no image b."}


def test_folders_of_a_and_a_prime_and_b(tmp_path: Path) -> None:
    for cell in ("a", "a_prime", "b"):
        (tmp_path / "task" / cell).mkdir(parents=True)
        for name in ("x", "y"):
            picture(0).save(tmp_path / "task" / cell / f"{name}.png")
    (tmp_path / "task" / "a" / "y.png").unlink()
    (tmp_path / "task" / "prompts.txt").write_text("x.png\tprompt of x\ny\tprompt of y\nz\tprompt of z\n")
    dataset = read_dataset(tmp_path)
    assert named(dataset) == [("task", "x", "prompt of x")]
    assert problems(dataset) == {
        ("task", "y"): "it has no image a.",
        ("task", "z"): "expected one image with the name in this line of 'prompts.txt', got none or several.",
    }


def as_csv(rows: list[dict]) -> str:
    columns = ["name", "a", "a_prime", "b", "b_prime", "grid", "prompt", "seed"]
    lines = [",".join(str(row.get(column, "")) for column in columns) for row in rows]
    return "\n".join([",".join(columns), *lines])


def as_jsonl(rows: list[dict]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize(("ending", "write"), [(".csv", as_csv), (".jsonl", as_jsonl)])
def test_a_manifest(tmp_path: Path, ending: str, write: Callable[[list[dict]], str]) -> None:
    three = {"a": "p/a.png", "a_prime": "p/a2.png", "b": "p/b.png"}
    rows = [{**three, "prompt": "one", "seed": 5}, {"name": "g", "grid": "grid.png", "prompt": "two"}]
    bad = [
        {"name": "n", "b": "p/b.png", "prompt": "x"},
        {"name": "../n", **three, "prompt": "x"},
        {**three, "seed": "x"},
    ]
    path = tmp_path / f"things{ending}"
    path.write_text(write([*rows, *bad]))
    dataset = read_dataset(path)
    assert named(dataset) == [("things", "b", "one"), ("things", "g", "two")]
    assert dataset.sources[0].files["a"] == tmp_path / "p" / "a.png"
    assert [source.seed for source in dataset.sources] == [5, None]
    found = problems(dataset)
    assert found["things", "n"] == "it has no image a and no image a_prime."
    assert "is not a valid file name" in found["things", "../n"]
    (line,) = (sentence for (_, name), sentence in found.items() if name.startswith("line"))
    assert "seed: Input should be a valid integer" in line


def test_two_analogies_of_one_name_are_both_left_out(tmp_path: Path) -> None:
    rows = [{"name": name, "grid": "g.png", "prompt": "p"} for name in ("x", "x", "y")]
    (tmp_path / "m.jsonl").write_text(as_jsonl(rows))
    dataset = read_dataset(tmp_path / "m.jsonl")
    assert [source.name for source in dataset.sources] == ["y"]
    assert "2 analogies have this name" in problems(dataset)["m", "x"]


@pytest.mark.parametrize(("name", "message"), [("none", "There is no data set"), ("", "There is no analogy in")])
def test_no_data_set_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_dataset(tmp_path / name)


# Jobs


def test_a_grid_that_is_ready_is_taken_as_it_is(tmp_path: Path) -> None:
    image = compose(AnalogyGrid(64, 64), *(picture(n) for n in range(3)))
    image.save(tmp_path / "g.png")
    job = prepare(Source("t", "g", {"grid": tmp_path / "g.png"}, "p"), RenderSettings(res=128), 1)
    assert job.image.tobytes() == image.tobytes()
    assert job.cells[Cell.B].tobytes() == crop(job.grid, image, Cell.B).tobytes()


def test_a_grid_of_another_size_is_scaled_as_in_the_published_program(tmp_path: Path) -> None:
    """By Pillow's own default, bicubic."""
    image = compose(AnalogyGrid(128, 128), *(picture(n) for n in range(3)))
    image.save(tmp_path / "g.png")
    for res in (128, 384):
        job = prepare(Source("t", "g", {"grid": tmp_path / "g.png"}, "p"), RenderSettings(res=res), 1)
        assert job.image.tobytes() == image.resize((res, res)).tobytes()


def test_seeds_depend_on_names_alone() -> None:
    sources = [Source(task, name, {}, "p") for task in "tu" for name in "xy"]
    seeds = [seed_of(source, 42) for source in sources]
    assert seeds == [seed_of(source, 42) for source in reversed(sources)][::-1]
    assert len({*seeds, seed_of(sources[0], 43)}) == 5
    assert all(0 <= seed < 2**32 for seed in seeds)


# Runs


def test_a_run_writes_strips_pictures_and_records(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x"]))
    evaluated = run(tmp_path / "out", dataset, renderer)
    (origin,) = (one.record.origin for one in evaluated.finished)
    job = prepare(dataset.sources[0], config().defaults, origin.seed)
    grids = renderer.render(job)

    path = tmp_path / "out" / "strips" / "task" / "x.png"
    strip = Image.open(path)
    assert strip.size == (4 * 128, 128)
    assert strip.crop((0, 0, 128, 128)).tobytes() == job.image.tobytes()
    assert strip.crop((128, 0, 256, 128)).tobytes() == canvas(job.grid, job.image).tobytes()
    quarter = grids[1].crop((64, 64, 128, 128)).resize((128, 128))
    assert strip.crop((384, 0, 512, 128)).tobytes() == quarter.tobytes()
    assert published_cells(read_strip(path, Asked(results=2))).b.size == (64, 64)  # What `score` reads.

    b_prime = Image.open(tmp_path / "out" / "pictures" / "task" / "x_2.png")
    assert b_prime.tobytes() == crop(job.grid, grids[1], Cell.B_PRIME).tobytes()
    for picture_file in (strip, b_prime):
        assert Origin.model_validate_json(picture_file.text[PNG_KEY]) == origin
    assert origin.settings == config().defaults
    assert (origin.prompt, origin.backend) == ("prompt of x", BACKEND)


def test_bad_analogies_are_named_and_do_not_stop_the_rest(tmp_path: Path, renderer: FakeRenderer) -> None:
    published(tmp_path / "data", {"deblur": 4, "denoise": 3, "colorization": 2})
    folder = tmp_path / "data" / "some_tasks_processed"
    (folder / "deblur_masked" / "001.png").write_bytes(b"no picture")
    (folder / "denoise_gpt4_out.txt").write_text("x\tone\nx\t\nx\tthree\n")
    (folder / "colorization_gpt4_out.txt").write_text("x\tone\nx\ttwo\nx\tthree\n")
    renderer.fails = ["003"]
    told: list[str] = []

    class Told(ProgressCallback):
        def failed(self, problem: object) -> None:
            told.append(str(problem))

    evaluated = run(tmp_path / "out", read_dataset(tmp_path / "data"), renderer, progress=Told())
    assert renderer.rendered() == ["deblur/000", "deblur/002", "denoise/000", "denoise/002"]
    rows = {(row["task"], row["name"]): row for row in table.item_rows(evaluated)}
    failed = {key: row["problem"] for key, row in rows.items() if row["status"] == "failed"}
    assert sorted(failed) == [("colorization", ""), ("deblur", "001"), ("deblur", "003"), ("denoise", "001")]
    assert "001.png' cannot be read as an image" in failed["deblur", "001"]
    assert failed["deblur", "003"] == "the model broke."
    assert failed["denoise", "001"] == "its prompt is empty."
    assert "2 grids in 'colorization_masked' but 3 lines" in failed["colorization", ""]
    assert len(told) == 4
    assert "deblur / 003: the model broke." in told


def test_what_failed_is_tried_again(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y"]))
    renderer.fails = ["x"]
    run(tmp_path / "out", dataset, renderer)
    renderer.fails = []
    evaluated = run(tmp_path / "out", dataset, renderer)
    assert renderer.rendered() == ["task/y", "task/x"]
    assert not evaluated.problems
    assert [one.plan.source.name for one in evaluated.finished] == ["x", "y"]


def test_nothing_is_rendered_twice_and_the_order_decides_nothing(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(published(tmp_path / "data", {"deblur": 3, "denoise": 2}))
    whole = run(tmp_path / "whole", dataset, renderer)
    once = renderer.rendered()
    run(tmp_path / "whole", dataset, renderer)
    assert renderer.rendered() == once

    run(tmp_path / "parts", dataset, renderer, only=["denoise"])
    run(tmp_path / "parts", dataset, renderer, limit=2)
    parts = run(tmp_path / "parts", dataset, renderer)
    assert sorted(renderer.rendered()) == sorted(2 * once)
    assert tables(parts) == tables(whole)
    ours, theirs = files(tmp_path / "parts"), files(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(ours[name] == theirs[name] for name in ours if name.endswith(".png"))


@pytest.mark.parametrize(
    "gone", ["strips/task/x.png", "pictures/task/x_2.png", "records/task/x.json"], ids=lambda name: name.split("/")[0]
)
def test_what_is_gone_is_rendered_anew(tmp_path: Path, renderer: FakeRenderer, gone: str) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y"]))
    run(tmp_path / "out", dataset, renderer)
    (tmp_path / "out" / gone).unlink()
    run(tmp_path / "out", dataset, renderer)
    assert renderer.rendered() == ["task/x", "task/y", "task/x"]
    assert (tmp_path / "out" / gone).exists()


def test_a_result_that_cannot_be_written_ends_the_run(
    tmp_path: Path, renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y", "z"]))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path / "out", dataset, renderer)
    assert len(run(tmp_path / "out", dataset, renderer).finished) == 3


def test_left_overs_of_a_kill_are_swept_away(tmp_path: Path, renderer: FakeRenderer) -> None:
    left_over = tmp_path / "out" / "strips" / "task" / f"x.png{UNFINISHED}"
    left_over.parent.mkdir(parents=True)
    left_over.write_bytes(b"half")
    run(tmp_path / "out", read_dataset(plain(tmp_path / "data", "task", ["x"])), renderer)
    assert not list(tmp_path.rglob(f"*{UNFINISHED}"))


def test_results_of_other_settings_are_not_overwritten_unasked(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y"]))
    run(tmp_path / "out", dataset, renderer)
    before = files(tmp_path / "out")
    other = config(task={"strength": 0.5, "num_images_per_prompt": 1})
    words = (
        r"2 results in .* settings\.strength 0\.98 -> 0\.5, settings\.num_images_per_prompt 2 -> 1: "
        "choose another folder"
    )
    with pytest.raises(ValueError, match=words):
        run(tmp_path / "out", dataset, renderer, other)
    assert files(tmp_path / "out") == before
    run(tmp_path / "out", dataset, renderer, other, redo=True)
    assert len(renderer.rendered()) == 4
    assert not (tmp_path / "out" / "pictures" / "task" / "x_2.png").exists()


def test_a_changed_picture_is_noticed(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x"]))
    run(tmp_path / "out", dataset, renderer)
    picture(99).save(tmp_path / "data" / "task" / "x" / "b.png")
    with pytest.raises(ValueError, match=r"task / x differs in sources\.b "):
        run(tmp_path / "out", dataset, renderer)


def test_a_damaged_record_costs_its_analogy_alone(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y"]))
    run(tmp_path / "out", dataset, renderer)
    (tmp_path / "out" / "records" / "task" / "x.json").write_text("{")
    evaluated = run(tmp_path / "out", dataset, renderer, scorer=FakeScorer())
    (problem,) = evaluated.problems
    assert re.search(r"x\.json' is damaged .* delete it", problem.sentence)
    assert [one.plan.source.name for one in evaluated.finished] == ["y"]
    assert evaluated.finished[0].record.scores


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with Store(tmp_path), pytest.raises(ValueError, match="Another run is writing"):
        Store(tmp_path).__enter__()


def test_a_sweep_starts_from_the_same_seeds(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x"]))
    sweep = config(weak={"data": "task", "scale_sac": 1.0}, strong={"data": "task", "scale_sac": 1.5})
    evaluated = run(tmp_path / "out", dataset, renderer, sweep)
    origins = [one.record.origin for one in evaluated.finished]
    assert [(origin.task, origin.settings.scale_sac) for origin in origins] == [("weak", 1.0), ("strong", 1.5)]
    assert origins[0].seed == origins[1].seed


def test_tasks_of_one_side_only(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "mine", ["x"]))
    named_in_vain = config(deblur={})
    assert missing_tasks(named_in_vain, dataset) == ["deblur"]
    assert list(run(tmp_path / "out", dataset, renderer, named_in_vain).tasks) == ["mine"]
    with pytest.raises(ValueError, match="The data set has no task 'deblur'; its tasks are mine"):
        run(tmp_path / "out", dataset, renderer, named_in_vain, only=["deblur"])


class FakeScorer:
    """The mean brightness of each result, and of the true B'."""

    def __init__(self, name: str = "brightness") -> None:
        self.name, self.scored = name, 0

    def score(self, settings, strip, results, truth) -> dict[str, list[float]]:
        self.scored += 1
        assert strip.size == ((2 + len(results)) * 128, 128)
        scores = {"brightness": [sum(one.convert("L").histogram()[128:]) / 4096 for one in results]}
        return {**scores, **({"infinite": [float("inf")] * len(results)} if truth else {})}


def test_scores_come_later_and_only_once(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y"], truth=True))
    run(tmp_path / "out", dataset, renderer)
    scorer = FakeScorer()
    for _ in range(2):
        evaluated = run(tmp_path / "out", dataset, renderer, scorer=scorer)
    assert (scorer.scored, len(renderer.rendered())) == (2, 2)
    rows = table.item_rows(evaluated)
    for row, one in zip(rows, evaluated.finished, strict=True):
        assert row["brightness"] == pytest.approx(sum(one.record.scores["brightness"]) / 2)
        assert row["infinite"] is None
    (task,) = table.task_rows(evaluated)
    assert task["brightness"] == pytest.approx((rows[0]["brightness"] + rows[1]["brightness"]) / 2)
    json.loads(table.to_json(evaluated), parse_constant=pytest.fail)  # Infinity is not JSON.
    run(tmp_path / "out", dataset, renderer, scorer=FakeScorer("another"))
    assert evaluated.finished[0].record.scored_by == "brightness"


def test_a_true_picture_that_cannot_be_read_costs_only_the_scores(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y"], truth=True))
    (tmp_path / "data" / "task" / "x" / "b_prime.png").write_bytes(b"")
    evaluated = run(tmp_path / "out", dataset, renderer, scorer=FakeScorer())
    rows = table.item_rows(evaluated)
    assert [row["status"] for row in rows] == ["rendered", "rendered"]
    assert "it is rendered but not scored: The file" in rows[0]["problem"]
    assert rows[1]["problem"] is None


def test_the_rows_as_parquet(tmp_path: Path, renderer: FakeRenderer) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    renderer.fails = ["y"]
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x", "y"]))
    rows = table.item_rows(run(tmp_path / "out", dataset, renderer, scorer=FakeScorer()))
    (tmp_path / "rows.parquet").write_bytes(table.to_parquet(rows))
    assert parquet.read_table(tmp_path / "rows.parquet").to_pylist() == rows


def test_means_are_over_results_then_analogies_then_tasks(tmp_path: Path, renderer: FakeRenderer) -> None:
    dataset = read_dataset(published(tmp_path / "data", {"deblur": 3, "denoise": 1}))
    evaluated = run(tmp_path / "out", dataset, renderer, scorer=FakeScorer())
    items, tasks = table.item_rows(evaluated), table.task_rows(evaluated)
    means = {name: [row["brightness"] for row in items if row["task"] == name] for name in ("deblur", "denoise")}
    by_task = {name: sum(values) / len(values) for name, values in means.items()}
    assert [row["brightness"] for row in tasks] == pytest.approx([*by_task.values(), sum(by_task.values()) / 2])
    assert tasks[-1]["task"] == "mean of tasks"


def test_results_do_not_pile_up_in_memory(tmp_path: Path, renderer: FakeRenderer) -> None:
    """Beside the analogy that is sampled there is one that is written, and no other."""
    grids: list[weakref.ref[Image.Image]] = []
    alive: list[int] = []

    def executor(jobs: Iterable[Job]) -> Iterator[Outcome]:
        for job in jobs:
            outcome = attempt(renderer, job)
            grids.extend(map(weakref.ref, outcome.grids))
            gc.collect()
            alive.append(sum(grid() is not None for grid in grids))
            yield outcome

    dataset = read_dataset(plain(tmp_path / "data", "task", [f"{n:02}" for n in range(12)]))
    gc.freeze()  # Else each collection walks through all that torch has brought along.
    with Store(tmp_path / "out") as store:
        evaluate(store, config(), dataset, executor, BACKEND)
    gc.unfreeze()
    assert len(grids) == 24
    assert max(alive) <= 2 * 3


def test_a_result_is_written_while_the_next_is_sampled(
    tmp_path: Path, renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, render, keep = ["v", "w", "x", "y"], renderer.render, Store.keep
    started: list[str] = []
    written: list[str] = []

    def started_render(job: Job) -> list[Image.Image]:
        started.append(job.name)
        return render(job)

    def keep_once_the_next_is_sampled(*arguments: Any) -> None:
        written.append(names[len(written)])
        deadline = time.monotonic() + 60
        while started != names[: len(written) + 1]:
            assert time.monotonic() < deadline, f"{started} are sampled, and {written} wait for the next"
            time.sleep(0.01)
        keep(*arguments)

    monkeypatch.setattr(renderer, "render", started_render)
    monkeypatch.setattr(Store, "keep", keep_once_the_next_is_sampled)
    run(tmp_path / "out", read_dataset(plain(tmp_path / "data", "task", names)), renderer)
    assert written == names


@pytest.mark.slow
def test_memory_stays_flat_over_500_analogies(tmp_path: Path, renderer: FakeRenderer) -> None:
    image = compose(AnalogyGrid(64, 64), *(picture(n) for n in range(3)))
    image.save(tmp_path / "g.png")
    rows = [{"name": f"{n:04}", "grid": "g.png", "prompt": f"prompt {n}"} for n in range(500)]
    (tmp_path / "many.jsonl").write_text(as_jsonl(rows))
    process, sizes = psutil.Process(), []

    class Sizes(ProgressCallback):
        def advanced(self) -> None:
            sizes.append(process.memory_info().rss)

    run(tmp_path / "out", read_dataset(tmp_path / "many.jsonl"), renderer, progress=Sizes())
    assert len(sizes) == 500
    # The grids of one analogy are 0.15 MB in memory, so keeping them would cost more than 60 MB here.
    assert max(sizes[50:]) - sizes[50] < 15e6
