"""Train the demo model from nothing: drawn collages, an autoencoder, then the inpainting UNet with its text encoder.

python tools/train_demo_model.py outputs/demo_model           all stages; started again it goes on where it was
python tools/train_demo_model.py outputs/demo_model --steps 20000

On CPUs the UNet is trained by one process for each core, which share every batch: with small layers on two cores this
is nearly twice as fast as two threads.

What it learns is inpainting in general: any hole of a collage of four pictures that are related at random, told what
the hole shows, what the whole picture shows, or nothing. No collage is an analogy, no picture shows a held-out pair of
shape and color, and neither SAC nor CAM is any part of it.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from numpy.random import Generator
from PIL import Image, ImageDraw
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track
from torch import Tensor, nn
from torch.multiprocessing import spawn
from torch.nn.functional import l1_loss, mse_loss
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import CLIPTextModel

from analogist.cells import Cell
from analogist.demo.autoencoder import SCALING_FACTOR, PatchAutoencoder
from analogist.demo.model import (
    Modules,
    build,
    load_modules,
    save,
)
from analogist.demo.weights import (
    END,
    START,
    UNKNOWN,
    read,
)
from analogist.pipelines.clip_tokenizer import clip_tokenizer
from analogist.pipelines.models import ddim
from analogist.toy_world import (
    CHOICES,
    GRID,
    SHAPES,
    Scene,
    collage_picture,
    random_collage,
)

SEED = 0
WIDTH, HEIGHT = GRID.size
HOLES = 2
"""Holes drawn for each collage."""
SAVE_EVERY = 120.0
"""Seconds between two checkpoints."""
LATENT_NOISE = 0.1
"""Noise on the latents in the training of the autoencoder, so that small errors of the UNet stay small errors."""
EMA = 0.995
"""Of the weights that are kept: over about 200 steps, so that a short training has forgotten how it started."""
CLIP = clip_tokenizer()

Collage = tuple[Scene, Scene, Scene, Scene]


# Data


def collage(number: int) -> Collage:
    return random_collage(np.random.default_rng([SEED, 0, number]))


def draw_collages(numbers: range) -> np.ndarray:
    """(collages, H, W, 3), 0..255."""
    return np.stack([np.asarray(collage_picture(collage(number))) for number in numbers])


def hole(number: int, which: int) -> Image.Image:
    """A hole as a mask of the size of the grid: one cell mostly, else two, all, a rectangle or strokes of a brush."""
    rng = np.random.default_rng([SEED, 1, number, which])
    mask = Image.new("L", GRID.size)
    draw = ImageDraw.Draw(mask)
    kind = rng.uniform()
    if kind < 0.7:
        cells = rng.permutation(list(Cell))[: 1 if kind < 0.57 else 2 if kind < 0.66 else 4]
        for cell in cells:
            mask.paste(255, GRID.cell_box(cell))
    elif kind < 0.88:
        w, h = rng.integers(20, 100, 2)
        x, y = rng.integers(0, WIDTH - w), rng.integers(0, HEIGHT - h)
        draw.rectangle((x, y, x + w, y + h), fill=255)
    else:
        points = [tuple(point) for point in rng.integers(0, WIDTH, (rng.integers(2, 6), 2)).tolist()]
        draw.line(points, fill=255, width=int(rng.integers(10, 28)), joint="curve")
    return mask


def covered(mask: Image.Image) -> list[int]:
    """The cells that a hole covers by more than half; where there is none, the one that it covers most."""
    share = [np.asarray(mask.crop(GRID.cell_box(cell))).mean() for cell in Cell]
    return [number for number, part in enumerate(share) if part > 127] or [int(np.argmax(share))]


def caption(rng: Generator, scenes: Collage, hidden: list[int]) -> str:
    """What the hole shows, or the whole picture, or nothing; half of the captions leave something out."""
    kind = rng.uniform()
    if kind < 0.12:
        return ""
    share = 0.3 if rng.uniform() < 0.5 else 0.0
    told = scenes if kind < 0.35 else [scenes[number] for number in hidden]
    return " and ".join(s.caption(frozenset(n for n in CHOICES if rng.uniform() < share)) for s in told)


def to_pixels(pictures: np.ndarray) -> Tensor:
    """(B, H, W, 3) in 0..255 -> (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).movedim(-1, 1).float() / 127.5 - 1


def to_masks(masks: list[Image.Image]) -> Tensor:
    """(B, 1, H, W), 1 in the hole."""
    return torch.from_numpy(np.stack([np.asarray(mask) for mask in masks]))[:, None].float() / 255


def to_ids(texts: list[str], rng: Generator) -> Tensor:
    """CLIP's ids (B, 77); in one text of six some words are replaced by the unknown one."""
    rows = np.full((len(texts), 77), END)
    for row, text in zip(rows, texts, strict=True):
        ids = np.array(CLIP(text).input_ids[1:-1][:75], dtype=int)
        if rng.uniform() < 1 / 6:
            ids[rng.uniform(size=len(ids)) < 0.2] = UNKNOWN
        row[0] = START
        row[1 : 1 + len(ids)] = ids
    return torch.from_numpy(rows)


def known_words() -> list[int]:
    """CLIP's ids of every word of a caption."""
    words = {word for choices in CHOICES.values() for word in choices}
    words |= {"a", "an", "thing", "on a background, and", "crosses", *(f"{shape}s" for shape in SHAPES)}
    return sorted({START, END, *(number for word in words for number in CLIP.encode(word))})


def with_known_words(text: CLIPTextModel) -> CLIPTextModel:
    """A copy that has vectors for the known words alone and reads `short_ids`; less to add up between processes."""
    short = deepcopy(text)
    vectors = text.get_input_embeddings().weight.detach()
    short.set_input_embeddings(nn.Embedding.from_pretrained(vectors[vocabulary()].clone(), freeze=False))
    return short


@torch.no_grad()
def take_over(text: CLIPTextModel, short: CLIPTextModel) -> None:
    """The opposite: the weights of `short`, known words in their places."""
    state = short.state_dict()
    for name, tensor in text.state_dict().items():
        if tensor.shape == state[name].shape:
            tensor.copy_(state[name])
        else:
            tensor[vocabulary()] = state[name]


@cache
def vocabulary() -> list[int]:
    return sorted({*known_words(), UNKNOWN})


def short_ids(ids: Tensor) -> Tensor:
    """CLIP's ids as places in the vocabulary."""
    return torch.searchsorted(torch.tensor(vocabulary()), ids)


# Stages


@dataclass(frozen=True)
class Place:
    """Where everything lies, and the machine it runs on."""

    folder: Path
    device: torch.device

    def file(self, name: str) -> Path:
        return self.folder / name

    def autocast(self) -> Any:
        """bfloat16 where there is hardware for its matrix products; elsewhere it is many times slower than float32."""
        quick = self.device.type == "cuda" or torch.cpu._is_amx_tile_supported()
        return torch.autocast(self.device.type, torch.bfloat16, enabled=quick)

    def save(self, name: str, state: dict[str, Any]) -> None:
        """Written beside and moved into place, so that a checkpoint is whole or the one before."""
        unfinished = self.file(f"{name}.new")
        torch.save(state, unfinished)
        unfinished.replace(self.file(name))

    def load(self, name: str) -> dict[str, Any] | None:
        path = self.file(name)
        return torch.load(path, map_location=self.device, weights_only=True) if path.exists() else None


def pictures(place: Place, number: int) -> np.ndarray:
    """All collages, drawn at the first call; (collages, H, W, 3)."""
    path = place.file(f"collages_{number}.npy")
    if not path.exists():
        parts = [range(start, min(start + 200, number)) for start in range(0, number, 200)]
        with ProcessPoolExecutor() as pool:
            drawn = list(track(pool.map(draw_collages, parts), "Drawing", total=len(parts)))
        unfinished = path.with_suffix(".new.npy")
        np.save(unfinished, np.concatenate(drawn))
        unfinished.replace(path)
    return np.load(path, mmap_mode="r")


def train_autoencoder(place: Place, vae: PatchAutoencoder, data: np.ndarray, steps: int, batch: int) -> None:
    """Latents of unit variance with a little noise on them must give the picture back."""
    norm = nn.BatchNorm2d(4, affine=False).to(place.device)
    optimizer = torch.optim.AdamW(vae.parameters(), 2e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    state = {"vae": vae, "norm": norm, "optimizer": optimizer}
    norm.train()
    for step in resumed(place, "autoencoder.pt", "Autoencoder", state, steps):
        rng = np.random.default_rng([SEED, 2, step])
        set_rate(optimizer, 2e-3 * ramp(step, steps, end=0.5))
        chosen = rng.integers(0, len(data), batch)
        pixels = to_pixels(data[np.sort(chosen)])
        masks = to_masks([hole(int(number), int(rng.integers(HOLES))) for number in chosen])
        pixels = (pixels * (1 - masks * torch.from_numpy(rng.uniform(size=(batch, 1, 1, 1)) < 0.35))).to(place.device)
        with place.autocast():
            latents = norm(vae.encode(pixels).float())
            noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(step)).to(place.device)
            out = vae.decode(latents + LATENT_NOISE * noise).float()
        loss = l1_loss(out, pixels) + mse_loss(out, pixels)
        update(optimizer, loss, vae)
        write_loss("autoencoder", place, step, loss)
    bake(vae, norm)


@torch.no_grad()
def bake(vae: PatchAutoencoder, norm: nn.BatchNorm2d) -> None:
    """Put the normalization of the latents, and SD's factor, into the weights."""
    last, first = vae.encoder[-1], vae.decoder[0]
    scale = 1 / ((norm.running_var + norm.eps).sqrt() * SCALING_FACTOR)
    last.weight *= scale[:, None, None, None]
    last.bias.copy_((last.bias - norm.running_mean) * scale)
    first.weight *= SCALING_FACTOR


@torch.no_grad()
def encode(place: Place, vae: PatchAutoencoder, data: np.ndarray) -> None:
    """Latents (collages, 1 + HOLES, 4, h, w) of each collage whole and with its holes; masks; the cells hidden."""
    path = latents_name(len(data))
    if place.file(path).exists():
        return
    latents, masks, hidden = [], [], []
    for start in track(range(0, len(data), 50), "Encoding"):
        pixels = to_pixels(data[start : start + 50])
        holes = [[hole(start + i, k) for k in range(HOLES)] for i in range(len(pixels))]
        cut = torch.stack([to_masks(h) for h in holes])  # (B, HOLES, 1, H, W)
        versions = torch.cat([pixels[:, None], pixels[:, None] * (1 - cut)], dim=1).flatten(0, 1).to(place.device)
        with place.autocast():
            means = vae.encode(versions).float() * SCALING_FACTOR
        latents.append(means.unflatten(0, (-1, 1 + HOLES)).half().cpu())
        masks.append(cut[..., ::8, ::8].bool())
        hidden += [[covered(h) for h in pair] for pair in holes]
    place.save(path, {"latents": torch.cat(latents), "masks": torch.cat(masks), "hidden": hidden})


def latents_name(number: int) -> str:
    return f"latents_{number}.pt"


def load_latents(place: Place, number: int) -> tuple[Tensor, Tensor, list[list[list[int]]]]:
    kept = torch.load(place.file(latents_name(number)), weights_only=True)
    return kept["latents"], kept["masks"], kept["hidden"]


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


FIRST_LEVEL = ("time_embedding", "down_blocks.0.resnets", "down_blocks.0.attentions", "up_blocks.3", "conv_")
"""Beginnings of the names of the UNet's layers at 16x16."""


def take_first_level(unet: UNet2DConditionModel, earlier: UNet2DConditionModel) -> None:
    """The layers at 16x16 from an earlier training; those below stay as they are."""
    state = {name: tensor for name, tensor in earlier.state_dict().items() if name.startswith(FIRST_LEVEL)}
    unet.load_state_dict(state, strict=False)


class Denoiser(nn.Module):
    """The two parts that are trained together."""

    def __init__(self, modules: Modules) -> None:
        super().__init__()
        self.unet, self.text = modules.unet, with_known_words(modules.text_encoder)

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        return self.unet(x, t, self.text(ids).last_hidden_state).sample


def train_unet(
    rank: int, workers: int, place: Place, number: int, steps: int, batch: int, rate: float, start: Path | None
) -> None:
    """One of the processes that share each batch. It learns v, weighted by noise and hole; an average of the weights is
    kept.
    """
    torch.set_num_threads(max(torch.get_num_threads() // workers, 1))
    file = place.file("unet.rendezvous").absolute().as_uri()
    torch.distributed.init_process_group("gloo", init_method=file, rank=rank, world_size=workers)
    torch.manual_seed(SEED)
    modules = build()
    start_as_published(modules.unet)
    if start is not None:
        earlier = load_modules(start)
        take_first_level(modules.unet, earlier.unet)
        modules = modules._replace(text_encoder=earlier.text_encoder)
    denoiser = Denoiser(modules).to(place.device)
    if place.device.type == "cpu":
        denoiser.unet.set_attn_processor(AttnProcessor())  # The fused kernel's backward takes half of a step there.
    predict = nn.parallel.DistributedDataParallel(denoiser, gradient_as_bucket_view=True)
    average = AveragedModel(denoiser, multi_avg_fn=get_ema_multi_avg_fn(EMA))
    optimizer = torch.optim.AdamW(denoiser.parameters(), rate, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
    state = {"denoiser": denoiser, "average": average, "optimizer": optimizer}

    latents, masks, hidden = load_latents(place, number)
    scenes = [collage(n) for n in range(number)]
    alphas = ddim(50).alphas_cumprod
    mine = slice(rank, None, workers)
    for step in resumed(place, "unet.pt", "UNet", state, steps, silent=rank > 0):
        set_rate(optimizer, rate * ramp(step, steps, end=0.6))
        rng = np.random.default_rng([SEED, 3, step])
        generator = torch.Generator().manual_seed(step)
        chosen, which = rng.integers(0, number, batch), rng.integers(0, HOLES, batch)
        x, masked, mask = latents[chosen, 0].float(), latents[chosen, 1 + which].float(), masks[chosen, which].float()
        told = [caption(rng, scenes[n], hidden[n][k]) for n, k in zip(chosen, which, strict=True)]
        ids = short_ids(to_ids(told, rng))
        t = torch.randint(1000, (batch,), generator=generator)
        eps = torch.randn(x.shape, generator=generator)
        a = alphas[t][:, None, None, None]
        noisy, target = a.sqrt() * x + (1 - a).sqrt() * eps, a.sqrt() * eps - (1 - a).sqrt() * x
        # Yu et al. 2023 (arXiv 2310.08442) for v: much noise, where what is where is decided, counts. So does the hole.
        weight = (a * (1 - a)).sqrt() * (0.1 + 0.9 * mask)
        weight = weight * (workers / weight.sum() / 4)  # Of the whole batch, however many processes share it.
        given = (torch.cat([noisy, mask, masked], dim=1), t, ids, weight, target)
        inputs, t, ids, weight, target = (tensor[mine].to(place.device) for tensor in given)
        with place.autocast():
            v = predict(inputs, t, ids).float()
        loss = (weight * (v - target).square()).sum()
        update(optimizer, loss, denoiser)
        average.update_parameters(denoiser)
        torch.distributed.all_reduce(loss := loss.detach())
        if rank == 0:
            write_loss("unet", place, step, loss / workers)
    torch.distributed.destroy_process_group()


# Bookkeeping


def resumed(
    place: Place, name: str, title: str, state: dict[str, Any], steps: int, silent: bool = False
) -> Iterator[int]:
    """The steps that are left; with a bar, and checkpoints in between and at the end, where it is not silent."""
    kept = place.load(name)
    done = 0
    if kept is not None:
        done = kept.pop("step")
        for key, value in kept.items():
            state[key].load_state_dict(value)

    def save(step: int) -> None:
        if not silent:
            place.save(name, {"step": step, **{key: value.state_dict() for key, value in state.items()}})

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=silent) as bar:
        task = bar.add_task(title, total=steps, completed=done)
        saved = time.monotonic()
        for step in range(done, steps):
            yield step
            bar.advance(task)
            if time.monotonic() - saved > SAVE_EVERY:
                save(step + 1)
                saved = time.monotonic()
        if done < steps:
            save(steps)


def ramp(step: int, steps: int, start: int = 200, end: float = 0.25) -> float:
    """Up in `start` steps, then level, then down to nothing over the last share `end` of all steps."""
    return min(1.0, (step + 1) / start, (steps - step) / (end * steps))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate


def update(optimizer: torch.optim.Optimizer, loss: Tensor, model: nn.Module) -> None:
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


def write_loss(name: str, place: Place, step: int, loss: Tensor) -> None:
    """A line in the log every 50 steps."""
    if step % 50 == 0:
        with place.file(f"{name}.csv").open("a") as log:
            log.write(f"{step},{loss.item():.5f},{time.time():.0f}\n")


def main(
    folder: Annotated[Path, typer.Argument(help="For checkpoints, data and the finished model.")],
    steps: Annotated[int, typer.Option(help="Of the UNet.")] = 40_000,
    autoencoder_steps: Annotated[int, typer.Option(help="Of the autoencoder.")] = 4_000,
    collages: Annotated[int, typer.Option(help="Drawn once, for all stages.")] = 24_000,
    batch: Annotated[int, typer.Option(help="Collages in a step of the UNet.")] = 32,
    rate: Annotated[float, typer.Option(help="Learning rate of the UNet.")] = 1e-3,
    workers: Annotated[
        int, typer.Option(help="Processes that share each batch of the UNet; 0 is one, on CPUs one a core.")
    ] = 0,
    start: Annotated[
        Path | None,
        typer.Option(
            help="A finished model to go on from: its autoencoder, its text encoder and the UNet's first level; the "
            "levels below start anew."
        ),
    ] = None,
    export: Annotated[
        bool, typer.Option("--export", help="Only write the model as the last checkpoint has it.")
    ] = False,
) -> None:
    torch.manual_seed(SEED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    place = Place(folder, device)
    folder.mkdir(parents=True, exist_ok=True)
    modules = build() if start is None else load_modules(start)
    modules.vae.to(device)
    data = pictures(place, collages)
    if start is None:
        train_autoencoder(place, modules.vae, data, autoencoder_steps, batch=32)
    encode(place, modules.vae, data)
    if not export:
        workers = workers or (1 if device.type == "cuda" else os.cpu_count() or 1)
        place.file("unet.rendezvous").unlink(missing_ok=True)  # Of a training that was cut off.
        spawn(train_unet, (workers, place, collages, steps, batch, rate, start), nprocs=workers)
    trained = place.load("unet.pt")
    if trained is None:
        raise typer.BadParameter(f"There is no trained UNet in {folder} yet.")
    denoiser = AveragedModel(Denoiser(modules))
    denoiser.load_state_dict(trained["average"])
    modules.unet.load_state_dict(denoiser.module.unet.state_dict())
    take_over(modules.text_encoder, denoiser.module.text)
    facts: dict[str, Any] = {
        "collages": collages,
        "steps": trained["step"],
        "batch": batch,
        "machine": f"{torch.cuda.get_device_name() if device.type == 'cuda' else f'{os.cpu_count()} CPU cores'}",
        "torch": torch.__version__,
    }
    if start is None:
        facts["autoencoder steps"] = autoencoder_steps
    else:
        facts["started from"] = read(start).facts
    save(modules, known_words(), folder / "demo_model.safetensors", facts)
    print(f"The model is in {folder / 'demo_model.safetensors'}.")


if __name__ == "__main__":
    typer.run(main)
