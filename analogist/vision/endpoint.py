"""One question about one picture to a vision language model, over any endpoint that speaks OpenAI's protocol.

What leaves this machine: the picture, the text, the name of the model, and the key of the profile, to the profile's
address and nowhere else. What comes back is a `Reply` or a `VisionError` of one sentence that says what to do.
"""

from __future__ import annotations

import asyncio
import base64
import email.utils
import importlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from .profiles import Api, Profile
from .replies import RefusalError
from .request import Form, excerpt, request, schema

MOST_TOKENS = 4096
"""Asked of the model. A prompt has ten; the rest is room for models that think first."""
MOST_BYTES = 2**22
"""Of a response; a list of hundreds of models has a million. A longer one is refused while it comes."""
ATTEMPTS = 3
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 86_400.0
# The last one tells the openai package itself, on the way back, to hand out the response as it is.
_HEADERS = (
    "host",
    "accept",
    "accept-encoding",
    "connection",
    "content-type",
    "content-length",
    "user-agent",
    "x-stainless-raw-response",
)
_TOKEN_LIMITS = {Api.CHAT: ("max_tokens", "max_completion_tokens", ""), Api.RESPONSES: ("max_output_tokens", "")}
_FORMS = tuple(Form)
_T = TypeVar("_T")


class VisionError(RuntimeError):
    """No answer. One sentence that says what to do; it holds neither the key nor anything that holds it."""


@dataclass(frozen=True)
class Question:
    """What is asked: a PNG picture, the instruction, how many prompts, and the model."""

    picture: bytes
    instruction: str
    count: int
    model: str


@dataclass(frozen=True)
class Reply:
    """The model's text, and the tokens of question and answer where the endpoint counts them."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Dialect:
    """What an endpoint takes for a model: it starts with everything, and a repair takes away what was refused."""

    form: Form = Form.SCHEMA
    token_limit: int = 0
    temperature: bool = True


Dialects = dict[tuple[Profile, str], Dialect]
"""What was learned about (profile, model), so that a repair costs one request in the life of a process."""


async def ask(question: Question, profile: Profile, key: str | None, dialects: Dialects) -> Reply:
    """Ask once, repairing and repeating the request as needed, within the profile's time limit.

    Args:
        key: as from `profiles.key`; None sends none.
        dialects: read and updated.

    Raises:
        VisionError: no answer.
        RefusalError: the model declined.
    """
    conversation = _Conversation(question, profile, key, time.monotonic() + profile.timeout)
    return await conversation.in_time(conversation.run(dialects))


async def models(profile: Profile, key: str | None) -> dict[str, str]:
    """The models that an endpoint offers, each with the date of its end ("" where none is announced).

    Raises:
        VisionError: no answer.
    """
    conversation = _Conversation(Question(b"", "", 0, ""), profile, key, time.monotonic() + profile.timeout)
    data = await conversation.in_time(conversation.send(lambda client: client.models.with_raw_response.list()))
    entries = _dicts(data.get("data"))
    return {excerpt(_text(entry.get("id"))): excerpt(_text(entry.get("shutdown_date"))) for entry in entries}


class _FailedError(VisionError):
    """A failed request: what to say, how long to wait before repeating it (None: never), and what was complained of."""

    def __init__(self, sentence: str, pause: float | None = None, complaint: str = "") -> None:
        super().__init__(sentence)
        self.pause = pause
        self.complaint = complaint


class _TooLongError(Exception):
    """The response went past `MOST_BYTES`."""


@dataclass(frozen=True)
class _Conversation:
    question: Question
    profile: Profile
    key: str | None
    end: float

    @property
    def where(self) -> str:
        return f"The profile {self.profile.name!r} ({self.profile.host})"

    async def in_time(self, work: Coroutine[Any, Any, _T]) -> _T:
        """The result of `work`, if it comes within the profile's time limit."""
        with suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(work, self.profile.timeout)
        raise VisionError(
            f"{self.where} gave no complete answer within {self.profile.timeout:g} seconds: try again, choose a faster "
            "model, or raise the timeout of the profile."
        )

    async def run(self, dialects: Dialects) -> Reply:
        """Ask in the dialect that is known, and in simpler ones as long as the endpoint complains of a parameter."""
        dialect = dialects.get((self.profile, self.question.model), Dialect())
        while True:
            outcome = await self._send(partial(self._create, body=self._body(dialect)))
            if not isinstance(outcome, _FailedError):
                dialects[self.profile, self.question.model] = dialect
                return self._reply(outcome)
            simpler = _repaired(dialect, outcome.complaint, self.profile.api)
            if simpler is None:
                raise outcome
            dialect = simpler

    async def send(self, call: Callable[[Any], Any]) -> dict[str, Any]:
        """Send a request; its JSON."""
        outcome = await self._send(call)
        if isinstance(outcome, _FailedError):
            raise outcome
        return outcome

    async def _send(self, call: Callable[[Any], Any]) -> dict[str, Any] | _FailedError:
        """Send a request, again after a pause if the endpoint is busy or the line broke."""
        for attempt in range(ATTEMPTS):
            outcome = await self._send_once(call)
            if not isinstance(outcome, _FailedError) or outcome.pause is None:
                break
            pause = max(outcome.pause, _FIRST_PAUSE * 2**attempt)
            if attempt + 1 == ATTEMPTS or time.monotonic() + pause > self.end:
                break
            await asyncio.sleep(pause)
        return outcome

    async def _send_once(self, call: Callable[[Any], Any]) -> dict[str, Any] | _FailedError:
        # A failure is returned, and raised where no exception of the openai package is in sight: those carry the
        # request, and that carries the key.
        # The import takes a second or more; in a thread it does not hold up an interrupt.
        try:
            openai = await asyncio.to_thread(importlib.import_module, "openai")
        except ImportError:
            return _FailedError(
                "The Python package openai is missing: install it (pip install openai) and start again."
            )
        try:
            http_client = _client(openai, self.profile, self.key)
        except (ImportError, ValueError):  # Their words may hold the proxy's password.
            return _FailedError(
                f"{self.where} cannot be reached through the proxy that the environment names: correct "
                "HTTPS_PROXY or ALL_PROXY, or install the Python package socksio for a SOCKS proxy."
            )
        async with openai.AsyncOpenAI(
            base_url=self.profile.endpoint,
            api_key=self.key or "none",
            max_retries=0,
            timeout=self.profile.timeout,
            http_client=http_client,
        ) as client:
            try:
                response = await call(client)
            except openai.APIStatusError as error:
                return self._status(error.response)
            except openai.APITimeoutError:
                raise asyncio.TimeoutError from None
            except (openai.APIConnectionError, _TooLongError) as error:
                return self._broken(error)
        return self._json(response.http_response.content)

    def _create(self, client: Any, body: dict[str, Any]) -> Any:
        resource = client.responses if self.profile.api is Api.RESPONSES else client.chat.completions
        return resource.with_raw_response.create(**body)

    def _body(self, dialect: Dialect) -> dict[str, Any]:
        question, api = self.question, self.profile.api
        text = request(question.instruction, question.count, dialect.form)
        picture = "data:image/png;base64," + base64.b64encode(question.picture).decode()
        body: dict[str, Any] = {"model": question.model}
        if limit := _TOKEN_LIMITS[api][dialect.token_limit]:
            body[limit] = MOST_TOKENS
        if self.profile.temperature is not None and dialect.temperature:
            body["temperature"] = self.profile.temperature
        if api is Api.RESPONSES:
            content = [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": picture}]
            form = {
                Form.SCHEMA: {"type": "json_schema", "name": "prompts", "strict": True, "schema": schema()},
                Form.JSON: {"type": "json_object"},
                Form.TEXT: {"type": "text"},
            }[dialect.form]
            # Not kept by the provider: the pictures may be private.
            return {**body, "input": [{"role": "user", "content": content}], "text": {"format": form}, "store": False}
        parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": picture}}]
        body["messages"] = [{"role": "user", "content": parts}]
        if dialect.form is Form.SCHEMA:
            named = {"name": "prompts", "strict": True, "schema": schema()}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        elif dialect.form is Form.JSON:
            body["response_format"] = {"type": "json_object"}
        return body

    def _json(self, content: bytes) -> dict[str, Any] | _FailedError:
        data = _loaded(content)
        if not isinstance(data, dict):
            return _FailedError(
                f"{self.where} answered with something that is not JSON or not all of it: "
                f'"{self._message(content)}" Try again, or check the base_url of the profile.'
            )
        if data.get("error"):  # OpenRouter and others report errors of the model behind them with status 200.
            return _FailedError(
                f'{self.where} reports an error: "{self._message(content)}" Try again or choose another model.'
            )
        return data

    def _reply(self, data: dict[str, Any]) -> Reply:
        text, refusal, end = (_of_responses if self.profile.api is Api.RESPONSES else _of_chat)(data)
        if refusal:
            raise RefusalError(
                f'The model refused: "{self._quoted(refusal)}" Try another model or instruction, or type the prompt by '
                "hand."
            )
        if "filter" in end:
            raise RefusalError(
                f"{self.where} withheld the answer: its content filter objects to the picture or the answer. Try "
                "another model, or type the prompt by hand."
            )
        if not text.strip():
            thinking = " within its limit of tokens: choose a model that thinks less" if "length" in end else ""
            raise VisionError(f"{self.where} sent an answer without text{thinking or ': try again or another model'}.")
        usage = data.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        return Reply(
            self._redacted(text),
            _number(counts.get("prompt_tokens", counts.get("input_tokens"))),
            _number(counts.get("completion_tokens", counts.get("output_tokens"))),
        )

    def _status(self, response: Any) -> _FailedError:
        """What a status of 300 or more means, in a sentence."""
        status, where, model = response.status_code, self.where, self.question.model
        words = self._message(response.content)
        said = f' It said: "{words}"' if words else ""
        if status == 401 or (status == 400 and re.search("api.?key", words, re.IGNORECASE)):  # The second is Google.
            # Some endpoints quote the key here.
            places = " or ".join(filter(None, (self.profile.key_variable, self.profile.key_file)))
            return _FailedError(
                f"{where} does not accept the key ({status}): check {places or 'whether it needs one'}."
            )
        if status in (402, 403):
            return _FailedError(
                f"{where} does not allow this request ({status}): check the account and whether its key may use "
                f"{model!r}.{said}"
            )
        if status == 404 and not model:
            return _FailedError(f"{where} has no list of models (404): check the base_url of the profile.{said}")
        if status == 404:
            return _FailedError(
                f"{where} knows no model {model!r}, or its base_url is wrong (404): choose a model that it offers; "
                f'"python -m analogist profiles test {self.profile.name}" lists them.{said}'
            )
        if status in (400, 422):
            return _FailedError(
                f"{where} does not accept the request ({status}): choose a model that sees pictures.{said}",
                complaint=response.text,
            )
        if status == 413:
            return _FailedError(f"{where} finds the picture too large (413): make a grid of smaller cells.{said}")
        if status == 429:
            spent = "insufficient_quota" in response.text
            pause = _retry_after(response.headers.get("retry-after"))
            when = f"in {pause:.0f} seconds" if pause else "later"
            advice = "add credit to the account" if spent else f"try again {when}"
            return _FailedError(
                f"{where} takes no more requests for now (429): {advice}.{said}", None if spent else pause or 0
            )
        if status >= 500 or status in (408, 409):
            pause = _retry_after(response.headers.get("retry-after"))
            return _FailedError(f"{where} is in trouble ({status}): try again later.{said}", pause or 0)
        return _FailedError(
            f"{where} redirects to another address or answers strangely ({status}), and a key is not sent there: "
            "correct the base_url of the profile."
        )

    def _broken(self, error: BaseException) -> _FailedError:
        if any(isinstance(cause, _TooLongError) for cause in _causes(error)):
            return _FailedError(
                f"{self.where} sent an answer of more than {MOST_BYTES // 1024} KB, which no prompt needs: choose "
                "another model."
            )
        names = {type(cause).__name__ for cause in _causes(error)}
        if names & {"ConnectError", "ConnectTimeout"}:
            advice = (
                "is its server running?" if self.profile.is_local else "check the network and the profile's base_url."
            )
            return _FailedError(f"{self.where} cannot be reached: {advice}", 0)
        return _FailedError(f"{self.where} broke off the connection: try again later.", 0)

    def _message(self, content: bytes) -> str:
        """The message of a failed response where it has one, else its beginning; for a sentence."""
        words = _loaded(content)
        if isinstance(words, list):  # Google's errors stand in a list.
            words = next(iter(_dicts(words)), None)
        if isinstance(words, dict):
            words = words.get("error", words)
        if isinstance(words, dict):
            words = words.get("message") or words.get("detail")
        return self._quoted(words if isinstance(words, str) else content[:4000].decode("utf-8", "replace"))

    def _quoted(self, words: str) -> str:
        """A stranger's words for a sentence: short, on one line, and without the key."""
        return excerpt(self._redacted(words)).replace('"', "'")

    def _redacted(self, text: str) -> str:
        """A text without the key; and without the words that quote the beginning or the end of one."""
        if not self.key or len(self.key) < 8:  # "none", "token": what people give local servers is an ordinary word.
            return text
        text = text.replace(self.key, "[key]")
        if len(self.key) < 16:
            return text
        ends = (self.key[:8], self.key[-8:])
        return " ".join("[key]" if any(end in word for end in ends) else word for word in text.split(" "))


def _client(openai: Any, profile: Profile, key: str | None) -> Any:
    """The openai package's HTTP client, held to what we mean to send and to receive.

    Args:
        openai: the package, which is imported when the first question is asked and not before.
    """

    class Client(openai.DefaultAsyncHttpxClient):
        async def send(self, request: Any, *, stream: bool = False, **kwargs: Any) -> Any:
            # The openai package would add what OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS hold,
            # whatever the address, and OPENAI_API_KEY where there is no key.
            for name in [name for name in request.headers if name.lower() not in _HEADERS]:
                del request.headers[name]
            if key:
                request.headers["Authorization"] = f"Bearer {key}"
            # Nothing compressed is taken: a few packed kilobytes can hold gigabytes.
            request.headers["Accept-Encoding"] = "identity"
            response = await super().send(request, stream=True, **kwargs)
            try:
                content = b"".join([part async for part in _limited(response)])
            finally:
                await response.aclose()
            # The others say how to unpack and to decode the content, and are a stranger's.
            headers = {name: value for name, value in response.headers.items() if name == "retry-after"}
            return type(response)(response.status_code, headers=headers, content=content, request=request)

    # Through a proxy of the environment a key for this machine would travel to another one in plain text.
    return Client(timeout=profile.timeout, follow_redirects=False, trust_env=not profile.is_local)


async def _limited(response: Any) -> AsyncIterator[bytes]:
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > MOST_BYTES:
            raise _TooLongError
        yield part


def _repaired(dialect: Dialect, complaint: str, api: Api) -> Dialect | None:
    """A dialect without the parameter that a complaint names; None if it names none that can go."""
    said = complaint.lower()
    if "temperature" in said and dialect.temperature:
        return replace(dialect, temperature=False)
    if "max_" in said and "tokens" in said and dialect.token_limit + 1 < len(_TOKEN_LIMITS[api]):
        return replace(dialect, token_limit=dialect.token_limit + 1)
    names = ("response_format", "text.format", "json_schema", "json_object", "structured output", "json mode", "schema")
    if any(name in said for name in names) and dialect.form is not Form.TEXT:
        return replace(dialect, form=_FORMS[_FORMS.index(dialect.form) + 1])
    return None


def _of_chat(data: dict[str, Any]) -> tuple[str, str, str]:
    """Text, refusal and the reason for the end, of a chat completion."""
    choice = next(iter(_dicts(data.get("choices"))), {})
    message = next(iter(_dicts([choice.get("message")])), {})
    content = message.get("content")
    text = "".join(_text(part.get("text")) for part in _dicts(content)) or _text(content)
    return text, _text(message.get("refusal")), _text(choice.get("finish_reason"))


def _of_responses(data: dict[str, Any]) -> tuple[str, str, str]:
    """Text, refusal and the reason for the end, of a Responses answer."""
    messages = [item for item in _dicts(data.get("output")) if item.get("type") == "message"]
    parts = [part for message in messages for part in _dicts(message.get("content"))]
    text = "".join(_text(part.get("text")) for part in parts if part.get("type") == "output_text")
    refusal = "".join(_text(part.get("refusal")) for part in parts if part.get("type") == "refusal")
    details = next(iter(_dicts([data.get("incomplete_details")])), {})
    reason = _text(details.get("reason"))
    return text, refusal, "length" if reason == "max_output_tokens" else reason


def _loaded(content: bytes) -> Any:
    """The JSON of a response; None where it holds none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, which holds a number or a date; None for anything else."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(0.0, seconds), _LONGEST_PAUSE)  # In this order it is 0 for NaN.
