"""What the demo model is made of, said once for both hosts. Needs nothing but Python."""

from dataclasses import dataclass
from typing import Any

VOCABULARY = 49408
UNKNOWN, START, END = 49405, 49406, 49407
"""Ids of CLIP's tokenizer: in training the first one, of a very rare word, stands for any word that is not known."""


@dataclass(frozen=True)
class DemoConfiguration:
    """Sizes of the UNet and of the text encoder.

    Attributes:
        widths: channels of each level of the UNet; all levels but the last have transformers.
        blocks: residual blocks on each level's way down; there is one more on its way up.
        heads: of each attention of the UNet.
        side: of a square grid's latents, for which the model was trained.
        text_width, text_layers, text_heads: of the text encoder, whose MLP is four times as wide.
    """

    widths: tuple[int, ...] = (64, 64, 96, 64)
    blocks: int = 2
    heads: int = 4
    side: int = 16
    text_width: int = 96
    text_layers: int = 2
    text_heads: int = 4

    @property
    def text_encoder(self) -> dict[str, Any]:
        """The text encoder in the terms of transformers, which ComfyUI has taken over."""
        return {
            "vocab_size": VOCABULARY,
            "hidden_size": self.text_width,
            "intermediate_size": 4 * self.text_width,
            "num_hidden_layers": self.text_layers,
            "num_attention_heads": self.text_heads,
            "max_position_embeddings": 77,
            "hidden_act": "quick_gelu",
            "layer_norm_eps": 1e-05,
            "projection_dim": self.text_width,
            "bos_token_id": START,
            "eos_token_id": END,
            "pad_token_id": END,
        }


DEMO = DemoConfiguration()
"""The demo model."""
