"""Prompt Diffusion on diffusers, for scripts and as a second host: the stock ControlNet pipeline with both encoders."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline
from diffusers.models.controlnets.controlnet import ControlNetConditioningEmbedding
from PIL import Image
from torch import Tensor

from ..devices import seeded
from ..files.weights import read_weights
from ..images import to_tensor
from ..prompt_diffusion.inputs import Inputs, prepared
from ..prompt_diffusion.names import (
    CHANNELS,
    DIFFUSERS_ENCODERS,
    HEADS,
    PAIR,
    QUERY,
    architecture,
    control_names,
    modules,
    renamed,
)
from ..prompt_diffusion.settings import Settings
from ..prompt_diffusion.tasks import Texts
from .loading import TEXT_TO_IMAGE, load_pipeline
from .models import ddim

SIZE_STEP = 64
ENCODERS = {DIFFUSERS_ENCODERS[PAIR]: "pair", DIFFUSERS_ENCODERS[QUERY]: "query"}
"""What diffusers calls the two, and what `PairQueryEmbedding` does."""


class PairQueryEmbedding(torch.nn.Module):
    """The query B, then A and A', as features: encoded apart, then added. (N, 9, H, W) -> (N, channels, H/8, W/8)."""

    def __init__(self, channels: int):
        super().__init__()
        self.pair, self.query = (
            ControlNetConditioningEmbedding(channels, CHANNELS[encoder], (16, 32, 96, 256)) for encoder in (PAIR, QUERY)
        )

    def forward(self, conditioning: Tensor) -> Tensor:
        query, pair = conditioning.split([CHANNELS[QUERY], CHANNELS[PAIR]], dim=1)
        features: Tensor = self.pair(pair) + self.query(query)
        return features


def control_net(weights: Mapping[str, Tensor], source: str) -> ControlNetModel:
    """The control network of any form of the weights that `control_names` recognises.

    Args:
        source: the file, for the messages.

    Raises:
        ValueError: other weights, or incomplete ones.
    """
    names = control_names({name: tuple(tensor.shape) for name, tensor in weights.items()}, source)
    bare = {name: weights[stored] for stored, name in names.items()}
    shape = architecture({name: tuple(tensor.shape) for name, tensor in bare.items()})
    network = ControlNetModel(
        conditioning_channels=CHANNELS[PAIR],
        block_out_channels=shape.channels,
        cross_attention_dim=shape.text_width,
        attention_head_dim=HEADS,
    )
    network.controlnet_cond_embedding = PairQueryEmbedding(shape.channels[0])
    table = modules()
    placed = {_placed(renamed(name, table)): tensor for name, tensor in bare.items()}
    try:
        network.load_state_dict(placed)
    except RuntimeError as error:  # Torch's way to say that names or shapes differ; a list with a line for each.
        raise ValueError(
            f"{source} does not match the ControlNet of Prompt Diffusion: {str(error).splitlines()[1].strip()[:200]}"
        ) from error
    return network.eval()


def load(
    model: str, control: Path, device: str | None, dtype: torch.dtype | None, **options: Any
) -> StableDiffusionControlNetPipeline:
    """A Stable Diffusion 1.x model with Prompt Diffusion's control network.

    Args:
        model: as for `load_pipeline`; the published checkpoint holds a tuned one.
        control: a file with the control network in any of its forms; the published checkpoint once more, say.
        options: of `load_pipeline`.

    Raises:
        ValueError: one sentence that says what is missing, or what a file holds instead.
    """
    network = control_net(read_weights(control), f"The file {str(control)!r}")
    return with_control(load_pipeline(TEXT_TO_IMAGE, model, device, dtype, **options), network)


def with_control(pipeline: Any, network: ControlNetModel) -> StableDiffusionControlNetPipeline:
    """A text-to-image pipeline with the control network on its device and in its precision.

    Raises:
        ValueError: the two were made for different texts.
    """
    widths = [part.config.cross_attention_dim for part in (pipeline.unet, network)]
    if widths[0] != widths[1]:
        raise ValueError(
            f"The model has text embeddings of width {widths[0]} and the ControlNet of {widths[1]}: they do not match."
        )
    parts = {name: part for name, part in pipeline.components.items() if name != "image_encoder"}
    network = network.to(pipeline.unet.device, pipeline.unet.dtype)
    made = StableDiffusionControlNetPipeline(**parts, controlnet=network, requires_safety_checker=False)
    # Where the tokenizer's files do not say how many tokens the model reads, it takes any number for right.
    made.tokenizer.model_max_length = made.text_encoder.config.max_position_embeddings
    made.set_progress_bar_config(disable=True)
    return made


def hint(images: Inputs) -> Tensor:
    """(N, 9, H, W) in [-1, 1], as trained: B, A, A'."""
    return torch.cat([images.b, images.a, images.a_prime], dim=1) * 2 - 1


def size_for(image: Image.Image, shorter: int) -> tuple[int, int]:
    """Width and height near the image's shape, the shorter side `shorter`, both in multiples of 64."""
    factor = shorter / min(image.size)
    width, height = (max(SIZE_STEP, round(side * factor / SIZE_STEP) * SIZE_STEP) for side in image.size)
    return width, height


@torch.no_grad()
def sample(
    pipeline: StableDiffusionControlNetPipeline,
    pair: tuple[Image.Image, Image.Image] | None,
    query: Image.Image,
    words: Texts,
    settings: Settings,
    seed: int,
    on_step: Callable[[], None] = lambda: None,
) -> list[Image.Image]:
    """Do to the query what the pair shows.

    Args:
        pair: A and A', of the size of the query or stretched to it; None for no example.
        query: B; its sides are multiples of 64.
        on_step: called after each of `settings.steps` steps.

    Returns:
        `settings.images` images of the size of the query.

    Raises:
        ValueError: a seed that is no whole number from 0 to 2**64 - 1.
    """
    a, a_prime = (None, None) if pair is None else (to_tensor([image]) for image in pair)
    conditioning = hint(prepared(a, a_prime, to_tensor([query])))
    pipeline.scheduler = ddim(settings.steps, pipeline.scheduler.config.get("prediction_type", "epsilon"))

    def after_step(_: Any, __: int, ___: int, state: dict[str, Any]) -> dict[str, Any]:
        on_step()
        return state

    made = pipeline(
        words.positive,
        image=conditioning,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance,
        negative_prompt=words.negative,
        num_images_per_prompt=settings.images,
        controlnet_conditioning_scale=settings.strength,
        generator=seeded(seed),
        callback_on_step_end=after_step,
    )
    images: list[Image.Image] = made.images
    return images


def _placed(name: str) -> str:
    """Where a tensor of one of the two encoders lies in `PairQueryEmbedding`."""
    encoder, _, rest = name.partition(".")
    return f"controlnet_cond_embedding.{ENCODERS[encoder]}.{rest}" if encoder in ENCODERS else name
