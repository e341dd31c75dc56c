"""The reply of a vision model read as prompts of B': strings in, strings out.

The model is shown the marked grid (letters and arrows) and asked for prompts of B'. What comes back is read in this
order: thinking goes; JSON, a table and labelled lines are a record whose keys say what is a prompt; else a list; else
the lines, or the commas of the published program. What can be none of these is an error that quotes the reply.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from . import loose_json
from .labels import TYPOGRAPHY, label, role
from .lines import cleaned, is_prompt, items, lettered, lines, listed, table, uncommented
from .refusals import REFUSALS
from .request import excerpt
from .thinking import without_thinking
from .wording import CORRECTION, Role

MOST_REPLY = 100_000
"""Characters of a reply. Four thousand tokens of thinking are about a fifth of this."""

_FENCE = re.compile(r"```\w*\n?(.*?)(?:```|\Z)", re.DOTALL)
_ELEMENT = re.compile(r"<([A-Za-z][\w' ]{0,30})>([^<>]*)</\1>")
_PRIME = re.compile(r"\b([ABВ])(?:\s?\^?\{?\\prime\}?|\^'|[\u2019\u2032\u00b4`])|\bВ'")
_COUNTED = re.compile(r"(?!.*(?:image|picture|panel|cell|图|画像))\D{0,12}\d{1,2}", re.IGNORECASE)
_SCHEMA_TYPES = ("array", "string", "object")
_FILLED = ("properties", "value", "const", "default", "example", "examples", "items", "enum")
_THOUGHTS = ("thinking", "reasoning", "thought", "analysis", "commentary")
_DEEPEST = 2 * loose_json.DEEPEST


class ReplyError(ValueError):
    """A reply holds no prompt. The message holds the model's own words."""


class RefusalError(ReplyError):
    """The model declined to answer."""


@dataclass(frozen=True)
class Answer:
    """What the model read in the grid.

    Attributes:
        prompts: at least one prompt for B', without suffix.
        change: what changed from A to A', in the model's words; empty if it did not say.
        alignment: which images show the same thing in the same place: "A and A'", "A and B", "neither" or empty.
    """

    prompts: tuple[str, ...]
    change: str = ""
    alignment: str = ""


def parse(text: str, count: int = 1) -> Answer:
    """Read at most `count` prompts out of a model's reply.

    Raises:
        RefusalError: the model declined.
        ReplyError: nothing in the reply is surely a prompt.
    """
    if len(text) > MOST_REPLY:
        raise ReplyError(
            f"expected a reply of at most {MOST_REPLY} characters, got {len(text)} characters: try another model, or "
            "type the prompt by hand."
        )
    said = without_thinking(text)
    if not said:
        raise ReplyError(
            "expected a prompt, got nothing but thinking: try another seed, or a model that thinks less."
            if text.strip()
            else "expected a prompt, but the reply is empty: try another seed or another model."
        )
    sure, answer = _read(said, count)
    candidates = list(_unique(cleaned(prompt) for prompt in answer.prompts))
    prompts = [prompt for prompt in candidates if is_prompt(prompt)]
    # Beside prompts that are named as such a model may say of A what it likes, such as "not visible".
    if refusals := [words for words in (candidates if prompts and sure else [said, *candidates]) if is_refusal(words)]:
        prompts = [prompt for prompt in prompts if sure and prompt not in refusals]
        if not prompts:
            raise RefusalError(
                f'The model refused: "{excerpt(refusals[0])}" Try another model or instruction, or type the prompt by '
                "hand."
            )
    if not prompts:
        raise ReplyError(
            f'expected a prompt, got "{excerpt(said)}" Try another seed or another model, or type the prompt by hand.'
        )
    return Answer(tuple(prompts[:count]), answer.change, answer.alignment)


def is_refusal(text: str) -> bool:
    """Whether a text begins as a model that declines, or that says that it saw no image."""
    return any(pattern.search(text[:400].translate(TYPOGRAPHY)) for pattern in REFUSALS)


def _read(text: str, count: int) -> tuple[bool, Answer]:
    """What a reply says, and whether it names its prompts as such."""
    said: list[Answer] = []
    text, between, start = loose_json.decoded(text), [], 0
    for found in loose_json.values(text):
        between.append(text[start : found.start])
        start = found.end
        if (answer := _of_record(found.value, count)).prompts:
            if CORRECTION.search(between[-1]):
                said.clear()
            said.append(answer)
    if said:
        prompts = tuple(prompt for answer in said for prompt in answer.prompts)
        change, alignment = (
            next(filter(None, words), "") for words in zip(*((a.change, a.alignment) for a in said), strict=True)
        )
        return True, Answer(prompts, change, alignment)
    text = _PRIME.sub(lambda letter: f"{(letter[1] or 'B').replace('В', 'B')}'", "".join([*between, text[start:]]))
    text = _ELEMENT.sub(r"\n\1: \2\n", text)
    fences = [fence for fence in _FENCE.findall(text) if fence.strip()]
    return _of_text("\n".join(fences) or re.sub(r"```\w*", "", text), count)


def _of_record(value: Any, count: int) -> Answer:
    fields = value if isinstance(value, dict) else {}
    said = [fields.get(name) for name in ("change", "alignment")]
    return Answer(tuple(_prompts(value, count)), *(excerpt(words) if isinstance(words, str) else "" for words in said))


def _prompts(value: Any, count: int, depth: int = 0) -> list[str]:
    """The prompts in a value of JSON."""
    if isinstance(value, str):
        return _of_string(value, count)
    if isinstance(value, list) and depth < _DEEPEST:
        named = [item for item in value if _of_b_prime(item)]
        return [prompt for item in named or value for prompt in _prompts(item, 1, depth + 1)]
    if not isinstance(value, dict) or depth >= _DEEPEST or {value.get("type"), value.get("channel")} & {*_THOUGHTS}:
        return []
    if value.get("type") == "text":  # A part of an answer, itself any text.
        return list(_read(str(value.get("text", "")), count)[1].prompts)
    if value.get("type") in _SCHEMA_TYPES:
        value = {key: value[key] for key in value if key in _FILLED}
    return _of_fields(value, count, depth)


def _of_fields(fields: dict[str, Any], count: int, depth: int) -> list[str]:
    """What stands under keys that speak of prompts, else of B', else of an answer, else under the only key."""
    for key in ("refusal", "error"):
        if isinstance(fields.get(key), str):
            raise RefusalError(f'The model refused: "{excerpt(fields[key])}" Try another model.')
    options = {"a", "b", "c"} <= {str(key).lower() for key in fields}
    roles = {key: Role.ANSWER if options and len(str(key)) == 1 else role(str(key)) for key in fields}
    roles |= {key: Role.OTHER for key in fields if roles[key] is Role.ANSWER and len(str(fields[key])) < 2}  # An id.
    for kind in (Role.PROMPT, Role.B_PRIME, Role.ANSWER):
        kept = [prompt for key in fields if roles[key] is kind for prompt in _prompts(fields[key], count, depth + 1)]
        if any(map(cleaned, kept)):
            return kept
    unknown = [key for key in fields if roles[key] is None and isinstance(fields[key], (str, list, dict))]
    counted = all(_COUNTED.fullmatch(str(key)) for key in unknown)
    if len(unknown) > 1 and not counted:
        unknown = [key for key in unknown if not isinstance(fields[key], str)]
    if Role.PROMPT in roles.values() or (len(unknown) > 1 and not counted):
        return []
    return [prompt for key in unknown for prompt in _prompts(fields[key], count, depth + 1)]


def _of_b_prime(item: Any) -> bool:
    """Whether an item of a list says that it is the one about B'."""
    if isinstance(item, str):
        return (said := label(item)) is not None and said[0] is Role.B_PRIME
    values = item.values() if isinstance(item, dict) else ()
    return any(isinstance(value, str) and len(value) < 20 and role(value) is Role.B_PRIME for value in values)


def _of_string(text: str, count: int) -> list[str]:
    """A string of a record: one prompt, or JSON, a list, or the published commas once more."""
    if text.lstrip()[:1] in ("{", "["):
        nested = [
            prompt
            for found in loose_json.values(loose_json.decoded(text))
            for prompt in _prompts(found.value, count, 1)
        ]
        if nested:
            return nested
    return listed(text.splitlines()) or (items(lines(text), count) if count > 1 else [" ".join(text.split())])


@dataclass
class _Section:
    """Lines under a label."""

    role: Role | None
    lines: list[str] = field(default_factory=list)
    inline: bool = False


def _sections(found: list[str]) -> Iterator[_Section]:
    section = _Section(None)
    for line in found:
        said = label(line)
        if said and (nested := label(said[1])) and nested[0]:
            said = nested
        if said and (said[0] or not said[1]):
            yield section
            section = _Section(said[0], [said[1]] if said[1] else [], bool(said[1]))
        elif section.inline:
            yield section
            section = _Section(None, [line])
        else:
            section.lines.append(line)
    yield section


def _of_text(text: str, count: int) -> tuple[bool, Answer]:
    """The prompts of a reply that holds none as JSON, and whether a label names them."""
    found = lines(text)
    if rows := table(found):
        return True, _of_record(rows, count)
    if options := lettered(found):
        return False, Answer(tuple(map(uncommented, options)))
    sections = [section for section in _sections(found) if section.lines]
    for kind in (Role.PROMPT, Role.B_PRIME, Role.ANSWER, None):
        chosen = [section.lines for section in sections if section.role is kind]
        prompts = [prompt for under in chosen for prompt in items(under, count if len(chosen) == 1 else 1)]
        if any(map(cleaned, prompts)):
            return kind in (Role.PROMPT, Role.B_PRIME), Answer(tuple(map(uncommented, prompts)))
    return False, Answer(())


def _unique(prompts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for prompt in prompts:
        if prompt and prompt.casefold() not in seen:
            seen.add(prompt.casefold())
            yield prompt
