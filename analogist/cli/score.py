"""`python -m analogist score` and `compare`: numbers for pictures that are there already."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from itertools import groupby
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeAlias

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from torch import Tensor

    from ..scores.networks import Embedder

    Measure: TypeAlias = Callable[[Tensor, Tensor], Tensor]
    """Batches of results and of their targets -> a number for each pair."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
BATCH = 32
FEW = 2048
"""Features of Inception: fewer pictures than that do not even span them."""

output, errors = Console(), Console(stderr=True)


class LayoutName(str, Enum):
    """Layouts as they are typed."""

    ROWS = "rows"
    COLUMNS = "columns"


class Metric(str, Enum):
    """What results are compared with their targets by."""

    RMSE = "rmse"
    PSNR = "psnr"
    SSIM = "ssim"
    LPIPS = "lpips"
    FID = "fid"


COLUMNS = {Metric.RMSE: "squared_error"}
"""Columns of the table for each picture, where they are not called after the metric."""


class Score(NamedTuple):
    """The scores of one result; the names are the columns of the table."""

    task: str
    file: str
    result: int
    direction_similarity_published: float
    direction_similarity: float
    structure_distance: float


Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Also write a line for each picture into this .csv or .json file.")
]
AllowDownload = Annotated[bool, typer.Option("--allow-download", help="Fetch weights that are missing.")]
Device = Annotated[str | None, typer.Option(help="cuda, mps or cpu; the GPU by default, where there is one.")]


def score(
    results: Annotated[
        Path, typer.Argument(help="A strip (grid, canvas, results side by side), or a folder with strips in it.")
    ],
    clip: Annotated[
        str,
        typer.Option(envvar="ANALOGIST_CLIP", help="CLIP: a folder in the format of transformers, or its name."),
    ] = "openai/clip-vit-base-patch16",
    num_images_per_prompt: Annotated[int, typer.Option(help="Results in each strip.", min=1)] = 8,
    layout: Annotated[LayoutName, typer.Option(help="Where A' and B lie; the published score takes rows.")] = (
        LayoutName.ROWS
    ),
    to: Output = None,
    allow_download: AllowDownload = False,
    device: Device = None,
) -> None:
    """CLIP direction similarity of existing results, as published and corrected, and their distance in structure.

    Each folder with strips in it is a task. Scores are averaged over the results of a strip, then over strips, then
    over tasks, as in the published evaluation.
    """
    _check_output(to)
    files = _pictures(results)
    _quiet_libraries()
    from ..scores.networks import Embedder

    embedder = Embedder.load(clip, device, allow_download)
    scores: list[Score] = []
    problems: list[str] = []
    for path in track(files, "Scoring", console=errors, transient=True):
        try:
            if not _is_single_result(path, files):
                scores += _score(path, results, num_images_per_prompt, layout, embedder)
        except ValueError as error:
            problems.append(str(error))
    if scores:
        _show_scores(scores, clip)
        _write(to, [one._asdict() for one in scores])
    if problems or not scores:
        raise ValueError("\n".join([*problems, f"{len(problems)} of {len(files)} pictures could not be scored."]))


def compare(
    results: Annotated[Path, typer.Argument(help="A folder of results; or one with the folders results and targets.")],
    targets: Annotated[Path | None, typer.Argument(help="The true pictures, by the same names.")] = None,
    metric: Annotated[
        list[Metric] | None, typer.Option(help="May be given several times; rmse and fid by default.")
    ] = None,
    to: Output = None,
    allow_download: AllowDownload = False,
    device: Device = None,
) -> None:
    """Compare results with the true pictures: RMSE and FID as in the paper of Prompt Diffusion, PSNR, SSIM, LPIPS.

    RMSE is the root of the mean squared error over all pictures, RGB in [0, 1]; FID is against the targets.
    """
    wanted = tuple(dict.fromkeys(metric or (Metric.RMSE, Metric.FID)))
    _check_output(to)
    if targets is None:
        results, targets = results / "results", results / "targets"
    pairs = _pairs(results, targets)
    from ..devices import checked_device
    from ..scores import metrics
    from ..scores.networks import inception

    place = checked_device(device)
    network = inception(allow_download) if Metric.FID in wanted else None  # Said at once, not after the other scores.
    measures = _measures(wanted, allow_download, place)
    rows = [
        _compare_pair(result, target, measures, place)
        for result, target in track(pairs, "Comparing", console=errors, transient=True)
    ]
    summary = _summary(rows)
    if network is not None:
        ours, theirs = zip(*pairs, strict=True)
        summary[Metric.FID] = metrics.frechet_distance(_batches(ours), _batches(theirs), network, place)
    _show_summary(summary, len(pairs))
    names = {metric: COLUMNS.get(metric, metric.value) for metric in measures}
    _write(
        to, [{"file": pair[0].name, **{names[m]: row[m] for m in row}} for pair, row in zip(pairs, rows, strict=True)]
    )


def _show_summary(summary: Mapping[Metric, float], number: int) -> None:
    table = Table("", f"{number} pictures")
    for metric, value in summary.items():
        table.add_row(metric.value.upper(), f"{value:.4f}")
    output.print(table)
    if Metric.FID in summary and number < FEW:
        _say(f"FID is larger for fewer pictures: that of {number} cannot be compared with the paper's, of 10,000.")


def _score(path: Path, root: Path, number: int, layout: LayoutName, embedder: "Embedder") -> list[Score]:
    from ..grid import Layout
    from ..scores import metrics
    from ..scores.strips import (
        Cells,
        cells,
        published_cells,
        read_strip,
    )

    def see(pictures: Cells) -> tuple["Tensor", "Tensor"]:
        return embedder.see([pictures.a, pictures.a_prime, pictures.b, *pictures.b_primes])

    strip = read_strip(path, number)
    features, _ = see(published_cells(strip))
    published = metrics.direction_similarity_published(features[0], features[1], features[2], features[3:])
    features, tokens = see(cells(strip, Layout(f"pairs in {layout.value}")))
    corrected = metrics.direction_similarity(features[0], features[1], features[2], features[3:])
    structure = metrics.structure_distance(tokens[2], tokens[3:])
    task = path.parent.relative_to(root).as_posix() if root.is_dir() else ""
    columns = (column.tolist() for column in (published, corrected, structure))
    return [Score(task, path.name, n, *values) for n, values in enumerate(zip(*columns, strict=True), 1)]


def _is_single_result(path: Path, files: Sequence[Path]) -> bool:
    """Whether it is one of the pictures that `run` writes beside a strip, under its name and a number."""
    from ..images import open_picture
    from ..scores.strips import is_strip

    whole = path.with_stem(re.sub(r"_\d+$", "", path.stem))
    return whole != path and whole in files and not is_strip(open_picture(path))


def _show_scores(scores: Sequence[Score], clip: str) -> None:
    table = Table("task", "strips", "as published", "corrected", "structure distance")
    tasks: list[tuple[float, ...]] = []
    for task in sorted({one.task for one in scores}):
        files: dict[str, list[tuple[float, ...]]] = {}
        for one in scores:
            if one.task == task:
                files.setdefault(one.file, []).append(one[3:])
        tasks.append(_means(_means(results) for results in files.values()))
        table.add_row(task, str(len(files)), *(f"{value:.4f}" for value in tasks[-1]))
    if len(tasks) > 1:
        table.add_section()
        table.add_row("mean of tasks", "", *(f"{value:.4f}" for value in _means(tasks)))
    output.print(table)
    _say(f"Direction similarity and structure distance by {clip}.")


def _means(rows: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(fmean(column) for column in zip(*rows, strict=True))


def _measures(wanted: Sequence[Metric], allow_download: bool, device: str) -> dict[Metric, "Measure"]:
    """What is measured on each pair of pictures by itself: all but FID."""
    from ..scores import metrics
    from ..scores.networks import lpips_network

    measures: dict[Metric, Measure] = {
        Metric.RMSE: metrics.squared_error,
        Metric.PSNR: metrics.psnr,
        Metric.SSIM: metrics.ssim,
    }
    if Metric.LPIPS in wanted:
        measures[Metric.LPIPS] = partial(metrics.lpips, network=lpips_network(allow_download).to(device))
    return {metric: measures[metric] for metric in wanted if metric in measures}


def _compare_pair(result: Path, target: Path, measures: Mapping[Metric, "Measure"], device: str) -> dict[Metric, float]:
    from ..images import open_picture, to_tensor

    ours, theirs = (to_tensor([open_picture(path)]).to(device) for path in (result, target))
    if ours.shape != theirs.shape:
        sizes = (f"{str(path)!r} is {one.shape[2]}x{one.shape[1]}" for path, one in ((result, ours), (target, theirs)))
        raise ValueError(f"{' but '.join(sizes)}: results are compared pixel by pixel, so bring them to one size.")
    return {metric: float(measure(ours, theirs)) for metric, measure in measures.items()}


def _summary(rows: Sequence[Mapping[Metric, float]]) -> dict[Metric, float]:
    """Each column's mean; of squared errors the root of it."""
    means = {metric: fmean(row[metric] for row in rows) for metric in rows[0]}
    return {metric: sqrt(mean) if metric is Metric.RMSE else mean for metric, mean in means.items()}


def _pairs(results: Path, targets: Path) -> list[tuple[Path, Path]]:
    """Pictures of the two folders that have one name, whatever their endings."""
    ours, theirs = (
        {path.relative_to(folder).with_suffix(""): path for path in _pictures(folder)} for folder in (results, targets)
    )
    if ours.keys() != theirs.keys():
        alone = sorted(ours.keys() ^ theirs.keys())
        named = ", ".join(str(path) for path in alone[:3]) + ", ..." * (len(alone) > 3)
        raise ValueError(
            f"{str(results)!r} and {str(targets)!r} must hold pictures of the same names; {len(alone)} are in one of "
            f"them only: {named}."
        )
    return [(ours[name], theirs[name]) for name in sorted(ours)]


def _pictures(folder: Path) -> list[Path]:
    """The pictures in a folder and in the folders in it, in the order of their names; or the one picture itself."""
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise ValueError(f"There is no folder {str(folder)!r}.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    if not found:
        raise ValueError(f"There is no picture in {str(folder)!r}.")
    return found


def _batches(paths: Sequence[Path]) -> Iterator["Tensor"]:
    """The pictures in batches; one batch holds pictures of one size."""
    from ..images import open_picture, to_tensor

    for start in range(0, len(paths), BATCH):
        pictures = [open_picture(path) for path in paths[start : start + BATCH]]
        for _, alike in groupby(pictures, key=lambda picture: picture.size):
            yield to_tensor(alike)


def _check_output(path: Path | None) -> None:
    if path is not None and path.suffix not in (".csv", ".json"):
        raise ValueError(f"The output {str(path)!r} must end in .csv or .json.")


def _write(path: Path | None, rows: Sequence[Mapping[str, object]]) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _say(sentence: str) -> None:
    output.print(Text(sentence), soft_wrap=True)


def _quiet_libraries() -> None:
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
