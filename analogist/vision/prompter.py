"""From a marked grid to prompts for B': the question, the cache, the vision model and the reading of its reply."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.Image import Resampling

from . import endpoint as vision_llm
from . import profiles
from .cache import PromptCache
from .endpoint import Dialects, Question, Reply
from .profiles import Profile
from .replies import Answer, parse
from .request import MOST_INSTRUCTION, MOST_PROMPTS, checked, instruction

LONGEST_SIDE = 1024
"""Pixels of the picture that is sent, as PNG; larger grids are made smaller. Vision models look at no more."""


@dataclass(frozen=True)
class Wish:
    """What the user asks for.

    Attributes:
        profile: name of a profile.
        model: name of a model; empty for the profile's own.
        count: number of prompts.
        instruction: what the model is told.
        seed: has no meaning but to tell questions apart: another seed asks again.
    """

    profile: str
    model: str = ""
    count: int = 1
    instruction: str = instruction()
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_PROMPTS:
            raise ValueError(f"{self.count} prompts are not possible: ask for 1 to {MOST_PROMPTS}.")
        checked("instruction", self.instruction, MOST_INSTRUCTION)
        if not self.instruction.strip():
            raise ValueError("The instruction is empty: say what the model should do with the picture.")
        if self.model:
            profiles.checked_model(self.model)


@dataclass(frozen=True)
class Inferred:
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


async def infer(picture: Image.Image, wish: Wish, directory: Path, dialects: Dialects) -> Inferred:
    """Ask a vision model for prompts, or read its earlier answer to the same question.

    Args:
        picture: the marked grid, RGB.
        directory: where the owner's profiles and keys are, and the cache; see `profiles`.
        dialects: see `vision_llm.ask`.

    Raises:
        ValueError: the profile, its key or the model is missing.
        ReplyError: the model declined, or its reply holds no prompt. Nothing is cached.
        VisionError: the endpoint gave no answer.
    """
    profile = profiles.find(wish.profile, directory)
    model = wish.model or profile.model
    if not model:
        raise ValueError(f"The profile {profile.name!r} names no model: type the name of one that its endpoint offers.")
    cache = PromptCache(directory / "cache")
    question = {
        "picture": hashlib.sha256(f"{picture.size}{picture.mode}".encode() + picture.tobytes()).hexdigest(),
        "instruction": wish.instruction,
        "count": wish.count,
        "model": model,
        "profile": profile.name,
        "endpoint": profile.endpoint,
        "seed": wish.seed,
    }
    if kept := _reply(cache.get(question)):
        return Inferred(parse(kept.text, wish.count), kept, profile, model, from_cache=True)
    key = profiles.key(profile, directory)
    asked = Question(png(picture), wish.instruction, wish.count, model)
    reply = await vision_llm.ask(asked, profile, key, dialects)
    answer = parse(reply.text, wish.count)
    cache.put(question, {"text": reply.text, "input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens})
    return Inferred(answer, reply, profile, model, from_cache=False)


def _reply(kept: Any) -> Reply | None:
    """An answer of the cache; None if there is none, or one of another shape, such as another version's."""
    try:
        reply = Reply(**kept)
    except TypeError:
        return None
    return reply if isinstance(reply.text, str) else None


def png(picture: Image.Image) -> bytes:
    """What is sent of a picture: RGB, lossless, without metadata, its longer side at most `LONGEST_SIDE`."""
    sent = picture.convert("RGB")
    sent.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Resampling.LANCZOS)
    buffer = io.BytesIO()
    Image.frombytes("RGB", sent.size, sent.tobytes()).save(buffer, "PNG")
    return buffer.getvalue()
