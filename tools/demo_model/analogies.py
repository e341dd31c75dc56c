"""Analogies in the world of drawings, for the measurements: what B' has to be is known."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from PIL import Image

from analogist.cells import Cell
from analogist.grid import AnalogyGrid, compose, place

from .world import COLORS, GRID, SHAPES, Scene, render, scenes

TRANSFORMATIONS = {
    "color": tuple(COLORS),
    "background": tuple(COLORS),
    "shape": SHAPES,
    "pattern": ("striped", "dotted"),
    "style": ("outlined",),
    "filter": ("black and white",),
}
"""What changes in an analogy, and into what."""


@dataclass(frozen=True)
class Analogy:
    """A : A' :: B : B', in which one attribute changes to the same word in both pairs."""

    attribute: str
    a: Scene
    a_prime: Scene
    b: Scene
    b_prime: Scene
    more: tuple[tuple[Scene, Scene], ...] = ()
    """Further pairs that show the same change."""

    @property
    def scenes(self) -> dict[Cell, Scene]:
        return {Cell.A: self.a, Cell.A_PRIME: self.a_prime, Cell.B: self.b, Cell.B_PRIME: self.b_prime}

    @property
    def geometry(self) -> AnalogyGrid:
        return replace(GRID, pairs=1 + len(self.more))

    def grid(self) -> Image.Image:
        """The grid of all pairs and B, in its geometry; B' is black."""
        more = [(render(a), render(a_prime)) for a, a_prime in self.more]
        return compose(self.geometry, render(self.a), render(self.a_prime), render(self.b), more)

    def answer(self) -> Image.Image:
        """The grid with the true B' in it."""
        image = self.grid()
        place(self.geometry, image, Cell.B_PRIME, render(self.b_prime))
        return image


def held_out_analogies(number: int, seed: int = 0) -> list[Analogy]:
    """Analogies that no training collage shows, all transformations in turn; B' shows a held-out shape and color."""
    rng = np.random.default_rng([seed, 2])
    names = list(TRANSFORMATIONS)
    return [_analogy(rng, names[n % len(names)]) for n in range(number)]


def with_pairs(analogy: Analogy, pairs: int, seed: int) -> Analogy:
    """The analogy with further pairs: other scenes with the same change, none of them with the shape and color of B.

    With more pairs the first ones are the same.
    """
    rng = np.random.default_rng([seed, 7])
    word = getattr(analogy.a_prime, analogy.attribute)
    pool = [scene for scene in scenes() if scene.filter == "none" and scene.style == analogy.a.style]
    more: list[tuple[Scene, Scene]] = []
    while len(more) < pairs - 1:
        scene = pool[rng.integers(len(pool))]
        if analogy.attribute == "style":  # An outline has no pattern.
            scene = replace(scene, pattern="plain")
        like_b = (scene.shape, scene.color) == (analogy.b.shape, analogy.b.color)
        if getattr(scene, analogy.attribute) == word or like_b:
            continue
        try:
            changed = replace(scene, **{analogy.attribute: word})
        except ValueError:  # The thing could not be seen.
            continue
        if not changed.is_held_out:
            more.append((scene, changed))
    return replace(analogy, more=tuple(more))


def _differ(one: Scene, other: Scene) -> bool:
    """As images: what is black and white already does not change where the color is taken away."""
    return render(one).tobytes() != render(other).tobytes()


def _analogy(rng: Generator, attribute: str) -> Analogy:
    pool = [scene for scene in scenes() if scene.filter == "none" and scene.style == "filled"]
    word = str(rng.choice(TRANSFORMATIONS[attribute]))
    while True:
        a, b = (pool[n] for n in rng.integers(len(pool), size=2))
        if attribute == "style":  # An outline has no pattern.
            a, b = replace(a, pattern="plain"), replace(b, pattern="plain")
        if word in (getattr(a, attribute), getattr(b, attribute)) or a.shape == b.shape or a.color == b.color:
            continue
        try:
            a_prime, b_prime = (replace(scene, **{attribute: word}) for scene in (a, b))
        except ValueError:  # The thing could not be seen.
            continue
        if b_prime.is_held_out and _differ(a, a_prime) and _differ(b, b_prime):
            return Analogy(attribute, a, a_prime, b, b_prime)
