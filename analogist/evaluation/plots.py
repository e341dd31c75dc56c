"""The scores of each task as images, for papers and for the report."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from matplotlib.figure import Figure

from .runner import Evaluated
from .table import score_names

WIDTH, ROW, REST = 7.0, 0.42, 1.1
"""Inches: of a figure, and the height of a task and of everything else."""
BLUE, DARK = "#4c78a8", "#1f2d3d"
TITLES = {
    "direction_similarity": "CLIP direction similarity (corrected)",
    "direction_similarity_published": "CLIP direction similarity (as published)",
    "structure_distance": "Distance in structure between B and B'",
    "squared_error": "Squared error against the true B'",
    "psnr": "PSNR against the true B' (dB)",
    "ssim": "SSIM against the true B'",
}


def plots(evaluated: Evaluated) -> dict[str, bytes]:
    """A PNG for each score: every result of every task as a point, with the mean of the task."""
    return {name: _png(TITLES.get(name, name), _by_task(evaluated, name)) for name in score_names(evaluated)}


def _by_task(evaluated: Evaluated, name: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for one in evaluated.finished:
        values.setdefault(one.plan.source.task, []).extend(one.record.scores.get(name, ()))
    return {task: numbers for task, numbers in values.items() if numbers}


def _png(title: str, values: Mapping[str, Sequence[float]]) -> bytes:
    figure = Figure((WIDTH, REST + ROW * len(values)), layout="constrained")
    axes = figure.add_subplot()
    for row, numbers in enumerate(values.values()):
        axes.plot(numbers, _spread(len(numbers), row), "o", color=BLUE, alpha=0.45, markersize=4, markeredgewidth=0)
        mean = sum(numbers) / len(numbers)
        axes.plot([mean, mean], [row - 0.36, row + 0.36], color=DARK, linewidth=2)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("each point a result, the line the mean of the task", fontsize=8, color="#666666")
    file = BytesIO()
    figure.savefig(file, dpi=150, metadata={"Software": None})
    return file.getvalue()


def _spread(number: int, row: int) -> list[float]:
    """Heights around a row, so that equal values do not hide each other; no chance in it, so that plots are equal."""
    return [row + 0.5 * ((index * 0.618) % 1 - 0.5) for index in range(number)]
