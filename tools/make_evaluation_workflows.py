"""Write the example workflow that paints several results, scores them and keeps the best.

python tools/make_evaluation_workflows.py
"""

import json
from collections.abc import Mapping
from typing import Any

from make_workflows import (
    CHECKPOINT,
    CHECKPOINT_PAGE,
    CHECKPOINT_URL,
    EXAMPLES,
    WORKFLOWS,
    Graph,
    Output,
    grid_of,
    loader,
    method,
    prompt,
    sampling,
    three_pictures,
)
from PIL import Image

from analogist.images import open_image
from analogist.sheets.contact_sheet import Tile, analogy_sheet

EXAMPLE = next(example for example in EXAMPLES if example.name == "colorization")
TITLE = "best of seeds"
RESULTS = 8

VISION_MODEL = "clip_vision_h.safetensors"
VISION_PAGE = "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged"
VISION_URL = f"{VISION_PAGE}/resolve/main/split_files/clip_vision/{VISION_MODEL}"


def workflow() -> dict[str, Any]:
    graph = Graph()
    images = three_pictures(graph, EXAMPLE)
    grid = grid_of(graph, EXAMPLE, images)
    unet, clip, vae = loader(graph, EXAMPLE)
    positive = prompt(graph, "B' in a few words", (400, 730, 350, 130), clip, EXAMPLE.prompt + EXAMPLE.suffix)
    negative = prompt(graph, "Negative prompt", (400, 910, 350, 130), clip, EXAMPLE.negative)
    model, sigmas = method(graph, EXAMPLE, unet, grid["layout"])
    latent = sampling(graph, EXAMPLE, grid, (positive, negative, vae), model, sigmas, RESULTS)
    results = b_primes(graph, latent, vae, grid["layout"])
    pair_and_b = {"a": images["A"], "a_prime": images["A'"], "b": images["B"]}
    scores = scored(graph, pair_and_b, results)
    shown(graph, pair_and_b, results, scores)
    notes(graph)
    for title, box in GROUPS.items():
        graph.group(title, box)
    return graph.file(TITLE, 0.5, (640, 150))


def b_primes(graph: Graph, latent: Output, vae: Output, layout: Output) -> Output:
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
    return cut["image"]


def scored(graph: Graph, pair_and_b: Mapping[str, Output], results: Output) -> Output:
    vision = graph.node(
        "CLIPVisionLoader", (1540, 470, 320, 70), outputs={"CLIP_VISION": "CLIP_VISION"}, widgets=[VISION_MODEL]
    )
    graph.nodes[-1]["properties"]["models"] = [{"name": VISION_MODEL, "url": VISION_URL, "directory": "clip_vision"}]
    made = graph.node(
        "AnalogistDirectionScore",
        (1540, 600, 320, 360),
        inputs={"clip_vision": vision["CLIP_VISION"], **pair_and_b, "b_prime": results},
        outputs={"scores": "FLOAT", "structure": "FLOAT", "text": "STRING"},
        widgets=["corrected"],
    )
    return made["scores"]


def shown(graph: Graph, pair_and_b: Mapping[str, Output], results: Output, scores: Output) -> None:
    best = graph.node(
        "AnalogistBestOf",
        (1910, 80, 320, 220),
        inputs={"images": results, "scores": scores},
        outputs={"images": "IMAGE", "scores": "FLOAT", "numbers": "INT", "text": "STRING"},
        widgets=[1, "highest"],
    )
    graph.node(
        "SaveImage",
        (1910, 360, 320, 340),
        inputs={"images": best["images"]},
        widgets=[f"Analogist/{EXAMPLE.name}_best"],
        title="Save the best B'",
    )
    graph.node(
        "AnalogistContactSheet",
        (2280, 80, 700, 860),
        inputs={**pair_and_b, "images": results, "scores": scores},
        outputs={"sheet": "IMAGE"},
        widgets=[f"{EXAMPLE.title}: {EXAMPLE.prompt}", "best first", "highest", 4, 256],
    )


def notes(graph: Graph) -> None:
    graph.note(
        "About this workflow",
        (-480, 30, 440, 330),
        f"""
## The best of {RESULTS}
{EXAMPLE.about}

Results of different noise differ a lot. Here {RESULTS} of them are painted at once, a CLIP vision model scores how \
well each follows the example, and the best one is saved. The contact sheet shows all of them.

*amount* of **Repeat Latent Batch** is how many; another *noise_seed* gives others.
""",
    )
    graph.note(
        "What the score says",
        (1910, 760, 320, 300),
        """
## What the score says
The cosine between two changes as CLIP sees them: A to A', and B to B'. 1 is the same change.

It compares results of the same three pictures well; between different pictures, or different vision models, the \
numbers mean little. It does not see whether B' is still B: look at *structure distance* too (0 is unchanged), and \
at the pictures.
""",
    )
    graph.note(
        "Model links",
        (-480, 700, 440, 360),
        f"""
## Model links
- an **inpainting** model: [{CHECKPOINT}]({CHECKPOINT_URL}) ([page]({CHECKPOINT_PAGE}))
- a **CLIP vision** model: [{VISION_MODEL}]({VISION_URL}) ([page]({VISION_PAGE}))

```
ComfyUI/
└── models/
    ├── checkpoints/
    │   └── {CHECKPOINT}
    └── clip_vision/
        └── {VISION_MODEL}
```
""",
    )


GROUPS: Mapping[str, tuple[int, int, int, int]] = {
    "Step 1 - Three pictures and their grid": (0, 0, 770, 620),
    "Step 2 - Load an inpainting model": (0, 650, 380, 410),
    "Step 3 - Prompt": (390, 650, 380, 410),
    "Step 4 - Analogist": (780, 0, 360, 720),
    "Step 5 - Sample": (1150, 0, 360, 1060),
    "Step 6 - B' and its score": (1520, 0, 360, 980),
    "Step 7 - The best, and all of them": (1890, 0, 1110, 1080),
}


def text() -> str:
    return json.dumps(workflow(), indent=2, ensure_ascii=False) + "\n"


def thumbnail() -> Image.Image:
    """The sheet as it is before anything has been painted."""
    folder = WORKFLOWS / "examples" / EXAMPLE.name
    names = {"A": "a.png", "A'": "a_prime.png", "B": "b.png"}
    blank = Image.new("RGB", (256, 256), (225, 225, 225))
    results = [Tile(blank, f"B' #{number}", best=number == 1) for number in range(1, 4)]
    return analogy_sheet({label: open_image(folder / name) for label, name in names.items()}, results, columns=3)


def main() -> None:
    (WORKFLOWS / f"Analogist - {TITLE}.json").write_text(text(), encoding="utf-8")
    thumbnail().save(WORKFLOWS / f"Analogist - {TITLE}.jpg", quality=85)


if __name__ == "__main__":
    main()
