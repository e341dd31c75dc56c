"""Analogist with eight results, scored by a CLIP vision model, the best one saved."""

from . import parts
from .analogies import COLORIZATION, prepared, sampled
from .catalogue import CLIP_VISION, INPAINTING
from .graph import Graph

RESULTS = 8


def best_of() -> Graph:
    """Colorization with `RESULTS` results."""
    graph, example = Graph(), COLORIZATION
    made = prepared(graph, example)
    latent, sampling = sampled(graph, example, made, beside=made.frame, step=4, results=RESULTS)
    pair_and_b = {"a": made.images["A"], "a_prime": made.images["A'"], "b": made.images["B"]}
    with graph.group("Step 6 - B' and its score", beside=sampling) as scored:
        _, results = parts.decoded(graph, latent, made.loaded.vae, made.grid["layout"])
        vision = graph.add("CLIPVisionLoader", [CLIP_VISION.name])["CLIP_VISION"]
        rated = graph.add("AnalogistDirectionScore", ["corrected"], clip_vision=vision, **pair_and_b, b_prime=results)
        scores = rated["scores"]
    with graph.group("Step 7 - The best, and all of them", beside=scored):
        best = graph.add("AnalogistBestOf", [1, "highest"], images=results, scores=scores)
        parts.saved(graph, "Save the best B'", f"{example.name}_best", best["images"])
        graph.column()
        title = f"{example.title}: {example.prompt}"
        sheet = [title, "best first", "highest", 4, 256]
        graph.add("AnalogistContactSheet", sheet, **pair_and_b, images=results, scores=scores)
    graph.move(-480, 30)
    graph.note(f"The best of {RESULTS}", 330, f"{example.about}\n\n{ABOUT}")
    parts.model_note(graph, INPAINTING, CLIP_VISION, height=360)
    graph.note("What the score says", 300, SCORE)
    return graph


ABOUT = f"""
Results of different noise differ a lot. Here {RESULTS} of them are rendered at once, a CLIP vision model scores how \
well each follows the example, and the best one is saved. The contact sheet shows all of them.

*amount* of **Repeat Latent Batch** is how many; another *noise_seed* gives others.
"""
SCORE = """
The cosine between two changes as CLIP sees them: A to A', and B to B'. 1 is the same change.

It compares results of the same three images well; between different images, or different vision models, the numbers \
mean little. It does not see whether B' is still B: look at *structure distance* too (0 is unchanged), and look \
at them.
"""
