"""Write the example workflows: one graph, laid out once, with the settings of three analogies.

python tools/make_workflows.py
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analogist.published import NEGATIVE_PROMPT, SUFFIX

WORKFLOWS = Path(__file__).parents[1] / "workflows"
VERSION = "0.1.0"
HOST_VERSION = "0.33.0"

CHECKPOINT = "sd-v1-5-inpainting.ckpt"
CHECKPOINT_PAGE = "https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-inpainting"
CHECKPOINT_URL = f"{CHECKPOINT_PAGE}/resolve/main/{CHECKPOINT}"
LABELS = {"a": "A", "a_prime": "A'", "b": "B", "b_prime": "B'"}
NEGATIVE = NEGATIVE_PROMPT


@dataclass(frozen=True)
class Example:
    """One shipped analogy. `name` is the folder of its pictures, `about` and `expect` are told in the notes.

    What has a default is that of the published program; `own_model` takes the model that comes with the pack.
    """

    name: str
    title: str
    about: str
    expect: str
    prompt: str
    layout: str
    cell: int
    start_layer: int
    end_layer: int
    strength: float
    suffix: str = SUFFIX
    negative: str = NEGATIVE
    steps: int = 50
    guidance: float = 15.0
    own_model: bool = False


EXAMPLES = (
    Example(
        name="colorization",
        title="colorization",
        about="**A** is a grey photograph, **A'** the same one in color, **B** another grey photograph. "
        "The model paints **B'**: B in color.",
        expect="Does B' keep the face of the cat, and does it get colors? Cells of 256 pixels are the size of the "
        "paper: they are fast, but fine hair gets lost.",
        prompt="orange tabby cat in color",
        layout="pairs in rows",
        cell=256,
        start_layer=3,
        end_layer=11,
        strength=0.98,
    ),
    Example(
        name="caricature",
        title="caricature",
        about="**A** is a portrait of a cat, **A'** the same one with its eyes much larger and its nose smaller, "
        "**B** is another portrait. The model paints **B'**: B with the same features exaggerated.",
        expect="B' has to change its shape and not only its colors, which is harder: try a few seeds. Cells of 512 "
        "pixels show more of a face, but a run takes several times as long as with 256.",
        prompt="smiling woman with big eyes",
        layout="pairs in rows",
        cell=512,
        start_layer=4,
        end_layer=9,
        strength=0.96,
    ),
    Example(
        name="aligned_with_b",
        title="aligned with B",
        about="**A** and **B** show different things in the same place and the same style. **A'** is A in another "
        "style, but moved and seen larger. The model paints **B'**: B in the style, and the place, of A'.\n\n"
        "So here A is aligned with B and not with A'. That is what the layout **pairs in columns** is for: "
        "A and B lie side by side, A' below A and B' below B.",
        expect="Is B' a windmill at night, in brush strokes? It starts from a copy of A', its neighbor at the left, "
        "and at a strength of 0.8 the first and noisiest fifth of the schedule is left out.",
        prompt="windmill at night, painting",
        layout="pairs in columns",
        cell=512,
        start_layer=4,
        end_layer=8,
        strength=0.8,
    ),
    Example(
        name="shapes",
        title="demo",
        about="**A** is a drawing, **A'** the same one in another color, **B** another drawing. "
        "The model paints **B'**: B in that color. Nothing has to be downloaded.",
        expect="Is B' in the place of B, as large and with the same stripes, though the prompt says nothing of where "
        "and how large? Bypass SAC and CAM, and run it again.",
        prompt="a striped red circle on a yellow background",
        layout="pairs in rows",
        cell=64,
        start_layer=13,
        end_layer=16,
        strength=0.9,
        suffix="",
        negative="",
        steps=25,
        guidance=3.0,
        own_model=True,
    ),
)
PUBLISHED_SETTINGS = """
The settings are those of the published example; they have not been tuned for these pictures.
"""
KNOBS = """
## Which knob does what
- **strength** (Sigmas): B' starts from its neighbor at the left. Lower stays closer to that picture, \
1.0 forgets it.
- **scale** (SAC): small stays near B, large goes towards A'. Near 1.8 it breaks.
- **start_layer, end_layer** (SAC, CAM): fewer layers weaken the effect; the end is not included. \
Keep both nodes alike.
- **layout** (grid builder): *pairs in rows* when A and A' show the same thing in the same place, \
*pairs in columns* when A and B do.
- **noise_seed**: results differ a lot, so try several.
"""
NOISE_MASK = """
## Why noise_mask is off
The method needs A, A' and B to be denoised together with B', as in the paper. With *noise_mask* on they \
would be put back in every step.
"""


def stem(example: Example) -> str:
    """The file name without its ending, which is the title in ComfyUI's template browser."""
    return f"Analogist - {example.title}"


@dataclass(frozen=True)
class Output:
    """An output socket that an input can be linked to."""

    node: int
    slot: int
    type: str


class Graph:
    """A workflow as the frontend saves it."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.links: list[list[int | str]] = []
        self.groups: list[dict[str, Any]] = []

    def node(
        self,
        kind: str,
        box: Sequence[int],
        *,
        inputs: Mapping[str, Output] | None = None,
        outputs: Mapping[str, str] | None = None,
        widgets: Sequence[object] = (),
        **more: Any,
    ) -> dict[str, Output]:
        """Add a node at x, y with width, height; `inputs` are links by name and `outputs` types by name, in order."""
        number = len(self.nodes) + 1
        sockets = []
        for slot, (name, source) in enumerate((inputs or {}).items()):
            self.links.append([len(self.links) + 1, source.node, source.slot, number, slot, source.type])
            label = {"label": LABELS[name]} if name in LABELS else {}
            sockets.append({"name": name, "type": source.type, "link": len(self.links), **label})
            self.nodes[source.node - 1]["outputs"][source.slot]["links"].append(len(self.links))
        named = (outputs or {}).items()
        self.nodes.append(
            {
                "id": number,
                "type": kind,
                "pos": list(box[:2]),
                "size": list(box[2:]),
                "flags": {},
                "order": number - 1,
                "mode": 0,
                "inputs": sockets,
                "outputs": [{"name": name, "type": of_type, "links": []} for name, of_type in named],
                "properties": properties(kind),
                "widgets_values": list(widgets),
                **more,
            }
        )
        return {name: Output(number, slot, of_type) for slot, (name, of_type) in enumerate(named)}

    def note(self, title: str, box: Sequence[int], text: str) -> None:
        self.node("MarkdownNote", box, widgets=[text.strip()], title=title, color="#222", bgcolor="#000")

    def group(self, title: str, box: Sequence[int]) -> None:
        number = len(self.groups) + 1
        entry = {"id": number, "title": title, "bounding": list(box), "color": "#3f789e", "font_size": 24, "flags": {}}
        self.groups.append(entry)

    def file(self, name: str, scale: float, offset: tuple[int, int]) -> dict[str, Any]:
        """The whole file; its id follows from `name`, and the view that it opens with from the rest."""
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"analogist/{name}")),
            "revision": 0,
            "last_node_id": len(self.nodes),
            "last_link_id": len(self.links),
            "nodes": self.nodes,
            "links": self.links,
            "groups": self.groups,
            "config": {},
            "extra": {"ds": {"scale": scale, "offset": list(offset)}, "workflowRendererVersion": "LG"},
            "version": 0.4,
        }


def properties(kind: str) -> dict[str, Any]:
    """Which pack a node is from; ComfyUI offers to install or download what is missing by this."""
    if kind == "MarkdownNote":
        return {}
    ours = kind.startswith("Analogist")
    known: dict[str, Any] = {
        "Node name for S&R": kind,
        "cnr_id": "analogist" if ours else "comfy-core",
        "ver": VERSION if ours else HOST_VERSION,
    }
    if kind == "CheckpointLoaderSimple":
        known["models"] = [{"name": CHECKPOINT, "url": CHECKPOINT_URL, "directory": "checkpoints"}]
    return known


def workflow(example: Example) -> dict[str, Any]:
    """The whole file for one example."""
    graph = Graph()
    grid = pictures(graph, example)
    unet, clip, vae = loader(graph, example)
    positive = prompt(graph, "B' in a few words", (400, 730, 350, 130), clip, example.prompt + example.suffix)
    negative = prompt(graph, "Negative prompt", (400, 910, 350, 130), clip, example.negative)
    model, sigmas = method(graph, example, unet, grid["layout"])
    latent = sampling(graph, example, grid, (positive, negative, vae), model, sigmas)
    result(graph, example, latent, vae, grid["layout"])
    notes(graph, example)
    groups(graph)
    return graph.file(example.name, 0.6, (640, 150))


def pictures(graph: Graph, example: Example) -> dict[str, Output]:
    """The grid builder over the pictures of an example."""
    return grid_of(graph, example, three_pictures(graph, example))


def three_pictures(graph: Graph, example: Example) -> dict[str, Output]:
    return graph.node(
        "AnalogistExample",
        (20, 80, 350, 520),
        outputs={"A": "IMAGE", "A'": "IMAGE", "B": "IMAGE"},
        widgets=[example.name],
    )


def grid_of(graph: Graph, example: Example, images: Mapping[str, Output]) -> dict[str, Output]:
    return graph.node(
        "AnalogistGridBuilder",
        (400, 80, 350, 520),
        inputs={"a": images["A"], "a_prime": images["A'"], "b": images["B"]},
        outputs={"grid": "IMAGE", "canvas": "IMAGE", "mask": "MASK", "marked": "IMAGE", "layout": "ANALOGY_GRID"},
        widgets=[example.layout, example.cell, example.cell, "stretch", 2],
    )


def loader(graph: Graph, example: Example) -> tuple[Output, Output, Output]:
    """MODEL, CLIP and VAE."""
    box = (20, 730, 350, 110)
    if example.own_model:
        outputs = {"model": "MODEL", "clip": "CLIP", "vae": "VAE"}
        made = graph.node("AnalogistDemoModelLoader", box, outputs=outputs)
    else:
        outputs = {"MODEL": "MODEL", "CLIP": "CLIP", "VAE": "VAE"}
        made = graph.node("CheckpointLoaderSimple", box, outputs=outputs, widgets=[CHECKPOINT])
    unet, clip, vae = made.values()
    return unet, clip, vae


def prompt(graph: Graph, title: str, box: Sequence[int], clip: Output, text: str) -> Output:
    colors = {"color": "#322", "bgcolor": "#533"} if title.startswith("Neg") else {"color": "#232", "bgcolor": "#353"}
    made = graph.node(
        "CLIPTextEncode",
        box,
        inputs={"clip": clip},
        outputs={"CONDITIONING": "CONDITIONING"},
        widgets=[text],
        title=title,
        **colors,
    )
    return made["CONDITIONING"]


def method(graph: Graph, example: Example, model: Output, layout: Output) -> tuple[Output, Output]:
    """The two patches and the schedule."""
    placement = [example.start_layer, example.end_layer, 0.0, 1.0]
    for kind, box, widgets in (
        ("AnalogistSACPatch", (800, 80, 320, 200), [1.3, *placement]),
        ("AnalogistCAMPatch", (800, 340, 320, 180), placement),
    ):
        inputs = {"model": model, "layout": layout}
        model = graph.node(kind, box, inputs=inputs, outputs={"model": "MODEL"}, widgets=widgets)["model"]
    schedule = graph.node(
        "AnalogistSigmas",
        (800, 580, 320, 110),
        inputs={"model": model},
        outputs={"sigmas": "SIGMAS"},
        widgets=[example.steps, example.strength],
    )
    return model, schedule["sigmas"]


def sampling(
    graph: Graph,
    example: Example,
    grid: Mapping[str, Output],
    words_and_vae: tuple[Output, Output, Output],
    model: Output,
    sigmas: Output,
    results: int = 1,
) -> Output:
    """The sampled latent; with `results` above 1 so many of them at once, each from noise of its own."""
    positive, negative, vae = words_and_vae
    inpaint = graph.node(
        "InpaintModelConditioning",
        (1170, 80, 320, 160),
        inputs={
            "positive": positive,
            "negative": negative,
            "vae": vae,
            "pixels": grid["canvas"],
            "mask": grid["mask"],
        },
        outputs={"positive": "CONDITIONING", "negative": "CONDITIONING", "latent": "LATENT"},
        widgets=[False],
    )
    latent = inpaint["latent"] if results == 1 else repeated(graph, inpaint["latent"], results)
    guider = graph.node(
        "CFGGuider",
        (1170, 300, 320, 110),
        inputs={"model": model, "positive": inpaint["positive"], "negative": inpaint["negative"]},
        outputs={"GUIDER": "GUIDER"},
        widgets=[example.guidance],
    )
    sampler = graph.node("KSamplerSelect", (1170, 470, 320, 70), outputs={"SAMPLER": "SAMPLER"}, widgets=["euler"])
    noise = graph.node("RandomNoise", (1170, 600, 320, 100), outputs={"NOISE": "NOISE"}, widgets=[42, "fixed"])
    sampled = graph.node(
        "SamplerCustomAdvanced",
        (1170, 760, 320, 130),
        inputs={
            "noise": noise["NOISE"],
            "guider": guider["GUIDER"],
            "sampler": sampler["SAMPLER"],
            "sigmas": sigmas,
            "latent_image": latent,
        },
        outputs={"output": "LATENT", "denoised_output": "LATENT"},
    )
    return sampled["output"]


def repeated(graph: Graph, latent: Output, results: int) -> Output:
    made = graph.node(
        "RepeatLatentBatch",
        (1170, 950, 320, 90),
        inputs={"samples": latent},
        outputs={"LATENT": "LATENT"},
        widgets=[results],
        title="How many results",
    )
    return made["LATENT"]


def result(graph: Graph, example: Example, latent: Output, vae: Output, layout: Output) -> None:
    decoded = graph.node(
        "VAEDecode", (1540, 80, 320, 60), inputs={"samples": latent, "vae": vae}, outputs={"IMAGE": "IMAGE"}
    )
    cut = graph.node(
        "AnalogistGridCropper",
        (1540, 200, 320, 150),
        inputs={"image": decoded["IMAGE"], "layout": layout},
        outputs={"image": "IMAGE"},
        widgets=["B'", "cell"],
    )
    graph.node(
        "SaveImage",
        (1540, 420, 320, 340),
        inputs={"images": cut["image"]},
        widgets=[f"Analogist/{example.name}"],
        title="Save B'",
    )
    graph.node(
        "PreviewImage", (1540, 830, 320, 360), inputs={"images": decoded["IMAGE"]}, title="The whole sampled grid"
    )


def notes(graph: Graph, example: Example) -> None:
    graph.note(
        "About this analogy",
        (-480, 30, 440, 300),
        f"""
## A is to A' as B is to B'
{example.about}

**What to look for.** {example.expect}
{"" if example.own_model else PUBLISHED_SETTINGS}""",
    )
    (own_model_notes if example.own_model else checkpoint_notes)(graph)
    graph.note(
        "Which knob does what",
        (780, 780, 360, 310),
        KNOBS,
    )
    graph.note(
        "Why noise_mask is off",
        (1150, 990, 360, 130),
        NOISE_MASK,
    )


def checkpoint_notes(graph: Graph) -> None:
    graph.note(
        "Your own pictures",
        (-480, 390, 440, 250),
        """
## Your own pictures
1. Delete **Analogist Example** and put three **Load Image** nodes there.
2. Link them to **A**, **A'** and **B** of the grid builder.
3. Describe B' in the green box in at most five words, and leave the rest of the line as it is.

The three pictures become squares (*fit: stretch*). For other shapes change *cell_width* and *cell_height*, \
or set *size* of the cropper to *original B*.
""",
    )
    graph.note(
        "Model link",
        (-480, 700, 440, 260),
        f"""
## Model link
An **inpainting** model with a UNet is needed, SD 1.5 inpainting by default:

- [{CHECKPOINT}]({CHECKPOINT_URL}) ([page]({CHECKPOINT_PAGE}))

```
ComfyUI/
└── models/
    └── checkpoints/
        └── {CHECKPOINT}
```
""",
    )


def own_model_notes(graph: Graph) -> None:
    graph.note(
        "Your own pictures",
        (-480, 390, 440, 250),
        """
## Your own pictures
The model of the pack knows drawings of simple shapes and nothing else. For pictures of your own:

1. Replace **Analogist Demo Model Loader** by **Load Checkpoint** with an inpainting model, SD 1.5 inpainting for one.
2. Replace **Analogist Example** by three **Load Image** nodes.
3. Set *cell_width* and *cell_height* to 256, *steps* to 50 and *cfg* to 15.

Or open one of the other workflows of this pack, which are ready for that.
""",
    )
    graph.note(
        "The model",
        (-480, 700, 440, 160),
        """
## The model
A tiny inpainting model that was trained by this pack on drawings that this pack made. It comes with the pack. \
It paints grids of 128x128 pixels: cells of 64.
""",
    )


def groups(graph: Graph) -> None:
    graph.group("Step 1 - Three pictures and their grid", (0, 0, 770, 620))
    graph.group("Step 2 - Load an inpainting model", (0, 650, 380, 410))
    graph.group("Step 3 - Prompt", (390, 650, 380, 410))
    graph.group("Step 4 - Analogist", (780, 0, 360, 720))
    graph.group("Step 5 - Sample", (1150, 0, 360, 920))
    graph.group("Step 6 - B'", (1520, 0, 360, 1210))


def text(example: Example) -> str:
    return json.dumps(workflow(example), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for example in EXAMPLES:
        (WORKFLOWS / f"{stem(example)}.json").write_text(text(example), encoding="utf-8")


if __name__ == "__main__":
    main()
