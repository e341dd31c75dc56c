"""Cross-Attention Masking as a patch of a ComfyUI MODEL."""

from functools import partial

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..analogist.cells import Sheet
from ..analogist.masking import mask_cross_attention, mask_rows
from .ownership import unedited
from .patching import Call, Placement, patch_attention


def patched(model: ModelPatcher, placement: Placement) -> ModelPatcher:
    """A clone of `model` in whose chosen cross-attentions only B' attends to the text."""
    edit = partial(_edit, sheet=placement.sheet)
    return patch_attention(model, "attn2", edit, placement, name="Cross-Attention Masking")


def _edit(call: Call, sheet: Sheet) -> Tensor:
    q, k, v = call.q, call.k, call.v
    if call.previous is not None:  # It may need to see every row, as IP-Adapter's attention masks do.
        return mask_rows(call.previous(q, k, v, call.options), call.grid_size, sheet)
    attention = partial(unedited, options=call.options, previous=None)
    return mask_cross_attention(q, k, v, call.grid_size, attention, sheet)
