"""`python -m analogist evaluate` with a tiny random model: killed again and again, its cost, and what it shows."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from typer.testing import CliRunner, Result

from analogist.cli.app import app
from analogist.evaluation.backends.diffusers import DiffusersRenderer
from analogist.evaluation.dataset import read_dataset
from analogist.evaluation.jobs import Job, serial
from analogist.evaluation.runner import evaluate
from analogist.evaluation.settings import Config, InProcess, RenderSettings
from analogist.evaluation.store import UNFINISHED, Store
from analogist.scores.networks import ClipPreprocessor
from support.evaluation import SMALL, plain, published
from support.random_pipeline import random_pipeline

TABLES = ("analogies.csv", "tasks.csv", "results.json")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    random_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"defaults": SMALL, "tasks": {"deblur": {"strength": 0.7}}}))
    return path


def call(*arguments: object) -> Result:
    quiet = {"ANALOGIST_MODEL": "", "ANALOGIST_CLIP": ""}
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env=quiet)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "analogist", "evaluate", *map(str, arguments), "--device", "cpu"]


def content(folder: Path, ending: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob(f"*{ending}")}


def kill_while_it_renders(
    process: subprocess.Popen, folder: Path, chance: random.Random, startup: float, each: float
) -> None:
    """SIGKILL at a random moment, before the first analogy or after some; at most three more are finished by then.

    `startup` and `each` are the seconds before the first analogy and those of one, so that it fits any machine.
    """

    records = folder / "records"
    before, wanted = len(content(records, ".json")), chance.choice([0, 1, 1, 2])

    def more() -> int:
        return len(content(records, ".json")) - before

    while process.poll() is None and more() < wanted:
        time.sleep(0.005)
    moment = time.monotonic() + chance.uniform(0, each if wanted else startup)
    while time.monotonic() < moment and more() < 3:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("kills", "grids"), [(2, 5), (10, 17)])
def test_kills_change_nothing(tmp_path: Path, model: Path, settings: Path, kills: int, grids: int) -> None:
    published(tmp_path / "data", {"deblur": grids, "denoise": grids})
    whole_number = 2 * grids - 1
    (tmp_path / "data" / "some_tasks_processed" / "deblur_masked" / "004.png").write_bytes(b"broken")
    arguments = [tmp_path / "data", "--config", settings, "--model", model, "-o"]
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    start = time.monotonic()
    assert subprocess.run(command(*arguments, undisturbed), capture_output=True).returncode == 1  # One is broken.
    whole = time.monotonic() - start
    rendering = sum(json.loads(record)["seconds"] for record in content(undisturbed / "records", ".json").values())

    chance = random.Random(7)
    seen: dict[str, tuple[bytes, float]] = {}
    for number in range(kills):
        process = subprocess.Popen(
            command(*arguments, killed), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        kill_while_it_renders(process, killed, chance, startup=whole - rendering, each=rendering / whole_number)
        assert process.returncode == -signal.SIGKILL, f"run {number} was not killed: {process.stderr.read()}"
        for path in (killed / "records").rglob("*.json"):
            now = (path.read_bytes(), path.stat().st_mtime)
            assert seen.setdefault(str(path), now) == now, "a finished analogy was rendered again"
    assert 0 < len(seen) < whole_number, "the kills were not in the middle of the run"
    last = subprocess.run(command(*arguments, killed), capture_output=True)
    assert last.returncode == 1

    for name in TABLES:
        assert (killed / name).read_bytes() == (undisturbed / name).read_bytes()
    assert (killed / "analogies.csv").read_text().count(",rendered,") == whole_number
    pictures = content(undisturbed, ".png")
    assert len(pictures) == whole_number * 3
    assert content(killed, ".png") == pictures
    assert (killed / "report.html").read_bytes() == (undisturbed / "report.html").read_bytes()
    assert not list(killed.rglob(f"*{UNFINISHED}"))


class Timed:
    """A renderer that knows how long it rendered."""

    def __init__(self, renderer: DiffusersRenderer) -> None:
        self.renderer, self.seconds = renderer, 0.0

    def render(self, job: Job) -> list[Image.Image]:
        start = time.perf_counter()
        rendered = self.renderer.render(job)
        self.seconds += time.perf_counter() - start
        return rendered


@pytest.mark.slow
def test_the_runner_costs_less_than_a_twentieth(tmp_path: Path, model: Path) -> None:
    """At the published resolution, with few steps and images so that the test ends; with all 50 it is less still."""
    dataset = read_dataset(plain(tmp_path / "data", "task", ["x"]))
    renderer = Timed(DiffusersRenderer(InProcess(model=str(model), device="cpu")))
    assert renderer.renderer.model.device.type == "cpu"  # Loaded before the clock runs.
    settings = Config(defaults=RenderSettings(steps=6, num_images_per_prompt=2))
    start = time.perf_counter()
    with Store(tmp_path / "out") as store:
        evaluated = evaluate(store, settings, dataset, serial(renderer), {"kind": "test"})
    whole = time.perf_counter() - start
    assert len(evaluated.finished) == 1
    assert whole / renderer.seconds < 1.05, f"{whole:.1f} s in all, {renderer.seconds:.1f} s of them rendering"


def test_what_a_run_leaves(tmp_path: Path, model: Path, settings: Path) -> None:
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed: pip install analogist[metrics]")
    plain(tmp_path / "data", "deblur", ["x", "y"], truth=True)
    result = call(tmp_path / "data", "--config", settings, "--model", model, "-o", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "Everything is in" in result.output
    plots = {path.name for path in (tmp_path / "out" / "plots").iterdir()}
    assert plots == {"psnr.png", "squared_error.png", "ssim.png"}
    (task,) = json.loads((tmp_path / "out" / "results.json").read_text())["tasks"]
    assert task["rmse"] == pytest.approx(task["squared_error"] ** 0.5)
    assert (task["strength"], task["rendered"]) == (0.7, 2)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vision half of a tiny random CLIP."""
    folder = tmp_path_factory.mktemp("clip")
    sizes = {"image_size": 32, "patch_size": 8, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    torch.manual_seed(0)
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes, num_attention_heads=4, projection_dim=16))
    for parameter in model.parameters():  # Random everywhere: freshly made, its features hardly depend on the image.
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    ClipPreprocessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_scores_are_those_of_the_score_command(tmp_path: Path, model: Path, settings: Path, clip: Path) -> None:
    published(tmp_path / "data", {"deblur": 2})
    arguments = ["--config", settings, "--model", model, "-o", tmp_path / "out", "--device", "cpu", "--clip", clip]
    assert call(tmp_path / "data", *arguments).exit_code == 0
    table = tmp_path / "scores.json"
    strips = tmp_path / "out" / "strips"
    scoring = ["score", strips, "--clip", clip, "--num-images-per-prompt", 2, "-o", table, "--device", "cpu"]
    result = CliRunner().invoke(app, [str(argument) for argument in scoring])
    assert result.exit_code == 0, result.output
    for row in json.loads(table.read_text()):
        record = json.loads((tmp_path / "out" / "records" / "deblur" / row["file"].replace("png", "json")).read_text())
        for name in ("direction_similarity_published", "direction_similarity", "structure_distance"):
            assert record["scores"][name][row["result"] - 1] == pytest.approx(row[name], abs=1e-6), name


def test_grids_that_are_not_square_are_scored_too(tmp_path: Path, model: Path, settings: Path, clip: Path) -> None:
    plain(tmp_path / "data", "deblur", ["x"])
    settings.write_text(yaml.safe_dump({"defaults": {**SMALL, "cell_width": 128, "gutter": 4}}))
    arguments = ["--config", settings, "--model", model, "-o", tmp_path / "out", "--device", "cpu", "--clip", clip]
    assert call(tmp_path / "data", *arguments).exit_code == 0
    scores = json.loads((tmp_path / "out" / "records" / "deblur" / "x.json").read_text())["scores"]
    assert sorted(scores) == ["direction_similarity", "structure_distance"]
    assert all(-1 <= score <= 1 for score in scores["direction_similarity"])


def test_the_report_needs_nothing_else_and_holds_every_picture(tmp_path: Path, model: Path, settings: Path) -> None:
    plain(tmp_path / "data", "deblur", ["x", "y"])
    (tmp_path / "data" / "deblur" / "x" / "prompt.txt").write_text("<script>alert(1)</script>")
    (tmp_path / "data" / "deblur" / "y" / "prompt.txt").write_text("")
    result = call(tmp_path / "data", "--config", settings, "--model", model, "-o", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 1
    assert "deblur / y: its prompt is empty." in result.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert set(re.findall(r'(?:src|href)="([^:]+):', page)) == {"data"}
    assert page.count("<img") == 3 + SMALL["num_images_per_prompt"]
    assert "its prompt is empty." in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", ""], "No model given"),
        (["--task", "none", "--model", "x"], "The data set has no task 'none'; its tasks are deblur"),
        (["--config", "none.yaml", "--model", "x"], "There is no configuration 'none.yaml'"),
        (["--clip", "nowhere", "--model", "x"], "There is no CLIP model 'nowhere'"),
    ],
)
def test_wrong_options_are_one_sentence(tmp_path: Path, options: Sequence[str], message: str) -> None:
    plain(tmp_path / "data", "deblur", ["x"])
    result = call(tmp_path / "data", "-o", tmp_path / "out", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_the_command_line_goes_before_the_configuration(tmp_path: Path, settings: Path) -> None:
    from analogist.cli.evaluate import _with_options
    from analogist.evaluation.settings import read_config

    config = _with_options(read_config(settings), seed=5, model="m", device="cpu", dtype=None, allow_download=False)
    assert config.seed == 5
    assert config.backend == InProcess(model="m", device="cpu")


def test_a_task_that_the_data_set_lacks_is_told(tmp_path: Path, model: Path, settings: Path) -> None:
    plain(tmp_path / "data", "mine", ["x"])
    result = call(tmp_path / "data", "--config", settings, "--model", model, "-o", tmp_path / "out", "--device", "cpu")
    assert "The configuration contains the task 'deblur', which is not in the data set." in result.output
    assert os.listdir(tmp_path / "out" / "strips") == ["mine"]  # noqa: PTH208
