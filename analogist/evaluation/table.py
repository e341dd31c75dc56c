"""Tables of an evaluation, made of its records alone and in a fixed order: equal records give equal bytes.

Scores are averaged over the results of an analogy, then over analogies, then over tasks, as in the published
evaluation. Times are not in them: they are in the records.
"""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from math import isfinite, sqrt
from statistics import fmean
from typing import Any

from .runner import Evaluated, Finished

Row = dict[str, Any]
ALL_TASKS = "mean of tasks"
SQUARED_ERROR = "squared_error"

SHOWN_SETTINGS = ("steps", "strength", "guidance_scale", "scale_sac", "res", "num_images_per_prompt")
"""Settings that people compare results by; all of them are in the JSON."""


def score_names(evaluated: Evaluated) -> list[str]:
    """The scores that some result has, in alphabetical order."""
    return sorted({name for one in evaluated.finished for name in one.record.scores})


def item_rows(evaluated: Evaluated) -> list[Row]:
    """A row for each analogy, in the order of tasks and names; those that failed say why, and have no scores."""
    names = score_names(evaluated)
    said = {(problem.task, problem.name): problem.sentence for problem in evaluated.problems}
    done = {(one.plan.source.task, one.plan.source.name): one for one in evaluated.finished}
    order = list(dict.fromkeys([*evaluated.tasks, *(task for task, _ in said)]))
    keys = sorted({*said, *done}, key=lambda key: (order.index(key[0]), key[1]))
    return [_item_row(key, done.get(key), said.get(key, ""), names) for key in keys]


def task_rows(evaluated: Evaluated) -> list[Row]:
    """A row for each task with the means of its scores, and one with the means of these means."""
    names, items = score_names(evaluated), item_rows(evaluated)
    rows = []
    for task in dict.fromkeys(row["task"] for row in items):
        own = [row for row in items if row["task"] == task]
        rendered = [row for row in own if row["status"] == "rendered"]
        common = evaluated.tasks.get(task)
        settings = {name: getattr(common, name) if common else None for name in SHOWN_SETTINGS}
        counts = {"rendered": len(rendered), "failed": len(own) - len(rendered)}
        rmse = _rmse(rendered) if SQUARED_ERROR in names else {}
        rows.append({"task": task, **counts, **settings, **_means(rendered, names), **rmse})
    if len(rows) > 1:
        counts = {count: sum(row[count] for row in rows) for count in ("rendered", "failed")}
        scores = [name for name in rows[0] if name not in ("task", *counts, *SHOWN_SETTINGS)]
        rows.append({"task": ALL_TASKS, **counts, **dict.fromkeys(SHOWN_SETTINGS), **_means(rows, scores)})
    return rows


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def to_json(evaluated: Evaluated) -> bytes:
    """Everything: the tasks, each analogy with all settings and the scores of each result, and the problems."""
    content = {
        "tasks": task_rows(evaluated),
        "analogies": [json.loads(one.record.model_dump_json(exclude={"seconds"})) for one in evaluated.finished],
        "problems": [vars(problem) for problem in evaluated.problems],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def to_parquet(rows: Sequence[Row]) -> bytes:
    """The rows as a Parquet file; needs pyarrow."""
    from pyarrow import Table, parquet

    file = BytesIO()
    parquet.write_table(Table.from_pylist(list(rows)), file)
    return file.getvalue()


TABLES: dict[str, Callable[[Evaluated], bytes]] = {
    "analogies.csv": lambda evaluated: to_csv(item_rows(evaluated)),
    "tasks.csv": lambda evaluated: to_csv(task_rows(evaluated)),
    "results.json": to_json,
}


def _item_row(key: tuple[str, str], finished: Finished | None, sentence: str, names: Iterable[str]) -> Row:
    row: Row = {"task": key[0], "name": key[1], "status": "rendered" if finished else "failed"}
    scores: Mapping[str, Sequence[float]] = {}
    if finished:
        record = finished.record
        row |= {"results": record.images, "prompt": record.origin.prompt, "seed": record.origin.seed}
        scores = record.scores
    else:
        row |= {"results": 0, "prompt": None, "seed": None}
    return {**row, **{name: _mean(scores.get(name, ())) for name in names}, "problem": sentence or None}


def _means(rows: Sequence[Row], names: Iterable[str]) -> Row:
    return {name: _mean([row[name] for row in rows if row[name] is not None]) for name in names}


def _rmse(rows: Sequence[Row]) -> Row:
    """RMSE of a task is the root of its mean squared error, and not a mean of roots."""
    mean = _means(rows, [SQUARED_ERROR])[SQUARED_ERROR]
    return {"rmse": None if mean is None else sqrt(mean)}


def _mean(values: Sequence[float]) -> float | None:
    """The mean of the values that are numbers: the PSNR of equal images is infinite."""
    finite = [value for value in values if isfinite(value)]
    return fmean(finite) if finite else None
