"""Scores of an analogy, from embeddings and images. Pure functions; what loads a network is in `networks`.

Images are batches (B, H, W, 3) of floats in [0, 1], as everywhere here. PSNR, SSIM and FID are torchmetrics', which
is imported where it is used: the scores from embeddings need torch alone.
"""

import math
import re
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

SSIM_WINDOW = 11
"""Pixels, as in the paper of SSIM."""


def direction_similarity_published(a: Tensor, a_prime: Tensor, b: Tensor, b_prime: Tensor) -> Tensor:
    """CLIP direction similarity as in the published evaluation of Analogist (arXiv 2405.10316): cos(A' - A, B' - B).

    The features are taken as CLIP projects them, not normalised. The published numbers are those of
    `openai/clip-vit-base-patch16` on tiles whose borders differ; `strips.published_cells` cuts the same tiles.

    Args:
        a, a_prime, b, b_prime: features (..., dim) that broadcast: one A, A' and B go with many B'.

    Returns:
        Cosines in [-1, 1], (...); 0 where a pair has no direction because its two features are equal.

    Raises:
        ValueError: features of different lengths, or of images whose numbers do not fit together.
    """
    _check_features(a=a, a_prime=a_prime, b=b, b_prime=b_prime)
    return F.cosine_similarity(a_prime - a, b_prime - b, dim=-1)


def direction_similarity(a: Tensor, a_prime: Tensor, b: Tensor, b_prime: Tensor) -> Tensor:
    """The same between features of length 1, the space in which CLIP was trained to compare images.

    Without it an image whose feature is long turns the directions towards itself. StyleGAN-NADA (arXiv 2108.00946)
    and InstructPix2Pix (arXiv 2211.09800) take their directions between such features, too. Arguments, result and
    errors are those of `direction_similarity_published`; the numbers of the two cannot be compared.
    """
    _check_features(a=a, a_prime=a_prime, b=b, b_prime=b_prime)
    a, a_prime, b, b_prime = (F.normalize(feature, dim=-1) for feature in (a, a_prime, b, b_prime))
    return F.cosine_similarity(a_prime - a, b_prime - b, dim=-1)


def structure_distance(b: Tensor, b_prime: Tensor) -> Tensor:
    """How far the structure of B' is from that of B: the mean squared difference of their self-similarities.

    The self-similarity of an image is the cosine between every two of its patches, so it knows where things are and
    not what they look like: Splice (arXiv 2201.00424, eq. 2), there on the keys of DINO, here on the tokens given.

    Args:
        b, b_prime: patch tokens (..., tokens, dim) of one model, without its class token.

    Returns:
        (...), 0 for the same structure.
    """
    if b.shape[-2:] != b_prime.shape[-2:]:
        raise ValueError(
            f"expected patch features of B and B' from one model, got {b.shape[-2]}x{b.shape[-1]} and "
            f"{b_prime.shape[-2]}x{b_prime.shape[-1]}"
        )
    return (_self_similarity(b) - _self_similarity(b_prime)).square().mean(dim=(-2, -1))


def squared_error(results: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of each image, (B,)."""
    _check_images(results, targets)
    return (results - targets).square().mean(dim=(1, 2, 3))


def rmse(squared_errors: Tensor) -> Tensor:
    """RMSE of a set as Prompt Diffusion (arXiv 2305.01115) reports it, from the `squared_error` of its images.

    It is the root of their mean, and not the mean of each image's root, which is smaller.
    """
    return squared_errors.mean().sqrt()


def psnr(results: Tensor, targets: Tensor) -> Tensor:
    """Peak signal to noise ratio of each image in dB, (B,); infinite for equal ones."""
    from torchmetrics.functional.image import peak_signal_noise_ratio

    _check_images(results, targets)
    return peak_signal_noise_ratio(results, targets, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(results: Tensor, targets: Tensor) -> Tensor:
    """SSIM (Wang et al. 2004) of each image, (B,); 1 for equal ones."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    _check_images(results, targets)
    _check_window(results)
    images = (_channels_first(image) for image in (results, targets))
    return structural_similarity_index_measure(*images, data_range=1.0, reduction="none")


def lpips(results: Tensor, targets: Tensor, network: nn.Module) -> Tensor:
    """LPIPS (arXiv 1801.03924) of each image, (B,), by `networks.lpips_network`; 0 for equal ones."""
    _check_images(results, targets)
    pairs = zip(_channels_first(results), _channels_first(targets), strict=True)
    return torch.stack([network(result[None], target[None]).flatten()[0] for result, target in pairs])


def frechet_distance(
    results: Iterable[Tensor], targets: Iterable[Tensor], network: nn.Module, device: str = "cpu"
) -> float:
    """FID (arXiv 1706.08500): the Fréchet distance between the features of two sets of images.

    Args:
        results, targets: batches of images; only their sums are kept, so the sets may be of any size.
        network: takes bytes (B, 3, H, W) and gives features (B, dim); `networks.inception` for the usual FID.
        device: where the network runs and the sums are kept, in double precision.

    Raises:
        ValueError: a set with fewer than two images has no spread.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    distance = FrechetInceptionDistance(feature=network).to(device)
    for batches, real in ((results, False), (targets, True)):
        for batch in batches:
            pixels = (_channels_first(batch) * 255).round().to(device, torch.uint8)
            distance.update(pixels, real=real)
    numbers = int(distance.fake_features_num_samples), int(distance.real_features_num_samples)
    if min(numbers) < 2:
        raise ValueError(f"FID needs at least 2 images in each set, got {numbers[0]} results and {numbers[1]} targets.")
    return float(distance.compute())


def ranked(scores: Sequence[float], highest_first: bool = True) -> list[int]:
    """The places of the scores from the best to the worst; equal ones keep their order.

    Raises:
        ValueError: a score that is not a number has no rank.
    """
    if broken := [place for place, score in enumerate(scores, 1) if math.isnan(score)]:
        raise ValueError(f"The score of image {broken[0]} is NaN, so the images cannot be ranked.")
    return sorted(range(len(scores)), key=lambda place: -scores[place] if highest_first else scores[place])


def picked(text: str, ranks: Sequence[int]) -> list[int]:
    """The places of the results whose numbers are in a text such as ``3`` or ``0, -1``; none where it is empty.

    Numbers count from 1; 0 is the first of `ranks`, the best by score, and -1 the last result.

    Raises:
        ValueError: something that is no number, or a result that there is not.
    """
    places = []
    for part in filter(None, re.split(r"[,;\s]+", text)):
        if re.fullmatch(r"[+-]?\d{1,6}", part, re.ASCII) is None or abs(int(part)) > len(ranks):
            raise ValueError(f"expected numbers from -{len(ranks)} to {len(ranks)}, such as 3 or 0, -1, got {part!r}")
        number = int(part)
        places.append(ranks[0] if number == 0 else number - 1 if number > 0 else len(ranks) + number)
    return list(dict.fromkeys(places))


def _self_similarity(tokens: Tensor) -> Tensor:
    directions = F.normalize(tokens, dim=-1)
    return directions @ directions.mT  # (..., tokens, tokens)


def _channels_first(images: Tensor) -> Tensor:
    return images.movedim(-1, 1)


def _check_features(**features: Tensor) -> None:
    shapes = ", ".join(f"{name} {tuple(feature.shape)}" for name, feature in features.items())
    if len({feature.shape[-1:] for feature in features.values()}) != 1:
        raise ValueError(f"expected features (..., dim) with the same dim, from one model, got {shapes}")
    try:
        torch.broadcast_shapes(*(feature.shape for feature in features.values()))
    except RuntimeError:
        raise ValueError(f"expected one A, A' and B, or as many as B', got features {shapes}") from None


def _check_images(ours: Tensor, theirs: Tensor) -> None:
    if ours.shape != theirs.shape or ours.ndim != 4:
        raise ValueError(
            "expected two batches of the same shape (number, height, width, channels), got "
            f"{tuple(ours.shape)} and {tuple(theirs.shape)}"
        )


def _check_window(images: Tensor) -> None:
    _, height, width, _ = images.shape
    if min(height, width) < SSIM_WINDOW:
        raise ValueError(f"SSIM needs images of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels, got {width}x{height}")
