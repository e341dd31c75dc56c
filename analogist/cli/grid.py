"""`python -m analogist grid`: the grid of three image files, or of more pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import say
from .options import GridOptions

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..grid import AnalogyGrid


def grid(
    a: Annotated[Path, typer.Argument(help="A, the example image before the change.")],
    a_prime: Annotated[Path, typer.Argument(help="A', the example image after the change.")],
    b: Annotated[Path, typer.Argument(help="B, the image to change in the same way.")],
    options: GridOptions,
    to: Annotated[Path, typer.Option("--output", "-o", help="Output file of the grid.")] = Path("grid.png"),
) -> None:
    """Make the grid of A, A' and B, and a copy with letters and arrows for a vision language model."""
    from ..marks import mark

    geometry, image = composed(options, a, a_prime, b)
    marked = to.with_stem(f"{to.stem}_marked")
    to.parent.mkdir(parents=True, exist_ok=True)
    image.save(to)
    mark(geometry, image).save(marked)
    say(f"The grid is in {to}, the marked one in {marked}.")


def composed(options: GridOptions, a: Path, a_prime: Path, b: Path) -> tuple["AnalogyGrid", "Image"]:
    """The grid of three image files and of the pairs in the options, and its geometry with the size of B."""
    from ..grid import compose
    from ..images import open_image

    options.geometry()  # What is wrong with the options comes first.
    example, transformed, query = (open_image(path) for path in (a, a_prime, b))
    more = [(open_image(one), open_image(other)) for one, other in options.more_pairs]
    geometry = options.geometry(query.size)
    return geometry, compose(geometry, example, transformed, query, more)
