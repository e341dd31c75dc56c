"""The published method on diffusers' inpainting UNet: for scripts, and as a second host beside ComfyUI.

The edits live in attention processors that are installed around one call of the UNet and taken out again; no module's
forward is ever replaced. Everything else is the published pipeline: DDIM, started from the noised canvas, guided, and
never blended with the known cells.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0, XFormersAttnProcessor
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from .cloning import clone_self_attention
from .diffusers_models import InpaintingModel, ddim
from .grid import AnalogyGrid, canvas, mask
from .layers import PAPER, ActivePart, LayerRange
from .masking import mask_cross_attention
from .pictures import to_tensor
from .regions import TokenGrid
from .schedule import TRAIN_STEPS, ddim_timesteps

logger = logging.getLogger(__name__)

LatentSize = tuple[int, int]
"""Height and width of the latents."""
EditedAttention = Callable[[Tensor, Tensor, Tensor, TokenGrid], Tensor]
"""q, k, v (batch, heads, tokens, dim) and the token grid -> the same shape, before the output projection."""

SUFFIX = ", best quality, extremely detailed"
NEGATIVE_PROMPT = "Messy,Disordered,Chaotic,Cluttered,Haphazard,Unkempt,Scattered,Disheveled,Tangled,Random"

PLAIN_PROCESSORS = (AttnProcessor, AttnProcessor2_0, XFormersAttnProcessor)
"""Processors that compute plain attention, so that one of ours may stand in for them."""


@dataclass(frozen=True)
class Edit:
    """Which transformer blocks are edited, how, and when; the default is the paper's.

    Attributes:
        sac, cam: layers of Self-Attention Cloning and of Cross-Attention Masking, half open; empty for none.
        scale: s of Self-Attention Cloning, any finite number.
        active: the part of the noise schedule in which both act.
    """

    sac: LayerRange = PAPER
    cam: LayerRange = PAPER
    scale: float = 1.3
    active: ActivePart = field(default_factory=ActivePart)

    def __post_init__(self) -> None:
        if not math.isfinite(self.scale):
            raise ValueError(f"The scale of Self-Attention Cloning is {self.scale}, but must be a finite number.")

    def is_active(self, timestep: int) -> bool:
        """Whether the edit acts at a training time step; percent p of the schedule is time step (1 - p) * 999."""
        if self.active.is_everything:
            return True
        return timestep in self.active.noise_levels(lambda percent: (1 - percent) * (TRAIN_STEPS - 1))


def transformer_blocks(unet: UNet2DConditionModel) -> list[BasicTransformerBlock]:
    """All transformer blocks in the order in which they run; the position in the list is the paper's layer number.

    Stable Diffusion 1.x has 16.

    Raises:
        ValueError: the model is no UNet with such blocks (a diffusion transformer, say).
    """
    stages = [*unet.down_blocks, unet.mid_block, *unet.up_blocks] if isinstance(unet, UNet2DConditionModel) else []
    blocks = [
        block
        for stage in stages
        for transformer in getattr(stage, "attentions", ())
        if isinstance(transformer, Transformer2DModel)
        for block in transformer.transformer_blocks
    ]
    if not blocks:
        raise ValueError(
            "SAC and CAM work inside the transformer blocks of a UNet (Stable Diffusion 1.x); this model is a "
            f"{type(unet).__name__}, which has none."
        )
    return blocks


def token_grid(latent_size: LatentSize, tokens: int) -> TokenGrid:
    """The token grid of the UNet level that has `tokens` tokens: every level halves the sides and rounds up."""
    h, w = latent_size
    while h * w > tokens:
        h, w = (h + 1) // 2, (w + 1) // 2
    return h, w


@dataclass(frozen=True)
class EditedProcessor:
    """What diffusers' AttnProcessor2_0 does in a transformer block, with an edited attention in its middle.

    The attentions of a transformer block have no norms and no residual of their own: those belong to the block.
    """

    attention: EditedAttention
    latent_size: LatentSize

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        if attention_mask is not None:
            raise ValueError("SAC and CAM cannot be used together with an attention mask.")
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (
            projected.unflatten(-1, (attn.heads, -1)).transpose(1, 2)  # (B, N, H * D) -> (B, H, N, D)
            for projected in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        out = self.attention(q, k, v, token_grid(self.latent_size, q.shape[-2])).transpose(1, 2).flatten(-2)
        projection, dropout = attn.to_out
        result: Tensor = dropout(projection(out))
        return result


@contextmanager
def edited(unet: UNet2DConditionModel, edit: Edit, latent_size: LatentSize, timestep: int) -> Iterator[None]:
    """SAC and CAM in the attentions of `unet`, for a call at `timestep`; afterwards its processors are as before.

    Where no layer is selected or the edit does not act at this time step, the UNet is left untouched.

    Raises:
        ValueError: a model without transformer blocks, a layer range past its end, or an attention that another
            extension has replaced. At the UNet's call: a token grid that does not fall into four equal cells.
    """
    blocks = transformer_blocks(unet)
    clone = EditedProcessor(partial(clone_self_attention, scale=edit.scale), latent_size)
    mask_rows = EditedProcessor(mask_cross_attention, latent_size)
    edits = [(blocks[layer].attn1, clone) for layer in edit.sac.select(len(blocks))]
    edits += [(blocks[layer].attn2, mask_rows) for layer in edit.cam.select(len(blocks))]
    previous = [(attention, attention.get_processor()) for attention, _ in edits]
    for _, processor in previous:
        if not isinstance(processor, PLAIN_PROCESSORS):
            raise ValueError(
                f"An attention of the UNet is already replaced by {type(processor).__name__}: take that extension out "
                "first, SAC and CAM need a plain attention there."
            )
    try:
        if edit.is_active(timestep):
            for attention, processor in edits:
                attention.set_processor(processor)
        yield
    finally:
        for attention, processor in previous:
            attention.set_processor(processor)


@dataclass(frozen=True)
class Settings:
    """Everything that a run can be told; the defaults are those of the published program.

    Attributes:
        steps: DDIM steps over the whole schedule.
        strength: share of them that is run, above 0 and at most 1; less keeps more of the canvas.
        guidance: weight of the prompt against the negative prompt; at 1 or below the negative one is not asked.
        edit: SAC and CAM.
        images_per_prompt: pictures made together for each prompt.
        suffix: appended to each prompt.
        negative_prompt: what the pictures are guided away from.
    """

    steps: int = 50
    strength: float = 0.98
    guidance: float = 15.0
    edit: Edit = field(default_factory=Edit)
    images_per_prompt: int = 8
    suffix: str = SUFFIX
    negative_prompt: str = NEGATIVE_PROMPT

    def __post_init__(self) -> None:
        ddim_timesteps(self.steps, self.strength)  # Refuses what is out of range.
        if not math.isfinite(self.guidance):
            raise ValueError(f"The guidance is {self.guidance}, but must be a finite number.")
        if self.images_per_prompt < 1:
            raise ValueError(f"{self.images_per_prompt} images per prompt are not possible: ask for at least 1.")

    @property
    def timesteps(self) -> list[int]:
        """The training time steps that are run, the noisiest first."""
        return ddim_timesteps(self.steps, self.strength)


@dataclass(frozen=True)
class Conditions:
    """What the UNet is told at every step.

    Attributes:
        mask: (1, 1, h, w), 1 where it paints.
        masked_image_latents: (1, 4, h, w), the canvas with a grey B'.
        cond, uncond: (1, text tokens, dim), the prompt and the negative prompt.
    """

    mask: Tensor
    masked_image_latents: Tensor
    cond: Tensor
    uncond: Tensor


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
    with edited(unet, settings.edit, (height, width), timestep):
        predicted: Tensor = unet(x, timestep, context).sample
    if settings.guidance > 1:
        uncond, cond = predicted.chunk(2)
        predicted = uncond + settings.guidance * (cond - uncond)
    return predicted


def sample(
    model: InpaintingModel,
    grid: AnalogyGrid,
    image: Image.Image,
    prompts: Sequence[str],
    settings: Settings,
    generator: torch.Generator,
    on_step: Callable[[], None] = lambda: None,
) -> Iterator[list[Image.Image]]:
    """Paint B' of an analogy, for one prompt after the other, as the result is iterated over.

    Args:
        grid, image: the geometry, and the grid I as a picture of that size; its B' is not looked at.
        prompts: without the suffix.
        on_step: called after every step, len(prompts) * len(settings.timesteps) times in all.

    Returns:
        for each prompt its `settings.images_per_prompt` grids, of the size of `image`. All start from the same noise.

    Raises:
        ValueError: a picture of another size than the grid, or a layer range that goes past the model; at once, and
            not when the first picture is asked for.
    """
    if image.size != grid.size:
        raise ValueError(
            f"The picture is {image.width}x{image.height}, but the grid is {grid.size[0]}x{grid.size[1]}; "
            "they must be of the same size."
        )
    layers = len(transformer_blocks(model.unet))
    for edited_layers in (settings.edit.sac, settings.edit.cam):
        edited_layers.select(layers)
    return _sample(model, grid, image, prompts, settings, generator, on_step)


@torch.no_grad()
def _sample(
    model: InpaintingModel,
    grid: AnalogyGrid,
    image: Image.Image,
    prompts: Sequence[str],
    settings: Settings,
    generator: torch.Generator,
    on_step: Callable[[], None],
) -> Iterator[list[Image.Image]]:
    pixels = _batch(canvas(grid, image)) * 2 - 1
    to_paint = _batch(mask(grid).convert("RGB"))[:, :1]
    ratio = model.latent_factor
    latent_size = (image.height // ratio, image.width // ratio)
    shape = (settings.images_per_prompt, model.unet.config.out_channels, *latent_size)
    noise = randn_tensor(shape, generator=generator, device=model.device, dtype=model.unet.dtype)
    uncond = model.encode_text(settings.negative_prompt)
    for prompt in prompts:
        # The posterior is sampled for each prompt anew, the canvas first: the published order of random numbers.
        start = start_latents(noise, model.encode(pixels, generator), settings)
        conditions = Conditions(
            mask=interpolate(to_paint, latent_size).to(start),
            masked_image_latents=model.encode(pixels * (to_paint < 0.5), generator),
            cond=model.encode_text(prompt + settings.suffix),
            uncond=uncond,
        )
        latents = start
        for after_step in denoise(model.unet, start, conditions, settings, model.prediction_type):
            latents = after_step
            on_step()
        yield model.decode(latents)


def _batch(picture: Image.Image) -> Tensor:
    """A picture as (1, 3, H, W) in [0, 1]."""
    return to_tensor([picture]).movedim(-1, 1)
