"""The shipped templates in the real frontend: they open, can be read, become prompts, and the prompts run."""

import copy
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import save_file

from support.comfyui import PACK_FOLDER, Server
from support.golden import PROJECT
from support.golden_prompt_diffusion import OWN

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

PATHS = sorted((PROJECT / "workflows").glob("*.json"))
WORKFLOWS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in PATHS}
COLORIZE = "Image analogy 2 - style by example"
FOLDER_OF_B = "Image analogy 6 - one pair, a folder of B"
FULL_SIZE = "Image analogy 8 - full size"
TWO_STEPS = "Prompt Diffusion 2 - two-step editing"
RESULTS = {TWO_STEPS: 2, "Prompt Diffusion 3 - beside Analogist": 2}
"""Images that are saved, where it is not one."""
SHEETS = ("Image analogy 5 - sweep of settings",)
CHEAP = 128
"""Pixels of a cell and of a side; the shipped ones take minutes on a CPU."""
TINY = "tiny_prompt_diffusion.safetensors"
TEXT_WIDTH = 48
LEAST_ZOOM = 0.60
"""Below 0.57 the classic renderer hides all text."""
FIT = "app.extensionManager.command.execute('Comfy.Canvas.FitView')"


@pytest.fixture(scope="module")
def frontend(server: Server) -> Iterator[Frontend]:
    folder = server.folder / "models" / "controlnet"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(OWN.for_text_of(TEXT_WIDTH), folder / TINY)
    many = server.folder / "input" / "b"
    many.mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (CHEAP, CHEAP), (100 * number, 90, 40)).save(many / f"{number}.png")
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield Frontend(browser.new_page(viewport={"width": 1440, "height": 900}), server)


def nodes_of(prompt: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [node for node in prompt.values() if node["class_type"] == kind]


def models_of(workflow: dict[str, Any]) -> list[str]:
    """The files that the nodes of a workflow ask for."""
    return [file["name"] for node in workflow["nodes"] for file in node["properties"].get("models", ())]


def saved(server: Server, prompt: dict[str, Any]) -> list[Image.Image]:
    """Run a prompt and read back what it saved."""
    outputs = server.run(prompt)["outputs"]
    entries = [image for output in outputs.values() for image in output.get("images", ()) if image["type"] == "output"]
    return [Image.open(io.BytesIO(server.picture(entry))).convert("RGB") for entry in entries]


def worded(prompt: dict[str, Any]) -> dict[str, Any]:
    """A prompt whose words for B' need no vision model: typed by hand, or said by another text node."""
    for node in nodes_of(prompt, "AnalogistGPT4VPrompter"):
        node["inputs"]["prompt"] = "orange tabby cat in color"
    for node in nodes_of(prompt, "TextGenerate"):
        node |= {"class_type": "PrimitiveStringMultiline", "inputs": {"value": "Sure! B': orange tabby cat in color"}}
    return prompt


SUBSTITUTES = {
    "CheckpointLoaderSimple": "TestTinyCheckpoint",
    "UNETLoader": "TestTinyUNet",
    "CLIPVisionLoader": "TestTinyClipVision",
    "AnalogistPromptDiffusionCheckpointLoader": "TestTinyTextToImage",
}
"""Tiny models in the place of published ones."""
SMALL = {
    "AnalogistSigmas": {"steps": 3},
    "AnalogistGridBuilder": {"cell_width": CHEAP, "cell_height": CHEAP},
    "RepeatLatentBatch": {"amount": 2},
    "KSampler": {"steps": 2},
    "EmptyLatentImage": {"width": CHEAP, "height": CHEAP},
}
"""Inputs that make a run take seconds."""


def tiny(prompt: dict[str, Any]) -> dict[str, Any]:
    """A prompt with tiny models, few steps and small images; the demo model is small enough as it is."""
    demo = bool(nodes_of(prompt, "AnalogistDemoModelLoader"))
    control = {"class_type": "AnalogistPromptDiffusionLoader", "inputs": {"control_net_name": TINY}}
    for node in [*prompt.values()]:
        node["class_type"] = SUBSTITUTES.get(kind := node["class_type"], kind)
        if not (demo and kind == "AnalogistGridBuilder"):
            node["inputs"] |= SMALL.get(kind, {})
        if kind == "AnalogistPromptDiffusionApply":
            prompt["control"] = control
            node["inputs"]["control_net"] = ["control", 0]
    return prompt


def several(number: int) -> re.Pattern[str]:
    """What the frontend says of several things that are missing: errors, and since 1.58 issues."""
    return re.compile(f"^{number} (errors|issues) found")


@pytest.fixture(scope="module", params=WORKFLOWS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def prompt(frontend: Frontend, name: str) -> dict[str, Any]:
    """The template is opened, and this is what the frontend would send of it."""
    frontend.open(WORKFLOWS[name])
    return frontend.prompt()


def test_it_opens_and_lacks_only_the_models(frontend: Frontend, name: str, prompt: dict[str, Any]) -> None:
    assert frontend.page.evaluate("app.graph.nodes.length") == len(WORKFLOWS[name]["nodes"])
    assert frontend.unknown_nodes() == []
    models = models_of(WORKFLOWS[name])
    if models:
        missing = f"{models[0]} is missing" if len(models) == 1 else several(len(models))
        frontend.page.get_by_text(missing).wait_for()
    else:
        frontend.page.wait_for_timeout(1500)  # An error dialog appears a moment after opening.
        assert frontend.page.get_by_text("is missing").count() == 0


@pytest.mark.usefixtures("prompt")
def test_it_can_be_read_when_it_fits_the_window(frontend: Frontend) -> None:
    frontend.page.evaluate(FIT)
    frontend.page.wait_for_timeout(1000)  # The view glides there.
    assert frontend.page.evaluate("app.canvas.ds.scale") >= LEAST_ZOOM


def test_it_stays_the_same_when_it_is_saved_and_opened_again(frontend: Frontend, prompt: dict[str, Any]) -> None:
    frontend.open(frontend.saved())
    assert frontend.prompt() == prompt


def test_it_runs_as_the_frontend_sends_it(server: Server, name: str, prompt: dict[str, Any]) -> None:
    images = saved(server, tiny(worded(copy.deepcopy(prompt))))
    assert len(images) == RESULTS.get(name, 1)
    side = 64 if not models_of(WORKFLOWS[name]) else CHEAP
    side = 320 if name == FULL_SIZE else side  # Of B.
    assert name in SHEETS or {image.size for image in images} == {(side, side)}
    assert all(image.convert("L").getextrema()[0] < image.convert("L").getextrema()[1] for image in images)


def test_the_published_settings_are_sent(prompt: dict[str, Any]) -> None:
    for sampler in nodes_of(prompt, "KSampler"):
        assert [sampler["inputs"][name] for name in ("steps", "cfg", "sampler_name")] == [100, 9, "ddim"]
    for conditioned in nodes_of(prompt, "InpaintModelConditioning"):
        assert conditioned["inputs"]["noise_mask"] is False
    presets = {number for number, node in prompt.items() if node["class_type"] == "AnalogistSettings"}
    for kind, names in LINKED.items():
        for node in nodes_of(prompt, kind):
            assert {node["inputs"][one][0] for one in names} <= presets, kind


LINKED = {
    "AnalogistSACPatch": ("scale", "layers"),
    "AnalogistCAMPatch": ("layers",),
    "AnalogistSigmas": ("steps", "strength"),
    "CFGGuider": ("cfg",),
}
"""What comes from the preset."""


def test_the_pair_is_linked_in_its_order(name: str, prompt: dict[str, Any]) -> None:
    """A' is the second output of the example, and in step 2 of the editing the first one."""
    examples = [number for number, node in prompt.items() if node["class_type"] == "AnalogistExample"]
    kinds = ("AnalogistPromptDiffusionApply", "AnalogistGridBuilder", "AnalogistPair")
    paired = [node for kind in kinds for node in nodes_of(prompt, kind)]
    wires = sorted([node["inputs"]["a"][1], node["inputs"]["a_prime"][1]] for node in paired)
    assert wires[0] == [0, 1]
    assert wires[1:] == ([[1, 0]] if name == TWO_STEPS else [[0, 1]] * (len(wires) - 1))
    assert {node["inputs"]["a"][0] for node in paired} == {*examples}
    assert all(node["inputs"]["a"][0] == node["inputs"]["a_prime"][0] for node in paired)


def test_a_missing_node_would_be_seen(frontend: Frontend) -> None:
    workflow = json.loads(json.dumps(WORKFLOWS[COLORIZE]))
    workflow["nodes"][0]["type"] = "NoSuchNode"
    frontend.open(workflow)
    assert frontend.unknown_nodes() == ["NoSuchNode"]
    frontend.page.get_by_text(several(2)).wait_for()


def test_a_setting_on_the_node_reaches_the_graph_within(frontend: Frontend) -> None:
    frontend.open(WORKFLOWS[COLORIZE])
    kind = next(node["type"] for node in WORKFLOWS[COLORIZE]["nodes"] if "proxyWidgets" in node["properties"])
    chosen = {"preset": "more like A'", "SAC scale": 1.5, "cell size (px)": 512, "prompt": "a dog", "seed": 7}
    for widget, value in chosen.items():
        frontend.set_widget(kind, widget, value)
    prompt = frontend.prompt()
    (numbers,), (builder,) = nodes_of(prompt, "AnalogistSettings"), nodes_of(prompt, "AnalogistGridBuilder")
    (noise,) = nodes_of(prompt, "RandomNoise")
    assert (numbers["inputs"]["preset"], numbers["inputs"]["scale"]) == ("more like A'", 1.5)
    assert noise["inputs"]["noise_seed"] == 7
    assert (builder["inputs"]["cell_width"], builder["inputs"]["cell_height"]) == (512, 512)
    assert "a dog" in [node["inputs"]["text"] for node in nodes_of(prompt, "CLIPTextEncode")]


def test_a_click_in_the_template_browser_opens_it(frontend: Frontend) -> None:
    page = frontend.page
    frontend.open({**WORKFLOWS[COLORIZE], "nodes": [], "links": []})
    page.get_by_role("button", name="Templates").first.click()
    page.get_by_text(PACK_FOLDER, exact=True).click()
    card = page.get_by_test_id(f"template-workflow-{COLORIZE}")
    page.get_by_placeholder("Search ...").last.fill("style by example")  # The host lists them in any order.
    card.locator("img").first.wait_for()
    card.click()
    page.wait_for_function("count => app.graph.nodes.length === count", arg=len(WORKFLOWS[COLORIZE]["nodes"]))
    assert frontend.unknown_nodes() == []


def test_a_click_on_run_shows_the_image(frontend: Frontend) -> None:
    workflow = json.loads(json.dumps(WORKFLOWS[COLORIZE]))
    (loader,) = (node for node in workflow["nodes"] if node["type"] == "CheckpointLoaderSimple")
    loader["type"] = "TestTinyCheckpoint"
    kind = next(node["type"] for node in workflow["nodes"] if "proxyWidgets" in node["properties"])
    frontend.open(workflow)
    assert frontend.unknown_nodes() == []
    for widget, value in (("steps", 2), ("cell size (px)", CHEAP)):
        frontend.set_widget(kind, widget, value)
    frontend.page.get_by_test_id("queue-button").click()
    for shown, width in (("SaveImage", CHEAP), ("PreviewImage", 2 * CHEAP)):
        frontend.wait_for_picture(shown, width)


SAVED = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((PROJECT / "tests" / "support" / "saved_graphs").glob("*.json"))
}
"""Graphs from before the patches had `layers` and `numbering`."""


@pytest.mark.parametrize("earlier", SAVED)
def test_a_graph_that_was_saved_earlier_gives_the_same_image_to_the_last_bit(
    frontend: Frontend, server: Server, earlier: str
) -> None:
    """As the frontend sends it now, as it was sent then, and with the layers said in the new ways."""
    frontend.open(SAVED[earlier])
    assert frontend.unknown_nodes() == []
    sent = tiny(frontend.prompt())

    def with_patches(change: Callable[[dict[str, Any]], None]) -> bytes:
        prompt = json.loads(json.dumps(sent))
        for kind in ("AnalogistSACPatch", "AnalogistCAMPatch"):
            (patch,) = nodes_of(prompt, kind)
            assert (patch["inputs"]["layers"], patch["inputs"]["numbering"]) == ("", "as in SD 1.5")
            assert (patch["inputs"]["start_layer"], patch["inputs"]["end_layer"]) == (3, 11)
            change(patch["inputs"])
        (image,) = saved(server, prompt)
        return image.tobytes()

    def as_then(inputs: dict[str, Any]) -> None:
        del inputs["layers"], inputs["numbering"]

    now = with_patches(lambda inputs: None)
    assert with_patches(as_then) == now
    assert with_patches(lambda inputs: inputs.update(layers="3-10")) == now
    assert with_patches(lambda inputs: inputs.update(numbering="this model's own")) == now
    assert with_patches(lambda inputs: inputs.update(layers="13-15")) != now
