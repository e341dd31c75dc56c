"""Take the images of docs/ from the real frontend. Needs a ComfyUI and a browser.

$(python tools/host_python.py) tools/pictures/take_screenshots.py [workflow | prompt_diffusion]
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests"))

from playwright.sync_api import sync_playwright

from support.comfyui import Server
from support.frontend import Frontend, launch

SIZE = {"width": 2000, "height": 1250}
SHOTS = {
    "workflow": "Image analogy 1 - start here (no download)",
    "prompt_diffusion": "Prompt Diffusion 1 - start here",
}
"""The workflow of each image. The first needs no download, so it is run and shows what came out."""
RUN = "workflow"
LEFT, TOP, MARGIN = 100, 160, 24
"""Where the graph is put in the window, beside the frontend's own bars, and what is kept around it; in pixels."""
PLACE = """([left, top]) => {
    const boxes = app.graph.nodes.map(n => n.getBounding());
    const x = Math.min(...boxes.map(b => b[0])), y = Math.min(...boxes.map(b => b[1]));
    app.canvas.ds.scale = 1;
    app.canvas.ds.offset = [left - x, top - y];
    app.canvas.setDirty(true, true);
    return [Math.max(...boxes.map(b => b[0] + b[2])) - x, Math.max(...boxes.map(b => b[1] + b[3])) - y];
}"""
FILES = ("sd-v1-5-inpainting.safetensors", "network-step=04999.ckpt")


def main(names: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, server(Path(folder)) as running:
        page = launch(playwright).new_page(viewport=SIZE)
        page.set_default_timeout(180_000)
        frontend = Frontend(page, running)
        for name in names:
            frontend.open(json.loads((PROJECT / "workflows" / f"{SHOTS[name]}.json").read_text(encoding="utf-8")))
            page.wait_for_timeout(3000)
            if name == RUN:
                page.evaluate("app.queuePrompt(0)")
                frontend.wait_for_picture("PreviewImage", 512)
                while any(running.get("/queue").values()):  # It samples twice, and shows the first result early.
                    page.wait_for_timeout(500)
            width, height = page.evaluate(PLACE, [LEFT, TOP])
            page.wait_for_timeout(2000)
            corner = page.locator("canvas#graph-canvas").bounding_box() or {"x": 0, "y": 0}
            clip = {"x": corner["x"] + LEFT - MARGIN, "y": corner["y"] + TOP - MARGIN}
            page.screenshot(
                path=PROJECT / "docs" / f"{name}.png",
                clip={**clip, "width": width + 2 * MARGIN, "height": height + 2 * MARGIN},
            )


def server(folder: Path) -> Server:
    """A ComfyUI that finds a file under each checkpoint's name, so that nothing is reported as missing."""
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for name in FILES:
        (checkpoints / name).touch()
    return Server(folder)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SHOTS))
