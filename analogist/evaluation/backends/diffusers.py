"""Rendering with the diffusers pipeline, in whatever process this object is in."""

from functools import cached_property
from pathlib import Path

from PIL import Image

from ...pipelines.edits import Edit
from ...pipelines.inpainting import Settings, sample
from ...pipelines.loading import load_model
from ...pipelines.models import InpaintingModel
from ..jobs import Job
from ..settings import InProcess, RenderSettings


class DiffusersRenderer:
    """The published method; the model is loaded when the first analogy comes, so that the object travels light."""

    def __init__(self, backend: InProcess) -> None:
        if not backend.model:
            raise ValueError("No model given: set --model, ANALOGIST_MODEL, or backend.model in the configuration.")
        self.backend = backend

    @cached_property
    def model(self) -> InpaintingModel:
        ours = self.backend
        precision = None if ours.dtype is None else ours.dtype.of_torch
        tokenizer = None if ours.tokenizer is None else Path(ours.tokenizer)
        return load_model(ours.model, ours.device, precision, tokenizer, ours.allow_download)

    def render(self, job: Job) -> list[Image.Image]:
        generator = self.model.generator(job.seed)
        return next(sample(self.model, job.grid, job.image, [job.prompt], sampling(job.settings), generator))


def sampling(settings: RenderSettings) -> Settings:
    """The settings as the pipeline takes them."""
    return Settings(
        steps=settings.steps,
        strength=settings.strength,
        guidance=settings.guidance_scale,
        edit=Edit(sac=settings.sac, cam=settings.cam, scale=settings.scale_sac),
        images_per_prompt=settings.num_images_per_prompt,
        suffix=settings.suffix,
        negative_prompt=settings.negative_prompt,
    )
