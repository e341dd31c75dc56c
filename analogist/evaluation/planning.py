"""What a run is to render: the analogies of each task, and everything that decides how their results look."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pydantic import JsonValue

from .jobs import seed_of
from .names import canonical
from .settings import Config, RenderSettings, Task
from .sources import Dataset, Problem, Source
from .store import Origin


class Plan(NamedTuple):
    """One analogy that is to have a result, and what the result has to come from."""

    source: Source
    origin: Origin

    @property
    def settings(self) -> RenderSettings:
        return self.origin.settings

    @property
    def key(self) -> tuple[str, str]:
        return self.source.task, self.source.name

    def problem(self, sentence: str) -> Problem:
        return Problem(*self.key, sentence)


class Planned(NamedTuple):
    """What a run is to do: the settings of each task, its analogies, and what cannot even be begun."""

    tasks: dict[str, RenderSettings]
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
        backend: what is kept of where it is rendered.
        only: names of tasks; empty for all.
        limit: at most so many analogies of each task.

    Raises:
        ValueError: a task in `only` that is not there.
    """
    tasks = _chosen(config, dataset, [canonical(name) for name in only])
    planned = Planned({name: task.settings for name, task in tasks.items()}, [], [])
    for name, task in tasks.items():
        data = task.data or name
        planned.problems.extend(replace(problem, task=name) for problem in dataset.problems if problem.task == data)
        for source in [source for source in dataset.sources if source.task == data][:limit]:
            called = replace(source, task=name)
            try:
                # The seed is that of the data, so that the tasks of a sweep start from the same noise.
                origin = _origin(called, task.settings, seed_of(source, config.seed), backend)
            except ValueError as error:
                planned.problems.append(Problem(name, source.name, str(error)))
            else:
                planned.plans.append(Plan(called, origin))
    return planned


def missing_tasks(config: Config, dataset: Dataset) -> list[str]:
    """Tasks that the configuration names and the data set does not have."""
    return [name for name, task in config.tasks.items() if (task.data or name) not in dataset.tasks]


def _chosen(config: Config, dataset: Dataset, only: Sequence[str]) -> dict[str, Task]:
    tasks = {name: task for name, task in config.tasks.items() if (task.data or name) in dataset.tasks}
    for name in sorted(dataset.tasks - {task.data or name for name, task in tasks.items()}):
        tasks[name] = Task(**config.defaults.model_dump())
    if missing := [name for name in only if name not in tasks]:
        raise ValueError(f"The data set has no task {missing[0]!r}; its tasks are {', '.join(tasks)}.")
    return {name: task for name, task in tasks.items() if not only or name in only}


def _origin(source: Source, settings: RenderSettings, seed: int, backend: dict[str, JsonValue]) -> Origin:
    return Origin(
        task=source.task,
        name=source.name,
        prompt=source.prompt,
        seed=seed,
        sources={name: _sha256(path) for name, path in sorted(source.files.items())},
        settings=settings if source.pairs is None else settings.model_copy(update={"pairs": source.pairs}),
        backend=backend,
    )


def _sha256(path: Path) -> str:
    """Of a file.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ValueError(f"the file {str(path)!r} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # NUL in a path, or what is no text.
        raise ValueError(f"the file {str(path)!r} cannot be read: {error}.") from error
