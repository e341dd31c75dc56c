"""The arrows of the house: nodes -> {attention_patches, controlnet, models} -> analogist, and no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = ("analogist", "attention_patches", "controlnet", "models", "nodes")
HOST = {"comfy", "comfy_api", "comfy_extras", "comfy_execution", "folder_paths", "server", "execution", "node_helpers"}

MAY_IMPORT = {
    "__init__": {"nodes"},
    "nodes": {"nodes", "attention_patches", "controlnet", "models", "analogist"},
    "attention_patches": {"attention_patches", "analogist"},
    "controlnet": {"controlnet", "analogist"},
    "models": {"models", "analogist"},
    "analogist": {"analogist"},
}

FILES = [PROJECT / "__init__.py", *(file for room in ROOMS for file in sorted((PROJECT / room).rglob("*.py")))]


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Top-level names that a file imports, wherever in it, and whether they are ours."""
    package = [*file.relative_to(PROJECT).parent.parts]
    for statement in ast.walk(ast.parse(file.read_text())):
        if isinstance(statement, ast.Import):
            yield from ((alias.name.split(".")[0], False) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
            yield (statement.module or "").split(".")[0], False
        elif isinstance(statement, ast.ImportFrom):
            base = package[: len(package) - statement.level + 1]
            path = [*base, *(statement.module or "").split(".")] if statement.module else base
            names = [path[0]] if path and path[0] else [alias.name for alias in statement.names]
            yield from ((name, True) for name in names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_arrows_run_one_way(file: Path) -> None:
    room = file.relative_to(PROJECT).parts[0].removesuffix(".py")
    for name, ours in imports(file):
        if ours:
            assert name in MAY_IMPORT[room], f"{room} may not import {name}"
        else:  # The folder's name is the user's to choose, so inside the pack every import is relative.
            assert name not in ROOMS, f"{name} must be imported relatively"
            assert room != "analogist" or name not in HOST, f"the library may not know ComfyUI ({name})"


def test_only_one_file_touches_model_options() -> None:
    touching = [file.name for file in FILES if "model_options" in file.read_text()]
    assert touching == ["patching.py"]


def test_the_control_room_extends_no_class_of_the_host() -> None:
    """The host copies a ControlNet as its own class: what a subclass adds would be lost on the way to the sampler."""
    classes = [
        (statement.name, [ast.unparse(base) for base in statement.bases])
        for file in FILES
        if file.parent.name == "controlnet"
        for statement in ast.walk(ast.parse(file.read_text()))
        if isinstance(statement, ast.ClassDef)
    ]
    assert ("PairQueryEncoder", ["torch.nn.Module"]) in classes
    assert {base for _, bases in classes for base in bases} <= {"torch.nn.Module", "NamedTuple"}


def test_the_page_on_composition_is_what_the_tests_say() -> None:
    import runpy

    page = runpy.run_path(str(PROJECT / "tools" / "make_composition_table.py"))["page"]()
    assert (PROJECT / "docs" / "composition.md").read_text() == page
