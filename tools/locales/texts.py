"""English texts and where they stand: definitions of nodes as the frontend wants them, and pages of help."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

PROJECT = Path(__file__).parents[2]
LOCALES, PAGES = PROJECT / "locales", PROJECT / "web" / "docs"
ENGLISH = "en"
LANGUAGES = ("zh", "ja", "ko")
MARKDOWN = MarkdownIt("commonmark").enable("table")
Translate = Callable[[str], str]


def read(name: str, language: str = ENGLISH) -> dict[str, Any]:
    """One of the files of locales/."""
    return json.loads((LOCALES / language / name).read_text(encoding="utf-8"))


def page_of(node: str) -> str:
    """The English help page of a node; empty where it has none yet."""
    path = PAGES / f"{node}.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def leaves(tree: dict[str, Any]) -> Iterator[str]:
    """All texts of a tree of a locale."""
    for value in tree.values():
        yield from leaves(value) if isinstance(value, dict) else [value]


def translated_tree(tree: dict[str, Any], translate: Translate) -> dict[str, Any]:
    """The same tree with other texts; keys stay."""
    return {
        key: translated_tree(value, translate) if isinstance(value, dict) else translate(value)
        for key, value in tree.items()
    }


def segments(page: str) -> Iterator[str]:
    """The texts of a page in order, each in one line."""
    found: list[str] = []

    def note(text: str) -> str:
        found.append(text)
        return text

    translated_page(page, note)
    yield from found


def translated_page(page: str, translate: Translate) -> str:
    """The page with each of its texts replaced; marks, tables and code stay."""
    lines: list[str | None] = [*page.split("\n")]
    after: dict[int, int] = {}  # Where, in a line of several cells, the next one is looked for.
    for token in MARKDOWN.parse(page):
        if token.type != "inline" or not token.content:
            continue
        assert token.map is not None
        first, end = token.map
        start_of_text = token.content.split("\n")[0]
        line = lines[first]
        assert line is not None
        place = line.find(start_of_text, after.get(first, 0))
        if place < 0:
            raise ValueError(
                f"expected {start_of_text!r} as it is written in the page, got {line!r}: avoid escapes there"
            )
        text = " ".join(part.strip() for part in token.content.split("\n"))
        said = translate(text)
        rest = "" if "\n" in token.content else line[place + len(start_of_text) :]
        lines[first] = line[:place] + said + rest
        after[first] = place + len(said)
        lines[first + 1 : end] = [None] * (end - first - 1)
    return "\n".join(line for line in lines if line is not None)
