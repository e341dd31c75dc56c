"""The demo model on diffusers: a Stable Diffusion 1.x inpainting model small enough to be included in the pack.

The UNet has the 16 transformer blocks of Stable Diffusion 1.x, so that layer numbers mean the same, and predicts v
(Salimans and Ho 2022, arXiv 2202.00512). A grid is 128x128 pixels and its latents 16x16. Its training is described
in its file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import UNet2DConditionModel
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from ..devices import checked_device
from ..pipelines.clip_tokenizer import clip_tokenizer
from ..pipelines.models import InpaintingModel, to_images
from .autoencoder import FACTOR, SCALING_FACTOR, PatchAutoencoder
from .configuration import DEMO, DemoConfiguration
from .weights import PATH, State, fitting, read

TEXT_PREFIX = "text_model."
"""Of the names in the file and of ComfyUI's; transformers has dropped it in its version 5."""


def unet_config(demo: DemoConfiguration) -> dict[str, Any]:
    """The UNet in the terms of diffusers."""
    return {
        "sample_size": demo.side,
        "in_channels": 9,
        "out_channels": 4,
        "block_out_channels": demo.widths,
        "layers_per_block": demo.blocks,
        "cross_attention_dim": demo.text_width,
        "attention_head_dim": demo.heads,  # In diffusers' Stable Diffusion 1.x this is the number of heads.
    }


class Modules(NamedTuple):
    """The parts that have weights."""

    unet: UNet2DConditionModel
    vae: PatchAutoencoder
    text_encoder: CLIPTextModel


@dataclass(frozen=True)
class DemoInpaintingModel(InpaintingModel):
    """An inpainting model around the demo's own autoencoder, whose encoding draws no random numbers."""

    vae: PatchAutoencoder

    @property
    def latent_factor(self) -> int:
        return FACTOR

    def encode(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        return self.vae.encode(pixels.to(self.device, self.unet.dtype)) * SCALING_FACTOR

    def decode(self, latents: Tensor) -> list[Image.Image]:
        return to_images(self.vae.decode(latents / SCALING_FACTOR))


def build() -> Modules:
    """The parts with random weights, from torch's global generator, in float32 on the CPU and in evaluation mode.

    The text encoder reads CLIP's ids, all 49408; those of words that are not to be known must be replaced by
    `configuration.UNKNOWN` in training, as all of them have its vector in the file.
    """
    unet, text_encoder = UNet2DConditionModel(**unet_config(DEMO)), CLIPTextModel(CLIPTextConfig(**DEMO.text_encoder))
    modules = Modules(unet, PatchAutoencoder(), text_encoder)
    for module in modules:
        module.eval()
    return modules


def load(path: str | Path = PATH, device: str | None = "cpu") -> InpaintingModel:
    """The model in float32, ready for the pipeline; with the tokenizer of the pack.

    Args:
        device: None takes the GPU where there is one; the model is so small that it needs none.

    Raises:
        ValueError: no such file or device, or a file that is no demo model of this version.
    """
    place = torch.device(checked_device(device))
    modules = load_modules(path)
    for module in modules:
        module.to(place)
    return DemoInpaintingModel(*modules, clip_tokenizer(), prediction_type="v_prediction")


def load_modules(path: str | Path = PATH) -> Modules:
    """The parts in float32 on the CPU and in evaluation mode.

    Raises:
        ValueError: no such file, or one that is no demo model of this version.
    """
    weights, modules = read(path), build()
    text_encoder = _named_as(modules.text_encoder, weights.text_encoder)
    with fitting(path):
        for module, state in zip(modules, (weights.unet, weights.vae, text_encoder), strict=True):
            module.load_state_dict(state)
    return modules


def _named_as(module: nn.Module, state: State) -> State:
    """The text encoder's state with or without the prefix, as the installed version of transformers has it."""
    prefix = TEXT_PREFIX if any(name.startswith(TEXT_PREFIX) for name in module.state_dict()) else ""
    return {f"{prefix}{name.removeprefix(TEXT_PREFIX)}": tensor for name, tensor in state.items()}
