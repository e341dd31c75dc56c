"""JSON values amid a text, as models write them: proper, cut off, in single quotes, encoded twice, with comments."""

import json
import re
from collections.abc import Iterator
from typing import Any

DEEPEST = 12
"""Levels of nesting that are read; what is deeper is read as if it stood in the deepest."""

# An object may begin anywhere; a list only where a line or what follows a colon begins: "a cat [on a mat]" is a text.
OPENING = re.compile(r"\{|(?:(?<=[:=>`\"])|^)[ \t]*\[", re.MULTILINE)
# A quote within a string is left to it: one that ends a string stands before what may follow a string.
END = r"(?=\s*(?:[,:}\])]|//|/\*|#|\Z)|[ \t]*\n\s*[\"'])"
TOKEN = re.compile(
    rf"(?P<open>[{{\[(])|(?P<close>[}}\])])|(?P<colon>[:=])|(?P<comment>(?://|#)[^\n]*|/\*.*?\*/)|"
    rf"\"(?P<double>(?:[^\"\\]|\\.?|\"(?!{END}))*)(?:\"|\Z)|'(?P<single>(?:[^'\\]|\\.?|'(?!{END}))*)(?:'|\Z)|"
    r"“(?P<curly>[^”]*)(?:”|\Z)|(?P<bare>[^\s{}\[\],:=\"'“][^{}\[\],:=\n]*)",
    re.DOTALL,
)
LITERAL = re.compile(r"(?:null|none|undefined|true|false|[\d.e+-]+)\s*", re.IGNORECASE)
ESCAPE = re.compile(r"((?:\\u[0-9a-fA-F]{4})+|\\[bfnrt])|\\(.)", re.DOTALL)


def decoded(text: str) -> str:
    """A text less the escapes of a string, if its first value is written with them: JSON that was encoded twice."""
    first = OPENING.search(text)
    return _unescaped(text) if first and re.compile(r"\s*\\+\"").match(text, first.end()) else text


def values(text: str) -> Iterator[tuple[Any, int, int]]:
    """Every object or list in a text, outermost first, and where it begins and ends."""
    end = 0
    for opening in OPENING.finditer(text):
        if (start := opening.end() - 1) >= end:
            value, end = _read(text, start)
            if value is not None:
                yield value, start, end


def _read(text: str, start: int) -> tuple[Any, int]:
    """The value that a person would read, and its end; None where neither quotes nor a key show that it is one."""
    tokens, quoted, end = TOKEN.finditer(text, start + 1), False, start

    def container(opening: str, depth: int) -> Any:
        nonlocal quoted, end
        items: list[Any] = []
        pairs: dict[str, Any] = {}
        key, kind = None, ""
        for token in tokens:
            end, kind = token.end(), token.lastgroup or ""
            if kind == "close":
                break
            if kind == "colon" and items and isinstance(items[-1], str):
                key = items.pop()
            if kind in ("colon", "comment") or (kind == "open" and depth == DEEPEST):
                continue
            quoted |= kind in ("double", "single", "curly")
            if token[0][1:] == token[kind]:  # Cut off: only what is whole counts.
                continue
            value = container(token[0], depth + 1) if kind == "open" else _unescaped(token[kind])
            if kind == "bare" and LITERAL.fullmatch(value):
                value = None
            if key is None:
                items.append(value)
            else:
                pairs[key], key = value, None
        return pairs or (items if kind == "close" or opening == "[" else {})  # A key alone is no prompt.

    value = container(text[start], 0)
    return (value if quoted or any("prompt" in key for key in value if isinstance(value, dict)) else None), end


def _unescaped(text: str) -> str:
    return ESCAPE.sub(lambda escape: json.loads(f'"{escape[1]}"') if escape[1] else escape[2], text)
