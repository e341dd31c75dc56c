"""The reply of a vision model read as prompts of B': strings in, strings out.

The model is shown the marked grid (letters and arrows) and asked for prompts of B'. What comes back is read in this
order: thinking goes; JSON, a table and labelled lines are fields whose names say what is a prompt; else a list; else
the lines, or the commas of the published program. What can be none of these is an error that quotes the reply.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from . import loose_json, wording
from .lines import cleaned, is_prompt, items, label, lettered, lines, listed, role, table, uncommented
from .request import excerpt
from .wording import Role

MOST_REPLY = 100_000
"""Characters of a reply. Four thousand tokens of thinking are about a fifth of this."""

FENCE = re.compile(r"```\w*\n?(.*?)(?:```|\Z)", re.DOTALL)
ELEMENT = re.compile(r"<([A-Za-z][\w' ]{0,30})>([^<>]*)</\1>")
PRIME = re.compile(r"\b([ABВ])(?:\s?\^?\{?\\prime\}?|\^'|[\u2019\u2032\u00b4`])|\bВ'")
COUNTED = re.compile(r"(?!.*(?:image|picture|panel|cell|图|画像))\D{0,12}\d{1,2}", re.IGNORECASE)
FILLED = ("properties", "value", "const", "default", "example", "examples", "items", "enum")
"""Where models write an answer into a schema."""
THOUGHTS = ("thinking", "reasoning", "thought", "analysis", "commentary")
DEEPEST = 2 * loose_json.DEEPEST

_Value = TypeVar("_Value")


class ReplyError(ValueError):
    """A reply holds no prompt. The message holds the model's own words."""


class RefusalError(ReplyError):
    """The model declined to answer."""

    @classmethod
    def saying(cls, words: str) -> "RefusalError":
        return cls(
            f'The model refused: "{excerpt(words)}" Try another model or instruction, or type the prompt by hand.'
        )


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
            "expected a prompt, got only reasoning: try another seed, or a model with less reasoning."
            if text.strip()
            else "expected a prompt, but the reply is empty: try another seed or another model."
        )
    sure, answer = _read(said, count)
    unique: dict[str, str] = {}
    for prompt in map(cleaned, answer.prompts):
        unique.setdefault(prompt.casefold(), prompt)
    candidates = [*filter(None, unique.values())]
    prompts = [prompt for prompt in candidates if is_prompt(prompt)]
    # Beside prompts that are named as such a model may say of A what it likes, such as "not visible".
    if refusals := [words for words in (candidates if prompts and sure else [said, *candidates]) if is_refusal(words)]:
        prompts = [prompt for prompt in prompts if sure and prompt not in refusals]
        if not prompts:
            raise RefusalError.saying(refusals[0])
    if not prompts:
        raise ReplyError(
            f'expected a prompt, got "{excerpt(said)}" Try another seed or another model, or type the prompt by hand.'
        )
    return Answer(tuple(prompts[:count]), answer.change, answer.alignment)


def is_refusal(text: str) -> bool:
    """Whether a text begins as a model that declines, or that says that it saw no image."""
    return any(pattern.search(text[:400].translate(wording.TYPOGRAPHY)) for pattern in wording.REFUSALS)


def without_thinking(text: str) -> str:
    """The reply less the model's thinking aloud and its special tokens."""
    text = wording.FENCED_THOUGHT.sub("\n", wording.BOXED.sub(r"<answer>\1</answer>", text.translate(wording.BRACKETS)))
    kept, thinking, start = [], False, 0
    for mark in wording.THOUGHT_OR_ANSWER.finditer(text):
        if not thinking:
            kept.append(text[start : mark.start()])
            # Servers often swallow the opening tag with the chat template: then all that came before was thinking.
            if mark["answer"]:
                kept.clear()
        thinking, start = bool(mark["thought"]), mark.end()
    kept.append("" if thinking else text[start:])
    return wording.TAG.sub("\n", wording.SPECIAL.sub(" ", "\n".join(kept))).strip()


def _read(text: str, count: int) -> tuple[bool, Answer]:
    """What a reply says, and whether it names its prompts as such."""
    text, between, start = loose_json.decoded(text), [""], 0
    prompts: list[str] = []
    remarks = {"change": "", "alignment": ""}
    for value, begin, end in loose_json.values(text):
        between.append(text[start:begin])
        start = end
        if found := _prompts(value, count):
            prompts = found if wording.CORRECTION.search(between[-1]) else prompts + found
            for name in remarks:
                words = value.get(name) if isinstance(value, dict) else None
                remarks[name] = remarks[name] or (excerpt(words) if isinstance(words, str) else "")
    if prompts:
        return True, Answer(tuple(prompts), **remarks)
    text = PRIME.sub(lambda letter: f"{(letter[1] or 'B').replace('В', 'B')}'", "".join([*between, text[start:]]))
    text = ELEMENT.sub(r"\n\1: \2\n", text)
    fences = [fence for fence in FENCE.findall(text) if fence.strip()]
    return _of_text("\n".join(fences) or re.sub(r"```\w*", "", text), count)


def _of_text(text: str, count: int) -> tuple[bool, Answer]:
    """The prompts of a reply that holds none as JSON, and whether a label names them."""
    found = lines(text)
    if prompts := _prompts(table(found), count):
        return True, Answer(tuple(prompts))
    if prompts := lettered(found):
        return False, Answer(tuple(map(uncommented, prompts)))
    kind, prompts = _first_named(_sections(found), items, count)
    sure = kind in (Role.PROMPT, Role.B_PRIME) and not wording.UNSEEN.search(text)
    return sure, Answer(tuple(map(uncommented, prompts)))


def _sections(found: list[str]) -> list[tuple[Role | None, list[str]]]:
    """Lines, by the role of the label above or before them."""
    sections: list[tuple[Role | None, list[str]]] = [(None, [])]
    inline = False
    for line in found:
        said = label(line)
        if said and (nested := label(said[1])) and nested[0]:  # "Answer: B' = ..."
            said = nested
        if said and (said[0] or not said[1]):
            if wording.CORRECTION.search(line.replace(said[1], "") if said[1] else line):
                sections = []
            inline = bool(said[1])
            sections.append((said[0], [said[1]] if inline else []))
        elif inline:
            inline = False
            # What stands between a label and a block quote is a title: "### Option 1: Literal".
            quoted = line.lstrip().startswith(">")
            sections[-1 if quoted else len(sections) :] = [(sections[-1][0] if quoted else None, [line])]
        else:
            sections[-1][1].append(line)
    return [(kind, under) for kind, under in sections if under]


def _first_named(
    fields: list[tuple[Role | None, _Value]], read: Callable[[_Value, int], list[str]], count: int
) -> tuple[Role | None, list[str]]:
    """What stands under names of prompts, else of B', else of an answer, else under none."""
    for kind in (Role.PROMPT, Role.B_PRIME, Role.ANSWER, None):
        values = [value for role, value in fields if role is kind]
        prompts = [prompt for value in values for prompt in read(value, count if len(values) == 1 else 1)]
        if any(map(cleaned, prompts)):
            return kind, prompts
    return None, []


def _prompts(value: Any, count: int, depth: int = 0) -> list[str]:
    """The prompts in a value of JSON."""
    if depth > DEEPEST:
        return []
    if isinstance(value, str):
        return _of_string(value, count)
    if isinstance(value, list):
        named = [item for item in value if _names_itself(item)]
        return [prompt for item in named or value for prompt in _prompts(item, 1, depth + 1)]
    if not isinstance(value, dict) or value.get("type") in THOUGHTS or value.get("channel") in THOUGHTS:
        return []
    if value.get("type") == "text":  # A part of an answer, itself any text.
        return list(_read(str(value.get("text", "")), count)[1].prompts)
    if value.get("type") in ("array", "string", "object"):
        value = {key: value[key] for key in value if key in FILLED}
    if words := [value[key] for key in ("refusal", "error") if isinstance(value.get(key), str)]:
        raise RefusalError.saying(words[0])
    return _first_named(_fields(value), lambda under, most: _prompts(under, most, depth + 1), count)[1]


def _fields(value: dict[str, Any]) -> list[tuple[Role | None, Any]]:
    """The values of an object by the roles of their keys; a key that says nothing counts where it is the only one."""
    options = {"a", "b", "c"} <= {key.lower() for key in value}
    fields = {key: Role.ANSWER if options and len(key) == 1 else role(key) for key in value}
    for key, kind in fields.items():
        if kind is Role.ANSWER and len(str(value[key])) < 2:  # An id.
            fields[key] = Role.OTHER
    unknown = [key for key in value if fields[key] is None and isinstance(value[key], (str, list, dict))]
    if len(unknown) > 1 and not all(map(COUNTED.fullmatch, unknown)):
        unknown = [key for key in unknown if not isinstance(value[key], str)]
        unknown = unknown if len(unknown) == 1 else []
    if Role.PROMPT in fields.values():
        unknown = []
    return [(fields[key], value[key]) for key in value if fields[key] or key in unknown]


def _names_itself(item: Any) -> bool:
    """Whether an item of a list says that it is the prompt, or the one about B'."""
    if isinstance(item, str):
        return (said := label(item)) is not None and said[0] is Role.B_PRIME
    values = item.values() if isinstance(item, dict) else ()
    return any(
        isinstance(value, str) and ((role(value) is Role.B_PRIME and len(value) < 20) or value.lower() == "prompt")
        for value in values
    )


def _of_string(text: str, count: int) -> list[str]:
    """A string of a record: one prompt, or JSON, a list, or the published commas once more."""
    nested = loose_json.values(loose_json.decoded(text)) if text.lstrip()[:1] in ("{", "[") else ()
    if prompts := [prompt for value, *_ in nested for prompt in _prompts(value, count, 1)]:
        return prompts
    return listed(text.splitlines()) or (items(lines(text), count) if count > 1 else [" ".join(text.split())])
