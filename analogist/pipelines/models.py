"""A Stable Diffusion 1.x inpainting model on diffusers, as the pipeline needs it, and the published sampler."""

import logging
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from ..devices import seeded
from ..images import from_tensor
from ..schedule import TRAIN_STEPS

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InpaintingModel:
    """The parts of a Stable Diffusion 1.x inpainting model, on one device and in one precision.

    Attributes:
        prediction_type: what the UNet was trained to predict, in the words of diffusers.
    """

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer
    prediction_type: str = "epsilon"

    @property
    def latent_factor(self) -> int:
        """Pixels to a latent, along each side."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def device(self) -> torch.device:
        device: torch.device = self.unet.device
        return device

    def generator(self, seed: int) -> torch.Generator:
        """Seeded noise, drawn on the GPU where there is CUDA, as the published program does.

        Raises:
            ValueError: a seed that is no whole number from 0 to 2**64 - 1.
        """
        return seeded(seed, self.device if self.device.type == "cuda" else "cpu")

    def encode_text(self, text: str) -> Tensor:
        """(1, 77, dim). As in the published program what does not fit is cut off, with a warning."""
        longest = self.text_encoder.config.max_position_embeddings
        came = len(self.tokenizer(text).input_ids)
        if came > longest:
            logger.warning("The text %r has %d tokens; the model reads %d of them.", text, came, longest)
        ids = self.tokenizer(
            [text], padding="max_length", max_length=longest, truncation=True, return_tensors="pt"
        ).input_ids
        encoded: Tensor = self.text_encoder(ids.to(self.device))[0]
        return encoded

    def encode(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Pixels (B, 3, H, W) in [-1, 1] -> latents (B, 4, H / 8, W / 8): a sample of the posterior, not its mean."""
        pixels = pixels.to(self.device, self.unet.dtype)
        posterior = self.vae.encode(pixels).latent_dist
        latents: Tensor = posterior.sample(generator) * self.vae.config.scaling_factor
        return latents

    def decode(self, latents: Tensor) -> list[Image.Image]:
        """Latents (images, 4, h, w) -> images. One at a time: the decoder needs more memory than the UNet."""
        pixels = [self.vae.decode(one[None] / self.vae.config.scaling_factor).sample for one in latents]
        return to_images(torch.cat(pixels))


def to_images(pixels: Tensor) -> list[Image.Image]:
    """Decoded pixels (images, 3, H, W) in [-1, 1] as images."""
    return from_tensor(pixels.movedim(1, -1) / 2 + 0.5, name="The decoded image")


def ddim(steps: int, prediction_type: str = "epsilon") -> DDIMScheduler:
    """The published sampler, set to `steps` steps, for a model that predicts the noise or, with "v_prediction", v."""
    scheduler = DDIMScheduler(
        num_train_timesteps=TRAIN_STEPS,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )
    scheduler.set_timesteps(steps)
    return scheduler
