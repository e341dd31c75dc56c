"""One question about one image to a vision language model, over any endpoint that speaks OpenAI's protocol.

What leaves this machine: the image, the text, the name of the model, and the key of the profile, to the profile's
address and nowhere else. What comes back is a `Reply` or a `VisionError` of one sentence that says what to do.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from . import errors
from .answers import Reply, found, loaded, read
from .errors import Failure, SilentError, VisionError, classified, redacted, response_failure
from .profiles import Api, Profile
from .protocol import Capabilities, Learned, Question, body
from .request import excerpt

_T = TypeVar("_T")
Send = Callable[..., Awaitable["bytes | Failure"]]
"""Sends a request: a method of the openai package's client, and its parameters."""
CREATE: dict[Api, Callable[[Any], Any]] = {
    Api.CHAT: lambda client: client.chat.completions.with_raw_response.create,
    Api.RESPONSES: lambda client: client.responses.with_raw_response.create,
}
NOTHING_ASKED: dict[Api, dict[str, Any]] = {Api.CHAT: {"messages": []}, Api.RESPONSES: {"input": []}}


async def ask(question: Question, profile: Profile, key: str | None, learned: Learned) -> Reply:
    """Ask once, repairing and repeating the request as needed, within the profile's time limit.

    Args:
        key: as from `profiles.key`; None sends none.
        learned: read and updated.

    Raises:
        VisionError: no answer.
        RefusalError: the model declined.
    """
    capabilities, emptied = learned.get((profile, question.model), Capabilities()), False
    create = CREATE[profile.api]

    async def conversation(send: Send) -> Reply:
        nonlocal capabilities, emptied
        while True:
            outcome = _judged(await send(create, **body(question, profile, capabilities)))
            if isinstance(outcome, Reply):
                learned[profile, question.model] = capabilities
                return replace(outcome, text=redacted(outcome.text, key))
            if outcome.kind is errors.EMPTY and not emptied:
                simpler, emptied = capabilities.plain(), True
            else:
                simpler = None if outcome.kind.final else capabilities.without_refused(outcome.words, profile.api)
            if simpler is None:
                raise outcome.error(profile, question.model, key)
            capabilities = simpler

    return await _held(conversation, profile, key)


async def models(profile: Profile, key: str | None) -> dict[str, str]:
    """The models that an endpoint offers, each with the date of its end ("" where none is announced).

    Raises:
        VisionError: no answer.
    """

    async def conversation(send: Send) -> dict[str, str]:
        content = await send(lambda client: client.models.with_raw_response.list)
        if isinstance(content, Failure):
            kind = errors.NO_LIST if content.status == 404 else content.kind
            raise replace(content, kind=kind).error(profile, profile.model, key)
        offered = _models(loaded(content))
        if key:
            # Lists are often public, so a question too is put to the key: one that asks nothing, which costs nothing.
            model = profile.model or next(iter(offered), "none")
            checked = await send(CREATE[profile.api], model=model, **NOTHING_ASKED[profile.api])
            if isinstance(checked, Failure) and checked.kind in (errors.KEY, errors.QUOTA):
                raise checked.error(profile, profile.model, key)
        return offered

    return await _held(conversation, profile, key)


def is_offered(model: str, offered: Collection[str]) -> bool:
    """Whether a list of models has one under any of the names that endpoints take for it."""
    # Google lists "models/gemini-..." and Ollama "m:latest"; both take the name without it.
    names = {name.removeprefix("models/").removesuffix(":latest") for name in offered}
    return model.removeprefix("models/").removesuffix(":latest") in names


async def _held(conversation: Callable[[Send], Awaitable[_T]], profile: Profile, key: str | None) -> _T:
    """The result of a conversation over one client, if it comes within the profile's time limit."""
    try:
        # It imports the openai package, which takes a second; in a thread it does not hold up an interrupt.
        module = await asyncio.to_thread(importlib.import_module, ".client", __package__)
    except ImportError:
        raise VisionError(
            "The Python package openai is missing: install it (pip install openai) and restart."
        ) from None
    client = module.connect(profile, key)
    if isinstance(client, errors.Kind):
        raise Failure(client).error(profile, "", key)

    async def send(method: Callable[[Any], Any], **parameters: Any) -> bytes | Failure:
        return await module.exchange(lambda: method(client)(**parameters), profile)

    with suppress(asyncio.TimeoutError):
        async with client:
            return await asyncio.wait_for(conversation(send), profile.timeout)
    raise SilentError(
        f"The profile {profile.name!r} ({profile.host}) did not reply within {profile.timeout:g} seconds: "
        "try again, choose a faster model, or raise the timeout of the profile."
    )


def _judged(content: bytes | Failure) -> Reply | Failure:
    """The reply in the content of a response, or what is wrong with it."""
    if isinstance(content, Failure):
        return content
    answer = read(content)
    if answer is None:
        return Failure(errors.NOT_JSON, message=content[:4000].decode("utf-8", "replace"))
    if answer.error:
        return response_failure(answer.status, answer.error, content)
    if answer.refusal:
        return Failure(errors.DECLINED, message=answer.refusal)
    if "filter" in answer.end or classified(200, answer.end) is errors.FILTER:
        return Failure(errors.FILTER)
    if answer.reply.text.strip():
        return answer.reply
    cut = answer.end in ("length", "max_output_tokens", "max_tokens")
    return Failure(errors.UNFINISHED if cut else errors.EMPTY)


def _models(listed: Any) -> dict[str, str]:
    """The models in a list, which some servers send bare, and some as names alone."""
    entries = [*(listed if isinstance(listed, list) else ()), *found(listed, "data|models.*")]
    offered = {}
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {"id": entry}
        name = next((one for one in found(fields, "id|name|model") if isinstance(one, str) and one), None)
        if name:
            end = fields.get("shutdown_date")
            offered[excerpt(name)] = excerpt(end) if isinstance(end, str) else ""
    return offered
