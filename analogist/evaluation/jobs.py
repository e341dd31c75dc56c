"""An analogy ready to be painted, and the protocol of those who paint."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from PIL import Image
from PIL.Image import Resampling

from ..cells import Cell
from ..grid import (
    AnalogyGrid,
    compose,
    crop,
    place,
)
from ..images import open_image
from .dataset import GRID, TRUTH, Source
from .settings import Painting

PAIR_AND_B = {"a": Cell.A, "a_prime": Cell.A_PRIME, "b": Cell.B}


@dataclass(frozen=True)
class Job:
    """One analogy with its pictures in memory.

    Attributes:
        task, name: as in the data set.
        pictures: A, A' and B as they came; of a grid that is ready, its cells.
        image: the grid I, of the size that the settings say.
        prompt: without the suffix.
        seed: of the noise.
        painting: the settings.
    """

    task: str
    name: str
    pictures: Mapping[Cell, Image.Image]
    image: Image.Image
    prompt: str
    seed: int
    painting: Painting

    @property
    def grid(self) -> AnalogyGrid:
        return self.painting.grid


class PaintError(Exception):
    """This one analogy could not be painted; the message says why. Others may well be."""


class Painter(Protocol):
    """Where pictures are made. To be usable on Ray it must also survive pickling."""

    def paint(self, job: Job) -> list[Image.Image]:
        """Every result for a job, as whole grids of the job's size.

        Raises:
            ValueError, PaintError: this analogy cannot be painted. Anything else ends the run, which can be resumed.
        """


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its grids, or why there are none; and the seconds that it took."""

    job: Job
    grids: list[Image.Image]
    problem: str
    seconds: float


Crew = Callable[[Iterable[Job]], Iterator[Outcome]]
"""Takes jobs as it needs them, and gives the outcomes in any order."""


def attempt(painter: Painter, job: Job) -> Outcome:
    """Paint one analogy; what is wrong with it alone becomes an outcome like any other."""
    start = perf_counter()
    try:
        grids, problem = painter.paint(job), ""
    except (ValueError, PaintError) as error:
        grids, problem = [], str(error)
    return Outcome(job, grids, problem, perf_counter() - start)


def in_turn(painter: Painter) -> Crew:
    """One painter, one analogy after the other."""
    return lambda jobs: (attempt(painter, job) for job in jobs)


def seed_of(source: Source, base: int) -> int:
    """The seed of an analogy, 32 bits: it depends on its names and on nothing else, least of all on the order."""
    if source.seed is not None:
        return source.seed
    digest = hashlib.sha256(f"{base}/{source.task}/{source.name}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def prepare(source: Source, painting: Painting, seed: int) -> Job:
    """Open the pictures of an analogy and make its grid.

    Raises:
        ValueError: a picture cannot be read; the sentence names the file.
    """
    grid = painting.grid
    if GRID in source.pictures:
        image = open_image(source.pictures[GRID]).resize(grid.size, Resampling.BICUBIC)
        pictures = {cell: crop(grid, image, cell) for cell in PAIR_AND_B.values()}
    else:
        pictures = {cell: open_image(source.pictures[name]) for name, cell in PAIR_AND_B.items()}
        image = compose(grid, pictures[Cell.A], pictures[Cell.A_PRIME], pictures[Cell.B])
    return Job(source.task, source.name, pictures, image, source.prompt, seed, painting)


def known_b_prime(source: Source, painting: Painting) -> Image.Image | None:
    """The true B' where the data set has it, through a grid and out again as every result, in the size of a cell.

    Raises:
        ValueError: the picture cannot be read.
    """
    if TRUTH not in source.pictures:
        return None
    image = Image.new("RGB", painting.grid.size)
    place(painting.grid, image, Cell.B_PRIME, open_image(source.pictures[TRUTH]))
    return crop(painting.grid, image, Cell.B_PRIME)
