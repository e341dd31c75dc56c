"""Time and memory of variants of one thing, measured in turn in one run, so that their ratios mean something."""

import json
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import torch
from torch.utils.benchmark import Measurement, Timer

SAMPLING_INTERVAL = 0.002
"""Seconds between two looks at the memory of the process."""


@dataclass
class Result:
    """One variant: median seconds, peak bytes above what was there before, and both against the first variant."""

    case: str
    variant: str
    seconds: float
    spread: float
    peak_bytes: int
    time_ratio: float
    memory_ratio: float


class PeakMemory:
    """The most memory in use inside a `with`, in bytes above the start; of the GPU if there is one."""

    peak = 0

    def __enter__(self) -> "PeakMemory":
        if torch.cuda.is_available():
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.start = torch.cuda.memory_allocated()
            return self
        self.process, self.done = psutil.Process(), threading.Event()
        self.start = self.most = self.process.memory_info().rss
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def _look(self) -> None:
        while not self.done.wait(SAMPLING_INTERVAL):
            self.most = max(self.most, self.process.memory_info().rss)

    def __exit__(self, *error: object) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
            self.peak = torch.cuda.max_memory_allocated() - self.start
            return
        self.done.set()
        self.thread.join()
        self.peak = self.most - self.start


def compare(case: str, variants: Mapping[str, Callable[[], object]], rounds: int) -> Iterator[Result]:
    """Warm up, run all variants in turn `rounds` times, and give the medians; ratios are against the first variant."""
    for variant in variants.values():
        variant()
    timers = {name: Timer("f()", globals={"f": f}, num_threads=torch.get_num_threads()) for name, f in variants.items()}
    times: dict[str, list[Measurement]] = {name: [] for name in variants}
    peaks: dict[str, int] = dict.fromkeys(variants, 0)
    for _ in range(rounds):
        for name, timer in timers.items():
            with PeakMemory() as memory:
                times[name].append(timer.timeit(1))
            peaks[name] = max(peaks[name], memory.peak)
    merged = {name: Measurement.merge(measured)[0] for name, measured in times.items()}
    first = next(iter(variants))
    for name, measured in merged.items():
        time_ratio = measured.median / merged[first].median
        memory_ratio = peaks[name] / max(1, peaks[first])
        result = Result(case, name, measured.median, measured.iqr, peaks[name], time_ratio, memory_ratio)
        print(
            f"{case:34} {name:16} {result.seconds:9.4f} s  x{time_ratio:5.2f}   "
            f"{result.peak_bytes / 2**20:8.1f} MiB  x{memory_ratio:5.2f}",
            flush=True,
        )
        yield result


@contextmanager
def report(path: Path) -> Iterator[list[Result]]:
    """A list to put results into; what is in it is written as JSON at the end, with what the machine is."""
    results: list[Result] = []
    yield results
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    machine = {"device": device, "threads": torch.get_num_threads(), "torch": torch.__version__}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "results": [asdict(result) for result in results]}, indent=1) + "\n")
    print(f"Written to {path}")
