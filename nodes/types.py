"""What the nodes share: the pack's own connection type, its place in the menu, inputs, and lists of batches."""

from collections.abc import Sequence
from typing import TypeVar

from comfy_api.latest import io
from PIL.Image import Image
from torch import Tensor

from ..analogist.images import from_tensor
from ..analogist.scores import metrics

CATEGORY = "Analogist"
PROMPT, EVALUATE, PROMPT_DIFFUSION = (f"{CATEGORY}/{part}" for part in ("Prompt", "Evaluate", "Prompt Diffusion"))
AnalogyGridType = io.Custom("ANALOGY_GRID")
AnalogyPairsType = io.Custom("ANALOGY_PAIRS")
Pairs = Sequence[tuple[Tensor, Tensor]]
"""Batches of A and of A' for each pair; what an ANALOGY_PAIRS is."""
HIGHEST, LOWEST = "highest", "lowest"

T = TypeVar("T")


def pair_and_b() -> list[io.Input]:
    return [
        io.Image.Input("a", display_name="A", tooltip="The example image before the change."),
        io.Image.Input("a_prime", display_name="A'", tooltip="The example image after the change."),
        io.Image.Input("b", display_name="B", tooltip="The image to change in the same way."),
    ]


def sampling_range(what: str) -> list[io.Input]:
    """When `what` is active."""
    return [
        io.Float.Input(
            f"{end}_percent",
            display_name=f"{end} (0 to 1)",
            default=default,
            min=0.0,
            max=1.0,
            step=0.001,
            advanced=True,
            tooltip=f"{end.capitalize()} of the sampling range in which {what} is active.",
        )
        for end, default in (("start", 0.0), ("end", 1.0))
    ]


def scores_input(optional: bool = False) -> io.Input:
    return io.Float.Input(
        "scores",
        force_input=True,
        optional=optional,
        tooltip="One score per image, in the same order, such as those of Analogist Direction Score.",
    )


def best_input() -> io.Input:
    return io.Combo.Input(
        "best",
        options=[HIGHEST, LOWEST],
        default=HIGHEST,
        tooltip="Which score counts as best: highest for direction scores, lowest for structure distances.",
    )


def ranked(scores: Sequence[float], images: int, best: Sequence[str]) -> list[int]:
    """Places of the images from the best to the worst."""
    if len(scores) != images:
        raise ValueError(f"expected one score for each image, got {len(scores)} scores for {images} images")
    return metrics.ranked(scores, highest_first=one(best) == HIGHEST)


def all_images(batches: Sequence[Tensor]) -> list[Image]:
    """All images of a list of batches, in order."""
    return [image for batch in batches for image in from_tensor(batch)]


def one(values: Sequence[T]) -> T:
    """A widget's value: nodes that take whole lists get lists of one of them, too."""
    return values[0]
