"""The transformer blocks of a ComfyUI model in execution order, and how the host addresses each."""

from collections.abc import Iterator
from dataclasses import dataclass

from comfy.ldm.modules.attention import SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import Downsample, UNetModel, Upsample
from comfy.model_patcher import ModelPatcher

from ..analogist import layers

Stage = tuple[str, int]
"""A block of the UNet, ("input" | "middle" | "output", number): the two-part address of its transformer blocks."""
Address = tuple[str, int, int]
"""One transformer block: its stage and its index in there."""


@dataclass(frozen=True)
class Block:
    """One transformer block: the stage that holds it, and its index in there."""

    stage: Stage
    index: int

    @property
    def address(self) -> Address:
        return (*self.stage, self.index)


def transformer_blocks(model: ModelPatcher) -> list[Block]:
    """All transformer blocks of a UNet in execution order; the position in the list is the layer number.

    Stable Diffusion 1.x and 2.x have 16, SDXL has 70.

    Raises:
        ValueError: the model is no UNet with such blocks (a diffusion transformer, say).
    """
    return [Block(stage, index) for stage, depth, _ in _stages(model) for index in range(depth)]


def structure(model: ModelPatcher) -> layers.Structure:
    """The stages that hold those blocks, in the same order."""
    parts: dict[str, layers.Part] = {"input": "down", "middle": "middle", "output": "up"}
    return [layers.Stage(parts[name], ratio, depth) for (name, _), depth, ratio in _stages(model)]


def _stages(model: ModelPatcher) -> list[tuple[Stage, int, int]]:
    """Each stage with its number of transformer blocks and the latent's side over its own."""
    unet = model.get_model_object("diffusion_model")
    unet = getattr(unet, "_orig_mod", unet)  # A UNet that was given to torch.compile.
    stages = list(_walk(unet)) if isinstance(unet, UNetModel) else []
    if not stages:
        raise ValueError(
            "expected a UNet with transformer blocks (Stable Diffusion 1.x, 2.x, SDXL), got a "
            f"{type(model.model).__name__} with a {type(unet).__name__}: SAC and CAM do not work with this model"
        )
    return stages


def _walk(unet: UNetModel) -> Iterator[tuple[Stage, int, int]]:
    parts = (("input", unet.input_blocks), ("middle", [unet.middle_block]), ("output", unet.output_blocks))
    ratio = 1
    for name, stages in parts:
        for number, stage in enumerate(stages):
            for module in stage or ():  # KOALA and its like have no middle block.
                if isinstance(module, SpatialTransformer):
                    yield (name, number), len(module.transformer_blocks), ratio
                elif isinstance(module, Downsample):
                    ratio *= 2
                elif isinstance(module, Upsample):
                    ratio //= 2
