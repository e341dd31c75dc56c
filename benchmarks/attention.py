"""SAC and CAM against plain fused attention, at the sizes of Stable Diffusion 1.5 and SDXL. Needs no ComfyUI.

python benchmarks/attention.py outputs/bench/attention.json
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from analogist import cloning
from analogist.cells import Cell, Sheet
from analogist.cloning import clone_self_attention
from analogist.masking import mask_cross_attention
from measure import compare, report

TEXT = 77
LEVELS = ((8, 8, 160), (16, 8, 160), (32, 8, 80), (64, 8, 40), (128, 8, 40))
"""Side of the token grid, heads, and dimension of a head: a 512 grid has the first four, a 1024 grid the last four."""
SDXL_LEVELS = ((32, 20, 64), (64, 10, 64))
"""Of a 1024 grid; the layers 4-8 (numbered as in SD 1.5) are all on the first."""


PAIRS_AT = (("SD 1.5", 32), ("SD 1.5", 64))


def pairs(like: Tensor, side: int) -> dict[str, Callable[[], object]]:
    """SAC's rows of B' alone, for 1 to 4 pairs of one size of cell: the same queries, more keys."""
    calls: dict[str, Callable[[], object]] = {}
    for number in range(1, 5):
        sheet = Sheet(number)
        rows, columns = sheet.shape
        tokens = rows * columns * side * side
        q, k, v = (torch.randn(*like.shape[:2], tokens, like.shape[-1]).to(like) for _ in range(3))
        whole = partial(rows_of_b_prime, q, k, v, (rows * side, columns * side), sheet)
        calls[f"{number} pair{'s' * (number > 1)}, {tokens} keys"] = whole
    return calls


def rows_of_b_prime(q: Tensor, k: Tensor, v: Tensor, size: tuple[int, int], sheet: Sheet) -> Tensor:
    return cloning.edited_rows(q, k, v, size, 1.3, sheet, only=(Cell.B_PRIME,))[Cell.B_PRIME]


def main(path: Path) -> None:
    cuda = torch.cuda.is_available()
    device, dtype = ("cuda", torch.float16) if cuda else ("cpu", torch.float32)
    with report(path) as results, torch.inference_mode():
        for family, side, heads, dim in [("SD 1.5", *level) for level in LEVELS] + [
            ("SDXL", *level) for level in SDXL_LEVELS
        ]:
            shape = (2, heads, side * side, dim)
            q, k, v = (torch.randn(shape, device=device, dtype=dtype) for _ in range(3))
            text = [torch.randn(2, heads, TEXT, dim, device=device, dtype=dtype) for _ in range(2)]
            rounds = 5 if side > 64 and not cuda else 30
            self_attention = {
                "plain": partial(scaled_dot_product_attention, q, k, v),
                "SAC": partial(clone_self_attention, q, k, v, (side, side), 1.3),
            }
            cross_attention = {
                "plain": partial(scaled_dot_product_attention, q, *text),
                "CAM": partial(mask_cross_attention, q, *text, (side, side)),
            }
            results += compare(f"{family} self-attention, {side * side} tokens", self_attention, rounds)
            if (family, side) in PAIRS_AT:
                results += compare(
                    f"{family} SAC by pairs, cells of {side // 2}x{side // 2}", pairs(q, side // 2), rounds
                )
            results += compare(f"{family} cross-attention, {side * side} tokens", cross_attention, rounds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
