"""One HTML page with the tables, the plots and every image in it; it needs no other file and no network."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader
from PIL import Image

from ..grid import crop
from ..images import open_image
from .jobs import known_b_prime
from .runner import Evaluated, Finished
from .store import Store
from .table import ALL_TASKS, SHOWN_SETTINGS, item_rows, task_rows

SIDE, LARGEST = 128, 192
"""Pixels: how wide an image is shown, and its longer side in the page."""
QUALITY = 85
NAME = "report.html"


@dataclass(frozen=True)
class _Shown:
    """An analogy on the page; images are data URLs with their labels."""

    name: str
    prompt: str
    seed: int
    means: Mapping[str, float]
    inputs: list[tuple[str, str]]
    results: list[tuple[str, str]]
    problem: str


def write_report(store: Store, evaluated: Evaluated, plots: Mapping[str, bytes], title: str) -> None:
    """Write the page into the folder of results, piece by piece: its images are never in memory together."""
    environment = Environment(loader=PackageLoader(__package__ or "", "."), autoescape=True, trim_blocks=True)
    environment.filters["number"] = _number
    page = environment.get_template(NAME).generate(
        title=title,
        side=SIDE,
        rendered=len(evaluated.finished),
        failed=sum(row["status"] == "failed" for row in item_rows(evaluated)),
        backend=_backend(evaluated),
        tasks=_tasks(evaluated),
        all_tasks=ALL_TASKS,
        plots={name: _url(png, "png") for name, png in plots.items()},
        problems=evaluated.problems,
        sections=_sections(store, evaluated),
    )
    store.write_pieces(store.folder / NAME, (piece.encode("utf-8", "backslashreplace") for piece in page))


def _tasks(evaluated: Evaluated) -> list[dict[str, Any]]:
    """The rows of the tasks, with those settings only in which they differ: all stand beside each task's images."""
    rows = task_rows(evaluated)
    alike = {name for name in SHOWN_SETTINGS if len({row[name] for row in rows if row["task"] != ALL_TASKS}) == 1}
    return [{name: value for name, value in row.items() if name not in alike} for row in rows]


def _sections(store: Store, evaluated: Evaluated) -> Iterator[tuple[str, str, Iterator[_Shown]]]:
    for task, finished in groupby(evaluated.finished, key=lambda one: one.plan.source.task):
        settings = evaluated.tasks[task].model_dump_json(indent=1)
        yield task, settings, (_shown(store, one) for one in finished)


def _shown(store: Store, one: Finished) -> _Shown:
    """An analogy with its images; one that cannot be read is named in its place, and costs no other."""
    origin = one.record.origin
    means = {name: sum(values) / len(values) for name, values in one.record.scores.items()}
    inputs: list[tuple[str, str]] = []
    results: list[tuple[str, str]] = []
    problem = ""
    try:
        inputs, results = _inputs(store, one), _results(store, one)
    except ValueError as error:
        problem = str(error)
    return _Shown(origin.name, origin.prompt, origin.seed, means, inputs, results, problem)


def _inputs(store: Store, one: Finished) -> list[tuple[str, str]]:
    grid = one.plan.settings.grid
    # The first tile of the strip is the grid that was sampled from; reading the data set again could fail by now.
    image = open_image(store.strip(one.record.origin)).crop((0, 0, *grid.size))
    *shown, _ = grid.sheet.cells
    inputs = [(grid.sheet.label(cell), _thumbnail(crop(grid, image, cell))) for cell in shown]
    truth = known_b_prime(one.plan.source, one.plan.settings)
    return inputs if truth is None else [*inputs, ("true B'", _thumbnail(truth))]


def _results(store: Store, one: Finished) -> list[tuple[str, str]]:
    paths = store.images(one.record.origin, one.record.images)
    return [(_label(number, one.record.scores), _thumbnail(open_image(path))) for number, path in enumerate(paths)]


def _label(number: int, scores: Mapping[str, list[float]]) -> str:
    """The number of a result and the score that it is best known by."""
    values = scores.get("direction_similarity") or scores.get("ssim")
    return f"{number + 1}" if values is None else f"{number + 1}: {values[number]:.3f}"


def _thumbnail(image: Image.Image) -> str:
    small = image.copy()
    small.thumbnail((LARGEST, LARGEST))
    encoded = BytesIO()
    small.save(encoded, "JPEG", quality=QUALITY)
    return _url(encoded.getvalue(), "jpeg")


def _url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _backend(evaluated: Evaluated) -> str:
    backends = {one.record.origin.backend["kind"]: one.record.origin.backend for one in evaluated.finished}
    return ", ".join(
        f"{kind} ({backend.get('model') or backend.get('workflow')})" for kind, backend in backends.items()
    )
