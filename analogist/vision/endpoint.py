"""One question about one image to a vision language model, over any endpoint that speaks OpenAI's protocol.

What leaves this machine: the image, the text, the name of the model, and the key of the profile, to the profile's
address and nowhere else. What comes back is a `Reply` or a `VisionError` of one sentence that says what to do.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any, TypeVar

from . import errors
from .answers import Reply, found, read
from .errors import VisionError
from .failures import Failure, Send, loaded, redacted
from .profiles import Profile
from .protocol import LIMITS, NOTHING_ASKED, PATHS, Capabilities, Learned, Question, body
from .request import excerpt

T = TypeVar("T")


async def ask(question: Question, profile: Profile, key: str | None, learned: Learned) -> Reply:
    """Ask once, repairing and repeating the request as needed, within the profile's time limit.

    Args:
        key: as from `profiles.key`; None sends none.
        learned: read and updated.

    Raises:
        VisionError: no answer.
        RefusalError: the model declined.
    """

    async def talk(send: Send) -> Reply | Failure:
        capabilities: Capabilities | None = learned.get((profile, question.model), Capabilities(LIMITS[profile.api]))
        while capabilities:
            content = await send(PATHS[profile.api], body(question, profile, capabilities))
            outcome = content if isinstance(content, Failure) else read(content)
            if isinstance(outcome, Reply):
                learned[profile, question.model] = capabilities
                return replace(outcome, text=redacted(outcome.text, key))
            capabilities = None if outcome.kind.final else capabilities.without_refused(outcome.words)
        return outcome

    return await _outcome(talk, profile, question.model, key)


async def models(profile: Profile, key: str | None) -> dict[str, str]:
    """The models that an endpoint offers, each with the date of its end ("" where none is announced).

    Raises:
        VisionError: no answer.
    """

    async def talk(send: Send) -> dict[str, str] | Failure:
        content = await send("/models")
        if isinstance(content, Failure):
            return replace(content, kind=errors.NO_LIST) if content.status in (404, 405, 501) else content
        offered = _models(loaded(content))
        if key:
            # Lists are often public, so a question too is put to the key: one that asks nothing, which costs nothing.
            model = profile.model or next(iter(offered), "none")
            checked = await send(PATHS[profile.api], {"model": model, **NOTHING_ASKED[profile.api]})
            # A model that nobody chose may be denied to a good key.
            telling = (errors.KEY, errors.QUOTA, errors.ACCESS) if profile.model else (errors.KEY, errors.QUOTA)
            if isinstance(checked, Failure) and checked.kind in telling:
                return checked
        return offered

    return await _outcome(talk, profile, profile.model, key)


def is_offered(model: str, offered: Collection[str]) -> bool:
    """Whether a list of models has one under any of the names that endpoints take for it."""
    # Google lists "models/gemini-..." and Ollama "m:latest"; both take the name without it.
    names = {name.removeprefix("models/").removesuffix(":latest") for name in offered}
    return model.removeprefix("models/").removesuffix(":latest") in names


async def _outcome(talk: Callable[[Send], Awaitable[T | Failure]], profile: Profile, model: str, key: str | None) -> T:
    """What a talk with an endpoint comes to; its failure is raised."""
    try:
        # It imports the openai package, which takes a second; in a thread it does not hold up an interrupt.
        client: Any = await asyncio.to_thread(importlib.import_module, ".client", __package__)
    except ImportError:
        raise VisionError("The Python package openai is missing: pip install openai, and restart.") from None
    outcome: T | Failure = await client.connected(profile, key, talk)
    if isinstance(outcome, Failure):
        raise outcome.error(profile, model, key)
    return outcome


def _models(listed: Any) -> dict[str, str]:
    """The models in a list, which some servers send bare, and some as names alone."""
    entries = [*found(listed, "*"), *found(listed, "data|models.*")]
    offered = {}
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {"id": entry}
        if name := next((one for one in found(fields, "id|name|model") if isinstance(one, str) and one), None):
            end = fields.get("shutdown_date")
            offered[excerpt(name)] = excerpt(end) if isinstance(end, str) else ""
    return offered
