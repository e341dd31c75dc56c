"""What a translation must keep of its English, and the glossary."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

from .texts import CELLS, CODE, LINK, MARKDOWN

GLOSSARY = Path(__file__).parent / "glossary.yaml"
SPECIAL = re.compile(r"[{}@|]")
"""What the frontend reads as syntax in a text of locales/."""


def glossary() -> list[dict[str, str]]:
    """Words of the field: `en`, a regular expression, and a word in each language; several are separated by ` / `."""
    return yaml.safe_load(GLOSSARY.read_text(encoding="utf-8"))


def marks(text: str) -> Counter[str]:
    """How many spans of emphasis, code and links it has once it is rendered."""
    children = [child for token in MARKDOWN.parseInline(text) for child in token.children or ()]
    return Counter(
        child.type for child in children if child.type in ("em_open", "strong_open", "code_inline", "link_open")
    )


def names(text: str) -> set[str]:
    """The images that it names, without A, which is an article too."""
    return {*CELLS.findall(CODE.sub(" ", text))} - {"A"}


def numbers(text: str) -> set[str]:
    return {*re.findall(r"\d+(?:\.\d+)?", LINK.sub(" ", text))}


def faults(english: str, translated: str, language: str, terms: list[dict[str, str]]) -> Iterator[str]:
    """What is wrong with a translation, in words."""
    for what, pattern in (("code", CODE), ("addresses", LINK)):
        if Counter(pattern.findall(english)) != Counter(pattern.findall(translated)):
            yield f"other {what}"
    if marks(english) != marks(translated):
        yield f"other marks: {dict(marks(english))} became {dict(marks(translated))}"
    if lost := numbers(english) - numbers(translated):
        yield f"lost numbers: {sorted(lost)}"
    if names(english) != names(translated):
        yield f"other images: {sorted(names(english))} became {sorted(names(translated))}"
    for term in terms:
        words = term[language].split(" / ")
        if re.search(term["en"], CODE.sub(" ", english), re.IGNORECASE) and not any(
            word in translated for word in words
        ):
            yield f"the glossary says {term[language]} for {term['en']}"
