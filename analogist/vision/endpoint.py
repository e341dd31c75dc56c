"""One question about one image to a vision language model, over any endpoint that speaks OpenAI's protocol.

What leaves this machine: the image, the text, the name of the model, and the key of the profile, to the profile's
address and nowhere else. What comes back is a `Reply` or a `VisionError` of one sentence that says what to do.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import errors
from .answers import Reply, found, read
from .errors import VisionError
from .failures import Failure, loaded, redacted
from .profiles import Profile
from .protocol import LIMITS, NOTHING_ASKED, PATHS, Capabilities, Learned, Question, body
from .request import excerpt

if TYPE_CHECKING:
    from .client import Send


async def ask(question: Question, profile: Profile, key: str | None, learned: Learned) -> Reply:
    """Ask once, repairing and repeating the request as needed, within the profile's time limit.

    Args:
        key: as from `profiles.key`; None sends none.
        learned: read and updated.

    Raises:
        VisionError: no answer.
        RefusalError: the model declined.
    """
    capabilities = learned.get((profile, question.model), Capabilities(LIMITS[profile.api]))
    async with await _connected(profile, key) as send:
        while True:
            content = await send(PATHS[profile.api], body(question, profile, capabilities))
            outcome = content if isinstance(content, Failure) else read(content)
            if isinstance(outcome, Reply):
                learned[profile, question.model] = capabilities
                return replace(outcome, text=redacted(outcome.text, key))
            simpler = None if outcome.kind.final else capabilities.without_refused(outcome.words)
            if simpler is None:
                raise outcome.error(profile, question.model, key)
            capabilities = simpler
    raise Failure(errors.SILENT).error(profile, question.model, key)


async def models(profile: Profile, key: str | None) -> dict[str, str]:
    """The models that an endpoint offers, each with the date of its end ("" where none is announced).

    Raises:
        VisionError: no answer.
    """
    async with await _connected(profile, key) as send:
        content = await send("/models")
        if isinstance(content, Failure):
            kind = errors.NO_LIST if content.status == 404 else content.kind
            raise replace(content, kind=kind).error(profile, profile.model, key)
        offered = _models(loaded(content))
        if key:
            # Lists are often public, so a question too is put to the key: one that asks nothing, which costs nothing.
            model = profile.model or next(iter(offered), "none")
            checked = await send(PATHS[profile.api], {"model": model, **NOTHING_ASKED[profile.api]})
            if isinstance(checked, Failure) and checked.kind in (errors.KEY, errors.QUOTA):
                raise checked.error(profile, profile.model, key)
        return offered
    raise Failure(errors.SILENT).error(profile, profile.model, key)


def is_offered(model: str, offered: Collection[str]) -> bool:
    """Whether a list of models has one under any of the names that endpoints take for it."""
    # Google lists "models/gemini-..." and Ollama "m:latest"; both take the name without it.
    names = {name.removeprefix("models/").removesuffix(":latest") for name in offered}
    return model.removeprefix("models/").removesuffix(":latest") in names


async def _connected(profile: Profile, key: str | None) -> AbstractAsyncContextManager[Send]:
    """A connection for the time of a conversation; see `client.connected`."""
    try:
        # It imports the openai package, which takes a second; in a thread it does not hold up an interrupt.
        client: Any = await asyncio.to_thread(importlib.import_module, ".client", __package__)
    except ImportError:
        raise VisionError(
            "The Python package openai is missing: install it (pip install openai) and restart."
        ) from None
    return client.connected(profile, key)


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
