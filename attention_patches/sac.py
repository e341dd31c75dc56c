"""Self-Attention Cloning as a patch of a ComfyUI MODEL."""

from functools import partial

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..analogist.cells import Sheet
from ..analogist.cloning import check_scale, clone_rows, clone_self_attention
from .ownership import unedited
from .patching import Call, Placement, patch_attention


def patched(model: ModelPatcher, scale: float, placement: Placement) -> ModelPatcher:
    """A clone of `model` in whose chosen self-attentions B' attends to A' as B to A, with logits scaled by `scale`.

    Raises:
        ValueError: a scale that is no finite number, and what `patch_attention` refuses.
    """
    check_scale(scale)
    edit = partial(_edit, scale=scale, sheet=placement.sheet)
    return patch_attention(model, "attn1", edit, placement, name="Self-Attention Cloning")


def _edit(call: Call, scale: float, sheet: Sheet) -> Tensor:
    heads = call.options["n_heads"]

    def split(x: Tensor) -> Tensor:  # (B, N, H * D) -> (B, H, N, D)
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    def join(x: Tensor) -> Tensor:  # (B, H, N, D) -> (B, N, H * D)
        return x.transpose(1, 2).flatten(2)

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return split(unedited(join(q), join(k), join(v), call.options, previous=None))

    q, k, v = split(call.q), split(call.k), split(call.v)
    if call.previous is None:
        return join(clone_self_attention(q, k, v, call.grid_size, scale, attention, sheet))
    # The cloned rows are ours; the others are those of the previous owner.
    whole = split(call.previous(call.q, call.k, call.v, call.options))
    return join(clone_rows(whole, q, k, v, call.grid_size, scale, sheet))
