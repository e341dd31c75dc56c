"""The grid of an analogy as an image: its geometry, and composing, masking and cropping it.

With one pair in square cells everything here equals the published grid script pixel by pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import ceil

from PIL import Image
from PIL.Image import Resampling
from torch import Tensor

from .cells import CELL_STEP as CELL_STEP
from .cells import Box as Box
from .cells import Cell, Sheet
from .cells import Fit as Fit
from .cells import Layout as Layout
from .cells import Size as Size
from .images import fitting, map_channels, with_detail, with_edge_repeated
from .published import GUTTER

MOST_UNEVEN = 2.1
"""An image with one side scaled over twice as much as the other is taken for another grid."""
REACH = 2
"""Pixels of the grid over which bicubic scaling mixes neighbours."""

MOST_STRETCH = 1.15
"""Where an image is stretched more than this, a person wants to know."""
DETAIL = 4
"""Pixels of the grid: what is finer can be taken from B, where only colors were to change."""

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


class CropSize(Enum):
    """The size in which a cell is cut out: the cell's own, or the one that B had before it was fitted."""

    CELL = "cell"
    ORIGINAL_B = "original B"


@dataclass(frozen=True)
class AnalogyGrid:
    """The geometry of a sheet, in pixels; with one pair it is the 2x2 grid of the paper.

    Attributes:
        cell_width, cell_height: size of a cell, with one pair a quarter of the grid; multiples of 64.
        layout: pairs in rows (A, A' / B, B') or in columns (A, B / A', B').
        fit: how images get into their cells.
        gutter: width of the white lines at the left and at the top; even, and small against the cell. The lines in the
            middle and at the end are 1.5 * gutter - 1 and 0.5 * gutter + 1 wide, as published: all equal at 2. With
            several pairs they are 1.5 and 0.5 * gutter wide, and every image lies alike in its cell.
        b_size: width and height of B before it was fitted; what "original B" restores. None if not known.
        pairs: number of example pairs.
    """

    cell_width: int = 256
    cell_height: int = 256
    layout: Layout = Layout.ROWS
    fit: Fit = Fit.STRETCH
    gutter: int = GUTTER
    b_size: Size | None = None
    pairs: int = 1

    def __post_init__(self) -> None:
        _ = self.sheet  # Refuses another number of pairs.
        for name, value in (("cell_width", self.cell_width), ("cell_height", self.cell_height)):
            if value < CELL_STEP or value % CELL_STEP:
                raise ValueError(
                    f"{name} must be a multiple of {CELL_STEP} pixels ({CELL_STEP}, 128, 192, ...), got {value}."
                )
        most = min(self.cell_width, self.cell_height) // 4
        if not 0 <= self.gutter <= most or self.gutter % 2:
            raise ValueError(
                f"gutter must be even and at most a quarter of the cell, {most} pixels, got {self.gutter}."
            )

    @property
    def sheet(self) -> Sheet:
        """Where the cells lie."""
        return Sheet(self.pairs, self.layout)

    @property
    def size(self) -> Size:
        """Size of the whole grid."""
        rows, columns = self.sheet.shape
        return columns * self.cell_width, rows * self.cell_height

    @property
    def tile_size(self) -> Size:
        """Size of an image inside its cell."""
        lost = self.gutter + self.gutter // 2
        return self.cell_width - lost, self.cell_height - lost

    def cell_box(self, cell: Cell) -> Box:
        """The part of the grid that is the cell."""
        row, column = self.sheet.place(cell)
        x, y = column * self.cell_width, row * self.cell_height
        return x, y, x + self.cell_width, y + self.cell_height

    def tile_box(self, cell: Cell) -> Box:
        """The image in the cell: the cell less the white lines."""
        row, column = self.sheet.place(cell)
        # As published, but where there are no lines: tiles would overlap.
        second = self.gutter if self.pairs > 1 else max(self.gutter - 1, 0)
        x = column * self.cell_width + (second if column else self.gutter)
        y = row * self.cell_height + (second if row else self.gutter)
        width, height = self.tile_size
        return x, y, x + width, y + height


def compose(
    grid: AnalogyGrid,
    a: Image.Image,
    a_prime: Image.Image,
    b: Image.Image,
    more_pairs: Sequence[tuple[Image.Image, Image.Image]] = (),
) -> Image.Image:
    """The grid I: A, A' and B in their places, B' black, white lines between them. RGB, `grid.size`.

    Gray images become RGB; alpha is dropped and not blended, as in the published script.

    Args:
        more_pairs: A and A' of the second pair and the following, as many as `grid` has; blank cells are white.

    Raises:
        ValueError: another number of pairs than `grid` has.
    """
    pairs = [(a, a_prime), *more_pairs]
    if len(pairs) != grid.pairs:
        raise ValueError(f"expected {grid.pairs} pairs for this grid, got {len(pairs)}")
    image = Image.new("RGB", grid.size, WHITE)
    contents = [content for pair in pairs for content in pair]
    for member, content in zip(grid.sheet.cells, [*contents, b], strict=False):
        place(grid, image, member, content)
    image.paste(BLACK, grid.tile_box(Cell.B_PRIME))
    return image


def place(grid: AnalogyGrid, image: Image.Image, member: Cell, content: Image.Image) -> None:
    """Fit `content` into the tile of `member`, in place."""
    source, target = fitting(content.size, grid.tile_size, grid.fit)
    tile = Image.new("RGB", grid.tile_size, WHITE)
    tile.paste(content.convert("RGB").crop(source).resize(_size(target), Resampling.BICUBIC), target)
    image.paste(tile, grid.tile_box(member))


def canvas(grid: AnalogyGrid, image: Image.Image, b_prime_init: Image.Image | None = None) -> Image.Image:
    """The image I' that sampling starts from: the grid with the cell beside B' pasted into the one of B'.

    With pairs in rows that is B; with pairs in columns A', of the first pair: what B' is aligned with, as published.
    With `b_prime_init` that image stands in B' instead.
    """
    start = image.copy()
    if b_prime_init is None:
        aligned = Cell.B if grid.layout is Layout.ROWS else Cell.A_PRIME
        start.paste(image.crop(grid.cell_box(aligned)), grid.cell_box(Cell.B_PRIME))
    else:
        place(grid, start, Cell.B_PRIME, b_prime_init)
    return start


def mask(grid: AnalogyGrid) -> Image.Image:
    """White (255) where the model renders, the whole cell of B', and black elsewhere. Mode L, `grid.size`."""
    image = Image.new("L", grid.size, 0)
    image.paste(255, grid.cell_box(Cell.B_PRIME))
    return image


def crop(grid: AnalogyGrid, image: Image.Image, member: Cell, size: CropSize = CropSize.CELL) -> Image.Image:
    """Cut one member of the analogy out of a grid, without its white lines.

    Args:
        image: an image of `grid.size`, or one that was enlarged or reduced, by a factor for each side: scalers round
            to pixels, to latents or to 64 pixels.
        member: which image.
        size: CELL for the size of the cell (times the scale); ORIGINAL_B undoes the fitting of B: what was
            stretched is stretched back, padding is cut off. What cropping removed cannot come back, so there it is
            B's middle part at B's own scale.

    Raises:
        ValueError: `image` cannot be that grid, since its cells are a few pixels small or its sides are scaled too
            differently; or the size of B is not known.
    """
    _check_scale(grid, image.size)
    left, top, right, bottom = grid.tile_box(member)
    if size is CropSize.CELL:
        rows, columns = grid.sheet.shape
        target = round(image.width / columns), round(image.height / rows)
    elif grid.b_size is None:
        raise ValueError("This grid does not contain the original size of B: use the size of the cell.")
    else:
        source, (x, y, x_end, y_end) = fitting(grid.b_size, grid.tile_size, grid.fit)
        left, top, right, bottom = left + x, top + y, left + x_end, top + y_end
        target = _size(source)
    return _cut(grid, image, (left, top, right, bottom)).resize(target, Resampling.BICUBIC)


def crop_tensor(grid: AnalogyGrid, images: Tensor, member: Cell, size: CropSize = CropSize.CELL) -> Tensor:
    """As `crop`, of a batch (B, H, W, C) of floats in [0, 1], which stay floats: (B, h, w, 3).

    Raises:
        ValueError: as `crop`, or not such a batch.
    """
    return map_channels(images, lambda channel: crop(grid, channel, member, size))


def valid_area(grid: AnalogyGrid, cut: Size, member: Cell, size: CropSize = CropSize.CELL) -> Image.Image:
    """White where an image of size `cut`, as `crop` gave it, shows the member; black where padding was. Mode L.

    The padding of A and A', whose sizes the grid does not know, counts as shown.
    """
    if grid.fit is not Fit.PAD or member.letter != "B" or size is CropSize.ORIGINAL_B or grid.b_size is None:
        return Image.new("L", cut, 255)
    _, box = fitting(grid.b_size, grid.tile_size, grid.fit)
    area = Image.new("L", cut, 0)
    across, down = (whole / tile for whole, tile in zip(cut, grid.tile_size, strict=True))
    left, top, right, bottom = box
    area.paste(255, (round(left * across), round(top * down), round(right * across), round(bottom * down)))
    return area


def with_detail_of_b(grid: AnalogyGrid, b_primes: Tensor, b: Tensor) -> Tensor:
    """B' (number, h, w, 3) in the size of the original B, with that image's own fine detail: for a change of colors.

    Args:
        b_primes: as `crop_tensor` gives them with ORIGINAL_B.
        b: the original B (1 or number, H, W, C).

    Raises:
        ValueError: `b` is not the B of this grid.
    """
    if (b.shape[2], b.shape[1]) != grid.b_size or len(b) not in (1, len(b_primes)):
        known = "unknown size" if grid.b_size is None else "x".join(map(str, grid.b_size))
        raise ValueError(
            f"expected the B of this grid, {known}, one or {len(b_primes)}, got {len(b)} of {b.shape[2]}x{b.shape[1]}"
        )
    (left, top, right, bottom), target = fitting(grid.b_size, grid.tile_size, grid.fit)
    width, height = _size(target)
    coarse = (max(1, width // DETAIL), max(1, height // DETAIL))
    return with_detail(b_primes, b[:, top:bottom, left:right], coarse)


def stretch(grid: AnalogyGrid, image: Size) -> float:
    """How much more an image is stretched along one side than along the other, 1 or more."""
    if grid.fit is not Fit.STRETCH:
        return 1.0
    (width, height), (tile_width, tile_height) = image, grid.tile_size
    ratio = width * tile_height / (height * tile_width)
    return max(ratio, 1 / ratio)


def unevenness(grid: AnalogyGrid, size: Size) -> float:
    """How much more one side of a scaled grid was scaled than the other, 1 or more."""
    ratio = size[0] * grid.size[1] / (size[1] * grid.size[0])
    return max(ratio, 1 / ratio)


def _check_scale(grid: AnalogyGrid, size: Size) -> None:
    """Refuse an image that is not this grid, or so small that nothing of a cell is clear of the lines."""
    least = 2 * REACH + 3  # A pixel between what mixed on both sides, and the pixels that an edge cuts through.
    lengths = zip(grid.tile_size, size, grid.size, strict=True)
    if any(tile * side < exact * least for tile, side, exact in lengths) or unevenness(grid, size) > MOST_UNEVEN:
        raise ValueError(
            f"expected the grid of the connected layout, {grid.size[0]}x{grid.size[1]}, or that scaled, "
            f"got {size[0]}x{size[1]}: connect the layout of the Grid Builder that made this image"
        )


def _cut(grid: AnalogyGrid, image: Image.Image, box: Box) -> Image.Image:
    """What lies in a box of the unscaled grid. At the edge of a scaled one pixels have mixed with those outside."""
    scales = list(zip(image.size, grid.size, strict=True))
    (left, right), (top, bottom) = (_scaled(box[i], box[i + 2], *scale) for i, scale in enumerate(scales))
    tile = image.crop((left, top, right, bottom))
    if image.size == grid.size:
        return tile
    mixed = [ceil(REACH * max(1, side / exact)) for side, exact in scales]
    return with_edge_repeated(tile, min(mixed[0], (tile.width - 1) // 2), min(mixed[1], (tile.height - 1) // 2))


def _scaled(start: int, end: int, side: int, exact: int) -> tuple[int, int]:
    """The whole pixels between two edges, scaled from `exact` to `side`; at least one."""
    first = -(-start * side // exact)
    return first, max(first + 1, end * side // exact)


def _size(box: Box) -> Size:
    return box[2] - box[0], box[3] - box[1]
