"""Texts that need no entry of their own, because they are made of others.

Code, addresses, numbers and the letters of the images stay. A name in bold, a list of names, *(optional)* behind them
and a sentence without its full stop are made of the same texts without.
"""

import re
from collections.abc import Callable

CODE, LINK = re.compile(r"`[^`]*`"), re.compile(r"\]\([^)]*\)|https?://\S+")
CELLS = re.compile(r"(?<![A-Za-z])[AB]'?(?![A-Za-z'])")
"""The names of the four images."""
BOLD = re.compile(r"\*\*([^*]+)\*\*")
NAMES = re.compile(r"[A-Za-z]\w*'?(, [A-Za-z]\w*'?)+")
OPTIONAL = " (optional)"
SAID_OPTIONAL = {"zh": "（可选）", "ja": "（省略可）", "ko": " (선택 사항)"}
COMMA = {"zh": "、", "ja": "、", "ko": ", "}
STOP = {"zh": "。", "ja": "。", "ko": "."}

LookUp = Callable[[str], str]


def has_words(text: str) -> bool:
    """Whether there is something to translate."""
    bare = re.sub(r"&\w+;", " ", LINK.sub(" ", CODE.sub(" ", text)))
    return re.search(r"[A-Za-z]", CELLS.sub(" ", bare)) is not None


def made(text: str, language: str, look_up: LookUp) -> str:
    """The translation of a text, out of those of its parts."""
    if not has_words(text):
        return text
    if text.endswith(OPTIONAL):
        return made(text.removesuffix(OPTIONAL), language, look_up) + SAID_OPTIONAL[language]
    if BOLD.fullmatch(text):
        return f"**{made(text[2:-2], language, look_up)}**"
    if NAMES.fullmatch(BOLD.sub(r"\1", text)):
        return COMMA[language].join(made(name, language, look_up) for name in text.split(", "))
    if is_sentence(text):
        return look_up(f"{text}.").removesuffix(STOP[language])
    return look_up(text)


def parts(text: str) -> list[str]:
    """The texts that must be looked up for it."""
    found: list[str] = []

    def note(part: str) -> str:
        found.append(part)
        return part

    made(text, "zh", note)
    return found


def is_sentence(text: str) -> bool:
    """A text of several words without its full stop: a table's cell says what a tooltip says."""
    words = text.split()
    return len(words) > 4 and text[0].isupper() and words[1].islower() and text[-1].isalnum()
