"""The training of the demo model, at its smallest: it runs from nothing, in any number of processes, and goes on."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from analogist.demo.model import load_modules
from analogist.demo.weights import PATH

TOOL = Path(__file__).parents[2] / "tools" / "train_demo_model.py"


def train(folder: Path, *options: str) -> None:
    small = ["--collages", "6", "--autoencoder-steps", "2", "--batch", "4"]
    subprocess.run([sys.executable, TOOL, folder, *small, *options], check=True, capture_output=True)


def weights(file: Path) -> dict[str, torch.Tensor]:
    modules = load_modules(file)
    return {
        f"{part}.{name}": tensor
        for part, module in modules._asdict().items()
        for name, tensor in module.state_dict().items()
    }


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    train(folder, "--steps", "3", "--workers", "1")
    return folder


def gradients(folder: Path) -> list[torch.Tensor]:
    """Their running means, one for each parameter."""
    state = torch.load(folder / "unet.pt", weights_only=True)["optimizer"]["state"]
    return [state[number]["exp_avg"].flatten() for number in sorted(state)]


def test_processes_that_share_a_batch_have_the_gradients_of_one(alone: Path, tmp_path: Path) -> None:
    train(tmp_path, "--steps", "3", "--workers", "2")
    for together, expected in zip(gradients(tmp_path), gradients(alone), strict=True):
        if expected.norm() > 1e-6:
            assert torch.cosine_similarity(together, expected, dim=0) > 0.98


def test_a_training_goes_on_where_it_was(alone: Path) -> None:
    before = torch.load(alone / "unet.pt", weights_only=True)
    train(alone, "--steps", "4", "--workers", "1")
    after = torch.load(alone / "unet.pt", weights_only=True)
    assert (before["step"], after["step"]) == (3, 4)
    assert after["average"]["n_averaged"] == before["average"]["n_averaged"] + 1


def test_what_is_exported_is_what_was_trained(alone: Path) -> None:
    kept = torch.load(alone / "unet.pt", weights_only=True)["average"]
    written = weights(alone / "demo_model.safetensors")["unet.conv_in.weight"]
    torch.testing.assert_close(written, kept["module.unet.conv_in.weight"].half().float())


def test_a_training_that_starts_from_a_model_takes_all_but_the_lower_levels(tmp_path: Path) -> None:
    train(tmp_path, "--start", str(PATH), "--steps", "1", "--rate", "0", "--workers", "1")
    started, earlier = weights(tmp_path / "demo_model.safetensors"), weights(PATH)
    anew = {name for name in earlier if not torch.equal(started[name], earlier[name])}
    levels = ("unet.down_blocks.0.downsamplers", *(f"unet.down_blocks.{n}" for n in (1, 2, 3)), "unet.mid_block")
    assert anew
    assert all(name.startswith((*levels, *(f"unet.up_blocks.{n}" for n in (0, 1, 2)))) for name in anew)
    assert not started["unet.mid_block.resnets.0.conv2.weight"].any()
