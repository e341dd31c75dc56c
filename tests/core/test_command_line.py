"""`python -m analogist`: the published flags, the published files, and one red sentence where something is wrong."""

import contextlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from analogist.cli.app import app
from analogist.grid import (
    AnalogyGrid,
    Layout,
    canvas,
    compose,
)
from analogist.layers import Layers, Numbering
from analogist.marks import mark
from analogist.pipelines.edits import Edit
from analogist.pipelines.inpainting import Settings
from analogist.scores.strips import join, png_text, read_strip
from support.random_pipeline import random_pipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    random_pipeline().save_pretrained(folder)
    return str(folder)


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Files of A, A' and B, in three sizes."""
    generator, paths = np.random.default_rng(0), []
    for name, size in (("a", (60, 50)), ("a_prime", (80, 80)), ("b", (96, 64))):
        pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{name}.png"))
        Image.fromarray(pixels).save(paths[-1])
    return paths


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"ANALOGIST_MODEL": ""})


def sentence(result: Result) -> str:
    """The error as it stands on the terminal: one line and no traceback."""
    assert result.exit_code == 1, result.output
    assert result.output.count("\n") == 1, result.output
    return result.output.strip()


QUICK = ["--res", 128, "--steps", 2, "--strength", 0.5, "--negative-prompt", "", "--device", "cpu"]


def test_grid_writes_the_grid_and_the_marked_one(tmp_path: Path, pictures: list[str]) -> None:
    path = tmp_path / "new folder" / "grid.png"
    result = call("grid", *pictures, "-o", path, "--cell_width", 128, "--cell-height", 64, "--gutter", 4)
    assert result.exit_code == 0, result.output
    geometry = AnalogyGrid(128, 64, gutter=4)
    expected = compose(geometry, *(Image.open(picture) for picture in pictures))
    assert Image.open(path).tobytes() == expected.tobytes()
    assert Image.open(path.with_stem("grid_marked")).tobytes() == mark(geometry, expected).tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--res", 500], "--res must be a multiple of 128 (256, 384, 512, ...), got 500"),
        (["--cell-width", 100], "cell_width must be a multiple of 64 pixels (64, 128, 192, ...), got 100"),
        (["--gutter", 3], "gutter must be even"),
        (["-o", "grid.unknown"], "unknown file extension: .unknown"),
    ],
)
def test_grid_refuses_in_one_sentence(pictures: list[str], options: list, message: str) -> None:
    assert message in sentence(call("grid", *pictures, *options))


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path, pictures: list[str]) -> None:
    text = tmp_path / "text [1].png"
    text.write_text("no picture", encoding="utf-8")
    assert f"There is no image file '{tmp_path}/none.png'" in sentence(
        call("grid", f"{tmp_path}/none.png", *pictures[1:])
    )
    assert f"The file '{text}' cannot be read as an image" in sentence(call("grid", text, *pictures[1:]))


def test_run_writes_the_published_files(tmp_path: Path, pictures: list[str], model: str) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\nA cat, black.\na dog\n\n", encoding="utf-8")
    results = tmp_path / "results"
    arguments = ["run", *pictures, "--model", model, *QUICK, "--prompt_file", prompts, "--output_dir", results]
    for _ in range(2):
        result = call(*arguments, "--num_images_per_prompt", 2)
        assert result.exit_code == 0, result.output
    names = [f"{prompt}_best_quality_extremely_detailed" for prompt in ("A_cat_black", "a_dog")]
    written = sorted(str(path.relative_to(results)) for path in results.rglob("*.png"))
    assert written == [f"sample_{n}/{name}{end}.png" for n in (0, 1) for name in names for end in ("", "_1", "_2")]

    geometry = AnalogyGrid(64, 64)
    grid = compose(geometry, *(Image.open(picture) for picture in pictures))
    joined = Image.open(results / "sample_0" / f"{names[0]}.png")
    assert joined.size == (4 * 128, 128)
    assert joined.crop((0, 0, 128, 128)).tobytes() == grid.tobytes()
    assert joined.crop((128, 0, 256, 128)).tobytes() == canvas(geometry, grid).tobytes()
    assert Image.open(results / "sample_0" / f"{names[0]}_1.png").size == (96, 64)  # The size of B.
    for name in names:  # The same seed, the same images.
        assert (results / f"sample_0/{name}.png").read_bytes() == (results / f"sample_1/{name}.png").read_bytes()


def test_run_takes_a_grid_that_is_ready(tmp_path: Path, model: str) -> None:
    path = tmp_path / "grid.png"
    Image.effect_noise((100, 100), 50).save(path)
    for source in ([path], ["--input_grid", path]):
        result = call(
            "run", *source, "--model", model, *QUICK, "--prompt", "x", "--suffix", "", "--output-dir", tmp_path
        )
        assert result.exit_code == 0, result.output
    resized = Image.open(path).convert("RGB").resize((128, 128))
    for folder in ("sample_0", "sample_1"):
        joined = Image.open(tmp_path / folder / "x.png")
        assert joined.size == ((2 + 8) * 128, 128)
        assert joined.crop((0, 0, 128, 128)).tobytes() == resized.tobytes()
        assert Image.open(tmp_path / folder / "x_8.png").size == (64, 64)


def test_published_flags_are_accepted_as_published(pictures: list[str]) -> None:
    flags = {
        "--seed": 1, "--res": 128, "--num_images_per_prompt": 1, "--strength": 0.5, "--guidance_scale": 3,
        "--sac_start_layer": 4, "--sac_end_layer": 9, "--cam_start_layer": 4, "--cam_end_layer": 9, "--scale_sac": 1.2,
        "--prompt_file": "none.txt", "--output_dir": "results", "--input_grid": pictures[0], "--model": "none",
    }  # fmt: skip
    result = call("run", *(text for flag in flags.items() for text in flag))
    assert sentence(result) == "There is no prompt file 'none.txt'."


def test_defaults_are_those_of_the_library() -> None:
    command = typer.main.get_command(app).commands["run"]
    defaults = {parameter.name: parameter.default for parameter in command.params}
    ours, edit = Settings(), Settings().edit
    assert defaults["steps"] == ours.steps
    assert defaults["strength"] == ours.strength
    assert defaults["guidance_scale"] == ours.guidance
    assert defaults["num_images_per_prompt"] == ours.images_per_prompt
    assert (defaults["sac_start_layer"], defaults["sac_end_layer"]) == (edit.sac.start, edit.sac.end)
    assert (defaults["cam_start_layer"], defaults["cam_end_layer"]) == (edit.cam.start, edit.cam.end)
    assert defaults["scale_sac"] == edit.scale
    assert (defaults["seed"], defaults["res"]) == (42, 512)


@pytest.mark.parametrize(
    ("flags", "numbers", "numbering"),
    [
        (["--layers", "4-8"], range(4, 9), Numbering.SD15),
        (["--layers", "3, 5, 7-9"], (3, 5, 7, 8, 9), Numbering.SD15),
        (["--layers", "4-8", "--numbering", "own"], range(4, 9), Numbering.OWN),
        (["--numbering", "own"], range(3, 11), Numbering.OWN),
    ],
)
def test_layers_in_words(
    pictures: list[str],
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    flags: list,
    numbers: Iterable[int],
    numbering: Any,
) -> None:
    """In place of the four numbers, for SAC and CAM alike, down to the layers that are edited."""
    edits: list[Edit] = []

    def edited(unet: object, edit: Edit, *_: object) -> contextlib.AbstractContextManager[None]:
        edits.append(edit)
        return contextlib.nullcontext()

    monkeypatch.setattr("analogist.pipelines.inpainting.edited", edited)
    monkeypatch.chdir(Path(pictures[0]).parent)
    assert call("run", *pictures, "--model", model, *QUICK, "--prompt", "x", *flags).exit_code == 0
    assert {edit.sac for edit in edits} == {edit.cam for edit in edits} == {Layers(frozenset(numbers), numbering)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", 0], "steps must be 1 to 999, got 0"),
        (["--layers", "9-4"], "expected layers such as 4-53 or 7-10, 18, 25, got '9-4'"),
        (["--layers", "4-16"], "layers numbered as in SD 1.5 must be 0 to 15, got 16"),
        (["--layers", "4-16", "--numbering", "own"], "layers numbered this model's own must be 0 to 15, got 16"),
        (
            ["--layers", "4-8", "--cam-end-layer", 9],
            "expected layers or the start and end layers of SAC and CAM, got both",
        ),
        (["--strength", 2], "strength must be in (0, 1], got 2.0"),
        (
            ["--sac-start-layer", 12],
            "expected 0 <= start_layer <= end_layer (not included), got start_layer 12 and end_layer 11",
        ),
        (["--cam-end-layer", 20], "from 0 to 16, the number of layers of this model, got 3 and 20"),
        (["--scale-sac", "nan"], "scale must be a finite number, got nan"),
        (["--res", 100], "--res must be a multiple of 128 (256, 384, 512, ...), got 100"),
        (["--device", "gpu"], "got 'gpu'"),
        (["--model", "nowhere"], "There is no model 'nowhere'"),
    ],
)
def test_run_refuses_in_one_sentence(
    tmp_path: Path, pictures: list[str], model: str, options: list, message: str
) -> None:
    arguments = ["run", *pictures, "--model", model, *QUICK, "--prompt", "x", "--output-dir", tmp_path / "results"]
    assert message in sentence(call(*arguments, *options))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b"\xff\xfe\xfa", "is not text in UTF-8")])
def test_a_prompt_file_without_prompts_is_refused(
    tmp_path: Path, pictures: list[str], content: bytes, message: str
) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes(content)
    assert message in sentence(call("run", *pictures, "--model", "x", "--prompt-file", path))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "b", "--prompt", "x", "--model", "m"], "got 2 images"),
        (["--prompt", "x", "--model", "m"], "got 0 images"),
        (["a", "--model", "m"], "either --prompt or --prompt-file"),
        (["a", "--model", "m", "--prompt", "x", "--prompt-file", "f"], "either --prompt or --prompt-file"),
        (["a", "--prompt", "x"], "say which model"),
        (["a", "--layout", "diagonal"], "diagonal"),
        (["a", "--strenght", "1"], "--strenght"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], message: str) -> None:
    result = call("run", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_strips_stand_side_by_side_and_carry_their_geometry(tmp_path: Path) -> None:
    grid = AnalogyGrid(64, 128, Layout.COLUMNS, gutter=4)
    image, result = (Image.new("RGB", grid.size, colour) for colour in ("red", "blue"))
    join(grid, image, [result]).save(tmp_path / "strip.png", pnginfo=png_text(grid))
    read = read_strip(tmp_path / "strip.png")
    assert read.grid == grid
    assert [tile.tobytes() for tile in (read.image, *read.results)] == [image.tobytes(), result.tobytes()]


def test_no_result_is_lost_to_its_name(tmp_path: Path, pictures: list[str], model: str) -> None:
    """The same prompt twice, one that is named as an image of another, a long one and a device of Windows."""
    prompts = ["x", "x", "x_1", "\u753b" * 95, "nul"]
    options = [*QUICK, *(text for prompt in prompts for text in ("--prompt", prompt)), "--suffix", ""]
    result = call(
        "run", *pictures, "--model", model, *options, "--num-images-per-prompt", 1, "--output-dir", tmp_path / "results"
    )
    assert result.exit_code == 0, result.output
    stems = ["x", "x_2", "x_1_2", "\u753b" * 50, "nul_"]
    written = {path.name for path in (tmp_path / "results" / "sample_0").iterdir()}
    assert written == {f"{stem}{end}.png" for stem in stems for end in ("", "_1")}


def test_a_prompt_file_may_begin_with_a_mark(tmp_path: Path, pictures: list[str], model: str) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("a cat\r\n", encoding="utf-8-sig")
    options = [*QUICK, "--prompt-file", path, "--suffix", "", "--num-images-per-prompt", 1, "--output-dir", tmp_path]
    assert call("run", *pictures, "--model", model, *options).exit_code == 0
    assert (tmp_path / "sample_0" / "a_cat.png").exists()


@pytest.mark.parametrize("seed", [-1, 2**64])
@pytest.mark.parametrize("command", [["run", "a"], ["demo"], ["evaluate", "x"], ["prompt-diffusion", "run", "a"]])
def test_a_seed_out_of_range_is_wrong_usage(command: list[str], seed: int) -> None:
    result = call(*command, "--model", "m", "--seed", seed)
    assert result.exit_code == 2
    assert "--seed" in result.output
    assert "Overflow" not in result.output


def test_the_first_line_is_our_own(tmp_path: Path, pictures: list[str], model: str) -> None:
    """Libraries log while they are imported, so this needs a process in which they are not yet."""
    options = [*QUICK, "--prompt", "x", "--num-images-per-prompt", 1, "--output-dir", tmp_path]
    command = [sys.executable, "-m", "analogist", "run", *pictures, "--model", model, *options]
    process = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    assert process.stdout.startswith("The images are in")
    assert not [line for line in process.stderr.splitlines() if not line.startswith("Sampling")]


def test_the_strip_of_a_run_carries_its_geometry(tmp_path: Path, pictures: list[str], model: str) -> None:
    cells = ["--cell-width", 128, "--cell-height", 64, "--gutter", 8, "--layout", "columns"]
    options = [*QUICK, *cells, "--prompt", "x", "--suffix", "", "--num-images-per-prompt", 2, "--output-dir", tmp_path]
    assert call("run", *pictures, "--model", model, *options).exit_code == 0
    strip = read_strip(tmp_path / "sample_0" / "x.png")
    assert strip.grid == AnalogyGrid(128, 64, Layout.COLUMNS, gutter=8)
    assert len(strip.results) == 2
    assert "analogist_grid" not in Image.open(tmp_path / "sample_0" / "x_1.png").info


@pytest.mark.parametrize("of_the_user", [False, True], ids=["drawings", "photographs"])
def test_demo_writes_its_pictures_and_says_where(tmp_path: Path, model: str, of_the_user: bool) -> None:
    options = ["--model", model, "--device", "cpu"] if of_the_user else []
    result = call("demo", "--steps", 2, *options, "--output-dir", tmp_path)
    assert result.exit_code == 0, result.output
    assert f"Look at {tmp_path / 'contact_sheet.png'}" in result.output.replace("\n", "")
    pictures = ("a", "a_prime", "b", "b_prime", "grid", "grid_marked", "contact_sheet")
    assert {path.name for path in tmp_path.iterdir()} == {*(f"{name}.png" for name in pictures), "prompt.txt"}
    assert ("Cat in color" in (tmp_path / "prompt.txt").read_text()) == of_the_user


def test_the_largest_seed_is_no_seed_too_many(tmp_path: Path) -> None:
    """Each of the six drawings has a seed of its own, counted on from the one that was given."""
    result = call("demo", "--steps", 2, "--seed", 2**64 - 1, "--output-dir", tmp_path)
    assert result.exit_code == 0, result.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, analogist.cli.app; assert not {'torch', 'diffusers', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_interrupt_leaves_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("analogist.demo.analogies.drawings", interrupted)
    result = call("demo", "--output-dir", tmp_path)
    assert result.exit_code == 130
    assert "Traceback" not in result.output


def test_more_pairs_go_into_the_grid(tmp_path: Path, pictures: list[str]) -> None:
    path = tmp_path / "grid.png"
    a, a_prime, b = pictures
    result = call("grid", *pictures, "--pair", a_prime, b, "--pair", b, a, "--res", 256, "-o", path)
    assert result.exit_code == 0, result.output
    geometry = AnalogyGrid(128, 128, pairs=3)
    one, two, three = (Image.open(picture) for picture in pictures)
    assert Image.open(path).tobytes() == compose(geometry, one, two, three, [(two, three), (three, one)]).tobytes()
    result = call("grid", *pictures, "--megapixels", 0.26, "-o", path)
    assert result.exit_code == 0, result.output
    assert Image.open(path).size == (640, 384)  # B is 96x64.


def test_run_with_several_pairs_writes_a_strip_that_can_be_read(
    tmp_path: Path, pictures: list[str], model: str
) -> None:
    a, _, b = pictures
    arguments = ["run", *pictures, "--pair", b, a, "--model", model, *QUICK, "--prompt", "x", "--suffix", ""]
    result = call(*arguments, "--output-dir", tmp_path, "--num-images-per-prompt", 2)
    assert result.exit_code == 0, result.output
    strip = read_strip(tmp_path / "sample_0" / "x.png")
    assert strip.grid == AnalogyGrid(64, 64, pairs=2)
    assert strip.image.size == (128, 192)
    assert len(strip.results) == 2
    assert Image.open(tmp_path / "sample_0" / "x_2.png").size == (96, 64)
    result = call("run", pictures[0], "--pair", b, a, "--model", model, "--prompt", "x")
    assert "takes no more pairs" in result.output


def test_a_pair_is_two_files(pictures: list[str]) -> None:
    result = call("grid", *pictures, "--pair", "a.png")
    assert result.exit_code == 2
    assert "'--pair' requires an argument" in " ".join(result.output.split())


def test_many_b_each_in_a_folder_of_its_name_go_on_where_they_stopped(
    tmp_path: Path, pictures: list[str], model: str
) -> None:
    a, a_prime, _ = pictures
    queries = [tmp_path / f"query {n}.png" for n in range(3)]
    for number, query in enumerate(queries):
        Image.effect_noise((40 + number, 30), 50).save(query)
    queries[1].write_text("no image")
    results = tmp_path / "results"
    arguments = ["run", a, a_prime, *queries, "--model", model, *QUICK, "--prompt", "x", "--suffix", ""]
    arguments += ["--num-images-per-prompt", 1, "--output-dir", results]
    stopped = call(*arguments)
    assert stopped.exit_code == 1
    assert f"The file '{queries[1]}' cannot be read as an image" in stopped.output.replace("\n", "")
    assert sorted(path.name for path in results.iterdir()) == ["query_0"]
    first = results / "query_0" / "x_1.png"
    assert Image.open(first).size == (40, 30)
    written = first.stat().st_mtime_ns
    Image.effect_noise((41, 30), 50).save(queries[1])
    assert call(*arguments).exit_code == 0
    assert sorted(path.name for path in results.iterdir()) == ["query_0", "query_1", "query_2"]
    assert Image.open(results / "query_2" / "x_1.png").size == (42, 30)
    assert first.stat().st_mtime_ns == written
    again = call(*arguments)
    assert (again.exit_code, "Every B has its images" in again.output) == (0, True)
