"""App mode of the start templates: three images and the prompt in, B' out, and nothing else on the screen."""

import json
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from support.comfyui import Server
from support.golden import PROJECT

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

START = "Image analogy 1 - start here (no download)"
PROMPTS = {
    START: "prompt",
    "Image analogy 2 - style by example": "prompt",
    "Prompt Diffusion 1 - start here": "description of B'",
}
CELLS = ["A", "A'", "B"]
BLUE = (20, 40, 200)
TOGGLE = "Comfy.ToggleLinear"


def workflow(name: str) -> dict:
    return json.loads((PROJECT / "workflows" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page_of_graphs(server: Server) -> Iterator[Frontend]:
    server.post("/settings", {"Comfy.OnboardingCoachmarks.Seen": ["appMode"]})  # Else a tour is in the way.
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield Frontend(browser.new_page(viewport={"width": 1440, "height": 900}), server)


@pytest.fixture
def frontend(page_of_graphs: Frontend) -> Iterator[Frontend]:
    """Whoever enters App mode leaves it in the end."""
    yield page_of_graphs
    page_of_graphs.execute(TOGGLE)
    page_of_graphs.page.get_by_test_id("app-mode-widget-item").first.wait_for(state="detached")


def enter(frontend: Frontend, name: str) -> list[str]:
    """The labels of what App mode asks for."""
    frontend.open(workflow(name))
    frontend.execute(TOGGLE)
    items = frontend.page.get_by_test_id("app-mode-widget-item")
    items.first.wait_for()
    return [text.split("\n")[0] for text in items.all_inner_texts()]


@pytest.mark.parametrize("name", PROMPTS)
def test_it_asks_for_three_images_and_the_prompt(frontend: Frontend, name: str) -> None:
    assert enter(frontend, name) == [*CELLS, PROMPTS[name]]
    assert frontend.page.locator("[data-testid=app-mode-widget-item] input[type=file]").count() == 3


def test_an_uploaded_b_becomes_b_prime(frontend: Frontend, server: Server) -> None:
    own = server.folder / "own blue.png"
    Image.new("RGB", (80, 80), BLUE).save(own)
    enter(frontend, START)
    page = frontend.page
    items = page.get_by_test_id("app-mode-widget-item")
    items.nth(CELLS.index("B")).locator("input[type=file]").set_input_files(own)
    items.nth(CELLS.index("B")).get_by_text(own.name).wait_for()
    (example,) = (node for node in frontend.prompt().values() if node["class_type"] == "AnalogistExample")
    assert (example["inputs"]["a"], example["inputs"]["b"]) == ("example", own.name)
    page.get_by_test_id("linear-run-button").get_by_role("button", name="Run").click()
    entry = run_with(server, own.name)
    assert entry["status"]["status_str"] == "success"
    names = [image["filename"] for output in entry["outputs"].values() for image in output.get("images", [])]
    page.wait_for_function(
        "names => [...document.images].some(i => i.naturalWidth === 512 && names.some(name => i.src.includes(name)))",
        arg=names,
    )


def run_with(server: Server, name: str) -> dict:
    """The history entry of the run that took the file of this name, once it is there."""
    for _ in range(600):
        for entry in server.get("/history").values():
            if name in json.dumps(entry["prompt"][2]):
                return entry
        time.sleep(0.2)
    raise TimeoutError(f"no run with {name} has ended")
