"""Mistakes that sample without an error: each sentence is on the node in the browser and once in the log."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.comfyui import QueueError, Server
from support.golden import PROJECT

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

WORKFLOW = json.loads((PROJECT / "workflows" / "Image analogy 7 - every node (advanced).json").read_text("utf-8"))
Prompt = dict[str, dict[str, Any]]
GRID, MARKED = 0, 3
"""Outputs of the Grid Builder that are not the canvas."""


def one(prompt: Prompt, kind: str) -> dict[str, Any]:
    (node,) = (node for node in prompt.values() if node["class_type"] == kind)
    return node


def noise_mask(prompt: Prompt) -> None:
    one(prompt, "InpaintModelConditioning")["inputs"]["noise_mask"] = True


def from_output(slot: int) -> Callable[[Prompt], None]:
    def change(prompt: Prompt) -> None:
        inputs = one(prompt, "InpaintModelConditioning")["inputs"]
        inputs["pixels"] = [inputs["pixels"][0], slot]

    return change


def no_conditioning(prompt: Prompt) -> None:
    texts = one(prompt, "InpaintModelConditioning")["inputs"]
    one(prompt, "CFGGuider")["inputs"] |= {name: texts[name] for name in ("positive", "negative")}


def denoise_of_one(prompt: Prompt) -> None:
    guider, latent = one(prompt, "CFGGuider")["inputs"], one(prompt, "SamplerCustomAdvanced")["inputs"]["latent_image"]
    taken = {name: guider[name] for name in ("model", "positive", "negative", "cfg")}
    chosen = {"seed": 1, "steps": 2, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    sampler = one(prompt, "SamplerCustomAdvanced")
    sampler |= {"class_type": "KSampler", "inputs": {**taken, **chosen, "latent_image": latent}}


def layers_apart(prompt: Prompt) -> None:
    one(prompt, "AnalogistCAMPatch")["inputs"]["layers"] = "4-8"


def demo_model(prompt: Prompt) -> None:
    one(prompt, "TestTinyCheckpoint").update({"class_type": "AnalogistDemoModelLoader", "inputs": {}})
    one(prompt, "AnalogistSettings")["inputs"]["layers"] = "4-8"


MISTAKES: dict[str, tuple[Callable[[Prompt], None], list[str]]] = {
    "none": (lambda prompt: None, []),
    "noise_mask": (noise_mask, ["noise_mask is on"]),
    "grid": (from_output(GRID), ["B' starts from an empty cell"]),
    "marked": (from_output(MARKED), ["B' starts from an empty cell"]),
    "no InpaintModelConditioning": (no_conditioning, ["The model does not see A, A' and B"]),
    "denoise 1": (denoise_of_one, ["Sampling starts from noise alone"]),
    "layers": (layers_apart, ["SAC and CAM act in different layers"]),
    "demo model": (demo_model, ["The demo model knows grids of", "The demo model was measured in layers"]),
}
SENTENCES = {sentence for _, said in MISTAKES.values() for sentence in said}


@pytest.fixture(scope="module")
def frontend(server: Server) -> Iterator[Frontend]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield Frontend(browser.new_page(viewport={"width": 1440, "height": 900}), server)


def small(frontend: Frontend) -> Prompt:
    """The prompt of the opened graph with a tiny model, few steps and small cells."""
    frontend.open(WORKFLOW)
    prompt: Prompt = frontend.prompt()
    one(prompt, "CheckpointLoaderSimple")["class_type"] = "TestTinyCheckpoint"
    one(prompt, "AnalogistSettings")["inputs"]["steps"] = 2
    one(prompt, "AnalogistGridBuilder")["inputs"] |= {"cell_width": 128, "cell_height": 128}
    return prompt


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_said_on_the_node_and_once_in_the_log(frontend: Frontend, server: Server, name: str) -> None:
    change, expected = MISTAKES[name]
    prompt, before = small(frontend), len(server.log)
    change(prompt)
    server.run(prompt, client_id=frontend.page.evaluate("app.api?.clientId ?? comfyAPI.api.api.clientId"))
    texts = (
        "() => app.graph.nodes.flatMap(node => (node.widgets ?? []).map(widget => String(widget.value))).join('\\n')"
    )
    for sentence in expected:
        frontend.page.wait_for_function(f"sentence => ({texts})().includes(sentence)", arg=sentence)
    shown, logged = frontend.page.evaluate(texts), server.log[before:]
    assert sorted(sentence for sentence in SENTENCES if sentence in shown) == sorted(expected)
    assert {sentence: logged.count(sentence) for sentence in SENTENCES} == {
        sentence: int(sentence in expected) for sentence in SENTENCES
    }


def test_a_model_without_a_mask_is_refused(frontend: Frontend, server: Server) -> None:
    prompt = small(frontend)
    one(prompt, "TestTinyCheckpoint")["class_type"] = "TestTinyTextToImage"
    with pytest.raises(QueueError, match=r"AnalogistSACPatch: expected an inpainting model.*switch any_model on"):
        server.run(prompt)
