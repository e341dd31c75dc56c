"""Painting with a running ComfyUI: any graph of the user's, filled in for each analogy."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.Image import Resampling

from ...cells import Cell
from ...grid import canvas, mask
from ...marks import mark
from ..jobs import Job, PaintError
from ..settings import ComfyUI, Painting
from .comfyui_client import Client
from .comfyui_graph import PICTURES, Template, read_template

VALUES = (*PICTURES, "prompt", "bare_prompt", "seed", *Painting.model_fields)
"""What a graph can take: pictures, the prompt with and without the suffix, the seed, and every setting by its name."""


class ComfyUIPainter:
    """A graph and a server. What the graph does not take of the settings it has of its own."""

    def __init__(self, backend: ComfyUI) -> None:
        self.backend = backend
        self.template: Template = read_template(Path(backend.workflow), backend.inputs, backend.output, VALUES)
        self.client = Client(backend.address, backend.patience)

    def paint(self, job: Job) -> list[Image.Image]:
        pngs = {name: _png(picture) for name, picture in _pictures(job, self.template.pictures)}

        def work() -> list[bytes]:
            files = {name: self.client.upload(_file_name(png), png) for name, png in pngs.items()}
            graph = self.template.filled({**_values(job), **files})
            return self.client.run(graph, self.template.output)

        results = [_opened(content) for content in self.client.surely(work)]
        return [self._whole(job, result) for result in results]

    def _whole(self, job: Job, result: Image.Image) -> Image.Image:
        """A result as a grid of the job's size: a picture of B' stands in the canvas, at the place of B'."""
        if self.backend.result == "grid":
            return result.resize(job.grid.size, Resampling.BICUBIC)
        return canvas(job.grid, job.image, b_prime_init=result)


def _pictures(job: Job, names: list[str]) -> Iterator[tuple[str, Image.Image]]:
    for name in names:
        match name:
            case "a" | "a_prime" | "b":
                yield name, job.pictures[Cell[name.upper()]]
            case "grid":
                yield name, job.image
            case "canvas":
                yield name, canvas(job.grid, job.image)
            case "mask":
                yield name, mask(job.grid).convert("RGB")
            case "marked":
                yield name, mark(job.grid, job.image)


def _values(job: Job) -> dict[str, object]:
    """Everything but the pictures, by name."""
    grid = job.grid
    return {
        **job.painting.model_dump(),
        "cell_width": grid.cell_width,
        "cell_height": grid.cell_height,
        "layout": grid.layout.value,
        "prompt": job.prompt + job.painting.suffix,
        "bare_prompt": job.prompt,
        "seed": job.seed,
    }


def _png(picture: Image.Image) -> bytes:
    encoded = BytesIO()
    picture.save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def _file_name(png: bytes) -> str:
    """Called after its content, so that a picture that comes again does not fill the disk."""
    return f"{hashlib.sha256(png).hexdigest()[:24]}.png"


def _opened(content: bytes) -> Image.Image:
    try:
        return Image.open(BytesIO(content)).convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise PaintError(f"What ComfyUI sent cannot be read as a picture: {error}.") from error
