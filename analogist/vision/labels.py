"""Keys and labels: what a word before a colon says of the words behind it."""

import re

from .wording import LABEL_WORDS, NAMES_IMAGE, OFFER, OPENING, ROLES, Role

TYPOGRAPHY = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u2032\u00b4\u2035", "'"))
QUOTES = '"“”„«»「」『』'
QUOTED = re.compile(rf"[\"“”„«「『]([^{QUOTES}\n]{{2,}})[\"“”»」』]")
BOLD = re.compile(r"^(?:\*\*|__)([^*_]{1,80}?)\s*([:：]?)(?:\*\*|__)\s*([:：]?)\s*(.*)$")
KEY = re.compile(r"^([^:：=→]{1,90}?)\s*(?:[:：=→](?![:/\d])|=>)\s*(.*)$")
NUMBER = re.compile(
    r"^\s*(?:[(\[（【]?(\d{1,2})\ufe0f?\s?[.)\]、．）】\u20e3](?!\d)[.:)]?|([①-⑳⑴-⒇⒈-⒛❶-❿➀-➓㊀-㊉])[.、:)]?)\s*(?P<body>.*)$"
)
BULLET = re.compile(
    r"^(?P<indent>\s*)(?:[-*+–—~>»](?=\s)|[•·・‣◦▪▫■□●○◆◇★☆►▶▸➤➢→⇒⁃✓✔※◎✦❖☐]|[\U0001F300-\U0001FAFF\u2600-\u27BF]\ufe0f?)+\s*"
    r"(?P<body>\S.*)$"
)
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_BRACKETED = re.compile(r"^[【\[(]([^】\])]{1,40})[】\])]\s*[:：]?\s*(.*)$")
_DASHED = re.compile(r"^([^-–—]{1,40}?)\s[-–—]\s(.*)$")
_COPULA = re.compile(
    r"^([^.!?:\"“「]{1,60}?) "
    r"(?:is|are|becomes|(?:would|could|should|might|will) be|(?:would )?shows?|ist|wäre|lautet|est|serait|"
    r"es|sería) (.+)$",
    re.IGNORECASE,
)
_VERB = re.compile(r"\b(?:is|are|would|could|should|may|might|works?|fits?|captures?|describes?)\b")


def role(key: str) -> Role | None:
    """What a key speaks of, by the words in it."""
    key = re.sub(r"[ -]?prime\b", "'", key.translate(TYPOGRAPHY).lower().replace("_", " ")).strip("*#-.()[]$ ")
    return next((role for role, pattern in ROLES if pattern.search(key)), None)


def is_label(text: str) -> bool:
    """Whether a text is nothing but a label, such as "Text prompt for B'" or "最终提示词"."""
    if len(text) > 60 or role(text) is None:
        return False
    words = re.split(r"[\s,;!./()$#–-]+", text.translate(TYPOGRAPHY).lower().replace(" prime", "'").strip(" *!.()$#-"))
    return all(word in LABEL_WORDS or word.isdigit() or _CJK.search(word) or role(word) for word in words)


def label(line: str) -> tuple[Role | None, str] | None:
    """What the label of a line says, and what follows it; None for a line without one."""
    if marker := NUMBER.match(line) or BULLET.match(line):
        line = marker["body"]
    text = re.sub(r"^[\s>]*(?:#{1,6}\s+)?", "", line).strip()
    plain = re.sub(r"\*\*|__", "", text).translate(TYPOGRAPHY)
    bold = BOLD.match(text)
    if bold and (bold[2] or bold[3]):
        return role(bold[1]), bold[4]
    if is_label(plain) and ((bold and not bold[4]) or "#" in line[:8]):  # A heading.
        return role(plain), ""
    if "::" in plain:  # The formula of the analogy: its last part is B'.
        return Role.B_PRIME, "" if NAMES_IMAGE.search(plain) else plain.rpartition(":")[2]
    return _with_colon(plain) or _in_sentence(plain)


def _with_colon(line: str) -> tuple[Role | None, str] | None:
    if (match := _BRACKETED.match(line)) and is_label(match[1]) and (line[0] != "(" or role(match[1]) is Role.B_PRIME):
        return role(match[1]), match[2]
    if match := KEY.match(line):
        key, body = match.groups()
        kind = role(key)
        if is_label(key) or kind is Role.B_PRIME or (OPENING.match(key) and kind not in (None, Role.OTHER)):
            return kind, body
        if not body:  # "Here is what I would say of the change:"
            return None if kind is Role.OTHER else kind, ""
        if OFFER.match(key):
            return Role.ANSWER, body
    if (match := _DASHED.match(line)) and is_label(match[1]) and role(match[1]) in (Role.PROMPT, Role.B_PRIME):
        return role(match[1]), match[2]
    return None


def _in_sentence(line: str) -> tuple[Role | None, str] | None:
    """The prompt in "The prompt for B' is ...", or the quoted ones of a sentence about them."""
    if (match := _COPULA.match(line)) and is_label(match[1]) and role(match[1]) is not Role.OTHER:
        return role(match[1]), match[2]
    outside = re.split(rf"[{QUOTES}]", line[:300])
    said = outside[0] or (outside[-1] if _VERB.search(outside[-1]) else "")
    if role(said) in (Role.PROMPT, Role.B_PRIME) and (quoted := QUOTED.findall(line)):
        return role(said), ", ".join(f'"{words}"' for words in quoted)
    return None
