"""One question about one image to a vision language model, over any endpoint that speaks OpenAI's protocol.

What leaves this machine: the image, the text, the name of the model, and the key of the profile, to the profile's
address and nowhere else. What comes back is a `Reply` or a `VisionError` of one sentence that says what to do.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from . import errors
from .answers import Answer, Reply, loaded, read
from .errors import Failure, VisionError, classified, redacted, response_failure
from .profiles import Api, Profile
from .protocol import Capabilities, Learned, Question, body
from .request import excerpt

_T = TypeVar("_T")
_NOTHING_ASKED: dict[Api, dict[str, Any]] = {Api.CHAT: {"messages": []}, Api.RESPONSES: {"input": []}}


async def ask(question: Question, profile: Profile, key: str | None, learned: Learned) -> Reply:
    """Ask once, repairing and repeating the request as needed, within the profile's time limit.

    Args:
        key: as from `profiles.key`; None sends none.
        learned: read and updated.

    Raises:
        VisionError: no answer.
        RefusalError: the model declined.
    """
    return await _in_time(_asked(question, profile, key, learned), profile)


async def models(profile: Profile, key: str | None) -> dict[str, str]:
    """The models that an endpoint offers, each with the date of its end ("" where none is announced).

    Raises:
        VisionError: no answer.
    """
    return await _in_time(_listed(profile, key), profile)


def is_offered(model: str, offered: Collection[str]) -> bool:
    """Whether a list of models has one under any of the names that endpoints take for it."""
    # Google lists "models/gemini-..." and Ollama "m:latest"; both take the name without it.
    names = {name.removeprefix("models/").removesuffix(":latest") for name in offered}
    return model.removeprefix("models/").removesuffix(":latest") in names


async def _asked(question: Question, profile: Profile, key: str | None, learned: Learned) -> Reply:
    capabilities = learned.get((profile, question.model), Capabilities())
    emptied = False
    async with _connected(profile, key) as send:
        while True:
            outcome = _judged(await send(_create(profile.api), **body(question, profile, capabilities)))
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


async def _listed(profile: Profile, key: str | None) -> dict[str, str]:
    async with _connected(profile, key) as send:
        content = await send(lambda client: client.models.with_raw_response.list)
        if isinstance(content, Failure):
            raise _of_a_list(content).error(profile, profile.model, key)
        offered = _models(content)
        if key:
            # Lists are often public, so a question too is put to the key: one that asks nothing, which costs nothing.
            model = profile.model or next(iter(offered), "none")
            checked = await send(_create(profile.api), model=model, **_NOTHING_ASKED[profile.api])
            if isinstance(checked, Failure) and checked.kind in (errors.KEY, errors.QUOTA):
                raise checked.error(profile, profile.model, key)
    return offered


def _create(api: Api) -> Callable[[Any], Any]:
    if api is Api.RESPONSES:
        return lambda client: client.responses.with_raw_response.create
    return lambda client: client.chat.completions.with_raw_response.create


@asynccontextmanager
async def _connected(profile: Profile, key: str | None) -> AsyncIterator[Callable[..., Coroutine[Any, Any, Any]]]:
    """A function that sends a request over one client: its content, or a `Failure`."""
    try:
        # It imports the openai package, which takes a second; in a thread it does not hold up an interrupt.
        module = await asyncio.to_thread(importlib.import_module, ".client", __package__)
    except ImportError:
        raise VisionError(
            "The Python package openai is missing: install it (pip install openai) and start again."
        ) from None
    try:
        client = module.connect(profile, key)
    except module.UnusableError as error:
        unusable = Failure(error.kind)
    else:
        async with client:
            yield lambda method, **parameters: module.exchange(lambda: method(client)(**parameters), profile)
        return
    raise unusable.error(profile, "", key)


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
    return Failure(errors.UNFINISHED if _is_cut(answer) else errors.EMPTY)


def _is_cut(answer: Answer) -> bool:
    return answer.end in ("length", "max_output_tokens", "max_tokens")


def _of_a_list(failure: Failure) -> Failure:
    return replace(failure, kind=errors.NO_LIST) if failure.status == 404 else failure


def _models(content: bytes) -> dict[str, str]:
    """The models in a list, which some servers send bare, and some as names alone."""
    body = loaded(content)
    entries = body if isinstance(body, list) else []
    if isinstance(body, dict):
        entries = next((body[name] for name in ("data", "models") if isinstance(body.get(name), list)), [])
    offered = {}
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {"id": entry}
        name = next((fields[place] for place in ("id", "name", "model") if isinstance(fields.get(place), str)), None)
        if name:
            end = fields.get("shutdown_date")
            offered[excerpt(name)] = excerpt(end) if isinstance(end, str) else ""
    return offered


async def _in_time(work: Coroutine[Any, Any, _T], profile: Profile) -> _T:
    """The result of `work`, if it comes within the profile's time limit."""
    with suppress(asyncio.TimeoutError):
        return await asyncio.wait_for(work, profile.timeout)
    raise VisionError(
        f"The profile {profile.name!r} ({profile.host}) gave no complete answer within {profile.timeout:g} seconds: "
        "try again, choose a faster model, or raise the timeout of the profile."
    )
