"""The reference's noise schedule: DDIM, leading spacing with offset 1, shortened by `strength` (SDEdit)."""

from collections.abc import Sequence

import torch
from torch import Tensor

TRAIN_STEPS = 1000


def ddim_timesteps(steps: int, strength: float = 1.0) -> list[int]:
    """The training time steps that are run, the noisiest first.

    `steps` are laid out over the whole schedule and the last int(steps * strength) of them are run, as in the
    published program: 50 steps at strength 0.98 are 49 steps from 961 down to 1. int() truncates the
    floating-point product, so 50 * 0.58 gives 28.

    Raises:
        ValueError: `steps` or `strength` out of range, or so small together that no step is left.
    """
    if not 1 <= steps < TRAIN_STEPS:
        raise ValueError(f"steps must be 1 to {TRAIN_STEPS - 1}, got {steps}")
    if not 0.0 < strength <= 1.0:
        raise ValueError(f"strength must be in (0, 1], got {strength}")
    if not _covers(steps):
        below = max(number for number in range(1, steps) if _covers(number))
        raise ValueError(
            f"{steps} steps with a stride of {TRAIN_STEPS // steps} skip the noisiest {TRAIN_STEPS % steps} of the "
            f"{TRAIN_STEPS} training timesteps: use {below}"
        )
    run = int(steps * strength)
    if run == 0:
        raise ValueError(f"strength {strength} of {steps} steps runs no step: increase strength or steps")
    stride = TRAIN_STEPS // steps
    return [i * stride + 1 for i in reversed(range(run))]


def _covers(steps: int) -> bool:
    """Whether the schedule starts near pure noise: its stride is a whole number, and what is left over is left out."""
    return TRAIN_STEPS % steps <= TRAIN_STEPS // 10


def ddim_sigmas(steps: int, strength: float, train_sigmas: Tensor | Sequence[float]) -> Tensor:
    """The sigmas of the steps that are run and the one at the end, (steps run + 1,) float32.

    Args:
        steps, strength: as in `ddim_timesteps`.
        train_sigmas: the model's sigma of every training time step, the least noisy first.

    Raises:
        ValueError: as `ddim_timesteps`, or a table that has not a sigma for each of the 1000 training time steps.

    The reference ends at the first training step's alpha (`set_alpha_to_one` off), not at a clean image, so the
    last value is train_sigmas[0] (0.0292 in Stable Diffusion) and not 0.
    """
    table = torch.as_tensor(train_sigmas, dtype=torch.float32)
    if len(table) != TRAIN_STEPS:
        raise ValueError(
            f"expected a sigma for each of {TRAIN_STEPS} training timesteps, got {len(table)} (a distilled schedule, "
            "such as LCM's): use a built-in scheduler, or remove its ModelSampling node"
        )
    timesteps = ddim_timesteps(steps, strength)
    return torch.cat([table[timesteps], table[:1]])
