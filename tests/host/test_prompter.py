"""The prompter in a real ComfyUI: what it costs, what it keeps secret, and how it stops."""

from support import comfyui

comfyui.need_host()

import asyncio
import json
import sys
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from support.comfyui import QueueError, Server
from support.golden import PROJECT
from support.graph import node
from support.unfolded import unfolded
from support.vision_server import VisionServer, fails, hangs, says

KEY = "sk-planted-0123456789abcdefghijklmnop"
GRID = {
    "1": {"class_type": "AnalogistExample", "inputs": {"example": "colorization"}},
    "2": {
        "class_type": "AnalogistGridBuilder",
        "inputs": {
            "a": ["1", 0], "a_prime": ["1", 1], "b": ["1", 2], "layout": "pairs in rows", "cell_width": 64,
            "cell_height": 64, "fit": "stretch", "gutter": 2,
        },
    },
}  # fmt: skip


@dataclass
class Place:
    """A ComfyUI with the profile "here", whose endpoint is `vision` and whose key is KEY."""

    folder: Path
    vision: VisionServer
    server: Server

    @property
    def private(self) -> Path:
        return self.folder / "user" / "__analogist"

    def run(self, **inputs: Any) -> list[str]:
        """The prompts that come out."""
        entry = self.server.run(graph(**inputs))
        return entry["outputs"]["9"]["text"]

    def restart(self) -> None:
        self.server.stop()
        self.server.__enter__()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("prompter")
    with VisionServer() as vision:
        private = folder / "user" / "__analogist"
        private.mkdir(parents=True)
        here = {"base_url": vision.url, "model": "some-model", "key_variable": "HERE_KEY", "timeout": 20}
        (private / "profiles.json").write_text(json.dumps({"here": here, "keyless": here | {"key_variable": "NO_KEY"}}))
        with Server(folder, environment={"HERE_KEY": KEY, "OPENAI_LOG": "debug"}) as server:
            yield Place(folder, vision, server)


@pytest.fixture(autouse=True)
def calm(place: Place) -> None:
    place.vision.requests.clear()
    place.vision.will(says('{"change": "color", "alignment": "A and A\'", "prompts": ["a red car", "a blue car"]}'))


def graph(**inputs: Any) -> dict[str, Any]:
    """The marked grid, the prompter, what it says, and an image saved with the workflow."""
    widgets = {
        "profile": "here", "model": "", "prompts_wanted": 2, "suffix": "sharp", "instruction": "What is B'?", "seed": 0,
        "prompt": "",
    }  # fmt: skip
    return GRID | {
        "3": {"class_type": "AnalogistGPT4VPrompter", "inputs": {"image": ["2", 3], **widgets, **inputs}},
        "9": {"class_type": "PreviewAny", "inputs": {"source": ["3", 0]}},
        "10": {"class_type": "PreviewAny", "inputs": {"source": ["3", 1]}},
        "11": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": ["3", 1]}},
    }


def test_prompts_fan_out_and_are_shown_on_the_node(place: Place) -> None:
    entry = place.server.run(graph(seed=100))
    assert entry["outputs"]["9"]["text"] == ["a red car, sharp", "a blue car, sharp"]
    assert entry["outputs"]["10"]["text"] == ["a red car, sharp\na blue car, sharp"]
    (shown,) = entry["outputs"]["3"]["text"]
    assert "a red car, sharp\na blue car, sharp" in shown
    assert "Change from A to A': color\nAligned: A and A'\nhere, some-model: 300 + 12 tokens" in shown


def test_two_queues_make_one_request_and_a_restart_none(place: Place) -> None:
    place.run(seed=1)
    place.run(seed=1)
    assert len(place.vision.requests) == 1
    place.run(seed=2)
    assert len(place.vision.requests) == 2
    place.restart()
    entry = place.server.run(graph(seed=1))
    assert len(place.vision.requests) == 2
    assert "from the cache, nothing was sent" in entry["outputs"]["3"]["text"][0]


def test_a_typed_prompt_needs_neither_key_nor_request(place: Place) -> None:
    for profile in ("keyless", "of another machine"):
        assert place.run(prompt="a green car\n\na yellow car", profile=profile) == [
            "a green car, sharp",
            "a yellow car, sharp",
        ]
    assert not place.vision.requests


@pytest.mark.parametrize(
    ("hostile", "message"),
    [
        ({"profile": "../../here"}, r"no profile '\.\./\.\./here' on this machine; available: openai"),
        ({"profile": "__analogist/here"}, "no profile '__analogist/here'"),
        ({"profile": "http://evil.example.org/v1"}, "no profile 'http://evil"),
        ({"profile": "here\x00"}, "no profile 'here'"),
        ({"profile": {"base_url": "http://evil.example.org/v1"}}, "expected the name of a profile"),
        ({"profile": 7}, "expected the name of a profile"),
        ({"profile": "keyless"}, "set the environment variable NO_KEY"),
        ({"instruction": "x" * 2**20}, "The instruction has 1048576 characters"),
        ({"instruction": "a\x1b[2Jb"}, "control character U\\+001B"),
        ({"model": "some-model\r\nX-Injected: 1"}, "expected the name of a model"),
        ({"suffix": "\x00"}, "The suffix contains the control character"),
        ({"prompt": "\x07"}, "The prompt contains the control character"),
        ({"prompts_wanted": 10**6}, "bigger than max"),
    ],
)
def test_a_hostile_workflow_sends_nothing(place: Place, hostile: dict[str, Any], message: str) -> None:
    with pytest.raises(QueueError, match=message):
        place.run(**{"seed": 7, **hostile})
    sent = [request for request in place.vision.requests if "suffix" not in hostile]
    assert not sent


def test_the_node_does_not_rely_on_the_hosts_check_of_the_profile() -> None:
    inputs = {
        i.id: i.default
        for i in node("AnalogistGPT4VPrompter").define_schema().inputs
        if i.id not in ("image", "layout")
    }
    work = node("AnalogistGPT4VPrompter").execute(image=torch.zeros(1, 8, 8, 3), **{**inputs, "profile": "../x"})
    with pytest.raises(ValueError, match=r"There is no profile '\.\./x' on this machine; available: openai"):
        asyncio.run(work)


def test_what_is_shown_on_the_node_is_not_html(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, ...]] = []
    browser = SimpleNamespace(send_progress_text=lambda *told: sent.append(told), client_id="browser")
    module = sys.modules[node("AnalogistGPT4VPrompter").__module__]
    monkeypatch.setattr("server.PromptServer.instance", browser, raising=False)
    made = module._output(("<img src=x onerror=alert(1)>",), "", "<b>", "3")
    assert made.result[1] == "<img src=x onerror=alert(1)>"
    ((shown, node_id, client_id),) = sent
    assert (node_id, client_id) == ("3", "browser")
    assert "<" not in shown
    assert "img src=x" in shown


def test_one_grid_at_a_time() -> None:
    inputs = {
        i.id: i.default
        for i in node("AnalogistGPT4VPrompter").define_schema().inputs
        if i.id not in ("image", "layout")
    }
    work = node("AnalogistGPT4VPrompter").execute(image=torch.zeros(3, 8, 8, 3), **inputs)
    with pytest.raises(ValueError, match="expected one grid, got a batch of 3"):
        asyncio.run(work)


def test_a_refusal_stops_the_run_with_the_models_words(place: Place) -> None:
    place.vision.will(says("I'm sorry, I can't help with that."))
    for _ in range(2):
        with pytest.raises(QueueError, match=r"The model refused: \"I'm sorry, I can't help with that\.\""):
            place.run(seed=20)
    assert len(place.vision.requests) == 2


def test_the_key_is_nowhere(place: Place) -> None:
    place.server.run(graph(seed=30), extra_data={"extra_pnginfo": {"workflow": {"nodes": []}}})
    errors = []
    for n, behaviour in enumerate((says(f"a red car {KEY}"), fails(401, f"Bad key: {KEY}"), fails(500, KEY))):
        place.vision.will(behaviour)
        try:
            place.run(seed=31 + n)
        except QueueError as error:
            errors.append(str(error))
    assert len(errors) == 2
    assert KEY not in "".join(errors)
    place.vision.will(hangs)
    interrupt(place, 40)
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in place.vision.requests)
    for path in ("/history", "/object_info", "/queue", "/settings", "/userdata?dir=.", "/system_stats"):
        assert KEY not in json.dumps(place.server.get(path), default=str)
    files = [file for file in place.folder.rglob("*") if file.is_file() and not file.is_symlink()]
    assert any(file.suffix == ".png" for file in files)
    assert any(file.parent.name == "cache" for file in files)
    assert place.server.log_path in files
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []


def test_the_owners_folder_is_not_served(place: Place) -> None:
    for path in ("/userdata/..%2F__analogist%2Fprofiles.json", "/userdata/__analogist%2Fprofiles.json"):
        with pytest.raises(urllib.error.HTTPError):
            place.server.get(path)


def interrupt(place: Place, seed: int) -> tuple[float, str]:
    """Interrupt a prompter that waits: the seconds until it is over, and how it ended."""
    before = len(place.vision.requests)
    prompt_id = place.server.queue(graph(seed=seed))
    while len(place.vision.requests) == before:
        time.sleep(0.05)
    place.server.get("/queue")
    start = time.monotonic()
    place.server.post("/interrupt", {})
    entry = place.server.wait(prompt_id, timeout=20)
    return time.monotonic() - start, entry["status"]["messages"][-1][0]


def test_an_interrupt_returns_within_a_second(place: Place) -> None:
    place.vision.will(hangs)
    seconds, end = interrupt(place, 50)
    assert end == "execution_interrupted"
    assert seconds < 1
    place.vision.will(says("a red car"))
    assert place.run(seed=51) == ["a red car, sharp"]


def many_grids(amount: int, seed: int) -> dict[str, Any]:
    """The same grid several times, as a list: the host starts the prompter for all of them at once."""
    prompt = graph(seed=seed)
    prompt["4"] = {"class_type": "RepeatImageBatch", "inputs": {"image": ["2", 3], "amount": amount}}
    prompt["5"] = {"class_type": "RebatchImages", "inputs": {"images": ["4", 0], "batch_size": 1}}
    prompt["3"]["inputs"] |= {"image": ["5", 0], "prompts_wanted": 1}
    del prompt["11"]
    return prompt


def test_a_list_of_grids_is_asked_one_after_the_other(place: Place) -> None:
    entry = place.server.run(many_grids(3, seed=70))
    assert entry["outputs"]["9"]["text"] == ["a red car, sharp"] * 3
    assert len(place.vision.requests) == 1


def test_after_a_failure_the_rest_of_a_list_is_not_asked(place: Place) -> None:
    for behaviour, message in ((fails(401), "does not accept the key"), (says("I can't help with that."), "refused")):
        place.vision.requests.clear()
        place.vision.will(behaviour)
        with pytest.raises(QueueError, match=message):
            place.server.run(many_grids(3, seed=72))
        assert len(place.vision.requests) == 1


def test_an_interrupt_ends_a_list_of_grids_too(place: Place) -> None:
    place.vision.will(hangs)
    prompt_id = place.server.queue(many_grids(3, seed=71))
    while not place.vision.requests:
        time.sleep(0.05)
    start = time.monotonic()
    place.server.post("/interrupt", {})
    entry = place.server.wait(prompt_id, timeout=20)
    assert time.monotonic() - start < 1
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    assert len(place.vision.requests) == 1


def test_comfyui_answers_while_the_model_thinks(place: Place) -> None:
    place.vision.will(hangs)
    prompt_id = place.server.queue(graph(seed=60))
    while not place.vision.requests:
        time.sleep(0.05)
    for _ in range(5):
        start = time.monotonic()
        place.server.get("/queue")
        assert time.monotonic() - start < 0.5
    place.server.post("/interrupt", {})
    place.server.wait(prompt_id)


def test_a_broken_profile_file_does_not_hide_the_node(place: Place) -> None:
    file = place.private / "profiles.json"
    good = file.read_text()
    try:
        file.write_text("{")
        info = place.server.get("/object_info/AnalogistGPT4VPrompter")["AnalogistGPT4VPrompter"]
        assert "openai" in json.dumps(info["input"]["required"]["profile"])
        with pytest.raises(QueueError, match="cannot be read"):
            place.run(profile="ollama")
    finally:
        file.write_text(good)


def test_the_seed_does_not_change_by_itself(place: Place) -> None:
    info = place.server.get("/object_info/AnalogistGPT4VPrompter")["AnalogistGPT4VPrompter"]
    assert info["input"]["required"]["seed"][1]["control_after_generate"] is False
    widgets = json.dumps(info["input"])
    assert "key" not in [name.lower() for name in info["input"]["required"]]
    assert KEY not in widgets


def test_the_parser_reads_any_text_node(place: Place) -> None:
    def parse(text: str) -> dict[str, Any]:
        return {
            "1": {"class_type": "PrimitiveStringMultiline", "inputs": {"value": text}},
            "2": {
                "class_type": "AnalogistPromptParser",
                "inputs": {"reply": ["1", 0], "prompts_wanted": 3, "suffix": "sharp"},
            },
            "9": {"class_type": "PreviewAny", "inputs": {"source": ["2", 0]}},
        }

    entry = place.server.run(parse("<think>?</think>Sure!\n1. **A red car**\n2. A blue car\n\nLet me know!"))
    assert entry["outputs"]["9"]["text"] == ["A red car, sharp", "A blue car, sharp"]
    with pytest.raises(QueueError, match="The model refused"):
        place.server.run(parse("I cannot help with that."))


def test_only_names_are_widgets() -> None:
    ids = {i.id for i in node("AnalogistGPT4VPrompter").define_schema().inputs}
    assert not ids & {"key", "api_key", "base_url", "url", "endpoint", "token"}


def as_api(workflow: dict[str, Any], info: dict[str, Any]) -> dict[str, Any]:
    """A saved workflow in the form that the browser queues, its checkpoint the tiny one."""
    sources = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt: dict[str, Any] = {}
    for saved in workflow["nodes"]:
        if saved["type"] in ("MarkdownNote", "PreviewAny"):
            continue
        kind = {"CheckpointLoaderSimple": "TestTinyCheckpoint"}.get(saved["type"], saved["type"])
        values, inputs = iter(saved["widgets_values"]), {}
        for name, spec in {
            **info[kind]["input"].get("required", {}),
            **info[kind]["input"].get("optional", {}),
        }.items():
            options = spec[1] if len(spec) > 1 else {}
            widget = isinstance(spec[0], list) or spec[0] in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
            if widget and not options.get("forceInput"):
                # A graph that was saved before an optional widget has no value for it: the node's default counts.
                if (value := next(values, None)) is None and name in info[kind]["input"].get("optional", {}):
                    continue
                inputs[name] = value
                if options.get("control_after_generate", name == "noise_seed"):
                    next(values)
        inputs |= {s["name"]: sources[s["link"]] for s in saved["inputs"] if s["link"]}
        assert not list(values), f"{kind} has more values than widgets"
        prompt[str(saved["id"])] = {"class_type": kind, "inputs": inputs}
    return prompt


def test_the_shipped_workflow_samples_once_for_each_prompt(place: Place) -> None:
    saved = json.loads((PROJECT / "workflows" / "Image analogy 3 - prompt from a vision model.json").read_text())
    prompt = as_api(unfolded(saved), place.server.get("/object_info"))
    inputs = {entry["class_type"]: entry["inputs"] for entry in prompt.values()}
    assert inputs["AnalogistGPT4VPrompter"]["profile"] == "openai"
    inputs["AnalogistGPT4VPrompter"] |= {"profile": "here", "prompts_wanted": 2}
    for entry in prompt.values():
        if entry["class_type"] == "AnalogistGridBuilder":
            entry["inputs"] |= {"cell_width": 64, "cell_height": 64}
    inputs["AnalogistSigmas"] |= {"steps": 2, "strength": 1.0}
    entry = place.server.run(prompt)
    (sent,) = place.vision.requests
    assert "no more than 5 words. Give me 2 such different prompts" in sent.text
    pictures = [image["filename"] for output in entry["outputs"].values() for image in output.get("images", ())]
    assert len([name for name in pictures if name.startswith("colorization")]) == 2
