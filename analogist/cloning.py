"""Self-Attention Cloning (SAC), Analogist (arXiv 2405.10316), section "Self-Attention Cloning"."""

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .cells import (
    Cell,
    TokenGrid,
    cell_tokens,
    check_grid,
    write_cell,
)
from .fused import FusedAttention, fused_attention, merge

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Plain softmax attention on (batch, heads, tokens, dim); queries may be fewer than keys."""

Part = tuple[Tensor, Tensor, Tensor, float]
"""Queries, some of the keys and their values, and the factor of the logits between them."""


def clone_self_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    grid_size: TokenGrid,
    scale: float = 1.3,
    attention: Attention = scaled_dot_product_attention,
) -> Tensor:
    """Self-attention in which B' looks at A' as B looks at A, and A' at B' as A at B.

    On the scaled logits S = q k^T / sqrt(dim), before one softmax over the whole row:
    ``S[A', B'] = s S[A, B]`` and ``S[B', A'] = s S[B, A]`` (query first, key second). Rows of A and B keep
    their logits, so they are plain attention. Computed without the matrix of tokens x tokens where the device has
    a fused kernel for it; both ways are exact.

    Args:
        q, k, v: (batch, heads, tokens, dim), tokens in row-major order over `grid_size`.
        grid_size: height and width of the token grid; both even.
        scale: s, any finite number. 1 clones the logits, more sharpens them (1.3 in the paper), 0 flattens them.
        attention: used for the rows that are not edited, so that a host's own kernel stays in charge of them.

    Returns:
        (batch, heads, tokens, dim), before the output projection.

    Raises:
        ValueError: the token grid does not fit the tokens or does not fall into four equal cells.
    """
    check_grid(grid_size, q.shape[-2])
    if k.shape[-2] != q.shape[-2]:
        raise ValueError(
            f"Self-Attention Cloning needs a key for every query, but there are {q.shape[-2]} queries "
            f"and {k.shape[-2]} keys."
        )
    (h, w), half = grid_size, q.shape[-2] // 2
    fused = fused_attention(q, k, v)
    out = torch.empty_like(v)

    def tokens(x: Tensor, cell: Cell) -> Tensor:
        return cell_tokens(x, grid_size, cell)

    def edited(target: Cell, source: Cell, row: slice, other: Cell, cloned: Cell) -> Tensor:
        """Rows of `target`: plain towards its own row of cells and `other`, those of `source` towards `cloned`."""
        own, other_k = tokens(q, target), tokens(k, other)
        parts: list[Part] = [
            (own, k[..., row, :], v[..., row, :], 1.0),
            (own, other_k, tokens(v, other), 1.0),
            (tokens(q, source), other_k, tokens(v, cloned), scale),
        ]
        return _fused_rows(parts, fused) if fused else _plain_rows(parts)

    left = (..., slice(None), slice(w // 2), slice(None))  # A above B: the rows that keep their logits
    unedited = q.unflatten(-2, grid_size)[left].flatten(-3, -2)
    out.unflatten(-2, grid_size)[left] = attention(unedited, k, v).unflatten(-2, (h, w // 2))
    upper, lower = slice(half), slice(half, None)
    write_cell(out, grid_size, Cell.A_PRIME, edited(Cell.A_PRIME, Cell.A, upper, Cell.B, Cell.B_PRIME))
    write_cell(out, grid_size, Cell.B_PRIME, edited(Cell.B_PRIME, Cell.B, lower, Cell.A, Cell.A_PRIME))
    return out


def _plain_rows(parts: Sequence[Part]) -> Tensor:
    """The definition: all logits side by side, one softmax, then the values."""
    logits, values = [], []
    for q, k, v, scale in parts:
        # Half precision cannot hold every logit, and s makes them larger.
        precise = torch.promote_types(q.dtype, torch.float32)
        logits.append(scale * q.shape[-1] ** -0.5 * q.to(precise) @ k.to(precise).mT)
        values.append(v)
    return torch.cat(logits, dim=-1).softmax(dim=-1).to(values[0].dtype) @ torch.cat(values, dim=-2)


def _fused_rows(parts: Sequence[Part], fused: FusedAttention) -> Tensor:
    """The same from one fused attention for each part, put together by their log-sum-exps."""
    attended = (
        # The kernels find a row's largest logit before they multiply by the factor, so it must not be negative.
        fused(q if scale >= 0 else -q, k, v, abs(scale) * q.shape[-1] ** -0.5)
        for q, k, v, scale in parts
    )
    out, _ = reduce(merge, attended)
    return out
