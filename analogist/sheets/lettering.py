"""Text as images: in lines, whole, and in letters that the system has."""

from contextlib import suppress
from math import ceil

from PIL import Image, ImageDraw, ImageFont

from ..grid import WHITE

Color = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "msyh.ttc",
    "PingFang.ttc",
    "Arial Unicode.ttf",
    "DejaVuSans.ttf",
    "LiberationSans-Regular.ttf",
    "arial.ttf",
)
"""Fonts of Linux, Windows and macOS by their files, those with most letters first; Pillow knows where they lie."""


def text_image(text: str, size: int, width: int, color: Color, gap: int) -> Image.Image:
    """Text in lines of at most `width` pixels: an image as large as they need, its lines centred."""
    font, text = _font(text, size)
    lines = "\n".join(_lines(text, font, width))
    measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    left, _, right, bottom = measure.multiline_textbbox((0, 0), lines, font, spacing=gap, align="center")
    image = Image.new("RGB", (ceil(right - left) + 1, ceil(bottom) + 1), WHITE)
    draw = ImageDraw.Draw(image)
    draw.multiline_text((-left, 0), lines, color, font, spacing=gap, align="center")
    return image


def _font(text: str, size: int) -> tuple[Font, str]:
    """A font for the text, and the text. Pillow's own font has ASCII alone, for the rest the system's are looked for.

    Where the system has none of them, letters beyond ASCII become question marks.
    """
    if not text.isascii():
        for name in SYSTEM_FONTS:
            with suppress(OSError):
                return ImageFont.truetype(name, size), text
    return ImageFont.load_default(size), text.encode("ascii", "replace").decode()


def _lines(text: str, font: Font, width: int) -> list[str]:
    """`text` in lines of at most `width` pixels, broken at spaces, and inside a word that is longer than a line."""
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            if font.getlength(f"{line} {word}".strip()) <= width:
                line = f"{line} {word}".strip()
                continue
            lines += [line] * bool(line)
            *whole, line = _pieces(word, font, width)
            lines += whole
        lines.append(line)
    return lines


def _pieces(word: str, font: Font, width: int) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
