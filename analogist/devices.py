"""Which of torch's devices, which of its number types and which of its random numbers are meant."""

from enum import Enum
from operator import index
from typing import TYPE_CHECKING

from .published import LARGEST_SEED

if TYPE_CHECKING:  # The command line knows the names before it is known whether torch is needed.
    import torch


class Precision(str, Enum):
    """Names of torch's types."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"

    @property
    def of_torch(self) -> "torch.dtype":
        import torch

        dtype: torch.dtype = getattr(torch, self.value)
        return dtype


def checked_device(device: str | None) -> str:
    """The device asked for, by default the first GPU.

    Raises:
        ValueError: there is no such device here.
    """
    import torch

    available = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    available += ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    chosen = {None: available[0], "cuda": "cuda:0"}.get(device, device)
    if chosen not in available:
        raise ValueError(f"expected one of the devices {', '.join(available)}, got {device!r}")
    return chosen


def checked_seed(seed: int) -> int:
    """A seed as a plain integer; integers of numpy and torch are taken too.

    Raises:
        ValueError: no whole number, or one that torch does not take.
    """
    try:
        number = index(seed)
    except TypeError:
        number = -1
    if not 0 <= number <= LARGEST_SEED:
        raise ValueError(f"expected a whole number from 0 to {LARGEST_SEED} as seed, got {seed!r}: choose another seed")
    return number


def seeded(seed: int, device: "torch.device | str" = "cpu") -> "torch.Generator":
    """Random numbers from `seed`: every seed of the library enters torch here.

    Raises:
        ValueError: as `checked_seed`.
    """
    import torch

    return torch.Generator(device).manual_seed(checked_seed(seed))
