"""The method on diffusers' UNet: equal to the golden data, a guest in the UNet, and plain words where it refuses."""

import json
import re
import socket
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline, UNet2DConditionModel, UNet2DModel
from diffusers.models.attention_processor import AttnProcessor2_0
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from analogist.grid import AnalogyGrid, canvas
from analogist.images import to_tensor
from analogist.layers import SD15, LayerRange, Layers, Numbering, SamplingRange
from analogist.pipelines import loading as diffusers_models
from analogist.pipelines.edits import Edit, edited, selected, structure, token_grid, transformer_blocks
from analogist.pipelines.inpainting import Conditions, Settings, denoise, sample, start_latents
from analogist.pipelines.loading import from_pipeline, load_model
from analogist.pipelines.models import InpaintingModel, ddim
from analogist.schedule import ddim_timesteps
from support.golden import ALL, OWN, UNET_TOLERANCE, Golden, each, need
from support.random_pipeline import random_model, random_pipeline

NOTHING = LayerRange(0, 0)
EDITS: dict[str, list[Edit]] = {  # Case of the golden data: the edits that are in the UNet together.
    "none": [],
    "sac": [Edit(cam=NOTHING)],
    "cam": [Edit(sac=NOTHING)],
    "both": [Edit()],
    "both_scale_1": [Edit(scale=1.0)],
    "both_scale_0.5": [Edit(scale=0.5)],
    "both_layers_4_9": [Edit(LayerRange(4, 9), LayerRange(4, 9))],
    "both_layers_4_8": [Edit(LayerRange(4, 8), LayerRange(4, 8))],
    "both_layers_0_16": [Edit(LayerRange(0, 16), LayerRange(0, 16))],
    "sac_2_7_cam_6_12": [Edit(LayerRange(2, 7), LayerRange(6, 12), scale=2.0)],
    "only_layer_6": [Edit(LayerRange(6, 7), LayerRange(6, 7))],
    "listed_layers_without_mid": [Edit(LayerRange(3, 6), LayerRange(3, 6)), Edit(LayerRange(7, 11), LayerRange(7, 11))],
    "empty_ranges": [Edit(NOTHING, LayerRange(5, 5))],
}
GATED = {"pipeline_32_gated": SamplingRange(0.58, 0.8)}
"""Golden runs that are edited in some of their calls only."""


@cache
def golden_unet(golden: Golden) -> UNet2DConditionModel:
    unet = UNet2DConditionModel(**golden.manifest["unet"]["diffusers_config"])
    unet.load_state_dict({golden.keymap[name]: weight for name, weight in golden.tensors("unet").items()})
    return unet.eval()


@pytest.fixture(scope="module")
def model() -> InpaintingModel:
    return random_model()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    random_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was to be downloaded")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@torch.no_grad()
def call(unet: UNet2DConditionModel, inputs: dict[str, Tensor], timestep: int, edits: list[Edit]) -> Tensor:
    x, images = inputs["x"], len(inputs["x"])
    context = torch.cat([inputs["uncond"]] * images + [inputs["cond"]] * images)
    with ExitStack() as stack:
        for edit in edits:
            stack.enter_context(edited(unet, edit, (x.shape[-2], x.shape[-1]), timestep))
        return unet(torch.cat([x, x]), timestep, context).sample


def inputs_for(unet: UNet2DConditionModel, height: int, width: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    texts = torch.randn(2, 1, 77, unet.config.cross_attention_dim, generator=generator)
    return {"x": torch.randn(1, 9, height, width, generator=generator), "uncond": texts[0], "cond": texts[1]}


@pytest.mark.parametrize("name", ["unet", *OWN.manifest["files"]])
def test_the_projects_golden_files_are_parts_of_the_whole_set(name: str) -> None:
    """So that the suite need not run both; of attention they have the last sample."""
    need(ALL)
    parts, whole = OWN.tensors(name), ALL.tensors(name)
    assert parts
    assert all(torch.equal(part, whole[key][-len(part) :]) for key, part in parts.items())


@pytest.mark.parametrize(("golden", "file", "case"), each("unet", "cases"))
def test_unet_equals_the_golden_data(golden: Golden, file: str, case: str) -> None:
    need(golden)
    tensors, timestep = golden.tensors(file), golden.manifest["files"][file]["timestep"]
    eps = call(golden_unet(golden), tensors, timestep, EDITS[case])
    torch.testing.assert_close(eps, tensors[f"eps.{case}"], rtol=0, atol=UNET_TOLERANCE)


def test_layers_are_numbered_as_in_the_golden_data() -> None:
    unet = golden_unet(OWN)
    names = {module: name for name, module in unet.named_modules()}
    order = [row["diffusers"] for row in OWN.manifest["unet"]["layer_order"]]
    assert [names[block] for block in transformer_blocks(unet)] == order


def test_the_stages_are_those_of_sd15() -> None:
    unet = random_model().unet
    assert structure(unet) == list(SD15)
    for numbering in Numbering:
        assert selected(Layers.parse("3, 5-9", numbering), unet) == [3, 5, 6, 7, 8, 9]
    assert list(selected(LayerRange(4, 9), unet)) == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(("timestep", "case"), [(981, "none"), (800, "both"), (599, "none"), (1, "none")])
def test_the_edit_acts_in_its_part_of_the_schedule_only(timestep: int, case: str) -> None:
    unet, tensors = golden_unet(OWN), OWN.tensors("unet_io_32")
    gated = Edit(active=SamplingRange(0.1, 0.4))  # Time steps 899 down to 600.
    assert torch.equal(call(unet, tensors, timestep, [gated]), call(unet, tensors, timestep, EDITS[case]))


@pytest.mark.parametrize(("golden", "name"), each("pipeline"))
def test_a_run_equals_the_golden_data(golden: Golden, name: str) -> None:
    need(golden)
    tensors, facts = golden.tensors(name), golden.manifest["files"][name]
    settings = Settings(
        steps=facts["num_inference_steps"],
        strength=facts["strength"],
        guidance=facts["guidance_scale"],
        edit=Edit(active=GATED.get(name, SamplingRange())),
    )
    timesteps = facts["timesteps_run"]
    assert settings.timesteps[: len(timesteps)] == timesteps
    calls = [number for number, timestep in enumerate(timesteps) if settings.edit.is_active(timestep)]
    assert calls == list(range(len(timesteps)))[facts["edit"].get("start", 0) : facts["edit"].get("end")]
    start = start_latents(tensors["noise"], tensors["image_latents"], settings)
    torch.testing.assert_close(start, tensors["initial_latents"], rtol=0, atol=2e-6)
    conditions = Conditions(tensors["mask"], tensors["masked_image_latents"], tensors["cond"], tensors["uncond"])
    for step, latents in enumerate(islice(denoise(golden_unet(golden), start, conditions, settings), len(timesteps))):
        if str(step) in facts["steps"]:
            expected, tolerance = tensors[f"latents_after_step_{step:02d}"], golden.pipeline_tolerance(name, step)
            torch.testing.assert_close(latents, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("strength", ["1", "0.98", "0.96", "0.8", "0.7"])
def test_start_latents_equal_the_golden_data(strength: str) -> None:
    need(ALL)
    tensors = ALL.tensors("init_latents_32")
    start = start_latents(tensors["noise"], tensors["image_latents"], Settings(strength=float(strength)))
    torch.testing.assert_close(start, tensors[f"initial_latents.strength_{strength}"], rtol=0, atol=2e-6)


@pytest.mark.parametrize(("steps", "strength"), [(50, 0.98), (50, 1.0), (50, 0.58), (6, 0.7), (7, 0.96), (999, 1.0)])
def test_the_sampler_has_our_time_steps(steps: int, strength: float) -> None:
    ours = ddim_timesteps(steps, strength)
    assert ddim(steps).timesteps.tolist()[-len(ours) :] == ours


@pytest.mark.parametrize(
    ("latent", "tokens", "expected"),
    [
        ((64, 64), 4096, (64, 64)),
        ((64, 96), 32 * 48, (32, 48)),
        ((32, 128), 4 * 16, (4, 16)),
        ((36, 44), 9 * 11, (9, 11)),
        ((18, 34), 3 * 5, (3, 5)),  # 18, 9, 5, 3 and 34, 17, 9, 5: odd sides round up.
    ],
)
def test_token_grid_of_a_level(latent: tuple[int, int], tokens: int, expected: tuple[int, int]) -> None:
    assert token_grid(latent, tokens) == expected


class WrittenOut:
    """Attention with every logit written out, and cells looked up token by token: slow, and independent of ours."""

    def __init__(self, width: int, height: int, scale: float) -> None:
        self.size, self.scale = (height, width), scale

    def __call__(self, attn, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, **_) -> Tensor:
        h, w = self.size
        while h * w != hidden_states.shape[1]:
            h, w = h // 2, w // 2
        cells: dict[tuple[bool, bool], list[int]] = {}
        for token in range(h * w):
            cells.setdefault((token // w >= h // 2, token % w >= w // 2), []).append(token)
        a, a_prime, b, b_prime = (cells[key] for key in [(False, False), (False, True), (True, False), (True, True)])
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        projected = (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        q, k, v = (attn.head_to_batch_dim(x) for x in projected)
        logits = q @ k.transpose(1, 2) * attn.scale
        if encoder_hidden_states is None:
            plain = logits.clone()
            for i in range(len(a)):
                for j in range(len(a)):
                    logits[:, a_prime[i], b_prime[j]] = self.scale * plain[:, a[i], b[j]]
                    logits[:, b_prime[i], a_prime[j]] = self.scale * plain[:, b[i], a[j]]
        weights = logits.softmax(dim=-1)
        if encoder_hidden_states is not None:
            weights[:, a + a_prime + b] = 0
        return attn.to_out[0](attn.batch_to_head_dim(weights @ v))


@pytest.mark.parametrize(("height", "width"), [(16, 32), (32, 16)])
def test_a_grid_that_is_not_square(model: InpaintingModel, height: int, width: int) -> None:
    inputs, edit = inputs_for(model.unet, height, width), Edit(LayerRange(3, 11), LayerRange(2, 12), scale=1.7)
    ours = call(model.unet, inputs, 500, [edit])
    blocks = transformer_blocks(model.unet)
    attentions = [blocks[n].attn1 for n in edit.sac.select(16)] + [blocks[n].attn2 for n in edit.cam.select(16)]
    for attention in attentions:
        attention.set_processor(WrittenOut(width, height, edit.scale))
    written_out = call(model.unet, inputs, 500, [])
    for attention in attentions:
        attention.set_processor(AttnProcessor2_0())
    torch.testing.assert_close(ours, written_out, rtol=0, atol=UNET_TOLERANCE)
    assert (ours - call(model.unet, inputs, 500, [])).abs().max() > 1e-3


@pytest.mark.parametrize(
    "edit",
    [Edit(NOTHING, LayerRange(11, 11)), Edit(active=SamplingRange(0.3, 0.3)), Edit(active=SamplingRange(0.0, 0.1))],
    ids=["no layers", "empty part", "another part"],
)
def test_nothing_selected_is_the_untouched_unet(model: InpaintingModel, edit: Edit) -> None:
    inputs = inputs_for(model.unet, 16, 16)
    assert torch.equal(call(model.unet, inputs, 500, [edit]), call(model.unet, inputs, 500, []))


def test_processors_are_put_back(model: InpaintingModel) -> None:
    before = dict(model.unet.attn_processors)
    with edited(model.unet, Edit(), (16, 16), 500):
        inside = model.unet.attn_processors
        assert sum(inside[name] is not before[name] for name in before) == 16
    assert model.unet.attn_processors == before
    with pytest.raises(KeyboardInterrupt), edited(model.unet, Edit(), (16, 16), 500):
        raise KeyboardInterrupt
    assert model.unet.attn_processors == before


def test_a_replaced_attention_is_refused(model: InpaintingModel) -> None:
    attention = transformer_blocks(model.unet)[4].attn1
    attention.set_processor(WrittenOut(16, 16, 1.3))
    with (
        pytest.raises(ValueError, match="expected the default attention processor, got WrittenOut"),
        edited(model.unet, Edit(), (16, 16), 500),
    ):
        pass
    attention.set_processor(AttnProcessor2_0())


def test_an_attention_mask_is_refused(model: InpaintingModel) -> None:
    inputs = inputs_for(model.unet, 16, 16)
    with edited(model.unet, Edit(), (16, 16), 500), pytest.raises(ValueError, match="attention mask"):
        model.unet(inputs["x"], 500, inputs["cond"], encoder_attention_mask=torch.ones(1, 77))


def test_halves_that_are_not_whole_tokens_are_refused(model: InpaintingModel) -> None:
    inputs = inputs_for(model.unet, 24, 24)  # 24, 12, 6, 3
    with pytest.raises(ValueError, match="token grid is 3x3; its height and width must be even"):
        call(model.unet, inputs, 500, [Edit()])
    call(model.unet, inputs, 500, [Edit(LayerRange(0, 6), LayerRange(7, 16))])


@pytest.mark.parametrize("edit", [Edit(sac=LayerRange(3, 17)), Edit(cam=LayerRange(16, 20))])
def test_layers_past_the_model_are_refused(model: InpaintingModel, edit: Edit) -> None:
    with pytest.raises(ValueError, match="from 0 to 16, the number of layers of this model"):
        call(model.unet, inputs_for(model.unet, 16, 16), 500, [edit])


def test_a_model_without_transformer_blocks_is_refused() -> None:
    unet = UNet2DModel(block_out_channels=(32, 32, 32, 32))
    with pytest.raises(ValueError, match="got a UNet2DModel without any"):
        transformer_blocks(unet)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps must be 1 to 999, got 0"),
        ({"strength": 1.2}, r"strength must be in \(0, 1\], got 1.2"),
        ({"steps": 3, "strength": 0.1}, "of 3 steps runs no step"),
        ({"guidance": float("nan")}, "guidance must be a finite number, got nan"),
        ({"images_per_prompt": 0}, "images per prompt must be at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


def test_a_scale_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="scale must be a finite number, got inf"):
        Edit(scale=float("inf"))


SMALL = AnalogyGrid(64, 64)
FEW = Settings(steps=3, strength=0.7, images_per_prompt=2, negative_prompt="noise")


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    pixels = torch.rand(128, 128, 3, generator=torch.Generator().manual_seed(3))
    return Image.fromarray((pixels * 255).byte().numpy())


@torch.no_grad()
def test_latents_are_a_sample_of_the_posterior_and_not_its_mean(model: InpaintingModel) -> None:
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    posterior = model.vae.encode(pixels).latent_dist
    noise = torch.randn(posterior.mean.shape, generator=torch.Generator().manual_seed(3))
    expected = (posterior.mean + posterior.std * noise) * model.vae.config.scaling_factor
    encoded = model.encode(pixels, torch.Generator().manual_seed(3))
    torch.testing.assert_close(encoded, expected)
    assert (encoded - posterior.mean * model.vae.config.scaling_factor).abs().max() > 1e-3


def test_sample_is_the_published_pipeline(model: InpaintingModel, picture: Image.Image) -> None:
    """The order of random numbers (noise once; per prompt canvas, then masked canvas) and every input, by hand."""
    prompts, generator = ["a cat", "a dog"], model.generator(5)
    noise = torch.randn(2, 4, 16, 16, generator=generator)
    start = canvas(SMALL, picture)
    pixels = to_tensor([start]).permute(0, 3, 1, 2) * 2 - 1
    grey = pixels.clone()
    grey[..., 64:, 64:] = 0
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:, 8:] = 1
    steps: list[None] = []
    results = sample(model, SMALL, picture, prompts, FEW, model.generator(5), lambda: steps.append(None))
    for prompt, pictures in zip(prompts, results, strict=True):
        with torch.no_grad():
            image_latents = model.encode(pixels, generator)
            conditions = Conditions(
                mask,
                model.encode(grey, generator),
                model.encode_text(f"{prompt}, best quality, extremely detailed"),
                model.encode_text("noise"),
            )
            *_, last = denoise(model.unet, start_latents(noise, image_latents, FEW), conditions, FEW)
            expected = model.decode(last)
        assert [one.tobytes() for one in pictures] == [one.tobytes() for one in expected]
        assert pictures[0].size == (128, 128)
        assert pictures[0].tobytes() != pictures[1].tobytes()
    assert len(steps) == 2 * len(FEW.timesteps) == 4


def test_the_negative_prompt_is_asked_above_guidance_1_only(model: InpaintingModel, picture: Image.Image) -> None:
    def rendered(guidance: float, negative_prompt: str) -> bytes:
        settings = replace(FEW, guidance=guidance, negative_prompt=negative_prompt, images_per_prompt=1)
        return next(sample(model, SMALL, picture, ["a cat"], settings, model.generator(1)))[0].tobytes()

    assert rendered(1.0, "mess") == rendered(1.0, "noise")
    assert rendered(1.5, "mess") != rendered(1.5, "noise")


def test_a_picture_of_another_size_is_refused(model: InpaintingModel, picture: Image.Image) -> None:
    with pytest.raises(ValueError, match="size of the grid, 512x512, got 128x128"):
        sample(model, AnalogyGrid(), picture, ["a cat"], FEW, model.generator(1))


def test_layers_past_the_model_are_refused_before_the_first_step(model: InpaintingModel, picture: Image.Image) -> None:
    settings = replace(FEW, edit=Edit(cam=LayerRange(3, 17), active=SamplingRange(0.9, 1.0)))
    with pytest.raises(ValueError, match="from 0 to 16, the number of layers of this model"):
        sample(model, SMALL, picture, ["a cat"], settings, model.generator(1))


def test_a_long_prompt_is_cut_off_with_a_warning(model: InpaintingModel, caplog: pytest.LogCaptureFixture) -> None:
    assert torch.equal(model.encode_text("a" * 100), model.encode_text("a" * 90))
    assert "has 102 tokens; the model reads 77" in caplog.text


@pytest.mark.usefixtures("no_network")
def test_a_folder_is_loaded_as_it_was_saved(saved: Path, model: InpaintingModel) -> None:
    loaded = load_model(saved, device="cpu")
    assert (loaded.unet.dtype, loaded.device.type) == (torch.float32, "cpu")
    inputs = inputs_for(model.unet, 16, 16)
    assert torch.equal(call(loaded.unet, inputs, 500, [Edit()]), call(model.unet, inputs, 500, [Edit()]))
    assert torch.equal(loaded.encode_text("a cat"), model.encode_text("a cat"))
    assert load_model(saved, device="cpu", dtype=torch.bfloat16).vae.dtype == torch.bfloat16


def test_a_folder_of_half_precision_files_is_loaded(tmp_path: Path) -> None:
    random_pipeline().to(dtype=torch.float16).save_pretrained(tmp_path, variant="fp16")
    assert load_model(tmp_path, device="cpu").unet.dtype == torch.float32


def original_vae_name(name: str) -> str:
    """The name in a checkpoint file of a tensor of diffusers' VAE with four levels."""
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda level: f"up.{3 - int(level[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda level: f"up.{3 - int(level[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda number: f"mid.block_{int(number[1]) + 1}", name)
    if "attentions" in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1").replace("group_norm", "norm")
        name = name.replace("to_out.0", "proj_out").replace("to_", "")
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


def as_checkpoint(pipeline: StableDiffusionInpaintPipeline) -> dict[str, Tensor]:
    """The weights of a pipeline under the names of the original checkpoints."""
    unet, vae, text = (part.state_dict() for part in (pipeline.unet, pipeline.vae, pipeline.text_encoder))
    tensors = {f"model.diffusion_model.{ldm}": unet[name] for ldm, name in OWN.keymap.items()}
    for name, tensor in vae.items():
        as_convolution = "attentions" in name and tensor.ndim == 2
        tensors[f"first_stage_model.{original_vae_name(name)}"] = tensor[..., None, None] if as_convolution else tensor
    for name, tensor in text.items():
        tensors[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = tensor
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_checkpoint_file_is_loaded(
    tmp_path: Path, saved: Path, model: InpaintingModel, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """The configurations of Stable Diffusion 1.x stand in the code; here they are those of the tiny model."""
    pipeline, path = random_pipeline(), tmp_path / f"tiny{suffix}"
    for name, part in (("UNET", pipeline.unet), ("VAE", pipeline.vae), ("TEXT_ENCODER", pipeline.text_encoder)):
        config = part.config.to_dict() if hasattr(part.config, "to_dict") else dict(part.config)
        monkeypatch.setattr(diffusers_models, f"{name}_CONFIG", config)
    if suffix == ".ckpt":
        torch.save({"state_dict": as_checkpoint(pipeline), "global_step": 1}, path)
    else:
        save_file(as_checkpoint(pipeline), path)
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    vocabulary = pipeline.tokenizer.get_vocab()
    (tokenizer / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (tokenizer / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")

    loaded = load_model(path, device="cpu", tokenizer=tokenizer)
    for ours, theirs in ((loaded.unet, model.unet), (loaded.vae, model.vae)):
        expected = theirs.state_dict()
        assert all(torch.equal(tensor, expected[name]) for name, tensor in ours.state_dict().items())
    # Old diffusers build the text encoder of a file with the plain attention, that of a folder with the fused one.
    assert (loaded.encode_text("a cat") - model.encode_text("a cat")).abs().max() < 1e-5


def checkpoint_head(channels: int, text_width: int, *parts: str) -> dict[str, Tensor]:
    """The few tensors by which a checkpoint file is recognised."""
    return {
        diffusers_models.FIRST_WEIGHT: torch.zeros(320, channels, 3, 3),
        diffusers_models.TEXT_WEIGHT: torch.zeros(1280, text_width),
        **{f"{part}.weight": torch.zeros(1) for part in parts},
    }


WHOLE = ("first_stage_model", "cond_stage_model")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (checkpoint_head(4, 768, *WHOLE), "expected an inpainting model with 9 input channels, got 4"),
        (checkpoint_head(9, 1024, *WHOLE), "is of the family Stable Diffusion 2.x"),
        (checkpoint_head(9, 2048, *WHOLE), "is of the family SDXL;"),
        (checkpoint_head(9, 768, "cond_stage_model"), "contains no VAE"),
        (checkpoint_head(9, 768, "first_stage_model"), "contains no text encoder"),
        ({"weight": torch.zeros(1)}, "is not a checkpoint of Stable Diffusion"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_a_checkpoint_of_another_kind_is_refused(
    tmp_path: Path, saved: Path, tensors: dict[str, Tensor], message: str, suffix: str
) -> None:
    path = tmp_path / f"model{suffix}"
    if suffix == ".ckpt":
        torch.save({"state_dict": tensors}, path)
    else:
        save_file(tensors, path)
    with pytest.raises(ValueError, match=message):
        load_model(path, device="cpu", tokenizer=tokenizer_files(tmp_path))


def tokenizer_files(folder: Path) -> Path:
    for name, text in (("vocab.json", '{"<|startoftext|>": 0, "<|endoftext|>": 1}'), ("merges.txt", "#version: 0.2\n")):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


class Exploit:
    """Unpickled without weights_only it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_a_pickle_runs_no_code(tmp_path: Path) -> None:
    path, made = tmp_path / "model.ckpt", tmp_path / "made"
    torch.save({"state_dict": Exploit(made)}, path)
    with pytest.raises(ValueError, match="contains pickled code besides weights"):
        load_model(path, device="cpu", tokenizer=tokenizer_files(tmp_path))
    assert not made.exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.safetensors", b"not a model", "cannot be loaded as weights"),
        ("model.ckpt", b"not a model", "contains pickled code besides weights|cannot be loaded as weights"),
        ("model.gguf", b"GGUF", r"must end in .safetensors or .ckpt"),
    ],
)
def test_an_unreadable_file_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / name, device="cpu", tokenizer=tokenizer_files(tmp_path))


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["no/such/model", "owner/model", "model.safetensors", "/no/such/folder"])
def test_a_model_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"There is no model '{name}'"):
        load_model(name, device="cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_channels": 4}, "expected an inpainting model with 9 input channels, got 4"),
        ({"cross_attention_dim": 1024}, "is of the family Stable Diffusion 2.x"),
        ({"cross_attention_dim": 2048}, "is of the family SDXL"),
    ],
)
def test_a_folder_of_another_kind_is_refused(tmp_path: Path, saved: Path, changes: dict, message: str) -> None:
    config = json.loads((saved / "unet" / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path, device="cpu")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a diffusers model of Stable Diffusion"):
        load_model(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "cannot be loaded"),
        ("model_index.json", "cannot be loaded"),
    ],
)
def test_a_folder_with_a_missing_file_is_refused(tmp_path: Path, missing: str, message: str) -> None:
    random_pipeline().save_pretrained(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path, device="cpu")


def test_a_folder_without_a_vocabulary_is_refused(tmp_path: Path) -> None:
    """It is tokenizer.json, or in transformers before 5 vocab.json."""
    random_pipeline().save_pretrained(tmp_path)
    for vocabulary in tmp_path.glob("tokenizer/[tv]o*.json"):
        if vocabulary.name in ("tokenizer.json", "vocab.json"):
            vocabulary.unlink()
    with pytest.raises(ValueError, match=r"has 2 tokens and its text encoder 514|cannot be loaded"):
        load_model(tmp_path, device="cpu")


def test_a_tokenizer_that_is_not_there_is_refused(tmp_path: Path) -> None:
    save_file(checkpoint_head(9, 768, *WHOLE), tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"expected vocab\.json and merges\.txt of CLIP's tokenizer in '.*', got none"):
        load_model(tmp_path / "model.safetensors", device="cpu", tokenizer=tmp_path)


def test_an_unknown_device_is_refused(saved: Path) -> None:
    with pytest.raises(ValueError, match=r"expected one of the devices .*cpu.*, got 'gpu'"):
        load_model(saved, device="gpu")


def test_from_pipeline_keeps_the_parts() -> None:
    pipeline = random_pipeline()
    assert from_pipeline(pipeline).unet is pipeline.unet
