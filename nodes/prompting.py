"""Prompts for B': from a vision model at an endpoint of the owner's choice, from any text node, or typed by hand."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from pathlib import Path

import folder_paths
from comfy.model_management import InterruptProcessingException, processing_interrupted
from comfy_api.latest import io, ui
from torch import Tensor

from ..analogist.grid import AnalogyGrid
from ..analogist.images import from_tensor
from ..analogist.published import SUFFIX
from ..analogist.vision import profiles
from ..analogist.vision.prompter import Prompter, PromptRequest, PromptResult
from ..analogist.vision.replies import parse
from ..analogist.vision.request import (
    MOST_INSTRUCTION,
    MOST_PROMPTS,
    checked,
    for_pairs,
    instruction,
    typed,
    with_suffix,
)
from .display import own_id, show
from .types import PROMPT as CATEGORY
from .types import AnalogyGridType

POLL = 0.2
"""Seconds between two checks of the interrupt button."""
_prompter = Prompter()


def _prompts_wanted() -> io.Input:
    return io.Int.Input(
        "prompts_wanted",
        display_name="number of prompts",
        default=1,
        min=1,
        max=MOST_PROMPTS,
        tooltip="Number of different prompts. Downstream nodes run once per prompt.",
    )


def _suffix() -> io.Input:
    return io.String.Input(
        "suffix",
        default=SUFFIX.removeprefix(", "),
        tooltip="Appended to every prompt after a comma. The default is the paper's suffix. Empty: no suffix.",
    )


def _seed() -> io.Input:
    return io.Int.Input(
        "seed",
        default=0,
        min=0,
        max=2**32 - 1,
        control_after_generate=False,  # The browser would draw a new seed, and so send a new request, in every run.
        tooltip="A new seed sends a new request. The same seed with the same inputs uses the cached reply.",
    )


def _outputs() -> list[io.Output]:
    return [
        io.String.Output(
            "prompts",
            is_output_list=True,
            tooltip="The prompts with suffix, as a list. Connect to text of CLIP Text Encode.",
        ),
        io.String.Output("text", tooltip="All prompts as one text, one per line."),
    ]


class GPT4VPrompter(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistGPT4VPrompter",
            display_name="Analogist Vision Prompter",
            category=CATEGORY,
            description="Sends the marked grid to a vision language model, which writes prompts for B'. Replies are cached on disk, "
            "so that identical requests are sent once.",
            search_aliases=[
                "vision prompt",
                "describe image",
                "vision language model",
                "LLM",
                "VLM",
                "caption",
                "GPT-4V",
                "openai",
                "ollama",
            ],
            inputs=[
                io.Image.Input("image", tooltip="The marked output of Analogist Grid Builder. One image per run."),
                io.Combo.Input(
                    "profile",
                    options=_profile_names(),
                    default="openai",
                    tooltip="API endpoint. Base URLs and API keys are stored on the server, never in the workflow. "
                    "ollama, lm-studio and vllm are local servers and need no key.",
                ),
                io.String.Input(
                    "model",
                    default="",
                    tooltip="Name of a vision language model at the endpoint. Empty: the profile's default.",
                ),
                _prompts_wanted(),
                _suffix(),
                io.String.Input(
                    "instruction",
                    default=instruction(),
                    multiline=True,
                    advanced=True,
                    tooltip="Instruction for the model. The default is the paper's. The reply format is appended to it.",
                ),
                _seed(),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    placeholder="prompts typed by hand, one per line: no request is sent",
                    tooltip="Prompts typed by hand, one per line. If not empty, no request is sent.",
                ),
                AnalogyGridType.Input(
                    "layout",
                    optional=True,
                    tooltip="From Analogist Grid Builder. With several pairs, the model is told how many there are.",
                ),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, profile: object) -> bool | str:
        # In place of the host's check: a workflow from another machine names that one's profile, which does no harm beside
        # a typed prompt; without one `profiles.find` says more than the host.
        return isinstance(profile, str) or "expected the name of a profile, as text"

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
        layout: AnalogyGrid | None = None,
    ) -> io.NodeOutput:
        if lines := typed(checked("prompt", prompt, MOST_INSTRUCTION)):
            return _output(lines, suffix, "typed by hand, no request sent", own_id(cls))
        text = for_pairs(instruction, 1 if layout is None else layout.pairs)
        request = PromptRequest(profile, model.strip(), prompts_wanted, text, seed)
        grids = from_tensor(image)
        if len(grids) != 1:
            raise ValueError(
                f"expected one grid, got a batch of {len(grids)}: put Rebatch Images with batch_size 1 before the prompter to run "
                "it once per grid"
            )
        found = await _interruptible(_prompter.infer_in_turn(grids[0], request, _directory()), own_id(cls))
        return _output(found.answer.prompts, suffix, found.summary(), own_id(cls))


class PromptParser(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPromptParser",
            display_name="Analogist Prompt Parser",
            category=CATEGORY,
            description="Extracts the prompts for B' from the reply of a language model, such as ComfyUI's Generate Text or another LLM "
            "node. Reasoning, comments, list numbers and quotes are removed; a refusal raises an error.",
            search_aliases=["image analogy", "LLM", "split text", "JSON", "list of prompts", "TextGenerate"],
            inputs=[
                io.String.Input("reply", force_input=True, tooltip="The reply of the language model."),
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


async def _interruptible(work: Coroutine[None, None, PromptResult], node_id: str | None) -> PromptResult:
    """The result of `work`, with the seconds shown on the node; cancelled soon after the interrupt button is pressed."""
    task, start, shown = asyncio.ensure_future(work), time.monotonic(), 0
    try:
        while not (await asyncio.wait({task}, timeout=POLL))[0]:
            # Not the host's function that also clears the flag: other prompters of the graph look at it too.
            if processing_interrupted():
                raise InterruptProcessingException
            if (seconds := int(time.monotonic() - start)) > shown:
                shown = seconds
                show(f"Waiting for the model: {seconds} s", node_id)
    finally:
        task.cancel()
    return task.result()
