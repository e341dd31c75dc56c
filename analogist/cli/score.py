"""`python -m analogist score`: CLIP's scores of results that are there already."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.progress import track
from rich.table import Table

from ..files.reading import image_files
from ..published import CLIP
from .console import errors, output, quiet_libraries, say
from .options import AllowDownload, ClipOption, Device, LayoutName
from .tables import TableFile, check_table_file, write_table

if TYPE_CHECKING:
    from ..scores.networks import Embedder
    from ..scores.strips import Asked


class Score(NamedTuple):
    """The scores of one result; the names are the columns of the table."""

    task: str
    file: str
    result: int
    direction_similarity_published: float
    direction_similarity: float
    structure_distance: float


def score(
    results: Annotated[
        Path, typer.Argument(help="A strip (grid, canvas and results side by side), or a folder of strips.")
    ],
    clip: Annotated[str, ClipOption] = CLIP,
    num_images_per_prompt: Annotated[
        int | None, typer.Option(help="Results per strip. Default: as stored by `run`, otherwise 8.", min=1)
    ] = None,
    layout: Annotated[
        LayoutName | None, typer.Option(help="Layout of the grid. Default: as stored by `run`, otherwise rows.")
    ] = None,
    cell_width: Annotated[
        int | None, typer.Option(help="Cell width of the grid. Default: as stored by `run`, otherwise square cells.")
    ] = None,
    gutter: Annotated[
        int | None, typer.Option(help="Gutter of the grid. Default: as stored by `run`, otherwise 2.")
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(help="Example pairs in the grid. Default: as stored by `run`, otherwise 1.")
    ] = None,
    to: TableFile = None,
    allow_download: AllowDownload = False,
    device: Device = None,
) -> None:
    """CLIP direction similarity of existing results, as published and corrected, and their distance in structure.

    Each folder with strips in it is a task. Scores are averaged over the results of a strip, then over strips, then
    over tasks, as in the published evaluation.
    """
    check_table_file(to)
    files = _files(results)
    quiet_libraries("transformers")
    from ..scores.networks import Embedder
    from ..scores.strips import Asked

    asked = Asked(num_images_per_prompt, layout.layout() if layout else None, cell_width, gutter, pairs)
    embedder = Embedder.load(clip, device, allow_download)
    scores: list[Score] = []
    problems: list[str] = []
    for path in track(files, "Scoring", console=errors, transient=True):
        try:
            if not _is_single_result(path, files):
                scores += _score(path, results, asked, embedder)
        except ValueError as error:
            problems.append(str(error))
    if scores:
        _show_scores(scores, clip)
        write_table(to, [one._asdict() for one in scores])
    if problems or not scores:
        raise ValueError("\n".join([*problems, f"{len(problems)} of {len(files)} images could not be scored."]))


def _files(results: Path) -> list[Path]:
    if results.is_file():
        return [results]
    if not results.is_dir():
        raise ValueError(f"There is no file or folder {str(results)!r}.")
    found = image_files(results)
    if not found:
        raise ValueError(f"There is no image in {str(results)!r}.")
    return found


def _is_single_result(path: Path, files: Sequence[Path]) -> bool:
    """Whether it is one of the images that `run` writes beside a strip, under its name and a number."""
    from ..images import open_image
    from ..scores.strips import carried_grid, is_strip

    whole = path.with_stem(re.sub(r"_\d+$", "", path.stem))
    if whole == path or whole not in files:
        return False
    image = open_image(path)
    if carried_grid(image, path) is not None:
        return False
    return carried_grid(open_image(whole), whole) is not None or not is_strip(image)


def _score(path: Path, root: Path, asked: "Asked", embedder: "Embedder") -> list[Score]:
    from ..scores.clip import published_and_corrected
    from ..scores.strips import read_strip

    found = published_and_corrected(embedder, read_strip(path, asked))
    task = path.parent.relative_to(root).as_posix() if root.is_dir() else ""
    columns = (found[name].tolist() for name in Score._fields[3:])
    return [Score(task, path.name, n, *values) for n, values in enumerate(zip(*columns, strict=True), 1)]


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
    say(f"Direction similarity and structure distance by {clip}.")


def _means(rows: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(fmean(column) for column in zip(*rows, strict=True))
