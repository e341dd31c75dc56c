"""A, A' and B as the control network of Prompt Diffusion takes them: one size, one number of images."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ..cells import Fit
from ..images import batch_size, fitting, rgb

OVERSHOOT = 0.25
"""How far beyond [0, 1] an image may go, as sharp enlargement makes it, before it counts as of another range."""


class Inputs(NamedTuple):
    """Three batches (N, 3, H, W) in [0, 1]; N and the size are those of B, or N is that of a larger pair."""

    a: Tensor
    a_prime: Tensor
    b: Tensor


def prepared(a: Tensor | None, a_prime: Tensor | None, b: Tensor, fit: Fit = Fit.STRETCH) -> Inputs:
    """The pair brought to the size and the number of B.

    Args:
        a, a_prime, b: batches (N, H, W, C) in [0, 1]; gray becomes RGB and alpha is dropped. A batch of one goes with
            every image of the others. Without A and A' the example is left out as in training: mid gray, which is
            0 in the network's range.
        fit: how a pair of another shape gets to that of B. The published program stretches it.

    Raises:
        ValueError: an image that is none, of another range, only half a pair, or batches that do not fit together.
    """
    if (a is None) != (a_prime is None):
        came, lacking = ("A", "A'") if a_prime is None else ("A'", "A")
        raise ValueError(f"expected both A and A' or neither, got {came} without {lacking}")
    query = _channels_first(b, "b")
    if a is None or a_prime is None:
        gray = torch.full_like(query, 0.5)
        return Inputs(gray, gray, query)
    pair = [_fitted(_channels_first(image, name), query, fit) for image, name in ((a, "a"), (a_prime, "a_prime"))]
    batches = dict(zip(("a", "a_prime", "b"), [*pair, query], strict=True))
    number = batch_size({name: len(batch) for name, batch in batches.items()})
    return Inputs(*(batch.expand(number, -1, -1, -1) for batch in batches.values()))


def _channels_first(images: Tensor, name: str) -> Tensor:
    """(N, H, W, C) -> (N, 3, H, W) in [0, 1]."""
    images = rgb(images, name)
    low, high = images.min().item(), images.max().item()
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        raise ValueError(
            f"{name}: expected values from 0 to 1, got {low:.3g} to {high:.3g}: do not scale images for Prompt "
            "Diffusion, the node does it"
        )
    return images.clamp(0, 1).movedim(-1, 1)


def _fitted(images: Tensor, like: Tensor, fit: Fit) -> Tensor:
    """Images of any size in the size of others; the bars of padding are white, as in the grid."""
    (height, width), came = like.shape[-2:], images.shape[-2:]
    (left, top, right, bottom), target = fitting((came[1], came[0]), (width, height), fit)
    inner = (target[3] - target[1], target[2] - target[0])
    part = interpolate(images[..., top:bottom, left:right], inner, mode="bilinear", align_corners=False)
    return pad(part, (target[0], width - target[2], target[1], height - target[3]), value=1.0)
