"""English definitions of the nodes, out of their schemas; needs a ComfyUI."""

import sys
from typing import Any

from .texts import PROJECT

sys.path.insert(0, str(PROJECT / "tests"))
FOUND_ON_THE_MACHINE = {"profile", "control_net_name", "ckpt_name", "folder", "a", "a_prime", "b"}
"""Inputs whose options are names of files, folders and profiles, which have no translation."""


def key(name: str) -> str:
    """As the frontend looks it up."""
    return name.replace(".", "_")


def _input(found: Any) -> dict[str, Any]:
    named = {"name": found.display_name or found.id, "tooltip": found.tooltip}
    options = getattr(found, "options", None)
    if options and found.id not in FOUND_ON_THE_MACHINE:
        named["options"] = {key(str(option)): str(option) for option in options}
    return named


def _definition(schema: Any) -> dict[str, Any]:
    return {
        "display_name": schema.display_name,
        "description": schema.description,
        "inputs": {key(found.id): _input(found) for found in schema.inputs},
        "outputs": {
            str(number): {"name": found.display_name or found.id, "tooltip": found.tooltip}
            for number, found in enumerate(schema.outputs)
        },
    }


def english() -> dict[str, dict[str, Any]]:
    """The files of locales/en by their names."""
    from support import comfyui

    comfyui.need_host()
    schemas = [node.define_schema() for node in sys.modules[f"{comfyui.pack().__name__}.nodes"].NODES]
    categories = {key(part): part for schema in schemas for part in schema.category.split("/")}
    return {
        "nodeDefs.json": {schema.node_id: _definition(schema) for schema in schemas},
        "main.json": {"nodeCategories": categories},
    }
