"""Text files and folders of images, as users have them."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".pgm", ".ppm"})
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"})
"""Folders in which archivers, network storage and Windows keep unwanted copies of images."""


def read_text(path: Path, what: str = "file") -> str:
    """Text in UTF-8, with or without the byte-order mark of Windows' editors, or in UTF-16 with its mark.

    Raises:
        ValueError: there is no such file, or it is not text; `what` says which one it was.
    """
    try:
        return path.read_text(encoding=text_encoding(path))
    except FileNotFoundError:
        raise ValueError(f"There is no {what} {str(path)!r}.") from None
    except UnicodeError as error:
        raise ValueError(f"The {what} {str(path)!r} is not text in UTF-8: {error}.") from error
    except OSError as error:
        raise ValueError(f"The {what} {str(path)!r} cannot be read: {error.strerror}.") from error


def text_encoding(path: Path) -> str:
    """What to read a text file with: UTF-16 where its mark is there, as Windows' shell writes it, else UTF-8."""
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig"


def image_files(folder: Path) -> list[Path]:
    """The image files in a folder and in the folders in it, sorted; what is hidden or the system's own is left out."""
    found = (path for path in folder.rglob("*") if is_image(path))
    return sorted(path for path in found if not any(map(is_hidden, path.relative_to(folder).parts)))


def images_in(folder: Path) -> list[Path]:
    """The image files right in a folder, sorted; what is hidden or the system's own is left out."""
    return [path for path in visible(folder) if is_image(path)]


def visible(folder: Path) -> list[Path]:
    """What is in a folder, sorted, without what systems leave there; nothing where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not is_hidden(path.name))


def is_image(path: Path) -> bool:
    """By its name; a link that leads nowhere counts, so that reading it says so."""
    return path.suffix.lower() in IMAGE_ENDINGS and not path.is_dir()


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name in SYSTEM_FOLDERS
