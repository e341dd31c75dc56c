"""A question in the two protocols, and what an endpoint was found not to take of it."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .profiles import Api, Profile
from .request import Form, request
from .request import schema as answer_schema

MOST_TOKENS = 4096
"""Asked of the model. A prompt has ten; the rest is room for models that think first."""
PATHS = {Api.CHAT: "/chat/completions", Api.RESPONSES: "/responses"}
LIMITS = {Api.CHAT: ("max_tokens", "max_completion_tokens", ""), Api.RESPONSES: ("max_output_tokens", "")}
"""How the limit of tokens may be named; "" for no limit."""
NOTHING_ASKED: dict[Api, dict[str, Any]] = {Api.CHAT: {"messages": []}, Api.RESPONSES: {"input": []}}


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
        limits: how the limit of tokens may be named. The first is in use, as of the others.
        forms: how the answer may be held to a form.
        temperatures: whether the profile's temperature is sent.
    """

    limits: Sequence[str]
    forms: Sequence[Form] = tuple(Form)
    temperatures: Sequence[bool] = (True, False)

    @property
    def form(self) -> Form:
        return self.forms[0]

    def without_refused(self, words: str) -> "Capabilities | None":
        """Less what a complaint names; None if it names nothing that can go."""
        for pattern, name, left in COMPLAINTS:
            options = getattr(self, name)
            if len(options) > 1 and re.search(pattern, words, re.IGNORECASE):
                return replace(self, **{name: options[left:]})
        return None


Learned = dict[tuple[Profile, str], Capabilities]
"""What was learned about (profile, model), so that it costs one request in the life of a process."""


EMPTY_UNDER_FORM = "an empty reply"
"""In a server's place; some models say nothing under any form."""
COMPLAINTS = (
    (r"temperature", "temperatures", 1),
    (r"context.?(?:length|window|size)|maximum context", "limits", -1),
    (r"max\w*tokens?", "limits", 1),
    (r"(?:response.?|text\.|required for )format|json.?(?:object|mode)|structured.?output", "forms", 1),
    (r"schema|grammar|guided|constrained", "forms", 1),
    (f"^{EMPTY_UNDER_FORM}$", "forms", -1),
)
"""What servers complain of, and the first of the options that are left then: the next, or only the last."""


def complains(words: str) -> bool:
    """Whether a parameter of the request is complained of."""
    return any(re.search(pattern, words, re.IGNORECASE) for pattern, *_ in COMPLAINTS)


def body(question: Question, profile: Profile, capabilities: Capabilities) -> dict[str, Any]:
    """The parameters of a request, as the openai package names them."""
    # Not streamed, said aloud: some servers stream unless told not to.
    parameters: dict[str, Any] = {"model": question.model, "stream": False}
    if limit := capabilities.limits[0]:
        parameters[limit] = MOST_TOKENS
    if profile.temperature is not None and capabilities.temperatures[0]:
        parameters["temperature"] = profile.temperature
    text = request(question.instruction, question.count, capabilities.form)
    image = "data:image/png;base64," + base64.b64encode(question.image).decode()
    kind = capabilities.form.value
    schema = {"name": "prompts", "strict": True, "schema": answer_schema()} if kind == "json_schema" else {}
    if profile.api is Api.RESPONSES:
        content: list[Any] = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": image}]
        form = {"text": {"format": {"type": kind, **schema}}}
        # Not kept by the provider: the images may be private.
        return parameters | form | {"input": [{"role": "user", "content": content}], "store": False}
    if capabilities.form is not Form.TEXT:
        parameters["response_format"] = {"type": kind} | ({"json_schema": schema} if schema else {})
    content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": image}}]
    return parameters | {"messages": [{"role": "user", "content": content}]}
