"""The image beside a template's title: its analogy with B', which is drawn, photographed or rendered, and says so."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from analogist.cells import Cell
from analogist.grid import AnalogyGrid, compose, place
from analogist.images import open_image
from analogist.marks import arrows

PROJECT = Path(__file__).parents[2]
WORKFLOWS, SUBGRAPHS = PROJECT / "workflows", PROJECT / "subgraphs"
RENDERED = {"shapes"}
"""Examples whose B' is a result; that of the others is what the result has to be."""
DARK, LIGHT = (20, 22, 26), (255, 255, 255)


def thumbnail(example: str, *more: str) -> Image.Image:
    """The sheet of a shipped example, whose B' says what it is; `more` are examples of further pairs.

    The letters stand below, because ComfyUI covers the upper left corner. Always in rows, where a person expects B.
    """
    grid = AnalogyGrid(256, 256, gutter=6, pairs=1 + len(more))
    pairs = [tuple(_image(name, cell) for cell in (Cell.A, Cell.A_PRIME)) for name in (example, *more)]
    (a, a_prime), *others = pairs
    image = compose(grid, a, a_prime, _image(example, Cell.B), [(one, other) for one, other in others])
    place(grid, image, Cell.B_PRIME, _image(example, Cell.B_PRIME))
    image.paste((230, 0, 0), mask=arrows(grid))
    what = "demo model" if example in RENDERED else "true"
    for cell in grid.sheet.cells:
        name = grid.sheet.label(cell)
        _label(image, grid.tile_box(cell), f"{name} ({what})" if cell is Cell.B_PRIME else name)
    return image


def _image(example: str, cell: Cell) -> Image.Image:
    return open_image(WORKFLOWS / "examples" / example / f"{cell.key}.png")


def _label(image: Image.Image, tile: tuple[int, int, int, int], text: str) -> None:
    left, _, _, bottom = tile
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(30)
    box = draw.textbbox((left + 8, bottom - 8), text, font=font, anchor="lb")
    draw.rectangle((left, box[1] - 6, box[2] + 8, bottom - 1), fill=DARK)
    draw.text((left + 8, bottom - 8), text, fill=LIGHT, font=font, anchor="lb")
