"""CLIP's tokenizer without a download: its byte-pair merges are included in the pack and determine its vocabulary."""

import gzip
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

MERGES = Path(__file__).with_name("clip_merges.txt.gz")
"""One merge a line, the most frequent first; see the licence beside it."""

TOKENIZER_FILES = ("vocab.json", "merges.txt")
START, END = "<|startoftext|>", "<|endoftext|>"


def clip_tokenizer() -> CLIPTokenizer:
    """The tokenizer of Stable Diffusion 1.x, with 49,408 words."""
    return tokenizer_of(gzip.decompress(MERGES.read_bytes()).decode("utf-8").splitlines())


def tokenizer_of(merges: Sequence[str]) -> CLIPTokenizer:
    """A tokenizer of CLIP's kind: every byte, inside a word and at its end, and what the merges make of them.

    Args:
        merges: two words each, with a space between them. Ids are given in their order.
    """
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [merge.replace(" ", "") for merge in merges] + [START, END]
    vocabulary = json.dumps({word: n for n, word in enumerate(words)})
    with tempfile.TemporaryDirectory() as folder:
        for name, text in zip(TOKENIZER_FILES, (vocabulary, "\n".join(["#version: 0.2", *merges, ""])), strict=True):
            Path(folder, name).write_text(text, encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
