"""The scores of one result, by the networks and libraries that are there."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec

from PIL import Image
from torch import Tensor

from ..images import to_tensor
from ..published import GUTTER
from ..scores import metrics
from ..scores.clip import corrected, published_and_corrected
from ..scores.networks import Embedder
from ..scores.strips import Strip, inputs
from .settings import RenderSettings


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
    if (width, grid.gutter) != (height, GUTTER):  # Not the published format.
        return corrected(embedder, inputs(taken)._replace(b_primes=tuple(results)))
    return published_and_corrected(embedder, taken)  # As by `python -m analogist score`.
