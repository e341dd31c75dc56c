"""The geometry of a strip that carries none: what is stated, else the published one, held against its pixels.

Three things in a strip tell them apart: its second tile is the canvas of the first, which only holds where both are cut
at the right places; cells without a pair are white, which tells 4 pairs from 5 and 6 from 7, whose canvas is the same;
and B' is black in a grid, so its edges show how wide the white lines are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from ..cells import SHAPES, Cell, Sheet
from ..grid import CELL_STEP, AnalogyGrid, Layout, canvas

GEOMETRY = TypeAdapter(AnalogyGrid)
RESULTS = 8
"""Results in a published strip."""

ALIKE = 16.0
"""Levels of 255 by which the mean of a square of 64 pixels may be off: what JPEG and a palette do to equal tiles."""
BLACK, MIDDLE, NEAR_WHITE, PURE_WHITE = 48, 128, 200, 245
"""Levels of 255. White lines of two pixels are darker than white in a JPEG; wider ones are not."""
WHITE_SHARE = 0.95
"""Share of the pixels of white lines that are nearer to white than to black."""
FLAGS = {"cell_width": "--cell-width", "gutter": "--gutter", "layout": "--layout", "pairs": "--pairs"}


@dataclass(frozen=True)
class Asked:
    """What the user states about strips; None means as stored in the strip, otherwise the published format."""

    results: int | None = None
    layout: Layout | None = None
    cell_width: int | None = None
    gutter: int | None = None
    pairs: int | None = None

    @property
    def known(self) -> dict[str, Any]:
        """What is stated about the geometry, by the names of `AnalogyGrid`."""
        return {name: getattr(self, name) for name in FLAGS if getattr(self, name) is not None}


NOTHING = Asked()


def assumed_geometry(image: Image.Image, path: Path, asked: Asked) -> AnalogyGrid:
    """The stated geometry, and the published one where nothing is stated, if the strip's pixels agree.

    Raises:
        ValueError: they do not, or fit another geometry as well; the sentence says what to state.
    """
    grid = _assumed(image, path, asked)
    others = [other for other in _possible(image) if not _is_cut_alike(other, grid) and _fits(image, other)]
    if not _fits(image, grid):
        raise ValueError(
            f"The strip {str(path)!r} is {image.width}x{image.height} and carries no geometry: expected a grid of "
            f"{_size(grid.size)} ({_cells(grid)}) and its canvas beside it, got other images there; "
            f"{_advice(image, others, asked)}"
        )
    others = [other for other in others if _may_be_meant(image, other, grid, asked)]
    if others:
        choices = " or ".join(_flags(image, one, asked) for one in (grid, others[0]))
        raise ValueError(
            f"The strip {str(path)!r} carries no geometry and can be read in several ways, as {_cells(grid)} or as "
            f"{_cells(others[0])}: state {choices}."
        )
    if asked.gutter is None:
        _check_gutter(image, grid, path)
    return grid


def is_strip(image: Image.Image, grid: AnalogyGrid | None = None) -> bool:
    """Whether an image has the shape of a strip: at least a grid, its canvas and one result, by default of squares."""
    if grid is None:
        width, whole = image.height, image.height % (2 * CELL_STEP) == 0
    else:
        width, whole = grid.size[0], image.height == grid.size[1]
    return whole and image.width % width == 0 and image.width >= 3 * width


def reason(error: ValidationError) -> str:
    """What pydantic found first, in the words of the class that refused it."""
    return error.errors()[0]["msg"].removeprefix("Value error, ")


def _assumed(image: Image.Image, path: Path, asked: Asked) -> AnalogyGrid:
    try:
        rows, _ = Sheet(asked.pairs or 1, asked.layout or Layout.ROWS).shape
        side = image.height // rows
        grid = GEOMETRY.validate_python({"cell_width": side, "cell_height": side, **asked.known})
    except ValueError as error:
        why = reason(error) if isinstance(error, ValidationError) else str(error)
        raise ValueError(_no_strip(image, path, f": {why}", asked)) from None
    if not is_strip(image, grid):
        what = f" of a grid of {_size(grid.size)}, its canvas and results of that size side by side."
        raise ValueError(_no_strip(image, path, what, asked))
    return grid


def _no_strip(image: Image.Image, path: Path, why: str, asked: Asked) -> str:
    found = [other for other in _possible(image) if _fits(image, other)]
    hint = f" It fits {_cells(found[0])}: state {_flags(image, found[0], asked)}." if found else ""
    return f"The file {str(path)!r} is {image.width}x{image.height}, which is not a strip{why}{hint}"


def _possible(image: Image.Image) -> Iterator[AnalogyGrid]:
    """Every geometry of which an image of this size may be a strip, the fewest pairs first."""
    widths = [width for width in range(2 * CELL_STEP, image.width // 3 + 1, CELL_STEP) if image.width % width == 0]
    for pairs in SHAPES:
        for layout in Layout if pairs > 1 else (Layout.ROWS,):  # Of one pair both have the same canvas.
            rows, columns = Sheet(pairs, layout).shape
            height, rest = divmod(image.height, rows)
            for width in widths:
                if rest == 0 and height and height % CELL_STEP == 0 and width % (columns * CELL_STEP) == 0:
                    yield AnalogyGrid(width // columns, height, layout, gutter=0, pairs=pairs)


def _is_cut_alike(one: AnalogyGrid, other: AnalogyGrid) -> bool:
    """Whether both have their cells in the same places; one pair lies there in either layout."""
    same = (one.cell_width, one.cell_height, one.pairs) == (other.cell_width, other.cell_height, other.pairs)
    return same and (one.pairs == 1 or one.layout is other.layout)


def _fits(image: Image.Image, grid: AnalogyGrid) -> bool:
    """Whether the second tile is the canvas of the first, and that has as many pairs as the geometry says."""
    return _is_cut_as(image, grid) and _has_the_pairs_of(image, grid)


def _is_cut_as(image: Image.Image, grid: AnalogyGrid) -> bool:
    width, height = grid.size
    first, second = (image.crop((x, 0, x + width, height)) for x in (0, width))
    off = np.abs(np.asarray(canvas(grid, first), dtype=np.int16) - np.asarray(second, dtype=np.int16))
    squares = off.reshape(height // CELL_STEP, CELL_STEP, width // CELL_STEP, CELL_STEP, 3).mean((1, 3, 4))
    return bool(squares.max() <= ALIKE)


def _has_the_pairs_of(image: Image.Image, grid: AnalogyGrid) -> bool:
    """Whether all cells without a pair are blank, and its last pair is not, where fewer pairs have the same cells."""
    blank = [cell for row in grid.sheet.rows for cell in row if not cell.letter]
    last = grid.sheet.examples[-1]
    may_be_blank = SHAPES.get(grid.pairs - 1) == SHAPES[grid.pairs]
    return all(_is_blank(image, grid, cell) for cell in blank) and not (
        may_be_blank and all(_is_blank(image, grid, cell) for cell in last)
    )


def _is_blank(image: Image.Image, grid: AnalogyGrid, cell: Cell) -> bool:
    """Whether a cell is white all over; next to its edges a lossy file mixes it with its neighbors."""
    left, top, right, bottom = grid.cell_box(cell)
    across, down = grid.cell_width // 8, grid.cell_height // 8
    inside = np.asarray(image.crop((left + across, top + down, right - across, bottom - down)))
    return bool(inside.min() >= NEAR_WHITE and inside.mean() > PURE_WHITE)


def _may_be_meant(image: Image.Image, other: AnalogyGrid, grid: AnalogyGrid, asked: Asked) -> bool:
    """Whether nothing that is stated speaks against the other geometry, and no lines that only the assumed one has."""
    if any(getattr(other, name) != value for name, value in asked.known.items() if name != "gutter"):
        return False
    lined = replace(other, gutter=min(grid.gutter, _gutters(other)[-1].gutter))
    return _has_white_lines(image, lined) or not _has_white_lines(image, grid)


def _has_white_lines(image: Image.Image, grid: AnalogyGrid) -> bool:
    lines = np.asarray(image.crop((0, 0, *grid.size)))[_lines(grid)]
    return not lines.size or bool((lines.mean(axis=-1) >= MIDDLE).mean() >= WHITE_SHARE)


def _check_gutter(image: Image.Image, grid: AnalogyGrid, path: Path) -> None:
    """Refuse a strip whose lines are of another width, or where B' is not black and does not show it."""
    pixels = np.asarray(image.crop((0, 0, *grid.size)))
    box = _black_box(pixels, grid)
    said = f"The strip {str(path)!r} carries no geometry: expected white lines of {grid.gutter} pixels, got "
    if box is not None:
        found = min(_gutters(grid), key=lambda one: (_distance(one, box), one.gutter))
        if _distance(found, box) < _distance(grid, box):
            raise ValueError(f"{said}such of {found.gutter}: state --gutter {found.gutter}.")
        return
    if not _has_white_lines(image, grid):
        raise ValueError(f"{said}other pixels there: state --gutter, 0 where there are no lines.")
    wider = next((one for one in _gutters(grid) if one.gutter == grid.gutter + 2), None)
    if wider is not None and pixels[_lines(wider) & ~_lines(grid)].mean() > PURE_WHITE:
        raise ValueError(f"{said}more white than that, and no black B' to measure them by: state --gutter.")


def _gutters(grid: AnalogyGrid) -> list[AnalogyGrid]:
    return [replace(grid, gutter=gutter) for gutter in range(0, min(grid.cell_width, grid.cell_height) // 4 + 1, 2)]


def _black_box(pixels: NDArray[np.uint8], grid: AnalogyGrid) -> tuple[int, ...] | None:
    """The edges of the black tile in the cell of B'; None where that is not black."""
    left, top, right, bottom = grid.cell_box(Cell.B_PRIME)
    cell = pixels[top:bottom, left:right].max(axis=-1)
    height, width = cell.shape
    inner = cell[height // 4 : -(height // 4), width // 4 : -(width // 4)]
    if np.quantile(inner, 0.99) > BLACK:
        return None
    across = np.median(cell[height // 4 : -(height // 4)], axis=0) < MIDDLE
    down = np.median(cell[:, width // 4 : -(width // 4)], axis=1) < MIDDLE
    (x, *_, x_end), (y, *_, y_end) = np.flatnonzero(across), np.flatnonzero(down)
    return left + int(x), top + int(y), left + int(x_end) + 1, top + int(y_end) + 1


def _distance(grid: AnalogyGrid, box: tuple[int, ...]) -> int:
    return sum(abs(one - other) for one, other in zip(grid.tile_box(Cell.B_PRIME), box, strict=True))


def _lines(grid: AnalogyGrid) -> NDArray[np.bool_]:
    """Which pixels of a grid (height, width) are lines between the images."""
    width, height = grid.size
    lines = np.ones((height, width), dtype=bool)
    for cell in (cell for row in grid.sheet.rows for cell in row):
        left, top, right, bottom = grid.tile_box(cell)
        lines[top:bottom, left:right] = False
    return lines


def _advice(image: Image.Image, others: list[AnalogyGrid], asked: Asked) -> str:
    if others:
        ways = " or ".join(f"{_cells(other)} ({_flags(image, other, asked)})" for other in others[:2])
        return f"it fits {ways}."
    return f"state {', '.join(FLAGS.values())}, or score the file as `run` wrote it."


def _flags(image: Image.Image, grid: AnalogyGrid, asked: Asked) -> str:
    """How the command line is told of a geometry and of the number of results."""
    said: Mapping[str, object] = {"--cell-width": grid.cell_width}
    if grid.pairs > 1:
        said = {**said, "--pairs": grid.pairs, "--layout": grid.layout.name.lower()}
    results = image.width // grid.size[0] - 2
    if results != (asked.results or RESULTS):
        said = {**said, "--num-images-per-prompt": results}
    return " ".join(f"{flag} {value}" for flag, value in said.items())


def _cells(grid: AnalogyGrid) -> str:
    rows, columns = grid.sheet.shape
    cells = f"cells of {grid.cell_width}x{grid.cell_height}"
    return f"{rows}x{columns} {cells} with {grid.pairs} pairs" if grid.pairs > 1 else cells


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
