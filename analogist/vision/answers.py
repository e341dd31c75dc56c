"""The text in a response, wherever servers put it: as documented, as a stream that nobody asked for, as a tool call.

Every shape is a path in `PLACES`; what is not there, or of another shape, is as if it had not been sent.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

PLACES = {
    "text": (
        "choices.0.message|delta.content",
        "choices.0.text",
        "output.*",
        "message.content",  # Ollama's own protocol.
    ),
    "called": (  # Under a schema, some servers answer as if a tool had been asked for.
        "choices.0.message|delta.tool_calls.*.function.arguments",
        "choices.0.message|delta.function_call.arguments",
        "message.tool_calls.*.function.arguments",
        "output.*.arguments",
    ),
    "refusal": ("choices.0.message|delta.refusal", "output.*.content.*.refusal"),
    "end": ("choices.0.finish_reason", "incomplete_details.reason", "done_reason"),
    "error": ("error", "choices.*.error", "response.error"),
    "input": ("usage.prompt_tokens|input_tokens", "response.usage.input_tokens"),
    "output": ("usage.completion_tokens|output_tokens", "response.usage.output_tokens"),
}
"""Paths of names with dots between: "0" is the first item of a list, "*" all of them, and a bar means both names."""
REASONING = ("reasoning_content", "reasoning", "thinking")
ENDED = re.compile(
    r'^data: ?\[DONE\]|"(?:finish|done)_reason": ?"|"done": ?true|"response\.(?:completed|incomplete|failed)"|'
    r'"error": ?[{"]',
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


@dataclass(frozen=True)
class Answer:
    """A response as read.

    Attributes:
        reply: its text may be empty.
        refusal: the model's words where the protocol says that it declined.
        end: why the answer ended: "stop", "length", "content_filter".
        error: what the response says in place of an answer; None if it does not.
        status: the HTTP status that such an error names, else 200.
    """

    reply: Reply
    refusal: str = ""
    end: str = ""
    error: Any = None
    status: int = 200


def read(content: bytes) -> Answer | None:
    """Read a response; None if it is no JSON, or not all of it."""
    documents = _documents(content)
    if not documents:
        return None
    # The last event of a stream of the Responses protocol holds the whole response.
    inner = [one["response"] for one in documents if isinstance(one.get("response"), dict)]
    bodies = [one for one in inner if one.get("output")][-1:] or documents

    def places(name: str) -> Iterator[Any]:
        return (one for body in bodies for path in PLACES[name] for one in found(body, path))

    def said(name: str) -> list[str]:
        return [spoken(one) for one in places(name)]

    # Names that stand for something else elsewhere: a piece of a stream of Responses, and Ollama's oldest answer.
    pieces = [one.get("delta") for one in bodies if one.get("type") == "response.output_text.delta"]
    pieces += [one["response"] for one in bodies if isinstance(one.get("response"), str)]
    text = "".join([*said("text"), *map(spoken, pieces)]) or "".join(said("called")) or _thought_aloud(bodies)
    error, status = _error(documents, bool(text.strip()))
    end = next(filter(None, reversed(said("end"))), "")
    tokens = (
        next((one for one in reversed(list(places(name))) if type(one) is int), None) for name in ("input", "output")
    )
    return Answer(Reply(text, *tokens), "".join(said("refusal")), end, error, status)


def found(value: Any, path: str) -> Iterator[Any]:
    """What stands in a value of JSON under a path of `PLACES`."""
    if not path:
        yield value
        return
    name, _, rest = path.partition(".")
    inside: Iterable[Any] = ()
    if isinstance(value, list):
        inside = value if name == "*" else value[:1] if name == "0" else ()
    elif isinstance(value, dict):
        inside = [value[one] for one in name.split("|") if one in value]
    for one in inside:
        yield from found(one, rest)


def loaded(content: bytes) -> Any:
    """The JSON of a response; None where it holds none."""
    try:
        return from_json(content.decode("utf-8-sig", "replace"))
    except ValueError:
        return None


def spoken(content: Any) -> str:
    """The text of a message's content: a text, a list of parts or of texts, or an object that is the answer itself."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        between = "\n" if all(isinstance(part, str) for part in content) else ""
        return between.join(map(spoken, content))
    if not isinstance(content, dict) or content.get("thought") is True:
        return ""
    kind = content.get("type")
    inside = next((content[name] for name in ("text", "content") if name in content), None)
    if not isinstance(kind, str):
        return json.dumps(content) if inside is None else spoken(inside)
    if re.search("reason|think|thought|refusal|image|audio", kind):
        return ""
    return spoken(inside.get("value") if isinstance(inside, dict) else inside)


def _documents(content: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a response: one, or those of server-sent events or of lines; none if one is broken."""
    whole = loaded(content)
    if whole is not None:
        return [whole] if isinstance(whole, dict) else []
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if re.search(r"^data:", text, re.MULTILINE):
        data = [re.findall(r"^data: ?(.*)$", event, re.MULTILINE) for event in re.split(r"\n\n+", text)]
        parts = ["\n".join(lines) for lines in data if lines]
    else:
        parts = [line for line in text.split("\n") if line.strip()]
    events = [loaded(part.encode()) for part in parts if part.strip() != "[DONE]"]
    return events if ENDED.search(text) and all(isinstance(one, dict) for one in events) else []


def _thought_aloud(bodies: list[dict[str, Any]]) -> str:
    """The answer where a server takes it for thinking: JSON, what follows the thinking, or a few bare words."""
    paths = [path for name in REASONING for path in (f"choices.0.message|delta.{name}", f"message.{name}")]
    thoughts = ("".join(spoken(one) for body in bodies for one in found(body, path)).strip() for path in paths)
    text = next(filter(None, thoughts), "")
    bare = "\n" not in text and len(text.split()) <= 10 and not MUSING.search(text)
    return text if bare or ANSWER.search(text) else ""


def _error(documents: list[dict[str, Any]], answered: bool) -> tuple[Any, int]:
    """What is said in place of an answer, and the status that it names."""
    said = [one for body in documents for path in PLACES["error"] for one in found(body, path) if one]
    if not said and not answered:
        said = [body for body in documents for one in found(body, "message|detail|msg|errors") if one]
    if not said:
        return None, 200
    codes = [code for one in (said[0], documents[0]) for code in found(one, "code|status")]
    numbers = [int(code) for code in map(str, codes) if re.fullmatch(r"[45]\d\d", code)]
    return said[0], next(iter(numbers), 200)
