"""What both trainings share: rates, checkpoints from which a stopped one goes on, and optimizers."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from .muon import Muon

SEED = 0
SAVE_EVERY = 120.0
"""Seconds between two checkpoints."""
ADAM_SHARE = 0.06
"""Learning rate of AdamW as a share of Muon's."""


def ramp(step: int, steps: int, start: int, end: float) -> float:
    """Up in `start` steps, then level, then down to nothing over the last share `end` of all steps."""
    return min(1.0, (step + 1) / start, (steps - step) / (end * steps))


def write_checkpoint(path: Path, state: dict[str, Any], step: int) -> None:
    """Written beside and moved into place, so that a checkpoint is whole or the one before."""
    unfinished = path.with_suffix(".new")
    torch.save({"step": step, **{name: part.state_dict() for name, part in state.items()}}, unfinished)
    unfinished.replace(path)


def read_checkpoint(path: Path, state: dict[str, Any]) -> int:
    """Fill `state`; the number of steps that were done."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    for name, part in state.items():
        part.load_state_dict(kept[name])
    return int(kept["step"])


def resumed(path: Path, title: str, state: dict[str, Any], steps: int) -> Iterator[int]:
    """The steps that are left, with a bar; checkpoints in between and at the end."""
    done = read_checkpoint(path, state)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(title, total=steps, completed=done)
        saved = time.monotonic()
        for step in range(done, steps):
            yield step
            bar.advance(task)
            if time.monotonic() - saved > SAVE_EVERY or step + 1 == steps:
                write_checkpoint(path, state, step + 1)
                saved = time.monotonic()


def log(path: Path, step: int, loss: float) -> None:
    with path.open("a") as file:
        file.write(f"{step},{loss:.5f},{time.time():.0f}\n")


def autocast() -> Any:
    """bfloat16 where there is hardware for its matrix products; elsewhere it is many times slower than float32."""
    supported = getattr(torch.cpu, "_is_amx_tile_supported", None)  # Older versions of torch do not say.
    return torch.autocast("cpu", torch.bfloat16, enabled=supported is not None and supported())


def optimizers(model: nn.Module, outer: tuple[str, ...]) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the matrices inside; AdamW for first and last layers (`outer`, parts of names), norms and biases."""
    named = list(model.named_parameters())
    inside = [p for name, p in named if p.ndim > 1 and not any(part in name for part in outer)]
    chosen = {id(p) for p in inside}
    others = [p for _, p in named if id(p) not in chosen]
    return Muon(inside, 0.0), torch.optim.AdamW(others, 0.0, betas=(0.9, 0.99), weight_decay=1e-3)


def set_rate(muon: Muon, adam: torch.optim.AdamW, rate: float) -> None:
    muon.param_groups[0]["lr"] = rate
    adam.param_groups[0]["lr"] = rate * ADAM_SHARE


def update(loss: Tensor, model: nn.Module, muon: Muon, adam: torch.optim.AdamW) -> None:
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in (muon, adam):
        optimizer.step()
        optimizer.zero_grad()
