"""The demo: drawings with the demo model, or photographs with the user's model."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ..cells import Cell
from ..devices import checked_seed
from ..grid import AnalogyGrid, Fit, compose, crop
from ..images import open_image
from ..marks import mark
from ..pipelines.edits import Edit
from ..pipelines.inpainting import Settings, sample
from ..pipelines.models import InpaintingModel
from ..published import DEMO, LARGEST_SEED, SEED
from ..sheets.contact_sheet import Tile, contact_sheet

TITLE = "A is to A' as B is to B'."
PHOTOGRAPHS_PROMPT = "Cat in color"
DRAWINGS = Path(__file__).with_name("drawings")
"""Six analogies as images, one of each transformation, and what B' shows in words."""
GRID = AnalogyGrid(cell_width=64, cell_height=64, gutter=0)
"""The grid of the demo model; without white lines, so that a thing has the same latents in every cell."""
DRAWINGS_SETTINGS = Settings(
    steps=DEMO.steps,
    strength=DEMO.strength,
    guidance=DEMO.guidance,
    edit=Edit(DEMO.layers, DEMO.layers, DEMO.scale),
    images_per_prompt=DEMO.images_per_prompt,
    suffix="",
    negative_prompt="",
)
"""docs/demo_model.md says what SAC and CAM change in this model."""

Images = dict[str, Image.Image]
"""The images of a demo by the names of their files: a, a_prime, b, b_prime, grid, grid_marked, contact_sheet."""
OnStep = Callable[[], None]


@dataclass(frozen=True)
class Drawing:
    """An analogy whose answer is known: its images, and the prompt."""

    attribute: str
    images: dict[Cell, Image.Image]
    prompt: str

    def grid(self) -> Image.Image:
        """The grid of A, A' and B; B' is black."""
        return compose(GRID, self.images[Cell.A], self.images[Cell.A_PRIME], self.images[Cell.B])


class Solved(NamedTuple):
    """An analogy and the B' that was rendered for it, at the size of a tile."""

    drawing: Drawing
    rendered: Image.Image


def read_drawings() -> list[Drawing]:
    """The analogies that are included in the library."""
    prompts: dict[str, str] = json.loads((DRAWINGS / "prompts.json").read_text(encoding="utf-8"))
    return [
        Drawing(name, {cell: open_image(DRAWINGS / f"{name}_{cell.key}.png") for cell in GRID.sheet.cells}, prompt)
        for name, prompt in prompts.items()
    ]


def drawings(
    model: InpaintingModel, settings: Settings, seed: int = SEED, on_step: OnStep = lambda: None
) -> tuple[Images, str]:
    """Solve the drawn analogies; the images and the prompt of the first one, and a sheet of them all.

    `on_step` is called `len(settings.timesteps)` times for each. The seed chooses the noise alone.
    """
    solved = list(solve(model, read_drawings(), settings, seed, on_step))
    drawing, rendered = solved[0]
    cells = drawing.images | {Cell.B_PRIME: rendered}
    return _named(cells, GRID, drawing.grid(), solved_sheet(solved)), drawing.prompt


def solve(
    model: InpaintingModel,
    found: Iterable[Drawing],
    settings: Settings,
    seed: int = SEED,
    on_step: OnStep = lambda: None,
) -> Iterator[Solved]:
    """Render B' of drawn analogies, with their prompts; each has a seed of its own, counted on from `seed`."""
    seed = checked_seed(seed)  # Before it is counted on, past the largest from 0 again.
    for number, drawing in enumerate(found):
        generator = model.generator((seed + number) % (LARGEST_SEED + 1))
        (grid,) = next(sample(model, GRID, drawing.grid(), [drawing.prompt], settings, generator, on_step))
        yield Solved(drawing, grid.crop(GRID.tile_box(Cell.B_PRIME)))


def solved_sheet(solved: Iterable[Solved]) -> Image.Image:
    """A, A', B, the B' that was rendered and the true one, one analogy in each row."""
    rows = []
    for drawing, rendered in solved:
        a, a_prime, b, b_prime = (drawing.images[cell] for cell in (Cell.A, Cell.A_PRIME, Cell.B, Cell.B_PRIME))
        rows.append([Tile(image) for image in (a, a_prime, b, rendered, b_prime)])
    return contact_sheet(rows, TITLE, 128, column_heads=["A", "A'", "B", "B' as rendered", "true B'"])


def photographs(
    model: InpaintingModel, settings: Settings, seed: int = SEED, on_step: OnStep = lambda: None
) -> tuple[Images, str]:
    """Color a photograph; the images, and the prompt. `on_step` is called `len(settings.timesteps)` times."""
    grid, photographs = AnalogyGrid(fit=Fit.CROP), colorization()
    image = compose(grid, photographs[Cell.A], photographs[Cell.A_PRIME], photographs[Cell.B])
    rendered = next(sample(model, grid, image, [PHOTOGRAPHS_PROMPT], settings, model.generator(seed), on_step))
    cells = {cell: crop(grid, image, cell) for cell in photographs} | {
        Cell.B_PRIME: crop(grid, rendered[0], Cell.B_PRIME)
    }
    sheet = contact_sheet([[Tile(image, cell.label) for cell, image in cells.items()]], TITLE)
    return _named(cells, grid, image, sheet), PHOTOGRAPHS_PROMPT


def colorization() -> dict[Cell, Image.Image]:
    """A colorization analogy from photographs included in scikit-image: A is gray, A' in color, B gray."""
    from skimage import data  # Only needed here.

    coffee, cat = (Image.fromarray(photograph) for photograph in (data.coffee(), data.chelsea()))
    return {Cell.A: coffee.convert("L"), Cell.A_PRIME: coffee, Cell.B: cat.convert("L")}


def _named(cells: dict[Cell, Image.Image], grid: AnalogyGrid, image: Image.Image, sheet: Image.Image) -> Images:
    named = {cell.key: image for cell, image in cells.items()}
    return {**named, "grid": image, "grid_marked": mark(grid, image), "contact_sheet": sheet}
