"""The published method on diffusers' inpainting UNet: for scripts, and as a second host beside ComfyUI.

DDIM, started from the noised canvas, guided, and never blended with the known cells, as in the published pipeline.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from diffusers import UNet2DConditionModel
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ..cells import ONE_PAIR, Sheet
from ..grid import AnalogyGrid, canvas, mask
from ..images import to_tensor
from ..published import DEFAULT, NEGATIVE_PROMPT, SUFFIX
from ..schedule import ddim_timesteps
from .edits import Edit, edited, selected
from .models import InpaintingModel, ddim

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """The settings of a run; the defaults are those of the published program.

    Attributes:
        steps: DDIM steps over the whole schedule.
        strength: share of them that is run, above 0 and at most 1; less keeps more of the canvas.
        guidance: weight of the prompt against the negative prompt; at 1 or below the negative prompt is not evaluated.
        edit: SAC and CAM.
        images_per_prompt: images per prompt, sampled in one batch.
        suffix: appended to each prompt.
        negative_prompt: the negative prompt.
    """

    steps: int = DEFAULT.steps
    strength: float = DEFAULT.strength
    guidance: float = DEFAULT.guidance
    edit: Edit = field(default_factory=Edit)
    images_per_prompt: int = DEFAULT.images_per_prompt
    suffix: str = SUFFIX
    negative_prompt: str = NEGATIVE_PROMPT

    def __post_init__(self) -> None:
        ddim_timesteps(self.steps, self.strength)  # Refuses what is out of range.
        if not math.isfinite(self.guidance):
            raise ValueError(f"guidance must be a finite number, got {self.guidance}")
        if self.images_per_prompt < 1:
            raise ValueError(f"images per prompt must be at least 1, got {self.images_per_prompt}")

    @property
    def timesteps(self) -> list[int]:
        """The training time steps that are run, the noisiest first."""
        return ddim_timesteps(self.steps, self.strength)


@dataclass(frozen=True)
class Conditions:
    """The conditioning of the UNet in every step.

    Attributes:
        mask: (1, 1, h, w), 1 where it inpaints.
        masked_image_latents: (1, 4, h, w), the canvas with a gray B'.
        cond, uncond: (1, text tokens, dim), the prompt and the negative prompt.
        sheet: where the cells lie.
    """

    mask: Tensor
    masked_image_latents: Tensor
    cond: Tensor
    uncond: Tensor
    sheet: Sheet = ONE_PAIR


def start_latents(noise: Tensor, image_latents: Tensor, settings: Settings) -> Tensor:
    """The latents that sampling starts from: the canvas noised to the first step, at strength 1 the noise alone.

    Args:
        noise: (images, 4, h, w).
        image_latents: (1, 4, h, w), the canvas.
    """
    if settings.strength == 1.0:
        return noise
    first = torch.tensor(settings.timesteps[:1])
    noised: Tensor = ddim(settings.steps).add_noise(image_latents, noise, first)
    return noised


@torch.no_grad()
def denoise(
    unet: UNet2DConditionModel,
    latents: Tensor,
    conditions: Conditions,
    settings: Settings,
    prediction_type: str = "epsilon",
) -> Iterator[Tensor]:
    """The latents (images, 4, h, w) after each step; nothing outside the mask is ever put back."""
    scheduler = ddim(settings.steps, prediction_type)
    for timestep in settings.timesteps:
        predicted = predict(unet, latents, timestep, conditions, settings)
        latents = scheduler.step(predicted, timestep, latents).prev_sample
        yield latents


def predict(
    unet: UNet2DConditionModel, latents: Tensor, timestep: int, conditions: Conditions, settings: Settings
) -> Tensor:
    """The guided prediction (images, 4, h, w) of the edited UNet; both guidance halves are one call.

    Whether it is of the noise or of v is the model's: guidance is the same for both, as one is linear in the other.
    """
    images = len(latents)
    known = torch.cat([conditions.mask, conditions.masked_image_latents], dim=1).expand(images, -1, -1, -1)
    x = torch.cat([latents, known], dim=1)  # (images, 4 + 1 + 4, h, w)
    texts = [conditions.cond]
    if settings.guidance > 1:
        x, texts = torch.cat([x, x]), [conditions.uncond, conditions.cond]
    context = torch.cat([text.expand(images, -1, -1) for text in texts])
    height, width = latents.shape[-2:]
    with edited(unet, settings.edit, (height, width), timestep, conditions.sheet):
        predicted: Tensor = unet(x, timestep, context).sample
    if settings.guidance > 1:
        uncond, cond = predicted.chunk(2)
        predicted = uncond + settings.guidance * (cond - uncond)
    return predicted


@torch.no_grad()
def sample(
    model: InpaintingModel,
    grid: AnalogyGrid,
    image: Image.Image,
    prompts: Sequence[str],
    settings: Settings,
    generator: torch.Generator,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[list[Image.Image]]:
    """Render B' of an analogy, for one prompt after the other, as the result is iterated over.

    Args:
        grid, image: the geometry, and the grid I as an image of that size; its B' is ignored.
        prompts: without the suffix.
        on_step: called after every step, len(prompts) * len(settings.timesteps) times in all.

    Returns:
        for each prompt its `settings.images_per_prompt` grids, of the size of `image`. All start from the same noise.

    Raises:
        ValueError: an image of another size than the grid, or a layer range that goes past the model; at once, and
            not when the first image is requested.
    """
    if image.size != grid.size:
        raise ValueError(
            f"expected an image of the size of the grid, {grid.size[0]}x{grid.size[1]}, got "
            f"{image.width}x{image.height}"
        )
    for layers in (settings.edit.sac, settings.edit.cam):
        selected(layers, model.unet)
    pixels = _batch(canvas(grid, image)) * 2 - 1
    hole = _batch(mask(grid).convert("RGB"))[:, :1]
    ratio = model.latent_factor
    latent_size = (image.height // ratio, image.width // ratio)
    shape = (settings.images_per_prompt, model.unet.config.out_channels, *latent_size)
    noise = randn_tensor(shape, generator=generator, device=model.device, dtype=model.unet.dtype)
    uncond = model.encode_text(settings.negative_prompt)

    @torch.no_grad()
    def render(prompt: str) -> list[Image.Image]:
        # The posterior is sampled per prompt, the canvas first: the published order of random numbers.
        latents = start_latents(noise, model.encode(pixels, generator), settings)
        conditions = Conditions(
            mask=interpolate(hole, latent_size).to(latents),
            masked_image_latents=model.encode(pixels * (hole < 0.5), generator),
            cond=model.encode_text(prompt + settings.suffix),
            uncond=uncond,
            sheet=grid.sheet,
        )
        for after_step in denoise(model.unet, latents, conditions, settings, model.prediction_type):
            latents = after_step
            on_step()
        return model.decode(latents)

    return map(render, prompts)


def _batch(image: Image.Image) -> Tensor:
    """An image as (1, 3, H, W) in [0, 1]."""
    return to_tensor([image]).movedim(-1, 1)
