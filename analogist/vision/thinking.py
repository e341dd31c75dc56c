"""What a model thinks aloud, in the tags, brackets and channels of its kind, taken from its reply."""

import re

_THOUGHT = (
    r"(?:\w{1,12}:)?(?:think|(?:ant)?thinking|thoughts?|thought[ _-]process|reason(?:ing)?|reflect|reflection|analysis|"
    r"cot|scratch_?pad|chain[ _-]of[ _-]thought|"
    r"(?:inner[ _-])?monologue|inner[ _-](?:thoughts?|prefix)|internal(?:[ _]\w{1,20})?|"
    r"planning|rationale|commentary|details)"
)
_RESULT = (
    r"(?:answer|final|final[ _]answer|response|output|result|conclusion|solution|box|text|prompts?[ _-]?\d*|"
    r"inner[ _]suffix)"
)
_CHANNEL = r"(?:<\|channel\|?>|<channel>|<channel name=[\"']?)\s*"
# Where a thought ends the answer begins, and where the answer ends there begins what is no longer part of it.
_THOUGHT_BEGINS = (
    rf"<\|?(?:begin_of_|start_)?{_THOUGHT}\b[^<>\n]{{0,80}}>",
    rf"\[{_THOUGHT}\]",
    rf"</(?:{_RESULT}|channel)>",
    rf"<\|(?:end_of_|end_){_RESULT}\|>",
    rf"{_CHANNEL}(?!final\b)\w+[^<>\n]{{0,40}}(?:<\|message\|>|>)?",
    r"<(?:unused|ctrl)94>(?:thought\b)?",
    r"\Aanalysis(?=[^\W_]|<\|message)",
    r"^thinking\.\.\.$",
    r"\[INST\]",
)
_ANSWER_BEGINS = (
    rf"</{_THOUGHT}\s?>",
    rf"<\|(?:end_of_|end_|/){_THOUGHT}\|>",
    rf"\[/{_THOUGHT}\]",
    rf"<\|?(?:begin_of_|start_)?{_RESULT}\|?>",
    rf"{_CHANNEL}final\b(?:[^<>\n]|<\|constrain\|>){{0,40}}(?:<\|message\|>|>)?",
    r"<channel\|>",
    r"<(?:unused|ctrl)95>",
    r"assistantfinal",
    r"\[/INST\]",
    r"^\.\.\.done thinking\.$",
)
_MARK = re.compile(
    rf"(?P<thought>{'|'.join(_THOUGHT_BEGINS)})|(?P<answer>{'|'.join(_ANSWER_BEGINS)})", re.IGNORECASE | re.MULTILINE
)
_FENCED_THOUGHT = re.compile(rf"```(?:{_THOUGHT})\n.*?(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_BRACKETS = str.maketrans("◁▷｜▁", "<>|_")
_BOXED = re.compile(r"\\boxed\{(?:\\text\{)?([^{}]*)\}+")
_SPECIAL = re.compile(
    r"<\|[^|<>\n]{1,40}\|>(?:assistant\b)?|</?(?:s|bos|eos|unk|pad|image|b|i|em|strong|code)>|"
    r"<(?:start|end)_of_turn>(?:model\b)?"
)
_TAG = re.compile(r"</?(?:items?|li|ul|ol|p|br|div|captions?|details|summary)\d*\s*/?>", re.IGNORECASE)


def without_thinking(text: str) -> str:
    """The reply less the model's thinking aloud and its special tokens."""
    text = _BOXED.sub(r"<answer>\1</answer>", text.translate(_BRACKETS))
    text = _FENCED_THOUGHT.sub("\n", text)
    kept, thinking, start = [], False, 0
    for mark in _MARK.finditer(text):
        if not thinking:
            kept.append(text[start : mark.start()])
            # Servers often swallow the opening tag with the chat template: then all that came before was thinking.
            if mark["answer"]:
                kept.clear()
        thinking, start = bool(mark["thought"]), mark.end()
    if not thinking:
        kept.append(text[start:])
    return _TAG.sub("\n", _SPECIAL.sub(" ", "\n".join(kept))).strip()
