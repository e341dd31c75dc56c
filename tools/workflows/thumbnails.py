"""The image beside a template's title: its A, A' and B with their letters, or the sheet that it makes."""

from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont

from analogist.cells import Cell
from analogist.grid import AnalogyGrid, compose, mark
from analogist.images import open_picture
from analogist.sheets.contact_sheet import Tile, analogy_sheet

WORKFLOWS = Path(__file__).parents[2] / "workflows"
Triple = tuple[Image.Image, Image.Image, Image.Image]


def example(name: str) -> Triple:
    """A, A' and B of a shipped example."""
    a, a_prime, b = (open_picture(WORKFLOWS / "examples" / name / f"{cell}.png") for cell in ("a", "a_prime", "b"))
    return a, a_prime, b


def marked(triple: Triple) -> Image.Image:
    """What a vision model is shown."""
    geometry = AnalogyGrid()
    return mark(geometry, compose(geometry, *triple))


def unknown(triple: Triple) -> Image.Image:
    """The marked grid with a question in place of B'. Always in rows, where the letters are those of the nodes."""
    grid = AnalogyGrid(256, 256, gutter=6)
    image = compose(grid, *triple)
    left, top, right, bottom = grid.tile_box(Cell.B_PRIME)
    image.paste((238, 240, 243), (left, top, right, bottom))
    font = ImageFont.load_default(120)
    middle = (left + right) / 2, (top + bottom) / 2
    ImageDraw.Draw(image).text(middle, "?", fill=(70, 78, 92), font=font, anchor="mm")
    return mark(grid, image)


def outlined(triple: Triple) -> Image.Image:
    """The marked grid with edges in place of A and B."""
    _, a_prime, b = triple
    return marked((_edges(a_prime), a_prime, _edges(b)))


def sheet(triple: Triple) -> Image.Image:
    """The contact sheet as it is before anything has been rendered."""
    blank = Image.new("RGB", (256, 256), (225, 225, 225))
    results = [Tile(blank, f"B' #{number}", best=number == 1) for number in range(1, 4)]
    return analogy_sheet(dict(zip(("A", "A'", "B"), triple, strict=True)), results, columns=3)


def _edges(image: Image.Image) -> Image.Image:
    """Where neighboring pixels differ: near enough to Canny's edges for a thumbnail."""
    grey = image.convert("L")
    moved = ImageChops.add(
        ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)),
        ImageChops.difference(grey, ImageChops.offset(grey, 0, 1)),
    )
    return moved.point(lambda value: 255 if value > 40 else 0).convert("RGB")
