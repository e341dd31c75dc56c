"""Files that are written as a whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

UNFINISHED = ".unfinished"
"""The end of names of files that are being written."""


@contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[IO[bytes]]:
    """Write a file under another name beside it, and rename it once it is on the disk; after an error nothing is left.

    Args:
        mode: permissions of the file, less the process's mask; 0o600 for a file that only its owner may read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    unfinished.unlink(missing_ok=True)  # Of a killed process that had our number.
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_atomically(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file, whole or not at all."""
    with whole_file(path, mode) as file:
        file.write(content)


_BINARY = getattr(os, "O_BINARY", 0)  # Windows alone tells text from binary here.


def _sync_folder(folder: Path) -> None:
    """Bring a new name to the disk; Windows cannot, and does not need it."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
