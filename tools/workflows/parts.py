"""The analogies, and stretches that several graphs share, each a few nodes and their links."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from analogist.grid import CropSize, Layout
from analogist.layers import PAPER, Numbering
from analogist.published import DEFAULT, GUTTER, NEGATIVE_PROMPT, PRESETS, SEED, SUFFIX, Setting

from .catalogue import INPAINTING, ModelFile
from .graph import GREEN, RED, Graph, Look, Output

Sockets = Mapping[str, Output]


@dataclass(frozen=True)
class Example:
    """One shipped analogy: `name` is the folder of its images; what has a default is the published program's."""

    name: str
    prompt: str
    layout: Layout = Layout.ROWS
    cell: int = 256
    preset: str = "paper"
    suffix: str = SUFFIX
    negative: str = NEGATIVE_PROMPT
    gutter: int = GUTTER
    seed: int = SEED

    @property
    def setting(self) -> Setting:
        return PRESETS[self.preset]


COLORIZATION = Example("colorization", "orange tabby cat in color", preset="task: colorization")
ALIGNED_WITH_B = Example(
    "aligned_with_b",
    "windmill at night, painting",
    layout=Layout.COLUMNS,
    cell=512,
    preset="example: aligned with B",
)
DEMO = Example(
    "shapes",
    "a striped red fish on a yellow background",
    cell=64,
    preset="demo model",
    suffix="",
    negative="",
    gutter=0,
)
NO_PROMPT = replace(DEMO, prompt="", preset="demo model, no prompt", seed=43)
"""The seed was chosen: docs/demo_model.md shows 16 of them."""

OWN = ("example", "example", "example")
"""In place of own images: those of the example."""


def with_cell(example: Example, cell: int) -> Example:
    """The same analogy in cells of another size."""
    return replace(example, cell=cell)


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


def images(graph: Graph, name: str, size: tuple[int, int] | None = None) -> Sockets:
    return graph.add("AnalogistExample", [name, *OWN], Look(size=size))


def checkpoint(graph: Graph, file: ModelFile = INPAINTING, title: str | None = None) -> Loaded:
    return Loaded(*graph.add("CheckpointLoaderSimple", [file.name], Look(title)).values())


def demo_model(graph: Graph) -> Loaded:
    return Loaded(*graph.add("AnalogistDemoModelLoader").values())


def grid(graph: Graph, example: Example, given: Sockets, **linked: Output) -> Sockets:
    settings = [example.layout.value, example.cell, example.cell, "stretch", example.gutter]
    return graph.add("AnalogistGridBuilder", settings, a=given["A"], a_prime=given["A'"], b=given["B"], **linked)


def words(graph: Graph, example: Example, clip: Output, prompt: Sockets | None = None) -> Words:
    """Both prompts, typed or by the links "positive" and "negative"."""
    encoded = []
    for name, look, text in (
        ("positive", Look("Prompt: describes B'", GREEN), example.prompt + example.suffix),
        ("negative", Look("Negative prompt", RED), example.negative),
    ):
        linked = {"text": prompt[name]} if prompt else {}
        encoded.append(graph.add("CLIPTextEncode", [text], look, clip=clip, **linked)["CONDITIONING"])
    return Words(*encoded)


def settings(graph: Graph, example: Example, **linked: Output) -> Sockets:
    """The numbers of the example's preset; `linked` takes the place of any."""
    return graph.add("AnalogistSettings", [example.preset, 0.0, "", 0, 0.0, 0.0], **linked)


def patches(graph: Graph, model: Output, numbers: Sockets, layout: Output) -> Output:
    """SAC and CAM in the same layers."""
    unread = [PAPER.start, PAPER.end, 0.0, 1.0, "", Numbering.SD15.value, False]
    where = {"layout": layout, "layers": numbers["layers"]}
    cloned = graph.add("AnalogistSACPatch", [DEFAULT.scale, *unread], model=model, scale=numbers["scale"], **where)
    return graph.add("AnalogistCAMPatch", unread, model=cloned["model"], **where)["model"]


def sigmas(graph: Graph, model: Output, numbers: Sockets) -> Output:
    linked = {name: numbers[name] for name in ("steps", "strength")}
    return graph.add("AnalogistSigmas", [DEFAULT.steps, DEFAULT.strength], model=model, **linked)["sigmas"]


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


def sampled(graph: Graph, model: Output, schedule: Output, inpaint: Sockets, linked: Sockets) -> Output:
    """The sampled latents; `linked` has "guidance", and may have "seed" and "amount"."""
    latent = inpaint["latent"]
    if "amount" in linked:
        latent = graph.add("RepeatLatentBatch", [1], samples=latent, amount=linked["amount"])["LATENT"]
    guider = graph.add(
        "CFGGuider",
        [DEFAULT.guidance],
        model=model,
        positive=inpaint["positive"],
        negative=inpaint["negative"],
        cfg=linked["guidance"],
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


def decoded(
    graph: Graph, latent: Output, vae: Output, layout: Output, size: CropSize = CropSize.CELL
) -> tuple[Output, Output]:
    """The whole sampled grid, and B' cut out of it."""
    image = graph.add("VAEDecode", samples=latent, vae=vae)["IMAGE"]
    return image, graph.add("AnalogistGridCropper", ["B'", size.value], image=image, layout=layout)["image"]


def saved(graph: Graph, title: str, name: str, image: Output, size: tuple[int, int] | None = None) -> int:
    """The number of the node, as that of `previewed`."""
    graph.add("SaveImage", [f"Analogist/{name}"], Look(title, size=size), images=image)
    return len(graph.nodes)


def previewed(graph: Graph, title: str, image: Output, size: tuple[int, int] | None = None) -> int:
    graph.add("PreviewImage", [], Look(title, size=size), images=image)
    return len(graph.nodes)


def app(graph: Graph, given: Sockets, made: Sockets, prompt: str, shown: int) -> None:
    """In App mode: the three images and the prompt in, B' out."""
    chosen = [(given[cell].node, name) for name, cell in (("a", "A"), ("a_prime", "A'"), ("b", "B"))]
    graph.app([*chosen, (made["B'"].node, prompt)], shown)
