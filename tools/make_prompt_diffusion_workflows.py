"""Write the example workflows of Prompt Diffusion, and their thumbnails.

python tools/make_prompt_diffusion_workflows.py
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from make_workflows import CHECKPOINT, CHECKPOINT_URL, EXAMPLES, NEGATIVE, WORKFLOWS, Graph, Output
from make_workflows import method as patches
from make_workflows import prompt as worded
from make_workflows import sampling as inpainted
from PIL import Image, ImageChops

from analogist.grid import AnalogyGrid, compose
from analogist.images import open_image
from analogist.marks import mark
from analogist.prompt_diffusion.tasks import NEGATIVE_PROMPT, Task
from analogist.published import SUFFIX

FILE = "network-step=04999.ckpt"
PAGE = "https://huggingface.co/zhendongw/prompt-diffusion"
URL = f"{PAGE}/resolve/main/{FILE}"
SIDE, STEPS, GUIDANCE = 512, 100, 9.0
"""As published."""
COLUMN = 370
"""Width of a further column."""
ANALOGY = EXAMPLES[0]
SCENE = "a house in front of mountains at sunset, photograph"

Words = tuple[Output, Output]
Loaded = Mapping[str, Output]


@dataclass(frozen=True)
class Work:
    """One workflow. `example` is the folder of its pictures, `about` and `advice` are told in the notes."""

    title: str
    example: str
    task: Task
    description: str
    about: str
    advice: str

    @property
    def stem(self) -> str:
        """The file name without its ending, which is the title in ComfyUI's template browser."""
        return f"Prompt Diffusion - {self.title}"


WORKS = (
    Work(
        "depth to image",
        "depth_to_picture",
        Task.PICTURE,
        SCENE,
        "**A** is the depth of a landscape, near is white; **A'** the landscape; **B** the depth of another one.",
        "Maps of your own photographs: in newer versions of ComfyUI **Run Depth Anything 3** and **Render Depth "
        "Anything 3** make "
        "them from A' and from the picture you want B from. They must show what is near in white.",
    ),
    Work(
        "HED to image",
        "hed_to_picture",
        Task.PICTURE,
        SCENE,
        "**A** are the outlines of a landscape as the network HED draws them; **A'** is the landscape; **B** are "
        "the outlines of "
        "another one.",
        "HED lines are soft, and white on black. ComfyUI has no node for them; packs with preprocessors do. See "
        "also *canny to "
        "image*, whose lines come from a node of ComfyUI.",
    ),
    Work(
        "segmentation to image",
        "segmentation_to_picture",
        Task.PICTURE,
        SCENE,
        "**A** are the parts of a landscape in the colors of ADE20K: sky, mountain, grass, tree, building, "
        "ground. **A'** is the "
        "landscape, **B** are the parts of another one.",
        "The colors are words here: with others the model reads other things. ComfyUI has no node for such maps; "
        "packs with "
        "preprocessors do (UniFormer or OneFormer, ADE20K).",
    ),
    Work(
        "image to depth",
        "picture_to_depth",
        Task.DEPTH,
        "",
        "The other way round. **A** is a landscape, **A'** its depth, **B** another landscape: the model paints "
        "its depth.",
        "For other maps exchange A' and choose the **task**: the words *depth map*, *hed map* and *segmentation "
        "map* are what the "
        "model was trained with, and without them no map comes out, whatever the pair shows.",
    ),
    Work(
        "scribble to image",
        "scribble_to_picture",
        Task.PICTURE,
        SCENE,
        "**A** is a landscape in an unsteady hand, **A'** the landscape, **B** another one by the same hand. "
        "Scribbles were not among "
        "the tasks of the training.",
        "White lines on black or black ones on white: the authors show both. A and B must agree.",
    ),
    Work(
        "canny to image",
        "colorization",
        Task.PICTURE,
        "orange tabby cat, photograph",
        "Any two pictures will do: **Detect Edges (Canny)** draws the lines of the first one for **A**, and of "
        "the second one for "
        "**B**. **A'** is the first picture itself. Edges of this kind were not among the tasks of the training.",
        "Put two **Load Image** nodes in the place of *Analogist Example*. Lower thresholds give more lines.",
    ),
    Work(
        "two-step editing",
        "picture_to_depth",
        Task.PICTURE,
        "a house in front of mountains in deep snow at night, photograph",
        "Editing a photograph with one pair. **Step 1** takes the pair as it is and paints the depth of B. "
        "**Step 2** takes the pair "
        "the other way round and paints a picture with that depth, by a new description.",
        "What stays is the layout of B, what changes is what the green box says. HED lines in the place of depth "
        "keep more of B.",
    ),
    Work(
        "side by side with Analogist",
        "depth_to_picture",
        Task.PICTURE,
        SCENE,
        "The same three pictures for both. **Above** Prompt Diffusion: trained on such tasks, guided by its text "
        "more than by its "
        "pair. **Below** Analogist: not trained for anything, looks only at the pictures and a few words.",
        "Neither is the judge of the other: Prompt Diffusion knows maps, Analogist everything that fits into a grid.",
    ),
)


def loader(graph: Graph) -> Loaded:
    kinds = ("MODEL", "CLIP", "VAE", "CONTROL_NET")
    loaded = graph.node(
        "AnalogistPromptDiffusionCheckpointLoader",
        (20, 730, 350, 150),
        outputs={kind: kind for kind in kinds},
        widgets=[FILE],
    )
    graph.nodes[-1]["properties"]["models"] = [{"name": FILE, "url": URL, "directory": "checkpoints"}]
    return loaded


def encoded(graph: Graph, title: str, box: tuple[int, int, int, int], clip: Output, text: Output) -> Output:
    """A text encoder whose words come from a link."""
    made = graph.node(
        "CLIPTextEncode",
        box,
        inputs={"clip": clip, "text": text},
        outputs={"CONDITIONING": "CONDITIONING"},
        widgets=[""],
        title=title,
    )
    graph.nodes[-1]["inputs"][1]["widget"] = {"name": "text"}
    return made["CONDITIONING"]


def words(graph: Graph, task: Task, description: str, clip: Output, left: int, top: int) -> Words:
    told = graph.node(
        "AnalogistPromptDiffusionPrompt",
        (left, top, 350, 250),
        outputs={"positive": "STRING", "negative": "STRING"},
        widgets=[task.value, description, SUFFIX, NEGATIVE_PROMPT],
        color="#232",
        bgcolor="#353",
    )
    positive = encoded(graph, "Prompt", (left, top + 310, 350, 80), clip, told["positive"])
    return positive, encoded(graph, "Negative prompt", (left, top + 450, 350, 80), clip, told["negative"])


def painted(graph: Graph, pictures: Mapping[str, Output], said: Words, loaded: Loaded, left: int, top: int) -> Output:
    """The control, the sampler and the decoder: B'."""
    applied = graph.node(
        "AnalogistPromptDiffusionApply",
        (left, top, 320, 260),
        inputs={
            "positive": said[0],
            "negative": said[1],
            "control_net": loaded["CONTROL_NET"],
            "b": pictures["B"],
            "a": pictures["A"],
            "a_prime": pictures["A'"],
        },
        outputs={"positive": "CONDITIONING", "negative": "CONDITIONING"},
        widgets=[1.0, 0.0, 1.0, "stretch"],
    )
    latent = graph.node(
        "EmptyLatentImage", (left, top + 320, 320, 110), outputs={"LATENT": "LATENT"}, widgets=[SIDE, SIDE, 1]
    )
    sampled = graph.node(
        "KSampler",
        (left, top + 490, 320, 270),
        inputs={
            "model": loaded["MODEL"],
            "positive": applied["positive"],
            "negative": applied["negative"],
            "latent_image": latent["LATENT"],
        },
        outputs={"LATENT": "LATENT"},
        widgets=[42, "fixed", STEPS, GUIDANCE, "ddim", "ddim_uniform", 1.0],
    )
    decoded = graph.node(
        "VAEDecode",
        (left, top + 820, 320, 60),
        inputs={"samples": sampled["LATENT"], "vae": loaded["VAE"]},
        outputs={"IMAGE": "IMAGE"},
    )
    return decoded["IMAGE"]


def saved(graph: Graph, title: str, name: str, image: Output, left: int, top: int) -> None:
    graph.node("SaveImage", (left, top, 320, 360), inputs={"images": image}, widgets=[f"Analogist/{name}"], title=title)


def shown(graph: Graph, title: str, image: Output, left: int, top: int) -> None:
    graph.node("PreviewImage", (left, top, 320, 300), inputs={"images": image}, title=title)


def examples(graph: Graph, work: Work) -> dict[str, Output]:
    return graph.node(
        "AnalogistExample",
        (20, 80, 350, 520),
        outputs={"A": "IMAGE", "A'": "IMAGE", "B": "IMAGE"},
        widgets=[work.example],
    )


def simple(graph: Graph, work: Work) -> None:
    """One triple of pictures, one run."""
    pictures, loaded = examples(graph, work), loader(graph)
    said = words(graph, work.task, work.description, loaded["CLIP"], 400, 80)
    image = painted(graph, pictures, said, loaded, 800, 80)
    saved(graph, "Save B'", work.title.replace(" ", "_"), image, 1170, 80)
    blocks(graph)


def canny(graph: Graph, work: Work) -> None:
    """A and B are the edges of two pictures, found by a node of the host in a column of its own."""
    given, loaded = examples(graph, work), loader(graph)
    pictures = {"A'": given["A'"]}
    for cell, source, which, top in (("A", "A'", "first", 80), ("B", "B", "second", 560)):
        edges = graph.node(
            "Canny",
            (400, top, 320, 110),
            inputs={"image": given[source]},
            outputs={"IMAGE": "IMAGE"},
            widgets=[0.2, 0.5],
            title=f"{cell}: the edges of the {which} picture",
        )
        pictures[cell] = edges["IMAGE"]
        shown(graph, cell, edges["IMAGE"], 400, top + 140)
    said = words(graph, work.task, work.description, loaded["CLIP"], 400 + COLUMN, 80)
    image = painted(graph, pictures, said, loaded, 800 + COLUMN, 80)
    saved(graph, "Save B'", work.title.replace(" ", "_"), image, 1170 + COLUMN, 80)
    graph.group("The maps - Edges", (390, 0, 360, 1030))
    blocks(graph, COLUMN)


def two_steps(graph: Graph, work: Work) -> None:
    pictures, loaded = examples(graph, work), loader(graph)
    first = words(graph, Task.DEPTH, "", loaded["CLIP"], 400, 80)
    depth = painted(graph, pictures, first, loaded, 800, 80)
    saved(graph, "The depth of B", "two_steps_depth", depth, 1170, 80)
    turned = {"A": pictures["A'"], "A'": pictures["A"], "B": depth}
    second = words(graph, Task.PICTURE, work.description, loaded["CLIP"], 1540, 80)
    image = painted(graph, turned, second, loaded, 1940, 80)
    saved(graph, "B, edited", "two_steps_edited", image, 2310, 80)
    graph.group("The pair, and B", (0, 0, 380, 620))
    graph.group("Prompt Diffusion", (0, 650, 380, 250))
    graph.group("Step 1 - The depth of B", (390, 0, 1120, 1000))
    graph.group("Step 2 - A picture of that depth", (1520, 0, 1130, 1000))


def side_by_side(graph: Graph, work: Work) -> None:
    simple(graph, work)
    pictures = {name: Output(1, slot, "IMAGE") for slot, name in enumerate(("A", "A'", "B"))}
    down = 1080
    grid = graph.node(
        "AnalogistGridBuilder",
        (20, down + 80, 350, 520),
        inputs={"a": pictures["A"], "a_prime": pictures["A'"], "b": pictures["B"]},
        outputs={"grid": "IMAGE", "canvas": "IMAGE", "mask": "MASK", "marked": "IMAGE", "layout": "ANALOGY_GRID"},
        widgets=["pairs in rows", 256, 256, "stretch", 2],
    )
    loaded = graph.node(
        "CheckpointLoaderSimple",
        (20, down + 660, 350, 110),
        outputs={"MODEL": "MODEL", "CLIP": "CLIP", "VAE": "VAE"},
        widgets=[CHECKPOINT],
    )
    positive = worded(
        graph, "B' in a few words", (400, down + 80, 350, 130), loaded["CLIP"], f"house at sunset, photograph{SUFFIX}"
    )
    negative = worded(graph, "Negative prompt", (400, down + 270, 350, 130), loaded["CLIP"], NEGATIVE)
    before = len(graph.nodes)
    model, sigmas = patches(graph, ANALOGY, loaded["MODEL"], grid["layout"])
    latent = inpainted(graph, ANALOGY, grid, (positive, negative, loaded["VAE"]), model, sigmas)
    for node in graph.nodes[before:]:
        node["pos"][1] += down
    decoded = graph.node(
        "VAEDecode",
        (1540, down + 80, 320, 60),
        inputs={"samples": latent, "vae": loaded["VAE"]},
        outputs={"IMAGE": "IMAGE"},
    )
    cut = graph.node(
        "AnalogistGridCropper",
        (1540, down + 200, 320, 150),
        inputs={"image": decoded["IMAGE"], "layout": grid["layout"]},
        outputs={"image": "IMAGE"},
        widgets=["B'", "cell"],
    )
    saved(graph, "Save B' of Analogist", "side_by_side_analogist", cut["image"], 1540, down + 420)
    graph.group("Analogist", (0, down, 1880, 950))


def blocks(graph: Graph, shift: int = 0) -> None:
    graph.group("Step 1 - Three pictures", (0, 0, 380, 620))
    graph.group("Step 2 - Load Prompt Diffusion", (0, 650, 380, 250))
    graph.group("Step 3 - Words", (390 + shift, 0, 380, 640))
    graph.group("Step 4 - Apply and sample", (780 + shift, 0, 360, 1000))
    graph.group("Step 5 - B'", (1150 + shift, 0, 360, 480))


LAYOUTS = {"canny to image": canny, "two-step editing": two_steps, "side by side with Analogist": side_by_side}


def notes(graph: Graph, work: Work) -> None:
    inpainting = f"\n- Analogist: [{CHECKPOINT}]({CHECKPOINT_URL})\n" if work.title.startswith("side") else ""
    graph.note("About this workflow", (-480, 30, 440, 340), f"## {work.title}\n{work.about}\n\n{work.advice}")
    graph.note(
        "What decides",
        (-480, 430, 440, 250),
        """
## What decides
**The text decides more than the pair.** In an independent measurement (arXiv 2312.03584) leaving out the pair cost \
little, and leaving out the text cost much. So say in the green box what B' shows.

The pair should be a near relative of B: the model has seen no others. The published settings are 100 steps of DDIM \
and a guidance of 9.
""",
    )
    graph.note(
        "Model link",
        (-480, 740, 440, 300),
        f"""
## Model link
- [{FILE}]({URL}) ([page]({PAGE}), 5.7 GB)
{inpainting}
```
ComfyUI/
└── models/
    └── checkpoints/
        └── {FILE}
```

`python -m analogist prompt-diffusion convert` makes a safe file of half the size of it.
""",
    )


def workflow(work: Work) -> dict[str, Any]:
    graph = Graph()
    LAYOUTS.get(work.title, simple)(graph, work)
    notes(graph, work)
    return graph.file(work.stem, 0.6, (640, 110))


def text(work: Work) -> str:
    return json.dumps(workflow(work), indent=2, ensure_ascii=False) + "\n"


def thumbnail(work: Work) -> Image.Image:
    """A, A' and B with their letters; for the edges of pictures, what stands for them."""
    folder = WORKFLOWS / "examples" / work.example
    a, a_prime, b = (open_image(folder / f"{name}.png") for name in ("a", "a_prime", "b"))
    if work.title == "canny to image":
        a, b = (outlined(picture) for picture in (a_prime, b))
    geometry = AnalogyGrid()
    return mark(geometry, compose(geometry, a, a_prime, b))


def outlined(picture: Image.Image) -> Image.Image:
    """Where neighboring pixels differ: near enough to Canny's edges for a thumbnail."""
    grey = picture.convert("L")
    moved = ImageChops.add(
        ImageChops.difference(grey, ImageChops.offset(grey, 1, 0)),
        ImageChops.difference(grey, ImageChops.offset(grey, 0, 1)),
    )
    return moved.point(lambda value: 255 if value > 40 else 0).convert("RGB")


def main() -> None:
    for work in WORKS:
        (WORKFLOWS / f"{work.stem}.json").write_text(text(work), encoding="utf-8")
        thumbnail(work).save(WORKFLOWS / f"{work.stem}.jpg", quality=85)


if __name__ == "__main__":
    main()
