"""The blueprints: two subgraphs for Analogist, one for Prompt Diffusion."""

from dataclasses import dataclass
from typing import Any

from analogist.grid import CropSize
from analogist.prompt_diffusion.settings import SHORTER_SIDE, Settings
from analogist.prompt_diffusion.tasks import NEGATIVE_PROMPT, Task
from analogist.published import SUFFIX
from analogist.vision import request

from . import parts
from .graph import GREEN, Look, Output, Subgraph
from .parts import Example, Loaded, Sockets, Words

SIDE, STEPS, GUIDANCE = SHORTER_SIDE, Settings.steps, Settings.guidance
"""Of Prompt Diffusion, as published."""
IMAGES = ("A", "A'", "B")
WITHOUT = "B' without SAC and CAM"
"""The output of the same seed and numbers on the model without patches."""


def _about(category: str, description: str, *aliases: str) -> dict[str, Any]:
    extra = {
        "workflowRendererVersion": "LG",
        "BlueprintDescription": description,
        "BlueprintSearchAliases": list(aliases),
    }
    return {"category": category, "description": description, "extra": extra}


ANALOGY = _about(
    "Analogist",
    "Image analogy with an SD 1.5 inpainting model: renders B' so that A is to A' as B is to B'.",
    "image analogy",
    "image analogies",
    "style transfer by example",
    "before after",
    "visual prompting",
    "few shot",
    "edit by example",
    "colorize",
    "reference image",
)
BY_VISION = _about(
    "Analogist",
    "Image analogy with an SD 1.5 inpainting model and a prompt that a vision language model writes from A, A' and B.",
    "image analogy",
    "vision prompt",
    "describe image",
    "automatic prompt",
    "style transfer by example",
)
DIFFUSION = _about(
    "Analogist/Prompt Diffusion",
    "Image analogy with Prompt Diffusion, which was trained on depth, HED and segmentation maps.",
    "prompt diffusion",
    "in-context learning",
    "depth to image",
    "image to depth",
)


@dataclass(frozen=True)
class Face:
    """What the outer node of an analogy shows, besides its texts.

    Attributes:
        grid: layout and size of the cells, by the names of the Grid Builder's inputs.
        numbers: by the names of the inputs of Settings.
        sampling: "seed", and "amount" where there is more than one result.
    """

    grid: Sockets
    numbers: Sockets
    sampling: Sockets


def _face(inner: Subgraph, example: Example, results: int = 1, layers: bool = False, strength: float = 0.0) -> Face:
    preset = inner.widget("preset", "COMBO", example.preset)
    layout = inner.widget("layout", "COMBO", example.layout.value)
    cell = inner.widget("cell size (px)", "INT", example.cell)
    numbers = {
        "steps": inner.widget("steps", "INT", 0, "steps (0: preset)"),
        "strength": inner.widget("strength", "FLOAT", strength, "strength (0: preset)"),
        "scale": inner.widget("SAC scale", "FLOAT", 0.0, "SAC scale (0: preset)"),
    }
    if layers:
        numbers["layers"] = inner.widget("layers", "STRING", "", "layers (empty: preset)")
    sampling = {"seed": inner.widget("seed", "INT", example.seed)}
    if results > 1:
        sampling["amount"] = inner.widget("results", "INT", results)
    return Face({"layout": layout, "cell_width": cell, "cell_height": cell}, {"preset": preset, **numbers}, sampling)


@dataclass(frozen=True)
class More:
    """What a variant of an analogy has besides: an input of the Grid Builder, and another size of B'."""

    name: str
    input: str
    type: str
    size: CropSize = CropSize.CELL
    strength: float = 0.0


def image_analogy(
    key: str,
    example: Example,
    results: int = 1,
    layers: bool = False,
    more: More | None = None,
    compared: bool = False,
) -> Subgraph:
    """Three images and a model in; B', the sampled grid and the marked grid out; `compared`: B' unpatched too."""
    inner = Subgraph(key, "Image Analogy (Analogist)", ANALOGY)
    given, loaded = {name: inner.input(name, "IMAGE") for name in IMAGES}, _models(inner)
    added = {more.input: inner.input(more.name, more.type)} if more else {}
    texts = {
        "positive": inner.widget("prompt", "STRING", example.prompt + example.suffix),
        "negative": inner.widget("negative prompt", "STRING", example.negative),
    }
    face = _face(inner, example, results, layers, more.strength if more else 0.0)
    placed = parts.grid(inner, example, given, **face.grid, **added)
    said = parts.words(inner, example, loaded.clip, texts)
    inner.column()
    _render(inner, example, face, loaded, placed, said, more.size if more else CropSize.CELL, compared)
    return inner


def vision_analogy(key: str, example: Example) -> Subgraph:
    """The same, with a prompt by a vision model behind an endpoint; the prompt comes out too."""
    inner = Subgraph(key, "Image Analogy, prompt by a vision model (Analogist)", BY_VISION)
    given, loaded = {name: inner.input(name, "IMAGE") for name in IMAGES}, _models(inner)
    asked = {
        "profile": inner.widget("profile", "COMBO", "openai"),
        "model": inner.widget("vision model", "STRING", "", "vision model (empty: the profile's)"),
        "prompt": inner.widget("prompt", "STRING", "", "prompt (typed: no request is sent)"),
    }
    negative = inner.widget("negative prompt", "STRING", example.negative)
    face = _face(inner, example)
    placed = parts.grid(inner, example, given, **face.grid)
    inner.column()
    widgets = ["openai", "", 1, example.suffix.removeprefix(", "), request.instruction(), 0, ""]
    prompts = inner.add("AnalogistGPT4VPrompter", widgets, image=placed["marked"], **asked)["prompts"]
    said = parts.words(inner, example, loaded.clip, {"positive": prompts, "negative": negative})
    inner.column()
    _render(inner, example, face, loaded, placed, said)
    inner.output("prompt", prompts)
    return inner


def _render(
    inner: Subgraph,
    example: Example,
    face: Face,
    loaded: Loaded,
    placed: Sockets,
    said: Words,
    size: CropSize = CropSize.CELL,
    compared: bool = False,
) -> None:
    """From the grid and the conditioning of its texts to the images that come out."""
    numbers = parts.settings(inner, example, **face.numbers)
    model = parts.patches(inner, loaded.model, numbers, placed["layout"])
    inner.column()
    schedule = parts.sigmas(inner, model, numbers)
    inpaint = parts.conditioned(inner, placed, said, loaded.vae)
    linked = {"guidance": numbers["guidance"], **face.sampling}
    latent = parts.sampled(inner, model, schedule, inpaint, linked)
    inner.column()
    image, b_prime = parts.decoded(inner, latent, loaded.vae, placed["layout"], size)
    for name, source in (("B'", b_prime), ("grid", image), ("marked grid", placed["marked"])):
        inner.output(name, source)
    if compared:
        inner.column()
        plain = parts.sampled(inner, loaded.model, schedule, inpaint, linked)
        inner.column()
        inner.output(WITHOUT, parts.decoded(inner, plain, loaded.vae, placed["layout"], size)[1])


def prompt_diffusion(key: str, task: Task, description: str) -> Subgraph:
    """Three images and the models in, B' out."""
    inner = Subgraph(key, "Prompt Diffusion (Analogist)", DIFFUSION)
    given, loaded = {name: inner.input(name, "IMAGE") for name in IMAGES}, _models(inner)
    control = inner.input("control_net", "CONTROL_NET")
    chosen = inner.widget("task", "COMBO", task.value)
    described = inner.widget("description of B'", "STRING", description)
    steps, guidance = inner.widget("steps", "INT", STEPS), inner.widget("guidance", "FLOAT", GUIDANCE)
    side, seed = inner.widget("size (px)", "INT", SIDE), inner.widget("seed", "INT", 42)

    told = inner.add(
        "AnalogistPromptDiffusionPrompt",
        [task.value, description, SUFFIX, NEGATIVE_PROMPT],
        Look(color=GREEN),
        task=chosen,
        description=described,
    )
    said = Words(*(_encoded(inner, loaded.clip, told[name]) for name in ("positive", "negative")))
    inner.column()
    applied = _applied(inner, given, said, control)
    latent = inner.add("EmptyLatentImage", [SIDE, SIDE, 1], width=side, height=side)["LATENT"]
    inner.column()
    sampled = inner.add(
        "KSampler",
        [42, "fixed", STEPS, GUIDANCE, "ddim", "ddim_uniform", 1.0],
        model=loaded.model,
        positive=applied["positive"],
        negative=applied["negative"],
        latent_image=latent,
        seed=seed,
        steps=steps,
        cfg=guidance,
    )
    inner.output("B'", inner.add("VAEDecode", samples=sampled["LATENT"], vae=loaded.vae)["IMAGE"])
    return inner


def _models(inner: Subgraph) -> Loaded:
    return Loaded(*(inner.input(name, name.upper()) for name in ("model", "clip", "vae")))


def _encoded(inner: Subgraph, clip: Output, text: Output) -> Output:
    return inner.add("CLIPTextEncode", [""], clip=clip, text=text)["CONDITIONING"]


def _applied(inner: Subgraph, given: Sockets, said: Words, control: Output) -> Sockets:
    return inner.add(
        "AnalogistPromptDiffusionApply",
        [1.0, 0.0, 1.0, "stretch"],
        positive=said.positive,
        negative=said.negative,
        control_net=control,
        b=given["B"],
        a=given["A"],
        a_prime=given["A'"],
    )
