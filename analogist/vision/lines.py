"""The grammar of a line: a mark ("1.", "a)", a bullet), a label ("Prompt for B':"), and a text."""

import csv
import re
from collections.abc import Sequence
from itertools import pairwise, takewhile

from . import wording
from .request import excerpt
from .wording import Role

MOST_LINES = 1000
"""Of a reply: what is longer holds no answer that is sure."""
MOST_WORDS, MOST_CHARACTERS = 60, 500
"""Of a prompt. CLIP reads about as many words; a longer text is the model thinking aloud and not a prompt."""


def rewritten(text: str, rules: wording.Rules) -> str:
    """A text with each pattern of a table replaced by what stands beside it."""
    for pattern, written in rules:
        text = re.sub(pattern, written, text)
    return text


def _folded(key: str) -> str:
    """A key in one typography: small letters, "B'" for "B_prime"."""
    return re.sub(r"[ -]?prime\b", "'", key.lower().replace("_", " ")).strip("*#-.()[]$!/ ")


def role(key: str) -> Role | None:
    """What a key speaks of, by the words in it."""
    key = _folded(key)
    return next((role for role, pattern in wording.ROLES if pattern.search(key)), None)


def is_label(text: str) -> bool:
    """Whether a text is nothing but a label, such as "Text prompt for B'" or "最终提示词"."""
    words = re.split(r"[\s,;!./()\[\]$#–→≤<~-]+", _folded(text))
    known = (word in wording.LABEL_WORDS or wording.UNLISTED.search(word) or role(word) for word in words)
    return role(text) is not None and all(known)


def label(line: str) -> tuple[Role | None, str] | None:
    """What the label of a line says, and what follows it; None for a line without one."""
    words = plain(wording.MARK.sub(r"\g<body>", line))
    if is_label(words) and wording.HEADING.match(line):
        return role(words), ""
    for form, roles in wording.LABELS:
        if (match := form.match(words)) and (kind := role(match[1])) in roles:
            if is_label(match[1]):
                return kind, match[2]
            of_b_prime = kind is Role.B_PRIME or (kind is Role.PROMPT and "B'" in match[1])
            if form is wording.KEY and (not match[2] or of_b_prime or wording.OPENING.match(words)):
                return (None if kind is Role.OTHER else kind), match[2]
    parts = wording.QUOTED.split(words)  # Every second one is quoted.
    suggests = wording.SUGGESTS.search(parts[0]) or (wording.OPENING.match(parts[0]) and not parts[-1].strip(" ."))
    if parts[1:] and (suggests or role("".join(parts[::2])[:300]) in wording.NAMED):
        return Role.PROMPT, ", ".join(f'"{prompt}"' for prompt in parts[1::2])
    return (None, "") if words.endswith((":", "：")) else None


def broken(text: str) -> list[str]:
    """The lines of a text that hold something, broken before each label within them."""
    text = wording.NEXT_LABEL.sub(lambda match: f"\n{match[1]}" if is_label(match[2]) else match[0], text)
    found = [line for line in text.splitlines() if line.strip()]
    return found if len(found) <= MOST_LINES else []


def table(found: list[str]) -> list[dict[str, str]]:
    """The rows of a Markdown table, or of lines with tabs or commas below names of their columns, each a record."""
    if any("|" in line and wording.RULE.fullmatch(below) for line, below in pairwise(found)):
        barred = [line for line in found if "|" in line and not wording.RULE.fullmatch(line)]
        rows = [line.strip().strip("|").split("|") for line in barred]
    else:
        marks = (mark for mark in "\t," if all(mark in line for line in found))
        ways = ([*csv.reader(found, delimiter=mark, skipinitialspace=True)] for mark in marks)
        rows = next((rows for rows in ways if rows and any(map(_names_prompts, rows[0]))), [])
        last = len(rows[0]) - 1 if rows else 0  # Commas of a text without quotes, in the last column.
        rows = [[*row[:last], ", ".join(row[last:])] for row in rows]
    head, *body = ([cell.strip(" *`") for cell in row] for row in rows or [[]])
    return [dict(zip(head, row, strict=False)) for row in body]


def _names_prompts(cell: str) -> bool:
    return is_label(cell) and role(cell) is Role.PROMPT


def in_order(found: list[str], sequence: Sequence[str], least: int = 2) -> list[str]:
    """The items of a list that is marked by a sequence; none if there are too few for it to be one."""
    marks: list[re.Match[str]] = []
    for line in found:
        if (mark := wording.ORDINAL.match(line)) and mark["number"].lower() in sequence[len(marks) : len(marks) + 1]:
            marks.append(mark)
    least = least if all(mark["word"] or mark["mark"].strip() for mark in marks) else 3
    return [mark["body"] for mark in marks] if len(marks) >= least else []


def listed(found: list[str]) -> list[str]:
    """The items of a list with numbers, else with ordinals or letters in their order, else with bullets."""
    within = [part for part in wording.WITHIN.split(found[0]) if part.strip()] if len(found) == 1 else []
    if len(within) > 1:
        return within[:MOST_LINES]
    marks = [mark for mark in map(wording.MARK.match, found) if mark and mark["body"]]
    numbered = [mark["body"] for mark in marks if mark["number"]]
    bullets = [mark["body"] for mark in marks if mark["indent"] == marks[0]["indent"]]
    return numbered or next((kept for signs in wording.SEQUENCES if (kept := in_order(found, signs))), bullets)


def items(found: list[str], count: int) -> list[str]:
    """The prompts of the lines under one label; none if unsure."""
    return _items([line for line in found if not wording.ASIDE.match(line)], count) or _items(found, count)


def _items(found: list[str], count: int) -> list[str]:
    """The prompts of a list, of a line for each, or of several in one line."""
    if not wording.OPENING.match("".join(found[:1])):  # What is ticked off below a text is a check of it.
        found = [line for line in found if not wording.TICK.match(line)] or found
    if kept := [item for item in listed(found) if cleaned(item) and not _talks(plain(uncommented(item)))]:
        return kept
    texts = (rewritten(line, wording.BESIDE) for line in found if not wording.MARK.match(line))
    kept = [line for text in texts if (line := uncommented(plain(text))) and not _talks(line)]
    unfinished = [line for line in kept if not line.endswith(wording.ENDS)]
    if len(kept := unfinished or kept) == 1:
        return _split(kept[0], count)
    # Unsure: lines with labels that are not known, and more sentences than there should be prompts.
    return kept if (unfinished or len(kept) <= count) and not all(map(wording.KEY.match, kept)) else []


def _talks(line: str) -> bool:
    """Whether a line speaks about the task, or goes on for too long, and is no prompt."""
    sentence = line.endswith((*wording.ENDS, ":")) or len(line.split()) > 12
    said = sentence and (wording.OPENING.match(line) or wording.CLOSING.match(line) or wording.TALK.search(line))
    return bool(said or wording.NAMES_IMAGE.search(line) or len(wording.SENTENCE.split(line)) > 2)


def _split(line: str, count: int) -> list[str]:
    """The prompts of one line: numbered, each in quotes, or with commas between them."""
    quotes_alone = re.fullmatch(rf"(?:\W|{wording.AND})*", wording.QUOTED.sub("", line), re.IGNORECASE)
    quoted = wording.QUOTED.findall(line) if quotes_alone else []
    if count == 1 or len(quoted) > 1 or len(line) > MOST_CHARACTERS * count:
        return quoted or [line]
    text = "".join(quoted) or line
    ways = [wording.BETWEEN_COMMAS.findall(text), re.split(r"\s[|/]\s", text)]
    parts = next((way for way in ways if len(way) == count), quoted or ways[0])
    return [re.sub(rf"^\s*{wording.AND}\s", "", part) for part in parts]


def uncommented(line: str) -> str:
    """A prompt less what the model says of it."""
    first, *others = wording.SENTENCE.split(rewritten(line.strip(), wording.COMMENTED))
    return " ".join([first, *takewhile(lambda sentence: not _talks(sentence), others)])


def plain(line: str) -> str:
    """A line less its Markdown."""
    return re.sub(r"^[\s>]*(?:#+\s+)?|\*\*|__|`", "", line).strip()


def cleaned(prompt: str) -> str:
    """One prompt less marks, labels, quotes, Markdown and a full stop; empty if it is none."""
    prompt = plain(excerpt(prompt, most=2 * MOST_CHARACTERS))
    for _ in range(3):  # One may be within the other.
        prompt = rewritten(prompt, wording.WRAPPED)
        if (said := label(prompt)) and all(said):
            prompt = "" if said[0] is Role.OTHER else said[1]
    return "" if wording.NO_PROMPT.fullmatch(prompt) else prompt


def is_prompt(text: str) -> bool:
    """Whether a text is short enough for a prompt, and speaks of no image by its letter."""
    return len(text.split()) <= MOST_WORDS and len(text) <= MOST_CHARACTERS and not wording.NAMES_IMAGE.search(text)
