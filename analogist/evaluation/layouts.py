"""Data sets that are folders: grids beside their table of prompts, or the images of each analogy."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..files.matching import bare, by_name, folded, natural
from ..files.reading import images_in, read_text, visible
from .sources import GRID, MORE, NEEDED, TRUTH, Dataset, Source

PROMPTS_END, GRIDS_END = "_gpt4_out.txt", "_masked"
"""How the published table of prompts and the folder of its grids end."""

Row = tuple[str, str]
"""Of a table of prompts: a name, and the first prompt."""


def read_folder(path: Path, dataset: Dataset) -> None:
    """Add the analogies in a folder of the published or of a plain layout."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name, which is the task's.
    if path.name.endswith(GRIDS_END):
        tables = [path.with_name(path.name.removesuffix(GRIDS_END) + PROMPTS_END)]
    else:
        tables = sorted(_published_tables(path))
    for table in tables:
        _read_published(table, dataset)
    if not tables:
        for folder in _tasks(path):
            _read_plain(folder, dataset)


def _published_tables(path: Path) -> Iterator[Path]:
    """Tables of prompts anywhere below, through links too."""
    seen = {path.resolve()}
    folders = [path]
    while folders:
        for inside in visible(folders.pop()):
            if inside.name.endswith(PROMPTS_END):
                yield inside
            elif inside.is_dir() and inside.resolve() not in seen:  # Links may run in circles.
                seen.add(inside.resolve())
                folders.append(inside)


def _read_published(table: Path, dataset: Dataset) -> None:
    """Finished grids, and a line for each: a name, a tab, the prompt, more prompts unused."""
    task = table.name.removesuffix(PROMPTS_END)
    folder = _folder(table.parent, task + GRIDS_END)
    try:
        rows = _rows(table)
        grids = {grid.name: grid for grid in images_in(folder)}
        named = by_name([name for name, _ in rows if name], grids)
        if named:
            prompts = _prompts(task, rows, table, named, dataset)
            for name, grid in grids.items():
                _add(dataset, Source(task, grid.stem, {GRID: grid}, ""), prompts[name], table)
        else:
            in_order = sorted(grids.values(), key=lambda grid: natural(grid.name))
            _check_positions(rows, table, in_order, folder)
            for grid, (_, prompt) in zip(in_order, rows, strict=True):
                dataset.add(Source(task, grid.stem, {GRID: grid}, prompt))
    except ValueError as error:
        dataset.fail(task, "", str(error))


def _prompts(
    task: str, rows: Sequence[Row], table: Path, named: Mapping[str, str], dataset: Dataset
) -> dict[str, list[str]]:
    """Prompts by what their lines name; no line is given to what it does not name."""
    prompts: dict[str, list[str]] = defaultdict(list)
    for name, prompt in rows:
        if name in named:
            prompts[named[name]].append(prompt)
        elif name or prompt:
            dataset.fail(
                task, name, f"expected one image with the name in this line of {table.name!r}, got none or several."
            )
    return prompts


def _add(dataset: Dataset, source: Source, prompts: Sequence[str], table: Path) -> None:
    """An analogy with the only line that names it."""
    if len(prompts) == 1:
        dataset.add(replace(source, prompt=prompts[0]))
    else:
        dataset.fail(
            source.task, source.name, f"expected one line of {table.name!r} that names it, got {len(prompts)}."
        )


def _check_positions(rows: Sequence[Row], table: Path, grids: Sequence[Path], folder: Path) -> None:
    """Refuse lines that name no grid, where their order cannot tell either which grid they belong to.

    Raises:
        ValueError: other numbers of lines and grids, or a line that looks like the name of a grid at another place.
    """
    if len(rows) != len(grids):
        raise ValueError(
            f"there are {len(grids)} grids in {folder.name!r} but {len(rows)} lines in {table.name!r}: name the grid "
            "in the first column of each line."
        )
    numbers = [_numbers(grid.name) for grid in grids]
    unique = {found for found, times in Counter(numbers).items() if found and times == 1}
    for place, (name, _) in enumerate(rows):
        if (found := _numbers(name)) in unique and found != numbers[place]:
            raise ValueError(
                f"line {place + 1} of {table.name!r} is called {name!r}, like the grid "
                f"{grids[numbers.index(found)].name!r}, but stands at the place of {grids[place].name!r}: name the "
                "grids in the first column."
            )


def _numbers(name: str) -> tuple[str, ...]:
    """The numbers in a name, without zeros in front."""
    return tuple(digits.lstrip("0") or "0" for digits in re.findall(r"\d+", bare(name)))


def _tasks(path: Path) -> list[Path]:
    """The folders whose name is a task: `path` itself where the analogies are directly in it."""
    inside = _folders(path)
    if _is_columns(path) or any(images_in(folder) for folder in inside):
        return [path]
    return inside


def _read_plain(folder: Path, dataset: Dataset) -> None:
    if _is_columns(folder):
        _read_columns(folder, dataset)
        return
    for inside in _folders(folder):
        found = {name: files for name, files in _by_stem(inside).items() if name in (*NEEDED, *MORE, TRUTH, GRID)}
        if found:
            try:
                prompt = read_text(inside / "prompt.txt").strip()
                dataset.add(Source(folder.name, inside.name, _one_each(found), prompt))
            except ValueError as error:
                dataset.fail(folder.name, inside.name, str(error))


def _read_columns(folder: Path, dataset: Dataset) -> None:
    """A folder for each of A, A', B and perhaps B' and more pairs, the same name in all of them."""
    analogies: dict[str, dict[str, list[Path]]] = defaultdict(dict)
    for column in (*NEEDED, *MORE, TRUTH):
        for name, files in _by_stem(folder / column).items():
            analogies[name][column] = files
    called = {next(iter(files.values()))[0].stem: files for files in analogies.values()}
    table = folder / "prompts.txt"
    try:
        rows = _rows(table)
    except ValueError as error:
        dataset.fail(folder.name, "", str(error))
        return
    prompts = _prompts(folder.name, rows, table, by_name([name for name, _ in rows], called), dataset)
    for name, columns in sorted(called.items()):
        try:
            _add(dataset, Source(folder.name, name, _one_each(columns), ""), prompts[name], table)
        except ValueError as error:
            dataset.fail(folder.name, name, str(error))


def _is_columns(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in NEEDED)


def _one_each(found: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The only file of each name.

    Raises:
        ValueError: there are several, such as a.png and a.jpg.
    """
    for name, files in found.items():
        if len(files) > 1:
            raise ValueError(f"expected one image {name}, got {', '.join(file.name for file in files)}.")
    return {name: files[0] for name, files in found.items()}


def _rows(table: Path) -> list[Row]:
    """Names and first prompts; the last lines may be blank, others count.

    Raises:
        ValueError: the file cannot be read.
    """
    text = read_text(table).rstrip()
    cells = [line.split("\t") for line in text.split("\n")] if text else []
    return [(name.strip(), prompts[0].strip() if prompts else "") for name, *prompts in cells]


def _folder(parent: Path, name: str) -> Path:
    """The folder of a name, in whichever Unicode form the file system has it."""
    alike = (folder for folder in _folders(parent) if folded(folder.name) == folded(name))
    return parent / name if (parent / name).is_dir() else next(alike, parent / name)


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """Images by their names without endings, in one case and Unicode form."""
    found: dict[str, list[Path]] = defaultdict(list)
    for image in images_in(folder):
        found[folded(image.stem)].append(image)
    return found


def _folders(path: Path) -> list[Path]:
    return [folder for folder in visible(path) if folder.is_dir()]
