"""Where the four cells of the analogy lie on a token grid: views for any (h, w), no index tables."""

from enum import Enum

from torch import Tensor

TokenGrid = tuple[int, int]
"""Height and width of a token grid, in tokens."""


class Cell(Enum):
    """A cell of the 2x2 grid, named by its *position* as in the paper; the value is (row, column)."""

    A = (0, 0)
    A_PRIME = (0, 1)
    B = (1, 0)
    B_PRIME = (1, 1)

    @property
    def label(self) -> str:
        """The name a person reads: ``A``, ``A'``, ``B`` or ``B'``."""
        return self.name.replace("_PRIME", "'")

    @classmethod
    def from_label(cls, label: str) -> "Cell":
        """The cell called `label`; raises ValueError with the four names for any other text."""
        for cell in cls:
            if cell.label == label:
                return cell
        raise ValueError(f"There is no cell {label!r}; the cells are {', '.join(c.label for c in cls)}.")


def check_grid(grid_size: TokenGrid, tokens: int) -> None:
    """Refuse a token grid that has another number of tokens or that does not fall into four equal cells."""
    h, w = grid_size
    if h * w != tokens:
        raise ValueError(f"A token grid of {h}x{w} has {h * w} tokens, but the attention sees {tokens}.")
    if h < 2 or w < 2 or h % 2 or w % 2:
        raise ValueError(
            f"The token grid is {h}x{w}; its height and width must be even, so that each of the four cells is "
            "made of whole tokens. Cells whose width and height are multiples of 64 pixels always are."
        )


def cell_slices(grid_size: TokenGrid, cell: Cell) -> tuple[slice, slice]:
    """Rows and columns of `cell` on the token grid."""
    (h, w), (row, column) = grid_size, cell.value
    return slice(row * h // 2, (row + 1) * h // 2), slice(column * w // 2, (column + 1) * w // 2)


def cell_tokens(x: Tensor, grid_size: TokenGrid, cell: Cell) -> Tensor:
    """The tokens of one cell: (..., h*w, dim) -> (..., h/2 * w/2, dim), row-major inside the cell.

    The n-th token of every cell is the same place inside its cell: the correspondence that
    Self-Attention Cloning relies on.
    """
    rows, columns = cell_slices(grid_size, cell)
    return x.unflatten(-2, grid_size)[..., rows, columns, :].flatten(-3, -2)


def write_cell(x: Tensor, grid_size: TokenGrid, cell: Cell, tokens: Tensor) -> None:
    """Write the tokens (..., h/2 * w/2, dim) of one cell into `x` (..., h*w, dim), in place."""
    rows, columns = cell_slices(grid_size, cell)
    h, w = grid_size
    x.unflatten(-2, grid_size)[..., rows, columns, :] = tokens.unflatten(-2, (h // 2, w // 2))
