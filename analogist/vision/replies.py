"""The reply of a vision model read as prompts of B': strings in, strings out.

The model is shown the marked grid (letters and arrows) and asked for prompts of B'. What comes back is read in this
order: thinking goes; JSON, a table and labelled lines are fields whose names say what is a prompt; else a list; else
the lines, or the commas of the published program. What can be none of these is an error that quotes the reply.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import lines, loose_json, refusals, wording
from .request import excerpt
from .wording import Role

MOST_REPLY = 100_000
"""Characters of a reply. Four thousand tokens of thinking are about a fifth of this."""
OTHERWISE = "Try another seed, instruction or model, or type the prompt by hand."
Fields = list[tuple[Role | None, Any]]
"""Values by the roles of their names."""


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
        raise ReplyError(f"expected at most {MOST_REPLY} characters, got {len(text)} characters. {OTHERWISE}")
    text = wording.ESCAPED_PRIME.sub("'", text).translate(wording.TYPOGRAPHY).strip()
    # Tags in the texts of a reply that is all JSON say nothing of the whole.
    said = text if loose_json.is_proper(text) else lines.rewritten(text, wording.THINKING).strip()
    if not said:
        what = "holds only reasoning: choose a model with less of it" if text else "is empty"
        raise ReplyError(f"expected a prompt, but the reply {what}. {OTHERWISE}")
    found, remarks, around = _of_json(said, count)
    sure, found = (True, found) if found else _of_text(around, count)
    unique: dict[str, str] = {}
    for prompt in filter(None, map(lines.cleaned, found[: lines.MOST_LINES])):
        unique.setdefault(prompt.casefold(), prompt)
    candidates = [*unique.values()]
    # Beside prompts that are named as such a model may say of A what it likes, such as "not visible".
    declined = [words for words in (candidates if sure else [said, *candidates]) if is_refusal(words)]
    prompts = [prompt for prompt in candidates if lines.is_prompt(prompt) and prompt not in declined]
    if declined and not (sure and prompts):
        raise _refusal(declined[0])
    if not prompts:
        raise ReplyError(f'expected a prompt, got "{excerpt(said)}" {OTHERWISE}')
    return Answer(tuple(prompts[:count]), **remarks)


def _refusal(words: str) -> RefusalError:
    return RefusalError(f'The model refused: "{excerpt(words)}" {OTHERWISE}')


def is_refusal(text: str) -> bool:
    """Whether a text begins as a model that declines, or that says that it saw no image."""
    return any(pattern.search(text[:400]) for pattern in refusals.REFUSALS)


def _of_json(text: str, count: int) -> tuple[list[str], dict[str, str], str]:
    """The prompts in the JSON of a reply, what is said beside them, and the text around the JSON."""
    text, around, start = loose_json.decoded(text), "", 0
    prompts: list[str] = []
    remarks: dict[str, str] = {}
    for value, begin, end in loose_json.values(text):
        before, start = text[start:begin], end
        around += before
        if found := _prompts(value, count):
            if wording.CORRECTION.search(before):
                prompts.clear()
            prompts += found
            said = value if isinstance(value, dict) else {}
            remarks |= {name: excerpt(said[name]) for name in wording.REMARKS if isinstance(said.get(name), str)}
    return prompts, remarks, around + text[start:]


def _of_text(text: str, count: int) -> tuple[bool, list[str]]:
    """The prompts of a reply that holds none as JSON, and whether a label names them."""
    fenced = "\n".join(filter(str.strip, wording.FENCE.findall(text)))
    found = lines.broken(lines.rewritten(fenced or text, wording.MARKUP))
    if prompts := _prompts(lines.table(found), count):
        return True, prompts
    options = lines.in_order(found, wording.LETTERS, least=3)  # A and B alone would be the images.
    kind, prompts = (None, options) if options else _first_named(_sections(found), _items, count)
    return kind in wording.NAMED and not refusals.UNSEEN.search(text), [*map(lines.uncommented, prompts)]


def _sections(found: list[str]) -> Fields:
    """Lines, by the role of the label above or before them."""
    sections: Fields = [(None, [])]
    for line in found:
        if said := lines.label(line):
            kind, text = lines.label(said[1]) or said  # "Answer: B' = ..."
            if wording.CORRECTION.search(line.removesuffix(text)):
                sections = [(None, [])]
            if wording.ALTERNATIVE.search(line.removesuffix(text)):  # To what stands above.
                kind = next((above for above, under in reversed(sections) if under), kind)
            if kind is Role.OTHER and text and line[0].isspace():  # A remark within a list.
                sections.insert(-1, (kind, [text]))
            else:
                sections += [(kind, [text]), (None, [])] if text else [(kind, [])]
        else:
            sections[-1][1].append(line)
    return [(kind, under) for kind, under in sections if under]


def _items(under: list[str], count: int) -> list[str]:
    """The prompts under a label; a refusal is left whole."""
    return under[:1] if is_refusal(under[0]) else lines.items(under, count)


def _first_named(fields: Fields, read: Callable[[Any, int], list[str]], count: int) -> tuple[Role | None, list[str]]:
    """What stands under names of prompts, else of B', else of an answer, else under none."""
    for kind in (Role.PROMPT, Role.B_PRIME, Role.ANSWER, None):
        values = [value for role, value in fields if role is kind]
        prompts = [prompt for value in values for prompt in read(value, count if len(values) == 1 else 1)]
        if any(lines.is_prompt(prompt) for prompt in map(lines.cleaned, prompts) if prompt):
            return kind, prompts
    return None, []


def _prompts(value: Any, count: int) -> list[str]:
    """The prompts in a value of JSON; a text may hold JSON, a list, or the published commas once more."""
    if isinstance(value, str):
        value = lines.rewritten(value, wording.THINKING)
        if is_refusal(value):  # Judged whole: parts of it may look like prompts.
            return [value]
        found = lines.broken(value)
        if prompts := _of_json(value, count)[0] or lines.listed(found):
            return prompts
        return lines.items(found, count) if count > 1 else [" ".join(value.split())]
    if isinstance(value, list):
        named = [item for item in value if _names_itself(item)]
        others = [] if any(map(_names_a_prime, value)) else value
        return [prompt for item in named or others for prompt in _prompts(item, 1)]
    if not isinstance(value, dict) or any(value.get(key) in wording.THOUGHTS for key in ("type", "channel")):
        return []
    if value.get("type") in ("array", "string", "object"):
        value = {key: value[key] for key in value if key in wording.FILLED}
    for words in (value.get("refusal"), value.get("error")):
        if isinstance(words, str) and lines.cleaned(words):
            raise _refusal(words)
    return _first_named(_fields(value), _prompts, count)[1]


def _fields(value: dict[str, Any]) -> Fields:
    """The values of an object by the roles of their keys; a key that says nothing counts where it is the only one."""
    if {"a", "b", "c"} <= {key.lower() for key in value}:  # Options.
        return [(Role.ANSWER, value[key]) for key in value if len(key) == 1]
    roles = {key: lines.role(key) for key in value}
    unknown = [] if Role.PROMPT in roles.values() else [key for key in value if roles[key] is None and value[key]]
    nested = [key for key in unknown if not isinstance(value[key], str)]
    if not all(map(wording.COUNTED.fullmatch, unknown)):
        unknown = next((keys for keys in (unknown, nested) if len(keys) == 1), [])
    fields = [(roles[key], value[key]) for key in value if roles[key] or key in unknown]
    return [(kind, said) for kind, said in fields if kind is not Role.ANSWER or len(str(said)) > 1]  # No id.


def _names_itself(item: Any) -> bool:
    """Whether an item of a list says by one of its values that it is the prompt, or the one about B'."""
    return any(lines.is_label(text) and lines.role(text) in wording.NAMED for text in _texts(item))


def _names_a_prime(item: Any) -> bool:
    """Whether an item is about A', and so those beside it about images."""
    return any(text.lower().endswith("a'") for text in _texts(item))


def _texts(item: Any) -> list[str]:
    return [value for value in item.values() if isinstance(value, str)] if isinstance(item, dict) else []
