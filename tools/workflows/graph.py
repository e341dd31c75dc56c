"""One vocabulary for all graphs: nodes, links, notes, and groups that stack what is added to them."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .catalogue import KINDS, properties

GAP, MARGIN, TITLE = 50, 20, 80
"""Between two nodes, between a group's frame and its nodes, and the height of a group's title with a node's."""


@dataclass(frozen=True)
class Look:
    """A node's title and size, where they are not its kind's own, and its colors."""

    title: str | None = None
    color: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None


PLAIN = Look()
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


@dataclass
class Box:
    """A rectangle on the canvas."""

    x: float
    y: float
    width: float = 0
    height: float = 0

    def around(self, others: Sequence["Box"]) -> None:
        self.width = max(other.x + other.width for other in others) + MARGIN - self.x
        self.height = max(other.y + other.height for other in others) + MARGIN - self.y


class Graph:
    """A workflow as the frontend saves it."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.links: list[Link] = []
        self.groups: list[dict[str, Any]] = []
        self._boxes: list[Box] = []
        self._x = self._y = self._top = 0.0

    def add(
        self,
        kind: str,
        widgets: Sequence[object] = (),
        look: Look = PLAIN,
        /,
        **links: Output,
    ) -> dict[str, Output]:
        """Add a node below the last one and link its inputs by name; its outputs by name."""
        known, number = KINDS[kind], len(self.nodes) + 1
        width, height = look.size or known.size
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
                "outputs": [{"name": name, "type": of, "links": []} for name, of in known.outputs.items()],
                "properties": properties(kind, list(widgets)),
                "widgets_values": list(widgets),
                **({"title": look.title} if look.title else {}),
                **look.color,
            }
        )
        for name, source in links.items():
            self._link(number, name, source)
        self._y += height + GAP
        return {name: Output(number, slot, of) for slot, (name, of) in enumerate(known.outputs.items())}

    def _link(self, number: int, name: str, source: Output) -> None:
        node = self.nodes[number - 1]
        link = Link(len(self.links) + 1, source.node, source.slot, number, len(node["inputs"]), source.type)
        self.links.append(link)
        self.nodes[source.node - 1]["outputs"][source.slot]["links"].append(link.id)
        socket = KINDS[node["type"]].sockets.get(name, {})
        node["inputs"].append({"name": name, "type": source.type, "link": link.id, **socket})

    def note(self, title: str, height: int, text: str) -> None:
        """A note in Markdown below the last node; it begins with its title."""
        body = f"## {title}\n{text.strip()}"
        self.add("MarkdownNote", [body], Look(title, NOTE, (440, height)))

    @contextmanager
    def group(self, title: str, *, below: Box | None = None, beside: Box | None = None) -> Iterator[Box]:
        """A titled frame around what is added within it, placed `below` or `beside` another, else at the origin."""
        box = Box(0, 0)
        if below:
            box = Box(below.x, below.y + below.height + MARGIN)
        if beside:
            box = Box(beside.x + beside.width + MARGIN, beside.y)
        self.move(box.x + MARGIN, box.y + TITLE)
        first = len(self._boxes)
        yield box
        box.around(self._boxes[first:])
        bounding = [box.x, box.y, box.width, box.height]
        number = len(self.groups) + 1
        self.groups.append(
            {"id": number, "title": title, "bounding": bounding, "color": "#3f789e", "font_size": 24, "flags": {}}
        )

    def move(self, x: float, y: float) -> None:
        """Where the next node goes."""
        self._x, self._y, self._top = x, y, y

    def column(self) -> None:
        """The next node goes beside the last one, at the top."""
        last = self._boxes[-1]
        self.move(last.x + last.width + MARGIN, self._top)

    def bounds(self) -> Box:
        """What the nodes take together, from the origin."""
        box = Box(0, 0)
        box.around(self._boxes)
        return box

    def file(self, name: str) -> dict[str, Any]:
        """The whole file; its id follows from `name`."""
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"analogist/{name}")),
            "revision": 0,
            "last_node_id": len(self.nodes),
            "last_link_id": len(self.links),
            "nodes": self.nodes,
            "links": [list(link) for link in self.links],
            "groups": self.groups,
            "config": {},
            "extra": {"ds": {"scale": 0.6, "offset": [640, 150]}, "workflowRendererVersion": "LG"},
            "version": 0.4,
        }
