"""Graphs of the user's in API format: which input takes what, and one sentence where that cannot be known."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from analogist.cells import Cell
from analogist.evaluation.backends.comfyui import VALUES, ComfyUIRenderer
from analogist.evaluation.backends.comfyui_client import Client
from analogist.evaluation.backends.comfyui_graph import Slot, Template, read_template
from analogist.evaluation.dataset import read_dataset
from analogist.evaluation.jobs import Job, prepare
from analogist.evaluation.settings import ComfyUI, RenderSettings
from support.evaluation import plain


def node(kind: str, title: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}


GRAPH = {
    "1": node("LoadImage", "A", image="x.png"),
    "2": node("LoadImage", "A'", image="x.png"),
    "3": node("LoadImage", "b", image="x.png", upload="image"),
    "4": node("CLIPTextEncode", "Prompt", text="words", clip=["9", 1]),
    "5": node("CLIPTextEncode", "Negative prompt", text="words", clip=["9", 1]),
    "6": node("KSampler", "Seed", seed=1, steps=20, cfg=8.0, model=["9", 0]),
    "7": node("SaveImage", "Results", images=["6", 0]),
    "8": node("AnalogistSACPatch", "SAC", scale=1.3, start_layer=3, model=["9", 0]),
}


def read(tmp_path: Path, graph: object, inputs: dict[str, str] | None = None, output: str | None = None) -> Template:
    path = tmp_path / "graph.json"
    path.write_text(graph if isinstance(graph, str) else json.dumps(graph))
    return read_template(path, inputs or {}, output, VALUES)


def test_titles_say_which_node_takes_what(tmp_path: Path) -> None:
    template = read(tmp_path, GRAPH)
    assert template.slots == {
        "a": (Slot("1", "image"),),
        "a_prime": (Slot("2", "image"),),
        "b": (Slot("3", "image"),),
        "prompt": (Slot("4", "text"),),
        "negative_prompt": (Slot("5", "text"),),
        "seed": (Slot("6", "seed"),),
    }
    assert template.output == "7"
    assert template.images == ["a", "a_prime", "b"]


def test_a_mapping_goes_before_titles(tmp_path: Path) -> None:
    inputs = {"scale_sac": "SAC.scale", "guidance_scale": "6.cfg", "prompt": "Negative prompt.text"}
    template = read(tmp_path, GRAPH, inputs, "Results")
    assert template.slots["scale_sac"] == (Slot("8", "scale"),)
    assert template.slots["guidance_scale"] == (Slot("6", "cfg"),)
    assert template.slots["prompt"] == (Slot("5", "text"),)


def test_filling_leaves_the_graph_as_it_was(tmp_path: Path) -> None:
    template = read(tmp_path, GRAPH)
    filled = template.filled({name: name for name in VALUES})
    assert filled["4"]["inputs"] == {"text": "prompt", "clip": ["9", 1]}
    assert filled["6"]["inputs"]["seed"] == "seed"
    assert filled["8"] == GRAPH["8"]
    assert template.graph == GRAPH


def test_a_node_that_loads_no_picture_may_be_called_grid(tmp_path: Path) -> None:
    graph = {**GRAPH, "10": node("AnalogistGridBuilder", "Grid", a=["1", 0], layout="pairs in rows", cell_width=256)}
    assert "grid" not in read(tmp_path, graph).slots


def test_two_nodes_of_one_title_take_the_same(tmp_path: Path) -> None:
    graph = {**GRAPH, "10": node("LoadImage", "B", image="x.png")}
    assert read(tmp_path, graph).slots["b"] == (Slot("3", "image"), Slot("10", "image"))


@pytest.mark.parametrize(
    ("graph", "inputs", "output", "message"),
    [
        ("{", {}, None, "cannot be read"),
        ({"nodes": [], "links": []}, {}, None, 'is not in API format: open it in ComfyUI and use "Export (API)"'),
        ({}, {}, None, "is not in API format"),
        ({"7": GRAPH["7"]}, {}, None, "no node takes the analogy"),
        (GRAPH, {"promt": "4.text"}, None, "expected one of the values a, a_prime"),
        (GRAPH, {"prompt": "Prompt.words"}, None, "node 'Prompt' has no input 'words'; its inputs are text, clip"),
        (GRAPH, {"prompt": "None.text"}, None, "no nodes have the title or number 'None'"),
        (GRAPH, {}, "Nothing", "no nodes have the title or number 'Nothing'"),
        ({**GRAPH, "9": node("PreviewImage", "", images=["6", 0])}, {}, None, "2 nodes save or preview images"),
        (
            {**GRAPH, "9": node("KSampler", "strength", cfg=1.0, denoise=1.0)},
            {},
            None,
            "has several candidates (cfg, denoise)",
        ),
        ({**GRAPH, "9": node("Any", "steps", steps=["6", 0])}, {}, None, "has no unconnected input for it"),
    ],
)
def test_a_graph_that_does_not_say_enough(
    tmp_path: Path, graph: object, inputs: dict[str, str], output: str | None, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        read(tmp_path, graph, inputs, output)
    assert "graph.json" in str(refusal.value)


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no workflow '.*none\.json'"):
        read_template(tmp_path / "none.json", {}, None, VALUES)


def test_a_server_that_is_not_there_is_waited_for_and_then_named() -> None:
    client = Client("http://127.0.0.1:9", patience=0.6)
    with pytest.raises(ConnectionError, match=r"ComfyUI at http://127\.0\.0\.1:9 did not respond for 0\.6 seconds"):
        client.retrying(lambda: pytest.fail("the server is not there"))


class Answering:
    """Stands in for a client: keeps what it is sent and answers with one image."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.uploaded: dict[str, bytes] = {}

    def retrying(self, work: Any) -> Any:
        return work()

    def upload(self, name: str, png: bytes) -> str:
        self.uploaded[f"folder/{name}"] = png
        return f"folder/{name}"

    def run(self, graph: Any, output: str) -> list[bytes]:
        self.graph = graph
        return [self.answer]


def renderer_and_job(tmp_path: Path, result: str, answer: bytes) -> tuple[ComfyUIRenderer, Answering, Job]:
    (tmp_path / "graph.json").write_text(json.dumps(GRAPH))
    backend = ComfyUI(kind="comfyui", workflow=str(tmp_path / "graph.json"), result=result)
    renderer = ComfyUIRenderer(backend)
    renderer.client = client = Answering(answer)
    (source,) = read_dataset(plain(tmp_path / "data", "task", ["x"])).sources
    return renderer, client, prepare(source, RenderSettings(res=128), 7)


def png(picture: Image.Image, path: Path) -> bytes:
    picture.save(path)
    return path.read_bytes()


def test_a_picture_of_b_prime_becomes_a_grid(tmp_path: Path) -> None:
    red = Image.new("RGB", (100, 100), "red")
    renderer, client, job = renderer_and_job(tmp_path, "b_prime", png(red, tmp_path / "red.png"))
    (grid,) = renderer.render(job)
    assert grid.size == (128, 128)
    assert grid.getpixel((96, 96)) == (255, 0, 0)
    assert grid.crop((0, 0, 64, 128)).tobytes() == job.image.crop((0, 0, 64, 128)).tobytes()
    sent = client.graph
    assert sent["4"]["inputs"]["text"] == f"prompt of x{RenderSettings().suffix}"
    assert sent["6"]["inputs"]["seed"] == 7
    files = [sent[number]["inputs"]["image"] for number in ("1", "2", "3")]
    assert len(set(files)) == 3
    assert set(files) == set(client.uploaded)
    (tmp_path / "b.png").write_bytes(client.uploaded[files[2]])
    assert Image.open(tmp_path / "b.png").tobytes() == job.cells[Cell.B].tobytes()


def test_a_whole_grid_is_taken_as_it_is(tmp_path: Path) -> None:
    blue = Image.new("RGB", (256, 256), "blue")
    renderer, _, job = renderer_and_job(tmp_path, "grid", png(blue, tmp_path / "blue.png"))
    (grid,) = renderer.render(job)
    assert grid.tobytes() == Image.new("RGB", (128, 128), "blue").tobytes()
