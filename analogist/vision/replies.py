"""The reply of a vision model read as prompts of B': strings in, strings out.

The model is shown the marked grid (letters and arrows) and asked for prompts of B'. What comes back is JSON where the
model can be held to a schema, and everything else people have seen where it cannot: fences, numbered lists, quotes,
`<think>`, chatter around the answer, the commas of the published program, and refusals.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .request import excerpt

MOST_REPLY = 100_000
"""Characters of a reply. Four thousand tokens of thinking are about a fifth of this."""
_READ = 10_000
"""Characters that are read of what is left without the thinking, so that no reply can make reading it slow."""
MOST_WORDS, MOST_CHARACTERS = 60, 500
"""Of a prompt. CLIP reads about as many words; a longer text is the model thinking aloud and not a prompt."""


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
        alignment: which pictures show the same thing in the same place: "A and A'", "A and B", "neither" or empty.
    """

    prompts: tuple[str, ...]
    change: str = ""
    alignment: str = ""


def parse(text: str, count: int = 1) -> Answer:
    """Read at most `count` prompts out of a model's reply.

    Raises:
        RefusalError: the model declined.
        ReplyError: nothing in the reply is a prompt.
    """
    if len(text) > MOST_REPLY:
        raise ReplyError(
            f"The model's answer has {len(text)} characters: try another model, or type the prompt by hand."
        )
    said = _without_thinking(text)
    if not said:
        raise ReplyError(
            "The model answered with nothing but thinking: try another seed, or a model that thinks less."
            if text.strip()
            else "The model's answer is empty: try another seed or another model."
        )
    answer = _read_json(said)
    if answer is None:
        answer = Answer(tuple(_read_text(said, count)))
    prompts = tuple(_unique(_cleaned(prompt) for prompt in answer.prompts))
    for refusal in filter(is_refusal, (said, *prompts)):
        raise RefusalError(
            f'The model refused: "{excerpt(refusal)}" Try another model or instruction, or type the prompt by hand.'
        )
    short = [prompt for prompt in prompts if len(prompt.split()) <= MOST_WORDS and len(prompt) <= MOST_CHARACTERS]
    if not short:
        raise ReplyError(
            f'There is no prompt in the model\'s answer: "{excerpt(said)}" Try another seed or another model, or type '
            "the prompt by hand."
        )
    return Answer(tuple(short[:count]), answer.change, answer.alignment)


def is_refusal(text: str) -> bool:
    """Whether a text is a model declining, or saying that it saw no picture."""
    return any(pattern.search(text.translate(_TYPOGRAPHY)[:400]) for pattern in _REFUSALS)


_UNABLE = (
    r"(?:(?:can|could|did|would)(?:not|n't| not)|can't|(?:won't|will not)(?: be able to)?|"
    r"(?: ?am|'m| are|'re) (?:unable|not able) to)"
)
_PICTURE = r"(?:image|picture|photo|grid|attachment)s?"
# A prompt may begin like a refusal, with the name of a song or the text of a sign: what follows decides.
_REFUSALS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^\W*(?:i'm|i am) (?:really |very |so |terribly |just |only )?"
        r"(?:sorry|afraid|unable|not able|not comfortable|an? (?:ai|text-based|language|large language))\b",
        r"^\W*sorry(?:\W*$|,? (?:but|however)\b|[,.!:;]+ (?:this|that|the|your|it|there|no)\b|"
        r"[\s,.!:;-]*(?:i|we)\b(?:'m|'re| am| are)? ?(?:can|could|un|not|do|won|will|must|have))",
        r"^\W*(?:(?:my |i )?apolog(?:ies|i[sz]e)|unfortunately|regrettably)\b[,.!:;]? ?(?:but |however,? |for )?"
        r"(?:i|we|this|that|the|your|it|there|no)\b",
        rf"^(?:[^.!?]*[.!?]\s)?\W*(?:however,? )?\b(?:i|we) ?{_UNABLE} (?:\w+ )?"
        r"(?:help(?=\W*$|[.,;!]| (?:you|with|in|on|by)\b)|assist|comply|provide|fulfill?|process|view|see|identify|"
        r"recognize|analy[sz]e|generate|create|describe|discuss|do|answer|produce|complete|continue|access|determine|"
        r"make|engage|support|offer|give)\b",
        r"^\W*(?:cannot|can't|unable to|not able to) "
        r"(?:help with|assist|comply|provide|fulfill?|process|analy[sz]e|identify)\b",
        r"^\W*i (?:do not|don't) (?:have (?:the ability|the capability|access)|feel comfortable)\b",
        r"^\W*as an? (?:ai(?:,| (?:language|model|assistant|system|developed|i\b))|artificial intelligence|"
        r"large language|language model|text-based)\b",
        r"^\W*i (?:(?:must|have to|need to) (?:respectfully )?(?:decline|refuse)\b|(?:refuse|decline) to\b)",
        rf"^\W*(?:this |the |your )?(?:request|content|prompt|{_PICTURE})(?: may| might| seems to| appears to)? "
        r"(?:violates?\b|(?:goes |go |is |are )?against (?:my|our|the (?:content|usage|polic|guideline|rule))|"
        r"(?:was |is |were |has been )?(?:flagged|blocked|rejected)\b)",
        rf"^\W*i (?:do not|don't) see (?:an?|any|the) {_PICTURE}\b",
        rf"^[^.!?\n]{{0,60}}\bno {_PICTURE}(?:\W*$| (?:was|is|were|has|have|attached|provided)\b)",
        rf"^[^.!?\n]{{0,60}}\bthere (?:is|was) no {_PICTURE}\b",
        rf"\bthere (?:is|was|does)(?:n't| not) (?:seem to be |appear to be )?(?:an?|any) {_PICTURE}\b",
        rf"\b{_PICTURE} (?:did|was|is|has|does)(?:n't| not) (?:\w+ ){{0,3}}"
        r"(?:attached|upload|load|come through|provided|visible)",
        rf"\b(?:please|could you|can you|i need you to) (?:please )?(?:provide|upload|share|attach|send) (?:me )?"
        rf"(?:the|an?|your) {_PICTURE}\b",
        r"^\W*(?:很|非常)?(?:抱歉|遗憾|对不起|對不起|我无法|我無法|我不能|我没办法|无法|無法)",
        r"^\W*(?:申し訳|すみません|ごめんなさい|恐れ入りますが|죄송|미안)",
        r"^\W*(?:es )?tut mir (?:sehr )?leid\b|^\W*(?:leider )?(?:kann ich|ich kann)\b[^.]{0,60}\b(?:nicht|keine?)\b",
        r"^\W*(?:je suis )?désolée?\b|^\W*(?:malheureusement,? )?je ne (?:peux|suis) pas\b",
        r"^\W*(?:lo siento|lamento|no puedo|desculpe|sinto muito|não posso|mi dispiace|non posso)\b",
        r"^\W*(?:извините|простите|к сожалению|мне жаль|я не могу|przepraszam|niestety|het spijt me)\b",
        r"^\W*(?:üzgünüm|maalesef|عذر|آسف|أعتذر|क्षमा|xin lỗi)",
    )
]

_THINKING = re.compile(r"(</?)(?:think|thinking|thoughts?|reasoning|reflection|analysis)\b[^<>]{0,80}>", re.IGNORECASE)
_SPECIAL = re.compile(r"<\|[^|<>\n]{1,40}\|>|</?(?:s|start_of_turn|end_of_turn|bos|eos)>|\[/?INST\]")
_TAGS = re.compile(r"</?(?:prompts?|items?|li)\d*>", re.IGNORECASE)
_BOXED = re.compile(r"(?:<\|begin_of_box\|>|<answer>)(.*?)(?:<\|end_of_box\|>|</answer>|$)", re.DOTALL | re.IGNORECASE)


def _without_thinking(text: str) -> str:
    """The reply less the model's thinking aloud and its special tokens."""
    text = text.replace("◁", "<").replace("▷", ">").rpartition("<|channel|>final<|message|>")[2]
    text = re.sub(r"\\boxed\{(?:\\text\{)?([^{}]*)\}+", r"\1", text)
    kept, depth = [], 0
    parts = iter(_THINKING.split(text))
    kept.append(next(parts))
    for tag, rest in zip(parts, parts, strict=True):
        if tag == "<":
            depth += 1
        else:
            # Servers often swallow the opening tag with the chat template: then all that came before was thinking.
            kept = kept if depth else []
            depth = max(0, depth - 1)
        if not depth:
            kept.append(rest)
    said = " ".join(kept)[:_READ]
    boxed = _BOXED.search(said)
    return _TAGS.sub("\n", _SPECIAL.sub(" ", boxed[1] if boxed else said)).strip()


_NOT_PROMPTS = re.compile(
    r"negative|change|align|reason|analy|explan|transform|confiden|thought|note|input|source|task|role|^a'?$|^b$"
)
_STRING = r"(?:\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|'(?=\w)|\\.)*)')(\s*:)?"
"""A string in quotes of either kind, and the colon that makes it a key."""
_TRIES = 100
_DEEPEST = 6
_DECLINED = re.compile(r"^(?:refusal|error)$")


def _read_json(text: str) -> Answer | None:
    """The answer in the first JSON value of a reply that holds prompts, in a fence, amid chatter or cut off."""
    for value in _json_values(text):
        prompts = [prompt for prompt in _strings(value) if prompt.strip()]
        if prompts:
            fields = value if isinstance(value, dict) else {}
            return Answer(tuple(prompts), *(_word(fields.get(name)) for name in ("change", "alignment")))
    # JSON that broke off at the token limit, or with quotes of another language: the strings that are whole count.
    listed = re.search(r"\bprompts?[\"']?\s*[:=]\s*\[(.*)", text, re.DOTALL | re.IGNORECASE)
    if not listed:
        return None
    whole = re.findall(_STRING, listed[1].partition("]")[0])
    return Answer(tuple(double or single for double, single, colon in whole if not colon))


def _json_values(text: str) -> Iterator[Any]:
    """Every JSON object or list in a text, outermost first; a comma before a closing bracket is forgiven."""
    text = re.sub(r",(\s*[\]}])", r"\1", text)
    decoder, end = json.JSONDecoder(), 0
    for start in [match.start() for match in re.finditer(r"[{\[]", text)][:_TRIES]:
        if start < end:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            continue
        yield value


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    """The prompts in a JSON value: under a key that speaks of prompts if there is one, else every text there is."""
    if isinstance(value, str):
        yield value
    elif depth == _DEEPEST:
        return
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, depth + 1)
    elif isinstance(value, dict):
        speaking = [key for key in value if re.search(r"^(?!.*negative).*(?:prompt|caption)", key.lower())]
        declined = [key for key in value if _DECLINED.search(key.lower()) and isinstance(value[key], str)]
        kept = [key for key in value if not _NOT_PROMPTS.search(key.lower())]
        for key in speaking or declined or kept:
            if key in declined:
                raise RefusalError(f'The model refused: "{excerpt(value[key])}" Try another model.')
            yield from _strings(value[key], depth + 1)


def _word(value: Any) -> str:
    return excerpt(value) if isinstance(value, str) else ""


_BULLET = re.compile(
    r"^(?:(?:\(?\d{1,2}[.):]\)?|[-*\u2022\u00b7])\s+|\d{1,2}\u3001\s*|[\u2460-\u2473]\s*|prompt ?#?\d{1,2} ?[.):-]\s*)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"^(?:(?:so|therefore|thus|hence),? )?(?:the |a |my |possible |suggested |final )*"
    r"(?:text prompts?|prompts?|captions?|descriptions?|answers?|output|result|assistant)?(?: (?:of|for|to describe))?"
    r"(?: ?(?:the |an? )?(?:output |target |resulting |fourth |missing )*(?:image )?\(?b'\)?)?"
    r"(?: (?:is|are|would be|could be|should be|might be))?\s*[:=\u2192]\s*",
    re.IGNORECASE,
)
_COPULA = re.compile(
    r"^(?:the )?(?:text )?(?:prompt|caption|description|output|result|image)?(?: (?:of|for))?(?: ?the)?(?: ?image)? ?"
    r"b' (?:is|would be|could be|should be|might be|shows|would show) ",
    re.IGNORECASE,
)
_INLINE = re.compile(r"\bb'\)?\s*[:=](?!:)\s*(\S.*)$", re.IGNORECASE)
_OPENING = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|absolutely|great|yes|alright|here(?:'s| is| are)|below|based on|given|"
    r"from a to|looking at|in (?:the|this) (?:image|grid|analogy|first)|(?:following|applying|analy[sz]ing) |"
    r"the (?:transformation|change|analogy|image|grid|relation|(?:text )?prompt)|a'? (?:is|shows|to a)|b (?:is|shows)|"
    r"i (?:see|think|would))\b",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:let me know|i hope|hope (?:this|these|it)|these (?:prompts|capture|options|are|all)|"
    r"each (?:of these|prompt)|feel free|\(?notes?:|explanation|reasoning|would you|do you|if you|please |"
    r"all (?:of these|prompts)|\(?\d+ words|this (?:prompt|captures|is because|follows|reflects))",
    re.IGNORECASE,
)
_QUOTES = '"“”„«»「」『』'
_QUOTED = re.compile(rf"[\"“”„«「『]([^{_QUOTES}\n]{{2,}})[\"“”»」』]")
_QUOTED_FIRST = re.compile(rf"^{_QUOTED.pattern}\s*(?:[.!?,(-]|$)")
_COMMAS = re.compile("[,;|\uff0c\u3001\uff1b]")
_TYPOGRAPHY = str.maketrans("\u2018\u2019\u02bc\u2032\u2013\u2014", "''''--")


_NO_WORDS = re.compile(r"\W*|n/?a|none|null|unknown", re.IGNORECASE)


def _read_text(text: str, count: int) -> list[str]:
    """Prompts of a reply that is not JSON."""
    fence = re.search(r"```\w*\n?(.*?)```", text, re.DOTALL)
    lines = [_plain(line) for line in (fence[1] if fence else text).splitlines()]
    lines = [line for line in lines if line and "::" not in line]  # The formula of the analogy, said again.
    listed = [_BULLET.sub("", line) for line in lines if _BULLET.match(line)]
    lines = _labelled(lines) or listed or _without_chatter(lines)
    return _split(lines[0], count) if len(lines) == 1 else lines


def _split(line: str, count: int) -> list[str]:
    """The prompts of one line: quoted in a sentence, numbered, each in quotes, or with commas between them."""
    if re.fullmatch(r"\[[^][{}]*\]", line):
        line = line[1:-1]
    quoted = _QUOTED.findall(line)
    if len(quoted) > 1 or (quoted and (_OPENING.match(line) or _QUOTED_FIRST.match(line))):
        return quoted
    numbered = re.split(r"(?:^|[\s,;])\(?\d{1,2}[.)]\s+", line)
    if len(numbered) > 2:
        return numbered
    return _COMMAS.split(line) if count > 1 else [line]


def _labelled(lines: list[str]) -> list[str]:
    """What stands behind labels such as "B':" or "Prompts:", on their line or, if nothing does, on the next ones."""
    for number, line in enumerate(lines):
        label = _LABEL.match(_BULLET.sub("", line))
        if not label or not label[0].strip(" :="):
            if inline := _INLINE.search(line):
                return [inline[1]]
            continue
        rest = _BULLET.sub("", line)[label.end() :].strip()
        if rest:
            return [rest]
        following = _without_chatter(lines[number + 1 :])
        bullets = [_BULLET.sub("", later) for later in following if _BULLET.match(later)]
        return bullets or following
    return []


def _without_chatter(lines: list[str]) -> list[str]:
    """Lines less what a model says before and after its answer."""
    kept = []
    for line in lines:
        if _CLOSING.match(line):
            break
        _, colon, rest = line.partition(":")
        if colon and (_OPENING.match(line) or not rest.strip()):
            line = rest.strip()
        elif _OPENING.match(line) and (line.endswith((".", "!")) and len(lines) > 1) and not _QUOTED.search(line):
            continue
        if line:
            kept.append(line)
    return kept


def _plain(line: str) -> str:
    """A line less its Markdown."""
    return re.sub(r"^#+\s+|^>\s+|\*\*|__|`", "", line.translate(_TYPOGRAPHY).strip()).strip()


def _cleaned(prompt: str) -> str:
    """One prompt less bullets, labels, quotes, Markdown and a full stop."""
    prompt = _plain(excerpt(prompt, most=2 * MOST_CHARACTERS))
    for _ in range(3):
        prompt = _unquoted(_BULLET.sub("", prompt).strip("`*_ "))
        label = _LABEL.match(prompt)
        prompt = _COPULA.sub("", prompt[label.end() :] if label and label.end() > 1 else prompt)
        prompt = re.sub(r"\(\d+ words?\)$", "", prompt.strip()).rstrip(".,;: ")
    return "" if prompt[:1] in "{[" or _NO_WORDS.fullmatch(prompt) else prompt


def _unquoted(prompt: str) -> str:
    """A prompt less the quotes around it; those within, as of a sign's text, stay."""
    if len(prompt) > 1 and prompt[0] == prompt[-1] == "'":
        return prompt[1:-1].strip()
    quotes = sum(prompt.count(quote) for quote in _QUOTES)
    around = prompt[:1] in _QUOTES and prompt[-1:] in _QUOTES
    return prompt.strip(_QUOTES).strip() if quotes % 2 or (around and quotes == 2) else prompt


def _unique(prompts: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for prompt in prompts:
        if prompt and prompt.lower() not in seen:
            seen.add(prompt.lower())
            yield prompt
