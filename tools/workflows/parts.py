"""Stretches that several graphs share, each a few nodes and their links."""

from collections.abc import Mapping
from dataclasses import dataclass

from analogist.grid import Layout
from analogist.published import NEGATIVE_PROMPT, SUFFIX, Setting

from .catalogue import INPAINTING, ModelFile
from .graph import GREEN, RED, Graph, Look, Output

Sockets = Mapping[str, Output]


@dataclass(frozen=True)
class Example:
    """One shipped analogy. `name` is the folder of its images, `about` and `expect` are told in the notes."""

    name: str
    title: str
    about: str
    expect: str
    prompt: str
    layout: Layout
    cell: int
    setting: Setting
    suffix: str = SUFFIX
    negative: str = NEGATIVE_PROMPT


@dataclass(frozen=True)
class Loaded:
    """MODEL, CLIP and VAE."""

    model: Output
    clip: Output
    vae: Output


@dataclass(frozen=True)
class Words:
    """The conditioning of the prompt and of the negative prompt."""

    positive: Output
    negative: Output


def images(graph: Graph, name: str) -> Sockets:
    return graph.add("AnalogistExample", [name])


def grid(graph: Graph, example: Example, given: Sockets) -> Sockets:
    settings = [example.layout.value, example.cell, example.cell, "stretch", 2]
    return graph.add("AnalogistGridBuilder", settings, a=given["A"], a_prime=given["A'"], b=given["B"])


def checkpoint(graph: Graph, file: ModelFile = INPAINTING) -> Loaded:
    return Loaded(*graph.add("CheckpointLoaderSimple", [file.name]).values())


def demo_model(graph: Graph) -> Loaded:
    return Loaded(*graph.add("AnalogistDemoModelLoader").values())


def words(graph: Graph, example: Example, clip: Output, prompts: Output | None = None) -> Words:
    """Both prompts; with `prompts` that of B' comes from this link."""
    look = Look("B' in a few words", GREEN)
    if prompts:
        positive = graph.add("CLIPTextEncode", [""], look, clip=clip, text=prompts)
    else:
        positive = graph.add("CLIPTextEncode", [example.prompt + example.suffix], look, clip=clip)
    negative = graph.add("CLIPTextEncode", [example.negative], Look("Negative prompt", RED), clip=clip)
    return Words(positive["CONDITIONING"], negative["CONDITIONING"])


def patches(graph: Graph, example: Example, model: Output, layout: Output) -> tuple[Output, Output]:
    """The patched MODEL and the schedule."""
    setting = example.setting
    placement = [setting.layers.start, setting.layers.end, 0.0, 1.0]
    cloned = graph.add("AnalogistSACPatch", [setting.scale, *placement], model=model, layout=layout)["model"]
    masked = graph.add("AnalogistCAMPatch", placement, model=cloned, layout=layout)["model"]
    return masked, graph.add("AnalogistSigmas", [setting.steps, setting.strength], model=masked)["sigmas"]


def sampling(
    graph: Graph,
    example: Example,
    placed: Sockets,
    said: Words,
    vae: Output,
    patched: tuple[Output, Output],
    results: int = 1,
) -> Output:
    """The sampled latents: `results` of them at once, each from noise of its own."""
    model, sigmas = patched
    inpaint = graph.add(
        "InpaintModelConditioning",
        [False],
        positive=said.positive,
        negative=said.negative,
        vae=vae,
        pixels=placed["canvas"],
        mask=placed["mask"],
    )
    latent = inpaint["latent"]
    if results > 1:
        latent = graph.add("RepeatLatentBatch", [results], Look("How many results"), samples=latent)["LATENT"]
    guider = graph.add(
        "CFGGuider",
        [example.setting.guidance],
        model=model,
        positive=inpaint["positive"],
        negative=inpaint["negative"],
    )
    sampler = graph.add("KSamplerSelect", ["euler"])
    noise = graph.add("RandomNoise", [42, "fixed"])
    sampled = graph.add(
        "SamplerCustomAdvanced",
        noise=noise["NOISE"],
        guider=guider["GUIDER"],
        sampler=sampler["SAMPLER"],
        sigmas=sigmas,
        latent_image=latent,
    )
    return sampled["output"]


def decoded(graph: Graph, latent: Output, vae: Output, layout: Output) -> tuple[Output, Output]:
    """The whole sampled grid, and B' cut out of it."""
    image = graph.add("VAEDecode", samples=latent, vae=vae)["IMAGE"]
    return image, graph.add("AnalogistGridCropper", ["B'", "cell"], image=image, layout=layout)["image"]


def saved(graph: Graph, title: str, name: str, image: Output) -> None:
    graph.add("SaveImage", [f"Analogist/{name}"], Look(title), images=image)


def model_note(graph: Graph, *files: ModelFile, height: int = 300, before: str = "", after: str = "") -> None:
    """Where the model files come from and where they go."""
    links = "\n".join(f"- {file.folder}: {file.link}" for file in files)
    graph.note("Model links", height, f"{before}\n\n{links}\n\n```\n{_tree(files)}\n```\n\n{after}")


def _tree(files: tuple[ModelFile, ...]) -> str:
    folders: dict[str, list[str]] = {}
    for file in files:
        folders.setdefault(file.folder, []).append(file.name)
    lines = ["ComfyUI/", "└── models/"]
    for place, (folder, names) in enumerate(folders.items(), 1):
        last = place == len(folders)
        lines.append(f"    {'└' if last else '├'}── {folder}/")
        lines += [f"    {' ' if last else '│'}   {'└' if name == names[-1] else '├'}── {name}" for name in names]
    return "\n".join(lines)
