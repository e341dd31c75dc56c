"""An analogy ready to be rendered, and the protocols of renderers and of what runs them."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from PIL import Image
from PIL.Image import Resampling

from ..cells import Cell
from ..grid import AnalogyGrid, compose, crop, place
from ..images import open_image
from .settings import RenderSettings
from .sources import GRID, TRUTH, Source


@dataclass(frozen=True)
class Job:
    """One analogy with its images in memory.

    Attributes:
        task, name: as in the data set.
        cells: A and A' of every pair and B as they came; of a finished grid, its cells.
        image: the grid I, of the size that the settings say.
        prompt: without the suffix.
        seed: of the noise.
        settings: how to render it.
    """

    task: str
    name: str
    cells: Mapping[Cell, Image.Image]
    image: Image.Image
    prompt: str
    seed: int
    settings: RenderSettings

    @property
    def grid(self) -> AnalogyGrid:
        return self.settings.grid


class RenderError(Exception):
    """This one analogy could not be rendered; the message says why. Others may well be."""


class Renderer(Protocol):
    """Where images are sampled. To be usable on Ray it must also survive pickling."""

    def render(self, job: Job) -> list[Image.Image]:
        """Every result for a job, as whole grids of the job's size.

        Raises:
            ValueError, RenderError: this analogy cannot be rendered. Anything else ends the run, which can be resumed.
        """


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its grids, or why there are none; and the seconds that it took."""

    job: Job
    grids: list[Image.Image]
    problem: str
    seconds: float


Executor = Callable[[Iterable[Job]], Iterator[Outcome]]
"""Takes jobs as it needs them, and gives the outcomes in any order."""


def attempt(renderer: Renderer, job: Job) -> Outcome:
    """Render one analogy; what is wrong with it alone becomes an outcome like any other."""
    start = perf_counter()
    try:
        grids, problem = renderer.render(job), ""
    except (ValueError, RenderError) as error:
        grids, problem = [], str(error)
    return Outcome(job, grids, problem, perf_counter() - start)


def serial(renderer: Renderer) -> Executor:
    """One renderer, one analogy after the other."""
    return lambda jobs: (attempt(renderer, job) for job in jobs)


def seed_of(source: Source, base: int) -> int:
    """The seed of an analogy, 32 bits: it depends on its names and on nothing else, least of all on the order."""
    if source.seed is not None:
        return source.seed
    digest = hashlib.sha256(f"{base}/{source.task}/{source.name}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def prepare(source: Source, settings: RenderSettings, seed: int) -> Job:
    """Open the images of an analogy and make its grid.

    Raises:
        ValueError: an image cannot be read; the sentence names the file.
    """
    grid = settings.grid
    *examples, b, _ = grid.sheet.cells
    if GRID in source.files:
        image = open_image(source.files[GRID]).resize(grid.size, Resampling.BICUBIC)
        cells = {cell: crop(grid, image, cell) for cell in (*examples, b)}
    else:
        cells = {cell: open_image(source.files[cell.key]) for cell in (*examples, b)}
        first, *more = ((cells[a], cells[a_prime]) for a, a_prime in grid.sheet.examples)
        image = compose(grid, *first, cells[b], more)
    return Job(source.task, source.name, cells, image, source.prompt, seed, settings)


def known_b_prime(source: Source, settings: RenderSettings) -> Image.Image | None:
    """The true B' where the data set has it, through a grid and out again as every result, in the size of a cell.

    Raises:
        ValueError: the image cannot be read.
    """
    if TRUTH not in source.files:
        return None
    image = Image.new("RGB", settings.grid.size)
    place(settings.grid, image, Cell.B_PRIME, open_image(source.files[TRUTH]))
    return crop(settings.grid, image, Cell.B_PRIME)
