"""Rendering with a running ComfyUI: any graph of the user's, filled in for each analogy."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.Image import Resampling

from ...grid import canvas, mask
from ...marks import mark
from ..jobs import Job, RenderError
from ..settings import ComfyUI, RenderSettings
from .comfyui_client import Client
from .comfyui_graph import IMAGES, Template, read_template

VALUES = (*IMAGES, "prompt", "bare_prompt", "seed", *RenderSettings.model_fields)
"""What a graph can take: images, the prompt with and without the suffix, the seed, and every setting by its name."""


class ComfyUIRenderer:
    """A graph and a server. Settings that the graph does not take keep its own values."""

    def __init__(self, backend: ComfyUI) -> None:
        self.backend = backend
        self.template: Template = read_template(Path(backend.workflow), backend.inputs, backend.output, VALUES)
        self.client = Client(backend.address, backend.patience)

    def render(self, job: Job) -> list[Image.Image]:
        pngs = {name: _png(image) for name, image in _images(job, self.template.images)}

        def work() -> list[bytes]:
            files = {name: self.client.upload(_file_name(png), png) for name, png in pngs.items()}
            graph = self.template.filled({**_values(job), **files})
            return self.client.run(graph, self.template.output)

        results = [_opened(content) for content in self.client.retrying(work)]
        return [self._whole(job, result) for result in results]

    def _whole(self, job: Job, result: Image.Image) -> Image.Image:
        """A result as a grid of the job's size: an image of B' stands in the canvas, at the place of B'."""
        if self.backend.result == "grid":
            return result.resize(job.grid.size, Resampling.BICUBIC)
        return canvas(job.grid, job.image, b_prime_init=result)


def _images(job: Job, names: list[str]) -> Iterator[tuple[str, Image.Image]]:
    cells = {cell.key: image for cell, image in job.cells.items()}
    for name in names:
        match name:
            case _ if name in cells:
                yield name, cells[name]
            case "grid":
                yield name, job.image
            case "canvas":
                yield name, canvas(job.grid, job.image)
            case "mask":
                yield name, mask(job.grid).convert("RGB")
            case "marked":
                yield name, mark(job.grid, job.image)


def _values(job: Job) -> dict[str, object]:
    """Everything but the images, by name."""
    grid = job.grid
    return {
        **job.settings.model_dump(mode="json"),
        "cell_width": grid.cell_width,
        "cell_height": grid.cell_height,
        "layout": grid.layout.value,
        "prompt": job.prompt + job.settings.suffix,
        "bare_prompt": job.prompt,
        "seed": job.seed,
    }


def _png(image: Image.Image) -> bytes:
    encoded = BytesIO()
    image.save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def _file_name(png: bytes) -> str:
    """Called after its content, so that an image that comes again does not fill the disk."""
    return f"{hashlib.sha256(png).hexdigest()[:24]}.png"


def _opened(content: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(content)).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise RenderError(f"The output of ComfyUI is not a readable image: {error}.") from error
