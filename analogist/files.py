"""Files as people have them: text, folders of images, names; and files that are there whole or not at all."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import IO

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".pgm", ".ppm"})
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
"""Folders in which archivers, network storage and Windows keep copies of images that nobody asked for."""
UNFINISHED = ".unfinished"
"""The end of names of files that are being written."""
LONGEST_NAME = 150
"""UTF-8 bytes of a name that come from a prompt. File systems stop at 255, and numbers and endings follow."""
DEVICES = re.compile(r"con|prn|aux|nul|con(in|out)\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]", re.IGNORECASE)
"""What Windows takes for a device, whatever the ending."""

UNSEEN = "\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff"
"""Of a name: control characters, ends of lines, and marks that turn the direction of what is shown behind them."""


def read_text(path: Path, what: str = "file") -> str:
    """Text in UTF-8, with or without the byte-order mark of Windows' editors.

    Raises:
        ValueError: there is no such file, or it is not text; `what` says which one it was.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"There is no {what} {str(path)!r}.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"The {what} {str(path)!r} is not text in UTF-8: {error}.") from error
    except OSError as error:
        raise ValueError(f"The {what} {str(path)!r} cannot be read: {error.strerror}.") from error


def image_files(folder: Path) -> list[Path]:
    """The image files in a folder and in the folders in it, sorted; what is hidden or the system's own is left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_ENDINGS and path.is_file())
    return sorted(path for path in found if not any(map(_is_hidden, path.relative_to(folder).parts)))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in SYSTEM_FOLDERS


def file_stem(prompt: str) -> str:
    """The published name of a result: spaces as "_", no commas and dots; what a file system refuses becomes "-"."""
    name = prompt.replace(" ", "_").replace(",", "").replace(".", "")
    # Arguments that are not UTF-8 come with lone surrogates, which no file can be named with.
    name = re.sub(rf'[\\/:*?"<>|{UNSEEN}]', "-", name.encode(errors="replace").decode())
    name = name.encode()[:LONGEST_NAME].decode(errors="ignore")
    return f"{name}_" if not name or DEVICES.fullmatch(name) else name


def distinct_stems(prompts: Sequence[str], images: int) -> list[str]:
    """A stem for each prompt, so that no two of all the files <stem> and <stem>_1 .. <stem>_<images> are one.

    Names that differ in case or in the composition of letters alone are one file on Windows and macOS.
    """

    def files(stem: str) -> set[str]:
        names = chain([stem], (f"{stem}_{number}" for number in range(1, images + 1)))
        return {unicodedata.normalize("NFC", name).casefold() for name in names}

    stems: list[str] = []
    taken: set[str] = set()
    for prompt in prompts:
        stem = file_stem(prompt)
        free = next(name for name in chain([stem], (f"{stem}_{n}" for n in count(2))) if taken.isdisjoint(files(name)))
        taken |= files(free)
        stems.append(free)
    return stems


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
