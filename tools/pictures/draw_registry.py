"""Draw the icon and the banner of the pack's page in the Comfy registry.

python -m tools.pictures.draw_registry

Both show one analogy in a 2x2 grid: a gray shape is to the same shape in color as another gray shape is to what the
model renders. The registry takes an icon of at most 400x400 pixels and a banner of 21:9.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.Image import Resampling

DOCS = Path(__file__).parents[2] / "docs"
ICON, BANNER = (400, 400), (1260, 540)
FINE = 4
"""How much larger everything is drawn before it is reduced, for smooth edges."""

Color = tuple[int, int, int]
Box = tuple[float, float, float, float]
NIGHT: Color = (27, 31, 43)
PAPER: Color = (244, 241, 234)
GREY: Color = (150, 154, 164)
CORAL: Color = (242, 100, 72)
GOLD: Color = (255, 196, 77)
CELLS = (("disc", GREY), ("disc", CORAL), ("star", GREY), ("star", CORAL))
"""A, A', B and B'."""


def star(centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    angles = np.linspace(0, 2 * np.pi, 11)[:-1] - np.pi / 2
    radii = np.tile([radius, 0.48 * radius], 5)
    x, y = centre
    return [(x + r * np.cos(angle), y + r * np.sin(angle)) for r, angle in zip(radii, angles, strict=True)]


def analogy(draw: ImageDraw.ImageDraw, left: float, top: float, side: float) -> None:
    """The grid of four cells in a square; the cell of B' has a frame."""
    gap = side * 0.06
    cell = (side - gap) / 2
    for number, (shape, color) in enumerate(CELLS):
        x, y = left + (number % 2) * (cell + gap), top + (number // 2) * (cell + gap)
        result = number == len(CELLS) - 1
        draw.rounded_rectangle(
            (x, y, x + cell, y + cell),
            radius=cell * 0.14,
            fill=PAPER,
            outline=GOLD if result else None,
            width=round(cell * 0.06),
        )
        middle, radius = (x + cell / 2, y + cell / 2), cell * 0.29
        if shape == "disc":
            draw.ellipse((middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius), fill=color)
        else:
            draw.polygon(star(middle, radius * 1.22), fill=color)


def canvas(size: tuple[int, int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBA", (size[0] * FINE, size[1] * FINE))
    return image, ImageDraw.Draw(image)


def icon() -> Image.Image:
    """On a dark tile with round corners, transparent outside of them."""
    image, draw = canvas(ICON)
    side = image.width
    draw.rounded_rectangle((0, 0, side - 1, side - 1), radius=side * 0.18, fill=NIGHT)
    analogy(draw, side * 0.13, side * 0.13, side * 0.74)
    return image.resize(ICON, Resampling.LANCZOS)


def banner() -> Image.Image:
    image, draw = canvas(BANNER)
    width, height = image.size
    draw.rectangle((0, 0, width, height), fill=NIGHT)
    side = height * 0.7
    margin = (height - side) / 2
    analogy(draw, margin, margin, side)
    lines: Sequence[tuple[str, float, Color, float]] = (
        ("Analogist", 0.19, PAPER, 0.22),
        ("Do to B what A' did to A.", 0.085, GOLD, 0.5),
        ("Visual in-context learning in ComfyUI,", 0.062, GREY, 0.66),
        ("without training.", 0.062, GREY, 0.745),
    )
    for text, size, color, top in lines:
        font = ImageFont.load_default(height * size)
        draw.text((2 * margin + side, height * top), text, color, font)
    return image.convert("RGB").resize(BANNER, Resampling.LANCZOS).quantize(64)


def main() -> None:
    for name, image in (("icon", icon()), ("banner", banner())):
        image.save(DOCS / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
