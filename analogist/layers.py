"""Which transformer blocks and which part of the noise schedule an edit is active in.

The paper numbers the transformer blocks of the UNet in the order in which they run: down, middle, up. Stable
Diffusion 1.x has 16, numbered 0..15: 0..5 down, 6 the middle, 7..15 up. Ranges are half open, as the flags of
the published program are: [3, 11) means the layers 3..10.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class LayerRange:
    """The half-open range of layers [start, end). Empty when the two are equal."""

    start: int = 3
    end: int = 11

    def __post_init__(self) -> None:
        if self.start < 0 or self.end < self.start:
            raise ValueError(
                f"The layer range {self.start} to {self.end} is not a range: start_layer must be 0 or more, and "
                "end_layer (which is not included) at least start_layer."
            )

    def select(self, count: int) -> range:
        """The layer numbers in a model of `count` layers; refuses a range that goes past the last one."""
        if self.end > count:
            raise ValueError(
                f"The layer range {self.start} to {self.end} goes past this model, which has {count} layers: "
                f"start_layer and end_layer must be between 0 and {count} (end_layer is not included)."
            )
        return range(self.start, self.end)


PAPER = LayerRange(3, 11)
"""The paper's layers 3..10."""


@dataclass(frozen=True)
class SamplingRange:
    """The part of the noise schedule, from pure noise (0) to the finished picture (1), in which an edit acts.

    Empty when the two are equal. The part is open at its end: a step exactly at `end_percent` is not in it.
    """

    start_percent: float = 0.0
    end_percent: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.start_percent <= self.end_percent <= 1.0:
            raise ValueError(
                f"The active part {self.start_percent} to {self.end_percent} is not a range: start_percent and "
                "end_percent must be between 0 and 1, and end_percent at least start_percent."
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
