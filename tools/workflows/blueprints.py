"""The nodes that hold a whole graph: one for Analogist, one for Prompt Diffusion."""

from typing import Any

from analogist.prompt_diffusion.tasks import NEGATIVE_PROMPT, Task
from analogist.published import SUFFIX

from . import parts
from .graph import GREEN, Look, Output, Subgraph
from .parts import Example, Loaded, Sockets, Words

SIDE, STEPS, GUIDANCE = 512, 100, 9.0
"""Of Prompt Diffusion, as published."""
IMAGES = ("A", "A'", "B")


def _about(category: str, description: str, *aliases: str) -> dict[str, Any]:
    extra = {
        "workflowRendererVersion": "LG",
        "BlueprintDescription": description,
        "BlueprintSearchAliases": list(aliases),
    }
    return {"category": category, "description": description, "extra": extra}


ANALOGY = _about(
    "Analogist",
    "Do to B what A' did to A: an image analogy by an inpainting model of the SD 1.5 family.",
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
DIFFUSION = _about(
    "Analogist/Prompt Diffusion",
    "Do to B what A' did to A, by a model that was trained for maps: depth, outlines, segmentation.",
    "prompt diffusion",
    "in-context learning",
    "depth to image",
    "image to depth",
)


def image_analogy(key: str, example: Example, results: int = 1) -> Subgraph:
    """Three images and a model in; B', the sampled grid and the marked grid out."""
    inner, setting = Subgraph(key, "Image Analogy (Analogist)", ANALOGY), example.setting
    given, loaded = {name: inner.input(name, "IMAGE") for name in IMAGES}, _models(inner)
    texts = {
        "positive": inner.widget("prompt", "STRING", example.prompt + example.suffix),
        "negative": inner.widget("negative prompt", "STRING", example.negative),
    }
    layout = inner.widget("layout", "COMBO", example.layout.value)
    cell = inner.widget("cell size (px)", "INT", example.cell)
    steps = inner.widget("steps", "INT", setting.steps)
    strength = inner.widget("strength", "FLOAT", setting.strength)
    guidance = inner.widget("guidance", "FLOAT", setting.guidance)
    scale = inner.widget("SAC scale", "FLOAT", setting.scale)
    first = inner.widget("start layer", "INT", setting.layers.start)
    end = inner.widget("end layer (not included)", "INT", setting.layers.end)
    seed = inner.widget("seed", "INT", 42)
    linked = {"guidance": guidance, "seed": seed}
    if results > 1:
        linked["amount"] = inner.widget("results", "INT", results)

    placed = parts.grid(inner, example, given, layout=layout, cell_width=cell, cell_height=cell)
    said = parts.words(inner, example, loaded.clip, texts)
    inner.column()
    layers = {"layout": placed["layout"], "start_layer": first, "end_layer": end}
    model = parts.patches(inner, example, loaded.model, layers, scale=scale)
    schedule = parts.sigmas(inner, example, model, steps=steps, strength=strength)
    inner.column()
    inpaint = parts.conditioned(inner, placed, said, loaded.vae)
    latent = parts.sampled(inner, example, model, schedule, inpaint, linked)
    inner.column()
    image, b_prime = parts.decoded(inner, latent, loaded.vae, placed["layout"])
    for name, source in (("B'", b_prime), ("grid", image), ("marked grid", placed["marked"])):
        inner.output(name, source)
    return inner


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
