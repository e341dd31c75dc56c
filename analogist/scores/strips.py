"""Results as the published programs write them: one picture, with the grid, the canvas and the results side by side."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image
from PIL.Image import Resampling

from ..cells import Cell
from ..grid import (
    CELL_STEP,
    AnalogyGrid,
    Box,
    Layout,
    crop,
)
from ..images import open_picture

RESULTS = 8
"""Results in a published strip."""
EDGE = 2
"""Pixels of a grid over which bicubic enlarging mixes neighbours."""


class Strip(NamedTuple):
    """The grid that went in, and the results: the quarter of B' each, enlarged to the size of the grid."""

    grid: Image.Image
    results: tuple[Image.Image, ...]


class Cells(NamedTuple):
    """The pictures of an analogy, all of one size, and every B' that was painted for it."""

    a: Image.Image
    a_prime: Image.Image
    b: Image.Image
    b_primes: tuple[Image.Image, ...]


def is_strip(picture: Image.Image) -> bool:
    """Whether a picture has the shape of a strip: squares of a grid's size, at least grid, canvas and one result."""
    width, side = picture.size
    return side % (2 * CELL_STEP) == 0 and width % side == 0 and width >= 3 * side


def read_strip(path: str | Path, results: int = RESULTS) -> Strip:
    """Take a strip apart.

    The published score takes eight results from fixed places. Places outside the picture are black there, and a black
    tile gets a score like any other; here a strip with fewer or more results is refused, and so is a black result.

    Args:
        path: the file.
        results: how many there must be.

    Raises:
        ValueError: one sentence that names the file.
    """
    picture = open_picture(path)
    side = picture.height
    if not is_strip(picture):
        raise ValueError(
            f"The file {str(path)!r} is {picture.width}x{picture.height}, which is no strip: a grid, its canvas and "
            f"the results side by side, squares of {2 * CELL_STEP}, {4 * CELL_STEP}, {6 * CELL_STEP}, ... pixels."
        )
    tiles = [picture.crop((x, 0, x + side, side)) for x in range(0, picture.width, side)]
    found = tuple(tiles[2:])
    if len(found) != results:
        raise ValueError(f"The strip {str(path)!r} holds {len(found)} results, but {results} are to be scored.")
    for number, result in enumerate(found, 1):
        if result.getbbox() is None:
            raise ValueError(
                f"Result {number} of the strip {str(path)!r} is black: it is not there, or what painted it failed."
            )
    return Strip(tiles[0], found)


def published_cells(strip: Strip) -> Cells:
    """The tiles of the published score: A, A' and B without white lines, each B' with the lines at its edges."""
    grid = _geometry(strip, Layout.ROWS)
    a, a_prime, b = (crop(grid, strip.grid, cell) for cell in (Cell.A, Cell.A_PRIME, Cell.B))
    b_primes = (result.resize((grid.cell_width, grid.cell_height), Resampling.BICUBIC) for result in strip.results)
    return Cells(a, a_prime, b, tuple(b_primes))


def cells(strip: Strip, layout: Layout = Layout.ROWS) -> Cells:
    """All four pictures without white lines, cut alike: `EDGE` pixels inside each tile.

    Next to the lines a result holds some of their white, since it was enlarged with them.
    """
    grid = _geometry(strip, layout)
    size = (grid.cell_width, grid.cell_height)
    a, a_prime, b = (
        strip.grid.resize(size, Resampling.BICUBIC, box=_inside(grid.tile_box(grid.position(cell))))
        for cell in (Cell.A, Cell.A_PRIME, Cell.B)
    )
    x, y, *_ = grid.cell_box(Cell.B_PRIME)
    left, top, right, bottom = _inside(grid.tile_box(Cell.B_PRIME))
    # A result is that quarter of the grid, enlarged to the size of the grid.
    box = (2 * (left - x), 2 * (top - y), 2 * (right - x), 2 * (bottom - y))
    b_primes = (result.resize(size, Resampling.BICUBIC, box=box) for result in strip.results)
    return Cells(a, a_prime, b, tuple(b_primes))


def _geometry(strip: Strip, layout: Layout) -> AnalogyGrid:
    side = strip.grid.width // 2
    return AnalogyGrid(cell_width=side, cell_height=side, layout=layout)


def _inside(box: Box) -> Box:
    left, top, right, bottom = box
    return left + EDGE, top + EDGE, right - EDGE, bottom - EDGE
