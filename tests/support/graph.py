"""The nodes as plain functions, and the host's own sampling, for tests inside a ComfyUI."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import comfy.sample
import comfy.samplers
import torch
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from .comfyui import pack
from .tiny_pack.tiny import SIZE_CONDITIONING

LATENT_SCALE = 0.18215
"""Of SD 1.x and 2.x."""


def room(name: str) -> Any:
    """A module of the pack as the host loaded it: room("nodes.grid")."""
    return import_module(f"{pack().__name__}.{name}")


def node(node_id: str) -> Any:
    """The class of a node by its id."""
    return next(cls for cls in room("nodes").NODES if cls.define_schema().node_id == node_id)


def execute(node_id: str, **inputs: Any) -> tuple:
    """The outputs of a node; widgets that are not named have their defaults."""
    cls = node(node_id)
    defaults = {i.id: i.default for i in cls.define_schema().inputs if getattr(i, "default", None) is not None}
    return cls.execute(**{**defaults, **inputs}).args


def sac(model: ModelPatcher, **inputs: Any) -> ModelPatcher:
    return execute("AnalogistSACPatch", model=model, **inputs)[0]


def cam(model: ModelPatcher, **inputs: Any) -> ModelPatcher:
    return execute("AnalogistCAMPatch", model=model, **inputs)[0]


def with_compiled_unet(model: ModelPatcher) -> ModelPatcher:
    """As other packs compile: by an object patch."""
    clone = model.clone()
    unet = model.get_model_object("diffusion_model")
    clone.add_object_patch("diffusion_model", torch.compile(unet, backend="aot_eager"))
    return clone


def sigmas(model: ModelPatcher, steps: int, strength: float) -> Tensor:
    return execute("AnalogistSigmas", model=model, steps=steps, strength=strength)[0]


def conditioning(
    text: Tensor, masked_latents: Tensor, mask: Tensor, scale: float = LATENT_SCALE, **values: Tensor
) -> list:
    """What CLIPTextEncode and InpaintModelConditioning make; latents in the scaled space, the mask at their size."""
    pixels = torch.nn.functional.interpolate(mask, scale_factor=8)
    return [[text, {"concat_latent_image": masked_latents / scale, "concat_mask": pixels, **values}]]


def encoded(model: ModelPatcher, tokens: int, generator: torch.Generator) -> list:
    """What CLIPTextEncode makes, at random; SDXL is told the pooled text, too."""
    unet = model.model.model_config.unet_config
    values = {}
    words = torch.randn(1, tokens, unet["context_dim"], generator=generator)
    if pooled := unet.get("adm_in_channels"):
        values["pooled_output"] = torch.randn(1, pooled - SIZE_CONDITIONING, generator=generator)
    return [[words, values]]


def latent_scale(model: ModelPatcher) -> float:
    return model.get_model_object("latent_format").scale_factor


def denoise(
    model: ModelPatcher,
    schedule: Tensor,
    *,
    noise: Tensor,
    latent: Tensor,
    positive: list,
    negative: list,
    cfg: float,
    sampler: str = "euler",
    callback: Callable[..., None] | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The host's own sampling, latents in the scaled space of the UNet on both sides."""
    with torch.inference_mode():
        samples = comfy.sample.sample_custom(
            model,
            noise,
            cfg,
            comfy.samplers.sampler_object(sampler),
            schedule,
            positive,
            negative,
            latent / latent_scale(model),
            callback=callback,
            noise_mask=mask,
            disable_pbar=True,
            seed=0,
        )
    return samples * latent_scale(model)


def sample(
    model: ModelPatcher,
    size: tuple[int, int] = (16, 16),
    *,
    cfg: float = 5.0,
    images: int = 1,
    steps: int = 3,
    text_tokens: tuple[int, int] = (77, 77),
    seed: int = 0,
    edit: Callable[[list, list], tuple[list, list]] = lambda positive, negative: (positive, negative),
    mask: Tensor | None = None,
    schedule: Tensor | None = None,
) -> Tensor:
    """A short run of a tiny model on a random latent of `size` (height, width).

    `edit` changes the positive and the negative conditioning; `mask` is a noise mask; `schedule` stands in place of
    the sigmas of `steps`.
    """
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    region = torch.zeros(1, 1, *size)
    region[..., size[0] // 2 :, size[1] // 2 :] = 1
    masked, scale = random(images, 4, *size), latent_scale(model)
    texts = [encoded(model, tokens, generator)[0] for tokens in text_tokens]
    prompts = [conditioning(text, masked, region, scale, **values) for text, values in texts]
    positive, negative = edit(*prompts)
    return denoise(
        model,
        sigmas(model, steps, 0.9 if steps > 1 else 1.0) if schedule is None else schedule,
        noise=random(images, 4, *size),
        latent=random(images, 4, *size),
        positive=positive,
        negative=negative,
        cfg=cfg,
        mask=mask,
    )
