"""App mode of the start templates: three images and the prompt in, B' out, and nothing else on the screen."""

import json
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


def workflow(name: str) -> dict:
    return json.loads((PROJECT / "workflows" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def frontend(server: Server) -> Iterator[Frontend]:
    server.post("/settings", {"Comfy.OnboardingCoachmarks.Seen": ["appMode"]})  # Else a tour is in the way.
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield Frontend(browser.new_page(viewport={"width": 1440, "height": 900}), server)


def enter(frontend: Frontend, name: str) -> list[str]:
    """The labels of what App mode asks for."""
    frontend.open(workflow(name))
    frontend.execute("Comfy.ToggleLinear")
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
    page.wait_for_function("[...document.images].some(image => image.naturalWidth === 512)", timeout=120_000)
    (entry,) = (e for e in server.get("/history").values() if own.name in json.dumps(e["prompt"][2]))
    assert entry["status"]["status_str"] == "success"
