"""Draw what SAC and CAM change without a prompt: the first template with many seeds, without and with them.

python -m tools.pictures.render_seeds
"""

from dataclasses import replace
from pathlib import Path

from PIL import Image
from rich.progress import track

from analogist.cells import Cell
from analogist.demo import analogies
from analogist.demo.model import load
from analogist.images import open_image
from analogist.layers import LayerRange
from analogist.pipelines.edits import Edit
from analogist.published import SEED
from analogist.sheets.contact_sheet import Tile, contact_sheet
from tools.workflows.parts import NO_PROMPT
from tools.workflows.thumbnails import WORKFLOWS

DOCS = Path(__file__).parents[2] / "docs"
SEEDS = range(SEED, SEED + 16)
SIDE = 96


def main() -> None:
    folder = WORKFLOWS / "examples" / NO_PROMPT.name
    given = {cell: open_image(folder / f"{cell.key}.png") for cell in (Cell.A, Cell.A_PRIME, Cell.B)}
    drawing, model, setting = analogies.Drawing("color", given, NO_PROMPT.prompt), load(), NO_PROMPT.setting
    none = LayerRange(0, 0)
    edits = {"without": Edit(none, none), "with": Edit(setting.layers, setting.layers, setting.scale)}
    rendered: dict[tuple[str, int], Image.Image] = {}
    for name, seed in track([(name, seed) for name in edits for seed in SEEDS], "Rendering"):
        settings = replace(analogies.DRAWINGS_SETTINGS, guidance=setting.guidance, edit=edits[name])
        (solved,) = analogies.solve(model, [drawing], settings, seed)
        rendered[name, seed] = solved.rendered
    half = len(SEEDS) // 2
    rows = [
        [Tile(image, cell.label) for cell, image in given.items()],
        *(
            [Tile(rendered[name, seed], f"{name}, {seed}") for seed in seeds]
            for seeds in (SEEDS[:half], SEEDS[half:])
            for name in edits
        ),
    ]
    sheet = contact_sheet(rows, "No prompt, 16 seeds: without and with SAC and CAM", SIDE)
    sheet.save(DOCS / "demo_model_seeds.png", optimize=True)


if __name__ == "__main__":
    main()
