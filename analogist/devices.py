"""Which of torch's devices is meant."""

import torch


def checked_device(device: str | None) -> str:
    """The device asked for, by default the first GPU.

    Raises:
        ValueError: there is no such device here.
    """
    available = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    available += ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    chosen = {None: available[0], "cuda": "cuda:0"}.get(device, device)
    if chosen not in available:
        raise ValueError(f"expected one of the devices {', '.join(available)}, got {device!r}")
    return chosen
