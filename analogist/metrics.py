"""Scores of an analogy, from embeddings and pictures. Pure functions; what loads a network is in `metric_models`."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def direction_similarity_published(a: Tensor, a_prime: Tensor, b: Tensor, b_prime: Tensor) -> Tensor:
    """CLIP direction similarity as in the published evaluation of Analogist (arXiv 2405.10316): cos(A' - A, B' - B).

    The features are taken as CLIP projects them, not normalised. The published numbers are those of
    `openai/clip-vit-base-patch16` on tiles whose borders differ; `strips` cuts the same tiles.

    Args:
        a, a_prime, b, b_prime: features (..., dim) that broadcast: one A, A' and B go with many B'.

    Returns:
        Cosines in [-1, 1], (...); 0 where a pair has no direction because its two features are equal.

    Raises:
        ValueError: features of different lengths, or of pictures whose numbers do not fit together.
    """
    _check_features(a=a, a_prime=a_prime, b=b, b_prime=b_prime)
    return F.cosine_similarity(a_prime - a, b_prime - b, dim=-1)


def direction_similarity(a: Tensor, a_prime: Tensor, b: Tensor, b_prime: Tensor) -> Tensor:
    """The same between features of length 1, the space in which CLIP compares pictures.

    Without it a picture with a long feature turns both directions towards itself. It is what StyleGAN-NADA
    (arXiv 2108.00946, eq. 4) and InstructPix2Pix measure. Arguments, result and errors are those of
    `direction_similarity_published`; the numbers of the two must not be compared with each other.
    """
    _check_features(a=a, a_prime=a_prime, b=b, b_prime=b_prime)
    a, a_prime, b, b_prime = (F.normalize(feature, dim=-1) for feature in (a, a_prime, b, b_prime))
    return F.cosine_similarity(a_prime - a, b_prime - b, dim=-1)


def _check_features(**features: Tensor) -> None:
    shapes = ", ".join(f"{name} {tuple(feature.shape)}" for name, feature in features.items())
    if len({feature.shape[-1] for feature in features.values() if feature.ndim}) != 1:
        raise ValueError(f"The features must come from one model, (..., dim) with the same dim; came {shapes}.")
    try:
        torch.broadcast_shapes(*(feature.shape for feature in features.values()))
    except RuntimeError:
        raise ValueError(
            f"The features do not fit together: {shapes}. One A, A' and B go with many B', or as many of each."
        ) from None
