"""Does B' follow the example? The scores of batches, by any vision model that gives features and patch tokens."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from ..images import batch_size, from_tensor, to_tensor
from .metrics import structure_distance

BATCH = 16
"""Images that the vision model sees at once."""

Encoder = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images (n, H, W, 3) -> features (n, dim), and tokens (n, 1 + patches, width), the class token first."""
Direction = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Features of A, A', B and B' -> cosines; one of `metrics`."""


class Seen(NamedTuple):
    """What a vision model makes of n images: features (n, dim) and patch tokens (n, tokens, width), in float32."""

    features: Tensor
    tokens: Tensor


class Scores(NamedTuple):
    """One number for each B': its direction similarity, and the distance of its structure from that of B."""

    direction: list[float]
    structure: list[float]


def score(images: Mapping[str, Tensor], encode: Encoder, direction: Direction) -> Scores:
    """Score the B' of analogies.

    Args:
        images: batches (n, H, W, C) of floats in [0, 1] of A, A', B and B', in this order, by the names for messages.

    Raises:
        ValueError: images that are none, batches that do not fit together, or a model without features.
    """
    number = batch_size({name: len(batch) for name, batch in images.items()})
    features, tokens = zip(*(_seen(encode, batch, name) for name, batch in images.items()), strict=True)
    distances = structure_distance(tokens[2], tokens[3])
    return Scores(direction(*features).expand(number).tolist(), distances.expand(number).tolist())


def _seen(encode: Encoder, images: Tensor, name: str) -> Seen:
    """In batches, from 8 bits per channel as files have them."""
    seen = [encode(some) for some in to_tensor(from_tensor(images, name)).split(BATCH)]
    if seen[0][0].ndim != 2:
        raise ValueError("expected a CLIP vision model (ViT-H, ViT-L or ViT-g), got one without an image embedding")
    features, tokens = zip(*seen, strict=True)
    return Seen(torch.cat(features).float(), torch.cat(tokens)[:, 1:].float())
