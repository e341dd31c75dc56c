"""Time and memory of variants of one thing, measured in turn in one run, so that their ratios mean something."""

import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path

import torch
from tqdm import tqdm

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # The profiler's own lines; it reads this when it is first used.
warnings.filterwarnings("ignore", message="Warning: Profiler clears events")  # One cycle is all that is recorded.


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


def peak_bytes(variant: Callable[[], object]) -> int:
    """The most bytes in tensors during one call, above the start; of the GPU if there is one.

    Counted from the allocator's own record: what the process occupies depends on what was freed, but kept.
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        start = torch.cuda.memory_allocated()
        variant()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - start
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as record:
        variant()
    changes = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    sizes = (event.nbytes() for event in sorted(changes, key=lambda event: event.start_ns()))
    return max(0, *accumulate(sizes))


def compare(case: str, variants: Mapping[str, Callable[[], object]], rounds: int) -> Iterator[Result]:
    """Warm up, run all variants in turn `rounds` times, and give the medians; ratios are against the first variant."""
    peaks: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in variants}
    with tqdm(total=len(variants) * (rounds + 2), desc=case, unit="call", leave=False) as progress:
        for name, variant in variants.items():
            variant()  # To warm up.
            progress.update()
            peaks[name] = peak_bytes(variant)  # Apart from the times, because counting takes time.
            progress.update()
        for _ in range(rounds):
            for name, variant in variants.items():
                times[name].append(seconds(variant))
                progress.update()
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
