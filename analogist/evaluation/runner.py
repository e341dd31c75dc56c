"""A whole evaluation: rendering what is planned, scoring it, and what came out."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from PIL import Image
from pydantic import JsonValue

from ..images import open_image
from .jobs import Executor, Job, known_b_prime, prepare
from .planning import Plan, plan
from .settings import Config, RenderSettings
from .sources import Dataset, Problem
from .store import Record, Store


class Finished(NamedTuple):
    """A plan and its record."""

    plan: Plan
    record: Record


@dataclass(frozen=True)
class Evaluated:
    """Everything that tables and reports show, in a fixed order: by task as configured, then by name.

    Attributes:
        tasks: the settings of each task.
        finished: the analogies with results.
        problems: why others have none, or a result has no scores.
    """

    tasks: dict[str, RenderSettings]
    finished: list[Finished]
    problems: list[Problem]


class Scorer(Protocol):
    """Gives numbers to the results of one analogy. `name` changes whenever the numbers may."""

    name: str

    def score(
        self, settings: RenderSettings, strip: Image.Image, results: Sequence[Image.Image], truth: Image.Image | None
    ) -> dict[str, list[float]]:
        """By the name of each score a number for each result.

        Args:
            settings: how they were rendered, and with that the geometry.
            strip: grid, canvas and results side by side.
            results: every B', in the size of a cell.
            truth: the true B' in the same size, where it is known.
        """


class ProgressCallback(Protocol):
    """Is called as a run goes on."""

    def started(self, what: str, total: int, done: int) -> None:
        """A pass over `total` analogies begins, of which `done` are finished from earlier runs."""

    def advanced(self) -> None:
        """One more analogy is finished, or has failed."""

    def failed(self, problem: Problem) -> None:
        """An analogy or a task has no result."""


class _NoProgress(ProgressCallback):
    """Does nothing."""

    def started(self, what: str, total: int, done: int) -> None: ...

    def advanced(self) -> None: ...

    def failed(self, problem: Problem) -> None: ...


class Pass:
    """One pass over analogies: what failed in it is kept and reported."""

    def __init__(self, progress: ProgressCallback) -> None:
        self.progress = progress
        self.problems: list[Problem] = []

    def fail(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.progress.failed(problem)
        self.progress.advanced()


class Kept(NamedTuple):
    """What a folder of results has of some plans: the finished ones, those to be rendered, and damaged ones."""

    finished: list[Plan]
    unfinished: list[Plan]
    damaged: list[Problem]


def kept(store: Store, plans: Sequence[Plan], redo: bool) -> Kept:
    """Which plans have a result.

    Args:
        redo: render again what was rendered with other settings; otherwise that is refused.

    Raises:
        ValueError: results of other settings are in the folder.
    """
    found, changed = Kept([], [], []), []
    for one in plans:
        try:
            record = store.read(one.origin)
        except ValueError as error:
            found.damaged.append(one.problem(str(error)))
            continue
        is_ours = record is not None and record.origin == one.origin
        (found.finished if is_ours else found.unfinished).append(one)
        if record is not None and not is_ours:
            changed.append((one, record))
    if changed and not redo:
        one, record = changed[0]
        raise ValueError(
            f"{len(changed)} results in {str(store.folder)!r} were rendered with other settings; {one.source.task} / "
            f"{one.source.name} differs in {record.origin.difference(one.origin)}: choose another folder, or render "
            "them again with --redo-changed."
        )
    return found


def render(store: Store, plans: Sequence[Plan], executor: Executor, progress: ProgressCallback) -> list[Problem]:
    """Render what has no result yet, keep each result as it comes, and report what could not be rendered.

    A result is written while the next one is sampled: on a fast GPU its PNG files take a good part of that time.

    Raises:
        OSError: nothing more can be written, on a full disk say.
    """
    waiting = {one.key: one for one in plans}
    this = Pass(progress)

    def jobs() -> Iterator[Job]:
        for one in plans:
            try:
                yield prepare(one.source, one.settings, one.origin.seed)
            except ValueError as error:
                this.fail(one.problem(str(error)))

    def written(writing: "tuple[Plan, Future[None]] | None") -> None:
        if writing:
            one, future = writing
            try:
                future.result()
            except ValueError as error:
                this.fail(one.problem(str(error)))
            else:
                progress.advanced()

    with ThreadPoolExecutor(max_workers=1) as writer:
        writing = None
        for done in executor(jobs()):
            one = waiting[done.job.task, done.job.name]
            if done.problem:
                this.fail(one.problem(done.problem))
                continue
            written(writing)  # One at a time, so that images do not pile up in memory.
            writing = one, writer.submit(store.keep, one.origin, done.job, done.grids, done.seconds)
        written(writing)
    return this.problems


def score(store: Store, plans: Sequence[Plan], scorer: Scorer, progress: ProgressCallback) -> list[Problem]:
    """Score what has a result and no scores of this scorer yet, and report what could not be scored."""
    unscored = [one for one in _finished(store, plans) if one.record.scored_by != scorer.name]
    progress.started("Scoring", len(unscored), 0)
    this = Pass(progress)
    for one, record in unscored:
        try:
            results = [open_image(path) for path in store.images(one.origin, record.images)]
            truth = known_b_prime(one.source, one.settings)
            scores = scorer.score(one.settings, open_image(store.strip(one.origin)), results, truth)
            store.keep_scores(record, scorer.name, scores)
        except ValueError as error:
            this.fail(one.problem(f"it is rendered but not scored: {error}"))
        else:
            progress.advanced()
    return this.problems


def evaluate(
    store: Store,
    config: Config,
    dataset: Dataset,
    executor: Executor,
    backend: dict[str, JsonValue],
    *,
    scorer: Scorer | None = None,
    only: Sequence[str] = (),
    limit: int | None = None,
    redo: bool = False,
    progress: ProgressCallback | None = None,
) -> Evaluated:
    """Render and score a data set into a folder, going on where an earlier run has ended.

    Args:
        executor: runs the jobs.
        scorer: None leaves scores as they are.
        backend, only, limit: as in `plan`.
        redo: as in `kept`.

    Raises:
        ValueError: see `plan` and `kept`. What is wrong with one analogy never is an error of the run.
    """
    progress = progress or _NoProgress()
    tasks, plans, problems = plan(config, dataset, backend, only, limit)
    finished, unfinished, damaged = kept(store, plans, redo)
    problems += damaged
    for problem in problems:
        progress.failed(problem)
    progress.started("Rendering", len(finished) + len(unfinished), len(finished))
    problems += render(store, unfinished, executor, progress)
    broken = {(problem.task, problem.name) for problem in problems}
    plans = [one for one in plans if one.key not in broken]
    if scorer:
        problems += score(store, plans, scorer, progress)
    return Evaluated(tasks, _finished(store, plans), _sorted(problems))


def _finished(store: Store, plans: Iterable[Plan]) -> list[Finished]:
    records = ((one, store.read(one.origin)) for one in plans)
    return [Finished(one, record) for one, record in records if record and record.origin == one.origin]


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.task, problem.name))
