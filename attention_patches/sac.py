"""Self-Attention Cloning as a patch of a ComfyUI MODEL."""

from functools import partial

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..analogist.cells import Sheet, TokenGrid
from ..analogist.cloning import clone_rows, clone_self_attention
from .ownership import Attention, Options, unedited
from .patching import Placement, patch_attention


def patched(model: ModelPatcher, scale: float, placement: Placement) -> ModelPatcher:
    """A clone of `model` in whose chosen self-attentions B' attends to A' as B to A, with logits scaled by `scale`."""
    edit = partial(_edit, scale=scale, sheet=placement.sheet)
    return patch_attention(model, "attn1", edit, placement, name="Self-Attention Cloning")


def _edit(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    grid_size: TokenGrid,
    options: Options,
    previous: Attention | None,
    *,
    scale: float,
    sheet: Sheet,
) -> Tensor:
    heads = options["n_heads"]

    def split(x: Tensor) -> Tensor:  # (B, N, H * D) -> (B, H, N, D)
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    def join(x: Tensor) -> Tensor:  # (B, H, N, D) -> (B, N, H * D)
        return x.transpose(1, 2).flatten(2)

    def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return split(unedited(join(q), join(k), join(v), options, previous=None))

    if previous is None:
        return join(clone_self_attention(split(q), split(k), split(v), grid_size, scale, attention, sheet))
    # The cloned rows are ours; the others look as the previous owner has them look.
    whole = split(previous(q, k, v, options))
    return join(clone_rows(whole, split(q), split(k), split(v), grid_size, scale, sheet))
