"""Where the analogies of a data set are: the published layout, a plain one, and manifests.

Only names and texts are read here. A picture is opened when it is its turn, so that a data set may be of any size.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .settings import check_name, readable

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
NEEDED = ("a", "a_prime", "b")
"""Names of the pictures of an analogy, where it is not one grid that is ready."""
TRUTH = "b_prime"
GRID = "grid"
PROMPTS_END, GRIDS_END = "_gpt4_out.txt", "_masked"
"""How the published file of prompts and the folder of its grids end."""


@dataclass(frozen=True)
class Source:
    """One analogy as it lies on the disk.

    Attributes:
        task, name: unique together.
        pictures: files by the names "a", "a_prime", "b", or "grid" for one that is ready; "b_prime" where it is known.
        prompt: what B' shows, without a suffix.
        seed: its own, where the data set gives one.
    """

    task: str
    name: str
    pictures: Mapping[str, Path]
    prompt: str
    seed: int | None = None


@dataclass(frozen=True)
class Problem:
    """Why an analogy, or with an empty name a whole task, has no result."""

    task: str
    name: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.task}{' / ' if self.name else ''}{self.name}: {self.sentence}"


@dataclass
class Dataset:
    """What can be painted, and what cannot, each by its name."""

    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def tasks(self) -> set[str]:
        return {source.task for source in self.sources} | {problem.task for problem in self.problems}

    def add(self, found: Source) -> None:
        """Take an analogy, or note what keeps it from being painted."""
        problem = _problem(found)
        if problem:
            self.problems.append(Problem(found.task, found.name, problem))
        else:
            self.sources.append(found)


def read_dataset(path: Path) -> Dataset:
    """Find the analogies at `path`, sorted by task and name.

    - published: folders `<task>_masked` of grids that are ready, each beside `<task>_gpt4_out.txt`; anywhere below.
    - plain: a folder for each analogy with a, a_prime, b, perhaps b_prime, and prompt.txt; or the folders a, a_prime,
      b, perhaps b_prime, with the same names in each, and prompts.txt (name, tab, prompt). Either of them directly
      in `path`, or in a folder for each task.
    - a manifest, .csv or .jsonl: columns task, name, a, a_prime, b, b_prime, grid, prompt, seed; paths relative to it.

    Raises:
        ValueError: there is nothing of the kind, or the manifest cannot be read at all.
    """
    dataset = Dataset()
    if path.is_file():
        _read_manifest(path, dataset)
    elif path.is_dir():
        _read_folder(path, dataset)
    else:
        raise ValueError(f"There is no data set {str(path)!r}.")
    if not dataset.sources and not dataset.problems:
        raise ValueError(
            f"There is no analogy in {str(path)!r}: it needs folders <task>{GRIDS_END} beside <task>{PROMPTS_END}, or "
            "folders with a, a_prime, b and prompt.txt; or name a manifest."
        )
    _drop_repeated(dataset)
    dataset.sources.sort(key=lambda source: (source.task, source.name))
    return dataset


def _problem(source: Source) -> str | None:
    """What keeps an analogy from being painted, as far as its files need not be read for it."""
    try:
        check_name(source.task)
        check_name(source.name)
    except ValueError as error:
        return str(error)
    missing = [] if GRID in source.pictures else [name for name in NEEDED if name not in source.pictures]
    if missing:
        return f"it has no picture {' and no picture '.join(missing)}."
    return None if source.prompt else "its prompt is empty."


def _drop_repeated(dataset: Dataset) -> None:
    times = Counter((source.task, source.name) for source in dataset.sources)
    for (task, name), number in times.items():
        if number > 1:
            sentence = f"{number} analogies have this name, so their results could not be told apart: rename them."
            dataset.problems.append(Problem(task, name, sentence))
    dataset.sources = [source for source in dataset.sources if times[source.task, source.name] == 1]


def _read_folder(path: Path, dataset: Dataset) -> None:
    if path.name.endswith(GRIDS_END):
        lists = [path.with_name(path.name.removesuffix(GRIDS_END) + PROMPTS_END)]
    else:
        lists = sorted(path.rglob(f"*{PROMPTS_END}"))
    for prompts in lists:
        _read_published(prompts, dataset)
    if not lists:
        for folder in _tasks(path):
            _read_plain(folder, dataset)


def _read_published(path: Path, dataset: Dataset) -> None:
    """Grids that are ready, and a line for each: a name that is skipped, a tab, the prompt, more prompts unused."""
    task = path.name.removesuffix(PROMPTS_END)
    folder = path.with_name(task + GRIDS_END)
    try:
        lines = _lines(path)
    except ValueError as error:
        dataset.problems.append(Problem(task, "", str(error)))
        return
    grids = _pictures(folder)
    table = {grid: line for name, line in lines if (grid := _named(name, grids))}
    if len(table) == len(lines):  # Every line names its own grid, so no count has to be relied on.
        pairs: Iterable[tuple[Path, str]] = ((grid, table.get(grid, "")) for grid in grids)
    elif len(lines) == len(grids):
        pairs = zip(grids, (line for _, line in lines), strict=True)
    else:
        sentence = (
            f"there are {len(grids)} grids in {folder.name!r} but {len(lines)} lines in {path.name!r}, and the lines "
            "do not name the grids: which belongs to which cannot be known."
        )
        dataset.problems.append(Problem(task, "", sentence))
        return
    for grid, prompt in pairs:
        dataset.add(Source(task, grid.stem, {GRID: grid}, prompt))


def _named(name: str, grids: Iterable[Path]) -> Path | None:
    return next((grid for grid in grids if name in (grid.name, grid.stem)), None)


def _tasks(path: Path) -> list[Path]:
    """The folders whose name is a task: `path` itself where the analogies are directly in it."""
    inside = _folders(path)
    if _is_columns(path) or any(_by_name(folder) for folder in inside):
        return [path]
    return inside


def _read_plain(folder: Path, dataset: Dataset) -> None:
    task = folder.resolve().name
    if _is_columns(folder):
        _read_columns(folder, task, dataset)
        return
    for inside in _folders(folder):
        pictures = {name: file for name, file in _by_name(inside).items() if name in (*NEEDED, TRUTH, GRID)}
        if pictures:
            try:
                prompt = _text(inside / "prompt.txt").strip()
            except ValueError as error:
                dataset.problems.append(Problem(task, inside.name, str(error)))
            else:
                dataset.add(Source(task, inside.name, pictures, prompt))


def _read_columns(folder: Path, task: str, dataset: Dataset) -> None:
    """A folder for each of A, A', B and perhaps B', the same name in all of them."""
    columns = {name: _by_name(folder / name) for name in (*NEEDED, TRUTH) if (folder / name).is_dir()}
    try:
        prompts = {Path(name).stem: prompt for name, prompt in _lines(folder / "prompts.txt")}
    except ValueError as error:
        dataset.problems.append(Problem(task, "", str(error)))
        return
    for name in sorted(set().union(prompts, *columns.values())):
        pictures = {column: files[name] for column, files in columns.items() if name in files}
        dataset.add(Source(task, name, pictures, prompts.get(name, "")))


def _is_columns(folder: Path) -> bool:
    return all((folder / name).is_dir() for name in NEEDED)


class _Row(BaseModel):
    """A line of a manifest."""

    model_config = ConfigDict(extra="forbid")

    task: str | None = None
    name: str | None = None
    a: str | None = None
    a_prime: str | None = None
    b: str | None = None
    b_prime: str | None = None
    grid: str | None = None
    prompt: str = ""
    seed: int | None = Field(default=None, ge=0)

    def source(self, manifest: Path) -> Source:
        files = self.model_dump(include={*NEEDED, TRUTH, GRID}, exclude_none=True)
        pictures = {name: manifest.parent / file for name, file in files.items()}
        called = self.name or Path(self.b or self.grid or "").stem
        return Source(self.task or manifest.stem, called, pictures, self.prompt.strip(), self.seed)


def _read_manifest(path: Path, dataset: Dataset) -> None:
    for number, row in _rows(path):
        try:
            dataset.add(_Row.model_validate(row).source(path))
        except ValidationError as error:
            dataset.problems.append(Problem(path.stem, f"line {number}", f"{readable(error)}."))


def _rows(path: Path) -> Iterator[tuple[int, object]]:
    """Lines of a manifest with their numbers; an empty cell of a table is none at all."""
    text = _text(path)
    if path.suffix == ".csv":
        reader = csv.DictReader(StringIO(text))
        for row in reader:
            yield reader.line_num, {name: value for name, value in row.items() if value != ""}
    elif path.suffix == ".jsonl":
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    yield number, json.loads(line)
                except json.JSONDecodeError:
                    yield number, line  # No object, which is what will be said of it.
    else:
        raise ValueError(f"The manifest {str(path)!r} must be a .csv or .jsonl file.")


def _lines(path: Path) -> list[tuple[str, str]]:
    """Names and first prompts of a table; its last lines may be blank, others count."""
    text = _text(path).rstrip()
    rows = [line.split("\t") for line in text.split("\n")] if text else []
    return [(name.strip(), prompts[0].strip() if prompts else "") for name, *prompts in rows]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # Windows' editors put a mark at the beginning.
    except FileNotFoundError:
        raise ValueError(f"There is no file {str(path)!r}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"The file {str(path)!r} cannot be read as text in UTF-8: {error}.") from error


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    found = (path for path in folder.iterdir() if path.suffix.lower() in PICTURES and not path.name.startswith("."))
    return sorted(found)


def _by_name(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in _pictures(folder)}


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
