"""The shipped workflows of Prompt Diffusion in the real frontend: they open, become prompts, and the prompts run."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import save_file

from support.comfyui import Server
from support.golden import PROJECT
from support.golden_prompt_diffusion import OWN

pytest.importorskip("playwright", reason="playwright is not installed")

from playwright.sync_api import sync_playwright

from support.frontend import Frontend, launch

PATHS = sorted((PROJECT / "workflows").glob("Prompt Diffusion - *.json"))
WORKFLOWS = {path.stem: json.loads(path.read_text()) for path in PATHS}
SIDE_BY_SIDE = "Prompt Diffusion - side by side with Analogist"
TWO_STEPS = "Prompt Diffusion - two-step editing"
PUBLISHED, INPAINTING = "network-step=04999.ckpt", "sd-v1-5-inpainting.ckpt"
TINY = "tiny_prompt_diffusion.safetensors"
TEXT_WIDTH = 48
CHEAP = 128
"""Pixels of a side; the shipped 512 take minutes on a CPU."""


@pytest.fixture(scope="module")
def frontend(server: Server) -> Iterator[Frontend]:
    folder = server.folder / "models" / "controlnet"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(OWN.for_text_of(TEXT_WIDTH), folder / TINY)
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield Frontend(browser.new_page(viewport={"width": 1900, "height": 1200}), server)


def numbers_of(prompt: dict[str, Any], kind: str) -> list[str]:
    return [number for number, node in prompt.items() if node["class_type"] == kind]


def tiny(prompt: dict[str, Any]) -> dict[str, Any]:
    """A prompt with tiny models in the place of the published ones, two steps and small pictures."""
    (loader,) = numbers_of(prompt, "AnalogistPromptDiffusionCheckpointLoader")
    assert prompt[loader]["inputs"] == {"ckpt_name": PUBLISHED}
    prompt[loader] = {"class_type": "TestTinyTextToImage", "inputs": {}}
    prompt["control"] = {"class_type": "AnalogistPromptDiffusionLoader", "inputs": {"control_net_name": TINY}}
    for number in numbers_of(prompt, "AnalogistPromptDiffusionApply"):
        assert prompt[number]["inputs"]["control_net"] == [loader, 3]
        prompt[number]["inputs"]["control_net"] = ["control", 0]
    for number in numbers_of(prompt, "KSampler"):
        settings = prompt[number]["inputs"]
        assert (settings["steps"], settings["cfg"], settings["sampler_name"]) == (100, 9, "ddim")
        settings["steps"] = 2
    for number in numbers_of(prompt, "EmptyLatentImage"):
        prompt[number]["inputs"].update(width=CHEAP, height=CHEAP)
    for number in numbers_of(prompt, "CheckpointLoaderSimple"):
        prompt[number] = {"class_type": "TestTinyCheckpoint", "inputs": {}}
    for number in numbers_of(prompt, "AnalogistSigmas"):
        prompt[number]["inputs"]["steps"] = 2
    for number in numbers_of(prompt, "AnalogistGridBuilder"):
        prompt[number]["inputs"].update(cell_width=CHEAP, cell_height=CHEAP)
    return prompt


def saved(server: Server, prompt: dict[str, Any]) -> list[Image.Image]:
    outputs = server.run(prompt)["outputs"]
    entries = [image for output in outputs.values() for image in output.get("images", ()) if image["type"] == "output"]
    return [Image.open(io.BytesIO(server.picture(entry))) for entry in entries]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_opens_and_lacks_only_the_models(frontend: Frontend, name: str) -> None:
    frontend.open(WORKFLOWS[name])
    assert frontend.page.evaluate("app.graph.nodes.length") == len(WORKFLOWS[name]["nodes"])
    assert frontend.unknown_nodes() == []
    missing = "2 errors found" if name == SIDE_BY_SIDE else f"{PUBLISHED} is missing"
    frontend.page.get_by_text(missing).wait_for()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_runs_as_the_frontend_sends_it(frontend: Frontend, server: Server, name: str) -> None:
    frontend.open(WORKFLOWS[name])
    pictures = saved(server, tiny(frontend.prompt()))
    assert [picture.size for picture in pictures] == [(CHEAP, CHEAP)] * (2 if name in (SIDE_BY_SIDE, TWO_STEPS) else 1)
    assert all(picture.convert("L").getextrema()[0] < picture.convert("L").getextrema()[1] for picture in pictures)


def test_the_pair_is_linked_in_its_order(frontend: Frontend) -> None:
    """In each workflow A' is the second output of the example, and in step 2 of the editing the first one."""
    for name, workflow in WORKFLOWS.items():
        frontend.open(workflow)
        prompt = frontend.prompt()
        (example,) = numbers_of(prompt, "AnalogistExample")
        wired = [prompt[number]["inputs"] for number in numbers_of(prompt, "AnalogistPromptDiffusionApply")]
        assert wired[0]["a_prime"] == [example, 1]
        if name == TWO_STEPS:
            assert (wired[1]["a"], wired[1]["a_prime"]) == ([example, 1], [example, 0])
        elif "canny" not in name:
            assert (wired[0]["a"], wired[0]["b"]) == ([example, 0], [example, 2])
