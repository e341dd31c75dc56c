"""A folder of B that goes on where it stopped, and results picked by hand from the cache, on a running server."""

from support import comfyui

comfyui.need_host()

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from support.comfyui import QueueError, Server
from support.graph import execute

NAMES = ("cat", "dog 2", "100% wool")


@pytest.fixture
def folder(server: Server) -> Path:
    """Three images, the second of which is none."""
    inside = server.folder / "input" / "queries"
    inside.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(NAMES):
        Image.new("RGB", (32 + number, 32), (100, 50 * number, 0)).save(inside / f"{name}.png")
    (inside / "notes.txt").write_text("no image")
    return inside


def one_by_one(results: str, at_most: int = 1) -> dict[str, Any]:
    """Each B is inverted, which stands for a sampler, and saved under its name."""
    return {
        "1": {"class_type": "AnalogistFolder", "inputs": {"folder": "queries", "results": results, "at_most": at_most}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": ["1", 1]}},
    }


def saved(server: Server, results: str) -> list[str]:
    return sorted(path.name for path in (server.folder / "output" / results).glob("*.png"))


def test_each_result_is_saved_under_the_name_of_its_b_as_it_is_finished(server: Server, folder: Path) -> None:
    expected = []
    for name in sorted(NAMES):
        server.run(one_by_one("Analogist/one"))
        expected.append(f"{name.replace('%', '-')}_00001_.png")
        assert saved(server, "Analogist/one") == sorted(expected)
    server.run(one_by_one("Analogist/one"))  # Nothing is left to do: nothing is saved, and nothing is wrong.
    assert saved(server, "Analogist/one") == sorted(expected)
    (server.folder / "output" / "Analogist/one" / "cat_00001_.png").unlink()
    server.run(one_by_one("Analogist/one"))  # Once more, since what is there has changed.
    assert saved(server, "Analogist/one") == sorted(expected)


def test_all_at_once(server: Server, folder: Path) -> None:
    server.run(one_by_one("Analogist/all", at_most=0))
    assert len(saved(server, "Analogist/all")) == 3


def test_one_bad_file_stops_with_its_name_and_the_others_are_kept(server: Server, folder: Path) -> None:
    bad = folder / "dog 2.png"
    bad.write_text("no image")
    for _ in range(2):
        server.run(one_by_one("Analogist/bad"))
    with pytest.raises(QueueError, match=r"dog 2\.png' cannot be read as an image"):
        server.run(one_by_one("Analogist/bad"))
    assert saved(server, "Analogist/bad") == ["100- wool_00001_.png", "cat_00001_.png"]
    Image.new("RGB", (32, 32)).save(bad)
    server.run(one_by_one("Analogist/bad"))
    assert len(saved(server, "Analogist/bad")) == 3


def test_results_stay_in_the_output_directory(server: Server, folder: Path) -> None:
    with pytest.raises(QueueError, match="expected a folder inside ComfyUI/output"):
        server.run(one_by_one("../outside"))


def picking(pick: str) -> dict[str, Any]:
    """A noisy image from the host, its copies scored, and some of them kept."""
    pair = {"class_type": "AnalogistExample", "inputs": {"example": "colorization"}}
    batch = {"class_type": "RepeatImageBatch", "inputs": {"image": ["1", 0], "amount": 3}}
    score = {
        "class_type": "AnalogistDirectionScore",
        "inputs": {
            "clip_vision": ["5", 0],
            **{"a": ["1", 0], "a_prime": ["1", 1], "b": ["1", 2], "b_prime": ["2", 0], "variant": "corrected"},
        },
    }
    best = {"images": ["2", 0], "scores": ["3", 0], "keep": 1, "best": "highest", "pick": pick}
    return {
        "1": pair,
        "2": batch,
        "3": score,
        "4": {"class_type": "AnalogistBestOf", "inputs": best},
        "5": {"class_type": "TestTinyClipVision", "inputs": {}},
        "6": {"class_type": "PreviewImage", "inputs": {"images": ["4", 0]}},
    }


def test_choosing_another_result_runs_nothing_but_what_comes_after(server: Server) -> None:
    server.run(picking(""))
    entry = server.run(picking("2, -1"))
    cached = {
        node for kind, message in entry["status"]["messages"] if kind == "execution_cached" for node in message["nodes"]
    }
    assert cached == {"1", "2", "3", "5"}
    assert len(entry["outputs"]["6"]["images"]) == 2


@pytest.mark.parametrize(
    ("pick", "numbers"),
    [("", [2]), ("  ", [2]), ("3", [3]), ("0, -1", [2, 3]), ("-3", [1]), ("3 1", [3, 1]), ("2,2", [2])],
)
def test_picked_numbers_are_those_of_the_contact_sheet(pick: str, numbers: list[int]) -> None:
    images = torch.rand(3, 8, 8, 3)
    kept, scores, found, _ = execute(
        "AnalogistBestOf", images=[images], scores=[0.1, 0.9, 0.5], keep=[1], best=["highest"], pick=[pick]
    )
    assert found == numbers
    assert scores == [[0.1, 0.9, 0.5][number - 1] for number in numbers]
    assert (kept - images[[number - 1 for number in numbers]]).abs().max() < 0.01


@pytest.mark.parametrize("pick", ["4", "-4", "two", "1.5", "1-2"])
def test_what_is_no_result_is_refused(pick: str) -> None:
    with pytest.raises(ValueError, match="expected numbers from -3 to 3, such as 3 or 0, -1, got"):
        execute(
            "AnalogistBestOf",
            images=[torch.rand(3, 8, 8, 3)],
            scores=[0, 1, 2],
            keep=[1],
            best=["highest"],
            pick=[pick],
        )
