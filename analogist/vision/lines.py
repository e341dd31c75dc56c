"""The grammar of a line: a mark ("1.", "a)", a bullet), a label ("Prompt for B':"), and a text."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .request import excerpt
from .wording import (
    AND,
    BETWEEN_COMMAS,
    BOLD,
    BY_THE_WAY,
    CJK,
    CLOSING,
    ENDS,
    INTERJECTION,
    KEY,
    LABEL_WORDS,
    LABELS,
    LETTERS,
    MARK,
    NAMES_IMAGE,
    NEXT_LABEL,
    NO_PROMPT,
    OPENING,
    ORDINAL,
    QUOTED,
    QUOTED_FIRST,
    QUOTES,
    ROLES,
    RULE,
    SENTENCE,
    SEQUENCES,
    TALK,
    TITLED,
    TYPOGRAPHY,
    WITHIN,
    Role,
)  # fmt: skip

MOST_LINES = 1000
"""Of a reply: what is longer holds no answer that is sure."""
MOST_WORDS, MOST_CHARACTERS = 60, 500
"""Of a prompt. CLIP reads about as many words; a longer text is the model thinking aloud and not a prompt."""


def role(key: str) -> Role | None:
    """What a key speaks of, by the words in it."""
    key = re.sub(r"[ -]?prime\b", "'", key.translate(TYPOGRAPHY).lower().replace("_", " ")).strip("*#-.()[]$ ")
    return next((role for role, pattern in ROLES if pattern.search(key)), None)


def is_label(text: str) -> bool:
    """Whether a text is nothing but a label, such as "Text prompt for B'" or "最终提示词"."""
    words = re.split(r"[\s,;!./()$#–-]+", text.translate(TYPOGRAPHY).lower().replace(" prime", "'").strip(" *!.()$#-"))
    known = (word in LABEL_WORDS or word.isdigit() or CJK.search(word) or role(word) for word in words)
    return len(text) <= 60 and role(text) is not None and all(known)


def label(line: str) -> tuple[Role | None, str] | None:
    """What the label of a line says, and what follows it; None for a line without one."""
    mark = MARK.match(line)
    text = re.sub(r"^[\s>]*(?:#{1,6}\s+)?", "", mark["body"] if mark else line).strip()
    bold, words = BOLD.match(text), plain(text)
    if bold and (bold[2] or bold[3]):
        return role(bold[1]), bold[4]
    if is_label(words) and ((bold and not bold[4]) or "#" in line[:8]):  # A heading.
        return role(words), ""
    if "::" in words:  # The formula of the analogy: its last part is B'.
        return Role.B_PRIME, "" if NAMES_IMAGE.search(words) else words.rpartition(":")[2]
    for form, roles in LABELS:
        if (match := form.match(words)) and (kind := role(match[1])) in roles:
            opens = form is KEY and (
                not match[2] or kind is Role.B_PRIME or (OPENING.match(words) and kind is not Role.OTHER)
            )
            if is_label(match[1]) or opens:
                return (None if kind is Role.OTHER and not is_label(match[1]) else kind), match[2]
    quoted = QUOTED.findall(words)
    if quoted and (kind := role(QUOTED.sub("", words[:300]))) in (Role.PROMPT, Role.B_PRIME):
        return kind, ", ".join(f'"{prompt}"' for prompt in quoted)
    return (None, "") if words.endswith((":", "：")) else None


def lines(text: str) -> list[str]:
    """The lines of a text that hold something, broken before each label within them."""

    def parts(line: str) -> Iterator[str]:
        start = 0
        for match in NEXT_LABEL.finditer(line):
            if is_label(match[1]) or role(match[1]) is Role.B_PRIME:
                yield line[start : match.start()]
                start = match.start(1)
        yield line[start:]

    found = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [part for line in found for part in parts(line)] if len(found) <= MOST_LINES else []


def table(found: list[str]) -> list[dict[str, str]]:
    """The rows of a Markdown table, each a record."""
    if not any("|" in line and RULE.fullmatch(below) for line, below in pairwise(found)):
        return []
    rows = (line.strip().strip("|").split("|") for line in found if "|" in line and not RULE.fullmatch(line))
    head, *body = ([cell.strip(" *`") for cell in row] for row in rows)
    return [dict(zip(head, row, strict=False)) for row in body]


def lettered(found: list[str]) -> list[str]:
    """The items of a list from A to at least C: A and B alone would be the images."""
    items = _in_order(found, LETTERS)
    return items if len(items) > 2 else []


def listed(found: list[str]) -> list[str]:
    """The items of a list with numbers, else with ordinals or letters in their order, else with bullets."""
    marks = [(at, mark) for at, line in enumerate(found) if (mark := MARK.match(line))]
    if len(found) == 1 and len(within := [part for part in WITHIN.split(found[0]) if part.strip()]) > 1:
        return within
    if numbers := [(at, mark) for at, mark in marks if mark["number"]]:
        first = [at for at, mark in numbers if mark["number"] == numbers[0][1]["number"]]
        last = numbers if len(first) == len(numbers) else [(at, mark) for at, mark in numbers if at >= first[-1]]
        # Of the last of several lists.
        return [mark["body"] or "".join(found[at + 1 : at + 2]) for at, mark in last]
    for sequence in SEQUENCES:
        if len(items := _in_order(found, sequence)) > 1:
            return items
    return [mark["body"] for _, mark in marks if mark["indent"] == marks[0][1]["indent"] and mark["body"]]


def _in_order(found: list[str], sequence: Sequence[str]) -> list[str]:
    items: list[str] = []
    marked = True
    for at, line in enumerate(found):
        match = ORDINAL.match(line)
        if match and match["number"].lower() == "".join(sequence[len(items) : len(items) + 1]):
            marked &= bool(match["word"] or match["mark"].strip())
            items.append(match["body"] or "".join(found[at + 1 : at + 2]))
    return items if marked or (len(items) > 2 and sequence is SEQUENCES[0]) else []


def items(found: list[str], count: int) -> list[str]:
    """The prompts of the lines under one label: a list, a line for each, or several in one; none if unsure."""
    if kept := [item for item in listed(found) if not _talks(plain(item))]:
        return kept
    kept = list(_without_talk([line for line in found if not MARK.match(line)]))
    unfinished = [line for line in kept if not line.endswith(ENDS)]
    if len(kept := unfinished or kept) == 1:
        return _split(kept[0], count)
    unknown_labels = all(map(KEY.match, kept))
    return kept if not unknown_labels and (unfinished or len(kept) <= count) else []


def _without_talk(found: list[str]) -> Iterator[str]:
    for number, line in enumerate(found):
        line = uncommented(INTERJECTION.sub("", plain(line)))
        if number and CLOSING.match(line):
            return
        if _talks(line) and (OPENING.match(line) or NAMES_IMAGE.search(line)):
            yield from QUOTED.findall(line)
        elif line and not _talks(line):
            yield line


def _talks(line: str) -> bool:
    """Whether a line speaks about the task, or goes on for too long, and is no prompt."""
    sentence = line.endswith((*ENDS, ":")) or len(line.split()) > 12
    about = NAMES_IMAGE.search(line) or re.match("[AB] (?:is an?|shows|depicts) |.*[?？]$", line)
    return bool(about or (sentence and (OPENING.match(line) or TALK.search(line))) or len(SENTENCE.split(line)) > 2)


def _split(line: str, count: int) -> list[str]:
    """The prompts of one line: numbered, each in quotes, or with commas between them."""
    line = re.sub(r"^\[([^][{}]*)\]$", r"\1", line)
    quoted = QUOTED.findall(line)
    if quoted and re.fullmatch(rf"(?:\W|{AND})*", QUOTED.sub("", line), re.IGNORECASE):
        parts = BETWEEN_COMMAS.findall(quoted[0])
        return parts if len(quoted) == 1 and len(parts) == count else quoted
    if count == 1 or len(line) > MOST_CHARACTERS * count:
        return [line]
    parts, bars = BETWEEN_COMMAS.findall(line), re.split(r"\s[|/]\s", line)
    return bars if len(parts) == 1 and len(bars) == count else [re.sub(rf"^\s*{AND}\s", "", part) for part in parts]


def uncommented(line: str) -> str:
    """A prompt less what the model says of it."""
    bold = BOLD.match(line := line.strip())
    if bold and (bold[2] or bold[3]) and bold[4]:  # A title.
        line = bold[4]
    elif bold and re.match(r"[-–—(]|$", bold[4]):
        return bold[4].strip(QUOTES + " -–—") if TITLED.match(bold[4]) and bold[1][0] not in QUOTES else bold[1]
    if (quoted := QUOTED_FIRST.match(line)) and quoted[0] != line:
        return quoted[1]
    first, *others = SENTENCE.split(line)
    end = next((at for at, sentence in enumerate(others) if CLOSING.match(sentence) or _talks(sentence)), len(others))
    return " ".join([first, *others[:end]])


def plain(line: str) -> str:
    """A line less its Markdown."""
    return re.sub(r"^#+\s+|^>\s+|\*\*|__|`", "", line.translate(TYPOGRAPHY).strip()).strip()


def cleaned(prompt: str) -> str:
    """One prompt less marks, labels, quotes, Markdown and a full stop; empty if it is none."""
    prompt = plain(excerpt(prompt, most=2 * MOST_CHARACTERS))
    for _ in range(3):
        mark = MARK.match(prompt)
        prompt = re.sub("^'(.*)'$", r"\1", (mark["body"] if mark else prompt).strip("`*_ "))
        within = prompt.strip(QUOTES)  # Quotes within, as of a sign's text, stay.
        if not set(within) & set(QUOTES) or sum(map(prompt.count, QUOTES)) % 2:
            prompt = within
        if (said := label(prompt)) and said[0] and said[1]:
            prompt = "" if said[0] is Role.OTHER else said[1]
        prompt = BY_THE_WAY.sub("", prompt.strip()).rstrip(".,;: 。，；、")
    prompt = re.sub(r"^\[([^][:|]*)\]$", r"\1", prompt)
    return "" if re.match(r"[{\[]+\s*[\"']", prompt) or NO_PROMPT.fullmatch(prompt) else prompt


def is_prompt(text: str) -> bool:
    """Whether a text is short enough for a prompt, and speaks of no image by its letter."""
    return len(text.split()) <= MOST_WORDS and len(text) <= MOST_CHARACTERS and not NAMES_IMAGE.search(text)
