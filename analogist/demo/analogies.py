"""The demo: drawings with the model that comes with the pack, or photographs with a model of the user's own."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from PIL import Image

from ..cells import Cell
from ..grid import (
    AnalogyGrid,
    Fit,
    compose,
    crop,
)
from ..layers import LayerRange
from ..marks import mark
from ..pipelines.edits import Edit
from ..pipelines.inpainting import Settings, sample
from ..pipelines.models import InpaintingModel
from ..published import SEED
from ..sheets.contact_sheet import Tile, contact_sheet
from ..toy_world import (
    GRID,
    Analogy,
    held_out_analogies,
    render,
)

TITLE = "A is to A' as B is to B'."
PHOTOGRAPHS_PROMPT = "Cat in color"
DRAWINGS = 6
"""Analogies of drawings in a demo, one of each transformation."""
LAST_LAYERS = LayerRange(13, 16)
DRAWINGS_SETTINGS = Settings(
    steps=25,
    strength=0.9,
    guidance=3.0,
    edit=Edit(sac=LAST_LAYERS, cam=LAST_LAYERS),
    images_per_prompt=1,
    suffix="",
    negative_prompt="",
)
"""In the small model it is the last layers that look at the other cells, see docs/demo_model.md."""

Pictures = dict[str, Image.Image]
"""The pictures of a demo by the names of their files: a, a_prime, b, b_prime, grid, grid_marked, contact_sheet."""
OnStep = Callable[[], None]


class Solved(NamedTuple):
    """An analogy of the toy world and what was painted for its B', at the size of a tile."""

    analogy: Analogy
    painted: Image.Image


def drawings(
    model: InpaintingModel, settings: Settings, seed: int = 42, on_step: OnStep = lambda: None
) -> tuple[Pictures, str]:
    """Solve `DRAWINGS` held-out analogies; the pictures and the prompt of the first one, and a sheet of them all.

    `on_step` is called `DRAWINGS * len(settings.timesteps)` times.
    """
    solved = list(solve(model, held_out_analogies(DRAWINGS, SEED), settings, seed, on_step))
    (analogy, painted), grid = solved[0], solved[0].analogy.grid()
    cells = {cell: render(scene) for cell, scene in analogy.scenes.items()} | {Cell.B_PRIME: painted}
    return _named(cells, GRID, grid, solved_sheet(solved)), analogy.b_prime.caption()


def solve(
    model: InpaintingModel,
    analogies: Iterable[Analogy],
    settings: Settings,
    seed: int = 42,
    on_step: OnStep = lambda: None,
) -> Iterator[Solved]:
    """Paint B' of analogies of the toy world, each told what B' shows but not where, how large and how turned."""
    for number, analogy in enumerate(analogies):
        generator, prompt = model.generator(seed + number), analogy.b_prime.caption()
        (painted,) = next(sample(model, GRID, analogy.grid(), [prompt], settings, generator, on_step))
        yield Solved(analogy, painted.crop(GRID.tile_box(Cell.B_PRIME)))


def solved_sheet(solved: Iterable[Solved]) -> Image.Image:
    """A, A', B, the B' that was painted and the true one, one analogy in each row."""
    rows = []
    for analogy, painted in solved:
        a, a_prime, b, b_prime = (render(scene) for scene in analogy.scenes.values())
        rows.append([Tile(picture) for picture in (a, a_prime, b, painted, b_prime)])
    return contact_sheet(rows, TITLE, 128, column_heads=["A", "A'", "B", "B' as painted", "true B'"])


def photographs(
    model: InpaintingModel, settings: Settings, seed: int = 42, on_step: OnStep = lambda: None
) -> tuple[Pictures, str]:
    """Color a photograph; the pictures, and the prompt. `on_step` is called `len(settings.timesteps)` times."""
    grid, pictures = AnalogyGrid(fit=Fit.CROP), colorization()
    image = compose(grid, pictures[Cell.A], pictures[Cell.A_PRIME], pictures[Cell.B])
    painted = next(sample(model, grid, image, [PHOTOGRAPHS_PROMPT], settings, model.generator(seed), on_step))
    cells = {cell: crop(grid, image, cell) for cell in pictures} | {Cell.B_PRIME: crop(grid, painted[0], Cell.B_PRIME)}
    sheet = contact_sheet([[Tile(picture, cell.label) for cell, picture in cells.items()]], TITLE)
    return _named(cells, grid, image, sheet), PHOTOGRAPHS_PROMPT


def colorization() -> dict[Cell, Image.Image]:
    """A colorization analogy from photographs that scikit-image brings along: A is grey, A' coloured, B grey."""
    from skimage import data  # Needed by nobody else.

    coffee, cat = (Image.fromarray(photograph) for photograph in (data.coffee(), data.chelsea()))
    return {Cell.A: coffee.convert("L"), Cell.A_PRIME: coffee, Cell.B: cat.convert("L")}


def _named(cells: dict[Cell, Image.Image], grid: AnalogyGrid, image: Image.Image, sheet: Image.Image) -> Pictures:
    named = {cell.name.lower(): picture for cell, picture in cells.items()}
    return {**named, "grid": image, "grid_marked": mark(grid, image), "contact_sheet": sheet}
