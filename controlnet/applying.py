"""The ControlNet of Prompt Diffusion and its three images, added to the conditioning."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from comfy.controlnet import ControlBase, ControlNet

from ..analogist.prompt_diffusion.inputs import Inputs
from .encoders import PairQueryEncoder, check_text
from .loading import to_signed

Conditioning = list[list[Any]]
"""As the host has it: pairs of a text and its options."""


@dataclass(frozen=True)
class Hold:
    """How strongly and when the control acts: a factor, and percents of the sampling."""

    strength: float = 1.0
    start_percent: float = 0.0
    end_percent: float = 1.0


def applied(
    positive: Conditioning, negative: Conditioning, control_net: ControlNet, images: Inputs, hold: Hold
) -> tuple[Conditioning, Conditioning]:
    """Both conditionings with the control added behind what they carry already; neither is changed in place.

    Both share one control object for each that came before: only then does the host run both guidance halves in one
    call.

    Raises:
        ValueError: another ControlNet, or a text of another family of models.
    """
    encoder = getattr(getattr(control_net, "control_model", None), "input_hint_block", None)
    if not isinstance(encoder, PairQueryEncoder):
        raise ValueError(
            f"expected the ControlNet of Prompt Diffusion, got another {type(control_net).__name__}: use Analogist "
            "Prompt Diffusion Loader, or Apply ControlNet for this one"
        )
    for text, _ in (*positive, *negative):
        check_text(text.shape[-1], encoder.text_width)
    if hold.strength == 0:
        return positive, negative

    @cache
    def behind(previous: ControlBase | None) -> ControlNet:
        control = control_net.copy().set_cond_hint(
            images.b,
            hold.strength,
            (hold.start_percent, hold.end_percent),
            # The host prepares only the image itself, not what is concatenated to it.
            extra_concat=[to_signed(images.a), to_signed(images.a_prime)],
        )
        return control.set_previous_controlnet(previous)

    def controlled(conditioning: Conditioning) -> Conditioning:
        return [
            [text, {**options, "control": behind(options.get("control")), "control_apply_to_uncond": False}]
            for text, options in conditioning
        ]

    return controlled(positive), controlled(negative)
