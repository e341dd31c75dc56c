"""Evaluating through a running ComfyUI: any graph, its own words where it refuses, and a server that is killed."""

import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from support import comfyui
from support.comfyui import Server

comfyui.need_host()

from analogist.evaluation import table
from analogist.evaluation.backends.comfyui import ComfyUIRenderer
from analogist.evaluation.dataset import read_dataset
from analogist.evaluation.jobs import serial
from analogist.evaluation.runner import Evaluated, ProgressCallback, evaluate
from analogist.evaluation.settings import ComfyUI
from analogist.evaluation.store import Store
from support.evaluation import config, plain

NAMES = ["v", "w", "x", "y", "z"]


def node(kind: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}


def graph(steps: int = 4) -> dict[str, Any]:
    """The method as a user would draw it, small; two results of each analogy."""
    layers = {"start_layer": 3, "end_layer": 11, "start_percent": 0.0, "end_percent": 1.0}
    return {
        "1": node("TestTinyCheckpoint"),
        "2": node("LoadImage", "A", image="none.png"),
        "3": node("LoadImage", "A'", image="none.png"),
        "4": node("LoadImage", "B", image="none.png"),
        "5": node(
            "AnalogistGridBuilder",
            "Grid",
            **{"a": ["2", 0], "a_prime": ["3", 0], "b": ["4", 0], "layout": "pairs in rows"},
            **{"cell_width": 256, "cell_height": 256, "fit": "stretch", "gutter": 2},
        ),
        "6": node("CLIPTextEncode", "prompt", text="", clip=["1", 1]),
        "7": node("CLIPTextEncode", "negative prompt", text="", clip=["1", 1]),
        "8": node(
            "InpaintModelConditioning",
            **{"positive": ["6", 0], "negative": ["7", 0], "vae": ["1", 2]},
            **{"pixels": ["5", 1], "mask": ["5", 2], "noise_mask": False},
        ),
        "9": node("AnalogistSACPatch", "SAC", model=["1", 0], scale=1.3, **layers),
        "10": node("AnalogistCAMPatch", "CAM", model=["9", 0], **layers),
        "11": node("RepeatLatentBatch", samples=["8", 2], amount=2),
        "12": node(
            "KSampler",
            "seed",
            **{"model": ["10", 0], "positive": ["8", 0], "negative": ["8", 1], "latent_image": ["11", 0]},
            **{"seed": 0, "steps": steps, "cfg": 15.0, "sampler_name": "ddim", "scheduler": "ddim_uniform"},
            denoise=1.0,
        ),
        "13": node("VAEDecode", samples=["12", 0], vae=["1", 2]),
        "14": node("AnalogistGridCropper", image=["13", 0], layout=["5", 4], cell="B'", size="cell"),
        "15": node("SaveImage", "results", images=["14", 0], filename_prefix="evaluated"),
    }


INPUTS = {"scale_sac": "SAC.scale", "cell_width": "Grid.cell_width", "cell_height": "Grid.cell_height"}


def made(folder: Path, server: Server, content: dict[str, Any]) -> ComfyUIRenderer:
    path = folder / "graph.json"
    path.write_text(json.dumps(content))
    return ComfyUIRenderer(
        ComfyUI(kind="comfyui", address=server.address, workflow=str(path), inputs=INPUTS, patience=180)
    )


def run(data: Path, out: Path, renderer: ComfyUIRenderer, watch: ProgressCallback | None = None) -> Evaluated:
    with Store(out) as store:
        kept = {"kind": "comfyui", "graph": renderer.template.graph}
        return evaluate(store, config(), read_dataset(data), serial(renderer), kept, progress=watch)


class KillOnce(ProgressCallback):
    """Kills a server in the middle of the third analogy, and restarts it from another thread."""

    def __init__(self, server: Server) -> None:
        self.server, self.advances = server, 0
        self.thread = Thread(target=self._kill_and_start)
        self.queued_when_killed: list[Any] = []

    def advanced(self) -> None:
        self.advances += 1
        if self.advances == 2:
            self.thread.start()

    def _kill_and_start(self) -> None:
        while not self.queued_when_killed:
            self.queued_when_killed = self.server.get("/queue")["queue_running"]
        self.server.process.kill()
        self.server.process.wait()
        self.server.__enter__()


@pytest.mark.slow
def test_a_server_killed_in_the_middle_costs_nothing(tmp_path: Path) -> None:
    data = plain(tmp_path / "data", "task", NAMES)
    with Server(tmp_path / "comfyui") as server:
        renderer = made(tmp_path, server, graph(steps=20))
        undisturbed = run(data, tmp_path / "undisturbed", renderer)
    assert not undisturbed.problems
    with Server(tmp_path / "another") as server:
        renderer = made(tmp_path, server, graph(steps=20))
        watch = KillOnce(server)
        disturbed = run(data, tmp_path / "disturbed", renderer, watch)
        watch.thread.join()
        assert server.log.count("Starting server") == 2
        assert server.log.count("got prompt") == len(NAMES) + 1  # The one in the middle came twice.
    assert len(watch.queued_when_killed) == 1
    assert watch.advances == len(NAMES)
    for name, build in table.TABLES.items():
        assert build(disturbed) == build(undisturbed), name
    pictures = sorted((tmp_path / "undisturbed").rglob("*.png"))
    assert len(pictures) == 3 * len(NAMES)
    for path in pictures:
        again = tmp_path / "disturbed" / path.relative_to(tmp_path / "undisturbed")
        assert again.read_bytes() == path.read_bytes()
    assert len({path.read_bytes() for path in pictures}) == len(pictures)


def test_what_the_server_refuses_is_told_in_its_words(tmp_path: Path, server: Server) -> None:
    data = plain(tmp_path / "data", "task", NAMES[:1])
    refused = graph()
    refused["12"]["inputs"]["sampler_name"] = "nonsense"
    (problem,) = run(data, tmp_path / "refused", made(tmp_path, server, refused)).problems
    assert "node 12 KSampler: Value not in list, sampler_name: 'nonsense' not in" in problem.sentence

    failing = graph()
    failing["9"]["inputs"]["end_layer"] = 12
    failing["10"]["inputs"]["start_layer"] = 12
    (problem,) = run(data, tmp_path / "failing", made(tmp_path, server, failing)).problems
    assert "ComfyUI failed in AnalogistCAMPatch: expected 0 <= start_layer <= end_layer" in problem.sentence


def test_a_second_run_with_the_same_graph_asks_the_server_for_nothing(tmp_path: Path, server: Server) -> None:
    data = plain(tmp_path / "data", "task", NAMES[:1])
    renderer = made(tmp_path, server, graph())
    run(data, tmp_path / "out", renderer)
    before = server.log
    assert len(run(data, tmp_path / "out", renderer).finished) == 1
    assert server.log == before


@pytest.mark.parametrize("times", [2])
def test_the_same_graph_again_gives_its_pictures_although_the_server_computes_nothing(
    tmp_path: Path, server: Server, times: int
) -> None:
    data = plain(tmp_path / "data", "task", NAMES[:1])
    renderer = made(tmp_path, server, graph())
    results = [run(data, tmp_path / f"out{number}", renderer) for number in range(times)]
    assert [len(result.finished) for result in results] == [1, 1]
