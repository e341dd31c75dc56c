"""Measure what more pairs add: held-out analogies with 1, 2 and 3 pairs, without a prompt.

python -m tools.demo_model.several_pairs

The same B with the same noise of its cell every time; the pairs beyond the first show the same change in other scenes.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from rich.progress import track
from torch import Tensor
from torch.nn.functional import interpolate

from analogist.cells import Cell, write_cell
from analogist.demo.model import load
from analogist.demo.weights import PATH
from analogist.grid import AnalogyGrid, canvas, compose, mask
from analogist.images import to_tensor
from analogist.layers import LayerRange
from analogist.pipelines.edits import Edit
from analogist.pipelines.inpainting import Conditions, Settings, denoise, start_latents
from analogist.pipelines.models import InpaintingModel

from .analogies import Analogy, held_out_analogies
from .scores import scores
from .world import GRID, Scene, render, scenes

PAIRS = (1, 2, 3)
NONE, ALL = LayerRange(0, 0), LayerRange(0, 16)
EDITS = {"no patch": Edit(sac=NONE, cam=NONE), "both": Edit(sac=ALL, cam=ALL), "both, layers 3-10": Edit()}
MEASURES = {"error": "error", "changed": "changed attribute", "kept": "kept attributes"}
BATCH = 10


def more_pairs(analogy: Analogy, number: int, seed: int) -> list[tuple[Scene, Scene]]:
    """Other scenes with the same change, none of them with the shape and color of B."""
    rng = np.random.default_rng([seed, 7])
    word = getattr(analogy.a_prime, analogy.attribute)
    pool = [scene for scene in scenes() if scene.filter == "none" and scene.style == analogy.a.style]
    found: list[tuple[Scene, Scene]] = []
    while len(found) < number:
        scene = pool[rng.integers(len(pool))]
        if analogy.attribute == "style":  # An outline has no pattern.
            scene = replace(scene, pattern="plain")
        if getattr(scene, analogy.attribute) == word or (scene.shape, scene.color) == (
            analogy.b.shape,
            analogy.b.color,
        ):
            continue
        try:
            changed = replace(scene, **{analogy.attribute: word})
        except ValueError:  # The thing could not be seen.
            continue
        if not changed.is_held_out:
            found.append((scene, changed))
    return found


def sheet(grid: AnalogyGrid, analogy: Analogy, more: Sequence[tuple[Scene, Scene]]) -> Image.Image:
    images = [(render(a), render(a_prime)) for a, a_prime in more[: grid.pairs - 1]]
    return compose(grid, render(analogy.a), render(analogy.a_prime), render(analogy.b), images)


def noise_of(grid: AnalogyGrid, seed: int) -> Tensor:
    """Noise (1, 4, h, w) in which the cell of B' has the same at every number of pairs."""
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(1, 4, grid.cell_height // 8, grid.cell_width // 8, generator=generator)
    size = grid.size[1] // 8, grid.size[0] // 8
    noise = torch.randn(1, 4, *size, generator=generator).flatten(-2).mT.contiguous()
    write_cell(noise, size, Cell.B_PRIME, own.flatten(-2).mT, grid.sheet)
    return noise.mT.unflatten(-1, size)


@torch.no_grad()
def rendered(
    model: InpaintingModel, grid: AnalogyGrid, images: Sequence[Image.Image], seeds: Sequence[int], settings: Settings
) -> list[Image.Image]:
    """B' of some sheets, at the size of a tile."""
    pixels = to_tensor([canvas(grid, image) for image in images]).movedim(-1, 1) * 2 - 1
    hole = to_tensor([mask(grid)])[:, None]
    size = grid.size[1] // 8, grid.size[0] // 8
    conditions = Conditions(
        mask=interpolate(hole, size).expand(len(images), -1, -1, -1),
        masked_image_latents=model.encode(pixels * (hole < 0.5), torch.Generator()),
        cond=model.encode_text(""),
        uncond=model.encode_text(""),
        sheet=grid.sheet,
    )
    noise = torch.cat([noise_of(grid, seed) for seed in seeds])
    latents = start_latents(noise, model.encode(pixels, torch.Generator()), settings)
    *_, latents = denoise(model.unet, latents, conditions, settings, model.prediction_type)
    return [image.crop(grid.tile_box(Cell.B_PRIME)) for image in model.decode(latents)]


def main(
    number: Annotated[int, typer.Option(help="Held-out analogies.")] = 100,
    steps: Annotated[int, typer.Option(help="DDIM steps over the whole schedule.")] = 25,
    strength: Annotated[float, typer.Option(help="Share of them that is run.")] = 0.9,
    weights: Path = PATH,
) -> None:
    """Print the table, and in brackets the paired difference to one pair with its standard error."""
    torch.set_num_threads(1)
    model, analogies = load(weights), held_out_analogies(number)
    more = [more_pairs(analogy, max(PAIRS) - 1, n) for n, analogy in enumerate(analogies)]
    print("| patches | pairs | " + " | ".join(MEASURES.values()) + " |\n|---|---" + "|---" * len(MEASURES) + "|")
    for name, edit in EDITS.items():
        settings = Settings(steps=steps, strength=strength, guidance=1.0, edit=edit)
        found: dict[int, np.ndarray] = {}
        for pairs, start in track([*product(PAIRS, range(0, number, BATCH))], name):
            some = range(start, min(start + BATCH, number))
            grid = replace(GRID, pairs=pairs)
            images = [sheet(grid, analogies[n], more[n]) for n in some]
            results = rendered(model, grid, images, some, settings)
            scored = [
                scores(image, analogies[n].b_prime, analogies[n].attribute)
                for n, image in zip(some, results, strict=True)
            ]
            values = np.array([[one[measure] for measure in MEASURES] for one in scored])
            found[pairs] = np.concatenate([found.get(pairs, values[:0]), values])
        for pairs, values in found.items():
            difference = values - found[PAIRS[0]]
            error = difference.std(axis=0) / np.sqrt(number)
            cells = [
                f"{mean:.3f}" if pairs == PAIRS[0] else f"{mean:.3f} ({d:+.3f} ± {e:.3f})"
                for mean, d, e in zip(values.mean(axis=0), difference.mean(axis=0), error, strict=True)
            ]
            print(f"| {name} | {pairs} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    typer.run(main)
