"""Cut the small golden files of tests/golden out of the whole set. Not part of any test run.

python tools/golden/make_small_golden.py ../shared/golden
"""

import json
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

LAYERS = (3, 6, 9)
CASES = ("none", "both", "both_layers_0_16", "sac_2_7_cam_6_12")
RUN = "pipeline_32_six_steps"


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

    save_file(load_file(source / f"{RUN}.safetensors"), target / f"{RUN}.safetensors")
    files[RUN] = manifest["files"][RUN]

    manifest["files"] = files
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    name = "unet_keymap_ldm_to_diffusers.json"
    (target / name).write_text((source / name).read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parents[2] / "tests" / "golden")
