"""Names of files made from prompts, for any file system."""

import re
import unicodedata
from collections.abc import Sequence
from itertools import chain, count

LONGEST_NAME = 150
"""UTF-8 bytes of a name that come from a prompt. File systems stop at 255, and numbers and endings follow."""
DEVICES = re.compile(r"con|prn|aux|nul|con(in|out)\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]", re.IGNORECASE)
"""What Windows takes for a device, whatever the ending."""

REFUSED = '\\/:*?"<>|'
"""Of a name: what some file system refuses, or takes for a part of a path."""
UNSEEN = "\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff"
"""Of a name: control characters, ends of lines, and marks that turn the direction of what is shown behind them."""


def file_stem(prompt: str) -> str:
    """The published name of a result: spaces as "_", no commas and dots; what a file system refuses becomes "-"."""
    name = prompt.replace(" ", "_").replace(",", "").replace(".", "")
    # Arguments that are not UTF-8 come with lone surrogates, which no file can be named with.
    name = re.sub(f"[{re.escape(REFUSED)}{UNSEEN}]", "-", name.encode(errors="replace").decode())
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
