"""The demo model under ComfyUI and under diffusers: the same weights, the same numbers."""

from support import comfyui

comfyui.need_host()

import io
from pathlib import Path
from typing import Any

import comfy.ops
import comfy.sd
import pytest
import torch
from comfy.model_patcher import ModelPatcher
from comfy.model_sampling import V_PREDICTION, ModelSamplingDiscrete
from comfy.utils import unet_to_diffusers
from comfy_extras.nodes_model_merging import ModelMergeSimple
from diffusers import UNet2DConditionModel
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from support import graph
from support.comfyui import PACK_FOLDER, QueueError, Server
from support.graph import LATENT_SCALE, cam, room, sac, sigmas
from support.random_demo import CAPTION, DEMO_FILE, pack_without_demo, write_random_demo

TOLERANCE = 1e-4
SIDE, LATENT_SIDE = 128, 16
PROMPTS = (CAPTION, "a circle")
"""The positive and the negative one."""
TEXTS = [CAPTION, "", "a green zebra, 2 small Circles!", "naïve 猫"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = room("analogist").__name__
    return write_random_demo(tmp_path_factory.mktemp("demo") / "demo_model.safetensors", library)


@pytest.fixture(scope="module")
def ours(path: Path) -> Any:
    """(MODEL, CLIP, VAE)"""
    return room("loaders.demo").load(path)


@pytest.fixture(scope="module")
def theirs(path: Path) -> Any:
    return room("analogist.demo.model").load(path)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(number: int = 1) -> torch.Tensor:
    """(number, 128, 128, 3) in [0, 1], smooth enough to be images."""
    small = random(number, 3, 8, 8).sigmoid()
    return torch.nn.functional.interpolate(small, (SIDE, SIDE), mode="bilinear").movedim(1, -1)


def predicted(model: ModelPatcher) -> torch.Tensor:
    """One step of the host's sampling."""
    text = graph.conditioning(random(1, 77, 96), random(1, 4, 16, 16), torch.ones(1, 1, 16, 16))
    step = sigmas(model, steps=10, strength=0.1)
    noise, latent = random(1, 4, 16, 16, seed=1), random(1, 4, 16, 16, seed=2)
    return graph.denoise(model, step, noise=noise, latent=latent, positive=text, negative=text, cfg=1.0)


def encoded(clip: Any, text: str) -> torch.Tensor:
    return clip.encode_from_tokens(clip.tokenize(text))


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12])
def test_both_read_the_same_words(ours: Any, theirs: Any, text: str) -> None:
    (ids,) = ([token for token, *_ in chunk] for chunk in ours[1].tokenize(text)["l"])
    assert ids == theirs.tokenizer(text, padding="max_length", max_length=77).input_ids


def test_the_whole_vocabulary_is_the_hosts(ours: Any) -> None:
    assert (
        room("analogist.pipelines.clip_tokenizer").clip_tokenizer().get_vocab()
        == ours[1].tokenizer.clip_l.tokenizer.get_vocab()
    )


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:12])
def test_a_text_is_encoded_alike(ours: Any, theirs: Any, text: str) -> None:
    with torch.inference_mode():
        one, other = encoded(ours[1], text), theirs.encode_text(text)
    assert one.shape == other.shape == (1, 77, 96)
    assert other.std() > 0.1
    assert (one - other).abs().max() <= TOLERANCE


def test_a_picture_is_encoded_and_decoded_alike(ours: Any, theirs: Any) -> None:
    vae, images = ours[2], pictures(2)
    with torch.inference_mode():
        latents = vae.encode(images)
        expected = theirs.vae.encode(images.movedim(-1, 1) * 2 - 1)
        one, other = vae.decode(expected), theirs.vae.decode(expected).movedim(1, -1) / 2 + 0.5
    assert latents.shape == (2, 4, LATENT_SIDE, LATENT_SIDE)
    assert (latents - expected).abs().max() <= TOLERANCE
    assert other.std() > 0.01
    assert (one - other.clamp(0, 1)).abs().max() <= TOLERANCE


@pytest.mark.parametrize("timestep", [0, 481, 999])
@pytest.mark.parametrize("size", [(16, 16), (24, 8)], ids=str)
def test_the_unet_predicts_the_same_v(ours: Any, theirs: Any, timestep: int, size: tuple[int, int]) -> None:
    x, context = random(2, 9, *size, seed=1), random(2, 77, 96, seed=2)
    unet = ours[0].model.diffusion_model
    with torch.inference_mode():
        one = unet(x, torch.full((2,), timestep), context, transformer_options={"sigmas": torch.ones(1)})
        other = theirs.unet(x, timestep, context).sample
    assert other.std() > 0.1
    assert (one - other).abs().max() <= TOLERANCE


@pytest.mark.parametrize("widths", [(32, 96, 64, 160), (64, 32, 32, 64), (64, 128, 128, 128)], ids=str)
def test_levels_of_any_widths_are_built_alike(widths: tuple[int, ...]) -> None:
    """Narrower and wider ones than before, multiples of the first and not."""
    library, loaders = room("analogist.demo.model"), room("loaders.unet")
    demo = room("analogist.demo.configuration").DemoConfiguration(widths=widths, text_width=64)
    theirs = UNet2DConditionModel(**library.unet_config(demo)).eval()
    config = loaders.host_config(demo)
    heads = {"num_heads": demo.heads, "num_head_channels": -1}
    ours = loaders.LevelledUNet(**config, **heads, operations=comfy.ops.disable_weight_init).eval()
    names = unet_to_diffusers(config)
    ours.load_state_dict({names[name]: tensor for name, tensor in theirs.state_dict().items()})
    x, context = random(1, 9, 16, 8, seed=1), random(1, 77, 64, seed=2)
    with torch.inference_mode():
        one = ours(x, torch.tensor([481]), context, transformer_options={"sigmas": torch.ones(1)})
        other = theirs(x, 481, context).sample
    assert other.std() > 0.1
    assert (one - other).abs().max() <= TOLERANCE


@pytest.mark.parametrize("edited", [True, False], ids=["SAC and CAM", "plain"])
def test_a_whole_guided_run_paints_the_same_picture(ours: Any, theirs: Any, edited: bool) -> None:
    noise, canvas, masked = (random(1, 4, LATENT_SIDE, LATENT_SIDE, seed=seed) for seed in (3, 4, 5))
    mask = torch.zeros(1, 1, LATENT_SIDE, LATENT_SIDE)
    mask[..., LATENT_SIDE // 2 :, LATENT_SIDE // 2 :] = 1
    model, clip, vae = ours
    pipeline, layers = room("analogist.pipelines.inpainting"), room("analogist.layers")
    chosen = layers.LayerRange(3, 11) if edited else layers.LayerRange(0, 0)
    settings = pipeline.Settings(steps=10, strength=0.9, guidance=4.0, edit=pipeline.Edit(chosen, chosen))
    with torch.inference_mode():
        conditions = pipeline.Conditions(mask, masked, *(theirs.encode_text(text) for text in PROMPTS))
        start = pipeline.start_latents(noise, canvas, settings)
        *_, expected = pipeline.denoise(theirs.unet, start, conditions, settings, theirs.prediction_type)

    patched = cam(sac(model)) if edited else model
    schedule = sigmas(patched, steps=10, strength=0.9)
    positive, negative = (graph.conditioning(encoded(clip, text), masked, mask) for text in PROMPTS)
    came = graph.denoise(patched, schedule, noise=noise, latent=canvas, positive=positive, negative=negative, cfg=4.0)
    latents = came / (schedule[-1] ** 2 + 1).sqrt()  # The host's latents are diffusers' times this.
    assert expected.std() > 0.1
    assert (latents - expected).abs().max() <= TOLERANCE
    with torch.inference_mode():
        decoded, wanted = vae.decode(latents / LATENT_SCALE), theirs.vae.decode(expected / LATENT_SCALE)
    assert (decoded - (wanted.movedim(1, -1) / 2 + 0.5).clamp(0, 1)).abs().max() <= TOLERANCE


def test_it_predicts_v_on_the_published_schedule(ours: Any) -> None:
    sampling = ours[0].get_model_object("model_sampling")
    assert isinstance(sampling, V_PREDICTION)
    assert isinstance(sampling, ModelSamplingDiscrete)
    assert sampling.sigma_max == pytest.approx(14.6146, abs=1e-3)


def test_its_layers_are_numbered_as_in_stable_diffusion(ours: Any) -> None:
    cam(sac(ours[0], start_layer=0, end_layer=16), start_layer=15, end_layer=16)
    with pytest.raises(ValueError, match="16"):
        sac(ours[0], start_layer=0, end_layer=17)


def test_a_lora_with_names_of_diffusers_finds_its_layers(ours: Any) -> None:
    model = ours[0]
    name = "up_blocks.2.attentions.1.transformer_blocks.0.attn1.to_q"
    up, down = random(96, 2), random(2, 96)
    lora = {f"lora_unet_{name.replace('.', '_')}.lora_up.weight": up}
    lora |= {f"lora_unet_{name.replace('.', '_')}.lora_down.weight": down}
    patched, _ = comfy.sd.load_lora_for_models(model, ours[1], lora, 1.0, 1.0)
    assert len(patched.patches) == 1
    assert not model.patches


@pytest.mark.slow
def test_it_merges_with_itself(ours: Any) -> None:
    (merged,) = ModelMergeSimple().merge(ours[0], ours[0], 0.5)
    assert torch.equal(predicted(merged), predicted(ours[0]))


def test_the_host_can_load_it_anew(ours: Any) -> None:
    """For a second GPU, say: its weights are equal, and shared with nothing."""
    for patcher in (ours[0], ours[1].patcher, ours[2].patcher):
        factory, arguments, number = patcher.cached_patcher_init
        again = factory(*arguments)[number]
        one, other = patcher.model.state_dict(), again.model.state_dict()
        assert one.keys() == other.keys()
        assert [name for name in one if not torch.equal(one[name], other[name])] == []
        assert not {tensor.data_ptr() for tensor in one.values()} & {tensor.data_ptr() for tensor in other.values()}


@pytest.mark.parametrize(
    "name",
    [
        "unet.conv_in.bias",
        "vae.decoder.0.bias",
        "text_encoder.text_model.final_layer_norm.bias",
        "text_encoder.text_model.embeddings.token_embedding.weight",
        "token_ids",
    ],
)
def test_a_file_that_lacks_a_tensor_is_refused(path: Path, tmp_path: Path, name: str) -> None:
    tensors = load_file(path)
    del tensors[name]
    with safe_open(path, framework="pt") as file:
        save_file(tensors, tmp_path / "lacking", file.metadata())
    with pytest.raises(ValueError, match="lacking' does not match this version of the pack"):
        room("loaders.demo").load(tmp_path / "lacking")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="There is no demo model"):
        room("loaders.demo").load(tmp_path / "missing")


def stock_graph() -> dict[str, Any]:
    """An analogy by SamplerCustomAdvanced (to 20) and by KSampler (to 21), and an image of an empty latent (to 22)."""
    model = {"model": ["6", 0]}
    ends = {"positive": ["5", 0], "negative": ["5", 1]}
    inpainting = {"positive": ["3", 0], "negative": ["4", 0], "vae": ["1", 2], "noise_mask": False}
    cells = {"layout": "pairs in rows", "cell_width": 64, "cell_height": 64, "fit": "crop", "gutter": 2}
    placement = {"start_layer": 3, "end_layer": 11, "start_percent": 0.0, "end_percent": 1.0}
    stock = {"seed": 1, "steps": 3, "cfg": 3.0, "sampler_name": "euler", "scheduler": "normal"}
    described = {
        "1": ("AnalogistDemoModelLoader", {}),
        "2": ("AnalogistExample", {"example": "colorization"}),
        "3": ("CLIPTextEncode", {"clip": ["1", 1], "text": CAPTION}),
        "4": ("CLIPTextEncode", {"clip": ["1", 1], "text": "a (small:1.3) circle"}),
        "5": ("InpaintModelConditioning", {**inpainting, "pixels": ["7", 1], "mask": ["7", 2]}),
        "6": ("AnalogistCAMPatch", {"model": ["8", 0], "layout": ["7", 4], **placement}),
        "7": ("AnalogistGridBuilder", {"a": ["2", 0], "a_prime": ["2", 1], "b": ["2", 2], **cells}),
        "8": ("AnalogistSACPatch", {"model": ["1", 0], "layout": ["7", 4], "scale": 1.3, **placement}),
        "9": ("AnalogistSigmas", {**model, "steps": 4, "strength": 0.9}),
        "10": ("KSamplerSelect", {"sampler_name": "euler"}),
        "11": ("RandomNoise", {"noise_seed": 1}),
        "12": ("CFGGuider", {**model, **ends, "cfg": 3.0}),
        "13": (
            "SamplerCustomAdvanced",
            {
                "noise": ["11", 0],
                "guider": ["12", 0],
                "sampler": ["10", 0],
                "sigmas": ["9", 0],
                "latent_image": ["5", 2],
            },
        ),
        "14": ("KSampler", {**model, **ends, **stock, "latent_image": ["5", 2], "denoise": 0.9}),
        "15": ("EmptyLatentImage", {"width": 128, "height": 128, "batch_size": 2}),
        "16": (
            "KSampler",
            {
                "model": ["1", 0],
                "positive": ["3", 0],
                "negative": ["4", 0],
                **stock,
                "latent_image": ["15", 0],
                "denoise": 1.0,
            },
        ),
        "17": ("VAEEncode", {"pixels": ["7", 0], "vae": ["1", 2]}),
    }
    for number, latent in enumerate(("13", "14", "16", "17")):
        described[f"{30 + number}"] = ("VAEDecode", {"samples": [latent, 0], "vae": ["1", 2]})
        described[f"{20 + number}"] = ("PreviewImage", {"images": [f"{30 + number}", 0]})
    return {number: {"class_type": kind, "inputs": inputs} for number, (kind, inputs) in described.items()}


@pytest.mark.slow
def test_it_works_with_stock_nodes_on_a_server(tmp_path: Path) -> None:
    copy = pack_without_demo(tmp_path / "pack")
    with Server(tmp_path / "comfyui", packs={PACK_FOLDER: copy}) as server:
        with pytest.raises(QueueError, match=r"AnalogistDemoModelLoader: There is no demo model .* reinstall the pack"):
            server.run(stock_graph())
        write_random_demo(copy / DEMO_FILE, room("analogist").__name__)
        outputs = server.run(stock_graph())["outputs"]
        sizes = {
            number: [Image.open(io.BytesIO(server.picture(image))).size for image in outputs[number]["images"]]
            for number in ("20", "21", "22", "23")
        }
        assert sizes == {"20": [(128, 128)], "21": [(128, 128)], "22": [(128, 128)] * 2, "23": [(128, 128)]}
        assert not [line for line in server.log.splitlines() if "clip missing" in line or "Missing VAE" in line]
