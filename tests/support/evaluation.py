"""Small data sets for evaluations, and renderers that need no model."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from analogist.evaluation.jobs import Job, RenderError
from analogist.evaluation.settings import Config, RenderSettings, Task
from analogist.grid import AnalogyGrid, canvas, compose

SMALL = {"res": 128, "steps": 2, "num_images_per_prompt": 2}
BACKEND = {"kind": "test"}


def picture(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """An image that no other seed gives, smooth enough to be looked at."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def published(root: Path, tasks: dict[str, int], names: bool = False) -> Path:
    """The published layout with so many grids for each task; `names` puts their names into the first column."""
    for task, number in tasks.items():
        folder = root / "some_tasks_processed" / f"{task}_masked"
        folder.mkdir(parents=True)
        lines = []
        for index in range(number):
            name = f"{index:03}"
            compose(AnalogyGrid(64, 64), *(picture(100 * index + n) for n in range(3))).save(folder / f"{name}.png")
            lines.append(f"{name if names else 'x'}\tPrompt {index} of {task}\tanother")
        (folder.parent / f"{task}_gpt4_out.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def plain(root: Path, task: str, names: Sequence[str], truth: bool = False) -> Path:
    """The plain layout: a folder for each analogy."""
    for number, name in enumerate(names):
        folder = root / task / name
        folder.mkdir(parents=True)
        for index, cell in enumerate(("a", "a_prime", "b", "b_prime")[: 3 + truth]):
            picture(10 * number + index).save(folder / f"{cell}.png")
        (folder / "prompt.txt").write_text(f"prompt of {name}\n", encoding="utf-8")
    return root


def config(**tasks: dict[str, object]) -> Config:
    return Config(
        defaults=RenderSettings(**SMALL), tasks={name: Task(**{**SMALL, **said}) for name, said in tasks.items()}
    )


class FakeRenderer:
    """Renders noise that depends on the seed alone, and notes in a file what it rendered."""

    def __init__(self, notes: Path, fails: Sequence[str] = (), seconds: float = 0.0) -> None:
        self.notes, self.fails, self.seconds = notes, fails, seconds

    def render(self, job: Job) -> list[Image.Image]:
        if job.name in self.fails:
            raise RenderError("the model broke.")
        time.sleep(self.seconds)
        with self.notes.open("a") as file:
            file.write(f"{job.task}/{job.name} {os.getpid()}\n")
        generator = np.random.default_rng(job.seed)
        pictures = generator.integers(0, 256, (job.settings.num_images_per_prompt, 8, 8, 3), dtype=np.uint8)
        return [canvas(job.grid, job.image, Image.fromarray(one).resize((64, 64))) for one in pictures]

    def rendered(self) -> list[str]:
        return [line.split()[0] for line in self.notes.read_text().splitlines()] if self.notes.exists() else []
