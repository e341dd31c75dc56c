"""Loading Stable Diffusion 1.x models from disk, as pipelines of diffusers."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    DiffusionPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from safetensors import SafetensorError
from transformers import CLIPTokenizer

from ..devices import checked_device
from ..files.weights import OTHER_FAMILIES, first_line, read_weights
from .clip_tokenizer import TOKENIZER_FILES, clip_tokenizer
from .models import InpaintingModel, ddim


@dataclass(frozen=True)
class Kind:
    """A kind of Stable Diffusion 1.x model.

    Attributes:
        pipeline: the class of diffusers that loads it.
        in_channels: of its UNet.
        name, advice, elsewhere: for messages; the last says where models of other families run.
    """

    pipeline: type[DiffusionPipeline]
    in_channels: int
    name: str
    advice: str
    elsewhere: str = ""


INPAINTING = Kind(
    StableDiffusionInpaintPipeline,
    9,
    "an inpainting model",
    "Stable Diffusion 1.5 inpainting",
    " In ComfyUI the nodes take Stable Diffusion 2.x and SDXL, too.",
)
TEXT_TO_IMAGE = Kind(StableDiffusionPipeline, 4, "a text-to-image model", "Stable Diffusion 1.5")

UNET_CONFIG: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "sample_size": 64,
    "out_channels": 4,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
VAE_CONFIG: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "sample_size": 512,
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 2,
    "latent_channels": 4,
    "scaling_factor": 0.18215,
}
TEXT_ENCODER_CONFIG: dict[str, Any] = {
    "architectures": ["CLIPTextModel"],
    "model_type": "clip_text_model",
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "projection_dim": 768,
}
PIPELINE_CONFIG: dict[str, Any] = {
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}

ENDINGS = (".safetensors", ".ckpt")
FIRST_WEIGHT = "model.diffusion_model.input_blocks.0.0.weight"
TEXT_WEIGHT = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_k.weight"
OTHER_PARTS = (("VAE", "first_stage_model."), ("text encoder", "cond_stage_model."))
"""Names of the tensors in a checkpoint file."""


def load_model(
    path: str | Path,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    tokenizer: str | Path | None = None,
    allow_download: bool = False,
) -> InpaintingModel:
    """Load a Stable Diffusion 1.x inpainting model; arguments and errors are those of `load_pipeline`."""
    return from_pipeline(load_pipeline(INPAINTING, path, device, dtype, tokenizer, allow_download))


def load_pipeline(
    kind: Kind,
    path: str | Path,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    tokenizer: str | Path | None = None,
    allow_download: bool = False,
) -> DiffusionPipeline:
    """Load a Stable Diffusion 1.x model as the pipeline of its kind.

    Args:
        path: a folder in the format of diffusers, or one checkpoint file (.safetensors or .ckpt). Where neither is
            there it is taken for the name of a Hugging Face repository that has been downloaded before.
        device: None takes the GPU where there is one.
        dtype: None takes float16 on a GPU and float32 on the CPU.
        tokenizer: for a checkpoint file, a folder with vocab.json and merges.txt; None takes CLIP's own.
        allow_download: whether what is missing may be fetched from Hugging Face.

    Raises:
        ValueError: one sentence that says what is missing, or what the model is instead.
    """
    place = torch.device(checked_device(device))
    dtype = dtype or (torch.float32 if place.type == "cpu" else torch.float16)
    if Path(path).is_file():
        pipeline = _load_file(kind, Path(path), _tokenizer(tokenizer))
    else:
        pipeline = _load_folder(kind, _model_folder(kind, path, allow_download))
    words, known = len(pipeline.tokenizer), pipeline.text_encoder.config.vocab_size
    if words != known:  # Without its files the tokenizer loads all the same, and knows two words.
        raise ValueError(
            f"The tokenizer of {str(path)!r} has {words} tokens and its text encoder {known}: they do not match, or "
            "files of the tokenizer are missing."
        )
    return pipeline.to(place, dtype)


def from_pipeline(pipeline: StableDiffusionInpaintPipeline) -> InpaintingModel:
    """The parts of a diffusers pipeline that are used here."""
    predicted = pipeline.scheduler.config.get("prediction_type", "epsilon")
    return InpaintingModel(pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.tokenizer, predicted)


def _model_folder(kind: Kind, path: str | Path, allow_download: bool) -> Path:
    """The folder at `path`, or that of the Hugging Face repository of this name."""
    if Path(path).is_dir():
        return Path(path)
    try:
        return Path(kind.pipeline.download(str(path), local_files_only=not allow_download))
    except (OSError, ValueError):  # Not there, not reachable, or no name of a repository.
        raise ValueError(
            f"There is no model {str(path)!r}: give the path of {kind.name} of Stable Diffusion 1.x, a diffusers "
            "folder or a .safetensors or .ckpt file."
        ) from None


def _load_folder(kind: Kind, folder: Path) -> DiffusionPipeline:
    try:
        unet = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
        channels, text_width = unet["in_channels"], unet["cross_attention_dim"]
    except (OSError, ValueError, KeyError):
        raise ValueError(
            f"The folder {str(folder)!r} is not a diffusers model of Stable Diffusion: it has no readable "
            "unet/config.json."
        ) from None
    _check_family(kind, folder, channels, text_width)
    try:
        return kind.pipeline.from_pretrained(
            folder,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            local_files_only=True,
            variant=_variant(folder),
        )
    except ModuleNotFoundError:
        raise  # A library that is not installed is no fault of the folder.
    except (OSError, ValueError, RuntimeError, SafetensorError, ImportError) as error:  # Tokenizers without a file.
        raise ValueError(f"The model in {str(folder)!r} cannot be loaded: {first_line(error)}") from error


def _variant(folder: Path) -> str | None:
    """Float16 files have a variant name, which diffusers does not look for by default."""
    weights = {file.name for file in (folder / "unet").glob("diffusion_pytorch_model*")}
    half_only = any(".fp16." in name for name in weights) and all(".fp16." in name for name in weights)
    return "fp16" if half_only else None


def _load_file(kind: Kind, path: Path, tokenizer: CLIPTokenizer) -> DiffusionPipeline:
    """A checkpoint file holds weights alone, so the configuration is written into a folder for diffusers to read."""
    _check_checkpoint(kind, path)
    configs = {
        "model_index.json": {"_class_name": kind.pipeline.__name__, **PIPELINE_CONFIG},
        "unet/config.json": {"in_channels": kind.in_channels, **UNET_CONFIG},
        "vae/config.json": VAE_CONFIG,
        "text_encoder/config.json": TEXT_ENCODER_CONFIG,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, config in configs.items():
            file = Path(folder, name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(json.dumps(config), encoding="utf-8")
        try:
            return kind.pipeline.from_single_file(
                str(path),
                config=folder,
                tokenizer=tokenizer,
                scheduler=ddim(50),
                local_files_only=True,
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ValueError(f"The checkpoint {str(path)!r} cannot be loaded: {first_line(error)}") from error


def _check_checkpoint(kind: Kind, path: Path) -> None:
    """Refuse a file that is no checkpoint of a whole Stable Diffusion 1.x model of this kind."""
    if path.suffix not in ENDINGS:
        raise ValueError(f"The file {str(path)!r} is not a checkpoint: its name must end in {' or '.join(ENDINGS)}.")
    shapes = {name: tuple(tensor.shape) for name, tensor in read_weights(path).items()}
    if FIRST_WEIGHT not in shapes or TEXT_WEIGHT not in shapes:
        raise ValueError(
            f"The file {str(path)!r} is not a checkpoint of Stable Diffusion: it contains no matching UNet."
        )
    _check_family(kind, path, shapes[FIRST_WEIGHT][1], shapes[TEXT_WEIGHT][1])
    for part, prefix in OTHER_PARTS:
        if not any(name.startswith(prefix) for name in shapes):
            raise ValueError(f"The file {str(path)!r} contains no {part}: expected a checkpoint of the whole model.")


def _check_family(kind: Kind, path: Path, in_channels: int, text_width: int) -> None:
    if text_width in OTHER_FAMILIES:
        raise ValueError(
            f"The model {str(path)!r} is of the family {OTHER_FAMILIES[text_width]}; expected {kind.name} of Stable "
            f"Diffusion 1.x, the only family that runs here.{kind.elsewhere}"
        )
    if in_channels != kind.in_channels:
        raise ValueError(
            f"expected {kind.name} with {kind.in_channels} input channels, got {in_channels} in {str(path)!r}: use "
            f"{kind.advice} or a model derived from it"
        )


def _tokenizer(folder: str | Path | None) -> CLIPTokenizer:
    """CLIP's tokenizer from the folder given, else the one that is included in the library."""
    if folder is None:
        return clip_tokenizer()
    if all((Path(folder) / name).is_file() for name in TOKENIZER_FILES):
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    raise ValueError(f"expected {' and '.join(TOKENIZER_FILES)} of CLIP's tokenizer in {str(folder)!r}, got none")
