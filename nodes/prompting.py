"""Prompts for B': from a vision model at an endpoint of the owner's choice, from any text node, or typed by hand."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

import folder_paths
from comfy.model_management import InterruptProcessingException, processing_interrupted
from comfy_api.latest import io, ui
from PIL.Image import Image
from torch import Tensor

from ..analogist.images import from_tensor
from ..analogist.published import SUFFIX
from ..analogist.vision import profiles
from ..analogist.vision.endpoint import Dialects
from ..analogist.vision.prompter import Inferred, Wish, infer
from ..analogist.vision.replies import parse
from ..analogist.vision.request import MOST_INSTRUCTION, MOST_PROMPTS, checked, instruction, typed, with_suffix
from .display import own_id, show
from .types import CATEGORY

POLL = 0.2
"""Seconds between two looks at the interrupt button."""

# What endpoints were found not to take; learned anew by the next process.
_dialects: Dialects = {}


@dataclass
class _Queue:
    """The questions of one run of a graph. The host starts all grids of a list at once and waits for every one of them."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    length: int = 0
    failure: Exception | None = None


# The host has an event loop for every run of a graph, and a lock belongs to one loop.
_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue] = WeakKeyDictionary()


def _prompts_wanted() -> io.Input:
    return io.Int.Input(
        "prompts_wanted",
        default=1,
        min=1,
        max=MOST_PROMPTS,
        tooltip="How many different prompts. Everything after this node runs once for each.",
    )


def _suffix() -> io.Input:
    return io.String.Input(
        "suffix",
        default=SUFFIX.removeprefix(", "),
        tooltip="Appended to every prompt, after a comma. This one is the paper's; leave it empty for none.",
    )


def _outputs() -> list[io.Output]:
    return [
        io.String.Output(
            "prompts", is_output_list=True, tooltip="The prompts with suffix, one after the other. To CLIP Text Encode."
        ),
        io.String.Output("text", tooltip="All prompts as one text, a line for each."),
    ]


class GPT4VPrompter(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistGPT4VPrompter",
            display_name="Analogist GPT-4V Prompter",
            category=CATEGORY,
            description="Shows the marked grid to a vision language model and asks for prompts of B'. The answer is kept on disk: "
            "the same question is sent and paid for once.",
            search_aliases=["image analogy", "vision language model", "LLM", "VLM", "caption", "openai", "ollama"],
            inputs=[
                io.Image.Input("image", tooltip="The output marked of the grid builder. One grid at a time."),
                io.Combo.Input(
                    "profile",
                    options=_profile_names(),
                    default="openai",
                    tooltip="Where to ask. Addresses and keys are kept on this machine by its owner, never in a workflow; "
                    "ollama, lm-studio and vllm run on this machine and need no key.",
                ),
                io.String.Input(
                    "model",
                    default="",
                    tooltip="A model that sees pictures, by the name that the endpoint knows. Empty: the profile's own.",
                ),
                _prompts_wanted(),
                _suffix(),
                io.String.Input(
                    "instruction",
                    default=instruction(),
                    multiline=True,
                    tooltip="What the model is told. This is the paper's; how to answer is added to it.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**32 - 1,
                    # The browser would draw another seed for every run, and every one is another bill.
                    control_after_generate=False,
                    tooltip="Another number asks again; the same number never costs twice.",
                ),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    tooltip="Prompts typed by hand, one in each line. As long as there is one, no model is asked.",
                ),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, profile: object) -> bool | str:
        # In place of the host's check: a workflow from another machine names that one's profile, which does no harm beside
        # a typed prompt; without one `profiles.find` says more than the host.
        return isinstance(profile, str) or "profile must be the name of a profile."

    @classmethod
    async def execute(
        cls,
        image: Tensor,
        profile: str,
        model: str,
        prompts_wanted: int,
        suffix: str,
        instruction: str,
        seed: int,
        prompt: str,
    ) -> io.NodeOutput:
        if lines := typed(checked("prompt", prompt, MOST_INSTRUCTION)):
            return _output(lines, suffix, "typed by hand, no model was asked", own_id(cls))
        wish = Wish(profile, model.strip(), prompts_wanted, instruction, seed)
        grids = from_tensor(image)
        if len(grids) != 1:
            raise ValueError(
                f"The prompter looks at one grid at a time, but {len(grids)} came: put Rebatch Images with a batch_size of 1 "
                "before it, and everything runs once for each grid."
            )
        found = await _interruptible(_in_turn(grids[0], wish), own_id(cls))
        return _output(found.answer.prompts, suffix, found.summary(), own_id(cls))


class PromptParser(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPromptParser",
            display_name="Analogist Prompt Parser",
            category=CATEGORY,
            description="Reads the prompts of B' out of any model's answer: ComfyUI's own Generate Text, or another LLM node. "
            "Thinking, chatter, numbers and quotes go; a refusal stops the run.",
            search_aliases=["image analogy", "LLM", "split text", "JSON", "list of prompts", "TextGenerate"],
            inputs=[
                io.String.Input("reply", force_input=True, tooltip="What the model said."),
                _prompts_wanted(),
                _suffix(),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, reply: str, prompts_wanted: int, suffix: str) -> io.NodeOutput:
        answer = parse(reply, prompts_wanted)
        return _output(answer.prompts, suffix, answer.change, own_id(cls))


def _directory() -> Path:
    """Where the owner's profiles, keys and answers are: a folder of the host that is not served over HTTP."""
    return Path(folder_paths.get_system_user_directory("analogist"))


def _profile_names() -> list[str]:
    try:
        return list(profiles.known(_directory()))
    except ValueError as error:
        # The list of all nodes must not fail for it. Running the node will, with the same words.
        logging.warning("Analogist: %s", error)
        return list(profiles.BUILT_IN)


def _output(prompts: tuple[str, ...], suffix: str, about: str, node_id: str | None) -> io.NodeOutput:
    complete = with_suffix(prompts, checked("suffix", suffix, 1000))
    text = "\n".join(complete)
    shown = f"{text}\n\n{about}".strip()
    show(shown, node_id)
    return io.NodeOutput(complete, text, ui=ui.PreviewText(shown))


async def _in_turn(picture: Image, wish: Wish) -> Inferred:
    """Ask, one question at a time, so that equal ones are paid once; and none any more when one before it has failed."""
    queue = _queues.setdefault(asyncio.get_running_loop(), _Queue())
    if not queue.length:
        queue.failure = None
    queue.length += 1
    try:
        async with queue.turn:
            if queue.failure:
                raise queue.failure
            return await infer(picture, wish, _directory(), _dialects)
    except Exception as error:
        queue.failure = error
        raise
    finally:
        queue.length -= 1


async def _interruptible(work: Coroutine[None, None, Inferred], node_id: str | None) -> Inferred:
    """The result of `work`, with its seconds told on the node; given up soon after the interrupt button is pressed."""
    task, start, told = asyncio.ensure_future(work), time.monotonic(), 0
    try:
        while not (await asyncio.wait({task}, timeout=POLL))[0]:
            # Not the host's function that also clears the flag: other prompters of the graph look at it too.
            if processing_interrupted():
                raise InterruptProcessingException
            if (seconds := int(time.monotonic() - start)) > told:
                told = seconds
                show(f"Asking, for {seconds} s", node_id)
    finally:
        task.cancel()
    return task.result()
