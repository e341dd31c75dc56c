"""Cross-Attention Masking as a patch of a ComfyUI MODEL."""

from functools import partial

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..analogist.cells import Sheet, TokenGrid
from ..analogist.masking import mask_cross_attention, mask_rows
from .ownership import Attention, Options, unedited
from .patching import Placement, patch_attention


def patched(model: ModelPatcher, placement: Placement) -> ModelPatcher:
    """A clone of `model` in whose chosen cross-attentions only B' attends to the text."""
    edit = partial(_edit, sheet=placement.sheet)
    return patch_attention(model, "attn2", edit, placement, name="Cross-Attention Masking")


def _edit(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    grid_size: TokenGrid,
    options: Options,
    previous: Attention | None,
    *,
    sheet: Sheet,
) -> Tensor:
    if previous is not None:  # It may need to see every row, as IP-Adapter's attention masks do.
        return mask_rows(previous(q, k, v, options), grid_size, sheet)

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return unedited(q, k, v, options, previous=None)

    return mask_cross_attention(q, k, v, grid_size, attention, sheet)
