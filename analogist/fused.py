"""Attention that also returns its log-sum-exp, from the kernels below torch's scaled_dot_product_attention.

With the log-sum-exp, attention over two sets of keys can be computed apart and put together exactly, which is how
Self-Attention Cloning does without a matrix of tokens x tokens.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend

FusedAttention = Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]
"""q, k, v (batch, heads, tokens, dim) and the factor of the logits -> the result and the log-sum-exp of its rows,
(batch, heads, tokens) in float32. Natural logarithm; queries may be fewer or more than keys."""


def fused_attention(q: Tensor, k: Tensor, v: Tensor) -> FusedAttention | None:
    """The kernel that torch would take for plain attention on tensors like these, or None where it has none.

    None too where a gradient is asked for: the kernels have none for the log-sum-exp.
    """
    if torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad):
        return None
    if q.device.type not in ("cpu", "cuda"):
        return None
    choice = torch._fused_sdp_choice(q, k, v)
    if choice == SDPBackend.MATH.value:
        return None
    if q.device.type == "cpu":
        return _cpu
    # The public function pads heads to a multiple of 8 for this one; called directly, it wants that done.
    if choice == SDPBackend.FLASH_ATTENTION.value and q.shape[-1] % 8 == 0:
        return _cuda_flash
    return _cuda_efficient


Attended = tuple[Tensor, Tensor]
"""A result (batch, heads, tokens, dim) and the log-sum-exp of its rows (batch, heads, tokens)."""


def merge(first: Attended, second: Attended) -> Attended:
    """One softmax over the keys of both."""
    (out, lse), (other_out, other_lse) = first, second
    share = torch.sigmoid(other_lse - lse).unsqueeze(-1)  # (B, H, N, 1): the second's part of the whole sum
    return torch.lerp(out, other_out, share.to(out.dtype)), torch.logaddexp(lse, other_lse)


def _cpu(q: Tensor, k: Tensor, v: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, scale=factor)
    return out, lse


def _cuda_flash(q: Tensor, k: Tensor, v: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, scale=factor)
    return out, lse


def _cuda_efficient(q: Tensor, k: Tensor, v: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    out, lse, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(q, k, v, None, True, scale=factor)
    return out, lse[..., : q.shape[-2]]  # The kernel rounds its rows up to its tile.
