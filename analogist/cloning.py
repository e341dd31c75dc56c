"""Self-Attention Cloning (SAC), Analogist (arXiv 2405.10316), section "Self-Attention Cloning"."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from .cells import Cell, TokenGrid, cell_tokens, check_grid, write_cell
from .fused import FusedAttention, fused_attention, merge

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Plain softmax attention on (batch, heads, tokens, dim); queries may be fewer than keys."""


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
    their logits, so they are plain attention. The matrix of tokens x tokens is never built here.

    Args:
        q, k, v: (batch, heads, tokens, dim), tokens in row-major order over `grid_size`.
        grid_size: height and width of the token grid; both even.
        scale: s, any finite number. 1 clones the logits, more sharpens them (1.3 in the paper), 0 flattens them.
        attention: used for the rows that are not edited, so that a host's own kernel stays in charge of them.

    Returns:
        (batch, heads, tokens, dim), before the output projection.

    Raises:
        ValueError: the token grid does not fit the tokens or does not fall into four equal cells; a scale that is not
            finite; other keys than queries.
    """
    _check(q, k, grid_size, scale)
    left = attention(_half(q, grid_size, 0), k, v)  # A above B: the rows that keep their logits
    return _joined(left, _cloned_rows(q, k, v, grid_size, scale), grid_size)


def clone_rows(out: Tensor, q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, scale: float = 1.3) -> Tensor:
    """The same on a finished attention result (batch, heads, tokens, dim): a copy with the rows of A', B' cloned."""
    _check(q, k, grid_size, scale)
    return _joined(_half(out, grid_size, 0), _cloned_rows(q, k, v, grid_size, scale), grid_size)


def _check(q: Tensor, k: Tensor, grid_size: TokenGrid, scale: float) -> None:
    check_grid(grid_size, q.shape[-2])
    if not math.isfinite(scale):
        raise ValueError(f"scale must be a finite number, got {scale}")
    if k.shape[-2] != q.shape[-2]:
        raise ValueError(f"expected as many keys as queries, got {q.shape[-2]} queries and {k.shape[-2]} keys")


def _half(x: Tensor, grid_size: TokenGrid, column: int) -> Tensor:
    """The tokens of the left (0: A above B) or the right (1: A' above B') half of the grid."""
    w = grid_size[1] // 2
    return x.unflatten(-2, grid_size)[..., column * w : (column + 1) * w, :].flatten(-3, -2)


def _joined(left: Tensor, right: Tensor, grid_size: TokenGrid) -> Tensor:
    h, w = grid_size
    return torch.cat([half.unflatten(-2, (h, w // 2)) for half in (left, right)], dim=-2).flatten(-3, -2)


def _cloned_rows(q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, scale: float) -> Tensor:
    """The rows of A' and, below them, of B'."""
    fused = fused_attention(q, k, v)
    if fused is None:
        return _widened_rows(q, k, v, grid_size, scale)
    return torch.cat([_merged_rows(q, k, v, grid_size, scale, clone, fused) for clone in CLONES], dim=-2)


@dataclass(frozen=True)
class Clone:
    """Rows of `target` see the keys of `beside` as those of `source` see the keys of `seen`, and all others plainly.

    Attributes:
        row: the row of cells that `target` and `source` are in.
    """

    target: Cell
    source: Cell
    beside: Cell
    seen: Cell
    row: int


CLONES = (
    Clone(Cell.A_PRIME, Cell.A, beside=Cell.B_PRIME, seen=Cell.B, row=0),
    Clone(Cell.B_PRIME, Cell.B, beside=Cell.A_PRIME, seen=Cell.A, row=1),
)


def _merged_rows(
    q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, scale: float, clone: Clone, fused: FusedAttention
) -> Tensor:
    """The rows of one cell: attention over its own row of cells, over `seen` and over `beside`, put together."""
    half, factor = q.shape[-2] // 2, q.shape[-1] ** -0.5
    row = slice(clone.row * half, (clone.row + 1) * half)

    def tokens(x: Tensor, cell: Cell) -> Tensor:
        return cell_tokens(x, grid_size, cell)

    own, source, seen = tokens(q, clone.target), tokens(q, clone.source), tokens(k, clone.seen)
    parts = [
        fused(own, k[..., row, :], v[..., row, :], factor),
        fused(own, seen, tokens(v, clone.seen), factor),
        # The kernels find a row's largest logit before they multiply by the factor, so it must not be negative.
        fused(source if scale >= 0 else -source, seen, tokens(v, clone.beside), abs(scale) * factor),
    ]
    out, _ = reduce(merge, parts)
    return out


def _widened_rows(q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, scale: float) -> Tensor:
    """The same as one public attention on heads of twice the size, both cells stacked along the batch.

    Queries are [own, s source]; keys are [k, 0], and [0, k of `seen`] at the place of `beside`.
    """
    # s makes queries larger than half precision may hold.
    precise = torch.promote_types(q.dtype, torch.float32)
    dim = q.shape[-1]

    def query(clone: Clone) -> Tensor:
        own, source = (cell_tokens(q, grid_size, cell).to(precise) for cell in (clone.target, clone.source))
        return torch.cat([own, scale * source], dim=-1)

    def key(clone: Clone) -> Tensor:
        keys = pad(k.to(precise), (0, dim))
        write_cell(keys, grid_size, clone.beside, pad(cell_tokens(k, grid_size, clone.seen).to(precise), (dim, 0)))
        return keys

    queries, keys = (torch.cat([part(clone) for clone in CLONES]) for part in (query, key))
    # As wide as the keys: for heads of two sizes torch has no fused kernel on the CPU and writes the logits out.
    values = pad(v.to(precise), (0, dim)).repeat(len(CLONES), 1, 1, 1)
    with _uncast(q.device):
        out = scaled_dot_product_attention(queries, keys, values, scale=dim**-0.5)[..., : v.shape[-1]]
    return torch.cat(out.to(v.dtype).chunk(len(CLONES)), dim=-2)


def _uncast(device: torch.device) -> AbstractContextManager[Any]:
    """Without autocast, which would bring the queries back to half precision."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
