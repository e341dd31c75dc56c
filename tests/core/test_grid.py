"""The grid as an image: the published pixels, any geometry, and what is refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from analogist.cells import ONE_PAIR, Cell
from analogist.grid import (
    AnalogyGrid,
    CropSize,
    Fit,
    Layout,
    canvas,
    compose,
    crop,
    crop_tensor,
    mask,
    unevenness,
)
from analogist.images import (
    from_tensor,
    open_image,
    to_tensor,
    together,
)
from analogist.marks import mark, name_images
from support.golden import OWN, SHARED

GOLDEN = SHARED / "golden" / "grid" / "grid.json"
ENTRIES = json.loads(GOLDEN.read_text())["entries"] if GOLDEN.exists() else {}
needs_examples = pytest.mark.skipif(not ENTRIES, reason="there is no ../shared/golden beside the project")

LABELS = ("A", "A'", "B", "B'")
COLOURS = {"A": (200, 10, 10), "A'": (10, 200, 10), "B": (10, 10, 200)}


def plain(colour: tuple[int, ...], size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, colour)


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def published(entry: dict) -> tuple[AnalogyGrid, Image.Image]:
    """The published order of files is that of the places; ours names images, so here it is always rows."""
    grid = AnalogyGrid(entry["grid_size"], entry["grid_size"])
    return grid, compose(grid, *(open_image(SHARED / "examples" / entry["example"] / name) for name in entry["tiles"]))


def same_bytes(image: Image.Image, entry: dict) -> bool:
    return hashlib.sha256(image.tobytes()).hexdigest() == entry["rgb_sha256"]


OWN_GRIDS = json.loads((OWN.folder / "grid" / "grids.json").read_text())


@pytest.mark.parametrize("entry", OWN_GRIDS, ids=lambda entry: f"{entry['cell']}-{entry['gutter']}")
def test_grids_of_the_published_script(entry: dict) -> None:
    grid = AnalogyGrid(entry["cell"], entry["cell"], gutter=entry["gutter"])
    members = (open_image(OWN.folder / "grid" / f"{name}.png") for name in ("a", "a_prime", "b"))
    assert same_bytes(compose(grid, *members), entry)


@needs_examples
@pytest.mark.parametrize("name", ENTRIES or [None])
def test_the_published_grids(name: str) -> None:
    entry = ENTRIES[name]
    grid, image = published(entry)
    for x, y, *rgb in entry["grid"]["probes_x_y_r_g_b"]:
        assert np.abs(pixels(image)[y, x] - rgb).max() <= 6  # Pillow 13 resizes one of the images a little differently.
    assert np.allclose(pixels(image).mean((0, 1)), entry["grid"]["mean_rgb"], atol=0.01)
    if name != "colorization_512":
        assert same_bytes(image, entry["grid"])
    if "pasted_512" in entry and name != "colorization_512":
        assert same_bytes(canvas(grid, image), entry["pasted_512"])
        enlarged = image.resize((1024, 1024), Image.Resampling.BICUBIC)  # As the published examples at 1024 do.
        assert same_bytes(canvas(AnalogyGrid(512, 512), enlarged), entry["pasted_1024_from_512_grid"])


@needs_examples
def test_the_published_grid_of_colorization_within_pillows_difference() -> None:
    _, image = published(ENTRIES["colorization_512"])
    difference = np.abs(pixels(image) - pixels(open_image(SHARED / "examples" / "colorization" / "input.png")))
    assert difference.max() <= 6
    assert not difference[:256].any()  # Only tile B, at the bottom left, may differ.
    assert not difference[:, 256:].any()


@pytest.mark.parametrize("side", [64, 256])
def test_cells_are_cut_out_as_by_the_published_script(side: int) -> None:
    """Its tiles, resized by Pillow's own default, bicubic: any other filter gives other pixels."""
    grid, tile = AnalogyGrid(side, side, b_size=(100, 70)), side - 3
    image = noise(grid.size)
    for cell, (x, y) in zip(ONE_PAIR.cells, ((2, 2), (side + 1, 2), (2, side + 1), (side + 1, side + 1)), strict=True):
        cut = image.crop((x, y, x + tile, y + tile))
        assert crop(grid, image, cell).tobytes() == cut.resize((side, side)).tobytes()
        assert crop(grid, image, cell, CropSize.ORIGINAL_B).tobytes() == cut.resize((100, 70)).tobytes()


@needs_examples
@pytest.mark.parametrize("label", LABELS)
def test_the_published_decomposition(label: str) -> None:
    grid, image = published(ENTRIES["colorization_512"])
    tile = crop(grid, image, ONE_PAIR.cell(label))
    expected = ENTRIES["colorization_512"]["decompose_grid"][label]
    assert np.allclose(pixels(tile).mean((0, 1)), expected["mean_rgb"], atol=0.01)
    assert same_bytes(tile, expected) or label == "B"


@needs_examples
@pytest.mark.parametrize("name", ["caricature_512", "corgi_512"])
def test_the_marks_are_the_published_ones_but_for_the_font(name: str) -> None:
    grid, image = published(ENTRIES[name])
    marked = mark(grid, image)
    changed = (pixels(marked) != pixels(image)).any(-1)
    letters = np.zeros_like(changed)
    for cell in ONE_PAIR.cells:
        x, y, *_ = grid.tile_box(cell)
        letters[y : y + 37, x : x + 37] = True
    ys, xs = np.nonzero(changed & ~letters)
    boxes = [[xs[rows].min(), ys[rows].min(), xs[rows].max(), ys[rows].max()] for rows in (ys < 256, ys >= 256)]
    assert boxes == ENTRIES[name]["arrow_bounding_boxes_x0_y0_x1_y1_inclusive"]
    arrows_only = Image.composite(image, marked, Image.fromarray(letters))
    assert same_bytes(arrows_only, ENTRIES[name]["arrows_only"])


def test_pairs_in_rows_and_in_columns() -> None:
    for layout, places in ((Layout.ROWS, "A A' B B'"), (Layout.COLUMNS, "A B A' B'")):
        grid = AnalogyGrid(64, 128, layout)
        image = compose(grid, *(plain(colour) for colour in COLOURS.values()))
        assert image.size == (128, 256)
        for label, (x, y) in zip(places.split(), [(32, 64), (96, 64), (32, 192), (96, 192)], strict=True):
            assert image.getpixel((x, y)) == COLOURS.get(label, (0, 0, 0))
            assert crop(grid, image, ONE_PAIR.cell(label)).getpixel((32, 64)) == COLOURS.get(label, (0, 0, 0))


def test_the_canvas_repeats_the_bottom_left_cell_and_nothing_else() -> None:
    grid = AnalogyGrid(64, 64)
    image = compose(grid, noise((50, 50), 1), noise((50, 50), 2), noise((50, 50), 3))
    start = pixels(canvas(grid, image))
    assert (start[64:, 64:] == pixels(image)[64:, :64]).all()
    outside = pixels(mask(grid)) == 0
    assert (start[outside] == pixels(image)[outside]).all()
    assert (~outside).sum() == 64 * 64
    assert not outside[64:, 64:].any()


@pytest.mark.parametrize("layout", Layout)
def test_the_canvas_starts_from_the_bottom_left_whatever_lies_there(layout: Layout) -> None:
    """With pairs in columns that is A', as published: what stays the same is the place."""
    grid = AnalogyGrid(64, 64, layout, gutter=0)
    start = canvas(grid, compose(grid, *(plain(colour) for colour in COLOURS.values())))
    assert start.getpixel((96, 96)) == COLOURS["B" if layout is Layout.ROWS else "A'"]


def test_the_canvas_takes_a_first_version_of_b_prime() -> None:
    grid = AnalogyGrid(64, 64)
    image = compose(grid, *(plain(colour) for colour in COLOURS.values()))
    start = canvas(grid, image, b_prime_init=plain((1, 2, 3)))
    assert start.getpixel((96, 96)) == (1, 2, 3)
    assert start.getpixel((64 + 32, 127)) == (255, 255, 255)


@settings(deadline=None, max_examples=25)
@given(
    cells=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    gutter=st.integers(0, 8).map(lambda half: 2 * half),
    layout=st.sampled_from(Layout),
)
def test_tiles_are_equal_between_the_published_lines(cells: tuple[int, int], gutter: int, layout: Layout) -> None:
    grid = AnalogyGrid(64 * cells[0], 64 * cells[1], layout, gutter=gutter)
    boxes = [grid.tile_box(cell) for row in grid.sheet.rows for cell in row]
    assert {(right - left, bottom - top) for left, top, right, bottom in boxes} == {grid.tile_size}
    (left, top, right, bottom), (next_left, *_), (_, next_top, *_), last = boxes
    assert left == top == gutter
    # As published; without lines the tiles meet.
    assert next_left - right == next_top - bottom == (3 * gutter // 2 - 1 if gutter else 0)
    assert {grid.size[0] - last[2], grid.size[1] - last[3]} == {gutter // 2 + 1 if gutter else 0}


@settings(deadline=None, max_examples=25)
@given(
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    fit=st.sampled_from(Fit),
    factor=st.sampled_from([1, 2, 4]),
)
def test_the_original_size_comes_back(size: tuple[int, int], fit: Fit, factor: int) -> None:
    grid = AnalogyGrid(128, 64, fit=fit, b_size=size)
    image = compose(grid, plain((0, 0, 0)), plain((0, 0, 0)), plain(COLOURS["B"], size))
    image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    back = crop(grid, image, Cell.B, CropSize.ORIGINAL_B)
    assert (pixels(back) == COLOURS["B"]).all()  # No padding and no white line in it.
    if fit is not Fit.CROP:
        assert back.size == size
    else:  # What was cut away cannot come back: the middle part, at B's scale and in the cell's shape.
        tile = grid.tile_size
        assert back.size[0] == size[0] or back.size[1] == size[1]
        assert abs(back.width * tile[1] - back.height * tile[0]) <= max(tile)
    assert crop(grid, image, Cell.B).size == (128 * factor, 64 * factor)


def test_padding_and_cropping_keep_the_shape_of_things() -> None:
    wide = Image.new("RGB", (200, 100), (255, 0, 0))
    wide.paste((0, 255, 0), (50, 0, 150, 100))
    padded = compose(AnalogyGrid(64, 64, fit=Fit.PAD, gutter=0), wide, wide, wide)
    assert [padded.getpixel((32, y)) for y in (4, 32, 60)] == [(255, 255, 255), (0, 255, 0), (255, 255, 255)]
    cropped = compose(AnalogyGrid(64, 64, fit=Fit.CROP, gutter=0), wide, wide, wide)
    assert [cropped.getpixel((x, 32)) for x in (3, 32, 60)] == [(0, 255, 0)] * 3


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "CMYK", "I;16"])
def test_every_kind_of_picture_becomes_rgb(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":  # 16-bit gray is scaled and not clipped.
        picture = Image.fromarray(np.full((20, 20), 100 * 257, np.uint16))
    else:
        picture = plain((100, 100, 100))
        picture = picture.quantize() if mode == "P" else picture.convert(mode)
    path = tmp_path / "picture.tif"
    picture.save(path)
    opened = open_image(path)
    assert opened.mode == "RGB"
    assert np.abs(pixels(opened) - 100).max() <= 1


def test_alpha_is_dropped_and_not_blended() -> None:
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    grid = AnalogyGrid(64, 64)
    assert compose(grid, clear, clear, clear).getpixel((32, 32)) == (10, 20, 30)


def test_a_person_reads_each_pictures_own_letter() -> None:
    images = [plain(colour) for colour in COLOURS.values()]
    rows, columns = (AnalogyGrid(layout=layout) for layout in Layout)
    named = {grid: name_images(grid, compose(grid, *images)) for grid in (rows, columns)}
    for picture in ONE_PAIR.cells:  # The same image with the same letter, at another place.
        one, other = (crop(grid, image, picture) for grid, image in named.items())
        assert one == other
    assert named[rows] != named[columns]


def test_letters_and_arrows_are_inside_every_grid() -> None:
    for size in ((64, 64), (64, 512), (256, 256), (1024, 768)):
        grid = AnalogyGrid(*size)
        image = compose(grid, *(plain(colour) for colour in COLOURS.values()))
        marked = pixels(mark(grid, image))
        red = (marked == (230, 0, 0)).all(-1)
        ys, _ = np.nonzero(red)
        assert ys.min() > 0
        assert ys.max() < grid.size[1] - 1
        assert (red[: size[1]].sum() > 20) & (red[size[1] :].sum() > 20)
        for cell in ONE_PAIR.cells:
            x, y, *_ = grid.tile_box(cell)
            letter = marked[y : y + size[1] // 4, x : x + size[0] // 4]
            assert (letter == 255).all(-1).sum() > 10, (size, cell)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cell_width": 100}, r"cell_width must be a multiple of 64 pixels .*, got 100"),
        ({"cell_height": 0}, "cell_height must be .* got 0"),
        ({"gutter": 3}, "gutter must be even .* got 3"),
        ({"gutter": 200}, "at most a quarter of the cell, 64"),
    ],
)
def test_impossible_grids_are_refused(settings: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        AnalogyGrid(**settings)


@pytest.mark.parametrize(
    "size",
    [(512, 1100), (1100, 512), (256, 1024), (12, 512), (512, 12), (13, 13), (1, 1)],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
def test_an_image_that_cannot_be_the_grid_is_not_cropped(size: tuple[int, int]) -> None:
    says = f"layout, 512x512, or that scaled, got {size[0]}x{size[1]}: connect the layout of the Grid Builder that made"
    with pytest.raises(ValueError, match=says):
        crop(AnalogyGrid(), plain((0, 0, 0), size), Cell.B_PRIME)


def test_the_size_of_an_unknown_b_is_not_made_up() -> None:
    with pytest.raises(ValueError, match="does not contain the original size of B"):
        crop(AnalogyGrid(), plain((0, 0, 0), (512, 512)), Cell.B_PRIME, CropSize.ORIGINAL_B)


@pytest.mark.parametrize(
    "size",
    [
        (563, 845),  # Times 1.1, to pixels.
        (564, 844),
        (560, 848),  # Times 1.1, to the nearest latents.
        (560, 840),  # To the latents below.
        (2240, 3392),  # Latents, and then an upscaler of 4.
        (768, 1152),
        (1024, 1536),
        (576, 832),  # Times 1.1, to multiples of 64,
        (576, 864),  # and of 32,
        (544, 832),  # and to those below.
        (640, 768),  # One side alone.
        (512, 960),
        (1024, 768),
        (512, 1536),
        (333, 500),  # Smaller.
        (333, 384),
        (512, 384),
        (256, 384),
        (40, 60),
        (16, 24),
    ],
    ids=lambda size: f"{size[0]}x{size[1]}",
)
@pytest.mark.parametrize("how", ["NEAREST", "BOX", "BILINEAR", "BICUBIC", "LANCZOS"])
def test_whatever_scales_a_grid_its_cells_come_out_without_lines(size: tuple[int, int], how: str) -> None:
    colours = {**COLOURS, "B'": (120, 60, 200)}
    for layout in Layout:
        grid = AnalogyGrid(256, 384, layout, b_size=(90, 120))
        whole = canvas(grid, compose(grid, *(plain(one) for one in COLOURS.values())), plain(colours["B'"]))
        enlarged, halved = whole.resize(size, Image.Resampling[how]), (round(size[0] / 2), round(size[1] / 2))
        for cell in ONE_PAIR.cells:
            for want in CropSize:
                cut = crop(grid, enlarged, cell, want)
                assert cut.size == (halved if want is CropSize.CELL else grid.b_size)
                # The outermost lobe of Lanczos reaches a pixel further, with a fortieth of the weight.
                assert np.abs(pixels(cut) - colours[cell.label]).max() <= (6 if how == "LANCZOS" else 1)


def test_what_the_encoder_crops_to_latents_comes_out_without_lines() -> None:
    """It cuts a grid times 1.1, 563x845, to 560x840 about its middle; the decoded image is enlarged after that."""
    colours = {**COLOURS, "B'": (120, 60, 200)}
    grid = AnalogyGrid(256, 384)
    whole = canvas(grid, compose(grid, *(plain(one) for one in COLOURS.values())), plain(colours["B'"]))
    encoded = whole.resize((563, 845), Image.Resampling.BICUBIC).crop((1, 2, 561, 842))
    for image in (encoded, encoded.resize((2240, 3360), Image.Resampling.BICUBIC)):
        for cell in ONE_PAIR.cells:
            assert np.abs(pixels(crop(grid, image, cell)) - colours[cell.label]).max() <= 2


def test_how_unevenly_a_grid_was_scaled() -> None:
    grid = AnalogyGrid(256, 384)
    assert unevenness(grid, (1024, 1536)) == 1
    assert unevenness(grid, (640, 768)) == unevenness(grid, (512, 960)) == 1.25
    assert unevenness(grid, (576, 832)) == pytest.approx(1.038, abs=1e-3)


def test_what_was_scaled_stays_where_it_was() -> None:
    """The edge that mixed with the lines is replaced in place: the rest is neither moved nor stretched."""
    grid = AnalogyGrid(256, 384)
    ramp = np.linspace(0, 255, 253).round()[None, :, None].repeat(381, 0).repeat(3, 2).astype(np.uint8)
    whole = canvas(grid, compose(grid, *[plain((0, 0, 0))] * 3), Image.fromarray(ramp))
    for scaled, cell in (((563, 845), (282, 422)), ((640, 768), (320, 384)), ((512, 960), (256, 480))):
        cut = pixels(crop(grid, whole.resize(scaled, Image.Resampling.BICUBIC), Cell.B_PRIME))
        expected = pixels(Image.fromarray(ramp).resize(cell, Image.Resampling.BICUBIC))
        assert np.abs(cut - expected)[:, 4:-4].max() <= 2


def test_tensors_are_cropped_in_floats() -> None:
    grid = AnalogyGrid(512, 512)
    left, top, right, bottom = grid.tile_box(Cell.B_PRIME)
    levels = torch.linspace(0.3, 0.4, 256)  # 27 levels in 8 bits.
    image = torch.ones(2, 1024, 1024, 3)
    image[:, top:bottom, left:right] = levels.repeat_interleave(2)[: right - left][None, None, :, None]
    cut = crop_tensor(grid, image, Cell.B_PRIME)
    assert (cut.shape, cut.dtype) == ((2, 512, 512, 3), torch.float32)
    assert len((cut[0, 100, :, 0] * 1e5).round().unique()) >= 256
    assert (cut[:, :, :, 0] - torch.linspace(0.3, 0.4, 512)).abs().max() < 1e-3
    eight_bits = crop(grid, from_tensor(image)[0], Cell.B_PRIME)
    assert np.abs(pixels(eight_bits) - cut[0].numpy() * 255).max() <= 1
    grey = crop_tensor(grid, image[..., :1], Cell.B_PRIME)
    assert torch.equal(grey, cut)


def test_the_geometry_of_other_gutters_is_the_published_one() -> None:
    """Tiles of int(g - 1.5 p) at p and at g + p - 1; the lines of p = 4 are 4, 5 and 3 wide."""
    for gutter in range(2, 64, 2):
        grid = AnalogyGrid(256, 256, gutter=gutter)
        assert grid.tile_size == (int(256 - 1.5 * gutter),) * 2
        assert grid.tile_box(Cell.A)[:2] == (gutter, gutter)
        assert grid.tile_box(Cell.B_PRIME)[:2] == (256 + gutter - 1,) * 2
    image = compose(AnalogyGrid(64, 64, gutter=4), *[plain((0, 0, 0))] * 3)
    white = (pixels(image)[20] == 255).all(-1)
    assert np.flatnonzero(white).tolist() == [0, 1, 2, 3, 62, 63, 64, 65, 66, 125, 126, 127]


def test_tensors_keep_their_pixels() -> None:
    picture = noise((5, 7))
    assert (pixels(from_tensor(to_tensor([picture]))[0]) == pixels(picture)).all()
    grey, alpha = torch.full((2, 4, 4, 1), 0.5), torch.rand(1, 4, 4, 4)
    assert [image.getpixel((0, 0)) for image in from_tensor(grey)] == [(128, 128, 128)] * 2
    assert from_tensor(alpha)[0].mode == "RGB"
    assert from_tensor(torch.full((1, 2, 2, 3), 7.0))[0].getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.full((1, 4, 4, 3), float("nan")), "b contains NaN or infinity"),
        (torch.full((1, 4, 4, 3), float("inf")), "b contains NaN or infinity"),
        (torch.zeros(1, 0, 4, 3), "b is empty"),
        (torch.zeros(0, 4, 4, 3), "b is empty"),
        (torch.zeros(4, 4, 3), "b must be a batch .* got the shape"),
        (torch.zeros(1, 4, 4, 2), "1, 3 or 4 channels"),
    ],
)
def test_pictures_that_are_none_are_refused(images: torch.Tensor, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        from_tensor(images, "b")


def test_one_pair_goes_with_many_b() -> None:
    a, b = plain((1, 1, 1)), [plain((n, 0, 0)) for n in range(3)]
    rows = together({"a": [a], "b": b})
    assert [row["b"] for row in rows] == b
    assert all(row["a"] is a for row in rows)
    with pytest.raises(ValueError, match="a has 2, b has 3"):
        together({"a": [a, a], "b": b})


def test_files_that_are_no_pictures_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    noise((64, 64)).save(tmp_path / "cut.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "cut.png").read_bytes()[:200])
    for name, says in (
        ("text.png", "cannot be read as an image"),
        ("cut.png", "cannot be read"),
        ("none.png", "no image"),
    ):
        with pytest.raises(ValueError, match=says):
            open_image(tmp_path / name)
    with pytest.raises(ValueError, match="cannot be read"):
        open_image(tmp_path)
