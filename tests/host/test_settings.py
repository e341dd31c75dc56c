"""The node that says the numbers of a run by name."""

from typing import Any

import pytest

from support import comfyui

comfyui.need_host()

from support.graph import execute, node, room
from support.tiny_pack.tiny import tiny_model

published = room("analogist.published")
OWN = {"scale": 1.7, "layers": "4-8", "steps": 20, "strength": 0.5, "guidance": 7.0}


@pytest.mark.parametrize("preset", published.PRESETS)
def test_a_preset_is_its_numbers(preset: str) -> None:
    setting = published.PRESETS[preset]
    scale, layers, *rest = execute("AnalogistSettings", preset=preset)
    assert (scale, *rest) == (setting.scale, setting.steps, setting.strength, setting.guidance)
    chosen = room("analogist.layers").Layers
    assert chosen.parse(layers) == chosen.between(setting.layers)


def test_the_published_tasks_have_the_published_numbers() -> None:
    numbers = {name: execute("AnalogistSettings", preset=name) for name in published.PRESETS}
    assert numbers["task: colorization"] == (1.3, "3-10", 50, 0.98, 15.0)
    assert numbers["task: deblurring"] == numbers["task: denoising"] == (1.3, "3-10", 50, 0.7, 15.0)
    assert numbers["task: inpainting"] == (1.3, "3-10", 50, 0.98, 7.5)
    assert numbers["example: caricature"] == (1.3, "4-8", 50, 0.96, 15.0)
    assert numbers["example: aligned with B"] == (1.3, "4-7", 50, 0.8, 15.0)
    assert numbers["SDXL"] == (1.1, "4-8", 50, 0.98, 8.0)
    assert sum(name.startswith("task: ") for name in numbers) == len(published.TASKS) == 10


@pytest.mark.parametrize("name", OWN)
def test_a_number_takes_the_place_of_the_presets(name: str) -> None:
    names = list(OWN)
    paper = execute("AnalogistSettings", preset="paper")
    own = execute("AnalogistSettings", preset="paper", **{name: OWN[name]})
    assert own == tuple(OWN[one] if one == name else paper[names.index(one)] for one in names)


def test_custom_is_the_users_numbers() -> None:
    assert execute("AnalogistSettings", preset="custom", **OWN) == tuple(OWN.values())


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"preset": "custom", **OWN, "steps": 0, "layers": " "}, "got none for layers, steps: fill them in"),
        ({"preset": "custom", **OWN, "layers": "8-4"}, "expected layers such as"),
        ({"preset": "paper", "guidance": float("nan")}, "guidance must be a finite number, got nan"),
        ({"preset": "custom", **OWN, "scale": float("inf")}, "scale must be a finite number, got inf"),
        ({"preset": "papre"}, "expected a preset .paper, .*, custom., got 'papre'"),
    ],
)
def test_what_is_no_setting_is_refused(inputs: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        execute("AnalogistSettings", **inputs)


def test_its_outputs_fit_the_patches_and_the_schedule() -> None:
    scale, layers, steps, strength, _ = execute("AnalogistSettings", preset="example: caricature")
    (model,) = execute("AnalogistSACPatch", model=tiny_model(), scale=scale, layers=layers)
    (sigmas,) = execute("AnalogistSigmas", model=model, steps=steps, strength=strength)
    assert len(sigmas) == 49
    assert len(model.model_options["transformer_options"]["patches_replace"]["attn1"]) == 5


@pytest.mark.parametrize("name", published.PRESETS)
def test_the_help_page_says_the_numbers_of_a_preset(name: str) -> None:
    page = (comfyui.PROJECT / "web" / "docs" / "AnalogistSettings.md").read_text()
    scale, layers, steps, strength, guidance = execute("AnalogistSettings", preset=name)
    row = f"| {scale} | {layers} | {steps} | {strength} | {guidance:g} |"
    title = name.partition(": ")[2] or name
    assert any(title in line and line.endswith(row) for line in page.splitlines())


def test_a_person_sees_names_in_the_order_of_the_table() -> None:
    preset = node("AnalogistSettings").define_schema().inputs[0]
    assert preset.options == [*published.PRESETS, "custom"]
    assert preset.default == "paper"
