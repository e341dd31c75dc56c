"""The file of the demo model: its three parts in half precision, with a word list instead of a whole vocabulary.

Needs torch and safetensors only, so that ComfyUI reads it without diffusers. Tensors have the names of diffusers and of
transformers under `unet.`, `vae.` and `text_encoder.`; the metadata contains version, licence and training.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from .configuration import VOCABULARY

PATH = Path(__file__).with_name("demo_model.safetensors")
"""Where the pack has its demo model."""

FORMAT, VERSION = "analogist-demo-model", "1"
LARGEST = 16_000_000
"""Bytes; the file is part of the pack, so every user downloads it."""

PARTS = ("unet", "vae", "text_encoder")
TOKEN_IDS = "token_ids"
EMBEDDING = "text_model.embeddings.token_embedding.weight"
"""The token embedding's name within the text encoder."""

State = dict[str, Tensor]
"""Tensors by name, as in a state_dict."""


@dataclass(frozen=True)
class DemoWeights:
    """The demo model's tensors in float32, under the names of diffusers and transformers.

    Attributes:
        unet, vae, text_encoder: the parts; the token embedding has all rows of CLIP's vocabulary.
        token_ids: CLIP's ids of the words that the model knows.
        facts: metadata about the training.
    """

    unet: State
    vae: State
    text_encoder: State
    token_ids: tuple[int, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


def unpack(rows: Tensor, token_ids: Sequence[int]) -> Tensor:
    """The whole embedding (49408, width): the last of the `rows` is that of every id that is not in `token_ids`."""
    embedding = rows[-1].repeat(VOCABULARY, 1)
    embedding[list(token_ids)] = rows[:-1]
    return embedding


def read(path: str | Path = PATH) -> DemoWeights:
    """Read a model from a file.

    Raises:
        ValueError: no such file, one that is too large or no demo model, or one of a later version of the pack.
    """
    tensors, metadata = _read(Path(path))
    if metadata.get("format") != FORMAT:
        raise ValueError(f"The file {str(path)!r} is not the demo model.")
    if metadata.get("version") != VERSION:
        raise ValueError(
            f"The demo model {str(path)!r} is of version {metadata.get('version')!r}, but this pack reads version "
            f"{VERSION!r}: update the pack."
        )
    with fitting(path):
        states: dict[str, State] = {part: {} for part in PARTS}
        token_ids = tuple(tensors.pop(TOKEN_IDS).tolist())
        for name, tensor in tensors.items():
            part, _, inner = name.partition(".")
            states[part][inner] = tensor.float()
        states["text_encoder"][EMBEDDING] = unpack(states["text_encoder"][EMBEDDING], token_ids)
        return DemoWeights(**states, token_ids=token_ids, facts=json.loads(metadata["training"]))


@contextmanager
def fitting(path: str | Path) -> Iterator[None]:
    """Where tensors are missing, superfluous or of another shape, what torch says becomes one sentence."""
    try:
        yield
    except (KeyError, IndexError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise ValueError(f"The demo model {str(path)!r} does not match this version of the pack: {said}") from error


def _read(path: Path) -> tuple[State, dict[str, str]]:
    if not path.is_file():
        raise ValueError(f"There is no demo model {str(path)!r}: it is part of the pack, so reinstall the pack.")
    if path.stat().st_size > 2 * LARGEST:  # The header's names come on top of the tensors, so no exact bound.
        raise ValueError(f"The file {str(path)!r} is too large to be the demo model.")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"The file {str(path)!r} cannot be read as a demo model: {error}") from error
