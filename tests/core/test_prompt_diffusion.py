"""Prompt Diffusion without ComfyUI: names and files of the weights, its words, its images, and diffusers."""

import json
import pickle
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image, ImageChops, ImageStat
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner, Result

from analogist.cli.app import app
from analogist.files.weights import read_weights
from analogist.grid import Fit
from analogist.pipelines.prompt_diffusion import control_net, hint, sample, size_for, with_control
from analogist.prompt_diffusion.convert import convert
from analogist.prompt_diffusion.inputs import Inputs, prepared
from analogist.prompt_diffusion.names import Architecture, architecture, control_names, modules, renamed
from analogist.prompt_diffusion.settings import Settings
from analogist.prompt_diffusion.tasks import NEGATIVE_PROMPT, Task, texts
from support import golden_prompt_diffusion as golden
from support.bomb import Bomb
from support.golden import PROJECT
from support.golden_prompt_diffusion import FORMS, OWN, GoldenPromptDiffusion
from support.random_pipeline import TEXT_WIDTH, random_pipeline


def shapes(weights: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


@pytest.mark.parametrize("data", [pytest.param(data, id=label) for label, data in golden.FOLDERS.items()])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_recognised_and_renamed(data: GoldenPromptDiffusion, form: str) -> None:
    golden.need(data)
    names = control_names(shapes(data.in_form(form)), "The file")
    assert sorted(names.values()) == sorted(data.keymap("bare").values())
    stored = data.keymap(form) if form in ("bare", "diffusers") else {name: name for name in data.weights}
    assert names == {stored[name]: bare for name, bare in data.keymap("bare").items()}
    assert architecture({bare: tuple(data.in_form(form)[name].shape) for name, bare in names.items()}) == Architecture(
        (32, 64, 128, 128), 64
    )


def test_both_sets_of_names_lead_to_each_other() -> None:
    table = modules()
    assert len(set(table.values())) == len(table)
    back = {theirs: ours for ours, theirs in table.items()}
    bare, diffusers = OWN.keymap("bare"), OWN.keymap("diffusers")
    for name in OWN.weights:
        assert renamed(bare[name], table) == diffusers[name]
        assert renamed(diffusers[name], back) == bare[name]


def called(network: Any, data: GoldenPromptDiffusion, case: str) -> list[Tensor]:
    """The 13 outputs of diffusers' network for a case."""
    entry = data.manifest["cases"][case]
    b = torch.cat([data.picture(query) for query in entry["queries"]])
    pair = [data.picture(entry[name]) for name in ("first", "second")] if entry["pair"] == "pictures" else [None, None]
    pictures = prepared(*pair, b)
    given = (pictures.b, pictures.a, pictures.a_prime)
    conditioning = torch.cat(given, dim=1) if entry["range"] == "0..1" else hint(pictures)
    with torch.no_grad():
        down, middle = network(
            data.given(case, "x"),
            torch.tensor(entry["timestep"]),
            data.given(case, "context"),
            conditioning,
            conditioning_scale=entry["conditioning_scale"],
            return_dict=False,
        )
    return [*down, middle]


@pytest.mark.parametrize(("data", "case"), golden.each())
def test_diffusers_gives_the_reference_numbers(data: GoldenPromptDiffusion, case: str) -> None:
    golden.need(data)
    data.assert_equal(case, called(control_net(data.weights, "The file"), data, case))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_diffusers_the_reference_numbers(form: str) -> None:
    OWN.assert_equal("wide/normal", called(control_net(OWN.in_form(form), "The file"), OWN, "wide/normal"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"time_embed.0.weight": None}, "does not match .* Missing key"),
        ({"something.else": torch.zeros(1)}, "does not match .* Unexpected key"),
        ({"input_blocks.4.0.out_layers.3.weight": None}, "input_blocks.4.0.out_layers.3.weight.* is missing"),
        ({"input_hint_block.0.weight": torch.zeros(16, 3, 3, 3)}, r"0\.weight, got \(16, 3, 3, 3\)"),
        ({"input_cond_block.0.weight": None}, "is a ControlNet, but not one of Prompt Diffusion"),
    ],
)
def test_other_weights_are_refused(change: dict[str, Tensor | None], says: str) -> None:
    weights = {name: tensor for name, tensor in (OWN.in_form("bare") | change).items() if tensor is not None}
    with pytest.raises(ValueError, match=says) as refusal:
        control_net(weights, "The file 'x'")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("task", "words"), [(Task.DEPTH, "depth map"), (Task.HED, "hed map"), (Task.SEGMENTATION, "segmentation map")]
)
def test_a_task_that_makes_a_map_has_its_own_words(task: Task, words: str) -> None:
    made = texts(task, "a cat")
    assert made.positive == f"{words}, best quality, extremely detailed"
    assert made.negative == NEGATIVE_PROMPT


def test_a_task_that_makes_a_picture_needs_a_description() -> None:
    assert texts(Task.PICTURE, "a cat", suffix="", negative="").positive == "a cat"
    with pytest.raises(ValueError, match="needs a description of the image"):
        texts(Task.PICTURE, "  ")


def ramp(width: int, height: int) -> Tensor:
    return torch.linspace(0, 1, width).expand(1, height, width)[..., None].expand(-1, -1, -1, 3)


def test_the_pair_gets_to_the_size_of_b() -> None:
    b = torch.zeros(1, 32, 64, 3)
    wide = ramp(100, 10)
    stretched, cropped, padded = (prepared(wide, wide, b, fit).a for fit in Fit)
    assert stretched.shape == cropped.shape == padded.shape == (1, 3, 32, 64)
    assert stretched[0, 0, 0, 0] < 0.02
    assert stretched[0, 0, 0, -1] > 0.98
    assert cropped[0, 0, 0, 0] == pytest.approx(0.4, abs=0.02)
    assert cropped[0, 0, 0, -1] == pytest.approx(0.6, abs=0.02)
    assert padded[0, :, :12].min() == padded[0, :, -12:].min() == 1  # White bars above and below.
    assert padded[0, 0, 16, 0] < 0.02


def test_one_pair_goes_with_many_queries_and_many_pairs_with_one_query() -> None:
    one, three = torch.rand(1, 8, 8, 3), torch.rand(3, 8, 8, 3)
    for batches in ((one, one, three), (three, three, one), (one, three, three)):
        assert [len(batch) for batch in prepared(*batches)] == [3, 3, 3]
    with pytest.raises(ValueError, match="a has 2, a_prime has 2, b has 3"):
        prepared(three[:2], three[:2], three)


def test_without_an_example_the_pair_is_zero_in_the_range_of_the_network() -> None:
    pictures = prepared(None, None, torch.rand(2, 8, 16, 3))
    assert torch.equal(hint(pictures)[:, 3:], torch.zeros(2, 6, 8, 16))
    assert torch.equal(hint(pictures)[:, :3], pictures.b * 2 - 1)


def test_the_order_of_the_hint() -> None:
    a, a_prime, b = (torch.full((1, 3, 4, 4), value) for value in (0.0, 0.5, 1.0))
    assert hint(Inputs(a, a_prime, b))[0, :, 0, 0].tolist() == [1, 1, 1, -1, -1, -1, 0, 0, 0]


@pytest.mark.parametrize("control_only", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_the_converter_keeps_every_number_that_half_precision_has(
    tmp_path: Path, form: str, control_only: bool
) -> None:
    source, target = tmp_path / "in.ckpt", tmp_path / "new" / "out.safetensors"
    content = OWN.in_form(form)
    ids = {"cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}
    torch.save({"state_dict": content | (ids if form == "whole" else {}), "global_step": 4999}, source)
    seen: list[tuple[int, int]] = []
    size = convert(source, target, control_only, lambda *progress: seen.append(progress))
    assert size == target.stat().st_size < 0.6 * source.stat().st_size
    assert [path.name for path in target.parent.iterdir()] == ["out.safetensors"]
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    written = load_file(target)
    names = control_names(shapes(written), "The file")
    wanted = OWN.in_form("bare")
    assert all(torch.equal(written[stored].float(), wanted[bare]) for stored, bare in names.items())
    assert len(names) == 356
    expected = set(wanted) if control_only else {name for name in content if name != "betas"}
    if form == "whole" and not control_only:
        assert written[next(iter(ids))].tolist() == [list(range(77))]
        expected |= set(ids)
    assert set(written) == expected


def test_the_converted_file_is_one_that_the_library_could_have_written(tmp_path: Path) -> None:
    """Read strictly by safetensors itself: no gaps, nothing behind the end, the header in eights."""
    weights = {"input_cond_block.x": torch.ones(3)} | OWN.in_form("bare")
    save_file(weights, tmp_path / "in.safetensors")
    convert(tmp_path / "in.safetensors", tmp_path / "out.safetensors")
    with safe_open(tmp_path / "out.safetensors", framework="pt") as file:
        assert set(file.keys()) == set(weights)
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118
    head = (tmp_path / "out.safetensors").read_bytes()
    length = int.from_bytes(head[:8], "little")
    assert length % 8 == 0
    assert max(entry["data_offsets"][1] for entry in json.loads(head[8 : 8 + length]).values()) + 8 + length == len(
        head
    )


def test_a_number_too_large_for_half_precision_leaves_no_file(tmp_path: Path) -> None:
    save_file(OWN.in_form("bare") | {"time_embed.0.bias": torch.full((128,), 1e6)}, tmp_path / "in.safetensors")
    with pytest.raises(ValueError, match=r"time_embed.0.bias has values too large for float16"):
        convert(tmp_path / "in.safetensors", tmp_path / "out.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["in.safetensors"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["prompt-diffusion", *(str(argument) for argument in arguments)])


def sentence(result: Result) -> str:
    """The error as it stands on the terminal: one line and no traceback."""
    assert result.exit_code == 1, result.output
    assert result.output.strip().count("\n") == 0, result.output
    return result.output.strip()


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    mark, path = tmp_path / "executed", tmp_path / "bomb.ckpt"
    torch.save({"state_dict": OWN.in_form("bare"), "callbacks": Bomb(mark)}, path)
    with pytest.raises(ValueError, match=r"contains pickled code besides weights and was not loaded"):
        read_weights(path)
    assert "contains pickled code besides weights" in sentence(call("convert", path, tmp_path / "out.safetensors"))
    path.write_bytes(pickle.dumps(Bomb(mark)))
    with pytest.raises(ValueError, match="contains pickled code besides weights"):
        read_weights(path)
    assert not mark.exists()
    pickle.loads(path.read_bytes())
    assert mark.exists()  # It would have been run.


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.ckpt", None, "There is no file"),
        ("page.safetensors", b"<html>404</html>" * 50, "cannot be loaded as weights; it may be damaged"),
        ("page.ckpt", b"<html>404</html>" * 50, "cannot be loaded as weights|contains pickled code besides weights"),
        ("empty.ckpt", b"", "cannot be loaded as weights"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=says):
        read_weights(path)
    assert len(sentence(call("convert", path, tmp_path / "out.safetensors"))) < 400


def test_a_truncated_checkpoint_and_one_without_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    torch.save(OWN.in_form("bare"), path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="cannot be loaded as weights; it may be damaged"):
        read_weights(path)
    torch.save([torch.zeros(1)], path)
    with pytest.raises(ValueError, match="contains no state dict"):
        read_weights(path)


def test_the_convert_command(tmp_path: Path) -> None:
    torch.save({"state_dict": OWN.in_form("whole")}, tmp_path / "in.ckpt")
    result = call("convert", tmp_path / "in.ckpt", tmp_path / "out.safetensors", "--control-only")
    assert result.exit_code == 0, result.output
    assert "The weights are in" in result.output
    assert set(load_file(tmp_path / "out.safetensors")) == set(OWN.in_form("bare"))
    assert "expected a target file that ends in .safetensors" in sentence(
        call("convert", tmp_path / "in.ckpt", tmp_path / "out.ckpt")
    )


def test_defaults_of_the_command_are_those_of_the_library() -> None:
    command = typer.main.get_command(app).commands["prompt-diffusion"].commands["run"]
    defaults = {parameter.name: parameter.default for parameter in command.params}
    ours = Settings()
    assert (defaults["steps"], defaults["guidance_scale"]) == (ours.steps, ours.guidance) == (100, 9.0)
    assert (defaults["strength"], defaults["num_images"]) == (ours.strength, ours.images)
    assert defaults["negative_prompt"] == NEGATIVE_PROMPT


def tiny_pipeline() -> StableDiffusionPipeline:
    """A tiny random text-to-image model whose UNet fits the reference's control network but for the text."""
    parts = random_pipeline().components
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=64,
        in_channels=4,
        out_channels=4,
        block_out_channels=(32, 64, 128, 128),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
    )
    kept = {name: parts[name] for name in ("vae", "text_encoder", "tokenizer", "scheduler")}
    return StableDiffusionPipeline(
        **kept, unet=unet.eval(), safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )


def weights_for(pipeline: StableDiffusionPipeline) -> dict[str, Tensor]:
    """The reference's weights, made to fit."""
    return OWN.for_text_of(pipeline.unet.config.cross_attention_dim)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder with the control network beside it."""
    path = tmp_path_factory.mktemp("model")
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(path)
    save_file(weights_for(pipeline), path / "control.safetensors")
    return path


def photograph(seed: int, size: tuple[int, int] = (64, 64)) -> Image.Image:
    pixels = torch.rand(size[1], size[0], 3, generator=torch.Generator().manual_seed(seed))
    return Image.fromarray((pixels.numpy() * 255).astype("uint8"))


def test_pair_query_strength_and_words_decide_the_picture() -> None:
    base = tiny_pipeline()
    pipeline = with_control(base, control_net(weights_for(base), "The file"))
    pair, query, words = (photograph(0), photograph(1)), photograph(2), texts(Task.DEPTH)
    steps: list[None] = []

    def made(pair: Any = pair, query: Any = query, words: Any = words, **more: Any) -> bytes:
        settings = Settings(**{"steps": 2, "strength": 1.0, **more})
        (picture,) = sample(pipeline, pair, query, words, settings, 0, lambda: steps.append(None))
        assert picture.size == (64, 64)
        return picture.tobytes()

    normal = made()
    assert len(steps) == 2
    assert made() == normal
    others = [
        made(pair=pair[::-1]),
        made(pair=None),
        made(query=photograph(3)),
        made(words=texts(Task.HED)),
        made(strength=0.0),
        made(guidance=1.0),
    ]
    assert len({normal, *others}) == 7
    assert len(sample(pipeline, pair, query, words, Settings(steps=1, images=3), 0)) == 3


def test_a_control_network_for_other_texts_is_refused() -> None:
    with pytest.raises(ValueError, match=f"text embeddings of width {TEXT_WIDTH} and the ControlNet of 64"):
        with_control(tiny_pipeline(), control_net(OWN.weights, "The file"))


@pytest.mark.parametrize(
    ("picture", "size"), [((640, 480), (704, 512)), ((100, 300), (512, 1536)), ((512, 512), (512, 512))]
)
def test_the_size_is_the_published_one(picture: tuple[int, int], size: tuple[int, int]) -> None:
    assert size_for(Image.new("RGB", picture), 512) == size


@pytest.mark.parametrize("number", [3, 1])
def test_the_run_command(tmp_path: Path, folder: Path, number: int) -> None:
    paths = []
    for seed in range(number):
        paths.append(tmp_path / f"{seed}.png")
        photograph(seed, (90, 60)).save(paths[-1])
    options = ["--model", folder, "--control", folder / "control.safetensors", "--device", "cpu", "--res", 64]
    options += ["--steps", 2, "--num-images", 2, "--output_dir", tmp_path / "out"]
    result = call("run", *paths, *options, "--task", "picture to depth map")
    assert result.exit_code == 0, result.output
    made = [Image.open(tmp_path / "out" / f"b_prime_{n}.png") for n in (1, 2)]
    assert made[0].size == (128, 64)
    assert made[0].tobytes() != made[1].tobytes()
    assert "needs a description" in sentence(call("run", *paths, *options))
    assert call("run", *paths, paths[0], *options).exit_code == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--steps", 0], "steps must be 1 to 1000, got 0"),
        (["--strength", "nan"], "strength must be a finite number, got nan"),
        (["--num-images", 0], "images must be at least 1, got 0"),
        (["--control", "nowhere.safetensors"], "There is no file 'nowhere.safetensors'"),
    ],
)
def test_run_refuses_in_one_sentence(tmp_path: Path, folder: Path, options: list, says: str) -> None:
    path = tmp_path / "b.png"
    photograph(0).save(path)
    arguments = ["run", path, "--model", folder, "--control", folder / "control.safetensors", "--prompt", "x"]
    assert says in sentence(call(*arguments, *options))


def test_an_inpainting_model_is_refused(tmp_path: Path, folder: Path) -> None:
    random_pipeline().save_pretrained(tmp_path / "inpainting")
    photograph(0).save(tmp_path / "b.png")
    arguments = ["run", tmp_path / "b.png", "--model", tmp_path / "inpainting", "--prompt", "x"]
    refused = sentence(call(*arguments, "--control", folder / "control.safetensors"))
    assert "expected a text-to-image model with 4 input channels, got 9" in refused


def test_the_pictures_of_the_examples_are_what_their_tool_draws() -> None:
    tool = runpy.run_path(str(PROJECT / "tools" / "pictures" / "render_landscapes.py"))
    for name, pictures in tool["analogies"]().items():
        for file, picture in zip(("a", "a_prime", "b", "b_prime"), pictures, strict=True):
            stored = Image.open(PROJECT / "workflows" / "examples" / name / f"{file}.png")
            assert stored.size == picture.size
            difference = ImageStat.Stat(ImageChops.difference(stored, picture)).mean
            assert max(difference) < 0.5, (name, file)  # Versions of Pillow round differently.


def test_the_colors_of_the_segmentation_stay_pure() -> None:
    """A color in between two parts would be a third part to the model."""
    tool = runpy.run_path(str(PROJECT / "tools" / "pictures" / "render_landscapes.py"))
    for file in ("a", "b"):
        picture = Image.open(PROJECT / "workflows" / "examples" / "segmentation_to_picture" / f"{file}.png")
        assert {color for _, color in picture.getcolors()} <= set(tool["ADE20K"].values())
