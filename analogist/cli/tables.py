"""Scores of single images as a file: .csv or .json."""

import csv
import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from ..files.writing import write_atomically

TableFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="Also write one row per image to this .csv or .json file.")
]


def check_table_file(path: Path | None) -> None:
    """Refuse a file of another kind before anything is computed for it."""
    if path is not None and path.suffix not in (".csv", ".json"):
        raise ValueError(f"--output must end in .csv or .json, got {str(path)!r}.")


def write_table(path: Path | None, rows: Sequence[Mapping[str, object]]) -> None:
    if path is None:
        return
    text = json.dumps(rows, indent=2) + "\n" if path.suffix == ".json" else _csv(rows)
    write_atomically(path, text.encode())


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
