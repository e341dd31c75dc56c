"""The words of a request to a vision model: instruction, form of the answer, and the texts people type around it."""

import unicodedata
from collections.abc import Iterable
from enum import Enum
from typing import Any

from ..published import INSTRUCTION, WORDS

MOST_PROMPTS = 20
MOST_INSTRUCTION = 8000
"""Characters of an instruction. The published one has 330; more than this is a mistake or an attack on the bill."""


class Form(Enum):
    """How the model is held to a form of answer, the strictest first, as the protocols name it."""

    SCHEMA = "json_schema"
    JSON = "json_object"
    TEXT = "text"


def instruction(words: int = WORDS) -> str:
    """The published instruction (Analogist's README), asking for prompts of at most `words` words."""
    return INSTRUCTION.format(words=words)


def for_pairs(instruction: str, pairs: int) -> str:
    """The instruction for a grid of several pairs: the published one speaks of one."""
    if pairs == 1:
        return instruction
    names = ", ".join(f"A{number} : A{number}'" for number in range(1, pairs + 1))
    return (
        f"{instruction} There are {pairs} example pairs, {names}: all show the same transformation, and B : B' shows "
        "it once more."
    )


def request(instruction: str, count: int, form: Form) -> str:
    """What is sent beside the picture: the instruction, the number of prompts and the form of the answer."""
    if form is Form.TEXT:
        many = f"Give me {count} such prompts separated by commas. " if count > 1 else ""
        return f"{instruction} {many}Answer with nothing else."
    return (
        f"{instruction} Give me {count} such {'prompt' if count == 1 else 'different prompts'}. Answer with JSON: "
        '{"change": what changed from A to A\', in a few words, "alignment": "A and A\'" or "A and B", whichever pair '
        'shows the same thing in the same place, or "neither", "prompts": the list of text prompts of B\'}.'
    )


def schema() -> dict[str, Any]:
    """The JSON schema of an answer, within what strict structured outputs accept: every field required, no others."""
    text = {"type": "string"}
    fields = {
        "change": {**text, "description": "What changed from A to A', in a few words."},
        "alignment": {**text, "enum": ["A and A'", "A and B", "neither"]},
        "prompts": {"type": "array", "items": text, "description": "Text prompts of B'."},
    }
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def checked(name: str, text: str, most: int) -> str:
    """`text` as it came, if it can be sent.

    Raises:
        ValueError: longer than `most` characters, or with control characters other than line breaks and tabs.
    """
    if len(text) > most:
        raise ValueError(f"The {name} has {len(text)} characters, but at most {most} are allowed: shorten it.")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t":
            raise ValueError(f"The {name} contains the control character U+{ord(character):04X}: remove it.")
    return text


def typed(text: str) -> tuple[str, ...]:
    """Prompts typed by hand, one to a line, as in the published prompt files; empty lines are skipped."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def with_suffix(prompts: Iterable[str], suffix: str) -> list[str]:
    """Every prompt with the suffix behind a comma, as the published program does; as it is where there is none."""
    suffix = suffix.strip().lstrip(",").strip()
    return [f"{prompt}, {suffix}" if suffix else prompt for prompt in prompts]


def excerpt(text: str, most: int = 300) -> str:
    """A stranger's words for an error message: one line, no control characters, not too long."""
    line = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: 4 * most]).split())
    return line if len(line) <= most else line[: most - 3] + "..."
