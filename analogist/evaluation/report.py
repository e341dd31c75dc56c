"""One HTML page with the tables, the plots and every picture in it; it needs no other file and no network."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader
from PIL import Image

from ..cells import Cell
from ..grid import crop
from ..images import open_image
from .jobs import known_b_prime
from .runner import Evaluated, Finished
from .store import Store
from .table import (
    ALL_TASKS,
    SHOWN_SETTINGS,
    item_rows,
    task_rows,
)

SIDE, LARGEST = 128, 192
"""Pixels: how wide a picture is shown, and its longer side in the page."""
QUALITY = 85
NAME = "report.html"


@dataclass(frozen=True)
class _Shown:
    """An analogy on the page; pictures are data URLs with their labels."""

    name: str
    prompt: str
    seed: int
    means: Mapping[str, float]
    inputs: list[tuple[str, str]]
    results: list[tuple[str, str]]


def write_report(store: Store, evaluated: Evaluated, plots: Mapping[str, bytes], title: str) -> None:
    """Write the page into the folder of results, piece by piece: its pictures are never in memory together."""
    environment = Environment(loader=PackageLoader(__package__ or "", "."), autoescape=True, trim_blocks=True)
    environment.filters["number"] = _number
    page = environment.get_template(NAME).generate(
        title=title,
        side=SIDE,
        painted=len(evaluated.finished),
        failed=sum(row["status"] == "failed" for row in item_rows(evaluated)),
        backend=_backend(evaluated),
        tasks=_tasks(evaluated),
        all_tasks=ALL_TASKS,
        plots={name: _url(png, "png") for name, png in plots.items()},
        problems=evaluated.problems,
        sections=_sections(store, evaluated),
    )
    store.write_pieces(store.folder / NAME, (piece.encode() for piece in page))


def _tasks(evaluated: Evaluated) -> list[dict[str, Any]]:
    """The rows of the tasks, with those settings only in which they differ: all stand beside each task's pictures."""
    rows = task_rows(evaluated)
    alike = {name for name in SHOWN_SETTINGS if len({row[name] for row in rows if row["task"] != ALL_TASKS}) == 1}
    return [{name: value for name, value in row.items() if name not in alike} for row in rows]


def _sections(store: Store, evaluated: Evaluated) -> Iterator[tuple[str, str, Iterator[_Shown]]]:
    for task, finished in groupby(evaluated.finished, key=lambda one: one.plan.source.task):
        settings = evaluated.tasks[task].model_dump_json(indent=1)
        yield task, settings, (_shown(store, one) for one in finished)


def _shown(store: Store, one: Finished) -> _Shown:
    origin, grid = one.record.origin, one.plan.painting.grid
    # The first tile of the strip is the grid that was painted from; reading the data set again could fail by now.
    image = open_image(store.strip(origin)).crop((0, 0, *grid.size))
    inputs = [(cell.label, _thumbnail(crop(grid, image, cell))) for cell in (Cell.A, Cell.A_PRIME, Cell.B)]
    truth = known_b_prime(one.plan.source, one.plan.painting)
    if truth is not None:
        inputs.append(("true B'", _thumbnail(truth)))
    scores = one.record.scores
    results = [
        (_label(number, scores), _thumbnail(open_image(path)))
        for number, path in enumerate(store.pictures(origin, one.record.images))
    ]
    means = {name: sum(values) / len(values) for name, values in scores.items()}
    return _Shown(origin.name, origin.prompt, origin.seed, means, inputs, results)


def _label(number: int, scores: Mapping[str, list[float]]) -> str:
    """The number of a result and the score that it is best known by."""
    values = scores.get("direction_similarity") or scores.get("ssim")
    return f"{number + 1}" if values is None else f"{number + 1}: {values[number]:.3f}"


def _thumbnail(picture: Image.Image) -> str:
    small = picture.copy()
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
