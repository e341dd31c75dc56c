"""Take the pictures of docs/ from the real frontend. Needs a ComfyUI and a browser.

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

SIZE = {"width": 2000, "height": 1150}
SHOTS = {
    "workflow": ("Image analogy 2 - style by example", {"x": 85, "y": 78, "width": 1440, "height": 750}),
    "prompt_diffusion": ("Prompt Diffusion 1 - start here", {"x": 370, "y": 60, "width": 945, "height": 625}),
}
"""The workflow of each picture, and the part of the window that is kept."""
FILES = ("sd-v1-5-inpainting.safetensors", "network-step=04999.ckpt")


def main(names: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, server(Path(folder)) as running:
        page = launch(playwright).new_page(viewport=SIZE)
        frontend = Frontend(page, running)
        for name in names:
            workflow, clip = SHOTS[name]
            frontend.open(json.loads((PROJECT / "workflows" / f"{workflow}.json").read_text()))
            page.wait_for_timeout(3000)
            page.keyboard.press(".")  # Fit the view to the graph.
            page.wait_for_timeout(2000)
            page.screenshot(path=PROJECT / "docs" / f"{name}.png", clip=clip)


def server(folder: Path) -> Server:
    """A ComfyUI that finds a file under each checkpoint's name, so that nothing is reported as missing."""
    checkpoints = folder / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    for name in FILES:
        (checkpoints / name).touch()
    return Server(folder)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SHOTS))
