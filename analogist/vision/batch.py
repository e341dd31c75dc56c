"""Prompts for a folder of grids, as a table: a line for each grid, its name, a tab, its prompts with tabs between them.

Beside the table lies a record of what each of its lines was asked with, so that a line is asked again when the
request or its image changes, and only then.
"""

import asyncio
import hashlib
import json
import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ..files.matching import by_name, natural
from ..files.reading import images_in, text_encoding
from . import profiles
from .errors import SilentError, UnavailableError, VisionError
from .profiles import ProfileError, write_private
from .prompter import Prompter, PromptRequest, PromptResult

MOST_SILENT = 3
"""Grids in a row without any answer in time, after which a run ends: each costs the whole time limit."""
Open = Callable[[Path], Image.Image]


def check_output(path: Path) -> None:
    """Refuse, before any request is sent, a file that cannot be written.

    Raises:
        ValueError: its folder is missing, it is a folder itself, or it may not be written.
    """
    if path.is_dir():
        raise ValueError(f"expected a file for -o, got the folder {str(path)!r}: add the name of a file")
    if not path.parent.is_dir():
        raise ValueError(f"expected an existing folder for -o, got {str(path.parent)!r}: create it first")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"{str(path)!r} is not writable: choose another file with -o")


def grids(folder: Path) -> list[Path]:
    """The images in a folder, in the order of their names as people count.

    Raises:
        ValueError: there is none.
    """
    found = images_in(folder)
    if not found:
        raise ValueError(f"There is no image in {str(folder)!r}: expected a folder of marked grids.")
    return sorted(found, key=lambda path: natural(path.name))


@dataclass
class PromptTable:
    """Rows of prompts by the names of grids, and beside them what each was asked with."""

    path: Path
    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)

    @property
    def record(self) -> Path:
        return self.path.with_name(f"{self.path.name}.asked.json")

    @classmethod
    def read(cls, path: Path, names: list[str]) -> "PromptTable":
        """The table as it lies there, its rows under the `names` of the grids that they mean; empty if there is none.

        Raises:
            ValueError: the file is no such table.
        """
        table = cls(path)
        try:
            lines = [line for line in path.read_text(encoding=text_encoding(path)).split("\n") if line.strip()]
            asked = json.loads(table.record.read_text(encoding="utf-8-sig")) if table.record.exists() else {}
        except FileNotFoundError:
            return table
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"The table {str(path)!r} or {table.record.name!r} cannot be read: {error}.") from None
        rows = [line.rstrip("\r").split("\t") for line in lines]
        if any(len(row) < 2 for row in rows) or not isinstance(asked, dict):
            raise ValueError(
                f"The file {str(path)!r} is not a table of names and prompts: choose another file with -o."
            )
        files = by_name([name for name, *_ in rows], names)
        table.rows = {files.get(name, name): tuple(prompts) for name, *prompts in rows if any(map(str.strip, prompts))}
        table.asked = {str(name): str(digest) for name, digest in asked.items()}
        return table

    def holds(self, name: str, digest: str) -> bool:
        """Whether the row is there and was asked with this; one without a record, as one typed by hand, counts."""
        return name in self.rows and self.asked.get(name, digest) == digest

    def put(self, name: str, digest: str, prompts: tuple[str, ...]) -> None:
        """Add a row and write both files. The table first: a row whose record is old is asked again, at no cost."""
        self.rows[name], self.asked[name] = prompts, digest
        # In natural order, since the published evaluation matches lines to files by their order alone.
        lines = ["\t".join([row, *self.rows[row]]) for row in sorted(self.rows, key=natural)]
        write_private(self.path, "\n".join(lines) + "\n")
        write_private(self.record, json.dumps(self.asked, indent=0, ensure_ascii=False))


@dataclass(frozen=True)
class Outcome:
    """What became of one grid: the row that was kept or asked for, or why there is none."""

    name: str
    prompts: tuple[str, ...] = ()
    problem: str = ""
    kept: bool = False
    recorded: bool = True


def run(folder: Path, output: Path, request: PromptRequest, directory: Path, open_image: Open) -> Iterator[Outcome]:
    """Fill a table of prompts, writing it after every answer; a grid without an answer does not hold up the others.

    Raises:
        ValueError: nothing can be asked or written at all.
        UnavailableError: the key, the network, the quota or the model: the rest would fail alike.
    """
    check_output(output)
    profile = profiles.find(request.profile, directory)
    found = grids(folder)
    table = PromptTable.read(output, [path.name for path in found])
    prompter, silent = Prompter(), 0
    for path in found:
        try:
            _check_file(path)
            image = open_image(path)
            digest = hashlib.sha256(json.dumps(request.identity(image, profile)).encode()).hexdigest()
            if table.holds(path.name, digest):
                recorded = path.name in table.asked
                yield Outcome(path.name, table.rows[path.name], kept=True, recorded=recorded)
                continue
            result = asyncio.run(prompter.infer(image, request, directory))
        except (UnavailableError, ProfileError):
            raise
        except (ValueError, OSError, VisionError) as error:
            yield Outcome(path.name, problem=str(error))
            silent = silent + 1 if isinstance(error, SilentError) else 0
            if silent == MOST_SILENT:
                raise UnavailableError(
                    f"expected replies, got none before the timeout for {silent} grids in a row and stopped: check "
                    f"the server of the profile {profile.name!r}, choose a faster model, or raise the timeout."
                ) from None
        else:
            silent = 0
            table.put(path.name, digest, _flat(result))
            yield Outcome(path.name, result.answer.prompts)


def _flat(result: PromptResult) -> tuple[str, ...]:
    return tuple(" ".join(prompt.split()) for prompt in result.answer.prompts)


def _check_file(path: Path) -> None:
    """Refuse a name that no line of a table can hold, and what nobody may finish reading, such as a pipe."""
    if path.exists() and not path.is_file():
        raise ValueError("expected a file, got a pipe, socket or device: remove it")
    # Other blanks and joiners stay: screenshots of a Mac and emoji have them in their names.
    breaks = any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in path.name)
    if breaks or path.name != path.name.strip().removeprefix("\ufeff"):
        raise ValueError(
            "its name has tabs, line breaks, outer blanks or invalid bytes, which a table cannot contain: rename"
        )
