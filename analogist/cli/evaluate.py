"""`python -m analogist evaluate`: a data set rendered, scored and shown, in runs that can be killed and resumed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE
from rich.progress import MofNCompleteColumn, TimeElapsedColumn
from rich.table import Column, Table

from ..published import LARGEST_SEED
from .console import bars, output, quiet_libraries, say, warn
from .options import AllowDownload, ClipOption, Device, Dtype, Model

if TYPE_CHECKING:
    from pydantic import JsonValue

    from ..devices import Precision
    from ..evaluation.jobs import Executor, Renderer
    from ..evaluation.runner import Evaluated, Scorer
    from ..evaluation.settings import Config
    from ..evaluation.sources import Dataset, Problem
    from ..evaluation.store import Store

COLUMNS = {
    "task": "task",
    "rendered": "rendered",
    "failed": "failed",
    "direction_similarity_published": "published",
    "direction_similarity": "corrected",
    "structure_distance": "structure",
    "rmse": "RMSE",
}
"""What the terminal shows, and how it is called there; everything else is in the files."""
DatasetPath = Annotated[
    Path,
    typer.Argument(
        help="Published layout: a folder with <task>_masked and <task>_gpt4_out.txt. Plain layout: one folder per "
        "analogy, or one each for a, a_prime and b. Or a manifest, .csv or .jsonl."
    ),
]
RayAddress = Annotated[
    str | None, typer.Option(help='Render on a Ray cluster: its address, "auto", or "local" to start one.')
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Number of Ray workers. Default: one per GPU, otherwise one per CPU.")
]


def evaluate(
    dataset: DatasetPath,
    output_dir: Annotated[
        Path, typer.Option("--output-dir", "-o", help="Output folder. An existing run in it is resumed.")
    ] = Path("results/evaluation"),
    config: Annotated[
        Path | None, typer.Option(help="Settings per task, .yaml or .toml. Default: the published settings.")
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Only this task. Can be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Maximum number of analogies per task.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST_SEED, help="Overrides the seed of the configuration.")
    ] = None,
    model: Model = None,
    device: Device = None,
    dtype: Dtype = None,
    clip: Annotated[str | None, ClipOption] = None,
    allow_download: AllowDownload = False,
    redo_changed: Annotated[
        bool, typer.Option("--redo-changed", help="Render results of other settings again.")
    ] = False,
    ray: RayAddress = None,
    workers: Workers = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Also write the table as Parquet.")] = False,
) -> None:
    """Render and score a data set and write a report; the same command resumes an interrupted run."""
    from ..evaluation.dataset import read_dataset
    from ..evaluation.planning import missing_tasks
    from ..evaluation.runner import evaluate as run
    from ..evaluation.settings import PUBLISHED, read_config
    from ..evaluation.store import Store

    settings = _with_options(read_config(config) if config else PUBLISHED, seed, model, device, dtype, allow_download)
    found = read_dataset(dataset)
    if config:
        for name in missing_tasks(settings, found):
            warn(f"The configuration contains the task {name!r}, which is not in the data set.")
    renderer, kept = _renderer(settings)
    scorer = _scorer(found, clip, device, allow_download)
    with Store(output_dir) as store, _Bars() as bars:
        executor = _executor(renderer, ray, workers)
        evaluated = run(
            store,
            settings,
            found,
            executor,
            kept,
            scorer=scorer,
            only=task or (),
            limit=limit,
            redo=redo_changed,
            progress=bars,
        )
        _write(store, evaluated, parquet, f"Analogist on {dataset.resolve().name}")
    _show(evaluated, output_dir)
    if evaluated.problems:
        raise typer.Exit(1)


def _with_options(
    config: "Config",
    seed: int | None,
    model: str | None,
    device: str | None,
    dtype: "Precision | None",
    allow_download: bool,
) -> "Config":
    """The configuration with what the command line says instead."""
    from ..evaluation.settings import InProcess

    said = {"model": model, "device": device, "dtype": dtype, "allow_download": allow_download or None}
    backend = config.backend
    if isinstance(backend, InProcess):
        backend = backend.model_copy(update={name: value for name, value in said.items() if value is not None})
    return config.model_copy(update={"backend": backend, "seed": config.seed if seed is None else seed})


def _renderer(config: "Config") -> tuple["Renderer", "dict[str, JsonValue]"]:
    """The renderer, and what each record stores of it."""
    from ..evaluation.settings import InProcess

    backend = config.backend
    if isinstance(backend, InProcess):
        quiet_libraries()  # Before they are imported: they speak while they are.
        from ..evaluation.backends.diffusers import DiffusersRenderer

        return DiffusersRenderer(backend), backend.model_dump(mode="json", include={"kind", "model", "dtype"})
    from ..evaluation.backends.comfyui import ComfyUIRenderer

    renderer = ComfyUIRenderer(backend)
    return renderer, {
        **backend.model_dump(include={"kind", "inputs", "output", "result"}),
        "workflow": Path(backend.workflow).name,
        "graph": renderer.template.graph,
    }


def _scorer(dataset: "Dataset", clip: str | None, device: str | None, allow_download: bool) -> "Scorer | None":
    """Scores against the true B' where the data set has it, and those of CLIP where one is named."""
    from ..evaluation.scoring import LibraryScorer
    from ..evaluation.sources import TRUTH

    if clip is None:
        return LibraryScorer() if any(TRUTH in source.files for source in dataset.sources) else None
    from ..scores.networks import Embedder

    return LibraryScorer(Embedder.load(clip, device or "cpu", allow_download), clip)


def _executor(renderer: "Renderer", ray: str | None, workers: int | None) -> "Executor":
    from ..evaluation.jobs import serial

    if ray is None:
        return serial(renderer)
    from ..evaluation.backends.ray import on_ray

    return on_ray(renderer, None if ray == "local" else ray, workers)


def _write(store: "Store", evaluated: "Evaluated", parquet: bool, title: str) -> None:
    from ..evaluation.plots import plots
    from ..evaluation.report import write_report
    from ..evaluation.table import TABLES, item_rows, to_parquet

    for name, made in TABLES.items():
        store.write(store.folder / name, made(evaluated))
    if parquet:
        store.write(store.folder / "analogies.parquet", to_parquet(item_rows(evaluated)))
    drawn = plots(evaluated)
    for name, png in drawn.items():
        store.write(store.folder / "plots" / f"{name}.png", png)
    write_report(store, evaluated, drawn, title)


def _show(evaluated: "Evaluated", folder: Path) -> None:
    from ..evaluation.table import task_rows

    rows = task_rows(evaluated)
    columns = {name: title for name, title in COLUMNS.items() if name in rows[0]}
    # A long name of a task is folded, so that no number is cut off where the terminal is narrow.
    numbers = (Column(title, justify="right", no_wrap=True) for name, title in columns.items() if name != "task")
    table = Table(Column(columns["task"], overflow="fold"), *numbers, box=SIMPLE)
    for row in rows:
        values = (row[name] for name in columns)
        table.add_row(*("-" if one is None else f"{one:.3f}" if isinstance(one, float) else str(one) for one in values))
    output.print(table)
    say(f"Everything is in {folder}; look at {folder / 'report.html'}.")
    if evaluated.problems:
        warn(f"{len(evaluated.problems)} problems are listed above and in the report.")


class _Bars:
    """Shows what a run tells: bars with the time left, and sentences. A context."""

    def __init__(self) -> None:
        self.progress = bars(MofNCompleteColumn(), TimeElapsedColumn())

    def __enter__(self) -> "_Bars":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def started(self, what: str, total: int, done: int) -> None:
        # What was done before does not count for the speed, and so not for the time left.
        self.bar = self.progress.add_task(what, total=total, completed=done)

    def advanced(self) -> None:
        self.progress.advance(self.bar)

    def failed(self, problem: "Problem") -> None:
        warn(str(problem))
