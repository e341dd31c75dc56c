"""The two encoders of Prompt Diffusion in the place where the host's ControlNet has one."""

from copy import deepcopy

import torch
from comfy.ldm.modules.diffusionmodules.openaimodel import TimestepEmbedSequential
from torch import Tensor

from ..analogist.prompt_diffusion.names import CHANNELS, PAIR, QUERY


class PairQueryEncoder(torch.nn.Module):
    """The hint of nine channels - the query B, then A and A' - as features: encoded apart, then added.

    The host puts the image of an apply node first and what is concatenated to it behind, hence the order.
    """

    def __init__(self, pair: TimestepEmbedSequential, query: TimestepEmbedSequential, text_width: int):
        super().__init__()
        self.pair = pair
        self.query = query
        self.text_width = text_width

    def forward(self, hint: Tensor, emb: Tensor, context: Tensor) -> Tensor:
        """(B, 9, H, W) in [-1, 1] -> (B, channels, H / 8, W / 8).

        Raises:
            ValueError: a hint without the pair, or a text of another family of models.
        """
        if hint.shape[1] != sum(CHANNELS.values()):
            raise ValueError(
                f"expected the pair A, A' and the query B (9 channels), got an image of {hint.shape[1]} channels: use "
                "Analogist Prompt Diffusion Apply instead of Apply ControlNet"
            )
        check_text(context.shape[-1], self.text_width)
        query, pair = hint.split([CHANNELS[QUERY], CHANNELS[PAIR]], dim=1)
        return self.pair(pair, emb, context) + self.query(query, emb, context)


def with_query(pair: TimestepEmbedSequential, query_input: torch.nn.Module, text_width: int) -> PairQueryEncoder:
    """Both encoders: they have the same layers but for the first, which is `query_input` for the query."""
    query = deepcopy(pair)
    query[0] = query_input
    return PairQueryEncoder(pair, query, text_width)


def check_text(came: int, wanted: int) -> None:
    """Refuse the text of another family of models, which would end in an error about matrices.

    Raises:
        ValueError: with both widths.
    """
    if came != wanted:
        raise ValueError(
            f"expected text embeddings of width {wanted}, got {came}: use Prompt Diffusion with a model and a CLIP of "
            "Stable Diffusion 1.x, not SD 2.x, SDXL or others"
        )
