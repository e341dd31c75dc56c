"""Analogist's graphs, in the order in which to learn: few nodes around the one that holds the method."""

from dataclasses import replace

from analogist.published import SUFFIX
from analogist.vision import request
from analogist.vision.request import Form

from . import parts
from .blueprints import WITHOUT, image_analogy, vision_analogy
from .catalogue import CLIP_VISION, INPAINTING, VISION_LANGUAGE
from .graph import Graph, Look, Output
from .parts import ALIGNED_WITH_B, COLORIZATION, DEMO, NO_PROMPT, Example, Loaded, Sockets

SUFFIX_WIDGET = SUFFIX.removeprefix(", ")
RESULTS = 8
CARD = "https://github.com/comfyui-analogist/ComfyUI-Analogist/blob/main/docs/demo_model.md"
FOLDER = "b"
"""Of ComfyUI's input folder."""


def analogy(graph: Graph, key: str, example: Example, given: Sockets, loaded: Loaded, **linked: Output) -> Sockets:
    """The node that holds the method; `linked` may have any of its inputs, with _ for a blank."""
    results = RESULTS if key == "best of 8" else 1
    named = {name.replace("_", " "): source for name, source in linked.items()}
    return graph.put(image_analogy(key, example, results, "layers" in linked), **_links(given, loaded), **named)


def _links(given: Sockets, loaded: Loaded) -> Sockets:
    images = {name: given[name] for name in ("A", "A'", "B")}
    return {**images, "model": loaded.model, "clip": loaded.clip, "vae": loaded.vae}


def start() -> Graph:
    """The demo model: nothing to download."""
    graph = Graph()
    given, loaded = parts.images(graph, NO_PROMPT.name), parts.demo_model(graph)
    graph.note(START, (260, 190))
    graph.column()
    made = graph.put(image_analogy("start", NO_PROMPT, compared=True), **_links(given, loaded))
    graph.column()
    shown = _enlarged(graph, "B', enlarged", made["B'"])
    parts.app(graph, given, made, "prompt", shown)
    parts.saved(graph, "B'", "start", made["B'"], (330, 220))
    graph.column()
    _enlarged(graph, "Without SAC and CAM, enlarged", made[WITHOUT])
    parts.previewed(graph, "Sampled grid", made["grid"], (330, 220))
    return graph


def _enlarged(graph: Graph, title: str, image: Output) -> int:
    """The number of the node that shows it."""
    larger = graph.add("ImageScaleBy", ["lanczos", 8.0], Look("8 times as large", size=(330, 90)), image=image)
    return parts.previewed(graph, title, larger["IMAGE"], (330, 350))


def by_example(example: Example, text: str) -> Graph:
    """A checkpoint and the images of `example`."""
    graph = Graph()
    given, loaded = parts.images(graph, example.name), parts.checkpoint(graph)
    graph.note(text, (260, 180))
    graph.column()
    made = analogy(graph, example.name, example, given, loaded)
    graph.column()
    shown = parts.saved(graph, "B'", example.name, made["B'"], (400, 440))
    parts.app(graph, given, made, "prompt", shown)
    graph.column()
    parts.previewed(graph, "Sampled grid", made["grid"], (400, 440))
    return graph


def style_by_example() -> Graph:
    return by_example(COLORIZATION, BY_EXAMPLE)


def pairs_in_columns() -> Graph:
    return by_example(ALIGNED_WITH_B, COLUMNS)


def by_endpoint() -> Graph:
    """A vision model behind an address sees the marked grid and writes the prompt."""
    graph = Graph()
    given, loaded = parts.images(graph, COLORIZATION.name), parts.checkpoint(graph)
    graph.note(BY_ENDPOINT, (260, 180))
    graph.column()
    made = graph.put(vision_analogy("endpoint", COLORIZATION), Look(size=(440, 560)), **_links(given, loaded))
    graph.add("PreviewAny", [], Look("Prompt", size=(440, 100)), source=made["prompt"])
    graph.column()
    parts.saved(graph, "B'", COLORIZATION.name, made["B'"], (400, 440))
    return graph


def by_local() -> Graph:
    """ComfyUI's own text node with a vision model, and the parser."""
    graph = Graph()
    given, loaded = parts.images(graph, COLORIZATION.name), parts.checkpoint(graph)
    graph.note(BY_LOCAL, (260, 180))
    graph.column()
    placed = parts.grid(graph, COLORIZATION, given)
    clip = graph.add("CLIPLoader", [VISION_LANGUAGE.name, "ideogram4", "default"], Look("Load vision language model"))
    graph.column()
    text = request.request(request.instruction(), 1, Form.TEXT)
    sampling = ["on", 0.7, 64, 0.95, 0.05, 1.05, 0, 0]
    marked = placed["marked"]
    told = graph.add("TextGenerate", [text, 512, *sampling, False, True], clip=clip["CLIP"], image=marked)
    prompts = graph.add("AnalogistPromptParser", [1, SUFFIX_WIDGET], reply=told["generated_text"])["prompts"]
    graph.column()
    made = analogy(graph, "local", COLORIZATION, given, loaded, prompt=prompts)
    graph.add("PreviewAny", [], Look("Prompt"), source=prompts)
    graph.column()
    parts.saved(graph, "B'", COLORIZATION.name, made["B'"], (260, 340))
    return graph


def best_of() -> Graph:
    """Eight results, scored by a CLIP vision model, the best one saved."""
    graph, example = Graph(), COLORIZATION
    given, loaded = parts.images(graph, example.name), parts.checkpoint(graph)
    graph.note(BEST_OF, (260, 180))
    graph.column()
    results = analogy(graph, "best of 8", example, given, loaded)["B'"]
    graph.column()
    vision = graph.add("CLIPVisionLoader", [CLIP_VISION.name])["CLIP_VISION"]
    pair_and_b = {"a": given["A"], "a_prime": given["A'"], "b": given["B"]}
    rated = graph.add("AnalogistDirectionScore", ["corrected"], clip_vision=vision, **pair_and_b, b_prime=results)
    best = graph.add("AnalogistBestOf", [1, "highest"], images=results, scores=rated["scores"])
    graph.column()
    sheet = [f"colorization: {example.prompt}", "best first", "highest", 4, 256]
    graph.add("AnalogistContactSheet", sheet, **pair_and_b, images=results, scores=rated["scores"])
    graph.column()
    parts.saved(graph, "Best B'", "best", best["images"], (180, 300))
    return graph


def sweep() -> Graph:
    """One setting from left to right, the others from row to row."""
    graph, example = Graph(), DEMO
    given, loaded = parts.images(graph, example.name), parts.demo_model(graph)
    graph.note(SWEEP, (260, 180))
    graph.column()
    values = graph.add("AnalogistSweepValues", ["1.0, 1.3, 1.6", "3-10", "0.7, 0.9", "42"])
    graph.column()
    linked = {
        "SAC_scale": values["scale"],
        "layers": values["layers"],
        "strength": values["strength"],
        "seed": values["seed"],
    }
    made = analogy(graph, "sweep", example, given, loaded, **linked)
    graph.column()
    sheet = graph.add(
        "AnalogistSweep",
        ["", "", "SAC scale and strength", "highest", 128],
        Look(size=(420, 480)),
        images=made["B'"],
        settings=values["settings"],
    )
    parts.saved(graph, "Contact sheet", "sweep", sheet["sheet"], (420, 120))
    return graph


def folder_of_b() -> Graph:
    """The same change to every image of a folder."""
    graph, example = Graph(), COLORIZATION
    given, loaded = parts.images(graph, example.name), parts.checkpoint(graph)
    graph.note(FOLDER_OF_B, (260, 180))
    graph.column()
    many = graph.add("AnalogistFolder", [FOLDER, "Analogist/folder", 1], Look("The next B without a result"))
    graph.column()
    general = replace(example, prompt="photograph in color")
    made = analogy(graph, "folder of b", general, {**given, "B": many["images"]}, loaded)
    graph.column()
    look = Look("B', named after B", size=(400, 440))
    graph.add("SaveImage", ["Analogist/folder"], look, images=made["B'"], filename_prefix=many["prefixes"])
    return graph


def every_node() -> Graph:
    """The method without a node that holds it."""
    graph, example = Graph(), COLORIZATION
    given, loaded = parts.images(graph, example.name, (260, 290)), parts.checkpoint(graph)
    numbers = parts.settings(graph, example)
    graph.column()
    placed = parts.grid(graph, example, given)
    said = parts.words(graph, example, loaded.clip)
    graph.column()
    model = parts.patches(graph, loaded.model, numbers, placed["layout"])
    inpaint = parts.conditioned(graph, placed, said, loaded.vae)
    graph.column()
    schedule = parts.sigmas(graph, model, numbers)
    latent = parts.sampled(graph, model, schedule, inpaint, {"guidance": numbers["guidance"]})
    graph.column()
    _, b_prime = parts.decoded(graph, latent, loaded.vae, placed["layout"])
    parts.saved(graph, "B'", example.name, b_prime, (280, 220))
    graph.note(EVERY_NODE, (280, 190))
    return graph


START = f"""
**A** is to **A'** as **B** is to **B'**. Press *Run*: the demo model, which is included, recolors B. No prompt: \
SAC and CAM take the change from A and A'. Beside it without them.

The seed was chosen: see [how often it works]({CARD}).

For your own images open *2 - style by example*.
"""
BY_EXAMPLE = f"""
**A** is to **A'** as **B** is to **B'**. For your own images use three *Load Image* nodes, and describe B' in at most \
five words.

If B' is too close to B, increase *strength*. If it is too close to A', decrease *SAC scale*.

Other SD 1.5 inpainting checkpoints work too: Realistic Vision, epiCRealism, DreamShaper.

Model: [{INPAINTING.name}]({INPAINTING.url})
"""
COLUMNS = f"""
Use *pairs in columns* if **A** is aligned with **B** and not with **A'**.

Sampling of B' starts from a copy of A'. A *strength* below 1 keeps part of it.

Model: [{INPAINTING.name}]({INPAINTING.url})
"""
BY_ENDPOINT = f"""
The vision model of the *profile* gets the marked grid and writes the prompt. API keys stay on the server: set \
`OPENAI_API_KEY`, or choose *ollama*.

Identical requests are cached; a new *seed* sends a new request. With text in *prompt* no request is sent.

Model: [{INPAINTING.name}]({INPAINTING.url})
"""
BY_LOCAL = f"""
*Generate Text* gets the marked grid, and the parser extracts the prompt from its reply. No API key is needed.

Models: [{INPAINTING.name}]({INPAINTING.url}), [{VISION_LANGUAGE.name}]({VISION_LANGUAGE.url})
"""
BEST_OF = f"""
Results vary strongly with the seed. Eight are rendered, a CLIP vision model scores how well each follows the \
example, and the best one is saved.

Models: [{INPAINTING.name}]({INPAINTING.url}), [{CLIP_VISION.name}]({CLIP_VISION.url})
"""
SWEEP = """
The analogy runs once per combination of the values in *Sweep Values*.

Here: six runs of the demo model, with three SAC scales and two strengths.
"""
FOLDER_OF_B = f"""
Put images into a folder of `ComfyUI/input` and select it in *folder*. Each run takes the next image without a result \
and saves the result under the name of its B. Set the number of runs beside *Run*; to continue, run again.

Model: [{INPAINTING.name}]({INPAINTING.url})
"""
EVERY_NODE = f"""
The nodes inside *Image Analogy*. Use the same layers in SAC and CAM. *noise_mask* is off, because A, A' and B are \
denoised too.

Model: [{INPAINTING.name}]({INPAINTING.url})
"""
