"""Self-Attention Cloning (SAC), Analogist (arXiv 2405.10316), section "Self-Attention Cloning"."""

import math
from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .cells import Cell, TokenGrid, cell_tokens, check_grid
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
    half = q.shape[-2] // 2
    fused = fused_attention(q, k, v)

    def tokens(x: Tensor, cell: Cell) -> Tensor:
        return cell_tokens(x, grid_size, cell)

    def rows(target: Cell, source: Cell, row: slice, other: Cell, cloned: Cell) -> Tensor:
        """Rows of `target`: plain towards its own row of cells and `other`, those of `source` towards `cloned`."""
        return _attend(
            tokens(q, target),
            [(k[..., row, :], v[..., row, :]), (tokens(k, other), tokens(v, other))],
            tokens(q, source),
            (tokens(k, other), tokens(v, cloned)),
            scale,
            fused,
        )

    upper, lower = slice(half), slice(half, None)
    a_prime = rows(Cell.A_PRIME, Cell.A, upper, Cell.B, Cell.B_PRIME)
    return torch.cat([a_prime, rows(Cell.B_PRIME, Cell.B, lower, Cell.A, Cell.A_PRIME)], dim=-2)


Keys = tuple[Tensor, Tensor]
"""Some of the keys and their values."""


def _attend(
    own: Tensor, plain: list[Keys], source: Tensor, cloned: Keys, scale: float, fused: FusedAttention | None
) -> Tensor:
    """One softmax over the logits of `own` towards `plain` and `scale` times those of `source` towards `cloned`."""
    factor = own.shape[-1] ** -0.5
    if fused is None:
        return _widened(own, plain, source, cloned, scale, factor)
    parts = [fused(own, k, v, factor) for k, v in plain]
    # The kernels find a row's largest logit before they multiply by the factor, so it must not be negative.
    parts.append(fused(source if scale >= 0 else -source, *cloned, abs(scale) * factor))
    out, _ = reduce(merge, parts)
    return out


def _widened(own: Tensor, plain: list[Keys], source: Tensor, cloned: Keys, scale: float, factor: float) -> Tensor:
    """The same as one public attention on heads of twice the size: queries [own, s source], keys [k, 0] and [0, k]."""
    # s makes queries larger than half precision may hold.
    precise = torch.promote_types(own.dtype, torch.float32)
    queries = torch.cat([own.to(precise), scale * source.to(precise)], dim=-1)
    keys = [torch.nn.functional.pad(k, (0, k.shape[-1])) for k, _ in plain]
    keys.append(torch.nn.functional.pad(cloned[0], (cloned[0].shape[-1], 0)))
    values = [v for _, v in [*plain, cloned]]
    k, v = (torch.cat(parts, dim=-2).to(precise) for parts in (keys, values))
    return scaled_dot_product_attention(queries, k, v, scale=factor).to(values[0].dtype)
