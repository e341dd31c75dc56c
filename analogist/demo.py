"""The whole graph on photographs of this machine, without a trained model: a tiny random one paints noise for B'."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from .clip_tokenizer import tokenizer_of
from .diffusers_models import InpaintingModel, ddim, from_pipeline
from .diffusers_pipeline import Settings, sample
from .grid import AnalogyGrid, Fit, compose, crop, mark
from .regions import Cell

PROMPT = "Cat in color"
TEXT_WIDTH = 48


class Demo(NamedTuple):
    """The pictures of one demo: A, A', B and B', the grid and the marked grid."""

    pictures: dict[Cell, Image.Image]
    grid: Image.Image
    marked: Image.Image


def photographs() -> dict[Cell, Image.Image]:
    """A colorization analogy from photographs that scikit-image brings along: A is grey, A' coloured, B grey."""
    from skimage import data  # Needed by nobody else.

    coffee, cat = (Image.fromarray(photograph) for photograph in (data.coffee(), data.chelsea()))
    return {Cell.A: coffee.convert("L"), Cell.A_PRIME: coffee, Cell.B: cat.convert("L")}


def paint(
    model: InpaintingModel, settings: Settings, seed: int = 42, on_step: Callable[[], None] = lambda: None
) -> Demo:
    """Run the method on `photographs`; the first picture of the first prompt becomes B'."""
    grid = AnalogyGrid(fit=Fit.CROP)
    pictures = photographs()
    image = compose(grid, pictures[Cell.A], pictures[Cell.A_PRIME], pictures[Cell.B])
    painted = next(sample(model, grid, image, [PROMPT], settings, model.generator(seed), on_step))
    cells = {cell: crop(grid, image, cell) for cell in pictures}
    return Demo({**cells, Cell.B_PRIME: crop(grid, painted[0], Cell.B_PRIME)}, image, mark(grid, image))


def random_model(seed: int = 0) -> InpaintingModel:
    """A model with the 16 transformer blocks of Stable Diffusion 1.x and random weights: it paints noise."""
    return from_pipeline(random_pipeline(seed))


def random_pipeline(seed: int = 0) -> StableDiffusionInpaintPipeline:
    """The same as a diffusers pipeline, which can be saved to a folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet = UNet2DConditionModel(
            sample_size=64,
            in_channels=9,
            out_channels=4,
            block_out_channels=(32, 32, 32, 32),
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=8,
        )
        vae = AutoencoderKL(
            block_out_channels=(32, 32, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            sample_size=512,
        )
        tokenizer = tokenizer_of([])  # Its words are single bytes.
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=TEXT_WIDTH,
                intermediate_size=2 * TEXT_WIDTH,
                num_hidden_layers=2,
                num_attention_heads=4,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    return StableDiffusionInpaintPipeline(
        unet=unet.eval(),
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        scheduler=ddim(50),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
