"""The scores of one result, by the networks and libraries that are there."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from PIL import Image
from torch import Tensor

from ..grid import crop
from ..images import to_tensor
from ..scores import metrics
from ..scores.networks import Embedder
from ..scores.strips import Cells, Strip, cells, published_cells
from .jobs import PAIR_AND_B
from .settings import RenderSettings

PUBLISHED_GUTTER = 2
"""Width of the white lines in a strip of the published format, whose grids are square."""


class LibraryScorer:
    """Direction similarity and distance in structure by CLIP, and what compares with the true B' where it is known.

    Attributes:
        embedder: CLIP; None leaves out what needs it.
    """

    def __init__(self, embedder: Embedder | None = None, clip: str = "") -> None:
        self.embedder = embedder
        self.compared: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"squared_error": metrics.squared_error}
        if find_spec("torchmetrics"):
            self.compared |= {"psnr": metrics.psnr, "ssim": metrics.ssim}
        self.name = ", ".join([*([f"clip {clip}"] if embedder else []), *self.compared])

    def score(
        self, settings: RenderSettings, strip: Image.Image, results: Sequence[Image.Image], truth: Image.Image | None
    ) -> dict[str, list[float]]:
        scores: dict[str, Tensor] = {}
        if self.embedder:
            scores |= _by_clip(self.embedder, settings, strip, results)
        if truth is not None:
            ours, theirs = to_tensor(results), to_tensor([truth] * len(results))
            scores |= {name: measure(ours, theirs) for name, measure in self.compared.items()}
        return {name: [float(value) for value in values] for name, values in scores.items()}


def _by_clip(
    embedder: Embedder, settings: RenderSettings, strip: Image.Image, results: Sequence[Image.Image]
) -> dict[str, Tensor]:
    grid, (width, height) = settings.grid, settings.grid.size
    first, _, *rest = (strip.crop((x, 0, x + width, height)) for x in range(0, strip.width, width))
    taken = Strip(first, tuple(rest), grid)
    if (width, grid.gutter) != (height, PUBLISHED_GUTTER):
        a, a_prime, b = (crop(grid, first, cell) for cell in PAIR_AND_B.values())
        return _corrected(embedder, Cells(a, a_prime, b, tuple(results)))
    # A strip in the published format has the same scores here as by `python -m analogist score`.
    features = embedder(_all(published_cells(taken)))
    published = metrics.direction_similarity_published(features[0], features[1], features[2], features[3:])
    return {"direction_similarity_published": published, **_corrected(embedder, cells(taken))}


def _corrected(embedder: Embedder, images: Cells) -> dict[str, Tensor]:
    features, tokens = embedder.see(_all(images))
    return {
        "direction_similarity": metrics.direction_similarity(features[0], features[1], features[2], features[3:]),
        "structure_distance": metrics.structure_distance(tokens[2], tokens[3:]),
    }


def _all(images: Cells) -> list[Image.Image]:
    return [images.a, images.a_prime, images.b, *images.b_primes]
