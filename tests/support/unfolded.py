"""A saved workflow without nodes that hold graphs: what is within them takes their place."""

from typing import Any

INPUTS, OUTPUTS = -10, -20
"""Ends of the links to a held graph's own inputs and outputs."""


def unfolded(workflow: dict[str, Any]) -> dict[str, Any]:
    """The same workflow, its inner nodes numbered "holder:node" and its links by their places."""
    graphs = {graph["id"]: graph for graph in workflow.get("definitions", {"subgraphs": ()})["subgraphs"]}
    holders = {node["id"]: node for node in workflow["nodes"] if node["type"] in graphs}
    outer = {link[0]: link for link in workflow["links"]}

    def source(link: list[Any]) -> list[Any]:
        """Where a link outside begins, within a held graph if need be."""
        _, node, slot, *_ = link
        if node not in holders:
            return [node, slot]
        ends = graphs[holders[node]["type"]]["links"]
        (end,) = (one for one in ends if (one["target_id"], one["target_slot"]) == (OUTPUTS, slot))
        return [f"{node}:{end['origin_id']}", end["origin_slot"]]

    nodes = [node for node in workflow["nodes"] if node["id"] not in holders]
    links = [[number, *source(link), *link[3:]] for number, link in outer.items()]
    for number, holder in holders.items():
        graph, renamed = graphs[holder["type"]], {}
        for one in graph["links"]:
            if one["origin_id"] != INPUTS:
                renamed[one["id"]] = name = f"{number}:{one['id']}"
                begin = [f"{number}:{one['origin_id']}", one["origin_slot"]]
                links.append([name, *begin, f"{number}:{one['target_id']}", one["target_slot"], one["type"]])
            else:  # None where nothing is linked to the holder: the widget's own value counts.
                renamed[one["id"]] = holder["inputs"][one["origin_slot"]]["link"]
        for node in graph["nodes"]:
            sockets = [{**socket, "link": renamed.get(socket["link"])} for socket in node["inputs"]]
            nodes.append({**node, "id": f"{number}:{node['id']}", "inputs": sockets})
    return {**workflow, "nodes": nodes, "links": links}
