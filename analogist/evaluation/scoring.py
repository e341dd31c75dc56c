"""The scores of one result, by the networks and libraries that are there."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from PIL import Image
from torch import Tensor

from .. import metrics
from ..grid import crop
from ..metric_models import Embedder
from ..pictures import to_tensor
from ..regions import Cell
from ..strips import Strip, published_cells
from .settings import Painting


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
        self, painting: Painting, strip: Image.Image, results: Sequence[Image.Image], truth: Image.Image | None
    ) -> dict[str, list[float]]:
        scores: dict[str, Tensor] = {}
        if self.embedder:
            scores |= _by_clip(self.embedder, painting, strip, results)
        if truth is not None:
            ours, theirs = to_tensor(results), to_tensor([truth] * len(results))
            scores |= {name: measure(ours, theirs) for name, measure in self.compared.items()}
        return {name: [float(value) for value in values] for name, values in scores.items()}


def _by_clip(
    embedder: Embedder, painting: Painting, strip: Image.Image, results: Sequence[Image.Image]
) -> dict[str, Tensor]:
    grid, (width, height) = painting.grid, painting.grid.size
    tiles = [strip.crop((x, 0, x + width, height)) for x in range(0, strip.width, width)]
    inputs = [crop(grid, tiles[0], cell) for cell in (Cell.A, Cell.A_PRIME, Cell.B)]
    features, tokens = embedder.see([*inputs, *results])
    scores = {
        "direction_similarity": metrics.direction_similarity(features[0], features[1], features[2], features[3:]),
        "structure_distance": metrics.structure_distance(tokens[2], tokens[3:]),
    }
    if width == height:  # The published score is of square grids.
        published = published_cells(Strip(tiles[0], tuple(tiles[2:])))
        features = embedder([published.a, published.a_prime, published.b, *published.b_primes])
        scores["direction_similarity_published"] = metrics.direction_similarity_published(
            features[0], features[1], features[2], features[3:]
        )
    return scores
