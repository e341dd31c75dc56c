"""One evaluation of the model by the host's sampler: what the layers in it share, and the edits behind other nodes."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..analogist.layers import SamplingRange
from .ownership import Attention, Edited, Options

EVALUATION = "analogist"
"""Our entry among the host's transformer_options, for the time of one evaluation."""
COMPILED = "torch.compile"
"""The host's name for the wrapper of its compiling node."""


@dataclass
class Evaluation:
    """What the layers share.

    Attributes:
        latent_size: height and width of the whole latent; area conditioning shows the UNet only a part of it.
        sigmas: the current noise level, one for each image.
        percent_to_sigma: of the model as it is sampled. Both are None where the UNet is called without the host's
            sampling functions; then only edits that act during the whole sampling can be used.
        called: the edits that were called.
    """

    latent_size: tuple[int, int]
    sigmas: Tensor | None = None
    percent_to_sigma: Callable[[float], float] | None = None
    called: set[Edited] = field(default_factory=set)
    _active: dict[SamplingRange, bool] = field(default_factory=dict)

    def is_active(self, sampling: SamplingRange) -> bool:
        """Whether the current noise level is in the range; reading it synchronizes the device, so it is read once."""
        if sampling not in self._active:
            self._active[sampling] = sampling.is_everything or self._in(sampling)
        return self._active[sampling]

    def _in(self, sampling: SamplingRange) -> bool:
        if self.sigmas is None or self.percent_to_sigma is None:
            raise ValueError(
                "expected a call from ComfyUI's sampler, got a direct call of the UNet: SAC and CAM with a "
                "start_percent or end_percent need the sampler's noise level"
            )
        return float(self.sigmas[0]) in sampling.noise_levels(self.percent_to_sigma)


@dataclass(frozen=True)
class Behind:
    """An edit whose attention a later node has taken over: that node answers, then the edit acts on what it says."""

    edited: Edited

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: Options, previous: Attention | None) -> Tensor:
        assert previous is not None  # The later node.
        evaluation: Evaluation = options[EVALUATION]
        inner = replace(evaluation, called=set())
        out = previous(q, k, v, {**options, EVALUATION: inner})
        evaluation.called.update(inner.called)
        if self.edited in inner.called:  # It calls who was there before, so the edit is in there already.
            return out
        return self.edited(q, k, v, options, lambda *_: out)


def uncompiled(unet: torch.nn.Module, options: Options) -> AbstractContextManager[Any]:
    """Disable torch.compile, if the model has it, as a wrapper or instead of its UNet.

    The host's node compiles without a look at transformer_options, so a graph from before a patch was placed, taken
    away or became inactive would be used again, without a word.
    """
    wrapped = COMPILED in options.get("wrappers", {}).get(WrappersMP.APPLY_MODEL, {})
    if not wrapped and not hasattr(unet, "_orig_mod"):
        return nullcontext()
    _tell_of_compiling()
    return torch.compiler.set_stance("force_eager")


@cache
def _tell_of_compiling() -> None:
    """Once is enough."""
    logging.warning("Analogist: torch.compile is disabled for a model with SAC or CAM.")
