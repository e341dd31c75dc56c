"""The shipped workflows are what their tool makes, and lie on the canvas so that they can be read."""

import json
import re
from itertools import combinations
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from support.golden import PROJECT
from tools.workflows.catalogue import KINDS
from tools.workflows.graph import GAP, INPUTS, MARGIN, OUTPUTS, Graph, Subgraph
from tools.workflows.shipped import BLUEPRINTS, SHIPPED, Blueprint, Workflow

FOLDER = PROJECT / "workflows"
FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
BLUEPRINT_FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((PROJECT / "subgraphs").glob("*.json"))
}
TITLE_BAR = 30
"""Units above a node's position."""


def test_nothing_else_is_shipped() -> None:
    stems = sorted(workflow.stem for workflow in SHIPPED)
    assert sorted(FILES) == stems
    assert sorted(path.stem for path in FOLDER.glob("*.jpg")) == stems


@pytest.mark.parametrize("workflow", SHIPPED, ids=lambda workflow: workflow.stem)
def test_it_is_what_the_tool_makes(workflow: Workflow) -> None:
    assert (FOLDER / f"{workflow.stem}.json").read_text(encoding="utf-8") == workflow.text()
    shown, drawn = Image.open(FOLDER / f"{workflow.stem}.jpg"), workflow.thumbnail()
    assert shown.size == drawn.size
    assert max(ImageStat.Stat(ImageChops.difference(shown, drawn)).mean) < 6  # What JPEG loses.


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_no_node_covers_another(file: dict[str, Any]) -> None:
    for one, other in combinations(file["nodes"], 2):
        assert any(
            one["pos"][axis] + one["size"][axis] <= other["pos"][axis]
            or other["pos"][axis] + other["size"][axis] <= one["pos"][axis]
            for axis in (0, 1)
        ), (one["type"], other["type"])


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_every_wire_joins_sockets_of_its_type(file: dict[str, Any]) -> None:
    nodes = {node["id"]: node for node in file["nodes"]}
    for number, source, out, target, slot, kind in file["links"]:
        assert nodes[source]["outputs"][out]["type"] == kind
        assert number in nodes[source]["outputs"][out]["links"]
        assert nodes[target]["inputs"][slot]["link"] == number
        assert nodes[target]["inputs"][slot]["type"] in (kind, "*")


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_it_can_be_read_as_soon_as_it_opens(file: dict[str, Any]) -> None:
    ends = [[node["pos"][axis] + node["size"][axis] for node in file["nodes"]] for axis in (0, 1)]
    assert max(ends[0]) - min(node["pos"][0] for node in file["nodes"]) <= 1500
    assert max(ends[1]) - min(node["pos"][1] for node in file["nodes"]) + TITLE_BAR <= 800
    notes = [node["widgets_values"][0] for node in file["nodes"] if node["type"] == "MarkdownNote"]
    assert len(notes) == 1
    assert len(notes[0].split()) <= 60


def test_titles_sort_in_the_order_in_which_to_learn() -> None:
    stems = [workflow.stem for workflow in SHIPPED]
    assert sorted(stems) == sorted(stems, key=lambda stem: stem.split(" - ")[0])
    assert stems[0].startswith("Image analogy 1 - start here")
    assert all(re.match(r"(Image analogy|Prompt Diffusion) \d+ - ", stem) for stem in stems)


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda blueprint: blueprint.stem)
def test_a_blueprint_is_what_the_tool_makes(blueprint: Blueprint) -> None:
    path = PROJECT / "subgraphs" / f"{blueprint.stem}.json"
    assert path.read_text(encoding="utf-8") == blueprint.text()
    (definition,) = json.loads(blueprint.text())["definitions"]["subgraphs"]
    assert definition["name"] == blueprint.stem
    assert definition["description"]


def test_nothing_else_is_a_blueprint() -> None:
    stems = sorted(path.stem for path in (PROJECT / "subgraphs").iterdir())
    assert stems == sorted(blueprint.stem for blueprint in BLUEPRINTS)


@pytest.mark.parametrize("file", [*FILES.values(), *BLUEPRINT_FILES.values()], ids=[*FILES, *BLUEPRINT_FILES])
def test_every_inner_wire_joins_sockets_of_its_type(file: dict[str, Any]) -> None:
    for inner in file.get("definitions", {"subgraphs": []})["subgraphs"]:
        nodes = {node["id"]: node for node in inner["nodes"]}
        for link in inner["links"]:
            source, target = link["origin_id"], link["target_id"]
            out = inner["inputs"] if source == INPUTS else nodes[source]["outputs"]
            into = inner["outputs"] if target == OUTPUTS else nodes[target]["inputs"]
            assert out[link["origin_slot"]]["type"] == into[link["target_slot"]]["type"] == link["type"]
            ends = [out[link["origin_slot"]].get("linkIds") or out[link["origin_slot"]]["links"]]
            assert all(link["id"] in end for end in ends)


def test_a_node_that_holds_a_graph_shows_the_widgets_of_its_inputs() -> None:
    inner = Subgraph("test", "Test", {})
    image, seed = inner.input("image", "IMAGE"), inner.widget("seed", "INT", 7)
    inner.add("RandomNoise", [7, "fixed"], noise_seed=seed)
    inner.output("out", inner.add("PreviewAny", source=image)["STRING"])
    graph = Graph()
    given = graph.add("AnalogistExample", ["shapes"])
    graph.put(inner, image=given["A"])
    outer = graph.nodes[-1]
    assert outer["properties"]["proxyWidgets"] == [["-1", "seed"]]
    assert outer["widgets_values"] == [7]
    assert [one["link"] for one in outer["inputs"]] == [1, None]
    noise = inner.definition()["nodes"][0]
    assert noise["inputs"] == [{"name": "noise_seed", "type": "INT", "link": 1, "widget": {"name": "noise_seed"}}]


def test_columns_stand_beside_each_other() -> None:
    graph = Graph()
    graph.add("KSamplerSelect", ["euler"])
    graph.add("VAEDecode")
    graph.column()
    graph.add("VAEDecode")
    first, second, third = graph.nodes
    assert first["pos"] == [0, 0]
    assert second["pos"] == [0, KINDS["KSamplerSelect"].size[1] + GAP]
    assert third["pos"] == [KINDS["VAEDecode"].size[0] + MARGIN, 0]
