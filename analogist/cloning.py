"""Self-Attention Cloning (SAC), Analogist (arXiv 2405.10316), section "Self-Attention Cloning"."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .regions import Cell, TokenGrid, cell_slices, cell_tokens, check_grid, write_cell

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
    their logits, so they are plain attention.

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
    out = v.new_empty(*q.shape[:-1], v.shape[-1])
    unedited = torch.cat([cell_tokens(q, grid_size, cell) for cell in (Cell.A, Cell.B)], dim=-2)
    for cell, rows in zip((Cell.A, Cell.B), attention(unedited, k, v).chunk(2, dim=-2), strict=True):
        write_cell(out, grid_size, cell, rows)
    for target, source in ((Cell.A_PRIME, Cell.A), (Cell.B_PRIME, Cell.B)):
        write_cell(out, grid_size, target, _cloned_rows(q, k, v, grid_size, scale, target, source))
    return out


def _cloned_rows(
    q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, scale: float, target: Cell, source: Cell
) -> Tensor:
    """Attention of the rows of `target`, whose logits towards the other primed cell are those of `source`."""
    from_key, to_key = (Cell.B, Cell.B_PRIME) if source is Cell.A else (Cell.A, Cell.A_PRIME)
    # Float32: half precision cannot hold every logit, and s makes them larger.
    q, k = q.float() * q.shape[-1] ** -0.5, k.float()
    logits = cell_tokens(q, grid_size, target) @ k.mT  # (B, H, N/4, N)
    cloned = scale * (cell_tokens(q, grid_size, source) @ cell_tokens(k, grid_size, from_key).mT)  # (B, H, N/4, N/4)
    rows, columns = cell_slices(grid_size, to_key)
    h, w = grid_size
    logits.unflatten(-1, grid_size)[..., rows, columns] = cloned.unflatten(-1, (h // 2, w // 2))
    return logits.softmax(dim=-1).to(v.dtype) @ v
