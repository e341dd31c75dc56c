"""Tiny inpainting models made of the host's own classes, so that its real samplers run in a second.

The UNets have the block patterns of Stable Diffusion 1.x and 2.x (16 transformer blocks) and of SDXL (no, one and two
blocks in a stage of its three levels) at 32 or 64 channels; weights are random and seeded, or the golden ones.
"""

import json
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import comfy.sd
import comfy.sd1_clip
import torch
from comfy.clip_vision import ClipVisionModel
from comfy.model_patcher import ModelPatcher
from comfy.sdxl_clip import SDXLClipModel, SDXLTokenizer
from comfy.supported_models import SD15, SD20, SDXL
from comfy.supported_models_base import BASE
from comfy.text_encoders.sd2_clip import SD2Tokenizer

CONTEXT_DIM = 48

UNET = {
    "image_size": 32,
    "in_channels": 9,
    "out_channels": 4,
    "model_channels": 32,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 1, 1, 1],
    "num_heads": 8,
    "use_spatial_transformer": True,
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "context_dim": CONTEXT_DIM,
    "use_linear_in_transformer": False,
    "legacy": False,
    "dtype": torch.float32,
}
SD2_UNET = {
    **UNET,
    "model_channels": 64,
    "use_linear_in_transformer": True,
    "adm_in_channels": None,
}
"""With heads of 64 channels, which the host's configuration of these families fixes."""
POOLED_DIM, SIZE_CONDITIONING = CONTEXT_DIM, 6 * 256
"""What SDXL is told beside the text: its pooled form, and six lengths."""
SDXL_UNET = {
    **SD2_UNET,
    "num_res_blocks": [2, 2, 2],
    "channel_mult": [1, 2, 4],
    "transformer_depth": [0, 0, 1, 1, 2, 2],
    "transformer_depth_output": [0, 0, 0, 1, 1, 1, 2, 2, 2],
    "transformer_depth_middle": 2,
    "context_dim": 2 * CONTEXT_DIM,
    "num_classes": "sequential",
    "adm_in_channels": POOLED_DIM + SIZE_CONDITIONING,
}

VAE = {
    "embed_dim": 4,
    "ddconfig": {
        "double_z": True,
        "z_channels": 4,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 1, 1, 1],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    },
}

CLIP = {
    "architectures": ["CLIPTextModel"],
    "hidden_act": "quick_gelu",
    "hidden_size": CONTEXT_DIM,
    "intermediate_size": 64,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "projection_dim": CONTEXT_DIM,
    "eos_token_id": 49407,
    "vocab_size": 49408,
}


CLIP_VISION = {
    "model_type": "clip_vision_model",
    "hidden_act": "quick_gelu",
    "hidden_size": 32,
    "image_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_channels": 3,
    "num_hidden_layers": 2,
    "patch_size": 8,
    "projection_dim": 16,
}


def randomise(module: torch.nn.Module, seed: int) -> None:
    """Fill every weight from one generator, small enough that the activations stay tame."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in sorted(module.named_parameters()):
            if weight.ndim < 2:
                weight.fill_(0.0 if name.endswith("bias") else 1.0)
                weight.add_(0.1 * torch.randn(weight.shape, generator=generator))
            else:
                fan_in = weight[0].numel()
                weight.copy_(torch.randn(weight.shape, generator=generator) * fan_in**-0.5)


def tiny_model(
    weights: dict[str, torch.Tensor] | None = None,
    seed: int = 0,
    channel_mult: tuple[int, ...] = (1, 1, 1, 1),
    **unet: Any,
) -> ModelPatcher:
    """A MODEL of the SD-1.5 inpainting family; `weights` are the UNet's, in LDM names, `unet` other settings of it."""
    return _patcher(SD15, {**UNET, "channel_mult": list(channel_mult), **unet}, weights, seed)


def tiny_sd2(seed: int = 0, **unet: Any) -> ModelPatcher:
    """A MODEL of the SD-2 inpainting family."""
    return _patcher(SD20, {**SD2_UNET, **unet}, None, seed)


def tiny_sdxl(seed: int = 0, **unet: Any) -> ModelPatcher:
    """A MODEL of the SDXL inpainting family, or with `in_channels` 4 of SDXL itself."""
    return _patcher(SDXL, {**SDXL_UNET, **unet}, None, seed)


def another(model: ModelPatcher, seed: int) -> ModelPatcher:
    """A model of the same kind with other weights."""
    known = model.model.model_config
    return _patcher(type(known), known.unet_config, None, seed)


def _patcher(
    family: type[BASE], unet: dict[str, Any], weights: dict[str, torch.Tensor] | None, seed: int
) -> ModelPatcher:
    inner = family(unet).get_model({}, device="cpu")
    if weights is None:
        randomise(inner.diffusion_model, seed)
    else:
        inner.diffusion_model.load_state_dict(weights, strict=True)
    cpu = torch.device("cpu")
    return ModelPatcher(inner.eval(), load_device=cpu, offload_device=cpu)


def tiny_vae(seed: int = 0) -> comfy.sd.VAE:
    """A VAE that makes latents of 4 channels at an eighth of the image's size."""
    from comfy.ldm.models.autoencoder import AutoencoderKL

    module = AutoencoderKL(**VAE)
    randomise(module, seed)
    return comfy.sd.VAE(sd=module.state_dict(), config={"params": VAE}, device=torch.device("cpu"), dtype=torch.float32)


class TinyClipModel(comfy.sd1_clip.SDClipModel):
    def __init__(self, device="cpu", dtype=None, model_options={}):  # noqa: B006 - the host's signature
        super().__init__(device=device, dtype=dtype, textmodel_json_config=dict(CLIP), model_options=model_options)


class TinySDXLClipModel(SDXLClipModel):
    """The host's pair of text encoders, both tiny."""

    def __init__(self, device="cpu", dtype=None, model_options={}):  # noqa: B006 - the host's signature
        torch.nn.Module.__init__(self)
        self.clip_l, self.clip_g = (TinyClipModel(device, dtype, model_options) for _ in range(2))
        self.dtypes = {dtype}


def tiny_clip(seed: int = 0) -> comfy.sd.CLIP:
    """A CLIP with the host's own tokenizer."""
    return _clip(comfy.sd1_clip.SD1ClipModel, comfy.sd1_clip.SD1Tokenizer, {"clip_model": TinyClipModel}, seed)


def tiny_sd2_clip(seed: int = 0) -> comfy.sd.CLIP:
    """The same for SD 2."""
    params = {"clip_model": TinyClipModel, "clip_name": "h"}
    return _clip(comfy.sd1_clip.SD1ClipModel, SD2Tokenizer, params, seed)


def tiny_sdxl_clip(seed: int = 0) -> comfy.sd.CLIP:
    """The same for SDXL: two encoders, and the pooled text of the second."""
    return _clip(TinySDXLClipModel, SDXLTokenizer, {}, seed)


def _clip(encoder: type, encoder_tokenizer: type, encoder_params: dict[str, Any], seed: int) -> comfy.sd.CLIP:
    class Target:  # What the host looks up for each family of text encoders.
        params: ClassVar = encoder_params
        clip = encoder
        tokenizer = encoder_tokenizer

    clip = comfy.sd.CLIP(Target, model_options={"load_device": torch.device("cpu"), "dtype": torch.float32})
    randomise(clip.cond_stage_model, seed)
    return clip


def tiny_clip_vision(seed: int = 0) -> ClipVisionModel:
    """A CLIP vision model as the host loads them; older hosts read its configuration from a file only."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "config.json")
        config.write_text(json.dumps(CLIP_VISION))
        vision = ClipVisionModel(str(config))
    randomise(vision.model, seed)
    return vision
