"""The networks that scores need, loaded from this machine's disk; nothing is fetched unless it is allowed."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

try:
    from transformers import CLIPImageProcessorPil as ClipPreprocessor
except ImportError:  # transformers 4, where the class of this name works with Pillow, too.
    from transformers import CLIPImageProcessor as ClipPreprocessor

PUBLISHED_CLIP = "openai/clip-vit-base-patch16"
"""The model of the published CLIP direction score."""


class Embedder:
    """Pictures -> CLIP features as they are projected, not normalised, computed in batches."""

    def __init__(
        self, model: CLIPVisionModelWithProjection, preprocessor: ClipPreprocessor, batch_size: int = 32
    ) -> None:
        self.model, self.preprocessor, self.batch_size = model.eval(), preprocessor, batch_size

    @classmethod
    def load(
        cls, folder: str | Path = PUBLISHED_CLIP, device: str = "cpu", allow_download: bool = False, batch_size: int = 32
    ) -> "Embedder":
        """Load the vision half of a CLIP model.

        Args:
            folder: a folder in the format of transformers (config.json, preprocessor_config.json and weights). Where
                there is none it is taken for the name of a Hugging Face repository that has been downloaded before.
            device: a device of torch.
            allow_download: whether what is missing may be fetched from Hugging Face.

        Raises:
            ValueError: one sentence that says what is missing or what the folder holds instead.
        """
        local = not allow_download
        try:
            model = CLIPVisionModelWithProjection.from_pretrained(folder, local_files_only=local)
            preprocessor = ClipPreprocessor.from_pretrained(folder, local_files_only=local)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"There is no CLIP model {str(folder)!r} on this machine: give the path of a folder with config.json, "
                "preprocessor_config.json and the weights, or allow it to be downloaded."
            ) from error
        return cls(model.to(device), preprocessor, batch_size)

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[Image.Image]) -> Tensor:
        """(number of pictures, dim) in float32, on the CPU. Raises ValueError when there is no picture."""
        if not pictures:
            raise ValueError("There is no picture to embed.")
        features = []
        for start in range(0, len(pictures), self.batch_size):
            batch = [picture.convert("RGB") for picture in pictures[start : start + self.batch_size]]
            pixels = self.preprocessor(images=batch, return_tensors="pt").pixel_values
            features.append(self.model(pixels.to(self.model.device, self.model.dtype)).image_embeds.float().cpu())
        return torch.cat(features)
