"""Prompt Diffusion: one triple of images and one run, and three graphs that put it to use."""

from dataclasses import dataclass, replace

from analogist.prompt_diffusion.tasks import NEGATIVE_PROMPT, Task
from analogist.published import SUFFIX

from . import parts
from .analogies import COLORIZATION, Prepared, sampled
from .catalogue import INPAINTING, PROMPT_DIFFUSION
from .graph import GREEN, Graph, Look, Output
from .parts import Sockets, Words

SIDE, STEPS, GUIDANCE = 512, 100, 9.0
"""As published."""
SCENE = "a house in front of mountains at sunset, photograph"


@dataclass(frozen=True)
class Work:
    """One workflow. `example` is the folder of its images, `about` and `advice` are told in the note."""

    title: str
    example: str
    task: Task
    description: str
    about: str
    advice: str


@dataclass(frozen=True)
class Loaded:
    """What the checkpoint of Prompt Diffusion holds."""

    model: Output
    clip: Output
    vae: Output
    control: Output


def simple(work: Work) -> Graph:
    """One triple of images, one run."""
    graph = Graph()
    _simple(graph, work)
    _notes(graph, work)
    return graph


def canny(work: Work) -> Graph:
    """A and B are the edges of two images, found by a node of the host."""
    graph = Graph()
    with graph.group("Step 1 - Three images") as first:
        given = parts.images(graph, work.example)
    with graph.group("Step 2 - Load Prompt Diffusion", below=first):
        loaded = _loader(graph)
    with graph.group("The maps - Edges", beside=first) as maps:
        edges = {"A": _edges(graph, "A", "first", given["A'"]), "B": _edges(graph, "B", "second", given["B"])}
    with graph.group("Step 3 - Words", beside=maps) as words:
        said = _words(graph, work.task, work.description, loaded.clip)
    with graph.group("Step 4 - Apply and sample", beside=words) as sampling:
        image = _sampled(graph, {"A'": given["A'"], **edges}, said, loaded)
    with graph.group("Step 5 - B'", beside=sampling):
        parts.saved(graph, "Save B'", _file(work), image)
    _notes(graph, work)
    return graph


def two_steps(work: Work) -> Graph:
    """The depth of B, then an image of that depth."""
    graph = Graph()
    with graph.group("The pair, and B") as first:
        given = parts.images(graph, work.example)
    with graph.group("Prompt Diffusion", below=first):
        loaded = _loader(graph)
    with graph.group("Step 1 - The depth of B", beside=first) as depth_step:
        said = _words(graph, Task.DEPTH, "", loaded.clip)
        graph.column()
        depth = _sampled(graph, given, said, loaded)
        graph.column()
        parts.saved(graph, "The depth of B", "two_steps_depth", depth)
    with graph.group("Step 2 - An image of that depth", beside=depth_step):
        said = _words(graph, work.task, work.description, loaded.clip)
        graph.column()
        image = _sampled(graph, {"A": given["A'"], "A'": given["A"], "B": depth}, said, loaded)
        graph.column()
        parts.saved(graph, "B, edited", "two_steps_edited", image)
    _notes(graph, work)
    return graph


def side_by_side(work: Work) -> Graph:
    """The same images for Prompt Diffusion and for Analogist."""
    graph, example = Graph(), replace(COLORIZATION, prompt="house at sunset, photograph")
    given = _simple(graph, work)
    with graph.group("Analogist: grid and model", below=graph.bounds()) as first:
        placed = parts.grid(graph, example, given)
        loaded = parts.checkpoint(graph)
    with graph.group("Analogist: prompt", beside=first) as prompt:
        said = parts.words(graph, example, loaded.clip)
    made = Prepared(given, placed, loaded, said, prompt)
    latent, sampling = sampled(graph, example, made, beside=prompt, step=1)
    with graph.group("Analogist: B'", beside=sampling):
        _, image = parts.decoded(graph, latent, loaded.vae, placed["layout"])
        parts.saved(graph, "Save B' of Analogist", "side_by_side_analogist", image)
    _notes(graph, work)
    return graph


def _simple(graph: Graph, work: Work) -> Sockets:
    with graph.group("Step 1 - Three images") as first:
        given = parts.images(graph, work.example)
    with graph.group("Step 2 - Load Prompt Diffusion", below=first):
        loaded = _loader(graph)
    with graph.group("Step 3 - Words", beside=first) as words:
        said = _words(graph, work.task, work.description, loaded.clip)
    with graph.group("Step 4 - Apply and sample", beside=words) as sampling:
        image = _sampled(graph, given, said, loaded)
    with graph.group("Step 5 - B'", beside=sampling):
        parts.saved(graph, "Save B'", _file(work), image)
    return given


def _file(work: Work) -> str:
    return work.title.replace(" ", "_")


def _loader(graph: Graph) -> Loaded:
    return Loaded(*graph.add("AnalogistPromptDiffusionCheckpointLoader", [PROMPT_DIFFUSION.name]).values())


def _edges(graph: Graph, cell: str, which: str, image: Output) -> Output:
    found = graph.add("Canny", [0.2, 0.5], Look(f"{cell}: the edges of the {which} image"), image=image)["IMAGE"]
    graph.add("PreviewImage", [], Look(cell, size=(320, 300)), images=found)
    return found


def _words(graph: Graph, task: Task, description: str, clip: Output) -> Words:
    widgets = [task.value, description, SUFFIX, NEGATIVE_PROMPT]
    told = graph.add("AnalogistPromptDiffusionPrompt", widgets, Look(color=GREEN))
    positive, negative = (
        graph.add("CLIPTextEncode", [""], Look(title, size=(350, 80)), clip=clip, text=told[name])["CONDITIONING"]
        for title, name in (("Prompt", "positive"), ("Negative prompt", "negative"))
    )
    return Words(positive, negative)


def _sampled(graph: Graph, given: Sockets, said: Words, loaded: Loaded) -> Output:
    """The control, the sampler and the decoder: B'."""
    applied = graph.add(
        "AnalogistPromptDiffusionApply",
        [1.0, 0.0, 1.0, "stretch"],
        positive=said.positive,
        negative=said.negative,
        control_net=loaded.control,
        b=given["B"],
        a=given["A"],
        a_prime=given["A'"],
    )
    latent = graph.add("EmptyLatentImage", [SIDE, SIDE, 1])["LATENT"]
    sampled = graph.add(
        "KSampler",
        [42, "fixed", STEPS, GUIDANCE, "ddim", "ddim_uniform", 1.0],
        model=loaded.model,
        positive=applied["positive"],
        negative=applied["negative"],
        latent_image=latent,
    )
    return graph.add("VAEDecode", samples=sampled["LATENT"], vae=loaded.vae)["IMAGE"]


def _notes(graph: Graph, work: Work) -> None:
    graph.move(-480, 30)
    graph.note(work.title, 340, f"{work.about}\n\n{work.advice}")
    graph.note("What decides", 250, TEXT_DECIDES)
    files = (PROMPT_DIFFUSION, INPAINTING) if work is SIDE_BY_SIDE else (PROMPT_DIFFUSION,)
    convert = "`python -m analogist prompt-diffusion convert` makes a safe file of half its 5.7 GB."
    parts.model_note(graph, *files, after=convert)


TEXT_DECIDES = """
**The text decides more than the pair.** In an independent measurement (arXiv 2312.03584) leaving out the pair cost \
little, and leaving out the text cost much. So say in the green box what B' shows.

The pair should be a near relative of B: the model has seen no others. The published settings are 100 steps of DDIM \
and a guidance of 9.
"""
DEPTH = Work(
    "depth to image",
    "depth_to_picture",
    Task.PICTURE,
    SCENE,
    "**A** is the depth of a landscape, near is white; **A'** the landscape; **B** the depth of another one.",
    "Maps of your own photographs: in newer versions of ComfyUI **Run Depth Anything 3** and **Render Depth Anything "
    "3** make them from A' and from the image you want B from. They must show what is near in white.",
)
HED = Work(
    "HED to image",
    "hed_to_picture",
    Task.PICTURE,
    SCENE,
    "**A** are the outlines of a landscape as the network HED draws them; **A'** is the landscape; **B** are the "
    "outlines of another one.",
    "HED lines are soft, and white on black. ComfyUI has no node for them; packs with preprocessors do. See also "
    "*canny to image*, whose lines come from a node of ComfyUI.",
)
SEGMENTATION = Work(
    "segmentation to image",
    "segmentation_to_picture",
    Task.PICTURE,
    SCENE,
    "**A** are the parts of a landscape in the colors of ADE20K: sky, mountain, grass, tree, building, ground. **A'** "
    "is the landscape, **B** are the parts of another one.",
    "The colors are words here: with others the model reads other things. ComfyUI has no node for such maps; packs "
    "with preprocessors do (UniFormer or OneFormer, ADE20K).",
)
IMAGE_TO_DEPTH = Work(
    "image to depth",
    "picture_to_depth",
    Task.DEPTH,
    "",
    "The other way. **A** is a landscape, **A'** its depth, **B** another landscape; the model renders its depth.",
    "For other maps exchange A' and choose the **task**: the words *depth map*, *hed map* and *segmentation map* are "
    "what the model was trained with, and without them no map comes out, whatever the pair shows.",
)
SCRIBBLE = Work(
    "scribble to image",
    "scribble_to_picture",
    Task.PICTURE,
    SCENE,
    "**A** is a landscape in an unsteady hand, **A'** the landscape, **B** another one by the same hand. Scribbles "
    "were not among the tasks of the training.",
    "White lines on black or black ones on white: the authors show both. A and B must agree.",
)
CANNY = Work(
    "canny to image",
    "colorization",
    Task.PICTURE,
    "orange tabby cat, photograph",
    "Any two images will do: **Detect Edges (Canny)** draws the lines of the first one for **A**, and of the second "
    "one for **B**. **A'** is the first image itself. Edges of this kind were not among the tasks of the training.",
    "Put two **Load Image** nodes in the place of *Analogist Example*. Lower thresholds give more lines.",
)
TWO_STEPS = Work(
    "two-step editing",
    "picture_to_depth",
    Task.PICTURE,
    "a house in front of mountains in deep snow at night, photograph",
    "Editing a photograph with one pair. **Step 1** takes the pair as it is and renders the depth of B. **Step 2** "
    "takes the pair the other way round and renders an image with that depth, by a new description.",
    "What stays is the layout of B, what changes is what the green box says. HED lines in the place of depth keep more "
    "of B.",
)
SIDE_BY_SIDE = Work(
    "side by side with Analogist",
    "depth_to_picture",
    Task.PICTURE,
    SCENE,
    "The same three images for both. **Above** Prompt Diffusion: trained on such tasks, guided by its text more than "
    "by its pair. **Below** Analogist: not trained for anything, looks only at the images and a few words.",
    "Neither is the judge of the other: Prompt Diffusion knows maps, Analogist everything that fits into a grid.",
)
PLAIN = (DEPTH, HED, SEGMENTATION, IMAGE_TO_DEPTH, SCRIBBLE)
