"""The 2x2 grid of an analogy as a picture: its geometry, and composing, masking, marking and cropping it.

Everything here equals the published grid script pixel by pixel at its settings (square cells, a gutter of 2).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

from .cells import Cell

Size = tuple[int, int]
"""Width and height in pixels."""
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are not included."""

CELL_STEP = 64
"""Cells are multiples of this: 8 pixels to a latent, and 8 latents to a token of the UNet's deepest layer."""

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (230, 0, 0)
MARK_SIZE = 36
"""Side of the letters' squares and size of the letters at cells of 144 to 512 pixels, as published."""


class Layout(Enum):
    """Where the two pairs lie. With pairs in columns the cells of A' and B change places."""

    ROWS = "pairs in rows"
    COLUMNS = "pairs in columns"


class Fit(Enum):
    """How a picture of another shape gets into its cell."""

    STRETCH = "stretch"
    CROP = "crop"
    PAD = "pad"


class CropSize(Enum):
    """The size in which a cell is cut out: the cell's own, or the one that B had before it was fitted."""

    CELL = "cell"
    ORIGINAL_B = "original B"


@dataclass(frozen=True)
class AnalogyGrid:
    """The geometry of one 2x2 grid, in pixels.

    Attributes:
        cell_width, cell_height: size of a cell, a quarter of the grid; multiples of 64.
        layout: pairs in rows (A, A' / B, B') or in columns (A, B / A', B').
        fit: how pictures get into their cells.
        gutter: width of the white lines around and between the pictures; even, and small against the cell.
        b_size: width and height of B before it was fitted; what "original B" restores. None if not known.
    """

    cell_width: int = 256
    cell_height: int = 256
    layout: Layout = Layout.ROWS
    fit: Fit = Fit.STRETCH
    gutter: int = 2
    b_size: Size | None = None

    def __post_init__(self) -> None:
        for name, value in (("cell_width", self.cell_width), ("cell_height", self.cell_height)):
            if value < CELL_STEP or value % CELL_STEP:
                raise ValueError(
                    f"{name} is {value}, but must be a multiple of {CELL_STEP} pixels ({CELL_STEP}, 128, 192, ...)."
                )
        most = min(self.cell_width, self.cell_height) // 4
        if not 0 <= self.gutter <= most or self.gutter % 2:
            raise ValueError(
                f"gutter is {self.gutter}, but must be even and at most a quarter of the cell, {most} pixels."
            )

    @property
    def size(self) -> Size:
        """Size of the whole grid."""
        return 2 * self.cell_width, 2 * self.cell_height

    @property
    def tile_size(self) -> Size:
        """Size of a picture inside its cell: the cell less its share of the gutter."""
        lost = self.gutter + self.gutter // 2
        return self.cell_width - lost, self.cell_height - lost

    def position(self, picture: Cell) -> Cell:
        """The cell in which a picture of the analogy lies: with pairs in columns A' and B change places."""
        if self.layout is Layout.COLUMNS:
            return {Cell.A_PRIME: Cell.B, Cell.B: Cell.A_PRIME}.get(picture, picture)
        return picture

    def cell_box(self, position: Cell) -> Box:
        """The quarter of the grid at `position`."""
        row, column = position.value
        x, y = column * self.cell_width, row * self.cell_height
        return x, y, x + self.cell_width, y + self.cell_height

    def tile_box(self, position: Cell) -> Box:
        """The picture at `position`: the quarter less the white lines."""
        row, column = position.value
        x = self.cell_width + self.gutter // 2 if column else self.gutter
        y = self.cell_height + self.gutter // 2 if row else self.gutter
        width, height = self.tile_size
        return x, y, x + width, y + height


def compose(grid: AnalogyGrid, a: Image.Image, a_prime: Image.Image, b: Image.Image) -> Image.Image:
    """The grid I: A, A' and B in their places, B' black, white lines between them. RGB, `grid.size`.

    Grey pictures become RGB; alpha is dropped and not blended, as in the published script.
    """
    image = Image.new("RGB", grid.size, WHITE)
    for picture, content in ((Cell.A, a), (Cell.A_PRIME, a_prime), (Cell.B, b)):
        place(grid, image, picture, content)
    image.paste(BLACK, grid.tile_box(Cell.B_PRIME))
    return image


def place(grid: AnalogyGrid, image: Image.Image, picture: Cell, content: Image.Image) -> None:
    """Fit `content` into the tile of `picture`, in place."""
    source, target = fitting(content.size, grid.tile_size, grid.fit)
    tile = Image.new("RGB", grid.tile_size, WHITE)
    tile.paste(content.convert("RGB").crop(source).resize(_size(target), Resampling.BICUBIC), target)
    image.paste(tile, grid.tile_box(grid.position(picture)))


def canvas(grid: AnalogyGrid, image: Image.Image, b_prime_init: Image.Image | None = None) -> Image.Image:
    """The picture I' that sampling starts from: the grid with its bottom-left cell pasted into the bottom-right one.

    With `b_prime_init` that picture stands in B' instead.
    """
    start = image.copy()
    if b_prime_init is None:
        start.paste(image.crop(grid.cell_box(Cell.B)), grid.cell_box(Cell.B_PRIME))
    else:
        place(grid, start, Cell.B_PRIME, b_prime_init)
    return start


def mask(grid: AnalogyGrid) -> Image.Image:
    """White (255) where the model paints, the whole quarter of B', and black elsewhere. Mode L, `grid.size`."""
    image = Image.new("L", grid.size, 0)
    image.paste(255, grid.cell_box(Cell.B_PRIME))
    return image


def crop(grid: AnalogyGrid, image: Image.Image, picture: Cell, size: CropSize = CropSize.CELL) -> Image.Image:
    """Cut one picture out of a grid, without its white lines.

    Args:
        image: a picture of `grid.size`, or that size enlarged or reduced by one factor (an upscaled result).
        picture: which of A, A', B, B'; with pairs in columns it is looked up at its place there.
        size: CELL for the size of the cell (times the factor); ORIGINAL_B undoes the fitting of B: what was
            stretched is stretched back, padding is cut off. What cropping removed cannot come back, so there it is
            B's middle part at B's own scale.

    Raises:
        ValueError: `image` does not have the grid's shape, or the size of B is not known.
    """
    factor = image.width / grid.size[0]
    if image.width * grid.size[1] != image.height * grid.size[0]:
        raise ValueError(
            f"The picture is {image.width}x{image.height}, but this grid is {grid.size[0]}x{grid.size[1]}: "
            "crop a picture of that size, or of that shape if it was enlarged."
        )
    tile = image.crop(_scaled(grid.tile_box(grid.position(picture)), factor))
    if size is CropSize.CELL:
        return tile.resize((round(grid.cell_width * factor), round(grid.cell_height * factor)), Resampling.BICUBIC)
    if grid.b_size is None:
        raise ValueError("The size of the original B is not known to this grid; cut out the size of the cell.")
    source, target = fitting(grid.b_size, grid.tile_size, grid.fit)
    return tile.crop(_scaled(target, factor)).resize(_size(source), Resampling.BICUBIC)


def mark(grid: AnalogyGrid, image: Image.Image) -> Image.Image:
    """The grid as a vision model is shown it: a letter in each cell and red arrows from left to right.

    Letters and arrows follow the positions, as published: with pairs in columns the picture at the top right is
    called A' and the one at the bottom left B. A : A' :: B : B' then reads A : B :: A' : B', the same analogy.
    """
    marked = _with_letters(grid, image, {cell: cell.label for cell in Cell})
    marked.paste(RED, mask=_arrows(grid))
    return marked


def name_pictures(grid: AnalogyGrid, image: Image.Image) -> Image.Image:
    """The grid with each picture's own letter, for a person: with pairs in columns B is at the top right."""
    return _with_letters(grid, image, {grid.position(picture): picture.label for picture in Cell})


def _with_letters(grid: AnalogyGrid, image: Image.Image, letters: Mapping[Cell, str]) -> Image.Image:
    lettered = image.copy()
    side = _mark_size(grid)
    draw = ImageDraw.Draw(lettered)
    font = ImageFont.load_default(side)  # Ships inside Pillow, so it is there on every platform.
    for position, letter in letters.items():
        x, y, *_ = grid.tile_box(position)
        draw.rectangle((x, y, x + side, y + side), fill=BLACK)
        draw.text((x + side / 2, y + side / 2), letter, fill=WHITE, font=font, anchor="mm", stroke_width=side / 36)
    return lettered


def _mark_size(grid: AnalogyGrid) -> int:
    """36 pixels as published, less where that would hide the picture and more where it could not be read."""
    shorter = min(grid.cell_width, grid.cell_height)
    return min(MARK_SIZE, shorter // 4) if shorter <= 512 else MARK_SIZE * shorter // 512


def _arrows(grid: AnalogyGrid) -> Image.Image:
    """A mask of the two arrows across the middle line, one in each row; drawn one pixel wide, then thickened."""
    reach, radius = grid.cell_width // 10, max(1, min(grid.cell_width, grid.cell_height) // 128)
    barb = round(0.35 * 2 * reach * math.cos(math.pi / 4))
    lines = Image.new("1", grid.size)
    draw = ImageDraw.Draw(lines)
    for middle in (grid.cell_height // 2, grid.cell_height // 2 + grid.cell_height):
        tip = (grid.cell_width + reach, middle)
        draw.line([(grid.cell_width - reach, middle), tip], fill=1)
        draw.line([(tip[0] - barb, middle - barb), tip, (tip[0] - barb, middle + barb)], fill=1)
    thin = np.array(lines)
    thick = np.zeros_like(thin)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy <= radius * radius:
                thick |= np.roll(thin, (dy, dx), axis=(0, 1))
    return Image.fromarray(thick)


def fitting(picture: Size, tile: Size, fit: Fit) -> tuple[Box, Box]:
    """Which part of a picture (its pixels) goes to which part of a tile (its pixels)."""
    (pw, ph), (tw, th) = picture, tile
    if fit is Fit.CROP:
        width, height = min(pw, round(ph * tw / th)), min(ph, round(pw * th / tw))
        return _centred((max(1, width), max(1, height)), picture), (0, 0, tw, th)
    if fit is Fit.PAD:
        width, height = min(tw, round(th * pw / ph)), min(th, round(tw * ph / pw))
        return (0, 0, pw, ph), _centred((max(1, width), max(1, height)), tile)
    return (0, 0, pw, ph), (0, 0, tw, th)


def _centred(inner: Size, outer: Size) -> Box:
    x, y = (outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2
    return x, y, x + inner[0], y + inner[1]


def _scaled(box: Box, factor: float) -> Box:
    left, top, right, bottom = (round(edge * factor) for edge in box)
    return left, top, right, bottom


def _size(box: Box) -> Size:
    return box[2] - box[0], box[3] - box[1]
