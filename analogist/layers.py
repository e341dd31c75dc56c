"""Which transformer blocks and which part of the noise schedule an edit is active in.

The paper numbers the transformer blocks of the UNet in execution order: down, middle, up. Stable Diffusion 1.x has 16,
numbered 0-15: 0-5 down, 6 the middle, 7-15 up. Ranges are half open, as the flags of the published program are:
[3, 11) means the layers 3-10. Other UNets hold another number of blocks in each stage, so a layer of SD 1.5 stands for
a stage there: the same side of the UNet, at the same share of the latent's size.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby
from typing import Literal


@dataclass(frozen=True)
class LayerRange:
    """The half-open range of layers [start, end). Empty when the two are equal."""

    start: int = 3
    end: int = 11

    def __post_init__(self) -> None:
        if self.start < 0 or self.end < self.start:
            raise ValueError(
                f"expected 0 <= start_layer <= end_layer (not included), got start_layer {self.start} and end_layer "
                f"{self.end}"
            )

    def select(self, count: int) -> range:
        """The layer numbers in a model of `count` layers; refuses a range that goes past the last one."""
        if self.end > count:
            raise ValueError(
                f"expected start_layer and end_layer (not included) from 0 to {count}, the number of layers of this "
                f"model, got {self.start} and {self.end}"
            )
        return range(self.start, self.end)

    def __str__(self) -> str:
        """As a person writes it, both ends included; empty where it is."""
        return f"{self.start}-{self.end - 1}" if self.start < self.end else ""


PAPER = LayerRange(3, 11)
"""The paper's layers 3-10."""


Part = Literal["down", "middle", "up"]


@dataclass(frozen=True)
class Stage:
    """A block of a UNet with transformer blocks in it.

    Attributes:
        part: of the UNet.
        ratio: the latent's side over the stage's.
        depth: how many transformer blocks.
    """

    part: Part
    ratio: int
    depth: int = 1

    def is_beside(self, other: "Stage") -> bool:
        """Whether both are of one level; a UNet has one middle, wherever it lies."""
        return self.part == other.part and (self.part == "middle" or self.ratio == other.ratio)

    def __str__(self) -> str:
        return self.part if self.part == "middle" else f"{self.part} 1/{self.ratio}"


Structure = Sequence[Stage]
"""The stages of a UNet in execution order."""

SD15: Structure = (
    *(Stage("down", ratio) for ratio in (1, 1, 2, 2, 4, 4)),
    Stage("middle", 8),
    *(Stage("up", ratio) for ratio in (4, 4, 4, 2, 2, 2, 1, 1, 1)),
)


class Numbering(Enum):
    """What a layer number counts."""

    SD15 = "as in SD 1.5"
    OWN = "this model's own"


@dataclass(frozen=True)
class Layers:
    """A set of layers, and what their numbers count."""

    numbers: frozenset[int]
    numbering: Numbering = Numbering.SD15

    @classmethod
    def parse(cls, text: str, numbering: Numbering = Numbering.SD15) -> "Layers":
        """The layers of a text such as ``4-53`` or ``7-10, 18, 25``; both ends of a range are in it."""
        numbers: set[int] = set()
        for part in text.split(","):
            match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", part, re.ASCII)
            if match is None or int(match[2] or match[1]) < int(match[1]):
                raise ValueError(f"expected layers such as 4-53 or 7-10, 18, 25, got {part.strip()!r} in {text!r}")
            numbers.update(range(int(match[1]), int(match[2] or match[1]) + 1))
        return cls(frozenset(numbers), numbering)

    @classmethod
    def between(cls, layers: LayerRange, numbering: Numbering = Numbering.SD15) -> "Layers":
        return cls(frozenset(range(layers.start, layers.end)), numbering)

    @classmethod
    def said(cls, text: str, layers: LayerRange, numbering: str = Numbering.SD15.value) -> "Layers":
        """The layers of a text, or of two numbers where it is blank: what nodes, flags and settings files say."""
        if text.strip():
            return cls.parse(text, Numbering(numbering))
        return cls.between(layers, Numbering(numbering))

    def select(self, structure: Structure) -> list[int]:
        """The model's own numbers of these layers, in execution order.

        Raises:
            ValueError: a number past the last layer, or layers of SD 1.5 of which this model has none.
        """
        total = sum(stage.depth for stage in structure)
        count = len(SD15) if self.numbering is Numbering.SD15 else total
        if self.numbers and max(self.numbers) >= count:
            raise ValueError(
                f"layers numbered {self.numbering.value} must be 0 to {count - 1}, got {max(self.numbers)} "
                f"(this model has {total} layers; end_layer is not included)"
            )
        if self.numbering is Numbering.OWN:
            return sorted(self.numbers)
        chosen = sorted({layer for number in self.numbers for layer in _counterpart(number, structure)})
        if self.numbers and not chosen:
            numbers = ", ".join(map(str, sorted(self.numbers)))
            raise ValueError(f"this model has no counterpart of the SD 1.5 layers {numbers}: select other layers")
        return chosen


def _counterpart(number: int, structure: Structure) -> range:
    """The layers of the stage that stands where SD 1.5 has layer `number`; empty where a model has no such level."""
    siblings = [other for other, stage in enumerate(SD15) if stage.is_beside(SD15[number])]
    level = [place for place, stage in enumerate(structure) if stage.is_beside(SD15[number])]
    if not level:
        return range(0)
    place = level[siblings.index(number) * len(level) // len(siblings)]
    first = sum(stage.depth for stage in structure[:place])
    return range(first, first + structure[place].depth)


def sac_and_cam(
    text: str, numbering: str, sac: LayerRange, cam: LayerRange
) -> tuple[LayerRange | Layers, LayerRange | Layers]:
    """The layers of both edits from flags or a settings file; the published numbers as they are where nothing else is
    said.

    Raises:
        ValueError: a text, which stands in place of the numbers, beside numbers that are not the published ones.
    """
    if text.strip() and (sac, cam) != (PAPER, PAPER):
        raise ValueError(f"expected layers or the start and end layers of SAC and CAM, got both (layers {text!r})")
    if not text.strip() and numbering == Numbering.SD15.value:
        return sac, cam
    return Layers.said(text, sac, numbering), Layers.said(text, cam, numbering)


def describe(layers: Sequence[int], structure: Structure) -> str:
    """How many transformer blocks are chosen, and in which stages."""
    owners = [str(stage) for stage in structure for _ in range(stage.depth)]
    chosen = [f"{name} ({len(list(group))})" for name, group in groupby(owners[layer] for layer in layers)]
    return f"{len(layers)} of {len(owners)} transformer blocks: {', '.join(chosen) or 'none'}"


@dataclass(frozen=True)
class SamplingRange:
    """The part of the noise schedule, from pure noise (0) to the finished image (1), in which an edit acts.

    Empty when the two are equal. The part is open at its end: a step exactly at `end_percent` is not in it.
    """

    start_percent: float = 0.0
    end_percent: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_percent <= self.end_percent <= 1.0:
            raise ValueError(
                "expected 0 <= start_percent <= end_percent <= 1, got start_percent "
                f"{self.start_percent} and end_percent {self.end_percent}"
            )

    @property
    def is_empty(self) -> bool:
        return self.start_percent == self.end_percent

    @property
    def is_everything(self) -> bool:
        return (self.start_percent, self.end_percent) == (0.0, 1.0)

    def noise_levels(self, percent_to_level: Callable[[float], float]) -> "NoiseLevels":
        """The same part as noise levels (sigmas or time steps, whichever `percent_to_level` gives)."""
        return NoiseLevels(high=percent_to_level(self.start_percent), low=percent_to_level(self.end_percent))


@dataclass(frozen=True)
class NoiseLevels:
    """Noise levels from `high` (included) down to `low` (not included)."""

    high: float
    low: float

    def __contains__(self, level: float) -> bool:
        return self.low < level <= self.high
