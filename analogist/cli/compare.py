"""`python -m analogist compare`: results against the true images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import partial
from itertools import groupby
from math import sqrt
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, TypeAlias
from unicodedata import normalize

import typer
from rich.progress import track
from rich.table import Table

from ..files.reading import image_files
from .console import errors, output, say
from .options import AllowDownload, Device
from .tables import TableFile, check_table_file, write_table

if TYPE_CHECKING:
    from torch import Tensor

    Measure: TypeAlias = Callable[[Tensor, Tensor], Tensor]
    """Batches of results and of their targets -> a number for each pair."""

BATCH = 32
FEW = 2048
"""Features of Inception: fewer images than that do not even span them."""


class Metric(str, Enum):
    """What results are compared with their targets by."""

    RMSE = "rmse"
    PSNR = "psnr"
    SSIM = "ssim"
    LPIPS = "lpips"
    FID = "fid"


COLUMNS = {Metric.RMSE: "squared_error"}
"""Columns of the table for each image, where they are not called after the metric."""


def compare(
    results: Annotated[
        Path, typer.Argument(help="Folder of results, or a folder with the subfolders results and targets.")
    ],
    targets: Annotated[Path | None, typer.Argument(help="Folder of ground truth images with the same names.")] = None,
    metric: Annotated[list[Metric] | None, typer.Option(help="Can be repeated. Default: rmse and fid.")] = None,
    to: TableFile = None,
    allow_download: AllowDownload = False,
    device: Device = None,
) -> None:
    """Compare results with the true images: RMSE and FID as in the paper of Prompt Diffusion, PSNR, SSIM, LPIPS.

    RMSE is the root of the mean squared error over all images, RGB in [0, 1]; FID is against the targets.
    """
    wanted = tuple(dict.fromkeys(metric or (Metric.RMSE, Metric.FID)))
    check_table_file(to)
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
    write_table(
        to, [{"file": pair[0].name, **{names[m]: row[m] for m in row}} for pair, row in zip(pairs, rows, strict=True)]
    )


def _pairs(results: Path, targets: Path) -> list[tuple[Path, Path]]:
    """Images of the two folders that have one name, whatever their endings."""
    ours, theirs = (_by_stem(folder) for folder in (results, targets))
    if ours.keys() != theirs.keys():
        alone = sorted(ours.keys() ^ theirs.keys())
        named = ", ".join(str(path) for path in alone[:3]) + ", ..." * (len(alone) > 3)
        raise ValueError(
            f"{str(results)!r} and {str(targets)!r} must hold images of the same names; {len(alone)} are in one of "
            f"them only: {named}."
        )
    return [(ours[name], theirs[name]) for name in sorted(ours)]


def _by_stem(folder: Path) -> dict[Path, Path]:
    """The images of a folder by their paths in it without endings, in one Unicode form: macOS hands out another."""
    if not folder.is_dir():
        raise ValueError(f"There is no folder {str(folder)!r}.")
    found: dict[Path, Path] = {}
    for path in image_files(folder):
        stem = Path(normalize("NFC", str(path.relative_to(folder).with_suffix(""))))
        if stem in found:
            raise ValueError(
                f"{str(found[stem])!r} and {path.name!r} differ only in their extensions: keep one of them."
            )
        found[stem] = path
    if not found:
        raise ValueError(f"There is no image in {str(folder)!r}.")
    return found


def _measures(wanted: Sequence[Metric], allow_download: bool, device: str) -> dict[Metric, "Measure"]:
    """What is measured on each pair of images by itself: all but FID."""
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
    from ..images import open_image, to_tensor

    ours, theirs = (to_tensor([open_image(path)]).to(device) for path in (result, target))
    if ours.shape != theirs.shape:
        sizes = (f"{str(path)!r} is {one.shape[2]}x{one.shape[1]}" for path, one in ((result, ours), (target, theirs)))
        raise ValueError(f"{' but '.join(sizes)}: resize them to the same size.")
    return {metric: float(measure(ours, theirs)) for metric, measure in measures.items()}


def _summary(rows: Sequence[Mapping[Metric, float]]) -> dict[Metric, float]:
    """Each column's mean; of squared errors the root of it."""
    means = {metric: fmean(row[metric] for row in rows) for metric in rows[0]}
    return {metric: sqrt(mean) if metric is Metric.RMSE else mean for metric, mean in means.items()}


def _batches(paths: Sequence[Path]) -> Iterator["Tensor"]:
    """The images in batches; one batch holds images of one size."""
    from ..images import open_image, to_tensor

    for start in range(0, len(paths), BATCH):
        images = [open_image(path) for path in paths[start : start + BATCH]]
        for _, alike in groupby(images, key=lambda image: image.size):
            yield to_tensor(alike)


def _show_summary(summary: Mapping[Metric, float], number: int) -> None:
    table = Table("", f"{number} images")
    for metric, value in summary.items():
        table.add_row(metric.value.upper(), f"{value:.4f}")
    output.print(table)
    if Metric.FID in summary and number < FEW:
        say(f"FID is larger for fewer images: that of {number} cannot be compared with the paper's, of 10,000.")
