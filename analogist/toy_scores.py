"""Was the analogy solved? Scores in the toy world, where the answer and everything it might have been can be drawn.

A picture has an attribute right when, of all pictures that differ from the answer in this attribute alone, the answer
itself is the nearest. No trained judge is asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import numpy as np
from PIL import Image

from .toy_world import (
    CHOICES,
    LEAN,
    TRANSFORMATIONS,
    Scene,
    render,
)

KEPT = ("position", "size", "rotation")
"""What no caption names, so that it can only come from B."""
SCORED = (*TRANSFORMATIONS, *KEPT)
"""Attributes that are scored."""

ROUND = ("circle", "ring")
"""Shapes that look alike however they are turned."""


def squared_error(picture: Image.Image, answer: Image.Image) -> float:
    """Mean over pixels and channels in [-1, 1], so 0..4."""
    return float(np.square((_array(picture) - _array(answer)) * 2).mean())


def is_right(picture: Image.Image, answer: Scene, attribute: str) -> bool:
    """Whether the answer is nearer than everything that differs from it in this attribute alone."""
    error = squared_error(picture, render(answer, picture.width))
    return all(error < squared_error(picture, render(other, picture.width)) for other in others(answer, attribute))


def scores(picture: Image.Image, answer: Scene, changed: str) -> Mapping[str, float]:
    """All scores of one result: `error`, `changed` (0 or 1), `kept` (share of 0..1), and each attribute by name."""
    right = {name: float(is_right(picture, answer, name)) for name in SCORED if others(answer, name)}
    kept = [right[name] for name in KEPT if name in right]
    error = squared_error(picture, render(answer, picture.width))
    return {"error": error, "changed": right[changed], "kept": float(np.mean(kept)), **right}


def others(scene: Scene, attribute: str) -> list[Scene]:
    """Scenes that differ from this one in one attribute, and as pictures too; none where it has no such alternative."""
    shown = render(scene).tobytes()
    return [other for other in _changed(scene, attribute) if render(other).tobytes() != shown]


def _changed(scene: Scene, attribute: str) -> Iterator[Scene]:
    if attribute == "position":
        for axis, step in product("xy", (-0.7, 0.7)):
            moved = getattr(scene, axis) + step
            if abs(moved) <= 1.2:  # Not out of the picture.
                yield scene.having(axis, moved)
    elif attribute == "size":
        for step in (-0.5, 0.5):
            if -0.3 <= scene.size + step <= 1.3:
                yield replace(scene, size=scene.size + step)
    elif attribute == "rotation":
        for step in (-LEAN, LEAN):
            if scene.shape not in ROUND and abs(scene.rotation + step) <= 1.2 * LEAN:
                yield replace(scene, rotation=scene.rotation + step)
    else:
        for word in CHOICES[attribute]:
            if attribute not in ("color", "background") or word not in (scene.color, scene.background):
                yield scene.having(attribute, word)


def _array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
