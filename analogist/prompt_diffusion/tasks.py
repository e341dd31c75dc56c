"""Prompt Diffusion (Wang et al., NeurIPS 2023, arXiv 2305.01115): its six tasks and their prompts.

A pair A -> A' and a query B condition Stable Diffusion 1.5 through a ControlNet with two encoders of images. The text
does most of the work: without its words a task that makes a map fails, whatever the pair shows (see the table of
arXiv 2312.03584 in docs/prompt_diffusion.md).
"""

from dataclasses import dataclass
from enum import Enum

from ..published import SUFFIX

NEGATIVE_PROMPT = (
    "longbody, lowres, bad anatomy, bad hands, missing fingers, extra digit, fewer digits, cropped, worst quality, "
    "low quality"
)


class Task(Enum):
    """What A' is to A. Three tasks turn a map into an image and share one entry: only the text tells them apart."""

    PICTURE = "map to picture"
    DEPTH = "picture to depth map"
    HED = "picture to HED map"
    SEGMENTATION = "picture to segmentation map"

    @property
    def words(self) -> str | None:
        """The text that the task was trained with; None where it is a description of B'."""
        return _WORDS.get(self)


_WORDS = {Task.DEPTH: "depth map", Task.HED: "hed map", Task.SEGMENTATION: "segmentation map"}


@dataclass(frozen=True)
class Texts:
    """What the text encoder reads."""

    positive: str
    negative: str


def texts(task: Task, description: str = "", suffix: str = SUFFIX, negative: str = NEGATIVE_PROMPT) -> Texts:
    """The prompts of a task as the published program words them.

    Args:
        description: what B' shows; for a task that makes a map its own words stand in its place.

    Raises:
        ValueError: a task that makes an image, without a description.
    """
    words = task.words or description.strip()
    if not words:
        raise ValueError(
            f'The task "{task.value}" needs a description of the image, because a map does not determine it.'
        )
    return Texts(words + suffix, negative)
