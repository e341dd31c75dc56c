"""The pack on a running server: nothing failed to import, and nodes, workflows, thumbnails and help are there."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from support import comfyui
from support.comfyui import PACK_FOLDER, QueueError, Server
from support.golden import PROJECT

comfyui.need_host()

from support.graph import execute, node, room

FAILURES = ("IMPORT FAILED", "Cannot import", "Error while calling comfy_entrypoint", "Skip ")
WORKFLOWS = PROJECT / "workflows"
NAMES = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
IDS = [cls.define_schema().node_id for cls in room("nodes").NODES]
HELP = sorted(path.name for path in (PROJECT / "web" / "docs").glob("*.md"))
CATEGORIES = ("Analogist", "Analogist/Prompt", "Analogist/Evaluate", "Analogist/Prompt Diffusion")


def test_nothing_failed_to_import(server: Server) -> None:
    assert PACK_FOLDER in server.log
    failures = [line for line in server.log.splitlines() if any(words in line for words in FAILURES)]
    # An older host's own extras, which it names without a folder, may miss a package of their own.
    assert [line for line in failures if "custom_nodes" in line] == []


@pytest.mark.parametrize("node_id", IDS)
def test_the_server_knows_the_node(server: Server, node_id: str) -> None:
    assert server.get(f"/object_info/{node_id}")[node_id]["description"]


@pytest.mark.parametrize("cls", room("nodes").NODES, ids=IDS)
def test_a_node_says_what_its_inputs_and_outputs_are(cls: type) -> None:
    schema = cls.define_schema()
    assert [one.id for one in schema.inputs if not one.tooltip] == []
    assert [one.id for one in schema.outputs if not one.tooltip] == []
    assert schema.category in {
        "Analogist",
        *(f"Analogist/{part}" for part in ("Prompt", "Evaluate", "Prompt Diffusion")),
    }
    assert schema.search_aliases


def test_the_templates_are_listed(server: Server) -> None:
    assert NAMES
    assert sorted(server.get("/api/workflow_templates")[PACK_FOLDER]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_template_and_its_thumbnail_are_served(server: Server, name: str) -> None:
    address = f"/api/workflow_templates/{PACK_FOLDER}/{quote(name)}"
    assert server.get(f"{address}.json") == json.loads((WORKFLOWS / f"{name}.json").read_text())
    assert server.get(f"{address}.jpg") == (WORKFLOWS / f"{name}.jpg").read_bytes()


@pytest.mark.parametrize("path", sorted((PROJECT / "subgraphs").glob("*.json")), ids=lambda path: path.stem)
def test_a_blueprint_is_in_the_library(server: Server, path: Path) -> None:
    listed = server.get("/api/global_subgraphs")
    pack = f"custom_nodes.{PACK_FOLDER}"
    (number,) = (key for key, one in listed.items() if one["info"]["node_pack"] == pack and one["name"] == path.stem)
    assert json.loads(server.get(f"/api/global_subgraphs/{number}")["data"]) == json.loads(path.read_text())


@pytest.mark.parametrize("page", HELP)
def test_a_help_page_is_of_a_node_and_is_served(server: Server, page: str) -> None:
    assert page.removesuffix(".md") in IDS
    assert server.get(f"/extensions/{PACK_FOLDER}/docs/{page}") == (PROJECT / "web" / "docs" / page).read_bytes()


def test_every_example_has_its_three_pictures() -> None:
    examples = room("nodes.example").EXAMPLES
    assert sorted(examples) == sorted(path.name for path in (WORKFLOWS / "examples").iterdir() if path.is_dir())
    for example in examples:
        for picture in execute("AnalogistExample", example=example):
            assert picture.ndim == 4
            assert picture.shape[-1] == 3
            assert max(picture.shape) <= 512


def test_an_unknown_example_is_refused_by_the_server(server: Server) -> None:
    prompt = {
        "1": {"class_type": "AnalogistExample", "inputs": {"example": "../secret"}},
        "2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}},
    }
    with pytest.raises(QueueError) as refusal:
        server.queue(prompt)
    (error,) = json.loads(str(refusal.value))["node_errors"]["1"]["errors"]
    assert error["details"] == f"example: '../secret' not in {list(room('nodes.example').EXAMPLES)}"


@pytest.mark.parametrize("name", ["../secret", "", ".", "colorization/../caricature"])
def test_an_unknown_example_is_refused_by_the_node_too(name: str) -> None:
    with pytest.raises(ValueError, match="expected one of the examples colorization, "):
        node("AnalogistExample").execute(example=name)
