"""The list of what is shipped: a title, a graph and a thumbnail each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image

from . import analogies, prompt_diffusion, prompter, thumbnails
from .analogies import COLORIZATION, EXAMPLES
from .best_of import best_of
from .graph import Graph
from .prompt_diffusion import CANNY, PLAIN, SIDE_BY_SIDE, TWO_STEPS
from .thumbnails import Triple


@dataclass(frozen=True)
class Workflow:
    """One file. `stem` is its name without ending, and so the title in ComfyUI's template browser."""

    stem: str
    make: Callable[[], Graph]
    example: str
    picture: Callable[[Triple], Image.Image] = thumbnails.marked

    def text(self) -> str:
        return json.dumps(self.make().file(self.stem), indent=2, ensure_ascii=False) + "\n"

    def thumbnail(self) -> Image.Image:
        return self.picture(thumbnails.example(self.example))


SHIPPED = (
    *(
        Workflow(f"Analogist - {one.title}", partial(analogies.analogy, one), one.name, thumbnails.unknown)
        for one in EXAMPLES
    ),
    Workflow(
        "Analogist - prompt from a vision model",
        partial(prompter.prompted, prompter.endpoint),
        COLORIZATION.name,
    ),
    Workflow(
        "Analogist - prompt from a local model",
        partial(prompter.prompted, prompter.local),
        COLORIZATION.name,
    ),
    Workflow("Analogist - best of seeds", best_of, COLORIZATION.name, thumbnails.sheet),
    *(
        Workflow(f"Prompt Diffusion - {work.title}", partial(prompt_diffusion.simple, work), work.example)
        for work in PLAIN
    ),
    Workflow(
        f"Prompt Diffusion - {CANNY.title}", partial(prompt_diffusion.canny, CANNY), CANNY.example, thumbnails.outlined
    ),
    Workflow(
        f"Prompt Diffusion - {TWO_STEPS.title}", partial(prompt_diffusion.two_steps, TWO_STEPS), TWO_STEPS.example
    ),
    Workflow(
        f"Prompt Diffusion - {SIDE_BY_SIDE.title}",
        partial(prompt_diffusion.side_by_side, SIDE_BY_SIDE),
        SIDE_BY_SIDE.example,
    ),
)
