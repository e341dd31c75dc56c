"""The networks that scores need, loaded from this machine's disk; nothing is fetched unless it is allowed."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoConfig, CLIPVisionModelWithProjection
from transformers import PretrainedConfig as PreTrainedConfig

from ..devices import checked_device
from ..published import CLIP
from .analogy import Seen

try:
    from transformers import CLIPImageProcessorPil as ClipPreprocessor
except ImportError:  # transformers 4, where the class of this name works with Pillow, too.
    from transformers import CLIPImageProcessor as ClipPreprocessor

ALEXNET = "alexnet-owt-7be5be79.pth"
INCEPTION = "weights-inception-2015-12-05-6726825d.pth"
"""Weight files by the names under which torchvision and torch-fidelity look for them in torch's folder."""


class Embedder:
    """Images -> CLIP features as they are projected, not normalised, computed in batches."""

    def __init__(
        self, model: CLIPVisionModelWithProjection, preprocessor: ClipPreprocessor, batch_size: int = 32
    ) -> None:
        self.model, self.preprocessor, self.batch_size = model.eval(), preprocessor, batch_size

    @classmethod
    def load(
        cls,
        folder: str | Path = CLIP,
        device: str | None = None,
        allow_download: bool = False,
        batch_size: int = 32,
    ) -> "Embedder":
        """Load the vision half of a CLIP model.

        Args:
            folder: a folder in the format of transformers (config.json, preprocessor_config.json and weights). Where
                there is none it is taken for the name of a Hugging Face repository that has been downloaded before.
            device: None takes the GPU where there is one.
            allow_download: whether what is missing may be fetched from Hugging Face.

        Raises:
            ValueError: one sentence that says what is missing.
        """
        place, local = checked_device(device), not allow_download
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=local)
            preprocessor = ClipPreprocessor.from_pretrained(folder, local_files_only=local)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"There is no CLIP model {str(folder)!r} on this machine: give the path of a folder with config.json, "
                "preprocessor_config.json and the weights, or allow the download."
            ) from error
        return cls(_vision_half(folder, config, local).to(place), preprocessor, batch_size)

    def __call__(self, images: Sequence[Image.Image]) -> Tensor:
        """(number of images, dim) in float32, on the CPU. Raises ValueError when there is no image."""
        return self.see(images).features

    @torch.inference_mode()
    def see(self, images: Sequence[Image.Image]) -> Seen:
        """Features and, without the class token, the patch tokens of the last layer; both in float32 on the CPU."""
        if not images:
            raise ValueError("expected at least one image, got none")
        features, tokens = [], []
        for start in range(0, len(images), self.batch_size):
            batch = [image.convert("RGB") for image in images[start : start + self.batch_size]]
            pixels = self.preprocessor(images=batch, return_tensors="pt").pixel_values
            out = self.model(pixels.to(self.model.device, self.model.dtype))
            features.append(out.image_embeds.float().cpu())
            tokens.append(out.last_hidden_state[:, 1:].float().cpu())
        return Seen(torch.cat(features), torch.cat(tokens))


def _vision_half(folder: str | Path, config: PreTrainedConfig, local: bool) -> CLIPVisionModelWithProjection:
    if config.model_type not in ("clip", "clip_vision_model"):
        raise ValueError(f"expected a CLIP model, got {config.model_type} in {str(folder)!r}")
    vision = config
    if config.model_type == "clip":  # The width of the projection stands beside the two halves there.
        vision = config.vision_config
        vision.projection_dim = config.projection_dim
    try:
        model, report = CLIPVisionModelWithProjection.from_pretrained(
            folder, config=vision, local_files_only=local, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"The weights of the CLIP model {str(folder)!r} cannot be loaded: {reason}") from error
    if missing := sorted(report["missing_keys"]):  # They would be random, and so would every score.
        raise ValueError(f"The CLIP model {str(folder)!r} lacks {len(missing)} weights, such as {missing[0]}.")
    return model


def lpips_network(allow_download: bool = False) -> nn.Module:
    """LPIPS on AlexNet, the variant that its authors recommend for scores; images in [0, 1].

    Raises:
        ValueError: the weights of AlexNet are not on this machine.
    """
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    import_module("torchvision")  # So that the error names it if it is missing; torchmetrics' own error does not.
    _need(ALEXNET, "LPIPS", allow_download)
    return LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)


def inception(allow_download: bool = False) -> nn.Module:
    """Inception of FID, resizing as the first FID did: bytes (B, 3, H, W) -> (B, 2048).

    Raises:
        ValueError: its weights are not on this machine.
    """
    from torchmetrics.image.fid import NoTrainInceptionV3

    import_module("torch_fidelity")
    _need(INCEPTION, "FID", allow_download)
    return NoTrainInceptionV3(name="inception-v3-compat", features_list=["2048"], antialias=False)


def _need(file: str, score: str, allow_download: bool) -> None:
    """The libraries fetch what they miss, so nothing may be missing unless that is allowed."""
    path = Path(torch.hub.get_dir(), "checkpoints", file)
    if not path.is_file() and not allow_download:
        raise ValueError(
            f"{score} needs the weights {str(path)!r}, which are missing: allow the download, or omit {score}."
        )
