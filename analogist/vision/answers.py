"""The text in a response, wherever servers put it: as documented, as a stream that nobody asked for, as a tool call."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    StrictInt,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import from_json


@dataclass(frozen=True)
class Reply:
    """The model's text, and the tokens of question and answer where the endpoint counts them."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Loose(BaseModel):
    """What a server sent: where something is of another shape, as if it had not been sent."""

    @field_validator("*", mode="wrap")
    @classmethod
    def _of_another_shape(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return cls.model_fields[info.field_name or ""].get_default(call_default_factory=True)


class _Function(_Loose):
    arguments: Any = None


class _ToolCall(_Loose):
    function: _Function = _Function()


class _Message(_Loose):
    content: Any = None
    refusal: str = ""
    reasoning: Annotated[str, Field(validation_alias=AliasChoices("reasoning_content", "reasoning", "thinking"))] = ""
    tool_calls: list[_ToolCall] = []
    function_call: _Function = _Function()

    @property
    def called(self) -> str:
        """The arguments of tool calls: under a schema, some servers answer as if a tool had been asked for."""
        calls = [*(call.function for call in self.tool_calls), self.function_call]
        return "".join(spoken(call.arguments) for call in calls)


class _Choice(_Loose):
    message: _Message = _Message()
    delta: _Message = _Message()
    text: str = ""
    finish_reason: str = ""
    error: Any = None


class _Item(_Loose):
    type: str = "message"
    content: Any = None
    arguments: Any = None


class _Details(_Loose):
    reason: str = ""


class _Usage(_Loose):
    input: Annotated[StrictInt | None, Field(validation_alias=AliasChoices("prompt_tokens", "input_tokens"))] = None
    output: Annotated[StrictInt | None, Field(validation_alias=AliasChoices("completion_tokens", "output_tokens"))] = (
        None
    )


class _Body(_Loose):
    """A response, or a part of a streamed one, of either protocol or of Ollama's own."""

    choices: list[_Choice] = []
    message: _Message = _Message()
    output: list[_Item] = []
    response: Any = None
    type: str = ""
    delta: str = ""
    done_reason: str = ""
    incomplete_details: _Details = _Details()
    usage: _Usage = _Usage()

    @property
    def messages(self) -> list[_Message]:
        return [one for choice in self.choices[:1] for one in (choice.message, choice.delta)] + [self.message]

    @property
    def text(self) -> str:
        items = [spoken(item.content) for item in self.output if item.type == "message"]
        texts = [spoken(message.content) for message in self.messages] + [choice.text for choice in self.choices[:1]]
        delta = self.delta if self.type == "response.output_text.delta" else ""
        return "".join([*texts, *items, delta, self.response if isinstance(self.response, str) else ""])

    @property
    def called(self) -> str:
        items = [spoken(item.arguments) for item in self.output if item.type == "function_call"]
        return "".join([*(message.called for message in self.messages), *items])

    @property
    def refusal(self) -> str:
        parts = [part for item in self.output if isinstance(item.content, list) for part in item.content]
        said = [str(part.get("refusal", "")) for part in parts if isinstance(part, dict)]
        return "".join([*(message.refusal for message in self.messages), *said])

    @property
    def end(self) -> str:
        return (
            next(iter(choice.finish_reason for choice in self.choices), "")
            or self.incomplete_details.reason
            or self.done_reason
        )


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
    whole = [one for one in inner if one.get("output")][-1:]
    bodies = [_Body.model_validate(one) for one in whole or documents]
    usage = next((body.usage for body in reversed(bodies) if body.usage.output is not None), _Usage())
    text = _first(bodies, "text") or _first(bodies, "called") or _thought_aloud(bodies)
    error, status = _error([*documents, *inner], bodies, bool(text.strip()))
    end = next(filter(None, (body.end for body in reversed(bodies))), "")
    return Answer(Reply(text, usage.input, usage.output), _first(bodies, "refusal"), end, error, status)


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
    if not isinstance(kind, str):
        inside = next((content[name] for name in ("text", "content") if name in content), None)
        return json.dumps(content) if inside is None else spoken(inside)
    if re.search("reason|think|thought|refusal|image|audio", kind):
        return ""
    inside = content.get("text", content.get("content"))
    return spoken(inside.get("value") if isinstance(inside, dict) else inside)


def _documents(content: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a response: one, or those of server-sent events or of lines; none if one is broken."""
    whole = loaded(content)
    if whole is not None:
        return [whole] if isinstance(whole, dict) else []
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if re.search(r"^data:", text, re.MULTILINE):
        events = [re.findall(r"^data: ?(.*)$", event, re.MULTILINE) for event in re.split(r"\n\n+", text)]
        parts = ["\n".join(lines) for lines in events if lines]
    else:
        parts = [line for line in text.split("\n") if line.strip()]
    found = [loaded(part.encode()) for part in parts if part.strip() != "[DONE]"]
    return found if _ENDED.search(text) and all(isinstance(one, dict) for one in found) else []


_ENDED = re.compile(
    r'^data: ?\[DONE\]|"(?:finish|done)_reason": ?"|"done": ?true|"response\.(?:completed|incomplete|failed)"|'
    r'"error": ?[{"]',
    re.MULTILINE,
)
"""How a stream says that it is complete."""


def _first(bodies: Iterable[_Body], name: str) -> str:
    return "".join(getattr(body, name) for body in bodies)


_ANSWER = re.compile(r"""</think\w*>\s*\S|\{[^{}]*"prompts?"\s*:[^{}]*\}\W*$|^\{.*\}$""", re.DOTALL | re.IGNORECASE)
_MUSING = re.compile(
    r"^(?:okay|ok|so|let|hmm|wait|first|we|i|the (?:user|image|task)|got|alright|now|looking|to|this|here)\b|[.:?]$",
    re.IGNORECASE,
)


def _thought_aloud(bodies: Iterable[_Body]) -> str:
    """The answer where a server takes it for thinking: JSON, what follows the thinking, or a few bare words."""
    text = "".join(message.reasoning for body in bodies for message in body.messages).strip()
    bare = "\n" not in text and len(text.split()) <= 10 and not _MUSING.search(text)
    return text if bare or _ANSWER.search(text) else ""


def _error(documents: list[dict[str, Any]], bodies: list[_Body], answered: bool) -> tuple[Any, int]:
    """What is said in place of an answer, and the status that it names."""
    said = [one["error"] for one in documents if one.get("error")]
    said += [choice.error for body in bodies for choice in body.choices if choice.error]
    said += [
        one["response"]["error"]
        for one in documents
        if isinstance(one.get("response"), dict) and one["response"].get("error")
    ]
    if not said and not answered:
        names = ("message", "detail", "msg", "errors")
        said = [one for one in documents for name in names if one.get(name)]
    if not said:
        return None, 200
    codes = [one.get("code", one.get("status")) for one in (said[0], documents[0]) if isinstance(one, dict)]
    numbers = [int(code) for code in map(str, codes) if re.fullmatch(r"[45]\d\d", code)]
    return said[0], next(iter(numbers), 200)
