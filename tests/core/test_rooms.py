"""The arrows of the house: nodes -> {attention_patches, controlnet, loaders} -> analogist, and those inside."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HOST = {"comfy", "comfy_api", "comfy_extras", "comfy_execution", "folder_paths", "server", "execution", "node_helpers"}

LEVEL = "analogist"
"""The method itself: the files right inside analogist/, which every room may import."""
MAY_IMPORT = {
    "": {"nodes"},
    "nodes": {"attention_patches", "controlnet", "loaders", "analogist.*"},
    "attention_patches": {"analogist.*"},
    "controlnet": {"analogist.*"},
    "loaders": {"analogist.*"},
    LEVEL: set(),
    "analogist.files": set(),
    "analogist.cli": {
        "analogist.demo",
        "analogist.evaluation",
        "analogist.files",
        "analogist.pipelines",
        "analogist.prompt_diffusion",
        "analogist.scores",
        "analogist.sheets",
        "analogist.vision",
    },
    "analogist.demo": {"analogist.pipelines", "analogist.sheets"},
    "analogist.evaluation": {
        "analogist.files",
        "analogist.pipelines",
        "analogist.scores",
        "analogist.sheets",
    },
    "analogist.pipelines": {"analogist.files", "analogist.prompt_diffusion"},
    "analogist.prompt_diffusion": {"analogist.files"},
    "analogist.scores": set(),
    "analogist.sheets": set(),
    "analogist.vision": {"analogist.files"},
}
"""Beside itself and `LEVEL`."""
TOPS = ("analogist", "attention_patches", "controlnet", "loaders", "nodes")
MODULES = {
    ".".join(file.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in [PROJECT / "__init__.py", *(file for top in TOPS for file in sorted((PROJECT / top).rglob("*.py")))]
}


def room(module: str) -> str:
    """The room of a module: the longest known beginning of its name."""
    if module in ("__init__", ""):
        return ""
    if module == "analogist.__main__":  # The door of the command line, where Python looks for it.
        return "analogist.cli"
    return max((name for name in MAY_IMPORT if name and f"{module}.".startswith(f"{name}.")), key=len)


def imports(module: str, source: str, is_package: bool) -> Iterator[tuple[str, bool]]:
    """Modules that `source` imports, wherever in it, and whether by a relative import."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    package = [] if module == "__init__" else package
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.Import):
            yield from ((alias.name, False) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
            yield statement.module or "", False
        elif isinstance(statement, ast.ImportFrom):
            base = package[: len(package) - statement.level + 1]
            path = ".".join([*base, *([statement.module] if statement.module else [])])
            names = (".".join(filter(None, [path, alias.name])) for alias in statement.names)
            yield from ((name if name in MODULES else path, True) for name in names)


def wrong_arrows(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module may not import, a sentence each."""
    own = room(module)
    allowed = MAY_IMPORT[own] | {own, LEVEL if own.startswith("analogist") else own}
    wrong = []
    for name, relative in imports(module, source, is_package):
        top = name.split(".")[0]
        if relative and not (room(name) in allowed or (top == "analogist" and "analogist.*" in allowed)):
            wrong.append(f"{own or 'the root'} may not import {name}")
        elif not relative and top in TOPS:  # The folder's name is the user's to choose.
            wrong.append(f"{name} must be imported relatively")
        elif not relative and own.startswith("analogist") and top in HOST:
            wrong.append(f"the library may not know ComfyUI ({name})")
    return wrong


@pytest.mark.parametrize("module", MODULES)
def test_arrows_run_one_way(module: str) -> None:
    file = MODULES[module]
    assert wrong_arrows(module, file.read_text(), file.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("analogist.cloning", "from .pipelines import loading"),
        ("analogist.pipelines.loading", "from ..demo.autoencoder import PatchAutoencoder"),
        ("analogist.evaluation.sources", "from ..vision import request"),
        ("analogist.vision.replies", "def f():\n    from ..scores import metrics"),
        ("analogist.sheets.sweep", "from ..cli.app import app"),
        ("analogist.grid", "import comfy.utils"),
        ("analogist.cli.app", "import analogist.grid"),
        ("attention_patches.sac", "from ..nodes import types"),
        ("loaders.demo", "from ..controlnet import loading"),
    ],
)
def test_an_arrow_against_the_plan_is_seen(module: str, source: str) -> None:
    assert len(wrong_arrows(module, source)) == 1


def test_the_method_is_found_in_one_guess() -> None:
    """Who opens analogist/ sees the method and little else."""
    method = [
        name for name in MODULES if name.count(".") == 1 and room(name) == LEVEL and MODULES[name].stem == name[10:]
    ]
    assert "analogist.cloning" in method
    assert len(method) <= 12


def test_files_and_functions_are_short() -> None:
    """A file has at most 300 lines, and a function, with its decorators, 60."""
    long = [name for name, file in MODULES.items() if len(file.read_text().splitlines()) > 300]
    for name, file in MODULES.items():
        for found in ast.walk(ast.parse(file.read_text())):
            if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and found.end_lineno:
                first = min([found.lineno, *(one.lineno for one in found.decorator_list)])
                long += [f"{name}.{found.name}"] * (found.end_lineno - first >= 60)
    assert long == []


def test_only_one_file_touches_model_options() -> None:
    touching = [file.name for file in MODULES.values() if "model_options" in file.read_text()]
    assert touching == ["patching.py"]


def test_the_control_room_extends_no_class_of_the_host() -> None:
    """The host copies a ControlNet as its own class: what a subclass adds would be lost on the way to the sampler."""
    classes = [
        (statement.name, [ast.unparse(base) for base in statement.bases])
        for file in MODULES.values()
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
