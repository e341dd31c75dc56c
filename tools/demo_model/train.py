"""Train the demo model from nothing: an autoencoder, then the inpainting UNet with its text encoder, in a curriculum.

python -m tools.demo_model.train outputs/demo_model            all stages; started again it goes on where it was
python -m tools.demo_model.train outputs/demo_model --export   only write the model as the last checkpoint has it

Single cells first, which cost a quarter of a grid and teach the shapes; then 2x2 collages, which teach what cells have
to do with each other. What is learned is inpainting in general: any hole of a collage of images that are related at
random, told what the hole shows, what the whole image shows, or nothing. No collage is an analogy, no image shows a
held-out pair of shape and color, and neither SAC nor CAM is any part of it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from analogist.demo.autoencoder import SCALING_FACTOR, PatchAutoencoder
from analogist.demo.model import Modules, build, save
from analogist.pipelines.models import ddim

from .data import Batch, Tables, collage, known_words, to_pixels
from .muon import Muon
from .world import SIDE, render

SEED = 0
SAVE_EVERY = 120.0
"""Seconds between two checkpoints."""
LATENT_NOISE = 0.06
"""Noise on the latents in the training of the autoencoder, so that small errors of the UNet stay small errors."""
AUTOENCODER_RATE = 0.02
ADAM_SHARE = 0.06
"""Learning rate of AdamW as a share of Muon's."""
EMA = 0.995
"""Of the weights that are kept: over about 200 steps."""
CELLS_AMONG_COLLAGES = 0.15
"""Share of the steps of the second stage that are still single cells."""


@dataclass(frozen=True)
class Plan:
    """Steps, batch sizes and learning rates of Muon in the two stages of the UNet."""

    cell_steps: int
    collage_steps: int
    cell_batch: int = 32
    collage_batch: int = 12
    cell_rate: float = 0.012
    collage_rate: float = 0.008

    @property
    def steps(self) -> int:
        return self.cell_steps + self.collage_steps

    def rate(self, step: int) -> float:
        """Up in 30 steps, level, then down to nothing over the last 70% of a stage, or 60% of the second one."""
        if step < self.cell_steps:
            return self.cell_rate * ramp(step, self.cell_steps, 30, 0.7)
        return self.collage_rate * ramp(step - self.cell_steps, self.collage_steps, 100, 0.6)

    def is_cell_step(self, step: int) -> bool:
        return step < self.cell_steps or np.random.default_rng([SEED, 4, step]).uniform() < CELLS_AMONG_COLLAGES


def ramp(step: int, steps: int, start: int, end: float) -> float:
    """Up in `start` steps, then level, then down to nothing over the last share `end` of all steps."""
    return min(1.0, (step + 1) / start, (steps - step) / (end * steps))


# Checkpoints


def write_checkpoint(path: Path, state: dict[str, Any], step: int) -> None:
    """Written beside and moved into place, so that a checkpoint is whole or the one before."""
    unfinished = path.with_suffix(".new")
    torch.save({"step": step, **{name: part.state_dict() for name, part in state.items()}}, unfinished)
    unfinished.replace(path)


def read_checkpoint(path: Path, state: dict[str, Any]) -> int:
    """Fill `state`; the number of steps that were done."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    for name, part in state.items():
        part.load_state_dict(kept[name])
    return int(kept["step"])


def resumed(path: Path, title: str, state: dict[str, Any], steps: int) -> Iterator[int]:
    """The steps that are left, with a bar; checkpoints in between and at the end."""
    done = read_checkpoint(path, state)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(title, total=steps, completed=done)
        saved = time.monotonic()
        for step in range(done, steps):
            yield step
            bar.advance(task)
            if time.monotonic() - saved > SAVE_EVERY or step + 1 == steps:
                write_checkpoint(path, state, step + 1)
                saved = time.monotonic()


def log(path: Path, step: int, loss: float) -> None:
    with path.open("a") as file:
        file.write(f"{step},{loss:.5f},{time.time():.0f}\n")


def autocast() -> Any:
    """bfloat16 where there is hardware for its matrix products; elsewhere it is many times slower than float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_amx_tile_supported())


def optimizers(model: nn.Module, outer: tuple[str, ...]) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the matrices inside; AdamW for first and last layers (`outer`, parts of names), norms and biases."""
    named = list(model.named_parameters())
    inside = [p for name, p in named if p.ndim > 1 and not any(part in name for part in outer)]
    chosen = {id(p) for p in inside}
    others = [p for _, p in named if id(p) not in chosen]
    return Muon(inside, 0.0), torch.optim.AdamW(others, 0.0, betas=(0.9, 0.99), weight_decay=1e-3)


def set_rate(muon: Muon, adam: torch.optim.AdamW, rate: float) -> None:
    muon.param_groups[0]["lr"] = rate
    adam.param_groups[0]["lr"] = rate * ADAM_SHARE


def update(loss: Tensor, model: nn.Module, muon: Muon, adam: torch.optim.AdamW) -> None:
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in (muon, adam):
        optimizer.step()
        optimizer.zero_grad()


# Autoencoder


def train_autoencoder(folder: Path, steps: int, batch: int = 8) -> PatchAutoencoder:
    """Latents of unit variance with a little noise on them must give the image back."""
    torch.manual_seed(SEED)
    vae, norm = PatchAutoencoder(), nn.BatchNorm2d(4, affine=False)
    muon, adam = optimizers(vae, outer=("encoder.1.", "decoder.0."))
    state = {"vae": vae, "norm": norm, "muon": muon, "adam": adam}
    for step in resumed(folder / "autoencoder.pt", "Autoencoder", state, steps):
        rng, generator = np.random.default_rng([SEED, 2, step]), torch.Generator().manual_seed(step)
        set_rate(muon, adam, AUTOENCODER_RATE * ramp(step, steps, 100, 0.6))
        pixels = to_pixels(np.stack([collage_image(rng) for _ in range(batch)]))
        holes = torch.from_numpy(rng.uniform(size=(batch, 1, 2, 2)) < 0.1).float()  # Grey cells.
        pixels = pixels * (1 - holes.repeat_interleave(SIDE, -1).repeat_interleave(SIDE, -2))
        with autocast():
            latents = norm(vae.encode(pixels).float())
            out = vae.decode(latents + LATENT_NOISE * torch.randn(latents.shape, generator=generator)).float()
        loss = l1_loss(out, pixels) + mse_loss(out, pixels)
        update(loss, vae, muon, adam)
        if step % 50 == 0:
            log(folder / "autoencoder.csv", step, loss.item())
    bake(vae, norm)
    return vae.eval()


def collage_image(rng: np.random.Generator) -> np.ndarray:
    """(128, 128, 3)."""
    a, a_prime, b, b_prime = (np.asarray(render(scene)) for scene in collage(rng))
    return np.concatenate([np.concatenate([a, a_prime], 1), np.concatenate([b, b_prime], 1)])


@torch.no_grad()
def bake(vae: PatchAutoencoder, norm: nn.BatchNorm2d) -> None:
    """Put the normalization of the latents, and Stable Diffusion's factor, into the weights."""
    last, first = vae.encoder[-1], vae.decoder[0]
    scale = 1 / ((norm.running_var + norm.eps).sqrt() * SCALING_FACTOR)
    last.weight *= scale[:, None, None, None]
    last.bias.copy_((last.bias - norm.running_mean) * scale)
    first.weight *= SCALING_FACTOR


# UNet


def start_as_published(unet: UNet2DConditionModel) -> None:
    """Start as the original code of Stable Diffusion does, which diffusers leaves out: every branch adds nothing yet.

    Besides, nothing is lost on the way down and up. With the usual random start the lower levels of so small a UNet
    are noise for so long that the upper ones stop listening, and never learn anything.
    """
    for name, module in unet.named_modules():
        if name.endswith(("conv2", "proj_out", "conv_out")):
            nn.init.zeros_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith("conv_shortcut"):
            nn.init.orthogonal_(module.weight)
            nn.init.zeros_(module.bias)
        elif name.endswith("samplers.0.conv"):
            nn.init.dirac_(module.weight)
            nn.init.zeros_(module.bias)


class Denoiser(nn.Module):
    """The two parts that are trained together."""

    def __init__(self, modules: Modules) -> None:
        super().__init__()
        self.unet, self.text = modules.unet, modules.text_encoder

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        return self.unet(x, t, self.text(ids).last_hidden_state).sample


def train_unet(folder: Path, vae: PatchAutoencoder, plan: Plan) -> tuple[Denoiser, int]:
    """The average of the weights, after as many steps as were done."""
    torch.manual_seed(SEED)
    modules = build()
    start_as_published(modules.unet)
    modules.unet.set_attn_processor(AttnProcessor())  # The fused kernel's backward takes half of a step on a CPU.
    denoiser = Denoiser(modules).to(memory_format=torch.channels_last)
    average = AveragedModel(denoiser, multi_avg_fn=get_ema_multi_avg_fn(EMA))
    muon, adam = optimizers(denoiser, outer=("conv_in", "conv_out", "embedding"))
    state = {"denoiser": denoiser, "average": average, "muon": muon, "adam": adam}
    tables, alphas = Tables(vae), ddim(50).alphas_cumprod
    for step in resumed(folder / "unet.pt", "UNet", state, plan.steps):
        rng, generator = np.random.default_rng([SEED, 3, step]), torch.Generator().manual_seed(step)
        set_rate(muon, adam, plan.rate(step))
        single = plan.is_cell_step(step)
        batch = tables.cells(rng, plan.cell_batch) if single else tables.collages(rng, plan.collage_batch)
        loss = v_loss(denoiser, batch, alphas, generator)
        update(loss, denoiser, muon, adam)
        average.update_parameters(denoiser)
        if step % 20 == 0:
            log(folder / ("cells.csv" if single else "collages.csv"), step, loss.item())
    return average.module, plan.steps


def v_loss(denoiser: Denoiser, batch: Batch, alphas: Tensor, generator: torch.Generator) -> Tensor:
    """Squared error of v, weighted by noise (Yu et al. 2023, arXiv 2310.08442) and hole; 1 would be no knowledge.

    Much noise, where what is where is decided, counts. So does the hole.
    """
    x = batch.latents
    t = torch.randint(1000, (len(x),), generator=generator)
    eps = torch.randn(x.shape, generator=generator)
    a = alphas[t][:, None, None, None]
    noisy, target = a.sqrt() * x + (1 - a).sqrt() * eps, a.sqrt() * eps - (1 - a).sqrt() * x
    weight = (a * (1 - a)).sqrt() * (0.1 + 0.9 * batch.mask)
    inputs = torch.cat([noisy, batch.mask, batch.masked], dim=1).contiguous(memory_format=torch.channels_last)
    with autocast():
        v = denoiser(inputs, t, batch.ids).float()
    return (weight * (v - target).square()).sum() / weight.sum() / x.shape[1]


def export(folder: Path, vae: PatchAutoencoder, plan: Plan) -> Path:
    """Write the model as the last checkpoint has it."""
    modules = build()
    kept = torch.load(folder / "unet.pt", weights_only=True)
    average = AveragedModel(Denoiser(modules))
    average.load_state_dict(kept["average"])
    facts = {
        "steps": kept["step"],
        "single cells": min(kept["step"], plan.cell_steps) * plan.cell_batch,
        "collages": round(max(kept["step"] - plan.cell_steps, 0) * plan.collage_batch * (1 - CELLS_AMONG_COLLAGES)),
        "torch": torch.__version__,
    }
    modules = Modules(average.module.unet, vae, average.module.text)
    path = folder / "demo_model.safetensors"
    save(modules, known_words(), path, facts)
    return path


def main(
    folder: Annotated[Path, typer.Argument(help="For checkpoints and the finished model.")],
    autoencoder_steps: Annotated[int, typer.Option(help="Of the autoencoder.")] = 2_500,
    cell_steps: Annotated[int, typer.Option(help="Of the UNet, on single cells.")] = 1_500,
    collage_steps: Annotated[int, typer.Option(help="Of the UNet, on 2x2 collages.")] = 10_000,
    only_export: Annotated[bool, typer.Option("--export", help="Only write the last checkpoint as a model.")] = False,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(cell_steps, collage_steps)
    vae = train_autoencoder(folder, autoencoder_steps)
    if not only_export:
        train_unet(folder, vae, plan)
    print(f"The model is in {export(folder, vae, plan)}.")


if __name__ == "__main__":
    typer.run(main)
