"""Numbers written down while the published Analogist code ran; see tests/golden/README.md.

`tests/golden` holds a few of them, so that the suite means something in any clone; `../shared/golden`, where it
is there, holds them all, in the same format. A file that both have is run from there, once.
"""

import json
from functools import cache, cached_property
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SHARED = PROJECT.parent / "shared"

ATTENTION_TOLERANCE = 1e-5
UNET_TOLERANCE = 2e-5


class Golden:
    """One folder of golden data."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def manifest(self) -> dict:
        return json.loads((self.folder / "manifest.json").read_text())

    @cached_property
    def keymap(self) -> dict[str, str]:
        """LDM name -> diffusers name of each key of the UNet."""
        return json.loads((self.folder / "unet_keymap_ldm_to_diffusers.json").read_text())

    def files(self, kind: str) -> dict[str, dict]:
        """Names and settings of the files of one kind: unet, attention, pipeline, ..."""
        return {name: entry for name, entry in self.manifest["files"].items() if entry["kind"].startswith(kind)}

    @cache  # noqa: B019 - two objects, as long as the test run
    def tensors(self, name: str) -> dict:
        """The tensors of one file, in float32."""
        from safetensors.torch import load_file

        return {key: tensor.float() for key, tensor in load_file(self.folder / f"{name}.safetensors").items()}

    def pipeline_tolerance(self, name: str, step: int) -> float:
        """As golden/README.md has it: 3e-4 of the step's rms and four times its distance to float64."""
        entry = self.manifest["files"][name]["steps"][str(step)]
        return 3e-4 * entry["rms"] + 4 * entry["max_abs_diff_to_float64"]


OWN = Golden(PROJECT / "tests" / "golden")
ALL = Golden(SHARED / "golden")
FOLDERS = {"own": OWN, "shared": ALL}


def need(golden: Golden) -> None:
    """Skip, by name, a test whose golden data is not there."""
    if not golden.folder.exists():
        pytest.skip("there is no ../shared/golden beside the project")


def each(kind: str, cases: str | None = None) -> list:
    """pytest parameters (golden, file) or (golden, file, case) for every golden file of a kind, from one folder."""
    parameters = []
    for label, golden in FOLDERS.items():
        if not golden.folder.exists():
            blank = (golden, None) if cases is None else (golden, None, None)
            parameters.append(pytest.param(*blank, id=label))
            continue
        for name, entry in golden.files(kind).items():
            if golden is OWN and ALL.folder.exists() and name in ALL.files(kind):
                continue  # A part of the other: test_diffusers_pipeline holds that.
            if cases is None:
                parameters.append(pytest.param(golden, name, id=f"{label}-{name}"))
            else:
                parameters += [pytest.param(golden, name, case, id=f"{label}-{name}-{case}") for case in entry[cases]]
    return parameters
