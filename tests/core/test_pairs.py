"""Several example pairs: where they lie, and SAC and CAM on such a sheet by their definition."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from analogist import cloning
from analogist.cells import MOST_PAIRS, ONE_PAIR, Cell, Layout, Sheet, cell_tokens, write_cell
from analogist.cloning import clone_rows, clone_self_attention
from analogist.grid import AnalogyGrid, CropSize, Fit, canvas, compose, crop, mask
from analogist.marks import mark, name_images
from analogist.masking import mask_cross_attention, mask_rows

SHEETS = [Sheet(pairs, layout) for layout in Layout for pairs in range(1, MOST_PAIRS + 1)]
FOUR = [sheet for sheet in SHEETS if sheet.pairs <= 4]
LYING = {
    1: ["A A'", "B B'"],
    2: ["A1 A1'", "A2 A2'", "B B'"],
    3: ["A1 A1' A2 A2'", "A3 A3' B B'"],
    4: ["A1 A1' A2 A2'", "A3 A3' A4 A4'", "- - B B'"],
    5: ["A1 A1' A2 A2'", "A3 A3' A4 A4'", "A5 A5' B B'"],
}


def named(sheet: Sheet) -> str:
    return f"{sheet.pairs}-{sheet.layout.name.lower()}"


@pytest.fixture(params=["fused", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of computing SAC."""
    if request.param == "plain":
        monkeypatch.setattr(cloning, "fused_attention", lambda q, k, v: None)
    return request.param


def qkv(tokens: int, keys: int | None = None, dim: int = 5, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        torch.randn(2, 3, number, dim, generator=generator, dtype=torch.float64)
        for number in (tokens, keys or tokens, keys or tokens)
    )


def names_lying(sheet: Sheet) -> list[list[str]]:
    """Names row by row, from the table above; in columns with rows and columns exchanged."""
    rows = [line.split() for line in LYING[sheet.pairs]]
    return rows if sheet.layout is Layout.ROWS else [list(column) for column in zip(*rows, strict=True)]


def tokens_by_name(sheet: Sheet, grid_size: tuple[int, int]) -> dict[str, list[int]]:
    """Token numbers of each cell, one by one; with one pair the first pair's have no number."""
    rows, (h, w) = names_lying(sheet), grid_size
    found: dict[str, list[int]] = {}
    for y in range(h):
        for x in range(w):
            name = rows[y * len(rows) // h][x * len(rows[0]) // w]
            found.setdefault(name if sheet.pairs > 1 else name.replace("A", "A1"), []).append(y * w + x)
    return found


def by_definition(q: Tensor, k: Tensor, v: Tensor, grid_size: tuple[int, int], scale: float, sheet: Sheet) -> Tensor:
    """SAC on the whole matrix of logits. In columns, a block that n sources share is a mean of n exponentials."""
    logits = q @ k.mT / math.sqrt(q.shape[-1])
    cell = tokens_by_name(sheet, grid_size)
    edited = logits.clone()

    def block(query: str, key: str) -> tuple[slice, slice, Tensor, Tensor]:
        return (slice(None), slice(None), torch.tensor(cell[query])[:, None], torch.tensor(cell[key])[None])

    n, b, b_prime = sheet.pairs, "B", "B'"
    pairs = [(f"A{i}", f"A{i}'") for i in range(1, n + 1)]
    if sheet.layout is Layout.ROWS:
        for a, a_prime in pairs:
            edited[block(b_prime, a_prime)] = scale * logits[block(b, a)] - math.log(n)
            edited[block(a_prime, b_prime)] = scale * logits[block(a, b)]
    else:
        cloned = [scale * logits[block(a_prime, a)] for a, a_prime in pairs]
        edited[block(b_prime, b)] = torch.stack(cloned).logsumexp(0) - math.log(n)
        cloned = [scale * logits[block(a, a_prime)] for a, a_prime in pairs]
        edited[block(b, b_prime)] = torch.stack(cloned).logsumexp(0) - math.log(n)
    return edited.softmax(-1) @ v


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("pairs", LYING)
def test_where_the_cells_lie(pairs: int, layout: Layout) -> None:
    sheet = Sheet(pairs, layout)
    found = [[sheet.label(cell) if cell.letter else "-" for cell in row] for row in sheet.rows]
    assert found == names_lying(sheet)


@pytest.mark.parametrize("sheet", SHEETS, ids=named)
def test_offsets_are_equal_so_that_places_correspond(sheet: Sheet) -> None:
    def offset(one: Cell, other: Cell) -> tuple[int, int]:
        return tuple(np.subtract(sheet.place(other), sheet.place(one)))

    for a, a_prime in sheet.examples:
        assert offset(a, a_prime) == offset(Cell.B, Cell.B_PRIME)
        assert offset(a, Cell.B) == offset(a_prime, Cell.B_PRIME)
        assert sorted(map(abs, offset(a, a_prime))) == [0, 1]
    grid = AnalogyGrid(64, 128, sheet.layout, gutter=6, pairs=sheet.pairs)
    if sheet.pairs > 1:  # In pixels too.
        starts = {tuple(np.subtract(grid.tile_box(cell)[:2], grid.cell_box(cell)[:2])) for cell in sheet.cells}
        assert starts == {(6, 6)}


@pytest.mark.parametrize("sheet", FOUR, ids=named)
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cell=st.tuples(st.integers(1, 3), st.integers(1, 3)), scale=st.floats(-3, 3))
def test_cloning_is_its_definition(way: str, sheet: Sheet, cell: tuple[int, int], scale: float) -> None:
    rows, columns = sheet.shape
    grid_size = rows * cell[0], columns * cell[1]
    q, k, v = qkv(grid_size[0] * grid_size[1])
    expected = by_definition(q, k, v, grid_size, scale, sheet)
    found = clone_self_attention(q, k, v, grid_size, scale, sheet=sheet)
    assert torch.allclose(found, expected, atol=1e-5 if way == "fused" else 1e-9)
    edited = [cell for cell in sheet.cells if cell in cloning._edits(sheet)]
    theirs = torch.zeros_like(q)
    for one in edited:
        write_cell(theirs, grid_size, one, cell_tokens(found, grid_size, one, sheet), sheet)
    assert torch.equal(clone_rows(torch.zeros_like(q), q, k, v, grid_size, scale, sheet), theirs)


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("pairs", [2, 3, 4])
def test_permuting_the_pairs_permutes_nothing_in_b_prime(way: str, pairs: int, layout: Layout) -> None:
    sheet = Sheet(pairs, layout)
    grid_size = 3 * sheet.shape[0], 2 * sheet.shape[1]
    tensors = qkv(grid_size[0] * grid_size[1])

    def rows(order: tuple[int, ...]) -> dict[Cell, Tensor]:
        moved = [tensor.clone() for tensor in tensors]
        for source, target in zip(order, range(pairs), strict=True):
            for one, other in zip(sheet.examples[source], sheet.examples[target], strict=True):
                for tensor, new in zip(tensors, moved, strict=True):
                    write_cell(new, grid_size, other, cell_tokens(tensor, grid_size, one, sheet), sheet)
        out = clone_self_attention(*moved, grid_size, sheet=sheet)
        return {cell: cell_tokens(out, grid_size, cell, sheet) for cell in sheet.cells}

    first = rows(tuple(range(pairs)))
    for order in permutations(range(pairs)):
        other = rows(order)
        assert (other[Cell.B_PRIME] - first[Cell.B_PRIME]).abs().max() < 1e-5
        assert (other[Cell.B] - first[Cell.B]).abs().max() < 1e-5
        for place, source in enumerate(order):  # The pairs themselves move with what they hold.
            for one, moved in zip(sheet.examples[source], sheet.examples[place], strict=True):
                assert (other[moved] - first[one]).abs().max() < 1e-5


def test_several_equal_pairs_are_worth_what_one_is_worth() -> None:
    """The bias: B' attends to n copies of one example as much as to a single one, apart from all other cells."""
    one, three = Sheet(1), Sheet(3)
    q, k, v = qkv(4 * 6)
    k = k * 30  # Only the cloned logits are left, at s = 40.
    few = clone_self_attention(q, k, v, (4, 6), 40.0, sheet=one)
    tensors = [torch.zeros(2, 3, 8 * 6, 5, dtype=torch.float64) for _ in range(3)]
    for tensor, new in zip((q, k, v), tensors, strict=True):
        for number in (1, 2, 3):
            for cell in (Cell("A", False, number), Cell("A", True, number)):
                write_cell(new, (4, 12), cell, cell_tokens(tensor, (4, 6), Cell("A", cell.changed)), three)
        for cell in (Cell.B, Cell.B_PRIME):
            write_cell(new, (4, 12), cell, cell_tokens(tensor, (4, 6), cell), three)
    many = clone_self_attention(*tensors, (4, 12), 40.0, sheet=three)
    difference = cell_tokens(many, (4, 12), Cell.B_PRIME, three) - cell_tokens(few, (4, 6), Cell.B_PRIME)
    assert difference.abs().median() < 1e-6


@pytest.mark.parametrize("layout", Layout)
def test_one_pair_is_the_2x2_grid_bit_for_bit(way: str, layout: Layout) -> None:
    """In both layouts it is the paper's, which goes by position."""
    for dtype in (torch.float32, torch.float64):
        q, k, v = (tensor.to(dtype) for tensor in qkv(6 * 4))
        assert torch.equal(
            clone_self_attention(q, k, v, (6, 4), sheet=Sheet(1, layout)), clone_self_attention(q, k, v, (6, 4))
        )


@pytest.mark.parametrize("sheet", FOUR, ids=named)
def test_gradients_flow_on_every_sheet(sheet: Sheet) -> None:
    rows, columns = sheet.shape
    tensors = [tensor[:1, :1].requires_grad_() for tensor in qkv(rows * columns, dim=2)]
    assert torch.autograd.gradcheck(
        lambda *qkv: clone_self_attention(*qkv, (rows, columns), 1.3, sheet=sheet), tuple(tensors)
    )


@pytest.mark.parametrize("sheet", [Sheet(2), Sheet(3, Layout.COLUMNS), Sheet(4)], ids=named)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 4e-3), (torch.bfloat16, 3e-2)], ids=str)
def test_half_precision(way: str, sheet: Sheet, dtype: torch.dtype, tolerance: float) -> None:
    grid_size = 2 * sheet.shape[0], 3 * sheet.shape[1]
    q, k, v = (tensor.to(dtype) for tensor in qkv(grid_size[0] * grid_size[1], dim=40))
    out = clone_self_attention(q, k, v, grid_size, 1.3, sheet=sheet)
    assert out.dtype == dtype
    exact = by_definition(q.double(), k.double(), v.double(), grid_size, 1.3, sheet)
    assert (out.double() - exact).abs().max() < tolerance


@pytest.mark.parametrize("sheet", FOUR, ids=named)
def test_only_b_prime_listens(sheet: Sheet) -> None:
    grid_size = 2 * sheet.shape[0], 3 * sheet.shape[1]
    q, k, v = qkv(grid_size[0] * grid_size[1], keys=7)
    out = mask_cross_attention(q, k, v, grid_size, sheet=sheet)
    plain = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    listening = tokens_by_name(sheet, grid_size)["B'"]
    others = sorted(set(range(q.shape[2])) - set(listening))
    assert torch.allclose(out[:, :, listening], plain[:, :, listening])
    assert not out[:, :, others].any()
    assert torch.allclose(mask_rows(plain, grid_size, sheet), out)


@pytest.mark.parametrize(
    ("sheet", "grid_size", "says"),
    [
        (Sheet(2), (4, 4), "4x4; its height and width must be multiples of 3 and 2, so that each of the 6 cells"),
        (Sheet(3), (4, 6), "4x6; its height and width must be multiples of 2 and 4, so that each of the 8 cells"),
        (Sheet(3, Layout.COLUMNS), (2, 8), "multiples of 4 and 2"),
    ],
    ids=str,
)
def test_a_token_grid_that_is_no_such_sheet_is_refused(sheet: Sheet, grid_size: tuple[int, int], says: str) -> None:
    x = torch.zeros(1, 1, grid_size[0] * grid_size[1], 4)
    for call in (clone_self_attention, mask_cross_attention):
        with pytest.raises(ValueError, match=says):
            call(x, x, x, grid_size, sheet=sheet)


@pytest.mark.parametrize("pairs", [0, -1, MOST_PAIRS + 1])
def test_another_number_of_pairs_is_refused(pairs: int) -> None:
    for make in (Sheet, lambda pairs: AnalogyGrid(pairs=pairs)):
        with pytest.raises(ValueError, match=f"expected 1 to {MOST_PAIRS} example pairs, got {pairs}"):
            make(pairs)


def test_cells_by_their_names() -> None:
    assert ONE_PAIR.cell("A'") == Sheet(3).cell("A'") == Sheet(3).cell("A1'") == Cell.A_PRIME
    assert Sheet(3).cell("A2'") == Cell("A", True, 2)
    with pytest.raises(ValueError, match="expected one of A, A', B, B', got 'A2'"):
        ONE_PAIR.cell("A2")
    with pytest.raises(ValueError, match="expected one of A1, A1', A2, A2', B, B', got A3"):
        Sheet(2).place(Cell("A", False, 3))


COLOURS = [(200, 10, 10), (10, 200, 10), (10, 10, 200), (200, 200, 10), (10, 200, 200), (200, 10, 200)]


def plain(colour: tuple[int, ...], size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, colour)


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("pairs", [1, 2, 3, 4])
@pytest.mark.parametrize("fit", Fit)
def test_every_image_lies_in_its_cell_and_comes_out_of_it(pairs: int, layout: Layout, fit: Fit) -> None:
    grid = AnalogyGrid(64, 128, layout, fit, b_size=(40, 30), pairs=pairs)
    coloured = [plain((20 * number + 20, 0, 100)) for number in range(2 * pairs)]
    examples = list(zip(coloured[::2], coloured[1::2], strict=True))
    b = plain((0, 255, 0))
    image = compose(grid, *examples[0], b, examples[1:])
    rows, columns = grid.sheet.shape
    assert image.size == (64 * columns, 128 * rows)
    for cell, content in zip(grid.sheet.cells, [*coloured, b, plain((0, 0, 0))], strict=True):
        middle = content.getpixel((5, 5))
        assert crop(grid, image, cell).getpixel((32, 64)) == middle
        doubled = image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC)
        assert crop(grid, doubled, cell).size == (128, 256)
    assert crop(grid, image, Cell.B, CropSize.ORIGINAL_B).getpixel((0, 0)) == (0, 255, 0)
    shown = np.asarray(mask(grid)) == 255
    assert shown.sum() == 64 * 128
    assert shown[-128:, -64:].all()
    aligned = b if layout is Layout.ROWS else coloured[1]
    start = canvas(grid, image)
    assert crop(grid, start, Cell.B_PRIME).getpixel((32, 64)) == aligned.getpixel((5, 5))
    assert (np.asarray(start)[~shown] == np.asarray(image)[~shown]).all()


def test_a_blank_place_is_white() -> None:
    grid = AnalogyGrid(64, 64, pairs=4)
    image = compose(grid, *[plain((0, 0, 0))] * 3, [(plain((0, 0, 0)), plain((0, 0, 0)))] * 3)
    assert (np.asarray(image)[128:192, :128] == 255).all()


@pytest.mark.parametrize("number", [0, 1, 3])
def test_another_number_of_pairs_than_the_grid_has_is_refused(number: int) -> None:
    one = plain((0, 0, 0))
    with pytest.raises(ValueError, match=f"expected 3 pairs for this grid, got {number + 1}"):
        compose(AnalogyGrid(64, 64, pairs=3), one, one, one, [(one, one)] * number)


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("pairs", [2, 3, 4])
def test_every_pair_has_an_arrow_and_every_image_a_name(pairs: int, layout: Layout) -> None:
    grid = AnalogyGrid(128, 128, layout, pairs=pairs)
    one = plain(COLOURS[2])
    image = compose(grid, one, one, one, [(one, one)] * (pairs - 1))
    marked = np.asarray(mark(grid, image)).astype(int)
    red = (marked == (230, 0, 0)).all(-1)
    for a, a_prime in (*grid.sheet.examples, (Cell.B, Cell.B_PRIME)):
        for cell in (a, a_prime):  # Each arrow is half in one, half in the other.
            left, top, right, bottom = grid.cell_box(cell)
            assert red[top:bottom, left:right].sum() > 10
            x, y, *_ = grid.tile_box(cell)
            letters = (marked[y : y + 32, x : x + 48] == 255).all(-1)
            assert letters.sum() > 10
    named_only = np.asarray(name_images(grid, image)).astype(int)
    assert (named_only[~red] == marked[~red]).all()
