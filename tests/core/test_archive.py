"""What the registry's archive holds, and what it does not."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.archive import archived
from support.golden import PROJECT

NETWORK = {
    "aiohttp",
    "ftplib",
    "http",
    "httpx",
    "openai",
    "ray",
    "requests",
    "socket",
    "urllib",
    "urllib3",
    "websocket",
}
HARMLESS = {"urllib.parse"}
MAY_OPEN_CONNECTIONS = Path("analogist", "vision")
LARGEST = 20_000_000
"""Bytes."""


@pytest.fixture(scope="module")
def files() -> list[Path]:
    return archived()


def named(file: Path) -> Iterator[str]:
    """Modules that are imported absolutely, wherever in the file and whether by a statement or by a call."""
    for found in ast.walk(ast.parse((PROJECT / file).read_text(encoding="utf-8"))):
        if isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names)
        elif isinstance(found, ast.ImportFrom) and found.level == 0:
            yield found.module or ""
        elif isinstance(found, ast.Call) and "import_module" in ast.unparse(found):
            yield from (inner.value for inner in found.args if isinstance(inner, ast.Constant))


def relatively_imported(file: Path) -> Iterator[Path]:
    """The modules that relative imports name, by a statement or by a call, without ending."""
    for found in ast.walk(ast.parse((PROJECT / file).read_text(encoding="utf-8"))):
        if isinstance(found, ast.Call) and "import_module" in ast.unparse(found):
            names = [one.value for one in found.args if isinstance(one, ast.Constant)]
            yield from (file.parent / name[1:] for name in names if name.startswith("."))
        if isinstance(found, ast.ImportFrom) and found.level:
            base = file.parents[found.level - 1].joinpath(*(found.module or "").split("."))
            inner = [base / alias.name for alias in found.names]
            yield from (path if is_module(path) else base for path in inner)


def is_module(path: Path) -> bool:
    return (PROJECT / path).with_suffix(".py").exists() or (PROJECT / path / "__init__.py").exists()


def test_only_the_prompter_opens_connections(files: list[Path]) -> None:
    code = [file for file in files if file.suffix == ".py"]
    networked = {
        file for file in code if any(name.split(".")[0] in NETWORK and name not in HARMLESS for name in named(file))
    }
    assert networked  # Else nothing is seen anywhere.
    assert [file for file in networked if not file.is_relative_to(MAY_OPEN_CONNECTIONS)] == []


def test_a_client_outside_the_prompter_would_be_seen() -> None:
    client = Path("analogist", "evaluation", "backends", "comfyui_client.py")
    assert {"requests", "websocket"} <= set(named(client))
    assert client not in archived()


def test_every_import_is_in_the_archive(files: list[Path]) -> None:
    code = [file for file in files if file.suffix == ".py"]
    there = {file.with_suffix("") for file in code} | {file.parent for file in code if file.name == "__init__.py"}
    assert [(file, path) for file in code for path in relatively_imported(file) if path not in there] == []


def test_every_module_in_it_is_imported(files: list[Path]) -> None:
    """From the root on; a package comes with its modules."""
    code = {file.with_suffix("") for file in files if file.suffix == ".py"}
    modules = {path.parent if path.name == "__init__" else path: path.with_suffix(".py") for path in code}
    reached: set[Path] = set()
    waiting = [Path()]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += [module.parent, *relatively_imported(modules[module])]
    assert sorted(set(modules) - reached) == []


def test_nothing_that_only_builds_or_tests_is_in_it(files: list[Path]) -> None:
    tops = {file.parts[0] for file in files}
    assert not tops & {"tests", "tools", "benchmarks", "docs", "Makefile", ".ci", ".github"}
    assert {"__init__.py", "pyproject.toml", "requirements.txt", "LICENSE", "README.md"} <= tops


@pytest.mark.parametrize("folder", ["workflows", "subgraphs", "locales", "web"])
def test_workflows_and_pages_are_whole(files: list[Path], folder: str) -> None:
    there = {path.relative_to(PROJECT) for path in (PROJECT / folder).rglob("*") if path.is_file()}
    assert there <= set(files)


def test_it_is_small(files: list[Path]) -> None:
    assert sum((PROJECT / file).stat().st_size for file in files) < LARGEST
