"""Was the analogy solved? Scores in the world of drawings, where the answer and all that it might have been are known.

An image has an attribute right when, of all images that differ from the answer in this attribute alone, the answer
itself is the nearest. No trained judge is asked.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
from PIL import Image

from .world import CHOICES, Scene, render


def squared_error(image: Image.Image, answer: Scene) -> float:
    """Mean over pixels and channels in [-1, 1], so 0..4."""
    return float(np.square(_array(image) - _rendered(answer)).mean())


def is_right(image: Image.Image, answer: Scene, attribute: str) -> bool:
    """Whether the answer is nearer than everything that differs from it in this attribute alone."""
    error = squared_error(image, answer)
    return all(error < squared_error(image, other) for other in others(answer, attribute))


def scores(image: Image.Image, answer: Scene, changed: str) -> Mapping[str, float]:
    """`error`; `changed` (0 or 1); `kept`, the share of all other attributes that are right; and each by its name."""
    right = {name: float(is_right(image, answer, name)) for name in CHOICES if others(answer, name)}
    kept = [value for name, value in right.items() if name != changed]
    return {"error": squared_error(image, answer), "changed": right[changed], "kept": float(np.mean(kept)), **right}


@cache
def others(scene: Scene, attribute: str) -> tuple[Scene, ...]:
    """Scenes that differ from this one in one attribute, and as images too; none where it has no such alternative."""
    found = []
    for word in CHOICES[attribute]:
        try:
            other = replace(scene, **{attribute: word})
        except ValueError:  # It could not be seen.
            continue
        if not np.array_equal(_rendered(other), _rendered(scene)):
            found.append(other)
    return tuple(found)


@cache
def _rendered(scene: Scene) -> np.ndarray:
    return _array(render(scene))


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), dtype=np.float32) / 127.5 - 1
