"""The reference's time steps, and which layers and steps an edit is active in."""

import itertools
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from analogist.layers import PAPER, SD15, LayerRange, Layers, Numbering, SamplingRange, Stage, describe
from analogist.schedule import ddim_sigmas, ddim_timesteps
from support.golden import ALL, OWN


def train_sigmas() -> torch.Tensor:
    """Stable Diffusion's sigma of every training time step, sqrt((1 - a) / a): (1000,)."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = (1 - betas).cumprod(dim=0)
    return ((1 - kept) / kept).sqrt().float()


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
    sigmas = ddim_sigmas(50, strength, train_sigmas())
    assert ddim_timesteps(50, strength) == rows[strength]["timesteps"]
    assert sigmas[0].item() == pytest.approx(rows[strength]["sigma"], rel=1e-6)
    last = OWN.manifest["schedule"]["final_alpha_cumprod"]
    assert sigmas[-1].item() == pytest.approx(((1 - last) / last) ** 0.5, rel=2e-5)  # Stored in float32, near 1.
    assert (sigmas.diff() < 0).all()


def test_the_ends_of_the_published_sigma_table() -> None:
    table, facts = train_sigmas(), OWN.manifest["schedule"]
    for sigma, alpha in ((table[0], facts["final_alpha_cumprod"]), (table[-1], facts["alpha_cumprod_last_train_step"])):
        assert sigma.item() == pytest.approx(((1 - alpha) / alpha) ** 0.5, rel=2e-5)


@given(steps=st.integers(1, 999), strength=st.floats(0.01, 1))
def test_timesteps_fall_evenly_to_one(steps: int, strength: float) -> None:
    if 1000 % steps > 100:  # Their whole strides end far from pure noise: 600 steps would begin at step 600 of 1000.
        with pytest.raises(
            ValueError, match=rf"{steps} steps with a stride of {1000 // steps} skip the noisiest .*: use \d+$"
        ):
            ddim_timesteps(steps, strength)
        return
    if int(steps * strength) == 0:
        with pytest.raises(ValueError, match="runs no step"):
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
        (600, 1.0, "600 steps with a stride of 1 skip the noisiest 400 of the 1000 training timesteps: use 500"),
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
        (3, 17, "from 0 to 16, the number of layers of this model, got 3 and 17"),
        (-1, 3, "expected 0 <= start_layer"),
        (9, 4, "got start_layer 9 and end_layer 4"),
    ],
)
def test_layers_outside_the_model_are_refused(start: int, end: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        LayerRange(start, end).select(16)


def test_the_active_part_is_open_at_its_end() -> None:
    table = train_sigmas()

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
    with pytest.raises(ValueError, match=rf"got start_percent {start} and end_percent {end}"):
        SamplingRange(start, end)


def test_sigmas_take_any_models_table() -> None:
    table = torch.linspace(0.1, 10, 1000)
    assert ddim_sigmas(2, 1.0, table).tolist() == pytest.approx([table[501].item(), table[1].item(), table[0].item()])


@pytest.mark.parametrize("length", [50, 999, 1001])
def test_a_table_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"expected a sigma for each of 1000 training timesteps, got {length}"):
        ddim_sigmas(50, 0.98, torch.linspace(0.03, 14.6, length))


def unet(down: dict[int, list[int]], middle: int, up: dict[int, list[int]]) -> list[Stage]:
    """A UNet's stages from the depths at each level."""
    return [
        *(Stage("down", ratio, depth) for ratio, depths in down.items() for depth in depths),
        *([Stage("middle", max(down), middle)] if middle else []),
        *(Stage("up", ratio, depth) for ratio, depths in up.items() for depth in depths),
    ]


SDXL = unet({2: [2, 2], 4: [10, 10]}, 10, {4: [10, 10, 10], 2: [2, 2, 2]})
SSD_1B = unet({2: [2, 2], 4: [4, 4]}, 0, {4: [4, 4, 10], 2: [2, 1, 1]})


@pytest.mark.parametrize(
    ("structure", "numbers", "chosen"),
    [
        (SDXL, "3-10", range(2, 66)),
        (SDXL, "4-8", range(4, 54)),
        (SDXL, "4-7", range(4, 44)),
        (SDXL, "6", range(24, 34)),
        (SDXL, "0-15", range(70)),
        (SSD_1B, "6-7", range(12, 16)),
        (SSD_1B, "9", range(20, 30)),
    ],
)
def test_layers_of_sd15_are_stages_of_other_unets(structure: list[Stage], numbers: str, chosen: range) -> None:
    assert Layers.parse(numbers).select(structure) == list(chosen)


@given(numbers=st.sets(st.integers(0, 15)), numbering=st.sampled_from(Numbering))
def test_on_sixteen_layers_both_numberings_are_the_same(numbers: set[int], numbering: Numbering) -> None:
    assert Layers(frozenset(numbers), numbering).select(SD15) == sorted(numbers)


def test_layers_that_a_model_has_not_are_refused() -> None:
    with pytest.raises(ValueError, match=r"as in SD 1\.5 must be 0 to 15, got 16 \(this model has 70"):
        Layers.parse("3-16").select(SDXL)
    with pytest.raises(ValueError, match="this model's own must be 0 to 69, got 70"):
        Layers.parse("70", Numbering.OWN).select(SDXL)
    with pytest.raises(ValueError, match=r"no counterpart of the SD 1.5 layers 0, 1"):
        Layers.parse("0, 1").select(SDXL)


RANGES = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 20)), min_size=1)


@given(numbers=RANGES, space=st.sampled_from(["", " "]))
def test_a_text_of_layers(numbers: list[tuple[int, int]], space: str) -> None:
    parts = [str(first) if more == 0 else f"{first}{space}-{space}{first + more}" for first, more in numbers]
    expected = {number for first, more in numbers for number in range(first, first + more + 1)}
    assert Layers.parse(f",{space}".join(parts)).numbers == expected


@pytest.mark.parametrize(
    "text", ["", " ", "3-", "-3", "9-4", "3;4", "a", "3,,4", "3,", "1.5", "\u0663", "12345", "3-4-5"]
)
def test_a_text_that_names_no_layers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected layers such as 4-53 or 7-10, 18, 25, got "):
        Layers.parse(text)


@given(text=st.text())
def test_any_text_is_layers_or_is_refused_by_name(text: str) -> None:
    try:
        layers = Layers.parse(text)
    except ValueError as error:
        assert str(error).startswith("expected layers such as 4-53 or 7-10, 18, 25, got ")  # noqa: PT017
    else:
        assert layers.numbers
        assert set(text) <= set("0123456789-, \t\n\r\v\f")


def test_what_is_chosen_is_described() -> None:
    layers = Layers.parse("3-8").select(SDXL)
    assert (
        describe(layers, SDXL) == "52 of 70 transformer blocks: down 1/2 (2), down 1/4 (20), middle (10), up 1/4 (20)"
    )
    assert describe([], SD15) == "0 of 16 transformer blocks: none"
