"""The workflow with the model of the pack: it opens with nothing missing, and runs with random weights."""

from support import comfyui

comfyui.need_host()

import io
import json
import runpy
from collections.abc import Iterator

import pytest
from PIL import Image

from support.comfyui import PACK_FOLDER, Server
from support.golden import PROJECT
from support.graph import room
from support.random_demo import DEMO_FILE, pack_without_demo, write_random_demo

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

TOOL = runpy.run_path(str(PROJECT / "tools" / "make_workflows.py"))


@pytest.fixture(scope="module")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose pack has a demo model with random weights."""
    folder = tmp_path_factory.mktemp("demo")
    pack = pack_without_demo(folder / "pack")
    write_random_demo(pack / DEMO_FILE, room("analogist").__name__)
    with Server(folder / "comfyui", packs={PACK_FOLDER: pack}) as running:
        yield running


def test_it_opens_with_nothing_missing_and_runs(demo_server: Server) -> None:
    workflow = json.loads(TOOL["text"](TOOL["DEMO"]))
    workflow["nodes"][0]["widgets_values"] = ["colorization"]  # Its own pictures are not shipped yet.
    with sync_playwright() as playwright, launch(playwright) as browser:
        frontend = Frontend(browser.new_page(viewport={"width": 1900, "height": 1200}), demo_server)
        frontend.open(workflow)
        assert frontend.unknown_nodes() == []
        prompt = frontend.prompt()
        sizes = {}
        for number, output in demo_server.run(prompt)["outputs"].items():
            picture = Image.open(io.BytesIO(demo_server.picture(output["images"][0])))
            sizes[prompt[number]["class_type"]] = picture.size
        assert (sizes["SaveImage"], sizes["PreviewImage"]) == ((64, 64), (128, 128))
        for complaint in ("is missing", "errors found"):  # They come a moment after opening: the run has taken longer.
            assert frontend.page.get_by_text(complaint).count() == 0
