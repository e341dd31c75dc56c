"""Analogist step by step, with the settings of three published analogies and of the demo model."""

from collections.abc import Callable
from dataclasses import dataclass

from analogist.grid import Layout
from analogist.layers import LayerRange
from analogist.published import Setting

from . import parts
from .catalogue import INPAINTING
from .graph import Box, Graph, Look, Output
from .parts import Example, Loaded, Sockets, Words

COLORIZATION = Example(
    name="colorization",
    title="colorization",
    about="**A** is a grey photograph, **A'** the same one in color, **B** another grey photograph. "
    "The model renders **B'**: B in color.",
    expect="Does B' keep the face of the cat, and does it get colors? Cells of 256 pixels are the size of the "
    "paper: they are fast, but fine hair gets lost.",
    prompt="orange tabby cat in color",
    layout=Layout.ROWS,
    cell=256,
    setting=Setting(),
)
CARICATURE = Example(
    name="caricature",
    title="caricature",
    about="**A** is a portrait of a cat, **A'** the same one with its eyes much larger and its nose smaller, "
    "**B** is another portrait. The model renders **B'**: B with the same features exaggerated.",
    expect="B' has to change its shape and not only its colors, which is harder: try a few seeds. Cells of 512 "
    "pixels show more of a face, but a run takes several times as long as with 256.",
    prompt="smiling woman with big eyes",
    layout=Layout.ROWS,
    cell=512,
    setting=Setting(strength=0.96, layers=LayerRange(4, 9)),
)
ALIGNED_WITH_B = Example(
    name="aligned_with_b",
    title="aligned with B",
    about="**A** and **B** show different things in the same place and the same style. **A'** is A in another "
    "style, but moved and seen larger. The model renders **B'**: B in the style, and the place, of A'.\n\n"
    "So here A is aligned with B and not with A'. That is what the layout **pairs in columns** is for: "
    "A and B lie side by side, A' below A and B' below B.",
    expect="Is B' a windmill at night, in brush strokes? It starts from a copy of A', its neighbor at the left, "
    "and at a strength of 0.8 the first and noisiest fifth of the schedule is left out.",
    prompt="windmill at night, painting",
    layout=Layout.COLUMNS,
    cell=512,
    setting=Setting(strength=0.8, layers=LayerRange(4, 8)),
)
DEMO = Example(
    name="shapes",
    title="demo",
    about="**A** is a drawing, **A'** the same one in another color, **B** another drawing. "
    "The model renders **B'**: B in that color. Nothing has to be downloaded.",
    expect="Is B' in the place of B, as large and with the same stripes, though the prompt says nothing of where "
    "and how large? Bypass SAC and CAM, and run it again.",
    prompt="a striped red circle on a yellow background",
    layout=Layout.ROWS,
    cell=64,
    setting=Setting(steps=25, strength=0.9, guidance=3.0, layers=LayerRange(13, 16)),
    suffix="",
    negative="",
)
EXAMPLES = (COLORIZATION, CARICATURE, ALIGNED_WITH_B, DEMO)


@dataclass(frozen=True)
class Prepared:
    """What sampling starts from, and the frame of the first step."""

    images: Sockets
    grid: Sockets
    loaded: Loaded
    words: Words
    frame: Box


def analogy(example: Example) -> Graph:
    """The whole method, every node to be seen."""
    graph = Graph()
    made = prepared(graph, example)
    finished(graph, example, made, beside=made.frame, step=4)
    graph.move(-480, 30)
    _notes(graph, example)
    return graph


def prepared(graph: Graph, example: Example, ask: Callable[[Graph, Output], Output] | None = None) -> Prepared:
    """Grid, model and prompts; `ask` adds what makes the prompt from the marked grid."""
    model = "the demo model" if example is DEMO else "an inpainting model"
    with graph.group("Step 1 - Three images and their grid") as first:
        given = parts.images(graph, example.name)
        graph.column()
        placed = parts.grid(graph, example, given)
    with graph.group(f"Step 2 - Load {model}", below=first) as second:
        loaded = parts.demo_model(graph) if example is DEMO else parts.checkpoint(graph)
    prompts = None
    if ask:
        with graph.group("Step 3 - Ask a vision model for the prompt", below=Box(0, 1100)):
            prompts = ask(graph, placed["marked"])
    with graph.group(f"Step {4 if ask else 3} - Prompt", beside=second):
        said = parts.words(graph, example, loaded.clip, prompts)
    return Prepared(given, placed, loaded, said, first)


def sampled(
    graph: Graph, example: Example, made: Prepared, *, beside: Box, step: int, results: int = 1
) -> tuple[Output, Box]:
    """The patches and the sampling, `beside` what is there: the latents, and the last frame."""
    with graph.group(f"Step {step} - Analogist", beside=beside) as method:
        patched = parts.patches(graph, example, made.loaded.model, made.grid["layout"])
    with graph.group(f"Step {step + 1} - Sample", beside=method) as sampling:
        latent = parts.sampling(graph, example, made.grid, made.words, made.loaded.vae, patched, results)
    return latent, sampling


def finished(graph: Graph, example: Example, made: Prepared, *, beside: Box, step: int) -> None:
    """From the prepared grid to the saved B'."""
    latent, sampling = sampled(graph, example, made, beside=beside, step=step)
    with graph.group(f"Step {step + 2} - B'", beside=sampling):
        image, b_prime = parts.decoded(graph, latent, made.loaded.vae, made.grid["layout"])
        parts.saved(graph, "Save B'", example.name, b_prime)
        graph.add("PreviewImage", [], Look("The whole sampled grid"), images=image)


def _notes(graph: Graph, example: Example) -> None:
    own = example is DEMO
    published = "" if own else "The settings are those of the published example, not tuned for these images."
    about = f"{example.about}\n\n**What to look for.** {example.expect}\n\n{published}"
    graph.note("A is to A' as B is to B'", 340, about)
    graph.note("Your own images", 260, DEMO_IMAGES if own else OWN_IMAGES)
    if own:
        graph.note("The model", 160, DEMO_MODEL)
    else:
        parts.model_note(graph, INPAINTING, before="An **inpainting** model with a UNet, SD 1.5 inpainting by default.")
    graph.note("Which setting does what", 310, SETTINGS)
    graph.note("Why noise_mask is off", 130, NOISE_MASK)


SETTINGS = """
- **strength** (Sigmas): B' starts from its neighbor at the left. Lower stays closer to that image, 1.0 forgets it.
- **scale** (SAC): small stays near B, large goes towards A'. Near 1.8 it breaks.
- **start_layer, end_layer** (SAC, CAM): fewer layers weaken the effect; the end is not included. Keep both nodes alike.
- **layout** (grid builder): *pairs in rows* when A and A' show the same thing in the same place, *pairs in columns* \
when A and B do.
- **noise_seed**: results differ a lot, so try several.
"""
NOISE_MASK = """
The method needs A, A' and B to be denoised together with B', as in the paper. With *noise_mask* on they would be put \
back in every step.
"""
OWN_IMAGES = """
1. Delete **Analogist Example** and put three **Load Image** nodes there.
2. Link them to **A**, **A'** and **B** of the grid builder.
3. Describe B' in the green box in at most five words, and leave the rest of the line as it is.

The three images become squares (*fit: stretch*). For other shapes change *cell_width* and *cell_height*, or set \
*size* of the cropper to *original B*.
"""
DEMO_IMAGES = """
The model of the pack knows drawings of simple shapes and nothing else. For images of your own:

1. Replace **Analogist Demo Model Loader** by **Load Checkpoint** with an inpainting model, SD 1.5 inpainting for one.
2. Replace **Analogist Example** by three **Load Image** nodes.
3. Set *cell_width* and *cell_height* to 256, *steps* to 50 and *cfg* to 15.

Or open one of the other workflows of this pack, which are ready for that.
"""
DEMO_MODEL = """
A tiny inpainting model that was trained by this pack on drawings that this pack made. It comes with the pack. It \
renders grids of 128x128 pixels: cells of 64.
"""
