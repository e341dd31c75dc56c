"""Strips that lost their geometry: read where the pixels agree with what is assumed or stated, else flags are named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analogist.grid import AnalogyGrid, Layout, canvas, compose
from analogist.scores.strips import Asked, Strip, join, png_text, read_strip

SAVED = {
    "x.png": {},
    "x.jpg": {"quality": 50},
    "x.jpeg": {"quality": 90, "subsampling": 0},
    "x.webp": {"quality": 50},
    "x.bmp": {},
}
"""Ways to save a strip again that lose its text."""


def noise(seed: int, size: tuple[int, int] = (256, 256)) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def composed(grid: AnalogyGrid) -> Image.Image:
    more = [(noise(20 + 2 * number), noise(21 + 2 * number)) for number in range(grid.pairs - 1)]
    return compose(grid, noise(0), noise(1), noise(2), more)


def strip_of(grid: AnalogyGrid, results: int, image: Image.Image | None = None) -> Image.Image:
    image = composed(grid) if image is None else image
    return join(grid, image, [canvas(grid, image, noise(10 + number)) for number in range(results)])


def read_again(strip: Image.Image, folder: Path, asked: Asked = Asked(), name: str = "x.png") -> Strip:  # noqa: B008
    strip.save(folder / name, **SAVED[name])
    return read_strip(folder / name, asked)


@pytest.mark.parametrize("name", SAVED)
def test_a_strip_of_a_run_saved_again_is_not_read_as_squares(tmp_path: Path, name: str) -> None:
    """Cells of 128x64 and 3 results are 1280x128, which 8 results of squares are too."""
    grid = AnalogyGrid(128, 64)
    strip = strip_of(grid, 3)
    strip.save(tmp_path / "own.png", pnginfo=png_text(grid))
    assert read_strip(tmp_path / "own.png").grid == grid
    with pytest.raises(
        ValueError,
        match=rf"{name}' is 1280x128 and carries no geometry: expected a grid of 128x128 \(cells of 64x64\) and its "
        r"canvas beside it, got other images there; it fits cells of 128x64 "
        r"\(--cell-width 128 --num-images-per-prompt 3\)",
    ):
        read_again(strip, tmp_path, name=name)
    found = read_again(strip, tmp_path, Asked(3, cell_width=128), name)
    assert (found.grid, len(found.results)) == (grid, 3)


@pytest.mark.parametrize("results", [1, 3, 7, 8, 18])
@pytest.mark.parametrize("cells", [(64, 128), (192, 64), (128, 192), (64, 192), (320, 64)], ids=str)
def test_other_cells_and_numbers_of_results(tmp_path: Path, cells: tuple[int, int], results: int) -> None:
    """Refused with the flags that read it, whether the size alone shows the mistake or not."""
    strip = strip_of(AnalogyGrid(*cells), results)
    number = "" if results == 8 else f" --num-images-per-prompt {results}"
    with pytest.raises(
        ValueError, match=rf"fits cells of {cells[0]}x{cells[1]}\D.*--cell-width {cells[0]}{number}[.)]"
    ):
        read_again(strip, tmp_path)
    found = read_again(strip, tmp_path, Asked(results, cell_width=cells[0]))
    assert (found.grid, len(found.results)) == (AnalogyGrid(*cells), results)
    wrong = cells[0] + 64
    with pytest.raises(ValueError, match=rf"--cell-width {cells[0]}[.)]"):
        read_again(strip, tmp_path, Asked(results, cell_width=wrong))


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("cells", [64, 128, 192])
def test_the_published_format_is_read_however_it_was_saved(tmp_path: Path, name: str, cells: int) -> None:
    grid = AnalogyGrid(cells, cells)
    assert read_again(strip_of(grid, 8), tmp_path, name=name).grid == grid


def test_a_strip_of_a_few_colors_is_read(tmp_path: Path) -> None:
    strip_of(AnalogyGrid(128, 128), 8).quantize(64).save(tmp_path / "x.png")
    assert len(read_strip(tmp_path / "x.png").results) == 8


@pytest.mark.parametrize("name", SAVED)
@pytest.mark.parametrize("gutter", [0, 4, 8, 16])
def test_white_lines_of_another_width_are_measured_and_told(tmp_path: Path, gutter: int, name: str) -> None:
    grid = AnalogyGrid(128, 128, gutter=gutter)
    strip = strip_of(grid, 8)
    with pytest.raises(
        ValueError, match=rf"expected white lines of 2 pixels, got such of {gutter}: state --gutter {gutter}"
    ):
        read_again(strip, tmp_path, name=name)
    assert read_again(strip, tmp_path, Asked(gutter=gutter), name).grid == grid


def test_lines_of_a_grid_that_was_enlarged_are_told(tmp_path: Path) -> None:
    """As in the published examples of 1024 pixels, whose grids were made at 512."""
    grid = AnalogyGrid(128, 128)
    enlarged = composed(AnalogyGrid(64, 64)).resize(grid.size, Image.Resampling.BICUBIC)
    with pytest.raises(ValueError, match="state --gutter 4"):
        read_again(strip_of(grid, 8, enlarged), tmp_path)


def test_a_grid_whose_b_prime_is_not_black_shows_its_lines_otherwise(tmp_path: Path) -> None:
    """A finished grid may come with any B'."""

    def filled(gutter: int) -> Image.Image:
        grid = AnalogyGrid(128, 128, gutter=gutter)
        return strip_of(grid, 8, canvas(grid, composed(grid), noise(5)))

    assert read_again(filled(2), tmp_path).grid.gutter == 2
    assert read_again(filled(2), tmp_path, name="x.jpg").grid.gutter == 2
    with pytest.raises(ValueError, match="expected white lines of 2 pixels, got other pixels there: state --gutter, 0"):
        read_again(filled(0), tmp_path)
    with pytest.raises(
        ValueError, match="got more white than that, and no black B' to measure them by: state --gutter"
    ):
        read_again(filled(8), tmp_path)
    for gutter in (0, 8):
        assert read_again(filled(gutter), tmp_path, Asked(gutter=gutter)).grid.gutter == gutter


PAIRS = [(pairs, layout) for pairs in range(2, 8) for layout in Layout]


@pytest.mark.parametrize(("pairs", "layout"), PAIRS, ids=str)
def test_several_pairs_are_told_and_can_be_stated(tmp_path: Path, pairs: int, layout: Layout) -> None:
    grid = AnalogyGrid(64, 64, layout, pairs=pairs)
    strip = strip_of(grid, 8)
    with pytest.raises(ValueError, match=rf"--cell-width 64 --pairs {pairs} --layout {layout.name.lower()}"):
        read_again(strip, tmp_path)
    assert read_again(strip, tmp_path, Asked(cell_width=64, pairs=pairs, layout=layout)).grid == grid


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.webp"])
@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize(("pairs", "stated"), [(4, 5), (5, 4), (6, 7), (7, 6)])
def test_a_wrong_number_of_pairs_with_the_same_cells_is_refused(
    tmp_path: Path, pairs: int, stated: int, layout: Layout, name: str
) -> None:
    """Both have the same canvas; the places of the pair that only one of them has are white, or are not."""
    grid = AnalogyGrid(64, 64, layout, pairs=pairs)
    strip, asked = strip_of(grid, 8), Asked(cell_width=64, pairs=stated, layout=layout)
    says = rf"with {stated} pairs\).*; it fits .* with {pairs} pairs \(.*--pairs {pairs} "
    with pytest.raises(ValueError, match=says):
        read_again(strip, tmp_path, asked, name)
    assert read_again(strip, tmp_path, replace(asked, pairs=pairs), name).grid == grid


def test_pale_pairs_are_pairs(tmp_path: Path) -> None:
    """Drawings of thin lines on white paper, and one image of a pair that is blank."""
    grid = AnalogyGrid(64, 64, pairs=5)
    drawing = Image.new("RGB", (256, 256), "white")
    drawing.paste("black", (120, 60, 124, 200))
    for last in ((drawing, drawing), (drawing, Image.new("RGB", (9, 9), "white"))):
        more = [(noise(number), noise(number + 3)) for number in range(20, 23)]
        strip = strip_of(grid, 8, compose(grid, noise(0), noise(1), noise(2), [*more, last]))
        assert read_again(strip, tmp_path, Asked(cell_width=64, pairs=5, layout=Layout.ROWS)).grid == grid


def test_what_fits_in_several_ways_must_be_stated(tmp_path: Path) -> None:
    """Dark images all over: a canvas is like its grid wherever it is cut."""
    grid = AnalogyGrid(128, 64, gutter=0)
    dark = Image.new("RGB", grid.size, (5, 5, 5))
    strip = join(grid, dark, [dark] * 3)
    with pytest.raises(
        ValueError, match=r"in several ways, as cells of 64x64 or as cells of .*: state --cell-width 64 or "
    ):
        read_again(strip, tmp_path)
    assert read_again(strip, tmp_path, Asked(3, cell_width=128, gutter=0, pairs=1)).grid == grid


@pytest.mark.parametrize("stated", [{"cell_width": 100}, {"pairs": 0}, {"pairs": 9}, {"gutter": 3}, {"gutter": 90}])
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, stated: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"x.png' is 1280x128, which is not a strip: "):
        read_again(strip_of(AnalogyGrid(64, 64), 8), tmp_path, Asked(**stated))
