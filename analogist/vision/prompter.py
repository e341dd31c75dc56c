"""From a marked grid to prompts for B': the request, the cache, the vision model and the reading of its reply."""

import asyncio
import hashlib
import io
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from PIL import Image
from PIL.Image import Resampling

from . import endpoint, profiles
from .answers import Reply
from .cache import PromptCache
from .profiles import Profile, ProfileError
from .protocol import Learned, Question
from .replies import Answer, parse
from .request import MOST_INSTRUCTION, MOST_PROMPTS, checked, instruction

LONGEST_SIDE = 1024
"""Pixels of the image that is sent, as PNG; larger grids are made smaller. Vision models look at no more."""


@dataclass(frozen=True)
class PromptRequest:
    """What the user asks for.

    Attributes:
        profile: name of a profile.
        model: name of a model; empty for the profile's own.
        count: number of prompts.
        instruction: what the model is told.
        seed: tells requests apart and has no other meaning: a new seed sends a new request.
    """

    profile: str
    model: str = ""
    count: int = 1
    instruction: str = instruction()
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_PROMPTS:
            raise ValueError(f"expected 1 to {MOST_PROMPTS} prompts, got {self.count}")
        checked("instruction", self.instruction, MOST_INSTRUCTION)
        if not self.instruction.strip():
            raise ValueError("The instruction is empty: say what the model should do with the image.")
        if self.model:
            profiles.checked_model(self.model)

    def identity(self, image: Image.Image, profile: Profile) -> dict[str, Any]:
        """All that decides the answer, by which the cache and a table know whether a request is the same."""
        return {
            "picture": hashlib.sha256(f"{image.size}{image.mode}".encode() + image.tobytes()).hexdigest(),
            "instruction": self.instruction,
            "count": self.count,
            "model": self.model or profile.model,
            "profile": profile.name,
            "endpoint": profile.endpoint,
            "seed": self.seed,
        }


@dataclass(frozen=True)
class PromptResult:
    """Prompts, with what they cost and where they come from."""

    answer: Answer
    reply: Reply
    profile: Profile
    model: str
    from_cache: bool

    def summary(self) -> str:
        """What a user wants to see beside the prompts: the reading, the model, the tokens, the cache."""
        reply, lines = self.reply, []
        if self.answer.change:
            lines.append(f"Change from A to A': {self.answer.change}")
        if self.answer.alignment:
            lines.append(f"Aligned: {self.answer.alignment}")
        counted = reply.input_tokens is not None and reply.output_tokens is not None
        tokens = f"{reply.input_tokens} + {reply.output_tokens} tokens" if counted else "tokens not counted"
        source = f"from the cache, nothing was sent; it cost {tokens}" if self.from_cache else tokens
        return "\n".join([*lines, f"{self.profile.name}, {self.model}: {source}"])


@dataclass
class _Queue:
    """The requests to one endpoint that wait at the same time."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0
    failure: Exception | None = None


class Prompter:
    """Asks vision models on behalf of one process: one request after the other to each endpoint."""

    def __init__(self) -> None:
        self._learned: Learned = {}
        # A lock belongs to one event loop, and ComfyUI has a loop for every run of a graph.
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, defaultdict[str, _Queue]] = WeakKeyDictionary()

    async def infer(self, image: Image.Image, request: PromptRequest, directory: Path) -> PromptResult:
        """Ask a vision model for prompts, or read its earlier answer to the same request.

        Args:
            image: the marked grid, RGB.
            directory: where the owner's profiles and keys are, and the cache; see `profiles`.

        Raises:
            ProfileError: the profile, its key or the model is missing.
            ReplyError: the model declined, or its reply holds no prompt. Nothing is cached.
            VisionError: the endpoint gave no answer.
        """
        profile = profiles.find(request.profile, directory)
        model = request.model or profile.model
        if not model:
            raise ProfileError(f"The profile {profile.name!r} has no default model: enter a model of its endpoint.")
        cache = PromptCache(directory / "cache")
        identity = request.identity(image, profile)
        if kept := _reply(cache.get(identity)):
            return PromptResult(parse(kept.text, request.count), kept, profile, model, from_cache=True)
        key = profiles.key(profile, directory)
        question = Question(png(image), request.instruction, request.count, model)
        reply = await endpoint.ask(question, profile, key, self._learned)
        answer = parse(reply.text, request.count)
        counts = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
        cache.put(identity, {"text": reply.text, **counts})
        return PromptResult(answer, reply, profile, model, from_cache=False)

    async def infer_in_turn(self, image: Image.Image, request: PromptRequest, directory: Path) -> PromptResult:
        """As `infer`, one request at a time, so that identical ones are sent once; and none after one that failed.

        What failed counts as long as others wait behind it: they were started together, as by a graph with a list of
        grids, whose run ends with the first failure.
        """
        queues = self._queues.setdefault(asyncio.get_running_loop(), defaultdict(_Queue))
        queue = queues[request.profile]
        if not queue.length:
            queue.failure = None
        queue.length += 1
        try:
            async with queue.turn:
                if queue.failure:
                    raise queue.failure
                return await self.infer(image, request, directory)
        except Exception as error:
            queue.failure = error
            raise
        finally:
            queue.length -= 1


def _reply(kept: Any) -> Reply | None:
    """An answer of the cache; None if there is none, or one of another shape, such as another version's."""
    try:
        reply = Reply(**kept)
    except TypeError:
        return None
    return reply if isinstance(reply.text, str) else None


def png(image: Image.Image) -> bytes:
    """What is sent of an image: RGB, lossless, without metadata, its longer side at most `LONGEST_SIDE`."""
    sent = image.convert("RGB")
    sent.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Resampling.LANCZOS)
    buffer = io.BytesIO()
    Image.frombytes("RGB", sent.size, sent.tobytes()).save(buffer, "PNG")
    return buffer.getvalue()
