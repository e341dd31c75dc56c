"""Self-Attention Cloning (SAC), Analogist (arXiv 2405.10316), section "Self-Attention Cloning"."""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from .cells import ONE_PAIR, Cell, Layout, Sheet, TokenGrid, cell_size, cell_tokens, check_grid
from .fused import Attended, FusedAttention, fused_attention, merge

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Plain softmax attention on (batch, heads, tokens, dim); queries may be fewer than keys."""


def clone_self_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    grid_size: TokenGrid,
    scale: float = 1.3,
    attention: Attention = scaled_dot_product_attention,
    sheet: Sheet = ONE_PAIR,
) -> Tensor:
    """Self-attention in which B' attends to A' as B to A, and A' to B' as A to B.

    On the scaled logits S = q k^T / sqrt(dim), before one softmax over the whole row:
    ``S[A', B'] = s S[A, B]`` and ``S[B', A'] = s S[B, A]`` (query first, key second). Rows of A and B keep
    their logits, so they are plain attention. The matrix of tokens x tokens is never built here.

    With n pairs, for each of them ``S[A'_i, B'] = s S[A_i, B]`` and ``S[B', A'_i] = s S[B, A_i] - log n``: B' looks
    at that example which resembles B, and at all together as much as it would at one.

    With pairs in columns A'_i and B exchange their roles, as in the paper's grid: ``S[B', B]`` comes from all
    ``s S[A'_i, A_i] - log n``, each a key of its own, and ``S[B, B']`` from all ``s S[A_i, A'_i] - log n``.

    Inside torch.vmap and torch.compile the public attention is used; torch 2.4 cannot compile it with `fullgraph=True`.

    Args:
        q, k, v: (batch, heads, tokens, dim), tokens in row-major order over `grid_size`.
        grid_size: height and width of the token grid; whole cells of the sheet, so both are even with one pair.
        scale: s, any finite number. 1 clones the logits, more sharpens them (1.3 in the paper), 0 flattens them.
        attention: used for the rows that are not edited, so that a host's own kernel stays in charge of them.
        sheet: where the cells lie.

    Returns:
        (batch, heads, tokens, dim), before the output projection.

    Raises:
        ValueError: the token grid does not fit the tokens or does not fall into equal cells; a scale that is not
            finite; other keys than queries.
    """
    _check(q, k, grid_size, scale, sheet)
    edits = _edits(sheet)
    kept = [cell for row in sheet.rows for cell in row if cell not in edits]
    queries = torch.cat([cell_tokens(q, grid_size, cell, sheet) for cell in kept], dim=-2)
    height, width = cell_size(grid_size, sheet)
    plain = attention(queries, k, v).split(height * width, dim=-2)
    rows = dict(zip(kept, plain, strict=True))
    return _joined(rows | edited_rows(q, k, v, grid_size, scale, sheet), grid_size, sheet)


def clone_rows(
    out: Tensor, q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, scale: float = 1.3, sheet: Sheet = ONE_PAIR
) -> Tensor:
    """The same on a finished attention result (batch, heads, tokens, dim): a copy whose edited rows are cloned."""
    _check(q, k, grid_size, scale, sheet)
    cloned = edited_rows(q, k, v, grid_size, scale, sheet)
    kept = {cell: cell_tokens(out, grid_size, cell, sheet) for row in sheet.rows for cell in row if cell not in cloned}
    return _joined(kept | cloned, grid_size, sheet)


def check_scale(scale: float) -> None:
    """Refuse what is no finite number: widgets and flags let NaN through, which is on neither side of any limit."""
    if not math.isfinite(scale):
        raise ValueError(f"scale must be a finite number, got {scale}")


def _check(q: Tensor, k: Tensor, grid_size: TokenGrid, scale: float, sheet: Sheet) -> None:
    check_grid(grid_size, q.shape[-2], sheet)
    check_scale(scale)
    if k.shape[-2] != q.shape[-2]:
        raise ValueError(f"expected as many keys as queries, got {q.shape[-2]} queries and {k.shape[-2]} keys")


@dataclass(frozen=True)
class _Clone:
    """The logits of a query's cell towards `key` come from those of `like_query` towards `like_key`."""

    key: Cell
    like_query: Cell
    like_key: Cell


def _edits(sheet: Sheet) -> dict[Cell, list[_Clone]]:
    """By the cell whose rows are edited, where their logits come from; several sources share one vote."""
    b, b_prime = Cell.B, Cell.B_PRIME
    if sheet.layout is Layout.ROWS:
        to_examples = {a_prime: [_Clone(b_prime, a, b)] for a, a_prime in sheet.examples}
        return {**to_examples, b_prime: [_Clone(a_prime, b, a) for a, a_prime in sheet.examples]}
    to_b = [_Clone(b_prime, a, a_prime) for a, a_prime in sheet.examples]
    return {b: to_b, b_prime: [_Clone(b, a_prime, a) for a, a_prime in sheet.examples]}


def _joined(rows: Mapping[Cell, Tensor], grid_size: TokenGrid, sheet: Sheet) -> Tensor:
    """The tokens of all cells in the order of the token grid."""
    size = cell_size(grid_size, sheet)
    bands = [torch.cat([rows[cell].unflatten(-2, size) for cell in row], dim=-2) for row in sheet.rows]
    return torch.cat(bands, dim=-3).flatten(-3, -2)


Keys = tuple[Tensor, Tensor]
"""Some of the keys and their values."""
Source = tuple[Tensor, Keys]
"""Queries whose logits are cloned, and the keys that they belong to, with the values of the cloned rows."""


def edited_rows(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    grid_size: TokenGrid,
    scale: float,
    sheet: Sheet,
    only: Container[Cell] | None = None,
) -> dict[Cell, Tensor]:
    """The rows of the edited cells (batch, heads, tokens of a cell, dim), or of some of them."""
    fused = fused_attention(q, k, v)

    def tokens(x: Tensor, cells: Sequence[Cell]) -> Tensor:
        parts = [cell_tokens(x, grid_size, cell, sheet) for cell in cells]
        return torch.cat(parts, dim=-2) if len(parts) > 1 else parts[0]

    def rows(target: Cell, clones: Sequence[_Clone]) -> Tensor:
        cloned = []
        for query in dict.fromkeys(clone.like_query for clone in clones):
            same = [clone for clone in clones if clone.like_query == query]
            keys = tokens(k, [clone.like_key for clone in same]), tokens(v, [clone.key for clone in same])
            cloned.append((tokens(q, [query]), keys))
        plain = [(k[..., band, :], v[..., band, :]) for band in _bands(grid_size, sheet, {one.key for one in clones})]
        rest = _outside_bands(sheet, {one.key for one in clones})
        if rest:
            plain.append((tokens(k, rest), tokens(v, rest)))
        return _attend(tokens(q, [target]), plain, cloned, scale, len(clones), fused)

    edits = _edits(sheet)
    return {target: rows(target, clones) for target, clones in edits.items() if only is None or target in only}


def _bands(grid_size: TokenGrid, sheet: Sheet, left_out: set[Cell]) -> list[slice]:
    """The tokens of whole rows of cells without any that is left out; they lie together, and need no copy."""
    height, width = cell_size(grid_size, sheet)
    tokens = height * width * sheet.shape[1]
    found: list[slice] = []
    for number, row in enumerate(sheet.rows):
        if left_out.isdisjoint(row):
            start = found.pop().start if found and found[-1].stop == number * tokens else number * tokens
            found.append(slice(start, (number + 1) * tokens))
    return found


def _outside_bands(sheet: Sheet, left_out: set[Cell]) -> list[Cell]:
    """The other cells that are not left out."""
    return [cell for row in sheet.rows if not left_out.isdisjoint(row) for cell in row if cell not in left_out]


def _attend(
    own: Tensor, plain: list[Keys], cloned: list[Source], scale: float, shared: int, fused: FusedAttention | None
) -> Tensor:
    """One softmax over the logits of `own` towards `plain` and `scale` times those of `cloned`, less log `shared`."""
    factor = own.shape[-1] ** -0.5
    if fused is None:
        return _widened(own, plain, cloned, scale, shared, factor)
    parts = [fused(own, k, v, factor) for k, v in plain]
    # The kernels find a row's largest logit before they multiply by the factor, so it must not be negative.
    found = [fused(source if scale >= 0 else -source, *keys, abs(scale) * factor) for source, keys in cloned]
    out, _ = reduce(merge, [*parts, *(_lowered(one, shared) for one in found)])
    return out


def _lowered(attended: Attended, shared: int) -> Attended:
    """As if log `shared` were taken from every logit."""
    out, lse = attended
    return (out, lse - math.log(shared)) if shared > 1 else attended


def _widened(own: Tensor, plain: list[Keys], cloned: list[Source], scale: float, shared: int, factor: float) -> Tensor:
    """The same as one public attention on wider heads: queries [own, s source], keys [k, 0] and [0, k].

    With several sources each has a part of its own, and the last number is 1 and what is added to the key's logits.
    """
    # s makes queries larger than half precision may hold.
    precise = torch.promote_types(own.dtype, torch.float32)
    parts = 1 + len(cloned)
    queries = torch.cat([own.to(precise), *(scale * source.to(precise) for source, _ in cloned)], dim=-1)
    keys = [_padded(k, 0, parts) for k, _ in plain]
    keys += [_padded(k, number, parts) for number, (_, (k, _)) in enumerate(cloned, 1)]
    values = [v for _, v in [*plain, *(one for _, one in cloned)]]
    k, v = (torch.cat(ones, dim=-2).to(precise) for ones in (keys, values))
    if shared > 1:
        lowered = sum(one.shape[-2] for _, (one, _) in cloned)
        added = torch.zeros(k.shape[-2], 1, dtype=precise, device=k.device)
        added[-lowered:] = -math.log(shared) / factor
        queries = pad(queries, (0, 1), value=1.0)
        k = torch.cat([k, added.expand(*k.shape[:-1], 1)], dim=-1)
    # As wide as the keys: for heads of two sizes torch has no fused kernel on the CPU and writes the logits out.
    width = v.shape[-1]
    v = pad(v, (0, k.shape[-1] - width))
    with _uncast(own.device):
        out = scaled_dot_product_attention(queries, k, v, scale=factor)
    return out[..., :width].to(values[0].dtype)


def _padded(k: Tensor, part: int, parts: int) -> Tensor:
    """Keys (..., dim) as one part of heads of `parts` times the size."""
    dim = k.shape[-1]
    return pad(k, (part * dim, (parts - 1 - part) * dim))


def _uncast(device: torch.device) -> AbstractContextManager[Any]:
    """Without autocast, which would bring the queries back to half precision."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
