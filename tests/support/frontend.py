"""ComfyUI's real frontend in a headless browser."""

import json
import shutil
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright

from .comfyui import Server

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
UNKNOWN_NODES = "app.graph.nodes.map(n => n.type).filter(type => !(type in LiteGraph.registered_node_types))"


def launch(playwright: Playwright) -> Browser:
    """The machine's own browser; skips, by name, where there is none."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.skip(f"there is no browser on the PATH ({', '.join(BROWSERS)})")
    return playwright.chromium.launch(executable_path=found, args=QUIET)


class Frontend:
    """One page with the frontend, as a user sees it who has been there before."""

    def __init__(self, page: Page, server: Server):
        self.page = page
        server.post("/settings", {"Comfy.TutorialCompleted": True})  # Else the templates open by themselves, some time.
        page.goto(server.address)
        ready = "window.app?.extensionManager && window.app.graph?.nodes.length"
        page.wait_for_function(ready, timeout=90_000)

    def open(self, workflow: dict[str, Any]) -> None:
        self.page.evaluate("workflow => app.loadGraphData(workflow)", workflow)

    def execute(self, command: str) -> None:
        """A command of the frontend, by its id."""
        self.page.evaluate("id => app.extensionManager.command.execute(id)", command)

    def unknown_nodes(self) -> list[str]:
        """Types of nodes in the open workflow that no pack has registered."""
        return self.page.evaluate(UNKNOWN_NODES)

    def prompt(self) -> dict[str, Any]:
        """The open workflow in API format, as the Run button sends it."""
        return self.page.evaluate("app.graphToPrompt().then(made => made.output)")

    def saved(self) -> dict[str, Any]:
        """The open workflow as its file holds it: without what is undefined, which newer frontends refuse as null."""
        return json.loads(self.page.evaluate("JSON.stringify(app.graph.serialize())"))

    def set_widget(self, kind: str, name: str, value: Any) -> None:
        widget = "app.graph.nodes.find(n => n.type === kind).widgets.find(w => w.name === name)"
        self.page.evaluate(f"([kind, name, value]) => {{ {widget}.value = value }}", [kind, name, value])

    def wait_for_picture(self, kind: str, width: int) -> None:
        """Until the node shows one image of this width, in pixels of the image."""
        node = "app.graph.nodes.find(n => n.type === kind)"
        shown = f"([kind, width]) => {node}.imgs?.[0].naturalWidth === width"
        self.page.wait_for_function(shown, arg=[kind, width], timeout=120_000)
