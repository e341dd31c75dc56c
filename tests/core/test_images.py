"""Image files of every depth: scaled where their range is known, refused by name where it is not, upright."""

import os
import struct
from pathlib import Path
from zlib import compress, crc32

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.Image import Transpose

from analogist.images import map_channels, open_image

DEEP = np.array([[0, 257 + 40, 100 * 257 - 90], [128 * 257 + 100, 254 * 257 - 77, 65535]], np.uint16)
"""The two bytes of a number differ, so that their order does not go unseen."""
LEVELS = [[0, 1, 100], [128, 254, 255]]


def netpbm(path: Path, header: bytes, pixels: np.ndarray) -> Path:
    path.write_bytes(header + pixels.tobytes())
    return path


def saved(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def twelve_bits(path: Path, highest: int) -> Path:
    return netpbm(path, b"P5 3 2 %d\n" % highest, np.round(DEEP / 65535 * highest).astype(">u2"))


def packed_tiff(path: Path) -> Path:
    """12 bits to a pixel, three bytes to two pixels; Pillow cannot write these."""
    numbers = np.round(DEEP / 65535 * 4095).astype(int)
    rows = ["".join(f"{number:012b}" for number in row) for row in numbers]
    data = b"".join(int(row.ljust(40, "0"), 2).to_bytes(5, "big") for row in rows)
    tags = {256: 3, 257: 2, 258: 12, 259: 1, 262: 1, 273: 8 + 2 + 9 * 12 + 4, 277: 1, 278: 2, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    path.write_bytes(struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + data)
    return path


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: saved(folder / "deep.png", DEEP),
        lambda folder: saved(folder / "little.tif", DEEP),
        lambda folder: saved(folder / "big.tif", DEEP.astype(">u2")),
        lambda folder: netpbm(folder / "deep.pgm", b"P5 3 2 65535\n", DEEP.astype(">u2")),
        lambda folder: twelve_bits(folder / "twelve.pgm", 4095),
        lambda folder: twelve_bits(folder / "ten.pgm", 1023),
        lambda folder: packed_tiff(folder / "twelve.tif"),
        lambda folder: saved(folder / "white_is_zero.tif", 65535 - DEEP, tiffinfo={262: 0}),
    ],
    ids=[
        *("16-bit PNG", "16-bit TIFF", "big-endian TIFF", "16-bit PGM", "12-bit PGM", "10-bit PGM", "12-bit TIFF"),
        "white is zero",
    ],
)
def test_deep_grey_is_scaled(tmp_path: Path, make) -> None:
    opened = open_image(make(tmp_path))
    assert opened.mode == "RGB"
    levels = np.asarray(opened).astype(int)
    assert (levels == levels[..., :1]).all()
    assert np.abs(levels[..., 0] - LEVELS).max() <= 1


@pytest.mark.parametrize(
    ("name", "pixels", "says"),
    [
        ("integers.tif", DEEP.astype(np.int32), "32-bit or signed integers of unknown range"),
        ("floats.tif", DEEP.astype(np.float32), "floats of unknown range"),
        ("floats_in_0_1.tif", (DEEP / 65535).astype(np.float32), "floats of unknown range"),
    ],
)
def test_an_unknown_range_is_refused_by_name(tmp_path: Path, name: str, pixels: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=rf"{name}' cannot be read as an image: its pixels are {says}; save it with 8"):
        open_image(saved(tmp_path / name, pixels))


@pytest.mark.parametrize(
    ("header", "pixels"),
    [
        (b"Pf\n3 2\n-1.0\n", DEEP.astype("<f4")),
        (b"Pf\n3 2\n1.0\n", (DEEP / 65535).astype(">f4")),
        (b"PF\n3 2\n-1.0\n", DEEP.repeat(3).astype("<f4")),
    ],
    ids=["little-endian", "big-endian", "colour"],
)
def test_a_pfm_is_refused_by_name(tmp_path: Path, header: bytes, pixels: np.ndarray) -> None:
    path = netpbm(tmp_path / "depth.pfm", header, pixels)
    with pytest.raises(ValueError, match=r"depth.pfm' cannot be read as an image: (its pixels are floats|its format)"):
        open_image(path)


def test_signed_bytes_are_refused_by_name(tmp_path: Path) -> None:
    path = saved(tmp_path / "signed.tif", np.array([[0, 100, 127]], np.uint8), tiffinfo={339: 2})
    with pytest.raises(ValueError, match=r"signed.tif' cannot be read as an image: its pixels are 32-bit or signed"):
        open_image(path)


def deep_png(colour_type: int, pixels: np.ndarray) -> bytes:
    """A PNG of 16 bits in each of the channels, which Pillow itself does not write."""
    rows = b"".join(b"\0" + row.tobytes() for row in pixels.astype(">u2"))
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    return png_of((b"IHDR", header), (b"IDAT", compress(rows)), (b"IEND", b""))


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_deep_pngs_of_every_kind_are_scaled(tmp_path: Path, colour_type: int, channels: int) -> None:
    opaque = np.full_like(DEEP, 65535)
    layers = [DEEP] * (channels - (channels in (2, 4))) + [opaque] * (channels in (2, 4))
    (tmp_path / "x.png").write_bytes(deep_png(colour_type, np.stack(layers, -1)))
    levels = np.asarray(open_image(tmp_path / "x.png")).astype(int)
    assert np.abs(levels - np.array(LEVELS)[..., None]).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK"])
def test_every_mode_of_8_bits_is_what_it_shows(tmp_path: Path, mode: str) -> None:
    shown = Image.fromarray(np.array([[0, 255, 255], [255, 0, 255]], np.uint8))
    ending = "tif" if mode in ("CMYK", "PA") else "png"
    converted = shown.convert("RGB").convert(mode) if mode == "CMYK" else shown.convert(mode)
    if mode == "PA":
        converted = shown.convert("P").convert("PA")
    converted.save(tmp_path / f"x.{ending}")
    assert (
        np.abs(np.asarray(open_image(tmp_path / f"x.{ending}")).astype(int) - np.asarray(shown)[..., None]).max() <= 1
    )


def oriented(path: Path, image: Image.Image, exif: bytes) -> Path:
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright(tmp_path: Path, orientation: int, deep: bool) -> None:
    turned = {  # What a camera held so stores of an upright image.
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_90, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_270,
    }  # fmt: skip
    upright = Image.fromarray(np.array(LEVELS, np.uint8))
    stored = upright.transpose(turned[orientation]) if orientation in turned else upright
    if deep:
        stored = Image.fromarray(np.asarray(stored).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(oriented(tmp_path / "turned.png", stored, exif.tobytes()))
    assert np.asarray(opened)[..., 0].tolist() == LEVELS


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("deep", [False, True], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize(("orientation", "turn"), [(1, None), (3, Transpose.ROTATE_180), (6, Transpose.ROTATE_90)])
def test_a_tiff_is_upright(
    tmp_path: Path, orientation: int, turn: Transpose | None, deep: bool, compression: str | None
) -> None:
    """Pillow turns TIFFs itself; from a path it reads those that are not compressed with their sides changed over."""
    pixels = np.array(LEVELS, np.uint16) * 257 if deep else np.array(LEVELS, np.uint8)
    stored = Image.fromarray(pixels) if turn is None else Image.fromarray(pixels).transpose(turn)
    stored.save(tmp_path / "turned.tif", tiffinfo={274: orientation}, compression=compression)
    assert np.asarray(open_image(tmp_path / "turned.tif"))[..., 0].tolist() == LEVELS


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0garbage",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\x08\0\0\0\x05\0",
        b"Exif\0\0MM\0*" + struct.pack(">I", 2**32 - 1),
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x08\0\0\0\xff\xff\xff\xff\0\0\0\0",
    ],
    ids=["garbage", "empty", "short", "cut", "far offset", "text at a far offset"],
)
def test_exif_that_cannot_be_read_is_ignored(tmp_path: Path, ending: str, exif: bytes) -> None:
    opened = open_image(oriented(tmp_path / f"x.{ending}", Image.new("RGB", (6, 4), (90, 90, 90)), exif))
    assert opened.size == (6, 4)
    assert abs(opened.getpixel((3, 2))[0] - 90) <= 2


@pytest.mark.filterwarnings("error")
def test_pillows_notes_to_programmers_stay_with_it(tmp_path: Path) -> None:
    palette = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).convert("P")
    palette.save(tmp_path / "palette.png", transparency=bytes(range(0, 240, 10)))
    assert open_image(tmp_path / "palette.png").size == (6, 4)
    Image.new("1", (10000, 9000)).save(tmp_path / "large.png")  # Past the first of Pillow's limits.
    assert open_image(tmp_path / "large.png").size == (10000, 9000)


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    content = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.pgm", b"P5 x 2 255\n123456"),
        ("x.pgm", b"P5 3 2 0\n123456"),
        ("x.pgm", b"P5 3 2 70000\n123456"),
        ("x.ppm", b"P6 " + b"9" * 60 + b" 2 255\n"),
        ("x.ppm", b"P3 2 1 255\n1 2 3 4 5"),
        ("x.png", png_of((b"IHDR", b"\0\0"))),
        ("x.png", png_of((b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)), (b"IDAT", b"junk"))),
        ("x.tif", b"II*\0\x08\0\0\0\xff\xff"),
        ("x.gif", b"GIF89a\x01\0\x01\0"),
        ("x.bmp", b"BM" + b"\0" * 20),
        ("x.webp", b"RIFF\x10\0\0\0WEBPVP8 junk"),
        ("x.jpg", b"\xff\xd8\xff\xe0\0\x02"),
        ("x.png", b""),
    ],
)
def test_whatever_a_decoder_raises_becomes_one_named_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^The file '.*{name}' cannot be read as an image: .+") as caught:
        open_image(tmp_path / name)
    assert type(caught.value) is ValueError


def test_channels_are_edited_as_floats() -> None:
    ramp = torch.linspace(0, 1, 1000).reshape(1, 10, 100, 1).expand(2, -1, -1, 3)
    assert torch.equal(map_channels(ramp, lambda channel: channel), ramp)
    with pytest.raises(ValueError, match="image is empty"):
        map_channels(ramp[:0], lambda channel: channel)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"x\.png' cannot be read as an image: it is a pipe, socket or device\.$"):
        open_image(tmp_path / "x.png")
