"""Graphs of several example pairs, and of results at the size of their B."""

from analogist.grid import CropSize

from . import parts
from .blueprints import More, image_analogy
from .catalogue import INPAINTING
from .graph import Graph, Look
from .parts import COLORIZATION

LANDSCAPE = "colorization_landscape"
LARGER, KEPT = 512, 0.45
"""Pixels of a cell in the second pass, and its strength."""


def several_pairs() -> Graph:
    """Two examples of one edit."""
    graph, example = Graph(), COLORIZATION
    given = parts.images(graph, example.name, (260, 300))
    second = parts.images(graph, LANDSCAPE, (260, 300))
    graph.column()
    loaded = parts.checkpoint(graph)
    pairs = graph.add("AnalogistPair", [], Look("A second example"), a=second["A"], a_prime=second["A'"])
    graph.note(SEVERAL, (260, 240))
    graph.column()
    inner = image_analogy("several pairs", example, more=More("pairs", "pairs", "ANALOGY_PAIRS"))
    links = {name: given[name] for name in ("A", "A'", "B")}
    models = {"model": loaded.model, "clip": loaded.clip, "vae": loaded.vae}
    made = graph.put(inner, **links, **models, pairs=pairs["pairs"])
    graph.column()
    parts.saved(graph, "B'", "several_pairs", made["B'"], (300, 350))
    parts.previewed(graph, "Sampled grid", made["grid"], (300, 350))
    return graph


def full_size() -> Graph:
    """A second pass at larger cells that starts from the first B', and back at the size of B."""
    graph, example = Graph(), COLORIZATION
    given, loaded = parts.images(graph, example.name, (260, 300)), parts.checkpoint(graph)
    graph.note(FULL_SIZE, (260, 240))
    graph.column()
    links = {name: given[name] for name in ("A", "A'", "B")}
    models = {"model": loaded.model, "clip": loaded.clip, "vae": loaded.vae}
    first = graph.put(image_analogy("first pass", example), Look("First pass"), **links, **models)
    graph.column()
    larger = More("B' init", "b_prime_init", "IMAGE", CropSize.ORIGINAL_B, KEPT)
    again = image_analogy("second pass", parts.with_cell(example, LARGER), more=larger)
    start = {"B' init": first["B'"]}
    second = graph.put(again, Look("Second pass: larger cells, from B'"), **links, **models, **start)
    graph.column()
    transfer = ["reinhard_lab", "per_frame", 1.0]
    images = {"image_target": second["B'"], "image_ref": first["B'"]}
    matched = graph.add("ColorTransfer", transfer, Look("Colors of the first pass"), **images)["image"]
    parts.saved(graph, "B' in the size of B", "full_size", matched, (300, 220))
    compared = {"image_a": given["B"], "image_b": matched}
    graph.add("ImageCompare", [], Look("B and B' (Nodes 2.0)", size=(300, 260)), **compared)
    return graph


SEVERAL = f"""
Two examples of the same edit. *Analogist Pair* adds one more; chain several for more.

The grid grows to 3 rows; with three pairs it has 2 rows of 4 cells. B' attends to the example that resembles B.

Model: [{INPAINTING.name}]({INPAINTING.url})
"""
FULL_SIZE = f"""
The second pass renders cells of 512 pixels, starting from the first B'; SAC stays active. The result has the size of B.

A higher *strength* in the second pass changes more.

Model: [{INPAINTING.name}]({INPAINTING.url})
"""
