"""A guided step of an inpainting UNet inside ComfyUI, patched against unpatched: Stable Diffusion 1.5 and SDXL.

Random weights, float32 on the CPU and float16 on a GPU, with ComfyUI's own choice of attention for that device (on
the CPU with --use-pytorch-cross-attention, the faster of its two). SDXL, at 1024 alone, needs 14 GiB of free memory on
the CPU and is left out, by name, where there is less; without a GPU its step has one half only, since it takes minutes.

python benchmarks/unet.py outputs/bench/unet.json [512 1024 sdxl]
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support import comfyui

if comfyui.host_path() is None:
    sys.exit("There is no ComfyUI at COMFYUI_PATH or in comfy-cli's default workspace.")
comfyui.need_host()

import psutil
import torch
from comfy.model_patcher import ModelPatcher
from comfy.supported_models import SD15, SDXL
from comfy.supported_models_base import BASE

from measure import Result, compare, report
from support.graph import cam, sac
from support.tiny_pack.tiny import SDXL_UNET, UNET

SD15_UNET = {**UNET, "model_channels": 320, "channel_mult": [1, 2, 4, 4], "context_dim": 768}
LARGE_SDXL_UNET = {
    **SDXL_UNET,
    "model_channels": 320,
    "context_dim": 2048,
    "adm_in_channels": 2816,
    "transformer_depth": [0, 0, 2, 2, 10, 10],
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10],
    "transformer_depth_middle": 10,
}
SDXL_MEMORY = 14 * 2**30
CUDA = torch.cuda.is_available()
DEVICE, DTYPE = (torch.device("cuda"), torch.float16) if CUDA else (torch.device("cpu"), torch.float32)


def main(path: Path, cases: list[str]) -> None:
    with report(path) as results, torch.inference_mode():
        if sizes := [int(case) for case in cases if case != "sdxl"]:
            results += sd15(sizes)
        if "sdxl" in cases:
            results += sdxl()


def sd15(sizes: list[int]) -> list[Result]:
    model = random_model(SD15, SD15_UNET)
    variants = {
        "unpatched": model,
        "layers 3..10": cam(sac(model)),
        "all 16 layers": cam(sac(model, start_layer=0, end_layer=16), start_layer=0, end_layer=16),
    }
    results: list[Result] = []
    for size in sizes:
        steps = {name: step(patched, size, images=2) for name, patched in variants.items()}
        results += compare(f"UNet step, {size} grid", steps, rounds=30 if CUDA else 5 if size <= 512 else 3)
    return results


def sdxl() -> list[Result]:
    if not CUDA and psutil.virtual_memory().available < SDXL_MEMORY:
        print("SDXL is left out: its UNet needs 14 GiB of free memory here.")
        return []
    model, default = random_model(SDXL, LARGE_SDXL_UNET), {"start_layer": 4, "end_layer": 9}
    variants = {"unpatched": model, "layers 4..8 as in SD 1.5": cam(sac(model, **default), **default)}
    steps = {name: step(patched, 1024, images=2 if CUDA else 1) for name, patched in variants.items()}
    return list(compare("SDXL UNet step, 1024 grid", steps, rounds=30 if CUDA else 3))


def random_model(family: type[BASE], unet: dict[str, Any]) -> ModelPatcher:
    inner = family({**unet, "dtype": DTYPE}).get_model({}, device=DEVICE).eval()
    for weight in inner.diffusion_model.parameters():
        weight.normal_(std=0.02)
    return ModelPatcher(inner, load_device=DEVICE, offload_device=DEVICE)


def step(model: ModelPatcher, size: int, images: int) -> Callable[[], torch.Tensor]:
    unet = model.model.model_config.unet_config
    x = torch.randn(images, 9, size // 8, size // 8, device=DEVICE, dtype=DTYPE)
    context = torch.randn(images, 77, unet["context_dim"], device=DEVICE, dtype=DTYPE)
    told = unet.get("adm_in_channels")
    y = {"y": torch.randn(images, told, device=DEVICE, dtype=DTYPE)} if told else {}
    options = {**model.model_options["transformer_options"], "sigmas": torch.ones(1, device=DEVICE)}
    timestep = torch.full((images,), 500.0, device=DEVICE)
    return partial(model.model.diffusion_model, x, timestep, context, transformer_options=options, **y)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or ["512", "1024", "sdxl"])
