"""The analogies, and stretches that several graphs share, each a few nodes and their links."""

from collections.abc import Mapping
from dataclasses import dataclass

from analogist.demo.configuration import SETTING
from analogist.grid import Layout
from analogist.layers import LayerRange, Numbering
from analogist.published import DEFAULT, NEGATIVE_PROMPT, SUFFIX, Setting

from .catalogue import INPAINTING
from .graph import GREEN, RED, Graph, Look, Output

Sockets = Mapping[str, Output]


@dataclass(frozen=True)
class Example:
    """One shipped analogy: `name` is the folder of its images; what has a default is the published program's."""

    name: str
    prompt: str
    layout: Layout = Layout.ROWS
    cell: int = 256
    setting: Setting = DEFAULT
    suffix: str = SUFFIX
    negative: str = NEGATIVE_PROMPT


COLORIZATION = Example("colorization", "orange tabby cat in color")
ALIGNED_WITH_B = Example(
    "aligned_with_b",
    "windmill at night, painting",
    layout=Layout.COLUMNS,
    cell=512,
    setting=Setting(strength=0.8, layers=LayerRange(4, 8)),
)
DEMO = Example(
    "shapes",
    "a large striped red fish on a yellow background",
    cell=64,
    setting=SETTING,
    suffix="",
    negative="",
)


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


def checkpoint(graph: Graph) -> Loaded:
    return Loaded(*graph.add("CheckpointLoaderSimple", [INPAINTING.name]).values())


def demo_model(graph: Graph) -> Loaded:
    return Loaded(*graph.add("AnalogistDemoModelLoader").values())


def grid(graph: Graph, example: Example, given: Sockets, **linked: Output) -> Sockets:
    settings = [example.layout.value, example.cell, example.cell, "stretch", 0 if example is DEMO else 2]
    return graph.add("AnalogistGridBuilder", settings, a=given["A"], a_prime=given["A'"], b=given["B"], **linked)


def words(graph: Graph, example: Example, clip: Output, prompt: Sockets | None = None) -> Words:
    """Both prompts, typed or by the links "positive" and "negative"."""
    encoded = []
    for name, look, text in (
        ("positive", Look("B' in a few words", GREEN), example.prompt + example.suffix),
        ("negative", Look("Negative prompt", RED), example.negative),
    ):
        linked = {"text": prompt[name]} if prompt else {}
        encoded.append(graph.add("CLIPTextEncode", [text], look, clip=clip, **linked)["CONDITIONING"])
    return Words(*encoded)


def patches(graph: Graph, example: Example, model: Output, layers: Sockets, **scale: Output) -> Output:
    """SAC and CAM; `layers` links the inputs that both have."""
    where = [example.setting.layers.start, example.setting.layers.end, 0.0, 1.0, "", Numbering.SD15.value]
    cloned = graph.add("AnalogistSACPatch", [example.setting.scale, *where], model=model, **layers, **scale)["model"]
    return graph.add("AnalogistCAMPatch", where, model=cloned, **layers)["model"]


def sigmas(graph: Graph, example: Example, model: Output, **linked: Output) -> Output:
    numbers = [example.setting.steps, example.setting.strength]
    return graph.add("AnalogistSigmas", numbers, model=model, **linked)["sigmas"]


def conditioned(graph: Graph, placed: Sockets, said: Words, vae: Output) -> Sockets:
    return graph.add(
        "InpaintModelConditioning",
        [False],
        positive=said.positive,
        negative=said.negative,
        vae=vae,
        pixels=placed["canvas"],
        mask=placed["mask"],
    )


def sampled(
    graph: Graph, example: Example, model: Output, schedule: Output, inpaint: Sockets, linked: Sockets | None = None
) -> Output:
    """The sampled latents; `linked` may have "guidance", "seed" and "amount"."""
    linked = linked or {}
    latent = inpaint["latent"]
    if "amount" in linked:
        latent = graph.add("RepeatLatentBatch", [1], samples=latent, amount=linked["amount"])["LATENT"]
    guider = graph.add(
        "CFGGuider",
        [example.setting.guidance],
        model=model,
        positive=inpaint["positive"],
        negative=inpaint["negative"],
        **({"cfg": linked["guidance"]} if "guidance" in linked else {}),
    )
    sampler = graph.add("KSamplerSelect", ["euler"])
    seed = {"noise_seed": linked["seed"]} if "seed" in linked else {}
    noise = graph.add("RandomNoise", [42, "fixed"], **seed)
    return graph.add(
        "SamplerCustomAdvanced",
        noise=noise["NOISE"],
        guider=guider["GUIDER"],
        sampler=sampler["SAMPLER"],
        sigmas=schedule,
        latent_image=latent,
    )["output"]


def decoded(graph: Graph, latent: Output, vae: Output, layout: Output) -> tuple[Output, Output]:
    """The whole sampled grid, and B' cut out of it."""
    image = graph.add("VAEDecode", samples=latent, vae=vae)["IMAGE"]
    return image, graph.add("AnalogistGridCropper", ["B'", "cell"], image=image, layout=layout)["image"]


def saved(graph: Graph, title: str, name: str, image: Output, size: tuple[int, int] | None = None) -> None:
    graph.add("SaveImage", [f"Analogist/{name}"], Look(title, size=size), images=image)


def previewed(graph: Graph, title: str, image: Output, size: tuple[int, int] | None = None) -> None:
    graph.add("PreviewImage", [], Look(title, size=size), images=image)
