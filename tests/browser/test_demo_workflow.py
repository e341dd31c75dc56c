"""The workflow with the model of the pack: it opens with nothing missing, runs, and solves its analogy."""

from support import comfyui
from tools.demo_model.scores import is_right
from tools.demo_model.world import Scene, render

comfyui.need_host()

import io
import json
from dataclasses import replace

import pytest
from PIL import Image

from support.comfyui import Server
from support.golden import PROJECT

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

WORKFLOW = json.loads((PROJECT / "workflows" / "Image analogy 1 - start here (no download).json").read_text())


def test_it_opens_with_nothing_missing_and_solves_its_analogy(server: Server) -> None:
    with sync_playwright() as playwright, launch(playwright) as browser:
        frontend = Frontend(browser.new_page(viewport={"width": 1900, "height": 1200}), server)
        frontend.open(WORKFLOW)
        assert frontend.unknown_nodes() == []
        prompt = frontend.prompt()
        pictures = {
            (prompt[number]["class_type"], image.size): image
            for number, output in server.run(prompt)["outputs"].items()
            if prompt[number]["class_type"] in ("SaveImage", "PreviewImage")
            for image in [Image.open(io.BytesIO(server.picture(output["images"][0])))]
        }
        # They come a moment after opening: the run has taken longer.
        for complaint in ("is missing", "errors found", "issues found"):
            assert frontend.page.get_by_text(complaint).count() == 0
    assert set(pictures) == {("SaveImage", (64, 64)), ("PreviewImage", (128, 128)), ("PreviewImage", (512, 512))}
    b = Scene("fish", "black", "yellow", pattern="striped")
    answer = replace(b, color="red")
    assert is_right(pictures["SaveImage", (64, 64)], answer, "color")
    assert not is_right(render(b, 64), answer, "color")
