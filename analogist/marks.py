"""Letters and arrows on the grid: for a vision model as published, and for a person."""

import math
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .cells import Cell
from .grid import BLACK, WHITE, AnalogyGrid

RED = (230, 0, 0)
MARK_SIZE = 36
"""Side of the letters' squares and size of the letters at cells of 144 to 512 pixels, as published."""


def mark(grid: AnalogyGrid, image: Image.Image) -> Image.Image:
    """The grid as a vision model is shown it: a letter in each cell and red arrows from left to right.

    Letters and arrows follow the positions, as published: with pairs in columns the image at the top right is
    called A' and the one at the bottom left B. A : A' :: B : B' then reads A : B :: A' : B', the same analogy.
    """
    marked = _with_letters(grid, image, {cell: cell.label for cell in Cell})
    marked.paste(RED, mask=_arrows(grid))
    return marked


def name_images(grid: AnalogyGrid, image: Image.Image) -> Image.Image:
    """The grid with each image's own letter, for a person: with pairs in columns B is at the top right."""
    return _with_letters(grid, image, {grid.position(member): member.label for member in Cell})


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
    """36 pixels as published, less where that would hide the image and more where it could not be read."""
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
