"""Cross-Attention Masking (CAM), Analogist (arXiv 2405.10316), section "Cross-Attention Masking"."""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from .cells import ONE_PAIR, Cell, Sheet, TokenGrid, cell_tokens, check_grid, write_cell
from .cloning import Attention


def mask_cross_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    grid_size: TokenGrid,
    attention: Attention = scaled_dot_product_attention,
    sheet: Sheet = ONE_PAIR,
) -> Tensor:
    """Cross-attention in which only the tokens of B' listen to the text.

    The attention weights of the rows of all other cells become 0 after the softmax, without renormalisation: their
    result is exactly 0 here, and exactly the bias of the output projection behind it.

    Args:
        q: (batch, heads, image tokens, dim), tokens in row-major order over `grid_size`.
        k, v: (batch, heads, text tokens, dim).
        grid_size: height and width of the image's token grid; whole cells of the sheet, so both are even with one pair.
        attention: plain attention for the rows of B'; the others are never computed.
        sheet: where the cells lie.

    Returns:
        (batch, heads, image tokens, dim), before the output projection.

    Raises:
        ValueError: the token grid does not fit the tokens or does not fall into equal cells.
    """
    check_grid(grid_size, q.shape[-2], sheet)
    out = torch.zeros(*q.shape[:-1], v.shape[-1], dtype=v.dtype, device=v.device)
    b_prime = attention(cell_tokens(q, grid_size, Cell.B_PRIME, sheet), k, v)
    write_cell(out, grid_size, Cell.B_PRIME, b_prime, sheet)
    return out


def mask_rows(out: Tensor, grid_size: TokenGrid, sheet: Sheet = ONE_PAIR) -> Tensor:
    """The same on a finished attention result (..., image tokens, dim): a copy with all rows but those of B' zero."""
    check_grid(grid_size, out.shape[-2], sheet)
    masked = torch.zeros_like(out)
    write_cell(masked, grid_size, Cell.B_PRIME, cell_tokens(out, grid_size, Cell.B_PRIME, sheet), sheet)
    return masked
