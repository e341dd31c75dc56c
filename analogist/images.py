"""Pictures from files and tensors, and back: the only place that knows pixel formats."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor


def open_picture(path: str | Path) -> Image.Image:
    """Read a picture file as RGB, upright. Grey becomes RGB and alpha is dropped.

    Raises:
        ValueError: one sentence that names the file and says why it cannot be used.
    """
    try:
        with Image.open(path) as file:
            file.load()
            picture = _upright(file)
            if picture.mode.startswith("I;16"):  # 16-bit grey: convert() would clip it instead of scaling it.
                picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
            return picture.convert("RGB")
    except FileNotFoundError:
        raise ValueError(f"There is no picture file {str(path)!r}.") from None
    except Exception as error:  # Pillow's decoders let any exception out, from SyntaxError to struct.error.
        reason = str(error) or type(error).__name__
        raise ValueError(f"The file {str(path)!r} cannot be read as a picture: {reason}.") from error


def _upright(file: Image.Image) -> Image.Image:
    """The image turned as its EXIF says; EXIF that cannot be read says nothing."""
    try:
        return ImageOps.exif_transpose(file)
    except Exception:  # As above, whatever bytes stand there; the image itself is whole.
        return file


def rgb(images: Tensor, name: str = "image") -> Tensor:
    """A batch (B, H, W, C) of pictures with three channels: one channel is grey, a fourth is alpha and dropped.

    Raises:
        ValueError: not such a batch, no pixels, or values that are not finite; `name` says which input it was.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"{name} has the shape {tuple(images.shape)}, but must be a batch of pictures: (number, height, width, "
            "channels) with 1, 3 or 4 channels."
        )
    if 0 in images.shape:
        number, height, width, _ = images.shape
        raise ValueError(
            f"{name} is empty ({number} pictures of {width}x{height} pixels): connect a picture that has pixels."
        )
    if not torch.isfinite(images).all():
        raise ValueError(f"{name} has pixels that are not numbers (NaN or infinity): what made it failed, look there.")
    return images[..., :3].expand(*images.shape[:-1], 3).float()


def from_tensor(images: Tensor, name: str = "image") -> list[Image.Image]:
    """A batch (B, H, W, C) of floats in [0, 1] as 8-bit RGB pictures; values outside are clipped.

    Raises:
        ValueError: as `rgb`.
    """
    pixels = (rgb(images, name).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    return [Image.fromarray(picture) for picture in pixels]


def to_tensor(pictures: Iterable[Image.Image]) -> Tensor:
    """Pictures of one size as a batch of floats in [0, 1]: (B, H, W, 3) for RGB, (B, H, W) for grey."""
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).float() / 255


def batch_size(numbers: Mapping[str, int]) -> int:
    """How many rows batches make together; a batch of one goes with every image of the others.

    Raises:
        ValueError: batches of different sizes, neither of them 1.
    """
    number = max(numbers.values())
    if any(one not in (1, number) for one in numbers.values()):
        came = ", ".join(f"{name} has {one}" for name, one in numbers.items())
        raise ValueError(
            f"The batches do not fit together: {came}. Each must hold one image or as many as the largest, {number}."
        )
    return number


def together(batches: Mapping[str, Sequence[Image.Image]]) -> list[dict[str, Image.Image]]:
    """Batches of images as rows that belong together.

    Raises:
        ValueError: as `batch_size`.
    """
    number = batch_size({name: len(batch) for name, batch in batches.items()})
    return [{name: batch[i % len(batch)] for name, batch in batches.items()} for i in range(number)]
