"""A sweep over settings as text: the values that a person types, and the line that stands for each result."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import isfinite
from typing import TypeVar

from ..layers import LayerRange
from ..published import LARGEST_SEED

T = TypeVar("T")

MOST = 256
"""Maximum number of runs of one sweep."""


@dataclass(frozen=True)
class Run:
    """The settings of one result."""

    scale: float
    layers: LayerRange
    strength: float
    seed: int

    def line(self) -> str:
        """The settings as `parse_settings` reads them; layer ranges include both ends."""
        layers = f"{self.layers.start}-{self.layers.end - 1}"
        return f"scale={self.scale:g}, layers={layers}, strength={self.strength:g}, seed={self.seed}"


def runs(scales: str, layers: str, strengths: str, seeds: str) -> list[Run]:
    """Every combination of the values, which have commas between them; the seeds change fastest.

    Layer ranges include both ends: "3-10, 4-8". The older form `3..10` is read too.

    Raises:
        ValueError: a value that cannot be read, or more than `MOST` combinations.
    """
    combined = [
        Run(*one)
        for one in product(
            _values("scale", scales, _number, "1.0, 1.3, 1.6"),
            _values("layers", layers, _layer_range, "3-10, 4-8"),
            _values("strength", strengths, _strength, "0.8, 0.98"),
            _values("seed", seeds, _seed, "42, 43, 44"),
        )
    ]
    if len(combined) > MOST:
        raise ValueError(f"expected at most {MOST} combinations, got {len(combined)}")
    return combined


def parse_settings(text: str) -> list[dict[str, str]]:
    """The settings of each result, one line for each: "scale=1.3, seed=42".

    Raises:
        ValueError: a line that is not made of names and values.
    """
    return [dict(_setting(part, line) for part in line.split(",")) for line in text.splitlines() if line.strip()]


def _setting(part: str, line: str) -> tuple[str, str]:
    name, equals, value = (piece.strip() for piece in part.partition("="))
    if not (name and equals and value):
        raise ValueError(f"expected settings such as scale=1.3, strength=0.98, got {line.strip()!r}")
    return name, value


def _values(name: str, text: str, read: Callable[[str], T], such_as: str) -> list[T]:
    try:
        values = [read(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(
            f"{name}: expected values separated by commas, such as {such_as}, got {text!r} ({error})"
        ) from None
    return list(dict.fromkeys(values))


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"expected a finite number, got {text}")
    return number


def _strength(text: str) -> float:
    strength = float(text)
    if not 0 < strength <= 1:
        raise ValueError(f"strength must be in (0, 1], got {text}")
    return strength


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seeds are 0 to {LARGEST_SEED}, got {text}")
    return seed


def _layer_range(text: str) -> LayerRange:
    ends = re.fullmatch(r"(\d+)\s*(?:\.\.|-)\s*(\d+)", text)
    if not ends:
        raise ValueError(f"expected both ends of the layers, got {text!r}")
    return LayerRange(int(ends[1]), int(ends[2]) + 1)
