"""Rendering on a cluster of Ray's: a worker that is killed costs nothing but the time."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
import yaml
from typer.testing import CliRunner

from analogist.cli.app import app
from analogist.evaluation import table
from analogist.evaluation.dataset import read_dataset
from analogist.evaluation.jobs import Job, Outcome, RenderError, attempt, serial
from analogist.evaluation.runner import Evaluated, evaluate
from analogist.evaluation.sources import Dataset
from analogist.evaluation.store import Store
from support.evaluation import BACKEND, SMALL, FakeRenderer, config, plain
from support.random_pipeline import random_pipeline

ray = pytest.importorskip("ray", reason="ray is not installed")

from analogist.evaluation.backends import ray as backend  # noqa: E402
from analogist.evaluation.backends.ray import on_ray  # noqa: E402 - where there is a Ray.

NAMES = [f"{number:02}" for number in range(12)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two CPUs on this machine; the workers find what the tests import."""
    here = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    environment = {"PYTHONPATH": os.pathsep.join([*here, os.environ.get("PYTHONPATH", "")])}
    ray.init(
        num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": environment}
    )
    yield
    ray.shutdown()


class Worker:
    """Stands in for a worker on the cluster: a call is answered when it is waited for; on one job it is lost."""

    def __init__(self, renderer: FakeRenderer, lost_on: str) -> None:
        self.renderer, self.lost_on, self.render = renderer, lost_on, self

    def remote(self, job: Job) -> Callable[[], Outcome]:
        def answer() -> Outcome:
            if job.name == self.lost_on:
                raise ray.exceptions.RayActorError
            return attempt(self.renderer, job)

        return answer


def test_free_workers_get_the_next_job_and_a_lost_one_costs_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who gets what, without a cluster; the cluster itself is tried below."""
    monkeypatch.setattr(backend.ray, "wait", lambda running: (running[-1:], running[:-1]))
    monkeypatch.setattr(backend.ray, "get", lambda answer: answer())
    renderer = FakeRenderer(tmp_path / "notes.txt")
    dataset = read_dataset(plain(tmp_path / "data", "task", NAMES))
    workers = [Worker(renderer, NAMES[5]) for _ in range(3)]
    evaluated = run(tmp_path / "out", dataset, lambda jobs: backend._distributed(iter(jobs), workers))
    assert Counter(renderer.rendered()) == Counter(f"task/{name}" for name in NAMES if name != NAMES[5])
    (problem,) = evaluated.problems
    assert problem.name == NAMES[5]
    assert "its worker was lost 6 times" in problem.sentence


def run(folder: Path, dataset: Dataset, crew) -> Evaluated:
    with Store(folder) as store:
        return evaluate(store, config(), dataset, crew, BACKEND)


def workers(renderer: FakeRenderer) -> list[int]:
    return [int(line.split()[1]) for line in renderer.notes.read_text().splitlines()] if renderer.notes.exists() else []


def kill_one(renderer: FakeRenderer, folder: Path, killed: list[int]) -> None:
    """SIGKILL to the worker that rendered last, once its result is kept and both have one: it is at its next job."""
    deadline = time.monotonic() + 120
    while len(set(workers(renderer))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    rendered, worker = renderer.rendered()[-1], workers(renderer)[-1]
    while not (folder / "records" / f"{rendered}.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.append(worker)
    os.kill(worker, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_lost_worker_costs_nothing(tmp_path: Path) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", NAMES))
    alone = run(tmp_path / "alone", dataset, serial(FakeRenderer(tmp_path / "alone.txt")))

    renderer, killed = FakeRenderer(tmp_path / "notes.txt", seconds=1.0), []
    killing = Thread(target=kill_one, args=(renderer, tmp_path / "together", killed))
    killing.start()
    together = run(tmp_path / "together", dataset, on_ray(renderer, workers=2))
    killing.join()

    by_worker = Counter(workers(renderer))
    assert by_worker[killed[0]] < len(NAMES)
    assert len(by_worker) == 3, "two workers, and the one that stands in for the killed one"
    assert Counter(renderer.rendered()) == Counter(f"task/{name}" for name in NAMES), "something was rendered twice"
    for name, made in table.TABLES.items():
        assert made(together) == made(alone), name
    for path in (tmp_path / "alone").rglob("*.png"):
        assert (tmp_path / "together" / path.relative_to(tmp_path / "alone")).read_bytes() == path.read_bytes()


class Deadly(FakeRenderer):
    """Ends its process on one analogy."""

    def render(self, job: Job):
        if job.name == "01":
            os.kill(os.getpid(), signal.SIGKILL)
        if job.name == "02":
            raise RenderError("the model broke.")
        return super().render(job)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_an_analogy_that_kills_workers_is_given_up_by_name(tmp_path: Path) -> None:
    dataset = read_dataset(plain(tmp_path / "data", "task", NAMES[:4]))
    evaluated = run(tmp_path / "out", dataset, on_ray(Deadly(tmp_path / "notes.txt"), workers=2))
    problems = {problem.name: problem.sentence for problem in evaluated.problems}
    assert sorted(problems) == ["01", "02"]
    assert "its worker was lost 6 times" in problems["01"]
    assert problems["02"] == "the model broke."
    assert [one.plan.source.name for one in evaluated.finished] == ["00", "03"]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_the_command_renders_on_ray_what_it_renders_alone(tmp_path: Path) -> None:
    random_pipeline().save_pretrained(tmp_path / "model")
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({"defaults": SMALL}))
    plain(tmp_path / "data", "task", NAMES[:4])
    options = ["--config", tmp_path / "settings.yaml", "--model", tmp_path / "model", "--device", "cpu"]
    for folder, more in (("alone", ()), ("together", ("--ray", "local", "--workers", 2))):
        arguments = ["evaluate", tmp_path / "data", *options, "-o", tmp_path / folder, *more]
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"ANALOGIST_CLIP": ""})
        assert result.exit_code == 0, result.output
    for name in table.TABLES:
        assert (tmp_path / "together" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
