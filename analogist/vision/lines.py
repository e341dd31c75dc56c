"""Lines read as prompts: lists, tables, the commas of the published program; less what is no part of a prompt."""

import re
from collections.abc import Iterator, Sequence

from .labels import BOLD, BULLET, KEY, NUMBER, QUOTED, QUOTES, TYPOGRAPHY, is_label, label, role
from .request import excerpt
from .wording import AND, BY_THE_WAY, CLOSING, INTERJECTION, NAMES_IMAGE, NO_PROMPT, OPENING, TALK, Role

MOST_LINES = 1000
"""Of a reply: what is longer holds no answer that is sure."""
MOST_WORDS, MOST_CHARACTERS = 60, 500
"""Of a prompt. CLIP reads about as many words; a longer text is the model thinking aloud and not a prompt."""

_ORDINAL = re.compile(
    r"^\s*(?:#{1,6}\s)?[*_\s(\[（【]{0,6}(?P<word>(?:[^\W\d_]{2,20}\s|[^\W\d_]{1,20}(?=\d)){0,2}(?:#|№|n[°º] ?|第)?)"
    r"(?P<number>\d{1,2}|[^\W\d_]{1,6})(?![^\W_])(?P<mark>[)\]）】]?\s?[.:：、．\-–—]?)[*_]{0,3}[:：]?\s*(?P<body>.*)$",
    re.IGNORECASE,
)
_LETTERS = tuple("abcdefghijkl")
_SEQUENCES: tuple[Sequence[str], ...] = (
    tuple(map(str, range(1, 21))),
    ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"),
    ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    ("first", "second", "third", "fourth", "fifth", "sixth"),
    _LETTERS,
    *("абвгдежзик", "가나다라마바사", "一二三四五六七八九十", "アイウエオカキク", "甲乙丙丁戊"),
)
_INLINE_MARK = re.compile(r"(?:^|[\s,;])\(?(?:\d{1,2}[.)]|[a-e]\))\s+|\s*[①-⑳]\s*")
_NEXT_LABEL = re.compile(
    r"(?<=[.!?;,。；，)\"”])\s+([^:：=.!?;,。，；]{1,60}?)(?:\s*[:：=](?!:)|(?<=B')\s(?:is|becomes)\b)"
)
_SENTENCE = re.compile(r"(?<=\w\w[.!?])[\"”']?\s+|(?<=[。！？])(?=.)")
_ENDS = tuple(".!?。！？")
_BETWEEN_COMMAS = re.compile(r"(?:[^,;，、；()]|\([^()]*\)|[()]|,(?=\d))+")
_QUOTED_FIRST = re.compile(rf"^{QUOTED.pattern}\s*(?:[.!?,;(\-、，]|$)")
_MARKER = re.compile(r"^\s*(?:\(?\d{1,2}[.)]\s+(?=\D)|\d{1,2}\s[-–—]\s|\(?[a-e]\)\s+|i[.)]\s+|[-*•·]\s+)")
_RULE = re.compile(r"[\s|:+-]*-{2,}[\s|:+-]*")


def lines(text: str) -> list[str]:
    """The lines of a text that hold something, broken before each label within them."""
    found = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [part for line in found for part in _parts(line)] if len(found) <= MOST_LINES else []


def _parts(line: str) -> Iterator[str]:
    start = 0
    for match in _NEXT_LABEL.finditer(line):
        if is_label(match[1]) or role(match[1]) is Role.B_PRIME:
            yield line[start : match.start()]
            start = match.start(1)
    yield line[start:]


def table(found: list[str]) -> list[dict[str, str]]:
    """The rows of a Markdown table as records, or the one record of a table whose rows are fields."""
    for number, line in enumerate(found[1:], 1):
        if _RULE.fullmatch(line) and "|" in found[number - 1]:
            rows = (row for row in (found[number - 1], *found[number + 1 :]) if "|" in row and not _RULE.fullmatch(row))
            head, *body = ([cell.strip(" *`") for cell in row.strip().strip("|").split("|")] for row in rows)
            fields = {row[0]: row[1] for row in body if len(row) == 2}
            if any(is_label(key) and role(key) in (Role.PROMPT, Role.B_PRIME) for key in fields):
                return [fields]
            return [dict(zip(head, row, strict=False)) for row in body]
    return []


def lettered(found: list[str]) -> list[str]:
    """The items of a list from A to at least C: A and B alone would be the images."""
    items = _in_order(found, _LETTERS)
    return items if len(items) > 2 else []


def listed(found: list[str]) -> list[str]:
    """The items of a list with numbers, else with ordinals or letters in their order, else with bullets."""
    numbers = [(index, match) for index, line in enumerate(found) if (match := NUMBER.match(line))]
    if numbers:
        starts = [at for at, (_, match) in enumerate(numbers) if match.group(1, 2) == numbers[0][1].group(1, 2)]
        last = (
            numbers[starts[-1] :] if len(starts) < len(numbers) else numbers
        )  # Of several lists, unless all say "1.".
        items = [match["body"] or "".join(found[index + 1 : index + 2]) for index, match in last]
        return items if len(items) > 1 else _within(items[0], 2)
    for sequence in _SEQUENCES:
        if len(items := _in_order(found, sequence)) > 1:
            return items
    bullets = [match for line in found if (match := BULLET.match(line))]
    return [bullet["body"] for bullet in bullets if len(bullet["indent"]) == len(bullets[0]["indent"])]


def _in_order(found: list[str], sequence: Sequence[str]) -> list[str]:
    in_order: list[str] = []
    marked = True
    for index, line in enumerate(found):
        match = _ORDINAL.match(line)
        if match and len(in_order) < len(sequence) and match["number"].lower() == sequence[len(in_order)]:
            marked &= bool(match["word"] or match["mark"].strip())
            in_order.append(match["body"] or "".join(found[index + 1 : index + 2]))
    return in_order if marked or (len(in_order) > 2 and sequence is _SEQUENCES[0]) else []


def _within(line: str, least: int = 3) -> list[str]:
    """The items of a list within a line; the line itself where there is none."""
    parts = _INLINE_MARK.split(line)
    return [part for part in parts if part.strip()] if len(parts) >= least else [line]


def items(found: list[str], count: int) -> list[str]:
    """The prompts of the lines under one label: a list, a line for each, or several in one; none if unsure."""
    if kept := [item for item in listed(found) if not _talks(plain(item))]:
        return kept
    rest = [line for line in found if not (NUMBER.match(line) or BULLET.match(line))]
    kept = list(filter(None, _without_talk(rest)))
    unfinished = [line for line in kept if not line.endswith(_ENDS)]
    if len(kept := unfinished or kept) == 1:
        return _split(kept[0], count)
    unknown_labels = len(kept) > 1 and all(map(KEY.match, kept))
    return kept if not unknown_labels and (unfinished or len(kept) <= count) else []


def _without_talk(found: list[str]) -> Iterator[str]:
    for number, line in enumerate(found):
        line = uncommented(INTERJECTION.sub("", plain(line)))
        if number and CLOSING.match(line):
            return
        if not _talks(line):
            yield line
        elif OPENING.match(line) or NAMES_IMAGE.search(line):
            yield from QUOTED.findall(line)


def _talks(line: str) -> bool:
    """Whether a line speaks about the task, or goes on for too long, and is no prompt."""
    sentence = line.endswith((*_ENDS, ":")) or len(line.split()) > 12
    about = NAMES_IMAGE.search(line) or re.match("[AB] (?:is an?|shows|depicts) ", line)
    return bool(about or (sentence and (OPENING.match(line) or TALK.search(line))) or len(_SENTENCE.split(line)) > 2)


def _split(line: str, count: int) -> list[str]:
    """The prompts of one line: numbered, each in quotes, or with commas between them."""
    if re.fullmatch(r"\[[^][{}]*\]", line):
        line = line[1:-1]
    if len(parts := _within(line)) > 1:
        return parts
    quoted = QUOTED.findall(line)
    if quoted and re.fullmatch(rf"(?:\W|{AND})*", QUOTED.sub("", line), re.IGNORECASE):
        parts = _BETWEEN_COMMAS.findall(quoted[0])
        return parts if len(quoted) == 1 and len(parts) == count else quoted
    if count == 1 or len(line) > MOST_CHARACTERS * count:
        return [line]
    parts, bars = _BETWEEN_COMMAS.findall(line), re.split(r"\s[|/]\s", line)
    return bars if len(parts) == 1 and len(bars) == count else [re.sub(rf"^\s*{AND}\s", "", part) for part in parts]


def uncommented(line: str) -> str:
    """A prompt less what the model says of it."""
    line = line.strip()
    bold = BOLD.match(line)
    if bold and (bold[2] or bold[3]) and bold[4]:  # A title.
        line = bold[4]
    elif bold and re.match(r"[-–—(]|$", bold[4]):
        return bold[1]
    if (quoted := _QUOTED_FIRST.match(line)) and quoted[0][-1] not in ",;、，" and quoted[0] != line:
        return quoted[1]
    first, *others = _SENTENCE.split(line)
    end = next((at for at, sentence in enumerate(others) if CLOSING.match(sentence) or _talks(sentence)), len(others))
    return " ".join([first, *others[:end]])


def plain(line: str) -> str:
    """A line less its Markdown."""
    return re.sub(r"^#+\s+|^>\s+|\*\*|__|`", "", line.translate(TYPOGRAPHY).strip()).strip()


def cleaned(prompt: str) -> str:
    """One prompt less bullets, labels, quotes, Markdown and a full stop; empty if it is none."""
    prompt = plain(excerpt(prompt, most=2 * MOST_CHARACTERS))
    for _ in range(3):
        prompt = _unquoted(_MARKER.sub("", prompt).strip("`*_ "))
        if (said := label(prompt)) and said[0] and said[1]:
            prompt = "" if said[0] is Role.OTHER else said[1]
        prompt = BY_THE_WAY.sub("", prompt.strip()).rstrip(".,;: 。，；、")
    wrapped = re.fullmatch(r"\[([^][:|]*)\]", prompt)
    prompt = wrapped[1] if wrapped else prompt
    return "" if re.match(r"[{\[]+\s*[\"']", prompt) or NO_PROMPT.fullmatch(prompt) else prompt


def is_prompt(text: str) -> bool:
    """Whether a text is short enough for a prompt, and speaks of no image by its letter."""
    return len(text.split()) <= MOST_WORDS and len(text) <= MOST_CHARACTERS and not NAMES_IMAGE.search(text)


def _unquoted(prompt: str) -> str:
    """A prompt less the quotes around it; those within, as of a sign's text, stay."""
    if len(prompt) > 1 and prompt[0] == prompt[-1] == "'":
        return prompt[1:-1].strip()
    within = prompt.strip(QUOTES)
    quotes = [character for character in prompt if character in QUOTES]
    return within.strip() if len(quotes) % 2 or not set(within) & set(QUOTES) else prompt
