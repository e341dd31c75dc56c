"""Pictures with labels on one white sheet: the results of an analogy, and a sweep over settings."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil

from PIL import Image, ImageDraw, ImageFont, ImageOps
from PIL.Image import Resampling

from ..grid import WHITE, Size

Color = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Settings = Mapping[str, str]
"""Settings of one result by their names, as they are shown."""

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
SMALLEST_TEXT = 12
"""Pixels; smaller letters cannot be read."""
TEXT, FAINT, BEST = (20, 20, 20), (150, 150, 150), (0, 130, 60)
PICTURE = "picture"
"""Stands for a setting where several results have the same ones."""


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet, the text below it, and whether it is framed as the best."""

    picture: Image.Image
    label: str = ""
    best: bool = False


def contact_sheet(
    rows: Sequence[Sequence[Tile | None]],
    title: str = "",
    side: int = 256,
    row_heads: Sequence[str] = (),
    column_heads: Sequence[str] = (),
) -> Image.Image:
    """Rows of tiles, each picture whole, in its own shape and `side` pixels long; nothing is cut off.

    Args:
        rows: the tiles from left to right; None leaves a place empty. Rows may differ in length.
        title: over everything, broken into lines where it is too long; so are labels and heads.
        side: the longer side of the pictures. The text grows with it.
        row_heads, column_heads: text beside each row and above each column, or none at all.

    Raises:
        ValueError: no tile at all, or heads that are not as many as the rows or columns.
    """
    tiles = [tile for row in rows for tile in row if tile]
    columns = max((len(row) for row in rows), default=0)
    if not tiles:
        raise ValueError("There is no picture for the sheet.")
    for name, heads, number in (("row", row_heads, len(rows)), ("column", column_heads, columns)):
        if heads and len(heads) != number:
            raise ValueError(f"There are {len(heads)} {name} heads for {number} {name}s.")
    style = _Style(side)
    sizes = [_fitted(tile.picture.size, side) for tile in tiles]
    box = max(width for width, _ in sizes), max(height for _, height in sizes)
    bands = [_beside([_block(tile, box, style) for tile in row], style.margin) for row in rows]
    if column_heads:
        bands.insert(0, _beside([_centred(style.text(head, box[0]), box[0]) for head in column_heads], style.margin))
    if row_heads:
        heads_beside = [style.text(head, side) for head in row_heads]
        corner = [Image.new("RGB", (1, 1), WHITE)] * bool(column_heads)
        bands = _with_heads([*corner, *heads_beside], bands, box[1], style.margin)
    width = max(band.width for band in bands)
    titles = [style.text(title, width)] if title else []
    return ImageOps.expand(_below([*titles, *bands], style.margin), style.margin, WHITE)


def analogy_sheet(
    pair_and_b: Mapping[str, Image.Image],
    results: Sequence[Tile],
    title: str = "",
    side: int = 256,
    columns: int = 4,
) -> Image.Image:
    """A, A' and B in the first row, by their names, and the results below them in the order in which they come."""
    first = [Tile(picture, name) for name, picture in pair_and_b.items()]
    rest = [list(results[start : start + columns]) for start in range(0, len(results), columns)]
    return contact_sheet([first, *rest], title, side)


def sweep_sheet(
    results: Sequence[Tile], settings: Sequence[Settings], columns: str = "", title: str = "", side: int = 256
) -> Image.Image:
    """Results over the settings in which they differ: one of them from left to right, the others from row to row.

    Values that are numbers are put in their order, others stand in the order in which they come. What is the same
    everywhere goes into the title. Where results have the same settings they are told apart by their number.

    Args:
        results: the pictures, with what is written below each.
        settings: the settings of each, in the same order.
        columns: the name of the setting that changes from left to right; empty takes the one with most values.

    Raises:
        ValueError: not one set of settings for each result, sets with different names, or no setting of that name.
    """
    settings = _told_apart(_checked(results, settings))
    values = {name: _ordered([one[name] for one in settings]) for name in settings[0]}
    if columns and columns not in values:
        raise ValueError(f"There is no setting {columns!r} in the results; there is {', '.join(values) or 'none'}.")
    varying = [name for name in values if len(values[name]) > 1]
    across = columns or max(varying, key=lambda name: len(values[name]), default=next(iter(values)))
    down = [name for name in varying if name != across]
    keys = _ordered_keys([tuple(one[name] for name in down) for one in settings], [values[name] for name in down])
    at = {(tuple(one[name] for name in down), one[across]): tile for one, tile in zip(settings, results, strict=True)}
    fixed = ", ".join(f"{name} {values[name][0]}" for name in values if name not in (across, *varying))
    return contact_sheet(
        [[at.get((key, value)) for value in values[across]] for key in keys],
        "  ".join(part for part in (title, fixed) if part),
        side,
        ["\n".join(f"{name} {value}" for name, value in zip(down, key, strict=True)) for key in keys] if down else (),
        [f"{across} {value}" for value in values[across]],
    )


def _checked(results: Sequence[Tile], settings: Sequence[Settings]) -> Sequence[Settings]:
    if len(results) != len(settings) or not results:
        raise ValueError(
            f"There are {len(results)} pictures and {len(settings)} sets of settings: there must be one set for each."
        )
    names = list(settings[0])
    for number, one in enumerate(settings, 1):
        if set(one) != set(names) or not names:
            raise ValueError(
                f"The settings of picture {number} are of {', '.join(one) or 'nothing'}, but those of picture 1 are of "
                f"{', '.join(names) or 'nothing'}: all must name the same settings."
            )
    return settings


def _told_apart(settings: Sequence[Settings]) -> list[dict[str, str]]:
    """The settings, with the number of the picture added where several have the same."""
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    numbers = []
    for one in settings:
        key = tuple(sorted(one.items()))
        seen[key] = seen.get(key, 0) + 1
        numbers.append(seen[key])
    if max(numbers) == 1:
        return [dict(one) for one in settings]
    return [{**one, PICTURE: str(number)} for one, number in zip(settings, numbers, strict=True)]


def _ordered(values: Sequence[str]) -> list[str]:
    different = list(dict.fromkeys(values))
    try:
        return sorted(different, key=float)
    except ValueError:  # Words have no order of their own.
        return different


def _ordered_keys(keys: Sequence[tuple[str, ...]], values: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    def place(key: tuple[str, ...]) -> list[int]:
        return [known.index(value) for known, value in zip(values, key, strict=True)]

    return sorted(dict.fromkeys(keys), key=place)


class _Style:
    """Sizes that follow from the side of the pictures, and text as a picture."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.text_size = max(SMALLEST_TEXT, side // 14)
        self.gap, self.margin, self.frame = max(3, side // 48), max(10, side // 12), max(2, side // 64)

    def text(self, text: str, width: int, color: Color = TEXT) -> Image.Image:
        """Text in lines of at most `width` pixels: a picture as large as they need, its lines centred."""
        font, text = _font(text, self.text_size)
        lines = "\n".join(_lines(text, font, width))
        measure = ImageDraw.Draw(Image.new("RGB", (1, 1)))
        left, _, right, bottom = measure.multiline_textbbox((0, 0), lines, font, spacing=self.gap, align="center")
        picture = Image.new("RGB", (ceil(right - left) + 1, ceil(bottom) + 1), WHITE)
        draw = ImageDraw.Draw(picture)
        draw.multiline_text((-left, 0), lines, color, font, spacing=self.gap, align="center")
        return picture


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


def _block(tile: Tile | None, box: Size, style: _Style) -> Image.Image:
    """A picture in the middle of its box, framed or not, with its label below; None is a place without one."""
    place = Image.new("RGB", box, WHITE)
    if tile is None:
        none = style.text("none", box[0], FAINT)
        place.paste(none, ((box[0] - none.width) // 2, (box[1] - none.height) // 2))
        return place
    picture = tile.picture.convert("RGB").resize(_fitted(tile.picture.size, style.side), Resampling.LANCZOS)
    if tile.best:  # Inside the picture, where it cannot touch a neighbour.
        inner = ImageOps.crop(picture, style.frame)
        picture = ImageOps.expand(inner, style.frame, BEST)
    place.paste(picture, ((box[0] - picture.width) // 2, (box[1] - picture.height) // 2))
    if not tile.label:
        return place
    label = style.text(tile.label, box[0], BEST if tile.best else TEXT)
    return _below([place, _centred(label, box[0])], style.gap)


def _with_heads(heads: Sequence[Image.Image], bands: Sequence[Image.Image], height: int, gap: int) -> list[Image.Image]:
    """Each band with its head at the left, beside the middle of its pictures, which are `height` pixels high."""
    width = max(head.width for head in heads)
    lines = []
    for head, band in zip(heads, bands, strict=True):
        beside = Image.new("RGB", (width, max(head.height, band.height)), WHITE)
        beside.paste(head, (0, max(0, (min(height, band.height) - head.height) // 2)))
        lines.append(_beside([beside, band], gap))
    return lines


def _fitted(size: Size, side: int) -> Size:
    width, height = size
    longer = max(size)
    return max(1, round(width * side / longer)), max(1, round(height * side / longer))


def _centred(picture: Image.Image, width: int) -> Image.Image:
    wide = Image.new("RGB", (max(width, picture.width), picture.height), WHITE)
    wide.paste(picture, ((wide.width - picture.width) // 2, 0))
    return wide


def _beside(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    joined = Image.new("RGB", (width, max(picture.height for picture in pictures)), WHITE)
    x = 0
    for picture in pictures:
        joined.paste(picture, (x, 0))
        x += picture.width + gap
    return joined


def _below(pictures: Sequence[Image.Image], gap: int) -> Image.Image:
    height = sum(picture.height for picture in pictures) + gap * (len(pictures) - 1)
    joined = Image.new("RGB", (max(picture.width for picture in pictures), height), WHITE)
    y = 0
    for picture in pictures:
        joined.paste(picture, (0, y))
        y += picture.height + gap
    return joined
