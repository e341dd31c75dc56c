"""What the reference implementation of Analogist (arXiv 2405.10316) fixes, said once: settings, texts, ten tasks."""

from dataclasses import dataclass

from .layers import PAPER, LayerRange

SUFFIX = ", best quality, extremely detailed"
"""Appended to every prompt."""
NEGATIVE_PROMPT = "Messy,Disordered,Chaotic,Cluttered,Haphazard,Unkempt,Scattered,Disheveled,Tangled,Random"
SEED = 42
LARGEST_SEED = 2**64 - 1
"""As ComfyUI's; what torch takes."""
SIDE = 512
"""Of the square grid, in pixels."""

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
