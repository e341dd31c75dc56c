"""Files of Prompt Diffusion as the host's own MODEL, CLIP, VAE and CONTROL_NET."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import comfy.model_management
import comfy.ops
import comfy.sd
import comfy.utils
import torch
from comfy.cldm import cldm
from comfy.controlnet import ControlNet
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..analogist.files.weights import read_weights
from ..analogist.prompt_diffusion.names import (
    CHANNELS,
    CONTROL_PREFIX,
    ENCODER_WIDTH,
    HEADS,
    MODEL_PREFIX,
    PAIR,
    QUERY,
    Architecture,
    architecture,
    control_names,
)
from .encoders import with_query

PRECISIONS = [torch.float16, torch.bfloat16, torch.float32]

Weights = Mapping[str, Tensor]


class Checkpoint(NamedTuple):
    """The contents of the published file."""

    model: ModelPatcher
    clip: comfy.sd.CLIP
    vae: comfy.sd.VAE
    control_net: ControlNet


def load_control_net(path: str, dtype: torch.dtype | None = None) -> ControlNet:
    """The control network of a file in any of its forms.

    Args:
        dtype: the precision of its weights; None leaves it to the host.

    Raises:
        ValueError: one sentence that names the file and says what is wrong with it.
    """
    return control_net(_read(path), _called(path), dtype)


def load_checkpoint(path: str, embeddings: list[str]) -> Checkpoint:
    """The whole published checkpoint. Its UNet is not plain SD 1.5: the decoder was tuned together with the control.

    Args:
        embeddings: folders in which the host's CLIP looks for embeddings.

    Raises:
        ValueError: one sentence that names the file and says what is wrong with it.
    """
    weights, source = _read(path), _called(path)
    control = control_net(weights, source)
    if not any(name.startswith(MODEL_PREFIX) for name in weights):
        raise ValueError(
            f"{source} contains only the ControlNet: load it with Analogist Prompt Diffusion Loader, and the model "
            "with another loader"
        )
    rest = {name: tensor for name, tensor in weights.items() if not name.startswith(CONTROL_PREFIX)}
    model, clip, vae, _ = comfy.sd.load_state_dict_guess_config(rest, embedding_directory=embeddings)
    return Checkpoint(model, clip, vae, control)


def control_net(weights: Weights, source: str, dtype: torch.dtype | None = None) -> ControlNet:
    """The host's ControlNet with both encoders.

    Args:
        weights: any form that `control_names` recognises; other tensors may be among them.
        source: the file, for the messages.

    Raises:
        ValueError: other weights, or incomplete ones.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    ours = {bare: weights[name] for name, bare in control_names(shapes, source).items()}
    dtype = dtype or comfy.model_management.unet_dtype(
        model_params=-1, supported_dtypes=PRECISIONS, weight_dtype=comfy.utils.weight_dtype(ours)
    )
    device = comfy.model_management.get_torch_device()
    manual_cast = comfy.model_management.unet_manual_cast(dtype, device)
    network = build(architecture({name: shapes_of.shape for name, shapes_of in ours.items()}), dtype, manual_cast)
    control = ControlNet(network, load_device=device, manual_cast_dtype=manual_cast, preprocess_image=to_signed)
    control.upscale_algorithm = "bilinear"  # The host's sharper ones leave [0, 1] or clip to it.
    _fill(network, {_placed(name): tensor for name, tensor in ours.items()}, source)
    return control


def build(shape: Architecture, dtype: torch.dtype, manual_cast: torch.dtype | None) -> cldm.ControlNet:
    """The network without its weights, where the host keeps networks that are not in use."""
    operations = comfy.ops.pick_operations(dtype, manual_cast)
    place: dict[str, Any] = {"dtype": dtype, "device": comfy.model_management.unet_offload_device()}
    network = cldm.ControlNet(
        image_size=32,
        in_channels=4,
        model_channels=shape.channels[0],
        hint_channels=CHANNELS[PAIR],
        num_res_blocks=[2, 2, 2, 2],
        channel_mult=[width // shape.channels[0] for width in shape.channels],
        num_heads=HEADS,
        use_spatial_transformer=True,
        transformer_depth=[1, 1, 1, 1, 1, 1, 0, 0],
        transformer_depth_middle=1,
        context_dim=shape.text_width,
        use_linear_in_transformer=False,
        legacy=False,
        operations=operations,
        **place,
    )
    query_input = operations.conv_nd(2, CHANNELS[QUERY], ENCODER_WIDTH, 3, padding=1, **place)
    network.input_hint_block = with_query(network.input_hint_block, query_input, shape.text_width)
    return network


def to_signed(images: Tensor) -> Tensor:
    """[0, 1], as the host has images, -> [-1, 1], in which the network was trained."""
    return images * 2 - 1


def _placed(bare: str) -> str:
    """Where a tensor of one of the two encoders lies in `PairQueryEncoder`."""
    encoder, _, rest = bare.partition(".")
    return {PAIR: f"{PAIR}.pair.{rest}", QUERY: f"{PAIR}.query.{rest}"}.get(encoder, bare)


def _fill(network: cldm.ControlNet, weights: Weights, source: str) -> None:
    try:
        missing, unexpected = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:  # Torch's way to say that shapes differ.
        raise ValueError(
            f"{source} does not match the ControlNet of Prompt Diffusion: {_second_line(error)}"
        ) from error
    if missing or unexpected:
        named = ", ".join([*missing, *unexpected][:3])
        raise ValueError(
            f"{source} is not a complete ControlNet of Prompt Diffusion: {len(missing)} tensors are missing and "
            f"{len(unexpected)} are unexpected ({named}, ...)"
        )


def _read(path: str) -> dict[str, Tensor]:
    """By the host's own reader, which obeys its options for memory."""
    return read_weights(
        Path(path), Path(path).name, lambda file: comfy.utils.load_torch_file(str(file), safe_load=True)
    )


def _called(path: str) -> str:
    """Only its name: paths of users' files do not belong in a shared log."""
    return f"The file {Path(path).name!r}"


def _second_line(error: Exception) -> str:
    """Torch's first line says that something is wrong, the next one what."""
    return (str(error).splitlines()[1:2] or [str(error)])[0].strip()
