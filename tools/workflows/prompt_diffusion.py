"""Prompt Diffusion's graphs."""

from dataclasses import replace

from analogist.prompt_diffusion.tasks import Task

from . import parts
from .blueprints import prompt_diffusion
from .catalogue import INPAINTING, PROMPT_DIFFUSION
from .graph import Graph, Look
from .image_analogy import analogy
from .parts import COLORIZATION, Sockets

SCENE = "a house in front of mountains at sunset, photograph"
SNOW = "a house in front of mountains in deep snow at night, photograph"


def rendered(graph: Graph, key: str, given: Sockets, models: Sockets, task: Task, description: str) -> Sockets:
    links = {name: given[name] for name in ("A", "A'", "B")}
    named = {name.lower(): source for name, source in models.items()}
    return graph.put(prompt_diffusion(key, task, description), **links, **named)


def loader(graph: Graph) -> Sockets:
    look = Look("Load Prompt Diffusion")
    return graph.add("AnalogistPromptDiffusionCheckpointLoader", [PROMPT_DIFFUSION.name], look)


def start() -> Graph:
    """One triple of images, one run."""
    graph = Graph()
    given, models = parts.images(graph, "depth_to_picture"), loader(graph)
    graph.note(START, (260, 150))
    graph.column()
    made = rendered(graph, "prompt diffusion", given, models, Task.PICTURE, SCENE)
    graph.column()
    shown = parts.saved(graph, "B'", "prompt_diffusion", made["B'"], (480, 520))
    parts.app(graph, given, made, "description of B'", shown)
    return graph


def two_steps() -> Graph:
    """The depth of B, then an image of that depth."""
    graph = Graph()
    given, models = parts.images(graph, "picture_to_depth"), loader(graph)
    graph.note(TWO_STEPS, (260, 150))
    graph.column()
    depth = rendered(graph, "depth of b", given, models, Task.DEPTH, "")["B'"]
    graph.column()
    turned = {"A": given["A'"], "A'": given["A"], "B": depth}
    image = rendered(graph, "image of that depth", turned, models, Task.PICTURE, SNOW)["B'"]
    graph.column()
    parts.saved(graph, "Depth map of B", "two_steps_depth", depth, (300, 340))
    parts.saved(graph, "B, edited", "two_steps_edited", image, (300, 340))
    return graph


def beside_analogist() -> Graph:
    """The same images for both."""
    graph, example = Graph(), replace(COLORIZATION, prompt="house at sunset, photograph")
    given, models = parts.images(graph, "depth_to_picture"), loader(graph)
    loaded = parts.checkpoint(graph)
    graph.column()
    image = rendered(graph, "beside analogist", given, models, Task.PICTURE, SCENE)["B'"]
    graph.note(BESIDE, (300, 150))
    graph.column()
    b_prime = analogy(graph, "analogist beside", example, given, loaded)["B'"]
    graph.column()
    parts.saved(graph, "B' of Prompt Diffusion", "beside_prompt_diffusion", image, (300, 340))
    parts.saved(graph, "B' of Analogist", "beside_analogist", b_prime, (300, 340))
    return graph


START = f"""
Prompt Diffusion was trained on maps. Other pairs in *example*: HED edges, segmentation and scribbles. Other tasks in \
*task*: maps from images.

The prompt matters more than the pair: describe B'.

Model: [{PROMPT_DIFFUSION.name}]({PROMPT_DIFFUSION.url})
"""
TWO_STEPS = f"""
Step 1 renders the depth map of **B**. Step 2 swaps the pair and renders an image from that depth map and a new \
description: B, edited.

Model: [{PROMPT_DIFFUSION.name}]({PROMPT_DIFFUSION.url})
"""
BESIDE = f"""
The same images for both methods. Prompt Diffusion was trained on such maps and follows its prompt. Analogist needs no \
training and uses the images and a short prompt.

Models: [{PROMPT_DIFFUSION.name}]({PROMPT_DIFFUSION.url}), [{INPAINTING.name}]({INPAINTING.url})
"""
