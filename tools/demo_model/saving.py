"""Write the file of the demo model, which `analogist.demo.weights` reads."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from analogist.demo.configuration import END, START, UNKNOWN, VOCABULARY
from analogist.demo.model import TEXT_PREFIX, Modules
from analogist.demo.weights import EMBEDDING, FORMAT, LARGEST, PARTS, TOKEN_IDS, VERSION

LICENCE = "MIT"


def save(modules: Modules, token_ids: Sequence[int], path: str | Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write a trained model in half precision.

    Args:
        token_ids: CLIP's ids of the words that it knows, those of start and end among them.
        facts: about the training, anything that JSON can say.

    Raises:
        ValueError: numbers that half precision cannot hold, token ids that cannot be packed, a file that is too large.
    """
    states = dict(zip(PARTS, (module.state_dict() for module in modules), strict=True))
    text = {f"{TEXT_PREFIX}{name.removeprefix(TEXT_PREFIX)}": one for name, one in states["text_encoder"].items()}
    text.pop(f"{TEXT_PREFIX}embeddings.position_ids", None)  # A buffer of older versions.
    states["text_encoder"] = {**text, EMBEDDING: pack(text[EMBEDDING], token_ids)}
    tensors = {f"{part}.{name}": _half(name, one) for part, state in states.items() for name, one in state.items()}
    tensors[TOKEN_IDS] = torch.tensor(token_ids, dtype=torch.int64)
    size = sum(tensor.nbytes for tensor in tensors.values())
    if size > LARGEST:
        raise ValueError(f"The demo model would take {size / 1e6:.1f} MB; at most {LARGEST / 1e6:.0f} MB are shipped.")
    metadata = {"format": FORMAT, "version": VERSION, "license": LICENCE, "training": json.dumps(dict(facts or {}))}
    save_file(tensors, path, metadata)


def pack(embedding: Tensor, token_ids: Sequence[int]) -> Tensor:
    """The rows (len(token_ids) + 1, width) of an embedding (49408, width) that are kept; the last is any other word's.

    Raises:
        ValueError: ids that are repeated, not CLIP's, or without start and end; the id that stands for unknown words.
    """
    known = set(token_ids)
    if len(known) != len(token_ids) or not known <= set(range(VOCABULARY)):
        raise ValueError(f"expected distinct token ids from 0 to {VOCABULARY - 1}")
    if not {START, END} <= known:
        raise ValueError(f"The token ids lack the start {START} or the end {END} of a text.")
    if UNKNOWN in known:
        raise ValueError(f"The token id {UNKNOWN} stands for unknown words and cannot be that of a known one.")
    return embedding[[*token_ids, UNKNOWN]]


def _half(name: str, tensor: Tensor) -> Tensor:
    half = tensor.detach().to("cpu", torch.float16).contiguous()
    if not half.isfinite().all():
        raise ValueError(f"The tensor {name} has values too large for float16.")
    return half
