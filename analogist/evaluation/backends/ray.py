"""Many renderers on many machines, through Ray: each has its own GPU, if available.

Ray starts them, starts one again that is lost, and gives it its analogy again; here is only who is free.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import ray

from ..jobs import Executor, Job, Outcome, Renderer, attempt

LOSSES = 5
"""How often one analogy may lose its worker before it is given up: it may be what kills them."""


class _Worker:
    """A renderer in a process of Ray's."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def render(self, job: Job) -> Outcome:
        return attempt(self.renderer, job)


def on_ray(renderer: Renderer, address: str | None = None, workers: int | None = None) -> Executor:
    """An executor on a cluster of Ray's.

    Args:
        renderer: is copied to each worker; what is heavy in it should be loaded there, when it is first used.
        address: of a cluster ("auto" for the one of this machine); None starts one on this machine, for this process.
        workers: how many; by default one for each GPU of the cluster, or one for each CPU where there is none.
    """

    def executor(jobs: Iterable[Job]) -> Iterator[Outcome]:
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # No telemetry by default.
            ray.init(address=address, log_to_driver=False, include_dashboard=False if address is None else None)
        gpus = int(ray.cluster_resources().get("GPU", 0))
        number = workers or gpus or int(ray.cluster_resources()["CPU"])
        # A share where workers outnumber GPUs, so that all of them can start.
        share = min(1.0, gpus / number)
        worker = ray.remote(num_gpus=share, max_restarts=-1, max_task_retries=LOSSES)(_Worker)
        kept = ray.put(renderer)
        yield from _distributed(iter(jobs), [worker.remote(kept) for _ in range(number)])

    return executor


def _distributed(jobs: Iterator[Job], free: list[Any]) -> Iterator[Outcome]:
    """Give each free worker the next job. One without a job is let go, so that its GPU is there for a lost one."""
    running: dict[Any, tuple[Any, Job]] = {}
    while True:
        while free:
            worker = free.pop()
            if (job := next(jobs, None)) is not None:
                running[worker.render.remote(job)] = (worker, job)
        if not running:
            return
        (done,), _ = ray.wait(list(running))
        worker, job = running.pop(done)
        yield _outcome(done, job)
        free.append(worker)


def _outcome(done: Any, job: Job) -> Outcome:
    try:
        outcome: Outcome = ray.get(done)
    except ray.exceptions.RayActorError as error:
        return Outcome(job, [], f"its worker was lost {LOSSES + 1} times: {error}", 0.0)
    return outcome
