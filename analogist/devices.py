"""Which of torch's devices, and which of its number types, is meant."""

from enum import Enum
from typing import TYPE_CHECKING

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
