"""The shipped workflows in the real frontend: they open, they become prompts, and the prompts run."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from support.comfyui import PACK_FOLDER, Server
from support.golden import PROJECT

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

PATHS = sorted((PROJECT / "workflows").glob("Analogist - *.json"))
DEMO = "Analogist - demo"
"""It needs no checkpoint; see test_demo_workflow.py."""
WORKFLOWS = {path.stem: json.loads(path.read_text()) for path in PATHS if path.stem != DEMO}
LOCAL = "Analogist - prompt from a local model"
BEST = "Analogist - best of seeds"
CHECKPOINT = "sd-v1-5-inpainting.ckpt"
CHEAP_CELL = 256
"""A step of the tiny model takes seconds at cells of 256 pixels, and a minute at 512."""


@pytest.fixture(scope="module")
def frontend(server: Server) -> Iterator[Frontend]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield Frontend(browser.new_page(viewport={"width": 1900, "height": 1200}), server)


def nodes_of(prompt: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [node for node in prompt.values() if node["class_type"] == kind]


def saved(server: Server, prompt: dict[str, Any]) -> Image.Image:
    """Run a prompt and read back the picture that it saved."""
    outputs = server.run(prompt)["outputs"]
    (entry,) = (image for output in outputs.values() for image in output.get("images", ()) if image["type"] == "output")
    picture = Image.open(io.BytesIO(server.picture(entry)))
    picture.load()
    assert picture.format == "PNG"
    return picture


def worded(prompt: dict[str, Any]) -> dict[str, Any]:
    """A prompt whose words for B' need no vision model: typed by hand, or said by another text node."""
    for node in nodes_of(prompt, "AnalogistGPT4VPrompter"):
        node["inputs"]["prompt"] = "orange tabby cat in color"
    for node in nodes_of(prompt, "TextGenerate"):
        node |= {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "Sure! B': orange tabby cat in color"}}
    return prompt


def test_six_workflows_are_shipped() -> None:
    assert len(WORKFLOWS) == 6


@pytest.mark.parametrize("name", [LOCAL, BEST])
def test_these_lack_a_vision_model_too(frontend: Frontend, name: str) -> None:
    frontend.open(WORKFLOWS[name])
    assert frontend.unknown_nodes() == []
    frontend.page.get_by_text("2 errors found").wait_for()


@pytest.mark.parametrize("name", [name for name in WORKFLOWS if name not in (LOCAL, BEST)])
def test_it_opens_and_lacks_only_the_checkpoint(frontend: Frontend, name: str) -> None:
    frontend.open(WORKFLOWS[name])
    assert frontend.page.evaluate("app.graph.nodes.length") == len(WORKFLOWS[name]["nodes"])
    assert frontend.unknown_nodes() == []
    frontend.page.get_by_text(f"{CHECKPOINT} is missing").wait_for()  # The one problem; more would only be counted.


def test_a_missing_node_would_be_seen(frontend: Frontend) -> None:
    workflow = json.loads(json.dumps(next(iter(WORKFLOWS.values()))))
    workflow["nodes"][0]["type"] = "NoSuchNode"
    frontend.open(workflow)
    assert frontend.unknown_nodes() == ["NoSuchNode"]
    frontend.page.get_by_text("2 errors found").wait_for()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_runs_as_the_frontend_sends_it(frontend: Frontend, server: Server, name: str) -> None:
    frontend.open(WORKFLOWS[name])
    prompt = worded(frontend.prompt())
    (loader,) = nodes_of(prompt, "CheckpointLoaderSimple")
    assert loader["inputs"] == {"ckpt_name": CHECKPOINT}
    loader["class_type"] = "TestTinyCheckpoint"
    (schedule,) = nodes_of(prompt, "AnalogistSigmas")
    (builder,) = nodes_of(prompt, "AnalogistGridBuilder")
    for vision in nodes_of(prompt, "CLIPVisionLoader"):
        vision["class_type"] = "TestTinyClipVision"
    for repeated in nodes_of(prompt, "RepeatLatentBatch"):
        repeated["inputs"]["amount"] = 2
    assert schedule["inputs"]["steps"] == 50
    schedule["inputs"]["steps"] = 2
    cell = builder["inputs"]["cell_width"]
    builder["inputs"].update(cell_width=min(cell, CHEAP_CELL), cell_height=min(cell, CHEAP_CELL))
    assert saved(server, prompt).size == (min(cell, CHEAP_CELL),) * 2


@pytest.mark.parametrize("name", WORKFLOWS)
def test_its_b_prime_has_the_size_of_the_cell(frontend: Frontend, server: Server, name: str) -> None:
    """At the size that is shipped, without a model: what sampling starts from stands for its result."""
    frontend.open(WORKFLOWS[name])
    kept = ("AnalogistExample", "AnalogistGridBuilder", "AnalogistGridCropper", "SaveImage")
    prompt = {number: node for number, node in frontend.prompt().items() if node["class_type"] in kept}
    (builder,) = (number for number, node in prompt.items() if node["class_type"] == "AnalogistGridBuilder")
    (cropper,) = nodes_of(prompt, "AnalogistGridCropper")
    cropper["inputs"]["image"] = [builder, 1]
    (save,) = nodes_of(prompt, "SaveImage")
    save["inputs"]["images"] = [next(number for number, node in prompt.items() if node is cropper), 0]
    assert saved(server, prompt).size == (prompt[builder]["inputs"]["cell_width"],) * 2


def test_a_click_in_the_template_browser_opens_it(frontend: Frontend) -> None:
    name = "Analogist - colorization"
    page = frontend.page
    frontend.open({**WORKFLOWS[name], "nodes": [], "links": [], "groups": []})
    page.get_by_role("button", name="Templates").first.click()
    page.get_by_text(PACK_FOLDER, exact=True).click()
    card = page.get_by_test_id(f"template-workflow-{name}")
    page.get_by_placeholder("Search ...").last.fill("colorization")  # The host lists them in any order.
    card.locator("img").first.wait_for()
    card.click()
    page.wait_for_function("count => app.graph.nodes.length === count", arg=len(WORKFLOWS[name]["nodes"]))
    assert frontend.unknown_nodes() == []


def test_a_click_on_run_shows_the_picture(frontend: Frontend) -> None:
    workflow = json.loads(json.dumps(WORKFLOWS["Analogist - colorization"]))
    (loader,) = (node for node in workflow["nodes"] if node["type"] == "CheckpointLoaderSimple")
    loader["type"] = "TestTinyCheckpoint"
    frontend.open(workflow)
    assert frontend.unknown_nodes() == []
    for kind, widget, value in (
        ("AnalogistSigmas", "steps", 2),
        ("AnalogistGridBuilder", "cell_width", 128),
        ("AnalogistGridBuilder", "cell_height", 128),
    ):
        frontend.set_widget(kind, widget, value)
    frontend.page.get_by_test_id("queue-button").click()
    for kind, width in (("SaveImage", 128), ("PreviewImage", 256)):
        frontend.wait_for_picture(kind, width)
