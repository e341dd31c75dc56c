"""Names of tasks and analogies: results are called after them, so they must be names of files on every system."""

import unicodedata

from ..files.names import DEVICES, REFUSED

LONGEST = 200
"""UTF-8 bytes; file systems take 255, and the number, the ending and the mark of an unfinished file follow."""


def canonical(name: str) -> str:
    """A name in one Unicode form, whichever the file system hands out; bytes that are no text become visible."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "backslashreplace").decode())


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a file on every system.

    Raises:
        ValueError: one sentence that says why.
    """
    if not name or name != name.strip() or name.startswith(".") or set(name) & set(REFUSED) or not name.isprintable():
        raise ValueError(f"The name {name!r} is not a valid file name: use letters, digits, spaces, - and _.")
    if name.endswith(".") or DEVICES.fullmatch(name.partition(".")[0].rstrip()):
        raise ValueError(f"The name {name!r} is not a valid file name on Windows: rename it.")
    if (size := len(name.encode())) > LONGEST:
        raise ValueError(f"expected a name of at most {LONGEST} bytes in UTF-8, got {size} ({name[:20]}...).")
