"""Images from files and tensors, and back: the only place that knows pixel formats."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Transpose
from torch import Tensor
from torch.nn.functional import interpolate

from .cells import Box, Fit, Size

BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
"""Tags of TIFF."""
WHITE_IS_ZERO, SIGNED = 0, 2
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
"""What brings an image upright, by the orientation in its EXIF."""


def open_image(path: str | Path) -> Image.Image:
    """Read an image file as RGB with 8 bits per channel, upright. Gray becomes RGB and alpha is dropped.

    16-bit images are scaled. Integers of 32 bits and floats, whose range no file says, are refused.

    Raises:
        ValueError: one sentence that names the file and says why it cannot be used.
    """
    given = Path(path)
    if given.exists() and not (given.is_file() or given.is_dir()):  # Opening a pipe would wait for ever.
        raise ValueError(f"The file {str(path)!r} cannot be read as an image: it is a pipe, socket or device.")
    try:
        # From a stream: given a path, Pillow maps TIFFs that lie on their side with width and height changed over.
        with given.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's notes on metadata and size are for programmers.
            with Image.open(stream) as file:
                file.load()
                return _upright(file, _eight_bits(file).convert("RGB"))
    except FileNotFoundError:
        raise ValueError(f"There is no image file {str(path)!r}.") from None
    except UnidentifiedImageError as error:
        raise ValueError(f"The file {str(path)!r} cannot be read as an image: its format is not known.") from error
    except Exception as error:  # Pillow's decoders let any exception out, from SyntaxError to struct.error.
        reason = str(error).rstrip(".") or type(error).__name__
        raise ValueError(f"The file {str(path)!r} cannot be read as an image: {reason}.") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """Deep gray scaled to 8 bits: `convert` would clip it. Other modes have 8 bits, or fewer, already."""
    if not image.mode.startswith(("I", "F")) and _tag(image, SAMPLE_FORMAT) != SIGNED:
        return image
    highest = _highest(image)
    if highest is None:
        kind = "floats" if image.mode == "F" else "32-bit or signed integers"
        raise ValueError(f"its pixels are {kind} of unknown range; save it with 8 or 16 bits per channel")
    pixels = np.asarray(image).astype(np.float32).clip(0, highest) / highest
    if _tag(image, PHOTOMETRIC) == WHITE_IS_ZERO:
        pixels = 1 - pixels
    return Image.fromarray((pixels * 255).round().astype(np.uint8))


def _highest(image: Image.Image) -> int | None:
    """White of a deep gray image; None where the file does not say."""
    if image.mode.startswith("I;16"):
        return 2 ** (_tag(image, BITS_PER_SAMPLE) or 16) - 1
    # Pillow before 11 reads 16-bit PNG as mode I, and every one PGM of more than 8 bits, scaled to 16.
    return 2**16 - 1 if image.mode == "I" and image.format in ("PNG", "PPM") else None


def _tag(image: Image.Image, tag: int) -> int | None:
    """The first value of a tag, of a TIFF; None for other files."""
    value = getattr(image, "tag_v2", {}).get(tag)
    return value[0] if isinstance(value, tuple) else value


def _upright(file: Image.Image, image: Image.Image) -> Image.Image:
    """The image turned as the file's EXIF says; EXIF that cannot be read says nothing."""
    try:
        turn = TURNS.get(file.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # As above, whatever bytes stand there; the image itself is whole.
        return image
    return image if turn is None else image.transpose(turn)


def rgb(images: Tensor, name: str = "image") -> Tensor:
    """A batch (B, H, W, C) of images with three channels: one channel is gray, a fourth is alpha and dropped.

    Raises:
        ValueError: not such a batch, no pixels, or values that are not finite; `name` says which input it was.
    """
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
        raise ValueError(
            f"{name} must be a batch of images (number, height, width, channels) with 1, 3 or 4 channels, "
            f"got the shape {tuple(images.shape)}."
        )
    if 0 in images.shape:
        number, height, width, _ = images.shape
        raise ValueError(f"{name} is empty ({number} images of {width}x{height} pixels).")
    if not torch.isfinite(images).all():
        raise ValueError(f"{name} contains NaN or infinity: check the node that made it.")
    return images[..., :3].expand(*images.shape[:-1], 3).float()


def from_tensor(images: Tensor, name: str = "image") -> list[Image.Image]:
    """A batch (B, H, W, C) of floats in [0, 1] as 8-bit RGB images; values outside are clipped.

    Raises:
        ValueError: as `rgb`.
    """
    pixels = (rgb(images, name).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
    return [Image.fromarray(image) for image in pixels]


def to_tensor(images: Iterable[Image.Image]) -> Tensor:
    """Images of one size as a batch of floats in [0, 1]: (B, H, W, 3) for RGB, (B, H, W) for gray."""
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).float() / 255


def map_channels(images: Tensor, edit: Callable[[Image.Image], Image.Image]) -> Tensor:
    """A batch (B, H, W, C) of floats with every channel edited as an image of floats (mode F): no level is lost.

    Raises:
        ValueError: as `rgb`.
    """
    channels = rgb(images).cpu().movedim(-1, 1)  # (B, 3, H, W)
    edited = [[np.asarray(edit(Image.fromarray(channel.numpy()))) for channel in image] for image in channels]
    return torch.from_numpy(np.stack(edited)).movedim(1, -1).clamp(0, 1)  # Bicubic overshoots.


def fitting(image: Size, tile: Size, fit: Fit) -> tuple[Box, Box]:
    """Which part of an image (its pixels) goes to which part of a tile (its pixels)."""
    (iw, ih), (tw, th) = image, tile
    if fit is Fit.CROP:
        width, height = min(iw, round(ih * tw / th)), min(ih, round(iw * th / tw))
        return _centred((max(1, width), max(1, height)), image), (0, 0, tw, th)
    if fit is Fit.PAD:
        width, height = min(tw, round(th * iw / ih)), min(th, round(tw * ih / iw))
        return (0, 0, iw, ih), _centred((max(1, width), max(1, height)), tile)
    return (0, 0, iw, ih), (0, 0, tw, th)


def _centred(inner: Size, outer: Size) -> Box:
    x, y = (outer[0] - inner[0]) // 2, (outer[1] - inner[1]) // 2
    return x, y, x + inner[0], y + inner[1]


def with_detail(images: Tensor, detail: Tensor, coarse: tuple[int, int]) -> Tensor:
    """`images` (B, H, W, 3) as far as `coarse` (width, height) shows them, and beyond that what is in `detail`.

    Args:
        detail: (1 or B, H, W, C), of the same height and width.
    """
    channels, fine = (rgb(batch).movedim(-1, 1) for batch in (images, detail))

    def low(x: Tensor) -> Tensor:
        small = interpolate(x, coarse[::-1], mode="bicubic", antialias=True)
        return interpolate(small, x.shape[-2:], mode="bicubic")

    return (fine + low(channels) - low(fine)).movedim(1, -1).clamp(0, 1)


def with_edge_repeated(image: Image.Image, width: int, height: int) -> Image.Image:
    """The image with its outermost `width` columns and `height` rows replaced by the next ones inside."""
    pixels = np.asarray(image)
    inner = pixels[height : len(pixels) - height, width : pixels.shape[1] - width]
    return Image.fromarray(np.pad(inner, [(height, height), (width, width), (0, 0)][: inner.ndim], mode="edge"))


def batch_size(numbers: Mapping[str, int]) -> int:
    """How many rows batches make together; a batch of one goes with every image of the others.

    Raises:
        ValueError: batches of different sizes, neither of them 1.
    """
    number = max(numbers.values())
    if any(one not in (1, number) for one in numbers.values()):
        came = ", ".join(f"{name} has {one}" for name, one in numbers.items())
        raise ValueError(f"expected batches of 1 or {number} images, got {came}")
    return number


def together(batches: Mapping[str, Sequence[Image.Image]]) -> list[dict[str, Image.Image]]:
    """Batches of images as rows that belong together.

    Raises:
        ValueError: as `batch_size`.
    """
    number = batch_size({name: len(batch) for name, batch in batches.items()})
    return [{name: batch[i % len(batch)] for name, batch in batches.items()} for i in range(number)]
