"""The shipped templates in the Vue renderer ("Nodes 2.0"): they open, can be read, and give the classic prompt."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.comfyui import Server
from support.golden import PROJECT

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

WORKFLOWS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((PROJECT / "workflows").glob("*.json"))}
LEAST_ZOOM = 0.60
RENDERER = "Comfy.VueNodes.Enabled"
SHOWN = "[...document.querySelectorAll('[data-node-id]')]"
OVERLAPS = f"""() => {{
    const boxes = {SHOWN}.map(node => [node.innerText.split('\\n')[0], node.getBoundingClientRect()])
    const slack = 10 * app.canvas.ds.scale
    const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack
    return boxes.flatMap(([name, box], place) =>
        boxes.slice(place + 1).filter(([, other]) => over(box, other)).map(([other]) => [name, other]))
}}"""
"""Pairs of nodes that lie on each other: in this renderer a node grows to its content."""


@pytest.fixture(scope="module")
def frontend(server: Server) -> Iterator[Frontend]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield Frontend(browser.new_page(viewport={"width": 1440, "height": 900}), server)
        server.post("/settings", {RENDERER: False})


def renderer(frontend: Frontend, vue: bool) -> None:
    frontend.page.evaluate("([name, value]) => app.extensionManager.setting.set(name, value)", [RENDERER, vue])


@pytest.fixture(scope="module")
def classic(frontend: Frontend) -> dict[str, dict[str, Any]]:
    """The prompt of each template in the classic renderer; afterwards the other one is on."""
    renderer(frontend, False)
    prompts = {}
    for name, workflow in WORKFLOWS.items():
        frontend.open(workflow)
        prompts[name] = frontend.prompt()
    renderer(frontend, True)
    return prompts


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_opens_can_be_read_and_gives_the_same_prompt(
    frontend: Frontend, classic: dict[str, dict[str, Any]], name: str
) -> None:
    frontend.open(WORKFLOWS[name])
    assert frontend.unknown_nodes() == []
    frontend.page.wait_for_function(f"{SHOWN}.length === {len(WORKFLOWS[name]['nodes'])}")
    frontend.page.wait_for_timeout(500)
    frontend.execute("Comfy.Canvas.FitView")
    frontend.page.wait_for_timeout(1500)  # The view glides there.
    assert frontend.page.evaluate("app.canvas.ds.scale") >= LEAST_ZOOM
    assert frontend.page.evaluate(OVERLAPS) == []
    assert frontend.prompt() == classic[name]
    frontend.open(frontend.saved())
    assert frontend.prompt() == classic[name]
