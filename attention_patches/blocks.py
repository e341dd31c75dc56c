"""The transformer blocks of a ComfyUI model in execution order, and how the host addresses each."""

from collections.abc import Iterator
from dataclasses import dataclass

from comfy.ldm.modules.attention import SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.model_patcher import ModelPatcher

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
    unet = model.get_model_object("diffusion_model")
    unet = getattr(unet, "_orig_mod", unet)  # A UNet that was given to torch.compile.
    blocks = list(_walk(unet)) if isinstance(unet, UNetModel) else []
    if not blocks:
        raise ValueError(
            "expected a UNet with transformer blocks (Stable Diffusion 1.x, 2.x, SDXL), got a "
            f"{type(model.model).__name__} with a {type(unet).__name__}: SAC and CAM do not work with this model"
        )
    return blocks


def _walk(unet: UNetModel) -> Iterator[Block]:
    parts = (("input", unet.input_blocks), ("middle", [unet.middle_block]), ("output", unet.output_blocks))
    for name, stages in parts:
        for number, stage in enumerate(stages or ()):
            for module in stage or ():  # SSD-1B and Vega have no middle block.
                if isinstance(module, SpatialTransformer):
                    yield from (Block((name, number), index) for index in range(len(module.transformer_blocks)))
