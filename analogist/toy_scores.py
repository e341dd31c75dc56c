"""Was the analogy solved? Scores in the toy world, where the answer and everything it might have been can be drawn.

A picture has an attribute right when, of all pictures that differ from the answer in this attribute alone, the answer
itself is the nearest. No trained judge is asked.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from PIL import Image

from .toy_world import CHOICES, TRANSFORMATIONS, Scene, render

KEPT = ("position", "size", "rotation")
"""What no caption names, so that it can only come from B."""
SCORED = (*TRANSFORMATIONS, *KEPT)
"""Attributes that are scored."""

TURNS = {"square": 1 / 8, "triangle": 1 / 6, "star": 1 / 10, "cross": 1 / 8, "heart": 1 / 4}
"""How far each shape is turned to look most unlike itself; circles and rings cannot be turned."""


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
    if attribute in CHOICES:
        return [*_other_words(scene, attribute)]
    if attribute == "position":
        return [replace(scene, **{axis: value + step}) for axis in ("x", "y") for step in (-0.7, 0.7)
                if abs((value := getattr(scene, axis)) + step) <= 1.2]
    if attribute == "size":
        return [replace(scene, size=scene.size + step) for step in (-0.5, 0.5) if -0.3 <= scene.size + step <= 1.3]
    turn = TURNS.get(scene.shape)
    return [] if turn is None else [replace(scene, rotation=scene.rotation + turn)]


def _other_words(scene: Scene, attribute: str) -> list[Scene]:
    if scene.filter == "line drawing" and attribute in ("color", "background", "pattern", "style"):
        return []  # A line drawing shows none of these.
    words = [word for word in CHOICES[attribute] if word != getattr(scene, attribute) and word != "noisy"]
    if attribute in ("color", "background"):
        words = [word for word in words if word not in (scene.color, scene.background)]
    return [replace(scene, **{attribute: word}) for word in words]


def _array(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
