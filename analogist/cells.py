"""The sheet of an analogy: which image lies in which cell, and the tokens of a cell on a token grid of any (h, w)."""

from dataclasses import dataclass
from enum import Enum
from math import isfinite, log
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:  # The command line reads layouts here, and answers --help without torch.
    from torch import Tensor

TokenGrid = tuple[int, int]
"""Height and width of a token grid, in tokens."""
Place = tuple[int, int]
"""Row and column of a cell on its sheet."""
Size = tuple[int, int]
"""Width and height in pixels."""
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are not included."""

CELL_STEP = 64
"""Cells are multiples of this: 8 pixels to a latent, and 8 latents to a token of the UNet's deepest layer."""
AREA_TOLERANCE = 0.25
"""Share by which the area of a grid may differ from what was asked for, so that its cells get the shape of B."""
AREA_WEIGHT = 0.1
"""Of an error in area against one in shape, both as logarithms of the ratio."""

SHAPES = {1: (2, 1), 2: (3, 1), 3: (2, 2), 4: (3, 2), 5: (3, 2), 6: (4, 2), 7: (4, 2)}
"""By the number of example pairs: rows of a near-square sheet, and how many pairs (B with B' is one) share a row."""
MOST_PAIRS = max(SHAPES)


class Layout(Enum):
    """Where the two images of a pair lie: beside each other, or one below the other, the whole sheet mirrored."""

    ROWS = "pairs in rows"
    COLUMNS = "pairs in columns"

    @classmethod
    def of(cls, lines: Literal["rows", "columns"]) -> "Layout":
        """By the one word that flags and settings files have for it."""
        return cls(f"pairs in {lines}")


class Fit(Enum):
    """How an image of another shape gets into its cell."""

    STRETCH = "stretch"
    CROP = "crop"
    PAD = "pad"


@dataclass(frozen=True)
class Cell:
    """One image of an analogy: A or A' of its n-th pair, B or B'; without a letter, a place that is left blank.

    Attributes:
        letter: "A", "B", or nothing.
        changed: whether it is A' or B'.
        number: of the pair, from 1; of B and B' it is 1.
    """

    letter: Literal["A", "B", ""]
    changed: bool = False
    number: int = 1

    A: ClassVar["Cell"]
    A_PRIME: ClassVar["Cell"]
    B: ClassVar["Cell"]
    B_PRIME: ClassVar["Cell"]

    @property
    def label(self) -> str:
        """What a person reads: ``A``, ``A'``, ``B``, ``B'`` where there is one pair; of other pairs ``A2``, ``A2'``."""
        return f"{self._numbered}'" if self.changed else self._numbered

    @property
    def key(self) -> str:
        """The name of its file and of its input: ``a``, ``a_prime``, ``a2``, ``a2_prime``, ``b``, ``b_prime``."""
        return f"{self._numbered.lower()}_prime" if self.changed else self._numbered.lower()

    @property
    def _numbered(self) -> str:
        return f"{self.letter}{self.number}" if self.number > 1 else self.letter


Cell.A, Cell.A_PRIME, Cell.B, Cell.B_PRIME = Cell("A"), Cell("A", True), Cell("B"), Cell("B", True)


@dataclass(frozen=True)
class Sheet:
    """Where the cells of an analogy lie: those of a pair are neighbours, and B with B' is the last pair.

    With one pair it is the 2x2 grid of the paper. From A to B it is as far as from A' to B', for every pair: the
    correspondence of places that Self-Attention Cloning relies on.

    Attributes:
        pairs: number of example pairs.
        layout: in rows A1, A1', A2, A2' ... / ..., B, B'; in columns the same with rows and columns exchanged.
    """

    pairs: int = 1
    layout: Layout = Layout.ROWS

    def __post_init__(self) -> None:
        if self.pairs not in SHAPES:
            raise ValueError(f"expected 1 to {MOST_PAIRS} example pairs, got {self.pairs}: leave some out")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        rows, across = SHAPES[self.pairs]
        return (rows, 2 * across) if self.layout is Layout.ROWS else (2 * across, rows)

    @property
    def examples(self) -> tuple[tuple[Cell, Cell], ...]:
        """A and A' of each pair."""
        return tuple((Cell("A", False, number), Cell("A", True, number)) for number in range(1, self.pairs + 1))

    @property
    def cells(self) -> tuple[Cell, ...]:
        """A and A' of each pair, B and B'."""
        return (*(cell for pair in self.examples for cell in pair), Cell.B, Cell.B_PRIME)

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """All cells as they lie, blank ones too."""
        rows, columns = self.shape
        blank = rows * columns // 2 - len(self.examples) - 1
        lying = {self.place(cell): cell for cell in self.cells}
        for number in range(1, blank + 1):
            lying |= {self.place(cell): cell for cell in (Cell("", False, number), Cell("", True, number))}
        return tuple(tuple(lying[row, column] for column in range(columns)) for row in range(rows))

    def place(self, cell: Cell) -> Place:
        """Where a cell lies; raises ValueError for the cell of a pair that there is not."""
        if cell.letter == "A" and cell.number > self.pairs:
            raise ValueError(f"expected one of {', '.join(map(self.label, self.cells))}, got {cell.label}")
        rows, across = SHAPES[self.pairs]
        first = {"A": 0, "": self.pairs, "B": rows * across - 1}[cell.letter]
        row, pair = divmod(first + cell.number - 1, across)
        column = 2 * pair + cell.changed
        return (row, column) if self.layout is Layout.ROWS else (column, row)

    def label(self, cell: Cell) -> str:
        """The name a person reads: with several pairs the first one has a number too, ``A1`` and ``A1'``."""
        return cell.label.replace("A", "A1") if self.pairs > 1 and cell.number == 1 else cell.label

    def cell(self, label: str) -> Cell:
        """The cell called `label`; raises ValueError with the names that there are for any other text."""
        for cell in self.cells:
            if label in (cell.label, self.label(cell)):
                return cell
        raise ValueError(f"expected one of {', '.join(map(self.label, self.cells))}, got {label!r}")


ONE_PAIR = Sheet()
"""The 2x2 grid of the paper, whose cells have the same tokens with pairs in rows and in columns."""


def check_grid(grid_size: TokenGrid, tokens: int, sheet: Sheet = ONE_PAIR) -> None:
    """Refuse a token grid that has another number of tokens or that does not fall into equal cells."""
    (h, w), (rows, columns) = grid_size, sheet.shape
    if h * w != tokens:
        raise ValueError(f"A token grid of {h}x{w} has {h * w} tokens, but the attention sees {tokens}.")
    if h < rows or w < columns or h % rows or w % columns:
        must = "even" if sheet == ONE_PAIR else f"multiples of {rows} and {columns}"
        number = "four" if sheet == ONE_PAIR else rows * columns
        raise ValueError(
            f"The token grid is {h}x{w}; its height and width must be {must}, so that each of the {number} cells is "
            "made of whole tokens. Cells whose width and height are multiples of 64 pixels always are."
        )


def cell_size(grid_size: TokenGrid, sheet: Sheet = ONE_PAIR) -> TokenGrid:
    """Height and width of a cell, in tokens."""
    (h, w), (rows, columns) = grid_size, sheet.shape
    return h // rows, w // columns


def cell_slices(grid_size: TokenGrid, cell: Cell, sheet: Sheet = ONE_PAIR) -> tuple[slice, slice]:
    """Rows and columns of `cell` on the token grid."""
    (h, w), (row, column) = cell_size(grid_size, sheet), sheet.place(cell)
    return slice(row * h, (row + 1) * h), slice(column * w, (column + 1) * w)


def cell_tokens(x: "Tensor", grid_size: TokenGrid, cell: Cell, sheet: Sheet = ONE_PAIR) -> "Tensor":
    """The tokens of one cell: (..., h*w, dim) -> (..., tokens of a cell, dim), row-major inside the cell.

    The n-th token of every cell is the same place inside its cell: the correspondence that
    Self-Attention Cloning relies on.
    """
    rows, columns = cell_slices(grid_size, cell, sheet)
    return x.unflatten(-2, grid_size)[..., rows, columns, :].flatten(-3, -2)


def write_cell(x: "Tensor", grid_size: TokenGrid, cell: Cell, tokens: "Tensor", sheet: Sheet = ONE_PAIR) -> None:
    """Write the tokens (..., tokens of a cell, dim) of one cell into `x` (..., h*w, dim), in place."""
    rows, columns = cell_slices(grid_size, cell, sheet)
    x.unflatten(-2, grid_size)[..., rows, columns, :] = tokens.unflatten(-2, cell_size(grid_size, sheet))


def cells_for(b: Size, sheet: Sheet, megapixels: float) -> Size:
    """Width and height of cells with about the shape of B, so that the whole grid has about that many megapixels.

    The cells are whole tokens. Of those that keep the area within a quarter, the ones with the least
    |log of the error in shape| + 0.1 |log of the error in area|.

    Raises:
        ValueError: no cells of whole tokens are within that, or it is no finite number.
    """
    if not isfinite(megapixels):
        raise ValueError(f"grid megapixels must be a finite number, got {megapixels}")
    rows, columns = sheet.shape
    area = megapixels * 1e6 / (rows * columns) / CELL_STEP**2  # In tokens of the deepest layer.
    most = int(area * (1 + AREA_TOLERANCE)) if area > 0 else 0
    sides = [(width, height) for width in range(1, most + 1) for height in range(1, most // width + 1)]
    possible = [side for side in sides if side[0] * side[1] >= area * (1 - AREA_TOLERANCE)]
    if not possible:
        least = CELL_STEP**2 * rows * columns / 1e6
        raise ValueError(
            f"expected grid megapixels for {rows}x{columns} cells of whole tokens, {least:.2f} at least and not just "
            f"between two of them, got {megapixels:g}: choose {max(1, round(area)) * least:.2f}"
        )

    def error(side: Size) -> float:
        shape, ratio = side[0] * b[1] / (side[1] * b[0]), side[0] * side[1] / area
        return abs(log(shape)) + AREA_WEIGHT * abs(log(ratio))

    width, height = min(possible, key=error)
    return width * CELL_STEP, height * CELL_STEP
