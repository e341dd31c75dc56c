"""Checkpoints, read without executing pickled code, and the families of Stable Diffusion."""

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

OTHER_FAMILIES = {1024: "Stable Diffusion 2.x", 1280: "SDXL refiner", 2048: "SDXL"}
"""Those that are not 1.x, by the width of the text that their UNet reads."""


def mapped(path: Path) -> object:
    """What a .safetensors file or a checkpoint of torch holds, mapped from the disk; a pickle runs no code."""
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path) or None)


def read_weights(path: Path, name: str = "", load: Callable[[Path], object] = mapped) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, also where they lie under "state_dict".

    Args:
        name: what messages call the file; its path by default.
        load: reads the file, and must not run what is in it.

    Raises:
        ValueError: no such file, a damaged one, one without weights, or one with code inside, which is not run.
    """
    called = repr(name or str(path))
    if not path.is_file():
        raise ValueError(f"There is no file {called}.")
    try:
        content = load(path)
    except Exception as error:  # A decoder may raise anything on untrusted bytes.
        if isinstance(error, pickle.UnpicklingError) and "Weights only load failed" in str(error):
            raise ValueError(
                f"The file {called} contains pickled code besides weights and was not loaded: use a .safetensors file "
                "of the same weights."
            ) from error
        raise ValueError(
            f"The file {called} cannot be loaded as weights; it may be damaged or incomplete: "
            f"{first_line(error) or type(error).__name__}"
        ) from error
    inner = content.get("state_dict", content) if isinstance(content, Mapping) else None
    items = inner.items() if isinstance(inner, Mapping) else ()
    if found := {key: value for key, value in items if isinstance(key, str) and isinstance(value, Tensor)}:
        return found
    raise ValueError(f"The file {called} contains no state dict.")


def first_line(error: Exception) -> str:
    """The first line of a message, which in some libraries is a page long."""
    return str(error).strip().partition("\n")[0]
