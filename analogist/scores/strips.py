"""Strips, the published format of results: one image with the grid, the canvas and the results side by side.

A strip written here carries its geometry as text of the PNG. For strips of other programs the user states it.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from PIL.Image import Resampling
from PIL.PngImagePlugin import PngInfo
from pydantic import ValidationError

from ..cells import Cell
from ..grid import REACH, AnalogyGrid, Box, Layout, canvas, crop
from ..images import open_image
from .unlabelled import GEOMETRY, NOTHING, RESULTS, assumed_geometry, reason
from .unlabelled import Asked as Asked
from .unlabelled import is_strip as is_strip

PNG_KEY = "analogist_grid"
"""Where a strip carries the geometry of its grid."""


class Strip(NamedTuple):
    """The grid that went in, the results, each the cell of B' enlarged to the grid's size, and the geometry."""

    image: Image.Image
    results: tuple[Image.Image, ...]
    grid: AnalogyGrid


class Cells(NamedTuple):
    """The images of an analogy, all of one size, and every B' that was rendered for it."""

    a: Image.Image
    a_prime: Image.Image
    b: Image.Image
    b_primes: tuple[Image.Image, ...]
    more_pairs: tuple[tuple[Image.Image, Image.Image], ...] = ()


def join(grid: AnalogyGrid, image: Image.Image, results: Iterable[Image.Image]) -> Image.Image:
    """The strip of a grid and of its sampled grids, of which it shows the cell of B', white lines and all."""
    quarter = grid.cell_box(Cell.B_PRIME)
    tiles = [image, canvas(grid, image), *(one.crop(quarter).resize(grid.size) for one in results)]
    joined = Image.new("RGB", (len(tiles) * grid.size[0], grid.size[1]))
    for number, tile in enumerate(tiles):
        joined.paste(tile, (number * grid.size[0], 0))
    return joined


def png_text(grid: AnalogyGrid) -> PngInfo:
    """What a strip carries in its PNG."""
    text = PngInfo()
    text.add_text(PNG_KEY, GEOMETRY.dump_json(replace(grid, b_size=None)).decode())
    return text


def carried_grid(image: Image.Image, path: Path) -> AnalogyGrid | None:
    """The geometry that an image carries; None where there is none.

    Raises:
        ValueError: the text is there and is no geometry.
    """
    text = image.info.get(PNG_KEY)
    try:
        return None if text is None else GEOMETRY.validate_json(text)
    except ValidationError as error:
        raise ValueError(
            f"The text chunk {PNG_KEY!r} in {str(path)!r} is not a grid geometry: {reason(error)}"
        ) from None


def read_strip(path: str | Path, asked: Asked = NOTHING) -> Strip:
    """Take a strip apart.

    The published score takes eight results from fixed places. Places outside the image are black there, and a black
    tile gets a score like any other; here a strip with fewer or more results is refused, and so is a black result.

    Args:
        path: the file.
        asked: what the user states; a contradiction with the strip is an error.

    Raises:
        ValueError: one sentence that names the file.
    """
    image, path = open_image(path), Path(path)
    grid = _geometry(image, path, asked)
    if not is_strip(image, grid):
        raise ValueError(
            f"The file {str(path)!r} is {image.width}x{image.height}, which is not a strip of a grid of "
            f"{grid.size[0]}x{grid.size[1]}, its canvas and results of that size side by side."
        )
    side, height = grid.size
    tiles = [image.crop((x, 0, x + side, height)) for x in range(0, image.width, side)]
    found = tuple(tiles[2:])
    expected = asked.results or (len(found) if PNG_KEY in image.info else RESULTS)
    if len(found) != expected:
        raise ValueError(f"The strip {str(path)!r} must hold {expected} results, got {len(found)}.")
    for number, result in enumerate(found, 1):
        if result.getbbox() is None:
            raise ValueError(
                f"Result {number} of the strip {str(path)!r} is black: it is missing, or rendering it failed."
            )
    return Strip(tiles[0], found, grid)


def _geometry(image: Image.Image, path: Path, asked: Asked) -> AnalogyGrid:
    """What the strip says, if it agrees with what is asked; else what is asked, and the published format."""
    carried = carried_grid(image, path)
    if carried is None:
        return assumed_geometry(image, path, asked)
    for name, value in asked.known.items():
        if value != getattr(carried, name):
            words = [getattr(one, "value", one) for one in (value, getattr(carried, name))]
            raise ValueError(f"The {name} of the strip {str(path)!r} is {words[1]}, but {words[0]} was requested.")
    return carried


def published_cells(strip: Strip) -> Cells:
    """The tiles of the published score: A, A' and B by place without white lines, each B' with its lines."""
    grid = replace(strip.grid, layout=Layout.ROWS) if strip.grid.pairs == 1 else strip.grid
    a, a_prime, b = (crop(grid, strip.image, cell) for cell in (Cell.A, Cell.A_PRIME, Cell.B))
    b_primes = (result.resize((grid.cell_width, grid.cell_height), Resampling.BICUBIC) for result in strip.results)
    return Cells(a, a_prime, b, tuple(b_primes))


def inputs(strip: Strip) -> Cells:
    """The images that went in, without white lines, in the size of a cell; no B'."""
    grid = strip.grid
    first, *more = (
        (crop(grid, strip.image, a), crop(grid, strip.image, a_prime)) for a, a_prime in grid.sheet.examples
    )
    return Cells(*first, crop(grid, strip.image, Cell.B), (), tuple(more))


def cells(strip: Strip) -> Cells:
    """All four images without white lines, cut alike: `REACH` pixels inside each tile.

    Next to the lines a result holds some of their white, since it was enlarged with them.
    """
    grid = strip.grid
    size = (grid.cell_width, grid.cell_height)

    def inside(cell: Cell) -> Image.Image:
        return strip.image.resize(size, Resampling.BICUBIC, box=_inside(grid.tile_box(cell)))

    (a, a_prime), *more = ((inside(one), inside(other)) for one, other in grid.sheet.examples)
    x, y, *_ = grid.cell_box(Cell.B_PRIME)
    left, top, right, bottom = _inside(grid.tile_box(Cell.B_PRIME))
    # A result is that cell of the grid, enlarged to the size of the grid.
    rows, columns = grid.sheet.shape
    box = (columns * (left - x), rows * (top - y), columns * (right - x), rows * (bottom - y))
    b_primes = (result.resize(size, Resampling.BICUBIC, box=box) for result in strip.results)
    return Cells(a, a_prime, inside(Cell.B), tuple(b_primes), tuple(more))


def _inside(box: Box) -> Box:
    left, top, right, bottom = box
    return left + REACH, top + REACH, right - REACH, bottom - REACH
