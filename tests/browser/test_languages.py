"""The pack in other languages: what the server serves, and what a page of the frontend shows."""

import json
from collections.abc import Iterator

import pytest

from support.comfyui import PACK_FOLDER, Server
from support.golden import PROJECT

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import Browser, sync_playwright

from support.frontend import Frontend, launch
from tools.locales.texts import LANGUAGES, PAGES, read

NODE = "AnalogistSACPatch"
TEMPLATE = "*every node*.json"
ALL = ("en", *LANGUAGES)
ADDED = f"(() => {{ const node = LiteGraph.createNode('{NODE}'); app.graph.add(node); return node }})()"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as running:
        yield running


@pytest.fixture(scope="module", params=ALL)
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def frontend(browser: Browser, server: Server, language: str) -> Iterator[Frontend]:
    """A page of somebody who has set the language."""
    server.post("/settings", {"Comfy.Locale": language})
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    yield Frontend(page, server)
    page.close()
    server.post("/settings", {"Comfy.Locale": "en"})


def test_the_locales_are_served(server: Server, language: str) -> None:
    served = server.get("/api/i18n")[language]
    assert {name: served["nodeDefs"][name] for name in read("nodeDefs.json")} == read("nodeDefs.json", language)
    assert read("main.json", language)["nodeCategories"].items() <= served["nodeCategories"].items()


def test_the_help_pages_are_served(server: Server, language: str) -> None:
    for node in read("nodeDefs.json"):
        page = server.get(f"/extensions/{PACK_FOLDER}/docs/{node}/{language}.md").decode()
        assert page == (PAGES / node / f"{language}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {read('nodeDefs.json', language)[node]['display_name']}\n")


def test_a_node_is_in_the_language(frontend: Frontend, language: str) -> None:
    said = read("nodeDefs.json", language)[NODE]
    shown = frontend.page.evaluate(
        f"""(() => {{
            const node = {ADDED};
            return {{
                title: node.title,
                inputs: node.inputs.map(input => input.label ?? input.localized_name),
                widgets: Object.fromEntries(node.widgets.map(widget => [widget.name, widget.label])),
            }}
        }})()"""
    )
    assert shown["title"] == said["display_name"]
    for name, label in shown["widgets"].items():
        assert label == said["inputs"][name]["name"]
    assert said["inputs"]["model"]["name"] in shown["inputs"]


def test_the_node_is_found_and_its_help_is_shown(frontend: Frontend, language: str) -> None:
    page, said = frontend.page, read("nodeDefs.json", language)[NODE]
    (path,) = (PROJECT / "workflows").glob(TEMPLATE)
    frontend.open(json.loads(path.read_text(encoding="utf-8")))
    page.wait_for_timeout(1500)
    page.evaluate("app.extensionManager.command.execute('Comfy.Canvas.FitView')")
    page.wait_for_timeout(1500)  # The view glides there, and the button is hidden meanwhile.
    page.evaluate(f"app.canvas.selectNode(app.graph.nodes.find(node => node.type === '{NODE}'))")
    page.get_by_test_id("info-button").click()
    page.get_by_role("heading", name=said["display_name"]).first.wait_for()


def test_a_template_opens_in_the_language(frontend: Frontend, language: str) -> None:
    said = read("nodeDefs.json", language)
    (path,) = (PROJECT / "workflows").glob(TEMPLATE)
    frontend.open(json.loads(path.read_text(encoding="utf-8")))
    titles = frontend.page.evaluate("app.graph.nodes.map(node => [node.type, node.title])")
    ours = [(kind, title) for kind, title in titles if kind in said]
    assert ours
    assert [(kind, title) for kind, title in ours if title != said[kind]["display_name"]] == []
