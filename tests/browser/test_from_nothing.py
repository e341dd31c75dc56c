"""From an empty canvas to B' by search and mouse: at most six nodes and nine wires."""

import shutil
import time
from collections.abc import Iterator

import pytest

from support.comfyui import Server
from support.golden import PROJECT

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

BLUEPRINT, BY_VISION = "Image Analogy (Analogist)", "Image Analogy, prompt by a vision model (Analogist)"
CELLS = ("a", "a_prime", "b")


@pytest.fixture(scope="module")
def frontend(server: Server) -> Iterator[Frontend]:
    (server.folder / "input").mkdir(exist_ok=True)
    for cell in CELLS:
        shutil.copy(
            PROJECT / "workflows/examples/shapes" / f"{cell}.png", server.folder / "input" / f"shape_{cell}.png"
        )
    with sync_playwright() as playwright, launch(playwright) as browser:
        opened = Frontend(browser.new_page(viewport={"width": 1440, "height": 900}), server)
        deadline = time.monotonic() + 60
        while BLUEPRINT not in search(opened, BLUEPRINT):  # Blueprints come a while after the nodes.
            assert time.monotonic() < deadline
        yield opened


def search(frontend: Frontend, words: str) -> list[str]:
    """The names of what the node search finds, best first; the search stays open."""
    page = frontend.page
    box, found = page.get_by_placeholder("Add a node..."), page.get_by_test_id("result-item")
    page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    frontend.execute("Workspace.SearchBox.Toggle")
    box.fill(words)
    page.wait_for_timeout(1500)  # The list follows the words a moment later.
    found.first.wait_for()
    return [text.split("\n")[0] for text in found.all_inner_texts()]


def add(frontend: Frontend, words: str, name: str, x: int, y: int) -> int:
    """Add what the search finds under a name, with its upper left corner at a place of the page; its id."""
    place = search(frontend, words).index(name)
    before, page = set(ids(frontend)), frontend.page
    page.get_by_test_id("result-item").nth(place).click()
    page.wait_for_timeout(500)
    (number,) = set(ids(frontend)) - before
    page.mouse.move(x + 40, y + 10)  # It hangs on the mouse until the click.
    page.wait_for_timeout(300)
    page.mouse.click(x + 40, y + 10)
    page.wait_for_function("id => !app.graph.getNodeById(id).flags.ghost", arg=number)
    page.evaluate(
        """([id, x, y]) => {
            app.graph.getNodeById(id).pos = app.canvas.convertEventToCanvasOffset({clientX: x, clientY: y})
        }""",
        [number, x, y],
    )
    return number


def ids(frontend: Frontend) -> list[int]:
    return frontend.page.evaluate("app.graph.nodes.map(node => node.id)")


def wire(frontend: Frontend, source: tuple[int, str], target: tuple[int, str]) -> None:
    """Drag a wire with the mouse from an output to an input, by name."""
    at = """([id, name, input]) => {
        const node = app.graph.getNodeById(id)
        const slot = (input ? node.inputs : node.outputs).findIndex(one => one.name === name)
        const [x, y] = node.getConnectionPos(input, slot)
        const {scale, offset} = app.canvas.ds
        const {left, top} = app.canvas.canvas.getBoundingClientRect()
        return [(x + offset[0]) * scale + left, (y + offset[1]) * scale + top]
    }"""
    mouse = frontend.page.mouse
    mouse.move(*frontend.page.evaluate(at, [*source, False]))
    frontend.page.wait_for_timeout(150)  # A frame, on a busy machine.
    mouse.down()
    mouse.move(*frontend.page.evaluate(at, [*target, True]), steps=8)
    frontend.page.wait_for_timeout(150)
    mouse.up()
    linked = "([id, name]) => app.graph.getNodeById(id).inputs.find(one => one.name === name).link !== null"
    frontend.page.wait_for_function(linked, arg=[*target], timeout=5_000)


def test_image_analogy_finds_blueprint_and_grid_builder_first(frontend: Frontend) -> None:
    assert search(frontend, "image analogy")[:3] == [BLUEPRINT, BY_VISION, "Analogist Grid Builder"]


@pytest.mark.parametrize("words", ["style transfer by example", "before after", "few shot"])
def test_other_words_find_the_grid_builder(frontend: Frontend, words: str) -> None:
    """Not the blueprint: this host tells the frontend no other words for one."""
    assert "Analogist Grid Builder" in search(frontend, words)[:2]


def test_six_nodes_and_seven_wires_show_b_prime(frontend: Frontend) -> None:
    frontend.page.evaluate("app.graph.clear()")
    frontend.page.evaluate("app.canvas.ds.reset(); app.canvas.ds.scale = 0.7; app.canvas.setDirty(true, true)")
    images = [add(frontend, "load image", "Load Image", 80 + 220 * n, 130) for n in range(3)]
    model = add(frontend, "demo model", "Analogist Demo Model Loader", 520, 500)
    analogy = add(frontend, "image analogy", BLUEPRINT, 780, 160)
    preview = add(frontend, "preview image", "Preview Image", 1060, 300)
    for number, cell, name in zip(images, CELLS, ("A", "A'", "B"), strict=True):
        choose(frontend, number, "image", f"shape_{cell}.png")
        wire(frontend, (number, "IMAGE"), (analogy, name))
    for name in ("model", "clip", "vae"):
        wire(frontend, (model, name), (analogy, name))
    wire(frontend, (analogy, "B'"), (preview, "images"))
    for name, value in (("prompt", "a red fish"), ("preset", "demo model"), ("cell size (px)", 64)):
        choose(frontend, analogy, name, value)
    assert len(ids(frontend)) <= 6
    assert frontend.page.evaluate("app.graph.links.size ?? Object.keys(app.graph.links).length") <= 9
    frontend.page.get_by_test_id("queue-button").click()
    frontend.wait_for_picture("PreviewImage", 64)


def choose(frontend: Frontend, node: int, name: str, value: object) -> None:
    widget = "app.graph.getNodeById(id).widgets.find(one => one.name === name)"
    frontend.page.evaluate(
        f"([id, name, value]) => {{ {widget}.value = value; {widget}.callback?.(value) }}", [node, name, value]
    )
