"""A whole Stable Diffusion 1.x inpainting pipeline with random weights: tiny, and it renders noise."""

import torch
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from analogist.pipelines.clip_tokenizer import tokenizer_of
from analogist.pipelines.loading import from_pipeline
from analogist.pipelines.models import InpaintingModel, ddim

TEXT_WIDTH = 48


def random_model(seed: int = 0) -> InpaintingModel:
    """A model with the 16 transformer blocks of Stable Diffusion 1.x and random weights: it renders noise."""
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
