"""Take the pictures of the README from the real frontend: docs/workflow.png. Needs a ComfyUI and a browser.

$(python tools/host_python.py) tools/take_screenshots.py
"""

import json
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from playwright.sync_api import sync_playwright

from support.comfyui import Server
from support.frontend import Frontend, launch

SIZE = {"width": 2000, "height": 1150}
GRAPH = {"x": 85, "y": 78, "width": 1440, "height": 750}


def main() -> None:
    workflow = json.loads((PROJECT / "workflows" / "Analogist - colorization.json").read_text())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, server(Path(folder)) as running:
        page = launch(playwright).new_page(viewport=SIZE)
        frontend = Frontend(page, running)
        frontend.open(workflow)
        page.wait_for_timeout(3000)
        page.keyboard.press(".")  # Fit the view to the graph.
        page.wait_for_timeout(2000)
        page.screenshot(path=PROJECT / "docs" / "workflow.png", clip=GRAPH)


def server(folder: Path) -> Server:
    """A ComfyUI that finds a file under the checkpoint's name, so that nothing is reported as missing."""
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "sd-v1-5-inpainting.ckpt").touch()
    return Server(folder)


if __name__ == "__main__":
    main()
