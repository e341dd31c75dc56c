"""A whole evaluation: what is to be painted, painting it, scoring it, and the table of what came out."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Protocol

from PIL import Image
from pydantic import JsonValue

from ..images import open_image
from .dataset import Dataset, Problem, Source
from .jobs import (
    Crew,
    Job,
    known_b_prime,
    prepare,
    seed_of,
)
from .settings import Config, Painting, Task
from .store import Origin, Record, Store


class Plan(NamedTuple):
    """One analogy that is to have a result, and what the result has to come from."""

    source: Source
    origin: Origin

    @property
    def painting(self) -> Painting:
        return self.origin.painting


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

    tasks: dict[str, Painting]
    finished: list[Finished]
    problems: list[Problem]


class Scorer(Protocol):
    """Gives numbers to the results of one analogy. `name` changes whenever the numbers may."""

    name: str

    def score(
        self, painting: Painting, strip: Image.Image, results: Sequence[Image.Image], truth: Image.Image | None
    ) -> dict[str, list[float]]:
        """By the name of each score a number for each result.

        Args:
            painting: the settings, and with them the geometry.
            strip: grid, canvas and results side by side.
            results: every B', in the size of a cell.
            truth: the true B' in the same size, where it is known.
        """


class Watch(Protocol):
    """Who is told what goes on."""

    def started(self, what: str, total: int, done: int) -> None:
        """A pass over `total` analogies begins, of which `done` are finished from earlier runs."""

    def advanced(self) -> None:
        """One more analogy is finished, or has failed."""

    def failed(self, problem: Problem) -> None:
        """An analogy or a task has no result."""


class _Nobody(Watch):
    """Is told everything and does nothing."""

    def started(self, what: str, total: int, done: int) -> None: ...

    def advanced(self) -> None: ...

    def failed(self, problem: Problem) -> None: ...


class Planned(NamedTuple):
    """What a run is to do: the settings of each task, its analogies, and what cannot even be begun."""

    tasks: dict[str, Painting]
    plans: list[Plan]
    problems: list[Problem]


def plan(
    config: Config,
    dataset: Dataset,
    backend: dict[str, JsonValue],
    only: Sequence[str] = (),
    limit: int | None = None,
) -> Planned:
    """The analogies of each task, in the order of the configuration, and where each result has to come from.

    Tasks of the data set that the configuration does not name run with its defaults. Tasks that only the
    configuration has are left out, since the published one names ten; see `missing_tasks`.

    Args:
        backend: what is kept of where it is painted.
        only: names of tasks; empty for all.
        limit: at most so many analogies of each task.

    Raises:
        ValueError: a task in `only` that is not there.
    """
    tasks = _chosen(config, dataset, only)
    planned = Planned({name: task.painting for name, task in tasks.items()}, [], [])
    for name, task in tasks.items():
        data = task.data or name
        planned.problems.extend(replace(problem, task=name) for problem in dataset.problems if problem.task == data)
        for source in [source for source in dataset.sources if source.task == data][:limit]:
            called = replace(source, task=name)
            try:
                # The seed is that of the data, so that the tasks of a sweep start from the same noise.
                origin = _origin(called, task.painting, seed_of(source, config.seed), backend)
            except OSError as error:
                sentence = f"the file {str(error.filename)!r} cannot be read: {error.strerror}."
                planned.problems.append(Problem(name, source.name, sentence))
            else:
                planned.plans.append(Plan(called, origin))
    return planned


def _chosen(config: Config, dataset: Dataset, only: Sequence[str]) -> dict[str, Task]:
    tasks = {name: task for name, task in config.tasks.items() if (task.data or name) in dataset.tasks}
    for name in sorted(dataset.tasks - {task.data or name for name, task in tasks.items()}):
        tasks[name] = Task(**config.defaults.model_dump())
    if missing := [name for name in only if name not in tasks]:
        raise ValueError(f"There is no task {missing[0]!r} in the data set; there is {', '.join(tasks)}.")
    return {name: task for name, task in tasks.items() if not only or name in only}


def missing_tasks(config: Config, dataset: Dataset) -> list[str]:
    """Tasks that the configuration names and the data set does not have."""
    return [name for name, task in config.tasks.items() if (task.data or name) not in dataset.tasks]


def unfinished(store: Store, plans: Sequence[Plan], redo: bool) -> list[Plan]:
    """The plans that have no result yet.

    Args:
        redo: paint anew what was painted with other settings; otherwise that is refused.

    Raises:
        ValueError: results of other settings are in the folder.
    """
    open_plans, changed = [], []
    for one in plans:
        record = store.read(one.origin)
        if record is None or record.origin != one.origin:
            open_plans.append(one)
        if record is not None and record.origin != one.origin:
            changed.append((one, record))
    if changed and not redo:
        one, record = changed[0]
        raise ValueError(
            f"{len(changed)} results in {str(store.folder)!r} come from other settings, that of {one.source.task} / "
            f"{one.source.name} by {record.origin.difference(one.origin)}: name another folder, or paint them anew "
            "with --redo-changed."
        )
    return open_plans


def paint(store: Store, plans: Sequence[Plan], crew: Crew, watch: Watch) -> list[Problem]:
    """Paint what has no result yet, keep each result as it comes, and tell what could not be painted.

    A result is written while the next one is painted: on a fast GPU its PNG files take a good part of that time.
    """
    waiting = {(one.source.task, one.source.name): one for one in plans}
    problems: list[Problem] = []

    def failed(task: str, name: str, sentence: str) -> None:
        problems.append(Problem(task, name, sentence))
        watch.failed(problems[-1])
        watch.advanced()

    def jobs() -> Iterator[Job]:
        for one in plans:
            try:
                yield prepare(one.source, one.painting, one.origin.seed)
            except ValueError as error:
                failed(one.source.task, one.source.name, str(error))

    def written(writing: "Future[None] | None") -> None:
        if writing:
            writing.result()  # Raises what went wrong, a full disk say.
            watch.advanced()

    with ThreadPoolExecutor(max_workers=1) as writer:
        writing = None
        for done in crew(jobs()):
            if done.problem:
                failed(done.job.task, done.job.name, done.problem)
                continue
            written(writing)  # One at a time, so that pictures do not pile up in memory.
            origin = waiting[done.job.task, done.job.name].origin
            writing = writer.submit(store.keep, origin, done.job, done.grids, done.seconds)
        written(writing)
    return problems


def score(store: Store, plans: Sequence[Plan], scorer: Scorer, watch: Watch) -> list[Problem]:
    """Score what has a result and no scores of this scorer yet, and tell what could not be scored."""
    records = [(one, record) for one in plans if (record := _valid(store, one)) and record.scored_by != scorer.name]
    watch.started("Scoring", len(records), 0)
    problems = []
    for one, record in records:
        try:
            results = [open_image(path) for path in store.pictures(one.origin, record.images)]
            truth = known_b_prime(one.source, one.painting)
            scores = scorer.score(one.painting, open_image(store.strip(one.origin)), results, truth)
            store.keep_scores(record, scorer.name, scores)
        except ValueError as error:
            problems.append(Problem(one.source.task, one.source.name, f"it is painted but not scored: {error}"))
            watch.failed(problems[-1])
        watch.advanced()
    return problems


def evaluate(
    store: Store,
    config: Config,
    dataset: Dataset,
    crew: Crew,
    backend: dict[str, JsonValue],
    *,
    scorer: Scorer | None = None,
    only: Sequence[str] = (),
    limit: int | None = None,
    redo: bool = False,
    watch: Watch | None = None,
) -> Evaluated:
    """Paint and score a data set into a folder, going on where an earlier run has ended.

    Args:
        crew: who paints.
        scorer: None leaves scores as they are.
        backend, only, limit: as in `plan`.
        redo: as in `unfinished`.

    Raises:
        ValueError: see `plan` and `unfinished`. What is wrong with one analogy never is an error of the run.
    """
    watch = watch or _Nobody()
    tasks, plans, problems = plan(config, dataset, backend, only, limit)
    for problem in problems:
        watch.failed(problem)
    open_plans = unfinished(store, plans, redo)
    watch.started("Painting", len(plans), len(plans) - len(open_plans))
    problems += paint(store, open_plans, crew, watch)
    if scorer:
        problems += score(store, plans, scorer, watch)
    finished = [Finished(one, record) for one in plans if (record := _valid(store, one))]
    return Evaluated(tasks, finished, _sorted(problems))


def _valid(store: Store, one: Plan) -> Record | None:
    record = store.read(one.origin)
    return record if record and record.origin == one.origin else None


def _sorted(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.task, problem.name))


def _origin(source: Source, painting: Painting, seed: int, backend: dict[str, JsonValue]) -> Origin:
    return Origin(
        task=source.task,
        name=source.name,
        prompt=source.prompt,
        seed=seed,
        sources={name: _sha256(path) for name, path in sorted(source.pictures.items())},
        painting=painting,
        backend=backend,
    )


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
