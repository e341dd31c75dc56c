"""A small world of drawn pictures with captions, and analogies in it whose answer is known.

The demo model is trained on this world and measured in it. A picture is a `Scene`: what its caption names (shape,
colors, pattern, number, style, filter) and what no caption names (position, size, rotation). Everything is drawn from
one seeded generator, so that a seed and a number name the same picture everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from .cells import Cell
from .grid import AnalogyGrid, compose, place

GRID = AnalogyGrid(cell_width=64, cell_height=64)
"""The grid that the demo model paints."""
SIDE = GRID.tile_size[0]
"""Pictures are drawn at the size of a tile, so that nothing is resized on the way into the grid."""
FINE = 4
"""Pictures are drawn this much larger and averaged down: smooth edges."""

Color = tuple[int, int, int]
COLORS: dict[str, Color] = {
    "red": (214, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (250, 220, 60),
    "green": (50, 160, 70),
    "blue": (40, 90, 200),
    "purple": (130, 60, 170),
    "white": (245, 245, 245),
    "black": (25, 25, 25),
}
SHAPES = ("circle", "square", "triangle", "star", "cross", "ring", "heart")
PATTERNS = ("plain", "striped", "dotted")
BACKGROUND_PATTERNS = ("plain", "checkered")
STYLES = ("filled", "outlined")
FILTERS = ("none", "black and white", "blurry", "line drawing", "noisy")
COUNTS = ("one", "two", "three")

CHOICES: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "color": tuple(COLORS),
    "background": tuple(COLORS),
    "pattern": PATTERNS,
    "background_pattern": BACKGROUND_PATTERNS,
    "style": STYLES,
    "filter": FILTERS,
    "count": COUNTS,
}
"""What a caption names, and the words for it."""
GEOMETRY = ("x", "y", "size", "rotation", "count", "shape")
"""What a picture may share with another: this, or else all the rest, its appearance."""
FREQUENT = {"pattern": 0.7, "background_pattern": 0.75, "style": 0.75, "filter": 0.7, "count": 0.94}
"""How often the first word of a list is taken; the others share the rest."""
LEAN = 1 / 16
"""Things stand upright and lean by no more than this, in whole turns: a shape at any angle is many shapes to learn."""


@dataclass(frozen=True)
class Scene:
    """One picture.

    Attributes:
        shape, color, background, pattern, background_pattern, style, filter, count: words of `CHOICES`.
        x, y: middle of the object, in -1..1 from one end of its room to the other.
        size: 0..1, from the smallest to the largest.
        rotation: in whole turns, clockwise; `random_scene` stays within -LEAN..LEAN.
    """

    shape: str
    color: str
    background: str
    pattern: str = "plain"
    background_pattern: str = "plain"
    style: str = "filled"
    filter: str = "none"
    count: str = "one"
    x: float = 0.0
    y: float = 0.0
    size: float = 0.5
    rotation: float = 0.0

    def __post_init__(self) -> None:
        for name, words in CHOICES.items():
            if getattr(self, name) not in words:
                raise ValueError(f"{name} is {getattr(self, name)!r}, but must be one of {', '.join(words)}.")
        if self.color == self.background:
            raise ValueError(f"A {self.color} object on a {self.background} background cannot be seen.")

    def having(self, attribute: str, value: Any) -> "Scene":
        """The same scene but for one attribute."""
        changed: dict[str, Any] = {attribute: value}
        return replace(self, **changed)

    @property
    def is_held_out(self) -> bool:
        """Whether shape and color meet only in held-out analogies and in no picture of the training."""
        return (2 * SHAPES.index(self.shape) + 3 * list(COLORS).index(self.color)) % 7 == 0

    def caption(self, leave_out: frozenset[str] = frozenset()) -> str:
        """In words, without the attributes in `leave_out`; "a red star on a blue background".

        A line drawing has no colors and no patterns, so its caption names none.
        """
        seen = {name: getattr(self, name) for name in CHOICES if name not in leave_out}
        if self.filter == "line drawing":
            seen = {name: word for name, word in seen.items() if name in ("shape", "filter", "count")}
        words = [seen.get("count", "one").replace("one", "a")]
        words += [
            seen[name] for name in ("style", "pattern", "color") if seen.get(name) not in (None, "plain", "filled")
        ]
        shape = seen.get("shape", "thing")
        plural = {"cross": "crosses"}.get(shape, f"{shape}s")
        words.append(shape if words[0] == "a" else plural)
        behind = [seen[n] for n in ("background_pattern", "background") if seen.get(n) not in (None, "plain")]
        text = " ".join(words) + (f" on a {' '.join(behind)} background" if behind else "")
        text = text.replace("a o", "an o")  # Orange and outlined are the only words that begin with a vowel.
        return text if seen.get("filter") in (None, "none") else f"{text}, {seen['filter']}"


def random_scene(rng: Generator) -> Scene:
    """Any scene, held out or not."""
    words = {name: _word(rng, name) for name in CHOICES}
    while words["background"] == words["color"]:
        words["background"] = _word(rng, "background")
    if words["filter"] == "noisy" and rng.uniform() < 0.7:  # Four numbers for 64 pixels cannot hold grain.
        words["filter"] = "none"
    x, y = rng.uniform(-1, 1, 2)
    return Scene(**words, x=x, y=y, size=rng.uniform(), rotation=rng.uniform(-LEAN, LEAN))


def _word(rng: Generator, name: str) -> str:
    words = CHOICES[name]
    if name not in FREQUENT:
        return str(rng.choice(words))
    return words[0] if rng.uniform() < FREQUENT[name] else str(rng.choice(words[1:]))


# Drawing


def render(scene: Scene, side: int = SIDE) -> Image.Image:
    """The picture of a scene, RGB, `side` pixels square."""
    drawn = _stencil(scene, side, outlined=scene.style == "outlined" or scene.filter == "line drawing")
    if scene.filter == "line drawing":
        return Image.composite(_flat("black", side), _flat("white", side), drawn).reduce(FINE)
    inside = _pattern(scene.pattern, scene.color, side)
    behind = _pattern(scene.background_pattern, scene.background, side)
    picture = Image.composite(inside, behind, drawn).reduce(FINE)
    if scene.filter == "black and white":
        return picture.convert("L").convert("RGB")
    if scene.filter == "blurry":
        return picture.filter(ImageFilter.GaussianBlur(side / 20))
    if scene.filter == "noisy":
        grain = np.random.default_rng(0).normal(0, 40, (side // 4 + 1, side // 4 + 1, 1)).repeat(4, 0).repeat(4, 1)
        return Image.fromarray((np.asarray(picture) + grain[:side, :side]).clip(0, 255).astype(np.uint8))
    return picture


def _flat(color: str, side: int) -> Image.Image:
    return Image.new("RGB", (side * FINE, side * FINE), COLORS[color])


@cache
def _marks(pattern: str, side: int) -> Image.Image:
    """Where the second color of a pattern is; mode 1, at the fine size."""
    full = side * FINE
    y, x = np.mgrid[:full, :full] * (16 / full)  # Sixteenths of the picture, four pixels each in a tile of 64.
    where = {
        "striped": (x + y) % 5 < 2.2,
        "dotted": (x % 4 - 2) ** 2 + (y % 4 - 2) ** 2 < 1.6,
        "checkered": (x // 4 + y // 4) % 2 < 1,
    }
    return Image.fromarray(where[pattern])


def _pattern(pattern: str, color: str, side: int) -> Image.Image:
    """A whole picture of one pattern, at the fine size. Checks are a shade of the color; stripes and dots are white,
    on white and yellow they are black.
    """
    picture = _flat(color, side)
    if pattern == "plain":
        return picture
    rgb = COLORS[color]
    if pattern == "checkered":
        other = tuple(round(0.7 * c) if sum(rgb) > 200 else c + 60 for c in rgb)
    else:
        other = COLORS["black" if color in ("white", "yellow") else "white"]
    picture.paste(other, mask=_marks(pattern, side))
    return picture


def _stencil(scene: Scene, side: int, outlined: bool) -> Image.Image:
    """Where the objects, or their outlines, are; mode L, at the fine size."""
    full = side * FINE
    stencil = Image.new("L", (full, full))
    draw = ImageDraw.Draw(stencil)
    for middle, radius in _places(scene):
        # Only the first polygon of a shape is filled; the second is a hole.
        for polygon, ink in zip(_polygons(scene.shape), (255, 0), strict=False):
            turned = (polygon @ _turn(scene.rotation) * radius + middle) * full
            points = [(float(x), float(y)) for x, y in turned]
            if outlined:
                draw.line([*points, *points[:2]], fill=255, width=round(full / 13), joint="curve")
            else:
                draw.polygon(points, fill=ink)
    return stencil


def _places(scene: Scene) -> Iterator[tuple[np.ndarray, float]]:
    """Middle and radius of each object, in picture widths; several objects stand in a row."""
    number = COUNTS.index(scene.count) + 1
    smallest, largest = {1: (0.28, 0.42), 2: (0.19, 0.225), 3: (0.145, 0.155)}[number]
    radius = smallest + (largest - smallest) * scene.size
    step = 2 * radius + 0.02
    room = np.maximum(0.5 - radius - np.array([(number - 1) / 2 * step, 0]) - 0.03, 0)
    middle = 0.5 + room * (scene.x, scene.y)
    for place_in_row in range(number):
        yield middle + np.array([(place_in_row - (number - 1) / 2) * step, 0]), radius


def _turn(rotation: float) -> np.ndarray:
    angle = 2 * np.pi * rotation
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


@cache
def _polygons(shape: str) -> tuple[np.ndarray, ...]:
    """A shape of radius 1 as an outer polygon and, for a ring, a hole; each (points, 2)."""
    round_about = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    circle = np.stack([np.sin(round_about), -np.cos(round_about)], axis=1)
    if shape == "circle":
        return (circle * 0.9,)
    if shape == "ring":
        return circle, circle * 0.5
    if shape == "square":
        return (_corners(4, 0.125),)
    if shape == "triangle":
        return (_corners(3, 0),)
    if shape == "star":
        star = _corners(10, 0)
        star[1::2] *= 0.42
        return (star,)
    if shape == "cross":
        a, b = 0.95, 0.3
        arm = np.array([(-b, -a), (b, -a), (b, -b)])
        return (np.concatenate([arm @ _turn(quarter / 4) for quarter in range(4)]),)
    t = round_about  # The well-known heart of sines.
    x = np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) / 16
    return (np.stack([x, y], axis=1),)


def _corners(number: int, start: float) -> np.ndarray:
    """A regular polygon of radius 1, its first corner `start` of a turn behind the top."""
    angle = 2 * np.pi * (np.arange(number) / number + start)
    return np.stack([np.sin(angle), -np.cos(angle)], axis=1)


# Collages, for the training


def random_collage(rng: Generator) -> tuple[Scene, Scene, Scene, Scene]:
    """Four scenes for the cells A, A', B, B', related at random, never an analogy and none of them held out.

    Three times in four a later scene shares something with an earlier one: its geometry, its appearance, or each
    single attribute by a coin. Which scene that is is drawn anew for each, so that no relation between two cells tells
    about the two others. A collage that happens to be an analogy (a change of one attribute, twice the same) is thrown
    away.
    """
    while True:
        scenes: list[Scene] = []
        while len(scenes) < 4:
            new = random_scene(rng)
            related = scenes and rng.uniform() < 0.75
            scene = _sharing(rng, scenes[rng.integers(len(scenes))], new) if related else new
            if scene is not None and not scene.is_held_out:
                scenes.append(scene)
        a, a_prime, b, b_prime = scenes
        if not (is_analogy(a, a_prime, b, b_prime) or is_analogy(a, b, a_prime, b_prime)):
            return a, a_prime, b, b_prime


def _sharing(rng: Generator, earlier: Scene, new: Scene) -> Scene | None:
    """`new` with a part of its attributes from `earlier`; None where that could not be seen."""
    names = [field.name for field in fields(Scene)]
    part = rng.integers(3)
    if part == 0:
        shared = list(GEOMETRY)
    elif part == 1:
        shared = [name for name in names if name not in GEOMETRY]
    else:
        kept = rng.uniform() < 0.5  # Position, size and rotation go together, or nothing could be recognized.
        shared = [name for name in names if (kept if name in GEOMETRY[:4] else rng.uniform() < 0.5)]
    try:
        return replace(new, **{name: getattr(earlier, name) for name in shared})
    except ValueError:
        return None


def is_analogy(a: Scene, a_prime: Scene, b: Scene, b_prime: Scene) -> bool:
    """Whether A' differs from A in exactly one named attribute, and B' from B in the same way."""
    changed = [name for name in CHOICES if getattr(a, name) != getattr(a_prime, name)]
    if len(changed) != 1:
        return False
    (name,) = changed
    try:
        return b_prime == b.having(name, getattr(a_prime, name))
    except ValueError:
        return False


# Analogies, for the measurements


@dataclass(frozen=True)
class Analogy:
    """A : A' :: B : B' in which one attribute changes to the same word in both pairs."""

    attribute: str
    a: Scene
    a_prime: Scene
    b: Scene
    b_prime: Scene

    @property
    def scenes(self) -> dict[Cell, Scene]:
        return {Cell.A: self.a, Cell.A_PRIME: self.a_prime, Cell.B: self.b, Cell.B_PRIME: self.b_prime}

    def grid(self) -> Image.Image:
        """The grid I of A, A' and B, of the size of `GRID`."""
        return compose(GRID, render(self.a), render(self.a_prime), render(self.b))

    def answer(self) -> Image.Image:
        """The grid with the true B' in it."""
        return collage_picture((self.a, self.a_prime, self.b, self.b_prime))


TRANSFORMATIONS = {
    "color": tuple(COLORS),
    "background": tuple(COLORS),
    "shape": SHAPES,
    "pattern": ("striped", "dotted"),
    "style": ("outlined",),
    "filter": ("black and white", "blurry", "line drawing"),
}
"""What changes in an analogy, and into what."""


def held_out_analogies(number: int, seed: int = 0) -> list[Analogy]:
    """Analogies that no training collage shows, all transformations in turn; B' shows a held-out shape and color."""
    rng = np.random.default_rng([seed, 2])
    names = list(TRANSFORMATIONS)
    return [_analogy(rng, names[i % len(names)]) for i in range(number)]


def _analogy(rng: Generator, attribute: str) -> Analogy:
    word = str(rng.choice(TRANSFORMATIONS[attribute]))
    while True:
        a, b = (replace(random_scene(rng), filter="none", style="filled", count="one") for _ in range(2))
        try:
            a_prime, b_prime = (scene.having(attribute, word) for scene in (a, b))
        except ValueError:  # The object would have the color of its background.
            continue
        unlike = a.shape != b.shape and a.color != b.color
        if unlike and b_prime.is_held_out and _differ(a, a_prime) and _differ(b, b_prime):
            return Analogy(attribute, a, a_prime, b, b_prime)


def _differ(one: Scene, other: Scene) -> bool:
    """As pictures: black on white does not change where colors are taken away."""
    return render(one).tobytes() != render(other).tobytes()


def collage_picture(scenes: tuple[Scene, Scene, Scene, Scene]) -> Image.Image:
    """Four scenes in a grid of the size of `GRID`, with its white lines."""
    a, a_prime, b, b_prime = (render(scene) for scene in scenes)
    picture = compose(GRID, a, a_prime, b)
    place(GRID, picture, Cell.B_PRIME, b_prime)
    return picture
