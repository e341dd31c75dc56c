"""A graph of the user's in ComfyUI's API format, and which of its inputs take the values of an analogy."""

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...files.reading import read_text
from ..sources import MORE, MORE_PAIRS

IMAGES = ("a", "a_prime", "b", *MORE, "grid", "canvas", "mask", "marked")
"""Values that are images; they are uploaded, and the input takes the name of the file."""
TEXTS = ("prompt", "bare_prompt", "negative_prompt", "suffix", "layout", "fit")
"""Values that are words; all others are numbers."""
LABELS = {"a'": "a_prime", "negative prompt": "negative_prompt", "cfg": "guidance_scale"}
LABELS |= {f"{a}'": a_prime for a, a_prime in MORE_PAIRS}
"""What people also call them in a title."""
NEEDED = ("b", "grid", "canvas")
"""One of these a graph must take, or every analogy would look alike."""

Graph = dict[str, dict[str, Any]]
"""Nodes by number, in API format."""


@dataclass(frozen=True)
class Slot:
    """An input of a node."""

    node: str
    input: str


@dataclass(frozen=True)
class Template:
    """A graph, the inputs that take values by their names, and the node whose images are the results."""

    graph: Graph
    slots: Mapping[str, tuple[Slot, ...]]
    output: str

    @property
    def images(self) -> list[str]:
        """The images that the graph takes."""
        return [name for name in IMAGES if name in self.slots]

    def filled(self, values: Mapping[str, object]) -> Graph:
        """The graph of one analogy."""
        graph = deepcopy(self.graph)
        for name, slots in self.slots.items():
            for slot in slots:
                graph[slot.node]["inputs"][slot.input] = values[name]
        return graph


def read_template(path: Path, inputs: Mapping[str, str], output: str | None, values: Iterable[str]) -> Template:
    """Read a graph and find its inputs.

    A node whose title is the name of a value ("B", "prompt", "seed", ...) takes it: an image in its input "image",
    anything else in the input of that name or in the only one that is not connected and fits. `inputs` says it where
    there are several, or where titles are other ones.

    Args:
        path: what ComfyUI's "Export (API)" wrote.
        inputs: "title.input" or "number.input" by the name of a value.
        output: title or number of the node with the results; None where only one node saves or shows images.
        values: the names that there are.

    Raises:
        ValueError: one sentence that names the file, and the node or value in it.
    """
    graph = _read(path)
    names = list(values)
    try:
        slots = _by_title(graph, [name for name in names if name not in inputs])
        for name, place in inputs.items():
            if name not in names:
                raise ValueError(f"expected one of the values {', '.join(names)}, got {name!r}")
            slots[name] = (_placed(graph, place),)
        if not set(slots) & set(NEEDED):
            raise ValueError(
                'no node takes the analogy: set the title of the node that loads it to "B" or "grid", or list it under '
                "inputs in the configuration"
            )
        return Template(graph, slots, _output(graph, output))
    except ValueError as error:
        raise ValueError(f"The workflow {str(path)!r} is invalid: {error}.") from None


def _read(path: Path) -> Graph:
    text = read_text(path, "workflow")
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError(f"The workflow {str(path)!r} is nested too deeply.") from None
    except ValueError as error:
        raise ValueError(f"The workflow {str(path)!r} cannot be read: {error}.") from error
    nodes = content.values() if isinstance(content, dict) else ()
    if not nodes or not all(isinstance(node, dict) and "class_type" in node and "inputs" in node for node in nodes):
        raise ValueError(f'The workflow {str(path)!r} is not in API format: open it in ComfyUI and use "Export (API)".')
    graph: Graph = content
    return graph


def _title(node: Mapping[str, Any]) -> str:
    return str(node.get("_meta", {}).get("title", ""))


def _by_title(graph: Graph, names: Iterable[str]) -> dict[str, tuple[Slot, ...]]:
    """Every node whose title is the name of a value; several nodes may take the same one."""
    wanted = set(names)
    slots: dict[str, tuple[Slot, ...]] = {}
    for number, node in graph.items():
        title = _title(node).strip().lower()
        name = LABELS.get(title, title.replace(" ", "_"))
        # The node that builds the grid may well be called "Grid", too, but it loads none.
        if name in wanted and (name not in IMAGES or isinstance(node["inputs"].get("image"), str)):
            slots[name] = (*slots.get(name, ()), _only_input(number, node, name))
    return slots


def _only_input(number: str, node: Mapping[str, Any], name: str) -> Slot:
    """The input of a node that can only be meant: of that name, or alone in being of its kind."""
    kinds = (str,) if name in (*IMAGES, *TEXTS) else (int, float)
    free = [key for key, value in node["inputs"].items() if type(value) in kinds]  # A connection is a list.
    usual = "image" if name in IMAGES else name
    found = [usual] if usual in free else free
    if len(found) != 1:
        choice = f"has several candidates ({', '.join(found)})" if found else "has no unconnected input for it"
        raise ValueError(
            f"node {number} {_title(node)!r} should take {name}, but {choice}: specify the input under inputs in the "
            "configuration"
        )
    return Slot(number, found[0])


def _placed(graph: Graph, place: str) -> Slot:
    node, _, key = place.rpartition(".")
    number = _node(graph, node)
    if key not in graph[number]["inputs"]:
        there = ", ".join(graph[number]["inputs"])
        raise ValueError(f"node {node!r} has no input {key!r}; its inputs are {there}")
    return Slot(number, key)


def _node(graph: Graph, called: str) -> str:
    found = [called] if called in graph else [number for number, node in graph.items() if _title(node) == called]
    if len(found) != 1:
        raise ValueError(f"{len(found) or 'no'} nodes have the title or number {called!r}")
    return found[0]


def _output(graph: Graph, output: str | None) -> str:
    if output is not None:
        return _node(graph, output)
    found = [number for number, node in graph.items() if node["class_type"] in ("SaveImage", "PreviewImage")]
    if len(found) != 1:
        raise ValueError(
            f"{len(found) or 'no'} nodes save or preview images: set output in the configuration to the node with the "
            "results"
        )
    return found[0]
