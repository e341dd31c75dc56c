"""Write the two example workflows whose prompt a vision model makes: at an endpoint, and in ComfyUI itself.

python tools/make_prompter_workflows.py
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from make_workflows import (
    CHECKPOINT,
    CHECKPOINT_URL,
    EXAMPLES,
    NEGATIVE,
    WORKFLOWS,
    Graph,
    Output,
    method,
    pictures,
    prompt,
    result,
    sampling,
)
from PIL import Image

from analogist.grid import AnalogyGrid, compose
from analogist.images import open_image
from analogist.marks import mark
from analogist.published import SUFFIX
from analogist.vision import replies as prompting
from analogist.vision.replies import Form

EXAMPLE = next(example for example in EXAMPLES if example.name == "colorization")

VISION_MODEL = "qwen3vl_4b_fp8_scaled.safetensors"
VISION_PAGE = "https://huggingface.co/Comfy-Org/Qwen3-VL"
VISION_URL = f"{VISION_PAGE}/resolve/main/text_encoders/{VISION_MODEL}"


def endpoint(graph: Graph, marked: Output) -> Output:
    """The prompter: what goes into the text of the green box."""
    made = graph.node(
        "AnalogistGPT4VPrompter",
        (20, 1170, 730, 480),
        inputs={"image": marked},
        outputs={"prompts": "STRING", "text": "STRING"},
        widgets=["openai", "", 1, SUFFIX.removeprefix(", "), prompting.instruction(), 0, ""],
    )
    graph.note(
        "Who is asked, and what it costs",
        (-480, 1120, 440, 420),
        """
## Who is asked, and what it costs
**profile** is the name of an address with its key. The keys are on this machine and never in a workflow:

- *openai*, *openrouter*, *gemini*: set `OPENAI_API_KEY`, `OPENROUTER_API_KEY` or `GEMINI_API_KEY` before ComfyUI \
starts, or see the help page of the node for a file.
- *ollama*, *lm-studio*, *vllm*: a model on this machine, without a key.

The same grid with the same **seed** is asked and paid for once. To try another answer change the seed. \
To write the prompt yourself type it into **prompt**: then nobody is asked.
""",
    )
    return made["prompts"]


def local(graph: Graph, marked: Output) -> Output:
    """ComfyUI's own text node with a vision model, and the parser."""
    clip = graph.node(
        "CLIPLoader",
        (20, 1170, 350, 130),
        outputs={"CLIP": "CLIP"},
        widgets=[VISION_MODEL, "ideogram4", "default"],
        title="Load a vision model",
    )
    graph.nodes[-1]["properties"]["models"] = [{"name": VISION_MODEL, "url": VISION_URL, "directory": "text_encoders"}]
    text = prompting.request(prompting.instruction(), 1, Form.TEXT)
    told = graph.node(
        "TextGenerate",
        (400, 1170, 350, 480),
        inputs={"clip": clip["CLIP"], "image": marked},
        outputs={"generated_text": "STRING"},
        widgets=[
            text,
            512,
            "on",
            0.7,
            64,
            0.95,
            0.05,
            1.05,
            0,
            0,
            False,
            True,
        ],
    )
    made = graph.node(
        "AnalogistPromptParser",
        (780, 1170, 360, 130),
        inputs={"reply": told["generated_text"]},
        outputs={"prompts": "STRING", "text": "STRING"},
        widgets=[1, SUFFIX.removeprefix(", ")],
    )
    graph.note(
        "A vision model inside ComfyUI",
        (-480, 1120, 440, 380),
        f"""
## A vision model inside ComfyUI
No key, and nothing leaves this machine. ComfyUI's **Generate Text** looks at the marked grid, and \
**Analogist Prompt Parser** makes prompts of what it says; any other text node can be put in its place.

- [{VISION_MODEL}]({VISION_URL}) ([page]({VISION_PAGE}))

```
ComfyUI/
└── models/
    └── text_encoders/
        └── {VISION_MODEL}
```

For more prompts raise *prompts_wanted* and add *Give me 3 such prompts separated by commas.* to the text. \
Another *seed* gives another answer.
""",
    )
    return made["prompts"]


def workflow(title: str, brain: Callable[[Graph, Output], Output]) -> dict[str, Any]:
    graph = Graph()
    grid = pictures(graph, EXAMPLE)
    loaded = graph.node(
        "CheckpointLoaderSimple",
        (20, 730, 350, 110),
        outputs={"MODEL": "MODEL", "CLIP": "CLIP", "VAE": "VAE"},
        widgets=[CHECKPOINT],
    )
    prompts = brain(graph, grid["marked"])
    positive = worded(graph, loaded["CLIP"], prompts)
    negative = prompt(graph, "Negative prompt", (400, 910, 350, 130), loaded["CLIP"], NEGATIVE)
    model, sigmas = method(graph, EXAMPLE, loaded["MODEL"], grid["layout"])
    latent = sampling(graph, EXAMPLE, grid, (positive, negative, loaded["VAE"]), model, sigmas)
    result(graph, EXAMPLE, latent, loaded["VAE"], grid["layout"])
    shown(graph, prompts)
    notes(graph)
    groups(graph)
    return graph.file(title, 0.5, (640, 150))


def worded(graph: Graph, clip: Output, prompts: Output) -> Output:
    """The green box, its text coming from a link."""
    made = graph.node(
        "CLIPTextEncode",
        (400, 730, 350, 130),
        inputs={"clip": clip, "text": prompts},
        outputs={"CONDITIONING": "CONDITIONING"},
        widgets=[""],
        title="B' in a few words",
        color="#232",
        bgcolor="#353",
    )
    graph.nodes[-1]["inputs"][1]["widget"] = {"name": "text"}
    return made["CONDITIONING"]


def shown(graph: Graph, prompts: Output) -> None:
    graph.node(
        "PreviewAny",
        (780, 1370, 360, 160),
        inputs={"source": prompts},
        outputs={"STRING": "STRING"},
        title="The prompt",
    )
    graph.nodes[-1]["inputs"][0]["type"] = "*"


def notes(graph: Graph) -> None:
    graph.note(
        "About this workflow",
        (-480, 30, 440, 330),
        f"""
## A prompt that nobody has to write
{EXAMPLE.about}

A few words for B' help the model a lot. Here a vision language model looks at the **marked** grid, with its letters \
and arrows, and finds them: the way of the paper, which asked GPT-4V.

With *prompts_wanted* above 1 everything after the prompt runs once for each.
""",
    )
    graph.note(
        "Model link",
        (-480, 700, 440, 220),
        f"""
## Model link
An **inpainting** model with a UNet is needed, SD 1.5 inpainting by default:

- [{CHECKPOINT}]({CHECKPOINT_URL})

It goes to `ComfyUI/models/checkpoints`.
""",
    )


def groups(graph: Graph) -> None:
    for title, box in GROUPS.items():
        graph.group(title, box)


GROUPS: Mapping[str, tuple[int, int, int, int]] = {
    "Step 1 - Three pictures and their grid": (0, 0, 770, 620),
    "Step 2 - Load an inpainting model": (0, 650, 380, 410),
    "Step 3 - Ask a vision model for the prompt": (0, 1090, 1160, 600),
    "Step 4 - Prompts": (390, 650, 380, 410),
    "Step 5 - Analogist": (780, 0, 360, 720),
    "Step 6 - Sample": (1150, 0, 360, 920),
    "Step 7 - B'": (1520, 0, 360, 1210),
}


BRAINS = {"prompt from a vision model": endpoint, "prompt from a local model": local}


def thumbnail() -> Image.Image:
    """What the vision model is shown."""
    folder = WORKFLOWS / "examples" / EXAMPLE.name
    a, a_prime, b = (open_image(folder / name) for name in ("a.png", "a_prime.png", "b.png"))
    geometry = AnalogyGrid()
    return mark(geometry, compose(geometry, a, a_prime, b))


def main() -> None:
    for title, brain in BRAINS.items():
        text = json.dumps(workflow(title, brain), indent=2, ensure_ascii=False) + "\n"
        (WORKFLOWS / f"Analogist - {title}.json").write_text(text, encoding="utf-8")
        thumbnail().save(WORKFLOWS / f"Analogist - {title}.jpg", quality=85)


if __name__ == "__main__":
    main()
