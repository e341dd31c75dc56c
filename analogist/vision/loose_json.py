"""JSON values amid a text, as models write them: proper, cut off, in single quotes, encoded twice, with comments."""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

DEEPEST = 12
"""Levels of nesting that are read; what is deeper is read as if it stood in the deepest."""

# An object may begin anywhere; a list only where a line or what follows a colon begins: "a cat [on a mat]" is a text.
OPENING = re.compile(r"\{|(?:(?<=[:=>`\"])|^)[ \t]*\[", re.MULTILINE)
# A quote within a string is left to it: one that ends a string stands before what may follow a string.
END = r"(?=\s*(?:[,;:=}\])]|//|/\*|#|\Z)|[ \t]*\n\s*[\"'])"
TOKEN = re.compile(
    rf"(?P<open>[{{\[(])|(?P<close>[}}\])])|(?P<colon>[:=])|(?P<comment>(?://|#)[^\n]*|/\*.*?\*/)|"
    rf"\"(?P<double>(?:[^\"\\]|\\.?|\"(?!{END}))*)(?:\"|\Z)|'(?P<single>(?:[^'\\]|\\.?|'(?!{END}))*)(?:'|\Z)|"
    r"“(?P<curly>[^”]*)(?:”|\Z)|(?P<bare>[^\s{}\[\],;:=\"'“][^{}\[\],:=\n]*)",
    re.DOTALL,
)
LITERAL = re.compile(r"(?:null|none|undefined|true|false|[\d.e+-]+)\s*", re.IGNORECASE)
SURE = re.compile(r"[\"“]|(?<!\w)'|prompt\w*\s*[:=]")
"""What shows that brackets hold a value, and are no part of a prompt."""
ESCAPE = re.compile(r"((?:\\u[0-9a-fA-F]{4})+|\\[bfnrt])|\\(.)", re.DOTALL)


def is_proper(text: str) -> bool:
    """Whether a text is one object or list by the rules of JSON, and nothing beside it."""
    try:
        return isinstance(from_json(text), (dict, list))
    except ValueError:
        return False


def decoded(text: str) -> str:
    """A text less the escapes of a string, if its first value is written with them: JSON that was encoded twice."""
    first = OPENING.search(text)
    return _unescaped(text) if first and re.match(r"\s*\\+\"", text[first.end() :]) else text


def values(text: str) -> Iterator[tuple[Any, int, int]]:
    """Every object or list in a text, outermost first, and where it begins and ends."""
    end = 0
    for opening in OPENING.finditer(text):
        if (start := opening.end() - 1) >= end:
            value, end = _read(text, start)
            if SURE.search(text, start, end):
                yield value, start, end


def _read(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at a bracket, as a person would read it, and its end."""
    tokens, end = TOKEN.finditer(text, start + 1), start

    def container(opening: str, depth: int) -> Any:
        nonlocal end
        found: list[tuple[str | None, Any]] = []
        key, kind = None, ""
        for token in tokens:
            end, kind = token.end(), token.lastgroup or ""
            if kind == "close":
                break
            if kind == "colon" and found and isinstance(found[-1][1], str):
                key = found.pop()[1]
            # Of a string, too, only what is whole counts.
            if kind in ("colon", "comment") or token[0][1:] == token[kind] or (kind == "open" and depth == DEEPEST):
                continue
            value = container(token[0], depth + 1) if kind == "open" else _unescaped(token[kind])
            if kind == "bare" and LITERAL.fullmatch(value):
                value = None
            found.append((key, value))
            key = None
        pairs = {key: value for key, value in found if key is not None}
        # A key alone, of an object that is cut off, is no prompt.
        return pairs or [value for _, value in found if kind == "close" or opening == "["]

    return container(text[start], 0), end


def _unescaped(text: str) -> str:
    return ESCAPE.sub(lambda escape: json.loads(f'"{escape[1]}"') if escape[1] else escape[2], text)
