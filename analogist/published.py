"""What the reference implementation of Analogist (arXiv 2405.10316) fixes, said once: settings, texts, ten tasks.

And the presets, the same numbers under the names by which a person chooses them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .layers import PAPER, LayerRange

SUFFIX = ", best quality, extremely detailed"
"""Appended to every prompt."""
NEGATIVE_PROMPT = "Messy,Disordered,Chaotic,Cluttered,Haphazard,Unkempt,Scattered,Disheveled,Tangled,Random"
SEED = 42
LARGEST_SEED = 2**64 - 1
"""As ComfyUI's; what torch takes."""
SIDE = 512
"""Of the square grid, in pixels."""
GUTTER = 2
"""Width of the white lines, in pixels."""
CLIP = "openai/clip-vit-base-patch16"
"""The model of the published CLIP direction score."""

WORDS = 5
"""At most in a prompt."""
INSTRUCTION = (
    "Please help me with the image analogy task: take an image A and its transformation A', and provide any image B to "
    "produce an output B' that is analogous to A'. Or, more succinctly: A : A' :: B : B'. You should give me the text "
    "prompt of image B' with no more than {words} words."
)
"""For the vision model (the reference's README); to be formatted with `words`."""


@dataclass(frozen=True)
class Setting:
    """The numbers of one run; the defaults are those of the reference's program.

    Attributes:
        steps: DDIM steps over the whole schedule.
        strength: share of the steps that is run, in (0, 1].
        guidance: scale of classifier-free guidance.
        scale: s of Self-Attention Cloning.
        layers: of Self-Attention Cloning and of Cross-Attention Masking, half open.
        images_per_prompt: rendered together from one prompt.
    """

    steps: int = 50
    strength: float = 0.98
    guidance: float = 15.0
    scale: float = 1.3
    layers: LayerRange = PAPER
    images_per_prompt: int = 8


DEFAULT = Setting()
TASKS = {
    # Low level.
    "colorization": DEFAULT,
    "deblur": Setting(strength=0.7),
    "denoise": Setting(strength=0.7),
    "enhancement": DEFAULT,
    # Manipulation.
    "image_editing": DEFAULT,
    "image_translation": DEFAULT,
    "style_transfer": DEFAULT,
    # Vision.
    "inpainting": Setting(guidance=7.5),
    "ubcfashion": DEFAULT,
    "scannet": DEFAULT,
}
"""The tasks of the published evaluation."""
TASK_TITLES = {
    "colorization": "colorization",
    "deblur": "deblurring",
    "denoise": "denoising",
    "enhancement": "low-light enhancement",
    "image_editing": "image editing",
    "image_translation": "image translation",
    "style_transfer": "style transfer",
    "inpainting": "inpainting",
    "ubcfashion": "skeleton to image",
    "scannet": "mask to image",
}
"""The paper's words for what its data sets hold."""

DEMO = Setting(steps=25, strength=0.9, guidance=3.0, images_per_prompt=1)
"""Of the demo model, with a prompt; docs/demo_model.md has the measurements."""
SDXL = Setting(guidance=8.0, scale=1.1, layers=LayerRange(4, 9))
"""A starting point for SDXL, in cells of 512; not measured. The layers are those of the published 1024 grids;
fifty blocks are patched there instead of five, so the scale is closer to 1."""
PRESETS: Mapping[str, Setting] = {
    "paper": DEFAULT,
    **{f"task: {TASK_TITLES[name]}": setting for name, setting in TASKS.items()},
    "example: colorization": DEFAULT,
    "example: caricature": Setting(strength=0.96, layers=LayerRange(4, 9)),
    "example: aligned with B": Setting(strength=0.8, layers=LayerRange(4, 8)),
    "more like B": Setting(strength=0.8, scale=1.0),
    "more like A'": Setting(scale=1.5),
    "SDXL": SDXL,
    "demo model": DEMO,
    "demo model, no prompt": replace(DEMO, guidance=1.0, layers=LayerRange(13, 16)),
}
"""What a person can choose; saved graphs hold the names, so a name never changes. The three examples are those of the
reference's README: the last two in cells of 512."""
