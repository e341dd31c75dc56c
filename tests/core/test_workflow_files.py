"""The shipped workflows are what their tool makes, and lie on the canvas so that they can be read."""

import json
from itertools import combinations
from typing import Any

import pytest
from PIL import Image

from support.golden import PROJECT
from tools.workflows.catalogue import KINDS
from tools.workflows.graph import Graph
from tools.workflows.shipped import SHIPPED, Workflow

FOLDER = PROJECT / "workflows"
FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


def test_nothing_else_is_shipped() -> None:
    stems = sorted(workflow.stem for workflow in SHIPPED)
    assert sorted(FILES) == stems
    assert sorted(path.stem for path in FOLDER.glob("*.jpg")) == stems


@pytest.mark.parametrize("workflow", SHIPPED, ids=lambda workflow: workflow.stem)
def test_it_is_what_the_tool_makes(workflow: Workflow) -> None:
    assert (FOLDER / f"{workflow.stem}.json").read_text(encoding="utf-8") == workflow.text()
    assert Image.open(FOLDER / f"{workflow.stem}.jpg").size == workflow.thumbnail().size


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


def test_a_group_frames_what_is_added_within_it() -> None:
    graph = Graph()
    with graph.group("first") as first:
        graph.add("KSamplerSelect", ["euler"])
    with graph.group("second", beside=first):
        graph.add("VAEDecode")
        graph.column()
        graph.add("VAEDecode")
    width, height = KINDS["VAEDecode"].size
    (one, other), nodes = graph.groups, graph.nodes
    assert other["bounding"][0] >= one["bounding"][0] + one["bounding"][2]
    assert nodes[2]["pos"] == [nodes[1]["pos"][0] + width + 20, nodes[1]["pos"][1]]
    assert other["bounding"][3] == nodes[1]["pos"][1] + height + 20 - other["bounding"][1]
