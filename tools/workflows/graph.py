"""One vocabulary for all graphs: nodes, links, notes, and nodes that hold graphs, laid out in columns."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .catalogue import KINDS, properties

GAP, MARGIN = 50, 30
"""Between two nodes of a column, with the lower one's title; and between two columns."""


@dataclass(frozen=True)
class Look:
    """A node's title and size, where they are not its kind's own, and its colors."""

    title: str | None = None
    color: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None


PLAIN = Look()
INPUTS, OUTPUTS = -10, -20
"""Numbers of the nodes that stand for a subgraph's own inputs and outputs."""
INNER_LINK = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
GREEN = {"color": "#232", "bgcolor": "#353"}
RED = {"color": "#322", "bgcolor": "#533"}
NOTE = {"color": "#222", "bgcolor": "#000"}


class Output(NamedTuple):
    """An output socket that an input can be linked to."""

    node: int
    slot: int
    type: str


class Link(NamedTuple):
    """A wire, in the order of the frontend's file format."""

    id: int
    source: int
    source_slot: int
    target: int
    target_slot: int
    type: str


@dataclass(frozen=True)
class Box:
    """A rectangle on the canvas."""

    x: float
    y: float
    width: float
    height: float


class Graph:
    """A workflow as the frontend saves it."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.links: list[Link] = []
        self.subgraphs: list[Subgraph] = []
        self._app: dict[str, Any] = {}
        self._boxes: list[Box] = []
        self._x = self._y = 0.0

    def add(
        self,
        kind: str,
        widgets: Sequence[object] = (),
        look: Look = PLAIN,
        /,
        **links: Output,
    ) -> dict[str, Output]:
        """Add a node below the last one and link its inputs by name; its outputs by name."""
        known = KINDS[kind]
        number = self._place(kind, known.outputs, look.size or known.size, look)
        node = self.nodes[-1]
        node["properties"], node["widgets_values"] = properties(kind, list(widgets)), [*widgets]
        for name, source in links.items():
            link = self._link(source, number, len(node["inputs"]))
            socket = {"name": name, "type": source.type, "link": link, **self._socket(source, name)}
            node["inputs"].append({**socket, **known.sockets.get(name, {})})
        return {name: Output(number, slot, of) for slot, (name, of) in enumerate(known.outputs.items())}

    def put(self, inner: "Subgraph", look: Look = PLAIN, /, **links: Output) -> dict[str, Output]:
        """Add a node that holds a graph, and link its inputs by name; its outputs by name."""
        self.subgraphs.append(inner)
        outputs = {one["name"]: one["type"] for one in inner.outputs}
        number = self._place(inner.id, outputs, look.size or (300, 480), look)
        node = self.nodes[-1]
        for slot, one in enumerate(inner.inputs):
            source = links.get(one["name"])
            socket = {key: value for key, value in one.items() if key not in ("id", "linkIds")}
            socket["link"] = self._link(source, number, slot) if source else None
            node["inputs"].append(socket)
        promoted = [["-1", one["name"]] for one in inner.inputs if "widget" in one]
        node["properties"] = {"proxyWidgets": promoted, **properties("Analogist", [])}
        node["widgets_values"] = inner.values
        return {name: Output(number, slot, of) for slot, (name, of) in enumerate(outputs.items())}

    def _place(self, kind: str, outputs: Mapping[str, str], size: tuple[int, int], look: Look) -> int:
        """A node below the last one, without inputs; its number."""
        number, (width, height) = len(self.nodes) + 1, size
        self._boxes.append(Box(self._x, self._y, width, height))
        self.nodes.append(
            {
                "id": number,
                "type": kind,
                "pos": [self._x, self._y],
                "size": [width, height],
                "flags": {},
                "order": number - 1,
                "mode": 0,
                "inputs": [],
                "outputs": [{"name": name, "type": of, "links": []} for name, of in outputs.items()],
                **({"title": look.title} if look.title else {}),
                **look.color,
            }
        )
        self._y += height + GAP
        return number

    def _link(self, source: Output, target: int, slot: int) -> int:
        """The number of a new link."""
        link = Link(len(self.links) + 1, source.node, source.slot, target, slot, source.type)
        self.links.append(link)
        self._leaving(source).append(link.id)
        return link.id

    def _leaving(self, source: Output) -> list[int]:
        """The numbers of the links from an output."""
        links: list[int] = self.nodes[source.node - 1]["outputs"][source.slot]["links"]
        return links

    def _socket(self, source: Output, name: str) -> dict[str, Any]:
        """What an input's socket holds because of what it is linked to."""
        return {}

    def note(self, text: str, size: tuple[int, int]) -> None:
        """A note in Markdown below the last node."""
        self.add("MarkdownNote", [text.strip()], Look("Note", NOTE, size))

    def app(self, inputs: Sequence[tuple[int, str]], output: int) -> None:
        """What the frontend's App mode shows: widgets by their node's number and name, and the results of one node."""
        self._app = {"linearData": {"inputs": [list(one) for one in inputs], "outputs": [output]}}

    def move(self, x: float, y: float) -> None:
        """Where the next node goes."""
        self._x, self._y = x, y

    def column(self) -> None:
        """The next node goes to the right of all that there is, at the top."""
        self.move(self.width + MARGIN, 0)

    @property
    def width(self) -> float:
        return max(box.x + box.width for box in self._boxes)

    def file(self, name: str) -> dict[str, Any]:
        """The whole file; its id follows from `name`."""
        definitions = [inner.definition() for inner in self.subgraphs]
        held: dict[str, Any] = {"definitions": {"subgraphs": definitions}} if definitions else {}
        return {
            "id": identity(name),
            "revision": 0,
            "last_node_id": len(self.nodes),
            "last_link_id": len(self.links),
            "nodes": self.nodes,
            "links": [list(link) for link in self.links],
            "groups": [],
            **held,
            "config": {},
            "extra": {"ds": {"scale": 0.8, "offset": [80, 120]}, "workflowRendererVersion": "LG", **self._app},
            "version": 0.4,
        }


class Subgraph(Graph):
    """A graph inside one node, which has inputs, widgets and outputs of its own."""

    def __init__(self, key: str, name: str, about: Mapping[str, Any]) -> None:
        super().__init__()
        self.id, self.name, self.about = identity(key), name, about
        self.inputs: list[dict[str, Any]] = []
        self.outputs: list[dict[str, Any]] = []
        self.values: list[object] = []

    def input(self, name: str, of: str, label: str | None = None) -> Output:
        named = {"label": label} if label else {}
        self.inputs.append({"id": identity(self.id + name), "name": name, "type": of, "linkIds": [], **named})
        return Output(INPUTS, len(self.inputs) - 1, of)

    def widget(self, name: str, of: str, value: object, label: str | None = None) -> Output:
        """An input that is a widget of the outer node as long as nothing is linked to it."""
        source = self.input(name, of, label)
        self.inputs[-1]["widget"] = {"name": name}
        self.values.append(value)
        return source

    def output(self, name: str, source: Output) -> None:
        link = self._link(source, OUTPUTS, len(self.outputs))
        self.outputs.append({"id": identity(f"{self.id}>{name}"), "name": name, "type": source.type, "linkIds": [link]})

    def definition(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "version": 1,
            "state": {
                "lastGroupId": 0,
                "lastNodeId": len(self.nodes),
                "lastLinkId": len(self.links),
                "lastRerouteId": 0,
            },
            "revision": 0,
            "config": {},
            "name": self.name,
            "inputNode": {"id": INPUTS, "bounding": [-300, 0, 160, 20 * len(self.inputs) + 40]},
            "outputNode": {"id": OUTPUTS, "bounding": [self.width + 100, 0, 120, 20 * len(self.outputs) + 40]},
            "inputs": [{key: one[key] for key in one if key != "widget"} for one in self.inputs],
            "outputs": self.outputs,
            "widgets": [],
            "nodes": self.nodes,
            "groups": [],
            "links": [dict(zip(INNER_LINK, link, strict=True)) for link in self.links],
            "extra": {"workflowRendererVersion": "LG"},
            **self.about,
        }

    def _leaving(self, source: Output) -> list[int]:
        if source.node != INPUTS:
            return super()._leaving(source)
        links: list[int] = self.inputs[source.slot]["linkIds"]
        return links

    def _socket(self, source: Output, name: str) -> dict[str, Any]:
        of_widget = source.node == INPUTS and "widget" in self.inputs[source.slot]
        return {"widget": {"name": name}} if of_widget else {}


def identity(name: str) -> str:
    """The same id whenever it is made."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"analogist/{name}"))
