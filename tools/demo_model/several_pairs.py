"""Measure what more pairs add: held-out analogies with 1, 2 and 3 pairs, without a prompt.

python -m tools.demo_model.several_pairs

The same B with the same noise of its cell every time; the pairs beyond the first show the same change in other scenes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from analogist.demo.weights import PATH
from analogist.pipelines.inpainting import Settings
from analogist.published import DEMO

from .analogies import held_out_analogies, with_pairs
from .evaluate import MEASURES, PATCHES, Row, column, interval, rows, write
from .renderer import Renderer

PAIRS = (1, 2, 3)
COMPARED = [variant for variant in PATCHES if variant.name in ("no patch", "SAC", "both")]


def line(results: Sequence[Row], name: str, pairs: int) -> str:
    """A row of the table: means, and 95% intervals of the paired differences, (to no patch) and [to one pair]."""
    cells = []
    for measure in MEASURES:
        values = column(results, str(pairs), name, measure)
        cell = f"{values.mean():.3f}"
        if name != COMPARED[0].name:
            cell += f" ({_interval(values - column(results, str(pairs), COMPARED[0].name, measure))})"
        if pairs != PAIRS[0]:
            cell += f" [{_interval(values - column(results, str(PAIRS[0]), name, measure))}]"
        cells.append(cell)
    return f"| {name} | {pairs} | " + " | ".join(cells) + " |"


def _interval(differences: np.ndarray) -> str:
    low, high = interval(differences)
    text = f"{low:+.3f} to {high:+.3f}"
    return f"**{text}**" if low * high > 0 else text


def main(
    number: Annotated[int, typer.Option(help="Held-out analogies.")] = 204,
    weights: Annotated[Path, typer.Option(help="Another model than the shipped one.")] = PATH,
    folder: Annotated[Path, typer.Option(help="For the numbers.")] = Path("outputs/demo_model/several_pairs"),
    processes: Annotated[int | None, typer.Option(help="One a core by default.")] = None,
) -> None:
    """Print the table, and write every score."""
    renderer, results = Renderer(weights, processes), list[Row]()
    print("| patches | pairs | " + " | ".join(MEASURES.values()) + " |\n|---|---" + "|---" * len(MEASURES) + "|")
    for pairs in PAIRS:
        analogies = [with_pairs(analogy, pairs, n) for n, analogy in enumerate(held_out_analogies(number))]
        for variant in COMPARED:
            settings = Settings(steps=DEMO.steps, strength=DEMO.strength, guidance=1.0, edit=variant.edit, suffix="")
            rendered = renderer.render(analogies, [""] * number, settings)
            results += rows(str(pairs), variant.name, analogies, rendered)
            write(results, folder)
            print(line(results, variant.name, pairs), flush=True)


if __name__ == "__main__":
    typer.run(main)
