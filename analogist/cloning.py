"""Self-Attention Cloning (SAC), Analogist (arXiv 2405.10316), section "Self-Attention Cloning"."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .fused import FusedAttention, fused_attention, merge
from .regions import Cell, TokenGrid, cell_slices, check_grid, write_cell

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Plain softmax attention on (batch, heads, tokens, dim); queries may be fewer than keys."""

ORDER = (Cell.A_PRIME, Cell.A, Cell.B, Cell.B_PRIME)
"""Cell by cell in this order, all keys but those of B' are one slice, and all but those of A' another."""


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
        attention: used for the rows that are not edited, so that a host's own kernel stays in charge of them. It is
            given the tokens cell by cell.

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
    fused = fused_attention(q, k, v)
    out = torch.empty_like(v)
    q, k, v = (_cell_by_cell(x, grid_size) for x in (q, k, v))
    n = q.shape[-2] // 4
    a_prime, a, b, b_prime = (slice(start, start + n) for start in range(0, 4 * n, n))
    all_but_b_prime, a_and_b, all_but_a_prime = slice(0, 3 * n), slice(n, 3 * n), slice(n, 4 * n)

    def edited(target: slice, own: slice, source: slice, source_keys: slice, target_values: slice) -> Tensor:
        """Rows of `target`: their own logits towards the keys `own`, those of `source` towards the fourth cell."""
        kept = q[..., target, :], k[..., own, :], v[..., own, :]
        cloned = q[..., source, :], k[..., source_keys, :], v[..., target_values, :]
        return _fused_rows(kept, cloned, scale, fused) if fused else _plain_rows(kept, cloned, scale)

    rows_of_a, rows_of_b = attention(q[..., a_and_b, :], k, v).chunk(2, dim=-2)
    write_cell(out, grid_size, Cell.A, rows_of_a)
    write_cell(out, grid_size, Cell.B, rows_of_b)
    write_cell(out, grid_size, Cell.A_PRIME, edited(a_prime, all_but_b_prime, a, b, b_prime))
    write_cell(out, grid_size, Cell.B_PRIME, edited(b_prime, all_but_a_prime, b, a, a_prime))
    return out


def _cell_by_cell(x: Tensor, grid_size: TokenGrid) -> Tensor:
    """The tokens of (..., h*w, dim) in the order of the cells, and in memory laid out as before."""
    h, w = grid_size
    ordered = torch.empty_like(x)
    places = ordered.unflatten(-2, (4, h // 2, w // 2))
    for place, cell in enumerate(ORDER):
        rows, columns = cell_slices(grid_size, cell)
        places[..., place, :, :, :] = x.unflatten(-2, grid_size)[..., rows, columns, :]
    return ordered


QKV = tuple[Tensor, Tensor, Tensor]


def _plain_rows(kept: QKV, cloned: QKV, scale: float) -> Tensor:
    """The definition: both sets of logits side by side, one softmax, then the values."""
    (q, k, v), (source_q, source_k, target_v) = kept, cloned
    # Half precision cannot hold every logit, and s makes them larger.
    precise = torch.promote_types(q.dtype, torch.float32)
    q, k, source_q, source_k = (x.to(precise) for x in (q, k, source_q, source_k))
    factor = q.shape[-1] ** -0.5
    logits = [factor * q @ k.mT, scale * factor * source_q @ source_k.mT]
    return torch.cat(logits, dim=-1).softmax(dim=-1).to(v.dtype) @ torch.cat([v, target_v], dim=-2)


def _fused_rows(kept: QKV, cloned: QKV, scale: float, fused: FusedAttention) -> Tensor:
    """The same from two fused attentions, put together by their log-sum-exps."""
    source_q, source_k, target_v = cloned
    factor = source_q.shape[-1] ** -0.5
    # The kernels find a row's largest logit before they multiply by the factor, so it must not be negative.
    scaled = fused(source_q if scale >= 0 else -source_q, source_k, target_v, abs(scale) * factor)
    return merge(fused(*kept, factor), scaled)
