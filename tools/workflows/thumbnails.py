"""The image beside a template's title: its A, A' and B with their letters, or the sheet that it makes."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from analogist.cells import Cell
from analogist.grid import AnalogyGrid, compose
from analogist.images import open_image
from analogist.marks import mark
from analogist.sheets.contact_sheet import Tile, analogy_sheet

PROJECT = Path(__file__).parents[2]
WORKFLOWS, SUBGRAPHS = PROJECT / "workflows", PROJECT / "subgraphs"
Triple = tuple[Image.Image, Image.Image, Image.Image]


def example(name: str) -> Triple:
    """A, A' and B of a shipped example."""
    a, a_prime, b = (open_image(WORKFLOWS / "examples" / name / f"{cell}.png") for cell in ("a", "a_prime", "b"))
    return a, a_prime, b


def marked(triple: Triple) -> Image.Image:
    """What a vision model is shown."""
    geometry = AnalogyGrid()
    return mark(geometry, compose(geometry, *triple))


def unknown(triple: Triple) -> Image.Image:
    """The marked grid with a question in place of B'. Always in rows, where the letters are those of the nodes."""
    grid = AnalogyGrid(256, 256, gutter=6)
    return mark(grid, _questioned(grid, compose(grid, *triple)))


def _questioned(grid: AnalogyGrid, image: Image.Image) -> Image.Image:
    left, top, right, bottom = grid.tile_box(Cell.B_PRIME)
    image.paste((238, 240, 243), (left, top, right, bottom))
    font = ImageFont.load_default(120)
    middle = (left + right) / 2, (top + bottom) / 2
    ImageDraw.Draw(image).text(middle, "?", fill=(70, 78, 92), font=font, anchor="mm")
    return image


def two_pairs(triple: Triple) -> Image.Image:
    """The marked grid of two pairs, with a question in place of B'."""
    grid = AnalogyGrid(256, 256, gutter=6, pairs=2)
    second_a, second_a_prime, _ = example("colorization_landscape")
    image = compose(grid, *triple, [(second_a, second_a_prime)])
    return mark(grid, _questioned(grid, image))


def sheet(triple: Triple) -> Image.Image:
    """The contact sheet as it is before anything has been rendered."""
    blank = Image.new("RGB", (256, 256), (225, 225, 225))
    results = [Tile(blank, f"B' #{number}", best=number == 1) for number in range(1, 4)]
    return analogy_sheet(dict(zip(("A", "A'", "B"), triple, strict=True)), results, columns=3)
