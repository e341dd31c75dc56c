"""Sheets of images: everything is on them, whole and in order, and no letter is cut off."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from analogist.sheets.contact_sheet import (
    BEST,
    Tile,
    analogy_sheet,
    contact_sheet,
    sweep_sheet,
)
from analogist.sheets.lettering import SYSTEM_FONTS
from analogist.sheets.sweep import parse_settings, runs

COLORS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250)]
SIDES = (64, 256, 1024)


def plain(number: int, size: tuple[int, int] = (90, 60)) -> Image.Image:
    return Image.new("RGB", size, COLORS[number])


def box(sheet: Image.Image, number: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a color on a sheet, which must be one whole rectangle."""
    found = (np.asarray(sheet) == COLORS[number]).all(axis=-1)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    assert len(rows) * len(columns) == found.sum() > 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def border(sheet: Image.Image) -> np.ndarray:
    """The outermost pixels; ink there would be text that is cut off."""
    pixels = np.asarray(sheet)
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


@pytest.mark.parametrize("side", SIDES)
def test_pictures_are_whole_in_their_own_shape_and_in_order(side: int) -> None:
    pair_and_b = {"A": plain(0), "A'": plain(1), "B": plain(2)}
    sheet = analogy_sheet(pair_and_b, [Tile(plain(n), f"#{n}") for n in range(3, 6)], "Title", side, columns=2)
    boxes = [box(sheet, number) for number in range(6)]
    assert {(right - left, bottom - top) for left, top, right, bottom in boxes} == {(side, round(side * 2 / 3))}
    assert [left for left, *_ in boxes[:3]] == sorted(left for left, *_ in boxes[:3])
    assert boxes[0][0] == boxes[3][0] == boxes[5][0]
    assert boxes[1][0] == boxes[4][0]
    assert boxes[0][1] == boxes[2][1] < boxes[3][1] == boxes[4][1] < boxes[5][1]


@settings(max_examples=25, deadline=None)
@given(
    title=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=120),
    label=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), max_size=60),
    side=st.sampled_from([64, 128, 256]),
    heads=st.booleans(),
)
def test_no_text_reaches_the_edge_or_covers_a_picture(title: str, label: str, side: int, heads: bool) -> None:
    tiles = [Tile(plain(number), label) for number in range(4)]
    rows, columns = (("row " + label, "r"), ("column " + label, "c")) if heads else ((), ())
    sheet = contact_sheet([tiles[:2], tiles[2:]], title, side, rows, columns)
    assert (border(sheet) == 255).all()
    assert {(r - x, b - y) for x, y, r, b in (box(sheet, n) for n in range(4))} == {(side, round(side * 2 / 3))}


def test_a_word_that_is_wider_than_the_sheet_is_broken_and_not_cut() -> None:
    long, short = (contact_sheet([[Tile(plain(0), word)]], side=64) for word in ("0.123456789" * 5, "0.1"))
    assert (border(long) == 255).all()
    assert long.width == short.width
    assert long.height > short.height


@pytest.mark.parametrize("fonts", [(), None], ids=["no system fonts", "as this system has them"])
def test_letters_beyond_ascii_are_drawn_or_become_question_marks(
    monkeypatch: pytest.MonkeyPatch, fonts: tuple[str, ...] | None
) -> None:
    if fonts is not None:
        monkeypatch.setattr("analogist.sheets.lettering.SYSTEM_FONTS", fonts)
    sheet, asked = (contact_sheet([[Tile(plain(0), word)]], side=64) for word in ("\u00e9t\u00e9", "?t?"))
    assert (border(sheet) == 255).all()
    assert (sheet.tobytes() == asked.tobytes()) == (fonts == () or not any(map(is_there, SYSTEM_FONTS)))


def is_there(font: str) -> bool:
    try:
        ImageFont.truetype(font, 12)
    except OSError:
        return False
    return True


def test_the_best_is_framed_and_an_empty_place_stays_one() -> None:
    sheet = contact_sheet([[Tile(plain(0), "a"), Tile(plain(1), "b", best=True)], [None, Tile(plain(2), "c")]], side=64)
    left, top, right, bottom = box(sheet, 1)
    assert sheet.getpixel((left - 1, top)) == sheet.getpixel((right, bottom - 1)) == BEST
    assert box(sheet, 2)[0] > box(sheet, 0)[2]
    with pytest.raises(ValueError, match="at least one image, got none"):
        contact_sheet([[None]])
    with pytest.raises(ValueError, match="expected 2 row headings, got 1"):
        contact_sheet([[Tile(plain(0))], [Tile(plain(1))]], row_heads=["one"])


def test_a_sweep_stands_in_the_order_of_its_values() -> None:
    tiles = [Tile(plain(number)) for number in range(5)]
    values = [("10", "a"), ("9", "a"), ("9.5", "b"), ("10", "b"), ("9", "c")]
    sheet = sweep_sheet(tiles, [{"strength": s, "prompt": p, "steps": "50"} for s, p in values], "strength", side=64)
    x = [box(sheet, number)[0] for number in range(5)]
    y = [box(sheet, number)[1] for number in range(5)]
    assert x[1] == x[4] < x[2] < x[0] == x[3]  # 9, 9.5, 10
    assert y[0] == y[1] < y[2] == y[3] < y[4]  # a, b, c
    repeated = sweep_sheet(tiles, [{"steps": "50"}] * 5, side=64)
    assert len({box(repeated, number)[0] for number in range(5)}) == 5


def test_settings_come_back_as_they_were_written() -> None:
    written = runs("1, 1.35", "3..10, 4-8", "0.98", "42, 43")
    (first, *_), read = written, parse_settings("\n".join(run.line() for run in written))
    assert len(read) == len(written) == 8
    assert read[0] == {"scale": "1", "layers": "3-10", "strength": "0.98", "seed": "42"}
    assert (first.layers.start, first.layers.end) == (3, 11)
    assert parse_settings("\n a = b ,c=d=e\n\n") == [{"a": "b", "c": "d=e"}]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("nan", "3..10", "0.98", "42"), "scale: .*got 'nan'.*expected a finite number, got nan"),
        (("1.3", "3", "0.98", "42"), "layers: .*got '3' .*expected both ends of the layers, got '3'"),
        (("1.3", "3..10", "0.98, 2", "42"), r"strength: .*got '0.98, 2' .*strength must be in \(0, 1\], got 2"),
        (("1.3", "3..10", "0.98", str(2**64)), f"seeds are 0 to {2**64 - 1}, got {2**64}"),
        (("1.3", "3..10", "0.98", "-1"), "seeds are 0 to"),
    ],
)
def test_values_that_no_sampler_takes_are_refused_where_they_are_typed(values: tuple[str, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        runs(*values)
