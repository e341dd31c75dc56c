"""Time and memory of variants of one thing, measured in turn in one run, so that their ratios mean something."""

import ctypes
import json
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import torch

SAMPLING_INTERVAL = 0.002
"""Seconds between two looks at the memory of the process."""


@dataclass
class Result:
    """One variant: the median of its seconds, their range, its peak bytes above the start, and both as ratios.

    The time ratio is the median over the rounds of the ratio to the first variant in the same round.
    """

    case: str
    variant: str
    seconds: float
    fastest: float
    slowest: float
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
        if sys.platform == "linux":
            ctypes.CDLL("libc.so.6").malloc_trim(0)  # Else memory that was freed, but kept, hides what is used.
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
    peaks: dict[str, int] = {}
    for name, variant in variants.items():
        variant()  # To warm up.
        with PeakMemory() as memory:  # Apart from the times, because looking takes time.
            variant()
        peaks[name] = memory.peak
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            times[name].append(seconds(variant))
    first = next(iter(variants))
    for name, measured in times.items():
        ratio = statistics.median(one / other for one, other in zip(measured, times[first], strict=True))
        memory_ratio = peaks[name] / max(1, peaks[first])
        median = statistics.median(measured)
        result = Result(case, name, median, min(measured), max(measured), peaks[name], ratio, memory_ratio)
        print(
            f"{case:34} {name:16} {result.seconds:9.4f} s  x{ratio:5.2f}   "
            f"{result.peak_bytes / 2**20:8.1f} MiB  x{memory_ratio:5.2f}",
            flush=True,
        )
        yield result


def seconds(variant: Callable[[], object]) -> float:
    """How long one call takes, the GPU's work included."""
    start = time.perf_counter()
    variant()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


@contextmanager
def report(path: Path) -> Iterator[list[Result]]:
    """A list to put results into; what is in it is written as JSON at the end, with what the machine is."""
    results: list[Result] = []
    yield results
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    machine = {"device": device, "threads": torch.get_num_threads(), "torch": torch.__version__}
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": machine, "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"Written to {path}")
