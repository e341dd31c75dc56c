"""Images with labels on one white sheet: the results of an analogy, and a sweep over settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps
from PIL.Image import Resampling

from ..grid import WHITE, Size
from .lettering import Color, text_image

Settings = Mapping[str, str]
"""Settings of one result by their names, as they are shown."""

SMALLEST_TEXT = 12
"""Pixels; smaller letters cannot be read."""
TEXT, FAINT, BEST = (20, 20, 20), (150, 150, 150), (0, 130, 60)
NUMBER = "image"
"""Stands for a setting where several results have the same ones."""


@dataclass(frozen=True)
class Tile:
    """One image of a sheet, the text below it, and whether it is framed as the best."""

    image: Image.Image
    label: str = ""
    best: bool = False


def contact_sheet(
    rows: Sequence[Sequence[Tile | None]],
    title: str = "",
    side: int = 256,
    row_heads: Sequence[str] = (),
    column_heads: Sequence[str] = (),
) -> Image.Image:
    """Rows of tiles, each image whole, in its own shape and `side` pixels long; nothing is cut off.

    Args:
        rows: the tiles from left to right; None leaves a place empty. Rows may differ in length.
        title: over everything, broken into lines where it is too long; so are labels and heads.
        side: the longer side of the images. The text grows with it.
        row_heads, column_heads: text beside each row and above each column, or none at all.

    Raises:
        ValueError: no tile at all, or heads that are not as many as the rows or columns.
    """
    tiles = [tile for row in rows for tile in row if tile]
    columns = max((len(row) for row in rows), default=0)
    if not tiles:
        raise ValueError("expected at least one image, got none")
    for name, heads, number in (("row", row_heads, len(rows)), ("column", column_heads, columns)):
        if heads and len(heads) != number:
            raise ValueError(f"expected {number} {name} headings, got {len(heads)}")
    style = _Style(side)
    sizes = [_fitted(tile.image.size, side) for tile in tiles]
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
    first = [Tile(image, name) for name, image in pair_and_b.items()]
    rest = [list(results[start : start + columns]) for start in range(0, len(results), columns)]
    return contact_sheet([first, *rest], title, side)


def sweep_sheet(
    results: Sequence[Tile], settings: Sequence[Settings], columns: str = "", title: str = "", side: int = 256
) -> Image.Image:
    """Results over the settings in which they differ: one of them from left to right, the others from row to row.

    Values that are numbers are put in their order, others stand in the order in which they come. What is the same
    everywhere goes into the title. Where results have the same settings they are told apart by their number.

    Args:
        results: the images, with what is written below each.
        settings: the settings of each, in the same order.
        columns: the name of the setting that changes from left to right; empty takes the one with most values.

    Raises:
        ValueError: not one set of settings for each result, sets with different names, or no setting of that name.
    """
    settings = _told_apart(_checked(results, settings))
    values = {name: _ordered([one[name] for one in settings]) for name in settings[0]}
    varying = [name for name in values if len(values[name]) > 1]
    across = _across(values, varying, columns)
    down = [name for name in varying if name != across]
    rows = [tuple(one[name] for name in down) for one in settings]
    keys = _ordered_keys(rows, [values[name] for name in down])
    at = {(row, one[across]): tile for row, one, tile in zip(rows, settings, results, strict=True)}
    fixed = ", ".join(f"{name} {values[name][0]}" for name in values if name not in (across, *varying))
    return contact_sheet(
        [[at.get((key, value)) for value in values[across]] for key in keys],
        "  ".join(part for part in (title, fixed) if part),
        side,
        ["\n".join(map(" ".join, zip(down, key, strict=True))) for key in keys] if down else (),
        [f"{across} {value}" for value in values[across]],
    )


def _across(values: Mapping[str, Sequence[str]], varying: Sequence[str], wanted: str) -> str:
    """The setting that changes from left to right: the wanted one, else the one with most values."""
    if wanted and wanted not in values:
        raise ValueError(f"expected one of the settings {', '.join(values) or '(none)'}, got {wanted!r}")
    return wanted or max(varying, key=lambda name: len(values[name]), default=next(iter(values)))


def _checked(results: Sequence[Tile], settings: Sequence[Settings]) -> Sequence[Settings]:
    if len(results) != len(settings) or not results:
        raise ValueError(
            f"expected one line of settings per image, got {len(settings)} lines for {len(results)} images"
        )
    names = list(settings[0])
    for number, one in enumerate(settings, 1):
        if set(one) != set(names) or not names:
            raise ValueError(
                f"expected the same settings for every image, got {', '.join(names) or 'none'} for image 1 and "
                f"{', '.join(one) or 'none'} for image {number}"
            )
    return settings


def _told_apart(settings: Sequence[Settings]) -> list[dict[str, str]]:
    """The settings, with the number of the image added where several have the same."""
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    numbers = []
    for one in settings:
        key = tuple(sorted(one.items()))
        seen[key] = seen.get(key, 0) + 1
        numbers.append(seen[key])
    if max(numbers) == 1:
        return [dict(one) for one in settings]
    return [{**one, NUMBER: str(number)} for one, number in zip(settings, numbers, strict=True)]


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
    """Sizes that follow from the side of the images."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.text_size = max(SMALLEST_TEXT, side // 14)
        self.gap, self.margin, self.frame = max(3, side // 48), max(10, side // 12), max(2, side // 64)

    def text(self, text: str, width: int, color: Color = TEXT) -> Image.Image:
        return text_image(text, self.text_size, width, color, self.gap)


def _block(tile: Tile | None, box: Size, style: _Style) -> Image.Image:
    """An image in the middle of its box, framed or not, with its label below; None is a place without one."""
    if tile is None:
        return _placed(style.text("none", box[0], FAINT), box)
    image = tile.image.convert("RGB").resize(_fitted(tile.image.size, style.side), Resampling.LANCZOS)
    if tile.best:  # Inside the image, where it cannot touch a neighbour.
        image = ImageOps.expand(ImageOps.crop(image, style.frame), style.frame, BEST)
    place = _placed(image, box)
    if not tile.label:
        return place
    return _below([place, _centred(style.text(tile.label, box[0], BEST if tile.best else TEXT), box[0])], style.gap)


def _with_heads(heads: Sequence[Image.Image], bands: Sequence[Image.Image], height: int, gap: int) -> list[Image.Image]:
    """Each band with its head at the left, beside the middle of its images, which are `height` pixels high."""
    width = max(head.width for head in heads)
    lines = []
    for head, band in zip(heads, bands, strict=True):
        middle = _placed(head, (head.width, max(head.height, min(height, band.height))))
        lines.append(_beside([_placed(middle, (width, middle.height), (0, 0)), band], gap))
    return lines


def _fitted(size: Size, side: int) -> Size:
    width, height = size
    longer = max(size)
    return max(1, round(width * side / longer)), max(1, round(height * side / longer))


def _placed(image: Image.Image, size: Size, centering: tuple[float, float] = (0.5, 0.5)) -> Image.Image:
    """An image on white, at its own size; `centering` as in Pillow: 0 is left or top, 1 right or bottom."""
    spare = size[0] - image.width, size[1] - image.height
    left, top = (int(pixels * share) for pixels, share in zip(spare, centering, strict=True))
    return ImageOps.expand(image, (left, top, spare[0] - left, spare[1] - top), WHITE)


def _centred(image: Image.Image, width: int) -> Image.Image:
    return _placed(image, (max(width, image.width), image.height))


def _beside(images: Sequence[Image.Image], gap: int) -> Image.Image:
    height = max(image.height for image in images)
    return _joined([_placed(image, (image.width + gap, height), (1, 0)) for image in images], gap, axis=1)


def _below(images: Sequence[Image.Image], gap: int) -> Image.Image:
    width = max(image.width for image in images)
    return _joined([_placed(image, (width, image.height + gap), (0, 1)) for image in images], gap, axis=0)


def _joined(images: Sequence[Image.Image], gap: int, axis: int) -> Image.Image:
    """Images one after the other; each brings the gap before it, which the first one does not need."""
    pixels = np.concatenate([np.asarray(image) for image in images], axis=axis)
    return Image.fromarray(np.split(pixels, [gap], axis=axis)[1])
