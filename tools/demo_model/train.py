"""Train the demo model: an autoencoder, then the inpainting UNet with its text encoder, in a curriculum.

python -m tools.demo_model.train outputs/demo_model                 all stages; started again it goes on where it was
python -m tools.demo_model.train outputs/demo_model --start FILE    from a finished model and not from nothing
python -m tools.demo_model.train outputs/demo_model --export        only write the model as the last checkpoint has it

Single cells first, which cost a quarter of a grid and teach the shapes; then 2x2 collages, which teach what cells have
to do with each other. What is learned is inpainting in general: any hole of a collage of images that are related at
random, told what the hole shows, what the whole image shows, or nothing. No collage is an analogy, no image shows a
held-out pair of shape and color, and neither SAC nor CAM is any part of it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from analogist.demo.autoencoder import PatchAutoencoder
from analogist.demo.configuration import VOCABULARY
from analogist.demo.model import Modules, build, load_modules
from analogist.demo.weights import read, unpack
from analogist.pipelines.models import ddim

from .data import Batch, Tables, known_words
from .saving import pack, save
from .train_autoencoder import train_autoencoder
from .training import SEED, autocast, log, optimizers, ramp, resumed, set_rate, update

EMA = 0.995
"""Of the weights that are kept: over about 200 steps."""
NOISE_POWER = 0.25
"""Of the share of signal in the loss's weight: 0.5 would count what is decided at much noise for less."""
CELLS_AMONG_COLLAGES = 0.25
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
    """The two parts that are trained together; the text encoder with vectors for the known words alone.

    The vectors of CLIP's whole vocabulary are as many numbers as the UNet, and an optimizer would pass over them all.
    """

    def __init__(self, modules: Modules) -> None:
        super().__init__()
        self.unet, self.text = modules.unet, modules.text_encoder
        known = known_words()
        vectors = pack(self.text.get_input_embeddings().weight.detach(), known)
        self.text.set_input_embeddings(nn.Embedding.from_pretrained(vectors.clone(), freeze=False))
        rows = torch.full((VOCABULARY,), len(known))
        rows[list(known)] = torch.arange(len(known))
        self.register_buffer("rows", rows, persistent=False)

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        return self.unet(x, t, self.text(self.rows[ids]).last_hidden_state).sample

    def parts(self, vae: PatchAutoencoder) -> Modules:
        """The parts of a finished model, with vectors for CLIP's whole vocabulary."""
        vectors = unpack(self.text.get_input_embeddings().weight.detach(), known_words())
        self.text.set_input_embeddings(nn.Embedding.from_pretrained(vectors))
        return Modules(self.unet, vae, self.text)


def train_unet(folder: Path, vae: PatchAutoencoder, plan: Plan, start: Path | None = None) -> None:
    """All steps that are left, from nothing or from the weights of the model `start`; checkpoints are in `folder`."""
    torch.manual_seed(SEED)
    modules = build() if start is None else load_modules(start)
    if start is None:
        start_as_published(modules.unet)
    modules.unet.set_attn_processor(AttnProcessor())  # The fused kernel's backward is no faster on a CPU.
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


def v_loss(denoiser: Denoiser, batch: Batch, alphas: Tensor, generator: torch.Generator) -> Tensor:
    """Squared error of v, weighted by noise and hole; 1 would be no knowledge.

    Much noise, where what is where is decided, counts; so does the hole. The items share the noise levels evenly.
    """
    x = batch.latents
    t = (torch.randperm(len(x), generator=generator) + torch.rand(len(x), generator=generator)) * (1000 / len(x))
    t = t.long().clamp(max=999)
    eps = torch.randn(x.shape, generator=generator)
    a = alphas[t][:, None, None, None]
    noisy, target = a.sqrt() * x + (1 - a).sqrt() * eps, a.sqrt() * eps - (1 - a).sqrt() * x
    weight = a**NOISE_POWER * (1 - a).sqrt() * (0.1 + 0.9 * batch.mask)
    inputs = torch.cat([noisy, batch.mask, batch.masked], dim=1).contiguous(memory_format=torch.channels_last)
    with autocast():
        v = denoiser(inputs, t, batch.ids).float()
    return (weight * (v - target).square()).sum() / weight.sum() / x.shape[1]


def export(folder: Path, vae: PatchAutoencoder, plan: Plan, start: Path | None = None) -> Path:
    """Write the model as the last checkpoint has it."""
    kept = torch.load(folder / "unet.pt", weights_only=True)
    average = AveragedModel(Denoiser(build()))
    average.load_state_dict(kept["average"])
    facts = {
        "steps": kept["step"],
        "single cells": min(kept["step"], plan.cell_steps) * plan.cell_batch,
        "collages": round(max(kept["step"] - plan.cell_steps, 0) * plan.collage_batch * (1 - CELLS_AMONG_COLLAGES)),
        "torch": torch.__version__,
    } | ({} if start is None else {"started from": read(start).facts})
    path = folder / "demo_model.safetensors"
    save(average.module.parts(vae), known_words(), path, facts)
    return path


def main(
    folder: Annotated[Path, typer.Argument(help="For checkpoints and the finished model.")],
    autoencoder_steps: Annotated[int, typer.Option(help="Of the autoencoder.")] = 2_500,
    cell_steps: Annotated[int, typer.Option(help="Of the UNet, on single cells.")] = 1_500,
    collage_steps: Annotated[int, typer.Option(help="Of the UNet, on 2x2 collages.")] = 10_000,
    cell_rate: Annotated[float, typer.Option(help="Learning rate of the first stage.")] = 0.012,
    collage_rate: Annotated[float, typer.Option(help="Learning rate of the second stage.")] = 0.008,
    start: Annotated[
        Path | None, typer.Option(help="A finished model to start from; it keeps its autoencoder.")
    ] = None,
    only_export: Annotated[bool, typer.Option("--export", help="Only write the last checkpoint as a model.")] = False,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    plan = Plan(cell_steps, collage_steps, cell_rate=cell_rate, collage_rate=collage_rate)
    vae = train_autoencoder(folder, autoencoder_steps) if start is None else load_modules(start).vae
    if not only_export:
        train_unet(folder, vae, plan, start)
    print(f"The model is in {export(folder, vae, plan, start)}.")


if __name__ == "__main__":
    typer.run(main)
