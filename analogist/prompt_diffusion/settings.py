"""The settings of a run of Prompt Diffusion, and the published ones."""

import math
from dataclasses import dataclass

SHORTER_SIDE = 512
"""Of an image, in pixels."""


@dataclass(frozen=True)
class Settings:
    """The settings of a run; the defaults are those of the published program.

    Attributes:
        steps: DDIM steps.
        guidance: weight of the prompt against the negative prompt.
        strength: factor of the control.
        images: images made together.
    """

    steps: int = 100
    guidance: float = 9.0
    strength: float = 1.0
    images: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= 1000:
            raise ValueError(f"steps must be 1 to 1000, got {self.steps}")
        for name, value in (("guidance", self.guidance), ("strength", self.strength)):
            if not math.isfinite(value):
                raise ValueError(f"{name} must be a finite number, got {value}")
        if self.images < 1:
            raise ValueError(f"images must be at least 1, got {self.images}")
