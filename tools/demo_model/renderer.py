"""The demo model's B' of many analogies at once, with every setting the same noise for the same analogy."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from analogist.cells import Cell, cell_tokens, write_cell
from analogist.demo.model import load
from analogist.grid import AnalogyGrid, canvas, mask
from analogist.images import to_tensor
from analogist.pipelines.inpainting import Conditions, Settings, denoise, start_latents
from analogist.pipelines.models import InpaintingModel

from .analogies import Analogy
from .world import GRID

BATCH = 12


class Told(NamedTuple):
    """Some analogies and everything that the UNet is told of them."""

    noise: Tensor
    canvas: Tensor
    conditions: Conditions


def told(model: InpaintingModel, analogies: Sequence[Analogy], prompts: Sequence[str], numbers: Sequence[int]) -> Told:
    """Noise and canvas (analogies, 4, h, w); analogy number n has the noise of seed n, whatever else is set."""
    geometry = analogies[0].geometry  # All have the same number of pairs.
    pixels = to_tensor([canvas(geometry, analogy.grid()) for analogy in analogies]).movedim(-1, 1) * 2 - 1
    hole = to_tensor([mask(geometry)])[:, None]
    conditions = Conditions(
        mask=interpolate(hole, _latent_size(geometry)).expand(len(analogies), -1, -1, -1),
        masked_image_latents=model.encode(pixels * (hole < 0.5), torch.Generator()),
        cond=torch.cat([model.encode_text(prompt) for prompt in prompts]),
        uncond=model.encode_text(""),
        sheet=geometry.sheet,
    )
    noise = torch.cat([_noise(geometry, n) for n in numbers])
    return Told(noise, model.encode(pixels, torch.Generator()), conditions)


def _latent_size(geometry: AnalogyGrid) -> tuple[int, int]:
    width, height = geometry.size
    return height // 8, width // 8


def _noise(geometry: AnalogyGrid, seed: int) -> Tensor:
    """(1, 4, h, w); the cell of B' has the same at every number of pairs."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, 4, *_latent_size(GRID), generator=generator)
    if geometry.pairs == 1:
        return noise
    own = cell_tokens(noise.flatten(-2).mT, _latent_size(GRID), Cell.B_PRIME)
    larger = torch.randn(1, 4, *_latent_size(geometry), generator=generator).flatten(-2).mT.contiguous()
    write_cell(larger, _latent_size(geometry), Cell.B_PRIME, own, geometry.sheet)
    return larger.mT.unflatten(-1, _latent_size(geometry))


class Renderer:
    """Renders B' in several processes of one thread: with layers this small, twice as fast as threads on two cores."""

    def __init__(self, weights: Path, processes: int | None = None) -> None:
        context = get_context("spawn")
        self._pool = ProcessPoolExecutor(processes, context, initializer=_load_in_worker, initargs=(weights,))

    def render(self, analogies: Sequence[Analogy], prompts: Sequence[str], settings: Settings) -> list[Image.Image]:
        """B' of each analogy, at the size of a tile."""
        parts = [range(start, min(start + BATCH, len(analogies))) for start in range(0, len(analogies), BATCH)]
        chosen = ([analogies[n] for n in part] for part in parts)
        texts = ([prompts[n] for n in part] for part in parts)
        rendered = self._pool.map(partial(_render, settings=settings), chosen, texts, parts)
        return [image for part in rendered for image in part]


def _load_in_worker(weights: Path) -> None:
    global _model
    torch.set_num_threads(1)
    _model = load(weights)


@torch.no_grad()
def _render(
    analogies: Sequence[Analogy], prompts: Sequence[str], numbers: Sequence[int], settings: Settings
) -> list[Image.Image]:
    noise, image, conditions = told(_model, analogies, prompts, numbers)
    latents = start_latents(noise, image, settings)
    *_, latents = denoise(_model.unet, latents, conditions, settings, _model.prediction_type)
    return [grid.crop(analogies[0].geometry.tile_box(Cell.B_PRIME)) for grid in _model.decode(latents)]


def through(model: InpaintingModel, analogy: Analogy) -> Image.Image:
    """The answer, encoded and decoded: the best that this model can render."""
    grid = analogy.answer()
    pixels = to_tensor([grid]).movedim(-1, 1) * 2 - 1
    with torch.no_grad():
        (decoded,) = model.decode(model.encode(pixels, torch.Generator()))
    return decoded.crop(analogy.geometry.tile_box(Cell.B_PRIME))
