"""Analogist with a prompt that a vision model writes: at an endpoint, or inside ComfyUI."""

from collections.abc import Callable

from analogist.published import SUFFIX
from analogist.vision.request import Form, instruction, request

from . import parts
from .analogies import COLORIZATION, finished, prepared
from .catalogue import INPAINTING, VISION_LANGUAGE
from .graph import Graph, Look, Output

SUFFIX_WIDGET = SUFFIX.removeprefix(", ")


def endpoint(graph: Graph, marked: Output) -> Output:
    """The prompter node."""
    widgets = ["openai", "", 1, SUFFIX_WIDGET, instruction(), 0, ""]
    return graph.add("AnalogistGPT4VPrompter", widgets, image=marked)["prompts"]


def local(graph: Graph, marked: Output) -> Output:
    """ComfyUI's own text node with a vision model, and the parser."""
    clip = graph.add("CLIPLoader", [VISION_LANGUAGE.name, "ideogram4", "default"], Look("Load a vision model"))
    graph.column()
    text = request(instruction(), 1, Form.TEXT)
    sampling = ["on", 0.7, 64, 0.95, 0.05, 1.05, 0, 0]
    told = graph.add("TextGenerate", [text, 512, *sampling, False, True], clip=clip["CLIP"], image=marked)
    graph.column()
    return graph.add("AnalogistPromptParser", [1, SUFFIX_WIDGET], reply=told["generated_text"])["prompts"]


def prompted(brain: Callable[[Graph, Output], Output]) -> Graph:
    """Colorization, its prompt written by `brain`."""

    def ask(graph: Graph, marked: Output) -> Output:
        prompts = brain(graph, marked)
        graph.column()
        graph.add("PreviewAny", [], Look("The prompt"), source=prompts)
        return prompts

    graph = Graph()
    made = prepared(graph, COLORIZATION, ask)
    finished(graph, COLORIZATION, made, beside=made.frame, step=5)
    graph.move(-480, 30)
    _notes(graph, brain)
    return graph


def _notes(graph: Graph, brain: Callable[[Graph, Output], Output]) -> None:
    graph.note("A prompt that nobody has to write", 330, f"{COLORIZATION.about}\n\n{ABOUT}")
    files = (INPAINTING, VISION_LANGUAGE) if brain is local else (INPAINTING,)
    parts.model_note(graph, *files)
    if brain is local:
        graph.note("A vision model inside ComfyUI", 320, LOCAL)
    else:
        graph.note("Who is asked, and what it costs", 420, ENDPOINT)


ABOUT = """
A few words for B' help the model a lot. Here a vision language model looks at the **marked** grid, with its letters \
and arrows, and finds them: the way of the paper, which asked GPT-4V.

With *prompts_wanted* above 1 everything after the prompt runs once for each.
"""
ENDPOINT = """
**profile** is the name of an address with its key. The keys are on this machine and never in a workflow:

- *openai*, *openrouter*, *gemini*: set `OPENAI_API_KEY`, `OPENROUTER_API_KEY` or `GEMINI_API_KEY` before ComfyUI \
starts, or see the help page of the node for a file.
- *ollama*, *lm-studio*, *vllm*: a model on this machine, without a key.

The same grid with the same **seed** is sent once: identical requests are cached. For another answer change the seed. \
To write the prompt yourself type it into **prompt**: then no request is made.
"""
LOCAL = """
No key, and nothing leaves this machine. ComfyUI's **Generate Text** looks at the marked grid, and **Analogist Prompt \
Parser** makes prompts of what it says; any other text node can be put in its place.

For more prompts raise *prompts_wanted* and add *Give me 3 such prompts separated by commas.* to the text. Another \
*seed* gives another answer.
"""
