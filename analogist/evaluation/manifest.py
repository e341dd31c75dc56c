"""Manifests: tables of analogies, .csv or .jsonl. A line that cannot be read costs that line alone."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from ..files.reading import read_text
from ..published import LARGEST_SEED
from .settings import readable
from .sources import GRID, MORE, NEEDED, TRUTH, Dataset, Source


class _Images(BaseModel):
    """The images of a line beyond the first pair."""

    model_config = ConfigDict(extra="forbid")


class _Row(create_model("_More", __base__=_Images, **dict.fromkeys(MORE, (str | None, None)))):  # type: ignore
    """A line of a manifest."""

    task: str | None = None
    name: str | None = None
    a: str | None = None
    a_prime: str | None = None
    b: str | None = None
    b_prime: str | None = None
    grid: str | None = None
    prompt: str = ""
    seed: int | None = Field(default=None, ge=0, le=LARGEST_SEED)

    def source(self, manifest: Path) -> Source:
        named = self.model_dump(include={*NEEDED, *MORE, TRUTH, GRID}, exclude_none=True)
        files = {name: manifest.parent / file for name, file in named.items()}
        called = self.name or Path(self.b or self.grid or "").stem
        return Source(self.task or manifest.stem, called, files, self.prompt.strip(), self.seed)


def read_manifest(path: Path, dataset: Dataset) -> None:
    """Add the analogies of a manifest, and for each line that cannot be read its problem.

    Raises:
        ValueError: the file cannot be read at all, or is of another ending.
    """
    readers = {".csv": _csv_rows, ".jsonl": _json_rows}
    if path.suffix.lower() not in readers:
        raise ValueError(f"The manifest {str(path)!r} must be a .csv or .jsonl file.")
    for number, row in readers[path.suffix.lower()](read_text(path, "manifest").split("\n")):
        try:
            if isinstance(row, ValueError):
                raise row
            dataset.add(_Row.model_validate(row).source(path))
        except ValidationError as error:
            dataset.fail(path.stem, f"line {number}", f"{readable(error)}.")
        except ValueError as error:
            dataset.fail(path.stem, f"line {number}", f"{error}.")


def _csv_rows(lines: Sequence[str]) -> Iterator[tuple[int, object]]:
    """Rows by the number of their first line, or why there is none; an empty cell is none at all.

    Every row has its own reader: an unclosed quote would swallow the following rows.
    """
    header: list[str] = []
    start = 0
    while start < len(lines):
        number = start + 1
        reader = csv.reader((f"{line}\n" for line in _from(lines, start)), strict=True)
        try:
            cells = next(reader)
            start += reader.line_num
        except csv.Error as error:
            start += 1
            yield number, ValueError(f"it is not a valid CSV line: {error}")
            continue
        if not header:
            header = [name.strip() for name in cells]
        elif len(cells) > len(header):
            came = f"expected {len(header)} cells as in the first line, got {len(cells)}"
            yield number, ValueError(f"{came}: put a text with commas in quotes")
        elif any(cells):
            yield number, {name: cell for name, cell in zip(header, cells, strict=False) if cell}


def _from(lines: Sequence[str], start: int) -> Iterator[str]:
    return (lines[number] for number in range(start, len(lines)))


def _json_rows(lines: Sequence[str]) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                yield number, ValueError(f"it is not valid JSON: {error}")
            except RecursionError:
                yield number, ValueError("it is nested too deeply")
