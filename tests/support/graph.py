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

LATENT_SCALE = 0.18215


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


def sigmas(model: ModelPatcher, steps: int, strength: float) -> Tensor:
    return execute("AnalogistSigmas", model=model, steps=steps, strength=strength)[0]


def conditioning(text: Tensor, masked_latents: Tensor, mask: Tensor) -> list:
    """What CLIPTextEncode and InpaintModelConditioning make; latents in the scaled space, the mask at their size."""
    pixels = torch.nn.functional.interpolate(mask, scale_factor=8)
    return [[text, {"concat_latent_image": masked_latents / LATENT_SCALE, "concat_mask": pixels}]]


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
            latent / LATENT_SCALE,
            callback=callback,
            disable_pbar=True,
            seed=0,
        )
    return samples * LATENT_SCALE
