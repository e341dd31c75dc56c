"""A small world of drawn images with captions, and analogies in it whose answer is known.

The demo model is trained on this world and measured in it. It is small on purpose: everything stands upright in the
middle of its cell, in one size, and differs enough in brightness from its background to be seen without color.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from PIL import Image, ImageDraw

from analogist.grid import AnalogyGrid

GRID = AnalogyGrid(cell_width=64, cell_height=64, gutter=0)
"""The grid of the demo model; without white lines, so that a thing has the same latents in every cell."""
SIDE = GRID.tile_size[0]
FINE = 4
"""Images are drawn this much larger and averaged down: smooth edges."""

Color = tuple[int, int, int]
COLORS: dict[str, Color] = {
    "red": (214, 40, 40),
    "orange": (250, 150, 30),
    "yellow": (250, 220, 60),
    "green": (40, 150, 70),
    "blue": (40, 80, 200),
    "white": (245, 245, 245),
    "black": (25, 25, 25),
}
SHAPES = ("star", "heart", "cat", "fish", "house", "tree", "mug", "leaf")
PATTERNS = ("plain", "striped", "dotted")
STYLES = ("filled", "outlined")
FILTERS = ("none", "black and white")
CONTRAST = 60
"""Least difference in brightness (0..255) between a thing and its background."""
RADIUS = 0.45
"""Half of the longer side of a thing, in cell widths; one for all, since B at much noise does not show its size."""
LINE = 1 / 13
"""Width of an outline, in cell widths."""

CHOICES: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "color": tuple(COLORS),
    "background": tuple(COLORS),
    "pattern": PATTERNS,
    "style": STYLES,
    "filter": FILTERS,
}
ATTRIBUTES = tuple(CHOICES)
"""What a caption names and an analogy may change."""


def brightness(color: str) -> float:
    """ITU-R 601 luma, 0..255."""
    return float(np.dot(COLORS[color], (0.299, 0.587, 0.114)))


@dataclass(frozen=True)
class Scene:
    """One image, in words of `CHOICES`.

    Raises:
        ValueError: too little contrast, or an outline with a pattern.
    """

    shape: str
    color: str
    background: str
    pattern: str = "plain"
    style: str = "filled"
    filter: str = "none"

    def __post_init__(self) -> None:
        for name, words in CHOICES.items():
            if getattr(self, name) not in words:
                raise ValueError(f"expected {name} to be one of {', '.join(words)}, got {getattr(self, name)!r}")
        if abs(brightness(self.color) - brightness(self.background)) < CONTRAST:
            raise ValueError(f"expected a visible thing, got {self.color} on {self.background}")
        if self.style == "outlined" and self.pattern != "plain":
            raise ValueError(f"expected an outlined thing to be plain, got {self.pattern}")

    @property
    def is_held_out(self) -> bool:
        """Whether shape and color meet only in held-out analogies and in no image of the training."""
        return (2 * SHAPES.index(self.shape) + 3 * list(COLORS).index(self.color)) % 7 == 0

    def caption(self, leave_out: frozenset[str] = frozenset()) -> str:
        """ "a striped red star on a blue background, black and white", without the attributes in `leave_out`."""
        seen = {name: getattr(self, name) for name in ATTRIBUTES if name not in leave_out}
        adjectives = [seen.get(name) for name in ("style", "pattern", "color")]
        words = [word for word in adjectives if word not in (None, "filled", "plain")] + [seen.get("shape", "thing")]
        text = f"{'an' if words[0].startswith('o') else 'a'} {' '.join(words)}"
        if "background" in seen:
            text += f" on {'an' if seen['background'].startswith('o') else 'a'} {seen['background']} background"
        return text if seen.get("filter") in (None, "none") else f"{text}, {seen['filter']}"


@cache
def scenes() -> tuple[Scene, ...]:
    """All there are, held out or not."""
    found = []
    for words in product(*CHOICES.values()):
        try:
            found.append(Scene(*words))
        except ValueError:  # No contrast, or a patterned outline.
            continue
    return tuple(found)


@cache
def training_scenes() -> tuple[Scene, ...]:
    return tuple(scene for scene in scenes() if not scene.is_held_out)


# Drawing


def render(scene: Scene, side: int = SIDE) -> Image.Image:
    """The image of a scene, RGB, `side` pixels square."""
    full = side * FINE
    stencil = Image.new("L", (full, full))
    draw = ImageDraw.Draw(stencil)
    for polygon, ink in parts(scene.shape):
        points = [tuple(point) for point in ((polygon * RADIUS + 0.5) * full).tolist()]
        if scene.style == "outlined":
            draw.line([*points, *points[:2]], fill=255, width=round(full * LINE * 0.8), joint="curve")
        else:
            draw.polygon(points, fill=255 * ink)
    inside = Image.new("RGB", (full, full), COLORS[scene.color])
    if scene.pattern != "plain":
        inside.paste(second_color(scene.color), mask=marks(scene.pattern, side))
    image = Image.composite(inside, Image.new("RGB", (full, full), COLORS[scene.background]), stencil).reduce(FINE)
    return image.convert("L").convert("RGB") if scene.filter == "black and white" else image


def second_color(color: str) -> Color:
    """Of a pattern: a darker shade of a bright color, a lighter one of a dark color."""
    toward, share = (0, 0.55) if brightness(color) > 125 else (255, 0.6)
    red, green, blue = (round(c + (toward - c) * share) for c in COLORS[color])
    return red, green, blue


@cache
def marks(pattern: str, side: int) -> Image.Image:
    """Where the second color of a pattern is; mode 1, at the fine size."""
    full = side * FINE
    y, x = np.mgrid[:full, :full] * (16 / full)  # Sixteenths of the cell, four pixels each in a cell of 64.
    where = {
        "striped": (x + y) % 4 < 2,
        "dotted": (x % 4 - 2) ** 2 + (y % 4 - 2) ** 2 < 1.7,
    }
    return Image.fromarray(where[pattern])


@cache
def parts(shape: str) -> tuple[tuple[np.ndarray, int], ...]:
    """Polygons (points, 2) in -1..1, y down, each with 1 where it is filled and 0 where it is a hole."""
    return SHAPE_PARTS[shape]()


def _polygon(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points)


def _ellipse(x: float, y: float, a: float, b: float) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([x + a * np.sin(t), y - b * np.cos(t)], axis=1)


def _star() -> tuple[tuple[np.ndarray, int], ...]:
    angle = np.pi * np.arange(10) / 5
    radius = np.where(np.arange(10) % 2, 0.45, 1.05)
    return ((np.stack([radius * np.sin(angle), 0.08 - radius * np.cos(angle)], axis=1), 1),)


def _heart() -> tuple[tuple[np.ndarray, int], ...]:
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return ((np.stack([np.sin(t) ** 3, y - 0.05], axis=1), 1),)


def _cat() -> tuple[tuple[np.ndarray, int], ...]:
    """A head from the front, with pointed ears and eyes."""
    t = np.linspace(-0.62 * np.pi, 0.62 * np.pi, 24)  # Around the chin, from ear to ear.
    chin = np.stack([-0.9 * np.sin(t), 0.25 + 0.7 * np.cos(t)], axis=1)[::-1]
    ears = _polygon((0.85, -0.95), (0.35, -0.5), (-0.35, -0.5), (-0.85, -0.95))
    head = np.concatenate([chin, ears])[::-1]
    return (head, 1), (_ellipse(-0.36, 0.1, 0.13, 0.19), 0), (_ellipse(0.36, 0.1, 0.13, 0.19), 0)


def _fish() -> tuple[tuple[np.ndarray, int], ...]:
    t = np.linspace(0.16 * np.pi, 1.84 * np.pi, 36)  # From the tail over the back to the mouth, and below it back.
    body = np.stack([-0.2 + 0.8 * np.cos(t), -0.6 * np.sin(t)], axis=1)
    tail = _polygon((1.0, 0.62), (0.82, 0.0), (1.0, -0.62))
    return (np.concatenate([body, tail]), 1), (_ellipse(-0.6, -0.14, 0.11, 0.11), 0)


def _house() -> tuple[tuple[np.ndarray, int], ...]:
    walls = _polygon((0, -1), (1, -0.1), (0.75, -0.1), (0.75, 0.95), (-0.75, 0.95), (-0.75, -0.1), (-1, -0.1))
    return (walls, 1), (_polygon((-0.22, 0.25), (0.22, 0.25), (0.22, 0.95), (-0.22, 0.95)), 0)


def _tree() -> tuple[tuple[np.ndarray, int], ...]:
    right = [(0, -1), (0.5, -0.35), (0.28, -0.35), (0.68, 0.15), (0.38, 0.15), (0.85, 0.65), (0.17, 0.65), (0.17, 1)]
    return ((_polygon(*right, *((-x, y) for x, y in reversed(right[1:]))), 1),)


def _mug() -> tuple[tuple[np.ndarray, int], ...]:
    body = [(-0.8, -0.8), (0.45, -0.8), (0.45, -0.5)]
    t = np.linspace(-np.pi / 2, np.pi / 2, 16)
    handle = [(0.45 + 0.5 * np.cos(a), 0.02 + 0.52 * np.sin(a)) for a in t]
    foot = [(0.45, 0.54), (0.45, 0.7), (0.3, 0.85), (-0.65, 0.85), (-0.8, 0.7)]
    return (_polygon(*body, *handle, *foot), 1), (_ellipse(0.58, 0.02, 0.17, 0.27), 0)


def _leaf() -> tuple[tuple[np.ndarray, int], ...]:
    t = np.linspace(0, np.pi, 24)
    edge = np.stack([0.95 * np.cos(t), 0.5 * np.sin(t) ** 1.3], axis=1)
    blade = np.concatenate([edge, -edge[1:-1] * (1, 1)])
    turn = np.sqrt(0.5) * np.array([(1, -1), (1, 1)])
    stem = _polygon((-0.92, 0.06), (-1.25, 0.06), (-1.25, -0.06), (-0.92, -0.06))
    return (np.concatenate([blade[:24], stem, blade[24:]]) @ turn.T * (1, 1), 1), (
        _polygon((-0.6, 0.05), (0.55, 0.02), (0.55, -0.02), (-0.6, -0.05)) @ turn.T,
        0,
    )


SHAPE_PARTS = {
    "star": _star,
    "heart": _heart,
    "cat": _cat,
    "fish": _fish,
    "house": _house,
    "tree": _tree,
    "mug": _mug,
    "leaf": _leaf,
}
