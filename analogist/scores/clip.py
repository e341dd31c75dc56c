"""The scores of a strip by CLIP: direction similarity, as published and corrected, and distance in structure."""

import torch
from PIL import Image
from torch import Tensor

from . import metrics
from .networks import Embedder
from .strips import Cells, Strip, cells, published_cells

Scores = dict[str, Tensor]
"""A number for each B', by the name of the score."""


def published_and_corrected(embedder: Embedder, strip: Strip) -> Scores:
    """All scores of a strip in the published format."""
    features = embedder(_all(published_cells(strip)))
    published = metrics.direction_similarity_published(features[0], features[1], features[2], features[3:])
    return {"direction_similarity_published": published, **corrected(embedder, cells(strip))}


def corrected(embedder: Embedder, images: Cells) -> Scores:
    """With several pairs, the mean of the directions' similarities to that of each pair."""
    features, tokens = embedder.see(_all(images))
    pairs = [(features[0], features[1])]
    pairs += [tuple(embedder(list(pair))) for pair in images.more_pairs]
    similar = [metrics.direction_similarity(a, a_prime, features[2], features[3:]) for a, a_prime in pairs]
    return {
        "direction_similarity": torch.stack(similar).mean(0) if len(similar) > 1 else similar[0],
        "structure_distance": metrics.structure_distance(tokens[2], tokens[3:]),
    }


def _all(images: Cells) -> list[Image.Image]:
    return [images.a, images.a_prime, images.b, *images.b_primes]
