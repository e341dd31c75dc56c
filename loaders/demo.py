"""The demo model as a checkpoint loader would give it: a MODEL, a CLIP and a VAE of the host's own classes.

The host recognises checkpoints by their sizes and does not know these, so its classes are told here what they are made
of; names are translated, weights loaded and devices chosen by the host.
"""

from math import prod
from pathlib import Path
from typing import Any

import comfy.sd
import torch
from comfy import model_management
from comfy.ldm.models.autoencoder import AutoencoderKL
from comfy.model_base import BaseModel, ModelType
from comfy.model_patcher import CoreModelPatcher, ModelPatcher
from comfy.sd1_clip import SD1ClipModel, SD1Tokenizer, SDClipModel
from comfy.supported_models import SD15
from comfy.supported_models_base import ClipTarget
from comfy.utils import calculate_parameters, unet_to_diffusers

from ..analogist.demo.autoencoder import FACTOR, PatchAutoencoder
from ..analogist.demo.configuration import DEMO
from ..analogist.demo.weights import PATH, DemoWeights, fitting, read
from .unet import LevelledUNet, host_config

SMALLEST_VAE: dict[str, Any] = {
    "embed_dim": 4,
    "ddconfig": {
        "double_z": True,
        "z_channels": 4,
        "resolution": 8,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1],
        "num_res_blocks": 1,
        "attn_resolutions": [],
        "dropout": 0.0,
    },
}
"""The host makes a VAE around its own autoencoder only; ours takes its place in it."""
BYTES_PER_PIXEL = 128
"""Of memory while the autoencoder works; its largest tensors have three numbers for each pixel."""


class DemoConfig(SD15):
    """What the host asks a family of models. In full precision, as so small a model gains nothing from less."""

    unet_extra_config = {"num_heads": DEMO.heads, "num_head_channels": -1}  # noqa: RUF012 - the host's way
    supported_inference_dtypes = [torch.float32]  # noqa: RUF012
    demo = DEMO  # For who wants to know whether it is this model.

    def model_type(self, state_dict: dict[str, torch.Tensor], prefix: str = "") -> ModelType:
        return ModelType.V_PREDICTION

    def get_model(self, state_dict: dict[str, torch.Tensor], prefix: str = "", device: Any = None) -> BaseModel:
        """As the host's own, around a UNet whose levels have any widths."""
        model = BaseModel(self, self.model_type(state_dict, prefix), device, unet_model=LevelledUNet)
        model.set_inpaint()
        return model


class DemoTextEncoder(SDClipModel):
    """The host's text encoder in another size."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, textmodel_json_config=DEMO.text_encoder, return_projected_pooled=False)


def load(path: str | Path = PATH) -> tuple[ModelPatcher, comfy.sd.CLIP, comfy.sd.VAE]:
    """The MODEL, the CLIP and the VAE, on the devices that the host puts them on.

    Raises:
        ValueError: no such file, or one that is no demo model of this version.
    """
    model, clip, vae = _load(path)
    for number, patcher in enumerate((model, clip.patcher, vae.patcher)):
        # The host loads a model anew for a second GPU, or for hooks where it moves weights by itself.
        patcher.cached_patcher_init = (_patchers, (path,), number)
    return model, clip, vae


def _patchers(path: str | Path, disable_dynamic: bool = False) -> tuple[ModelPatcher, ModelPatcher, ModelPatcher]:
    model, clip, vae = _load(path, disable_dynamic)
    return model, clip.patcher, vae.patcher


def _load(path: str | Path, disable_dynamic: bool = False) -> tuple[ModelPatcher, comfy.sd.CLIP, comfy.sd.VAE]:
    weights = read(path)
    with fitting(path):
        return _model(weights, disable_dynamic), _clip(weights, disable_dynamic), _vae(weights, disable_dynamic)


def _model(weights: DemoWeights, disable_dynamic: bool) -> ModelPatcher:
    """The UNet, as `comfy.sd.load_diffusion_model_state_dict` makes one that it recognises."""
    description = host_config(DEMO)
    names = unet_to_diffusers(description)
    state = {names[name]: tensor for name, tensor in weights.unet.items()}
    parameters = calculate_parameters(state)
    config = DemoConfig(description)
    device, allowed = model_management.get_torch_device(), config.supported_inference_dtypes
    dtype = model_management.unet_dtype(model_params=parameters, supported_dtypes=allowed)
    config.set_inference_dtype(dtype, model_management.unet_manual_cast(dtype, device, allowed))
    inner = config.get_model(state, device=model_management.unet_inital_load_device(parameters, dtype))
    patcher_class = ModelPatcher if disable_dynamic else CoreModelPatcher
    patcher = patcher_class(inner, load_device=device, offload_device=model_management.unet_offload_device())
    inner.diffusion_model.load_state_dict(state, assign=patcher.is_dynamic())
    return patcher


def _clip(weights: DemoWeights, disable_dynamic: bool) -> comfy.sd.CLIP:
    target = ClipTarget(SD1Tokenizer, SD1ClipModel)
    target.params["clip_model"] = DemoTextEncoder
    state = {f"clip_l.transformer.{name}": tensor for name, tensor in weights.text_encoder.items()}
    # Not used in Stable Diffusion 1.x, but the host would leave in it what happens to be in memory.
    state["clip_l.transformer.text_projection.weight"] = torch.eye(DEMO.text_width)
    options = {"disable_dynamic": True} if disable_dynamic else {}  # Only a host that knows it asks for it.
    clip = comfy.sd.CLIP(target, parameters=calculate_parameters(state), state_dict=state, **options)
    _check_complete(clip.cond_stage_model, state)
    return clip


def _vae(weights: DemoWeights, disable_dynamic: bool) -> comfy.sd.VAE:
    autoencoder = PatchAutoencoder().eval()
    dtype = model_management.vae_dtype(model_management.vae_device(), [torch.float32])
    vae = comfy.sd.VAE(sd=AutoencoderKL(**SMALLEST_VAE).state_dict(), config={"params": SMALLEST_VAE}, dtype=dtype)
    vae.first_stage_model = autoencoder.to(dtype)
    vae.memory_used_encode = lambda shape, dtype: BYTES_PER_PIXEL * prod(shape[2:])
    vae.memory_used_decode = lambda shape, dtype: BYTES_PER_PIXEL * prod(shape[2:]) * FACTOR**2
    patcher_class = ModelPatcher if disable_dynamic else CoreModelPatcher
    vae.patcher = patcher_class(autoencoder, vae.device, model_management.vae_offload_device())
    autoencoder.load_state_dict(weights.vae, assign=vae.patcher.is_dynamic())
    vae.size = model_management.module_size(autoencoder)
    return vae


def _check_complete(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Raise where names differ: the host only logs what a text encoder or a VAE lacks."""
    needed = {name for name in module.state_dict() if not name.endswith("logit_scale")}  # A constant of the host's.
    wrong = sorted(needed ^ state.keys())
    if wrong:
        raise KeyError(*wrong)
