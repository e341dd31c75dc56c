"""Numbers written down while the community implementation of Prompt Diffusion ran; see tests/golden/prompt_diffusion.

`tests/golden/prompt_diffusion` holds the outputs of the two finest levels and the weights that those depend on;
`../shared/golden_prompt_diffusion`, where it is there, holds everything. Both have the same format.
"""

import json
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from .golden import PROJECT, SHARED

TOLERANCE = 1e-5
FORMS = ("whole", "control", "bare", "diffusers")
"""The four forms in which the weights may come."""


class GoldenPromptDiffusion:
    """One folder of golden data."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text())

    def keymap(self, form: str) -> dict[str, str]:
        """Stored name -> name in "bare" or "diffusers"."""
        return json.loads((self.folder / f"keymap_to_{form}.json").read_text())

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """All 356 tensors in float32 under the names of the published checkpoint; what was left out is zero."""
        stored = load_file(self.folder / "control_ldm_full_prefix.safetensors")
        absent = self.manifest["model"].get("zeros", {})
        return {name: tensor.float() for name, tensor in stored.items()} | {
            name: torch.zeros(shape) for name, shape in absent.items()
        }

    def in_form(self, form: str) -> dict[str, Tensor]:
        """The weights as one of FORMS has them."""
        if form == "whole":
            rest = ("model.diffusion_model.a", "first_stage_model.b", "cond_stage_model.c", "betas")
            return self.weights | {name: torch.zeros(1) for name in rest}
        if form == "control":
            return dict(self.weights)
        names = self.keymap(form)
        return {names[name]: tensor for name, tensor in self.weights.items()}

    @cache  # noqa: B019 - two objects, as long as the test run
    def inputs(self) -> dict[str, Tensor]:
        return load_file(self.folder / "inputs.safetensors")

    def for_text_of(self, width: int) -> dict[str, Tensor]:
        """The weights under their bare names, with the text cut to another width: for tiny models of other tests."""
        return {
            name: tensor[:, :width].contiguous() if ".attn2.to_k" in name or ".attn2.to_v" in name else tensor
            for name, tensor in self.in_form("bare").items()
        }

    def picture(self, name: str) -> Tensor:
        """An image as the host has it: (1, H, W, 3) in [0, 1]."""
        return self.inputs()[name][None]

    def given(self, case: str, what: str) -> Tensor:
        """The latents ("x") or the texts ("context") of a case, one for each of its samples."""
        entry = self.manifest["cases"][case]
        return self.inputs()[entry[what]][: entry["samples"]]

    @cache  # noqa: B019
    def outputs(self, case: str) -> list[Tensor]:
        """The outputs of a case, the finest first and the middle one last; None where it is not stored."""
        scene, name = case.split("/")
        stored = load_file(self.folder / f"outputs_{scene}.safetensors")
        keys = [*(f"{name}.down_{number:02d}" for number in range(12)), f"{name}.middle"]
        return [stored.get(key) for key in keys]

    def assert_equal(self, case: str, came: list[Tensor]) -> None:
        """13 outputs are those of a case."""
        assert len(came) == 13
        pairs = [(one, other) for one, other in zip(came, self.outputs(case), strict=True) if other is not None]
        assert len(pairs) >= 6
        for one, other in pairs:
            assert one.shape == other.shape
            assert (one - other).abs().max() <= TOLERANCE


OWN = GoldenPromptDiffusion(PROJECT / "tests" / "golden" / "prompt_diffusion")
ALL = GoldenPromptDiffusion(SHARED / "golden_prompt_diffusion")
FOLDERS = {"own": OWN, "shared": ALL}


def need(data: GoldenPromptDiffusion) -> None:
    """Skip, by name, a test whose golden data is not there."""
    if not data.folder.exists():
        pytest.skip("there is no ../shared/golden_prompt_diffusion beside the project")


def each(*wanted: str) -> list:
    """pytest parameters (data, case): those named, or all that a folder has."""
    parameters = []
    for label, data in FOLDERS.items():
        if not data.folder.exists():
            parameters.append(pytest.param(data, None, id=label))
            continue
        cases = [case for case in data.manifest["cases"] if not wanted or case in wanted]
        parameters += [pytest.param(data, case, id=f"{label}-{case}") for case in cases]
    return parameters
