"""JSON values amid a text, also as models write them: cut off, in single quotes, encoded twice, with comments."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DEEPEST = 12
"""Levels of nesting that are read; what is deeper is skipped."""
_TRIES = 50
"""Openings that are tried as values, so that no text is slow to read."""

# An object may begin anywhere; a list only where a line or what follows a colon begins: "a cat [on a mat]" is a text.
_OPENING = re.compile(r"\{|(?:(?<=[:=>`\"])|^)[ \t]*\[", re.MULTILINE)
_ESCAPED = re.compile(r"\s*\\+\"")
# A quote within a string is left to it: one that ends a string stands before what may follow a string.
_END = r"(?=\s*(?:[,:}\])]|\Z)|[ \t]*\n\s*[\"'])"
_TOKEN = re.compile(
    rf"(?P<open>[{{\[(])|(?P<close>[}}\])])|(?P<colon>[:=])|(?P<comment>//[^\n]*)|"
    rf"\"(?P<double>(?:[^\"\\]|\\.?|\"(?!{_END}))*)(?:\"|\Z)|'(?P<single>(?:[^'\\]|\\.?|'(?!{_END}))*)(?:'|\Z)|"
    r"“(?P<curly>[^”]*)(?:”|\Z)|(?P<bare>[^\s{}\[\],:=\"'“][^{}\[\],:=\n]*)",
    re.DOTALL,
)
_STRINGS = ("double", "single", "curly")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True)
class Found:
    """A JSON value and where in the text it stands."""

    value: Any
    start: int
    end: int


def decoded(text: str) -> str:
    """A text less the escapes of a string, if its first value is written with them: JSON that was encoded twice."""
    first = _OPENING.search(text)
    return _unescaped(text) if first and _ESCAPED.match(text, first.end()) else text


def values(text: str) -> Iterator[Found]:
    """Every JSON object or list in a text, outermost first."""
    decoder, end = json.JSONDecoder(strict=False), 0
    for match in [match for match, _ in zip(_OPENING.finditer(text), range(_TRIES), strict=False)]:
        start = match.end() - 1
        if start < end:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            reader = _Reader(text, start)
            if (value := reader.value()) is None:
                continue
            end = reader.end
        yield Found(value, start, end)


class _Reader:
    """Reads one value of a text as a person would; every text has a reading."""

    def __init__(self, text: str, start: int) -> None:
        self._opening = text[start]
        self._tokens = _TOKEN.finditer(text, start + 1)
        self._quoted = False
        self.end = start + 1

    def value(self) -> Any:
        """The value; None if nothing shows that it is one: neither keys nor quotes."""
        value = self._container(self._opening, 0)
        return value if self._quoted or (value and self._opening == "{" and isinstance(value, dict)) else None

    def _container(self, opening: str, depth: int) -> Any:
        """What stands between two brackets: an object if there are keys, else a list."""
        items: list[Any] = []
        pairs: dict[str, Any] = {}
        key: str | None = None
        closed = False
        for token in self._tokens:
            self.end, kind = token.end(), token.lastgroup
            if closed := kind == "close":
                break
            if kind == "colon" and items and isinstance(items[-1], str):
                key = items.pop()
            if kind in ("colon", "comment") or (kind == "open" and depth == DEEPEST):
                continue
            value = self._container(token[0], depth + 1) if kind == "open" else self._text(token)
            if value is None:  # Cut off: only what is whole counts.
                continue
            if key is None:
                items.append(value)
            else:
                pairs[key], key = value, None
        return pairs or (items if closed or opening == "[" else {})  # A key alone is no prompt.

    def _text(self, token: re.Match[str]) -> str | None:
        kind = token.lastgroup or ""
        if kind not in _STRINGS:
            return token[0].strip()
        self._quoted = True
        if token[0][1:] == token[kind]:
            return None
        return _unescaped(token[kind])


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else {"n": "\n", "t": "\t"}.get(code, code)
