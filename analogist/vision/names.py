"""Which line of a prompt table belongs to which file: by name, never by luck."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePath

ENDINGS = (".png", ".jpg", ".jpeg", ".webp")
"""Of the images that are taken for grids."""


class MatchError(ValueError):
    """It cannot be known which line belongs to which file."""


def natural(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """A sort key under which "2.png" comes before "10.png"."""
    parts = re.findall(r"\d+|\D+", folded(name))
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], name


def folded(name: str) -> str:
    """A name in one Unicode form and one case: Mac file systems hand out "é" in two pieces."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name.strip().removeprefix("\ufeff")).casefold())


def bare(name: str) -> str:
    """A name without the ending of an image; other dots belong to the name, as in "cat.v1"."""
    return name[: -len(PurePath(name).suffix)] if folded(name).endswith(ENDINGS) else name


_FORMS: tuple[Callable[[str], str], ...] = (str, folded, lambda name: folded(bare(name)))
"""In what names are compared: as they are, then less and less strictly."""


def by_name(lines: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """The file of each line that names one, each file once: a full name first, then one without its ending.

    A name that fits two files, or a file that two lines fit equally well, is nobody's.
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


def matched(lines: Sequence[str], files: Sequence[str]) -> dict[int, str]:
    """The file of each line, by the line's number: by name, or by position where no line names any file.

    Lines that name files by another rule than position are never matched by position. Files without a line are left
    out of the result.

    Raises:
        MatchError: some lines name files and others do not, a name comes twice, or the numbers differ.
    """
    found = by_name(lines, files)
    if len(found) == len(lines) and len(set(lines)) == len(lines):
        return {number: found[line] for number, line in enumerate(lines)}
    if found:
        odd = [line for line in lines if line not in found] or [line for line in lines if lines.count(line) > 1]
        raise MatchError(
            f"expected a line for each file by its name, got {len(odd)} of {len(lines)} lines that name no file or one "
            f"that others name too, such as {odd[0]!r}: correct the names"
        )
    if len(lines) != len(files):
        raise MatchError(
            f"expected as many lines as files, or their names, got {len(lines)} lines for {len(files)} files"
        )
    return dict(enumerate(sorted(files, key=natural)))
