"""Cut the small golden files of tests/golden out of the whole set. Not part of any test run.

python tools/golden/make_small_golden.py ../shared/golden path/to/the/published/visual_prompting.py

The published script of the grid runs unmodified, on parts of images of this project, in tests/golden/grid.
"""

import hashlib
import json
import runpy
import sys
from pathlib import Path
from types import ModuleType

from PIL import Image
from safetensors.torch import load_file, save_file

LAYERS = (3, 6, 9)
CASES = ("none", "both", "both_layers_0_16", "sac_2_7_cam_6_12")
RUNS = ("pipeline_32_six_steps", "pipeline_32_gated")
"""One image, and two images whose texts must come in the right order."""
GRIDS = ((256, 2), (128, 2), (512, 2), (256, 4), (256, 8))
"""Side of a cell and width of the gutter."""


def grids(script: Path, folder: Path) -> None:
    """The hashes of what the published script makes of the images in `folder`."""
    sys.modules["cv2"] = ModuleType("cv2")  # It draws the arrows, which are not asked for.
    make_grid = runpy.run_path(str(script))["make_grid"]
    images = [Image.open(folder / f"{name}.png") for name in ("a", "a_prime", "b")]
    hashes = [
        {"cell": cell, "gutter": gutter, "rgb_sha256": hashlib.sha256(made.tobytes()).hexdigest()}
        for cell, gutter in GRIDS
        for made in [make_grid(*images, grid_size=cell, p=gutter)]
    ]
    (folder / "grids.json").write_text(json.dumps(hashes, indent=1) + "\n")


def main(source: Path, target: Path) -> None:
    manifest = json.loads((source / "manifest.json").read_text())
    files = {}

    # Weights and inputs are exact in float16 by construction (see the README of the whole set).
    weights = load_file(source / "unet.safetensors")
    save_file({key: tensor.half() for key, tensor in weights.items()}, target / "unet.safetensors")
    assert all(tensor.half().float().equal(tensor) for tensor in weights.values())

    entry = manifest["files"]["attn_32"]
    entry["tensors"] = [t for t in entry["tensors"] if t["layer"] in LAYERS]
    for t in entry["tensors"]:
        t["samples_of_the_batch"] = t["samples_of_the_batch"][-1:]
    prefixes = tuple(f"L{t['layer']:02d}.{t['kind']}." for t in entry["tensors"])
    attention = {
        k: t[-1:].contiguous() for k, t in load_file(source / "attn_32.safetensors").items() if k.startswith(prefixes)
    }
    save_file(attention, target / "attn_32.safetensors")
    files["attn_32"] = entry

    entry = manifest["files"]["unet_io_32"]
    entry["cases"] = {case: entry["cases"][case] for case in CASES}
    kept = {"x", "uncond", "cond", *(f"eps.{case}" for case in CASES)}
    save_file(
        {k: t for k, t in load_file(source / "unet_io_32.safetensors").items() if k in kept},
        target / "unet_io_32.safetensors",
    )
    files["unet_io_32"] = entry

    for run in RUNS:
        save_file(load_file(source / f"{run}.safetensors"), target / f"{run}.safetensors")
        files[run] = manifest["files"][run]

    manifest["files"] = files
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    name = "unet_keymap_ldm_to_diffusers.json"
    (target / name).write_text((source / name).read_text())


if __name__ == "__main__":
    grids(Path(sys.argv[2]), Path(__file__).parents[2] / "tests" / "golden" / "grid")
    main(Path(sys.argv[1]), Path(__file__).parents[2] / "tests" / "golden")
