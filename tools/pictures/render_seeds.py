"""Draw what SAC and CAM change without a prompt: the first template with many seeds, without and with them.

python -m tools.pictures.render_seeds
"""

from pathlib import Path

from PIL import Image
from rich.progress import track

from analogist.cells import Cell
from analogist.demo import analogies
from analogist.demo.model import load
from analogist.images import open_image
from analogist.layers import LayerRange
from analogist.published import SEED
from analogist.sheets.contact_sheet import Tile, contact_sheet
from tools.pictures.render_examples import first_template
from tools.workflows.parts import NO_PROMPT
from tools.workflows.thumbnails import WORKFLOWS

DOCS = Path(__file__).parents[2] / "docs"
SEEDS = range(SEED, SEED + 16)
SIDE = 96


def main() -> None:
    folder = WORKFLOWS / "examples" / NO_PROMPT.name
    given = {cell: open_image(folder / f"{cell.key}.png") for cell in (Cell.A, Cell.A_PRIME, Cell.B)}
    drawing, model = analogies.Drawing("color", given, NO_PROMPT.prompt), load()
    settings = {"without": first_template(LayerRange(0, 0)), "with": first_template(NO_PROMPT.setting.layers)}
    rendered: dict[tuple[str, int], Image.Image] = {}
    for name, seed in track([(name, seed) for name in settings for seed in SEEDS], "Rendering"):
        (solved,) = analogies.solve(model, [drawing], settings[name], seed)
        rendered[name, seed] = solved.rendered
    half = len(SEEDS) // 2
    rows = [
        [Tile(image, cell.label) for cell, image in given.items()],
        *(
            [Tile(rendered[name, seed], f"{name}, {seed}") for seed in seeds]
            for seeds in (SEEDS[:half], SEEDS[half:])
            for name in settings
        ),
    ]
    sheet = contact_sheet(rows, "No prompt, 16 seeds: without and with SAC and CAM", SIDE)
    sheet.save(DOCS / "demo_model_seeds.png", optimize=True)


if __name__ == "__main__":
    main()
