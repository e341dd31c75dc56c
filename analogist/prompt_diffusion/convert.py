"""Files of Prompt Diffusion's weights made smaller: half precision, in the format of safetensors."""

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from ..files.weights import read_weights
from ..files.writing import whole_file
from .names import CHECKPOINT_PREFIXES, control_names

HALF, WHOLE = ("F16", 2), ("I64", 8)
"""The types that are written, and their bytes for a number."""


def convert(
    source: Path, target: Path, control_only: bool = False, on_tensor: Callable[[int, int], None] = lambda *_: None
) -> int:
    """Write a file of Prompt Diffusion as .safetensors in half precision, one tensor after the other.

    Never more than one tensor is in memory, and `target` appears only when it is complete.

    Args:
        source: any form that `control_names` recognises. Of a whole checkpoint what served the training alone is left
            out; names stay as they are.
        control_only: only the control network, under its bare names.
        on_tensor: called with the bytes written so far and in all.

    Returns:
        the size of the new file in bytes.

    Raises:
        ValueError: as `read_weights` and `control_names`; a target of another ending; a weight too large for half
            precision.
    """
    if target.suffix != ".safetensors":
        raise ValueError(f"expected a target file that ends in .safetensors, got {str(target)!r}")
    weights = read_weights(source)
    bare = control_names({name: tuple(tensor.shape) for name, tensor in weights.items()}, f"The file {str(source)!r}")
    names = (
        bare
        if control_only
        else {name: name for name in weights if name in bare or name.startswith(CHECKPOINT_PREFIXES)}
    )
    with whole_file(target) as file:
        _write({new: weights[name] for name, new in names.items()}, file, on_tensor)
    return target.stat().st_size


def _write(weights: Mapping[str, Tensor], file: IO[bytes], on_tensor: Callable[[int, int], None]) -> None:
    """The format of safetensors: the length of the header, the header in JSON, the tensors without gaps.

    The library's own writer needs all tensors in memory at once. Whole numbers, of eight bytes, come first: so every
    tensor starts where its type may start.
    """
    ordered = sorted(weights, key=lambda name: (weights[name].is_floating_point(), name))
    header, ends = {}, [0]
    for name in ordered:
        tensor, (kind, width) = weights[name], HALF if weights[name].is_floating_point() else WHOLE
        ends.append(ends[-1] + tensor.numel() * width)
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": ends[-2:]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % WHOLE[1])
    file.write(struct.pack("<Q", len(text)) + text)
    for name, end in zip(ordered, ends[1:], strict=True):
        file.write(_bytes(name, weights[name]))
        on_tensor(end, ends[-1])


def _bytes(name: str, tensor: Tensor) -> bytes:
    if not tensor.is_floating_point():
        return tensor.to(torch.int64).contiguous().numpy().tobytes()
    half = tensor.to(torch.float16)
    if torch.isfinite(tensor).all() and not torch.isfinite(half).all():
        raise ValueError(f"The tensor {name} has values too large for float16.")
    return half.contiguous().numpy().tobytes()
