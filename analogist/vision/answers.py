"""The text in a response, wherever servers put it: as documented, as a stream that nobody asked for, as a tool call.

Every shape is a path in `PLACES`; what is not there, or of another shape, is as if it had not been sent.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import errors
from .failures import Failure, classified, loaded, response_failure
from .protocol import EMPTY_UNDER_FORM

PLACES = {
    "text": ("message|delta.content", "choices.0.text", "output.*", "response"),
    "instead": (  # Under a schema, some servers answer as if a tool had been asked for.
        "message|delta.tool_calls.*.function.arguments",
        "message|delta.function_call.arguments",
        "output.*.arguments",
        "output_text|output|content",
    ),
    "refusal": ("message|delta.refusal", "output.*.content.*.refusal"),
    "end": ("finish_reason", "incomplete_details.reason", "done_reason"),
    "input": ("usage.prompt_tokens|input_tokens",),
    "output": ("usage.completion_tokens|output_tokens",),
}
"""Paths of names with dots between: "0" is the first item of a list, "*" all of them, and a bar means both names."""
REASONING = ("reasoning_content", "reasoning", "thinking")
ENDED = re.compile(
    r'^data: ?\[DONE\]|"finish_reason": ?"|"done": ?true|"response\.(?:completed|incomplete|failed)"|"error": ?[{"]',
    re.MULTILINE,
)
"""How a stream says that it is complete."""
ANSWER = re.compile(r"""</think\w*>\s*\S|\{[^{}]*"prompts?"\s*:[^{}]*\}\W*$|^\{.*\}$""", re.DOTALL | re.IGNORECASE)
MUSING = re.compile(
    r"^(?:okay|ok|so|let|hmm|wait|first|we|i|the (?:user|image|task)|got|alright|now|looking|to|this|here)\b|[.:?]$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reply:
    """The model's text, and the tokens of question and answer where the endpoint counts them."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


def read(content: bytes) -> Reply | Failure:
    """The reply in a response, or what is said or wrong in place of it."""
    documents = _documents(content)
    if not documents:
        return Failure(errors.NOT_JSON, message=content[:4000].decode("utf-8", "replace"))
    bodies = [one["response"] if isinstance(one.get("response"), dict) else one for one in documents]
    # OpenAI's choice has what Ollama's whole response has.
    bodies += [choice for choice in found(documents, "*.choices.0") if isinstance(choice, dict)]
    # The last event of a stream of the Responses protocol holds the whole response.
    whole = [one for one in bodies if one.get("output")][-1:] or bodies

    def places(name: str) -> list[Any]:
        return [one for path in PLACES[name] for one in found(whole, f"*.{path}")]

    def said(name: str) -> str:
        return "".join(map(spoken, places(name)))

    def last_count(name: str) -> int | None:
        return next((one for one in reversed(places(name)) if type(one) is int), None)

    pieces = [one.get("delta") for one in whole if one.get("type") == "response.output_text.delta"]
    text = said("text") + "".join(map(spoken, pieces)) or said("instead") or _thought_aloud(whole)
    problems = [one for one in found(bodies, "*.error") if one and one is not True]
    if not problems and not text.strip():
        problems = [one for one in documents if any(found(one, "message|detail|msg|errors"))]
    if problems:
        codes = (str(code) for one in (problems[0], documents[0]) for code in found(one, "code|status"))
        status = next((int(code) for code in codes if re.fullmatch(r"[45]\d\d", code)), 200)
        return response_failure(status, content, body=problems[0])
    if refusal := said("refusal"):
        return Failure(errors.DECLINED, message=refusal)
    end = next(filter(None, map(spoken, reversed(places("end")))), "")
    if "filter" in end or classified(200, end) is errors.FILTER:
        return Failure(errors.FILTER)
    if not text.strip():
        cut = end in ("length", "max_output_tokens", "max_tokens")
        return Failure(errors.UNFINISHED) if cut else Failure(errors.EMPTY, words=EMPTY_UNDER_FORM)
    return Reply(text, last_count("input"), last_count("output"))


def found(value: Any, path: str) -> Iterator[Any]:
    """What stands in a value of JSON under a path of `PLACES`."""
    name, _, rest = path.partition(".")
    inside: list[Any] = []
    if isinstance(value, list):
        inside = value if name == "*" else value[:1] if name == "0" else []
    elif isinstance(value, dict):
        inside = [value[one] for one in name.split("|") if one in value]
    for one in inside:
        yield from found(one, rest) if rest else (one,)


def spoken(content: Any) -> str:
    """The text of a message's content: a text, a list of parts or of texts, or an object that is the answer itself."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        between = "\n" if all(isinstance(part, str) for part in content) else ""
        return between.join(map(spoken, content))
    if not isinstance(content, dict) or content.get("thought") is True:
        return ""
    kind = str(content.get("type", ""))
    if re.search("reason|think|thought|refusal|image|audio", kind):
        return ""
    inside = next((content[name] for name in ("text", "content", "value") if name in content), None)
    return spoken(inside) if kind or inside is not None else json.dumps(content)


def _documents(content: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a response: one, or those of server-sent events or of lines; none if one is broken."""
    if (whole := loaded(content)) is not None:
        return [whole] if isinstance(whole, dict) else []
    text = re.sub(r"\r\n?", "\n", content.decode("utf-8-sig", "replace"))
    parts = text.split("\n")
    if re.search(r"^data:", text, re.MULTILINE):
        parts = ["\n".join(re.findall(r"^data: ?(.*)$", event, re.MULTILINE)) for event in re.split(r"\n\n+", text)]
    events = [loaded(part.encode()) for part in parts if part.strip() not in ("", "[DONE]")]
    return events if ENDED.search(text) and all(isinstance(one, dict) for one in events) else []


def _thought_aloud(bodies: list[dict[str, Any]]) -> str:
    """The answer where a server takes it for thinking: JSON, what follows the thinking, or a few bare words."""
    thoughts = ("".join(map(spoken, found(bodies, f"*.message|delta.{name}"))).strip() for name in REASONING)
    text = next(filter(None, thoughts), "")
    bare = "\n" not in text and len(text.split()) <= 10 and not MUSING.search(text)
    return text if bare or ANSWER.search(text) else ""
