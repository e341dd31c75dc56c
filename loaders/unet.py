"""The host's UNet with levels of any widths; the host itself makes each a whole multiple of the first."""

from collections.abc import Sequence
from typing import Any

from comfy.ldm.modules.attention import SpatialTransformer
from comfy.ldm.modules.diffusionmodules.openaimodel import (
    Downsample,
    ResBlock,
    TimestepEmbedSequential,
    UNetModel,
    Upsample,
)
from torch import nn

from ..analogist.demo.configuration import DemoConfiguration


def host_config(demo: DemoConfiguration) -> dict[str, Any]:
    """The UNet in the terms of the host, for which `LevelledUNet` then makes levels of their own widths."""
    levels, deepest = len(demo.widths), len(demo.widths) - 1
    return {
        "image_size": demo.side,
        "in_channels": 9,
        "out_channels": 4,
        "model_channels": demo.widths[0],
        "num_res_blocks": [demo.blocks] * levels,
        "channel_mult": [1] * levels,
        "use_spatial_transformer": True,
        "transformer_depth": [1] * (demo.blocks * deepest) + [0] * demo.blocks,
        "transformer_depth_output": [1] * ((demo.blocks + 1) * deepest) + [0] * (demo.blocks + 1),
        "transformer_depth_middle": 1,
        "context_dim": demo.text_width,
        "use_linear_in_transformer": False,
        "legacy": False,
        "widths": list(demo.widths),
    }


class LevelledUNet(UNetModel):
    """A UNet whose levels have the `widths`, built by the host and then block by block again of its own classes."""

    middle_block: nn.Module

    def __init__(self, *, widths: Sequence[int], context_dim: int, operations: Any, **outline: Any) -> None:
        super().__init__(context_dim=context_dim, operations=operations, **outline)
        self._made = {"dtype": self.dtype, "device": outline.get("device"), "operations": operations}
        self._context_dim = context_dim
        skips = [widths[0]]
        blocks = self.num_res_blocks[0] + 1  # With the one that halves the size, and on the way up as many.
        for number, block in enumerate(self.input_blocks[1:]):
            width = widths[number // blocks]
            self.input_blocks[number + 1] = self._again(block, skips[-1], width)
            skips.append(width)
        before = skips[-1]
        self.middle_block = self._again(self.middle_block, before, before)
        for number, block in enumerate(self.output_blocks):
            width = widths[-1 - number // blocks]
            self.output_blocks[number] = self._again(block, before + skips.pop(), width)
            before = width

    def _again(self, block: nn.Module, before: int, width: int) -> TimestepEmbedSequential:
        """The same layers, from `before` channels to `width`."""
        layers: list[nn.Module] = []
        for layer in block.children():
            layers.append(self._layer(layer, before, width))
            before = width
        return TimestepEmbedSequential(*layers)

    def _layer(self, layer: nn.Module, before: int, width: int) -> nn.Module:
        if isinstance(layer, ResBlock):
            return ResBlock(before, layer.emb_channels, layer.dropout, width, **self._made)
        if isinstance(layer, SpatialTransformer):
            heads, options = self.num_heads, {"context_dim": self._context_dim, "use_checkpoint": False}
            return SpatialTransformer(width, heads, width // heads, **options, **self._made)
        resize = Downsample if isinstance(layer, Downsample) else Upsample
        return resize(width, True, out_channels=width, **self._made)
