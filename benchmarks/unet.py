"""A guided step of the Stable Diffusion 1.5 inpainting UNet inside ComfyUI, patched against unpatched.

Random weights, float32 on the CPU and float16 on a GPU, with ComfyUI's own choice of attention for that device (on
the CPU with --use-pytorch-cross-attention, the faster of its two).

python benchmarks/unet.py outputs/bench/unet.json [512 1024]
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support import comfyui

if comfyui.host_path() is None:
    sys.exit("There is no ComfyUI at COMFYUI_PATH or in comfy-cli's default workspace.")
comfyui.need_host()

import torch
from comfy.model_patcher import ModelPatcher
from comfy.supported_models import SD15

from measure import compare, report
from support.graph import cam, sac
from support.tiny_pack.tiny import UNET

SD15_UNET = {**UNET, "model_channels": 320, "channel_mult": [1, 2, 4, 4], "context_dim": 768}


def main(path: Path, sizes: list[int]) -> None:
    cuda = torch.cuda.is_available()
    device, dtype = (torch.device("cuda"), torch.float16) if cuda else (torch.device("cpu"), torch.float32)
    inner = SD15({**SD15_UNET, "dtype": dtype}).get_model({}, device=device).eval()
    with torch.no_grad():
        for weight in inner.diffusion_model.parameters():
            weight.normal_(std=0.02)
    model = ModelPatcher(inner, load_device=device, offload_device=device)
    variants = {
        "unpatched": model,
        "layers 3..10": cam(sac(model)),
        "all 16 layers": cam(sac(model, start_layer=0, end_layer=16), start_layer=0, end_layer=16),
    }
    with report(path) as results, torch.inference_mode():
        for size in sizes:
            x = torch.randn(2, 9, size // 8, size // 8, device=device, dtype=dtype)
            context = torch.randn(2, 77, 768, device=device, dtype=dtype)
            steps = {name: step(patched, x, context) for name, patched in variants.items()}
            results += compare(f"UNet step, {size} grid", steps, rounds=30 if cuda else 5 if size <= 512 else 3)


def step(model: ModelPatcher, x: torch.Tensor, context: torch.Tensor) -> Callable[[], torch.Tensor]:
    options = {**model.model_options["transformer_options"], "sigmas": torch.ones(1, device=x.device)}
    timestep = torch.full((len(x),), 500.0, device=x.device)
    return partial(model.model.diffusion_model, x, timestep, context, transformer_options=options)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(size) for size in sys.argv[2:]] or [512, 1024])
