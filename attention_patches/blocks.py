"""The paper's layer numbers and the transformer blocks of a ComfyUI model."""

from collections.abc import Iterator
from dataclasses import dataclass

from comfy.ldm.modules.attention import SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.model_patcher import ModelPatcher


@dataclass(frozen=True)
class Block:
    """One transformer block as the host addresses it.

    Attributes:
        name: ``input``, ``middle`` or ``output``.
        number: of the UNet block that holds it.
        index: of the transformer block in there.
        alone: whether that UNet block holds no other transformer block, as everywhere in SD 1.x and 2.x.
    """

    name: str
    number: int
    index: int
    alone: bool


def transformer_blocks(model: ModelPatcher) -> list[Block]:
    """All transformer blocks of a UNet in the order in which they run; the position in the list is the layer number.

    Stable Diffusion 1.x and 2.x have 16, SDXL has 70.

    Raises:
        ValueError: the model is no UNet with such blocks (a diffusion transformer, say).
    """
    unet = model.get_model_object("diffusion_model")
    blocks = list(_walk(unet)) if isinstance(unet, UNetModel) else []
    if not blocks:
        raise ValueError(
            f"SAC and CAM work inside the transformer blocks of a UNet (Stable Diffusion 1.x, 2.x, SDXL); this model "
            f"is a {type(model.model).__name__} with a {type(unet).__name__}, which has none."
        )
    return blocks


def _walk(unet: UNetModel) -> Iterator[Block]:
    parts = (("input", unet.input_blocks), ("middle", [unet.middle_block]), ("output", unet.output_blocks))
    for name, stages in parts:
        for number, stage in enumerate(stages):
            for module in stage:
                if isinstance(module, SpatialTransformer):
                    depth = len(module.transformer_blocks)
                    yield from (Block(name, number, index, alone=depth == 1) for index in range(depth))
