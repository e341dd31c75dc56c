"""The list of what is shipped: a title, a graph and a thumbnail each; and the blueprints."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from analogist.prompt_diffusion.tasks import Task

from . import blueprints, image_analogy, pairs, prompt_diffusion, sdxl, thumbnails
from .graph import Graph, Subgraph
from .parts import COLORIZATION


def text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class Workflow:
    """One template. `stem` is its file's name without ending, and so the title in ComfyUI's template browser.

    The thumbnail shows the analogy `example` and the pairs of `more`.
    """

    stem: str
    make: Callable[[], Graph]
    example: str
    more: tuple[str, ...] = ()

    def text(self) -> str:
        return text(self.make().file(self.stem))

    def thumbnail(self) -> Image.Image:
        return thumbnails.thumbnail(self.example, *self.more)


@dataclass(frozen=True)
class Blueprint:
    """A node of ComfyUI's library that holds a graph."""

    inner: Subgraph

    @property
    def stem(self) -> str:
        return self.inner.name

    def text(self) -> str:
        graph = Graph()
        graph.put(self.inner)
        content = graph.file(self.stem)
        content["extra"] |= self.inner.about["extra"]  # Read by frontends from the file, not the subgraph.
        return text(content)


SHIPPED = (
    Workflow("Image analogy 1 - start here (no download)", image_analogy.start, "shapes"),
    Workflow("Image analogy 2 - style by example", image_analogy.style_by_example, "colorization"),
    Workflow("Image analogy 3 - prompt from a vision model", image_analogy.by_endpoint, "colorization"),
    Workflow("Image analogy 3 - prompt from a vision model, local", image_analogy.by_local, "colorization"),
    Workflow("Image analogy 4 - best of 8", image_analogy.best_of, "colorization"),
    Workflow("Image analogy 5 - sweep of settings", image_analogy.sweep, "shapes"),
    Workflow("Image analogy 6 - one pair, a folder of B", image_analogy.folder_of_b, "colorization"),
    Workflow("Image analogy 7 - every node (advanced)", image_analogy.every_node, "colorization"),
    Workflow("Image analogy 8 - full size", pairs.full_size, "colorization"),
    Workflow("Image analogy 8 - pairs in columns", image_analogy.pairs_in_columns, "aligned_with_b"),
    Workflow("Image analogy 8 - several pairs", pairs.several_pairs, "colorization", ("colorization_landscape",)),
    Workflow("Image analogy 9 - SD 2 inpainting", sdxl.sd2, "colorization"),
    Workflow("Image analogy 9 - SDXL inpainting", sdxl.single_file, "caricature"),
    Workflow("Image analogy 9 - SDXL inpainting, UNet file", sdxl.unet_file, "caricature"),
    Workflow("Image analogy 9 - SDXL, any checkpoint", sdxl.any_checkpoint, "colorization"),
    Workflow("Prompt Diffusion 1 - start here", prompt_diffusion.start, "depth_to_picture"),
    Workflow("Prompt Diffusion 2 - two-step editing", prompt_diffusion.two_steps, "picture_to_depth"),
    Workflow("Prompt Diffusion 3 - beside Analogist", prompt_diffusion.beside_analogist, "depth_to_picture"),
)
BLUEPRINTS = (
    Blueprint(blueprints.image_analogy("blueprint", COLORIZATION)),
    Blueprint(blueprints.vision_analogy("vision blueprint", COLORIZATION)),
    Blueprint(blueprints.prompt_diffusion("prompt diffusion blueprint", Task.PICTURE, "")),
)
