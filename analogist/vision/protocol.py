"""A question in the two protocols, and what an endpoint was found not to take of it."""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .profiles import Api, Profile
from .request import Form, request, schema

MOST_TOKENS = 4096
"""Asked of the model. A prompt has ten; the rest is room for models that think first."""
TOKEN_LIMITS = {Api.CHAT: ("max_tokens", "max_completion_tokens", ""), Api.RESPONSES: ("max_output_tokens", "")}
FORMS: Sequence[Form] = tuple(Form)


@dataclass(frozen=True)
class Question:
    """What is asked: a PNG image, the instruction, how many prompts, and the model."""

    image: bytes
    instruction: str
    count: int
    model: str


@dataclass(frozen=True)
class Capabilities:
    """What an endpoint takes for a model: everything at first, and less whatever it was found to refuse.

    Attributes:
        form: how the answer is held to a form.
        token_limit: how the limit of tokens is named, an index into the names that are in use.
        temperature: whether the profile's temperature is sent.
    """

    form: Form = Form.SCHEMA
    token_limit: int = 0
    temperature: bool = True

    def without_refused(self, words: str, api: Api) -> "Capabilities | None":
        """Less what a complaint names; None if it names nothing that can go."""
        options: dict[str, Sequence[Any]] = {
            "form": FORMS,
            "token_limit": range(len(TOKEN_LIMITS[api])),
            "temperature": (True, False),
        }
        for pattern, name, which in COMPLAINTS:
            left = options[name][options[name].index(getattr(self, name)) + 1 :]
            if left and pattern.search(words):
                return replace(self, **{name: left[which]})
        return None

    def plain(self) -> "Capabilities | None":
        """Without any form, for a model that says nothing under one; None if there is none already."""
        return replace(self, form=Form.TEXT) if self.form is not Form.TEXT else None


Learned = dict[tuple[Profile, str], Capabilities]
"""What was learned about (profile, model), so that it costs one request in the life of a process."""


COMPLAINTS = (
    (re.compile("temperature", re.IGNORECASE), "temperature", 0),
    (re.compile("context.?(?:length|window|size)|maximum context", re.IGNORECASE), "token_limit", -1),
    (re.compile(r"max_\w*tokens|max\w*TokenS?\b", re.IGNORECASE), "token_limit", 0),
    (
        re.compile(
            r"response.?format|text\.format|json.?(?:schema|object|mode)|structured.?output|schema|grammar|"
            r"vocabulary required for format|guided|constrained",
            re.IGNORECASE,
        ),
        "form",
        0,
    ),
)
"""What servers complain of, and what is given up for it, the first that still can be: the next option or the last."""


def complains(words: str) -> bool:
    """Whether a parameter of the request is complained of."""
    return any(pattern.search(words) for pattern, *_ in COMPLAINTS)


def body(question: Question, profile: Profile, capabilities: Capabilities) -> dict[str, Any]:
    """The parameters of a request, as the openai package names them."""
    # Not streamed, said aloud: some servers stream unless told not to.
    parameters: dict[str, Any] = {"model": question.model, "stream": False}
    if limit := TOKEN_LIMITS[profile.api][capabilities.token_limit]:
        parameters[limit] = MOST_TOKENS
    if profile.temperature is not None and capabilities.temperature:
        parameters["temperature"] = profile.temperature
    text = request(question.instruction, question.count, capabilities.form)
    image = "data:image/png;base64," + base64.b64encode(question.image).decode()
    return parameters | _BODIES[profile.api](text, image, capabilities.form)


def _chat(text: str, image: str, form: Form) -> dict[str, Any]:
    parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": image}}]
    messages = {"messages": [{"role": "user", "content": parts}]}
    formats = {
        Form.SCHEMA: {"type": "json_schema", "json_schema": _SCHEMA},
        Form.JSON: {"type": "json_object"},
    }
    return messages | ({"response_format": formats[form]} if form in formats else {})


def _responses(text: str, image: str, form: Form) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": image}]
    formats = {
        Form.SCHEMA: {"type": "json_schema", **_SCHEMA},
        Form.JSON: {"type": "json_object"},
        Form.TEXT: {"type": "text"},
    }
    # Not kept by the provider: the images may be private.
    return {"input": [{"role": "user", "content": parts}], "text": {"format": formats[form]}, "store": False}


_SCHEMA = {"name": "prompts", "strict": True, "schema": schema()}
_BODIES: dict[Api, Callable[[str, str, Form], dict[str, Any]]] = {Api.CHAT: _chat, Api.RESPONSES: _responses}
