"""Seeds: what torch takes is taken as torch takes it; anything else is one sentence, wherever a seed enters."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from analogist.demo import analogies as demo
from analogist.devices import checked_seed, seeded
from analogist.evaluation.backends.diffusers import DiffusersRenderer
from analogist.evaluation.jobs import Job, attempt
from analogist.evaluation.settings import InProcess, RenderSettings
from analogist.pipelines import prompt_diffusion
from analogist.pipelines.inpainting import Settings
from analogist.pipelines.models import InpaintingModel
from analogist.prompt_diffusion.settings import Settings as PromptDiffusionSettings
from analogist.prompt_diffusion.tasks import Texts

WRONG = [2**64, 2**70, -1, -(2**63), 1.5, 7.0, float("nan"), float("inf"), "7", None, np.float32(3), torch.tensor(1.5)]
IMAGE = Image.new("RGB", (64, 64))
SETTINGS = Settings(steps=2, images_per_prompt=1)


def no_model() -> InpaintingModel:
    """Only where it is, for a seed is refused before anything is computed."""
    unet: Any = SimpleNamespace(device=torch.device("cpu"))
    none: Any = None
    return InpaintingModel(unet, none, none, none)


def prompt_diffusion_with(seed: Any) -> object:
    def render(*_: object, **__: object) -> None:
        raise AssertionError("rendered")

    render.scheduler = SimpleNamespace(config={})  # type: ignore[attr-defined]
    pipeline: Any = render
    return prompt_diffusion.sample(pipeline, (IMAGE, IMAGE), IMAGE, Texts("", ""), PromptDiffusionSettings(), seed)


ENTRIES: list[Callable[[Any], object]] = [
    seeded,
    lambda seed: no_model().generator(seed),
    prompt_diffusion_with,
    lambda seed: demo.drawings(no_model(), SETTINGS, seed),
    lambda seed: demo.photographs(no_model(), SETTINGS, seed),
    lambda seed: list(demo.solve(no_model(), demo.read_drawings(), SETTINGS, seed)),
]


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("seed", WRONG, ids=repr)
def test_a_seed_that_torch_does_not_take_is_one_sentence(entry: Callable[[Any], object], seed: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a whole number from 0 to 18446744073709551615 as seed, got "):
        entry(seed)


@pytest.mark.parametrize(
    "seed", [0, 42, 2**63, 2**64 - 1, np.int64(7), np.uint64(2**64 - 1), torch.tensor(7)], ids=repr
)
def test_every_other_seed_is_torchs(seed: Any) -> None:
    expected = torch.rand(4, generator=torch.Generator().manual_seed(int(seed)))
    for generator in (seeded(seed), no_model().generator(seed)):
        assert torch.equal(torch.rand(4, generator=generator), expected)
    assert type(checked_seed(seed)) is int


def test_every_drawing_has_a_seed_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted on from the one that was given, past the largest from 0 again."""
    seen: list[int] = []
    model: Any = SimpleNamespace(generator=seen.append)
    monkeypatch.setattr(demo, "sample", lambda *_: iter([[Image.new("RGB", demo.GRID.size)]]))
    assert len(list(demo.solve(model, demo.read_drawings()[:3], SETTINGS, 2**64 - 2))) == 3
    assert seen == [2**64 - 2, 2**64 - 1, 0]


def test_prompt_diffusion_draws_from_its_seed() -> None:
    drawn: list[torch.Tensor] = []

    def render(*_: object, generator: torch.Generator, **__: object) -> SimpleNamespace:
        drawn.append(torch.rand(4, generator=generator))
        return SimpleNamespace(images=[])

    render.scheduler = SimpleNamespace(config={})  # type: ignore[attr-defined]
    pipeline: Any = render
    prompt_diffusion.sample(pipeline, None, IMAGE, Texts("", ""), PromptDiffusionSettings(), 7)
    assert torch.equal(drawn[0], torch.rand(4, generator=torch.Generator().manual_seed(7)))


def test_in_an_evaluation_it_is_the_problem_of_that_analogy() -> None:
    renderer = DiffusersRenderer(InProcess(model="m"))
    renderer.__dict__["model"] = no_model()  # Where a cached property keeps its value.
    outcome = attempt(renderer, Job("task", "name", {}, IMAGE, "a cat", 2**64, RenderSettings()))
    assert not outcome.grids
    assert outcome.problem.startswith("expected a whole number from 0 to ")
