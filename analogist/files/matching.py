"""Which line of a prompt table belongs to which file: by name, never by luck."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

from .reading import IMAGE_ENDINGS


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key under which "2.png" comes before "10.png"."""
    parts = re.findall(r"\d+|\D+", folded(name))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], name


def folded(name: str) -> str:
    """A name in one Unicode form and one case: Mac file systems hand out "é" in two pieces."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip().removeprefix("\ufeff")).casefold())


def bare(name: str) -> str:
    """A name without the ending of an image; other dots belong to the name, as in "cat.v1"."""
    stem, dot, ending = name.rpartition(".")
    return stem if stem and folded(dot + ending) in IMAGE_ENDINGS else name


def _loosest(name: str) -> str:
    return folded(bare(name))


_FORMS: tuple[Callable[[str], str], ...] = (str, folded, bare, _loosest)
"""In what names are compared: as they are, then less and less strictly."""


def by_name(lines: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """The file of each line that names one, each file once: a full name first, then one without its ending.

    A name that fits two files is left out, and so is a file that two lines fit equally well.
    """
    found: dict[str, str] = {}
    left, free = list(dict.fromkeys(lines)), list(dict.fromkeys(files))
    for form in _FORMS:
        candidates = defaultdict(list)
        for file in free:
            candidates[form(file)].append(file)
        claims = defaultdict(list)
        for line in left:
            claims[form(line)].append(line)
        pairs = {
            claimed[0]: candidates[name][0]
            for name, claimed in claims.items()
            if len(claimed) == 1 and len(candidates.get(name, ())) == 1
        }
        found |= pairs
        left = [line for line in left if line not in pairs]
        free = [file for file in free if file not in pairs.values()]
    return found
