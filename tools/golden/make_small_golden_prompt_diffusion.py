"""Cut tests/golden/prompt_diffusion out of the whole set: two levels of four. Not part of any test run.

python tools/golden/make_small_golden_prompt_diffusion.py ../shared/golden_prompt_diffusion

The outputs of the two finest levels do not depend on the weights of the others, which are most of the file; those are
left out, and the tests put zeros in their place.
"""

import json
import re
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

CASES = ("square/normal", "square/pair_dropped", "square/scale_0.7", "square/two_queries")
SMALL = ("wide/normal", "wide/pair_swapped", "pair_of_other_size/normal")
OUTPUTS = 6


def main(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    manifest = json.loads((source / "manifest.json").read_text())
    manifest["cases"] = {case: manifest["cases"][case] for case in (*CASES, *SMALL)}
    weights = load_file(source / "control_ldm_full_prefix.safetensors")
    manifest["model"]["zeros"] = {name: list(tensor.shape) for name, tensor in weights.items() if coarse(name)}
    kept = {name: tensor for name, tensor in weights.items() if not coarse(name)}
    save_file(kept, target / "control_ldm_full_prefix.safetensors")
    inputs = load_file(source / "inputs.safetensors")
    save_file({name: tensor for name, tensor in inputs.items() if used(name, manifest)}, target / "inputs.safetensors")
    for scene in {case.split("/")[0] for case in manifest["cases"]}:
        stored = load_file(source / f"outputs_{scene}.safetensors")
        few = {name: tensor for name, tensor in stored.items() if wanted(scene, name, manifest)}
        save_file(few, target / f"outputs_{scene}.safetensors")
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    for form in ("bare", "diffusers"):
        (target / f"keymap_to_{form}.json").write_text((source / f"keymap_to_{form}.json").read_text())


def coarse(name: str) -> bool:
    """Whether a weight comes behind the first outputs."""
    number = re.match(r"control_model\.(?:input_blocks|zero_convs)\.(\d+)\.", name)
    return "middle_block" in name or (number is not None and int(number[1]) >= OUTPUTS)


def used(name: str, manifest: dict) -> bool:
    return any(name.startswith(case.split("/")[0] + ".") for case in manifest["cases"])


def wanted(scene: str, name: str, manifest: dict) -> bool:
    case, _, output = name.rpartition(".")
    number = re.fullmatch(r"down_(\d+)", output)
    return f"{scene}/{case}" in manifest["cases"] and number is not None and int(number[1]) < OUTPUTS


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parents[2] / "tests" / "golden" / "prompt_diffusion")
