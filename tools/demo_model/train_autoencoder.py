"""The first stage of the demo model's training: the autoencoder."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import l1_loss, mse_loss

from analogist.demo.autoencoder import SCALING_FACTOR, PatchAutoencoder

from .data import collage, to_pixels
from .training import SEED, autocast, log, optimizers, ramp, resumed, set_rate, update
from .world import SIDE, render

LATENT_NOISE = 0.06
"""Noise on the latents in the training of the autoencoder, so that small errors of the UNet stay small errors."""
AUTOENCODER_RATE = 0.02


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
