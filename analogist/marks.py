"""Letters and arrows on the grid: for a vision model as published, and for a person."""

import math
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .cells import Cell
from .grid import BLACK, WHITE, AnalogyGrid, Layout

RED = (230, 0, 0)
MARK_SIZE = 36
"""Side of the letters' squares and size of the letters at cells of 144 to 512 pixels, as published."""


def mark(grid: AnalogyGrid, image: Image.Image) -> Image.Image:
    """The grid as a vision model is shown it: a name in each cell and a red arrow from the left to the right of a pair.

    With one pair names and arrows follow the positions, as published: with pairs in columns the image at the top right
    is called A' and the one at the bottom left B. A : A' :: B : B' then reads A : B :: A' : B', the same analogy. With
    several pairs every image has its own name, and in columns the arrows point down.
    """
    by_position = replace(grid, layout=Layout.ROWS) if grid.pairs == 1 else grid
    marked = name_images(by_position, image)
    marked.paste(RED, mask=arrows(by_position))
    return marked


def name_images(grid: AnalogyGrid, image: Image.Image) -> Image.Image:
    """The grid with each image's own name, for a person: with one pair in columns B is at the top right."""
    lettered = image.copy()
    side = _mark_size(grid)
    draw = ImageDraw.Draw(lettered)
    stroke = max(1, round(side / 36))  # Older versions of Pillow take whole pixels alone.
    font = ImageFont.load_default(side)  # Ships inside Pillow, so it is there on every platform.
    for cell in grid.sheet.cells:
        x, y, *_ = grid.tile_box(cell)
        name = grid.sheet.label(cell)
        wide = side if len(name) < 3 else side * 3 // 2
        draw.rectangle((x, y, x + wide, y + side), fill=BLACK)
        middle = (x + wide / 2, y + side / 2)
        draw.text(middle, name, fill=WHITE, font=font, anchor="mm", stroke_width=stroke)
    return lettered


def _mark_size(grid: AnalogyGrid) -> int:
    """36 pixels as published, less where that would hide the image and more where it could not be read."""
    shorter = min(grid.cell_width, grid.cell_height)
    return min(MARK_SIZE, shorter // 4) if shorter <= 512 else MARK_SIZE * shorter // 512


def arrows(grid: AnalogyGrid) -> Image.Image:
    """A mask of the arrows across the line between the images of each pair; drawn one pixel wide, then thickened."""
    down = grid.layout is Layout.COLUMNS
    reach = (grid.cell_height if down else grid.cell_width) // 10
    radius = max(1, min(grid.cell_width, grid.cell_height) // 128)
    barb = round(0.35 * 2 * reach * math.cos(math.pi / 4))
    lines = Image.new("1", grid.size)
    draw = ImageDraw.Draw(lines)

    def line(x: int, y: int, *along_and_across: tuple[int, int]) -> None:
        draw.line([(x + b, y + a) if down else (x + a, y + b) for a, b in along_and_across], fill=1)

    for cell, _ in (*grid.sheet.examples, (Cell.B, Cell.B_PRIME)):
        left, top, right, bottom = grid.cell_box(cell)
        x, y = (left + grid.cell_width // 2, bottom) if down else (right, top + grid.cell_height // 2)
        line(x, y, (-reach, 0), (reach, 0))
        line(x, y, (reach - barb, -barb), (reach, 0), (reach - barb, barb))
    thin = np.array(lines)
    thick = np.zeros_like(thin)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy <= radius * radius:
                thick |= np.roll(thin, (dy, dx), axis=(0, 1))
    return Image.fromarray(thick)
