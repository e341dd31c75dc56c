"""The reference's time steps, and which layers and steps an edit is active in."""

import itertools
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analogist.layers import PAPER, LayerRange, SamplingRange
from analogist.schedule import ddim_sigmas, ddim_timesteps, scaled_linear_sigmas
from support.golden import ALL, OWN


@pytest.mark.parametrize("row", OWN.manifest["schedule"]["table"], ids=json.dumps)
def test_every_published_schedule(row: dict) -> None:
    timesteps = ddim_timesteps(row["num_inference_steps"], row["strength"])
    assert (len(timesteps), timesteps[0]) == (row["steps_run"], row["first_timestep"])
    assert timesteps[-1] == 1


@pytest.mark.parametrize("strength", [1.0, 0.98, 0.96, 0.8, 0.7])
def test_first_and_last_sigma_of_the_published_strengths(strength: float) -> None:
    if not ALL.folder.exists():
        pytest.skip("there is no ../shared/golden beside the project")
    rows = {row["strength"]: row for row in ALL.manifest["files"]["init_latents_32"]["rows"]}
    sigmas = ddim_sigmas(50, strength, scaled_linear_sigmas())
    assert ddim_timesteps(50, strength) == rows[strength]["timesteps"]
    assert sigmas[0].item() == pytest.approx(rows[strength]["sigma"], rel=1e-6)
    last = OWN.manifest["schedule"]["final_alpha_cumprod"]
    assert sigmas[-1].item() == pytest.approx(((1 - last) / last) ** 0.5, rel=2e-5)  # Stored in float32, near 1.
    assert (sigmas.diff() < 0).all()


def test_the_ends_of_the_published_sigma_table() -> None:
    table, facts = scaled_linear_sigmas(), OWN.manifest["schedule"]
    for sigma, alpha in ((table[0], facts["final_alpha_cumprod"]), (table[-1], facts["alpha_cumprod_last_train_step"])):
        assert sigma.item() == pytest.approx(((1 - alpha) / alpha) ** 0.5, rel=2e-5)


@given(steps=st.integers(1, 999), strength=st.floats(0.01, 1))
def test_timesteps_fall_evenly_to_one(steps: int, strength: float) -> None:
    if 1000 % steps > 100:  # Their whole strides end far from pure noise: 600 steps would begin at step 600 of 1000.
        with pytest.raises(ValueError, match=rf"{steps} steps of {1000 // steps} leave out the noisiest .*: use \d+$"):
            ddim_timesteps(steps, strength)
        return
    if int(steps * strength) == 0:
        with pytest.raises(ValueError, match="leaves none of"):
            ddim_timesteps(steps, strength)
        return
    timesteps = ddim_timesteps(steps, strength)
    assert timesteps[-1] == 1
    assert timesteps[0] <= 999
    assert len({high - low for high, low in itertools.pairwise(timesteps)}) <= 1


@pytest.mark.parametrize(
    ("steps", "strength", "says"),
    [
        (0, 1.0, "steps must be 1 to 999, got 0"),
        (1000, 1.0, "steps must be 1 to 999, got 1000"),
        (600, 1.0, "600 steps of 1 leave out the noisiest 400 of the 1000 training steps: use 500"),
        (50, 0.0, r"strength must be in \(0, 1\], got 0.0"),
        (50, 1.1, r"strength must be in \(0, 1\], got 1.1"),
    ],
)
def test_impossible_schedules_are_refused(steps: int, strength: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ddim_timesteps(steps, strength)


def test_the_papers_layers() -> None:
    assert list(PAPER.select(16)) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert not LayerRange(5, 5).select(16)


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (3, 17, "has 16 layers: start_layer and end_layer must be between 0 and 16"),
        (-1, 3, "0 or more"),
        (9, 4, "9 to 4"),
    ],
)
def test_layers_outside_the_model_are_refused(start: int, end: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        LayerRange(start, end).select(16)


def test_the_active_part_is_open_at_its_end() -> None:
    table = scaled_linear_sigmas()

    def percent_to_sigma(percent: float) -> float:
        return float(table[round((1 - percent) * 999)])

    levels = SamplingRange(0.4, 0.6).noise_levels(percent_to_sigma)
    inside = [t for t in range(1000) if table[t].item() in levels]
    assert inside == list(range(round(0.4 * 999) + 1, round(0.6 * 999) + 1))
    assert SamplingRange(0.3, 0.3).is_empty
    assert SamplingRange().is_everything
    assert not SamplingRange(0.0, 0.5).is_everything


@pytest.mark.parametrize(("start", "end"), [(0.6, 0.4), (-0.1, 1.0), (0.0, 1.5)])
def test_a_part_that_is_no_part_is_refused(start: float, end: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1"):
        SamplingRange(start, end)


def test_sigmas_take_any_models_table() -> None:
    table = torch.linspace(0.1, 10, 1000)
    assert ddim_sigmas(2, 1.0, table).tolist() == pytest.approx([table[501].item(), table[1].item(), table[0].item()])


@pytest.mark.parametrize("length", [50, 999, 1001])
def test_a_table_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"expected a sigma for each of 1000 training time steps, got {length}"):
        ddim_sigmas(50, 0.98, torch.linspace(0.03, 14.6, length))
