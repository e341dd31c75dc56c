"""SAC and CAM in the attentions of a diffusers UNet.

The edits live in attention processors that are installed around one call of the UNet and taken out again; no module's
forward is ever replaced.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0, XFormersAttnProcessor
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor
from torch.nn import Module

from ..cells import ONE_PAIR, Sheet, TokenGrid
from ..cloning import check_scale, clone_self_attention
from ..layers import PAPER, LayerRange, Layers, Part, SamplingRange, Stage, Structure
from ..masking import mask_cross_attention
from ..published import DEFAULT
from ..schedule import TRAIN_STEPS

LatentSize = tuple[int, int]
"""Height and width of the latents."""
EditedAttention = Callable[[Tensor, Tensor, Tensor, TokenGrid], Tensor]
"""q, k, v (batch, heads, tokens, dim) and the token grid -> the same shape, before the output projection."""

PLAIN_PROCESSORS = (AttnProcessor, AttnProcessor2_0, XFormersAttnProcessor)
"""Processors that compute plain attention, so that one of ours may stand in for them."""


@dataclass(frozen=True)
class Edit:
    """Which transformer blocks are edited, how, and when; the default is the paper's.

    Attributes:
        sac, cam: layers of Self-Attention Cloning and of Cross-Attention Masking, as a half-open range or a set;
            empty for none.
        scale: s of Self-Attention Cloning, any finite number.
        active: the part of the noise schedule in which both act.
    """

    sac: LayerRange | Layers = PAPER
    cam: LayerRange | Layers = PAPER
    scale: float = DEFAULT.scale
    active: SamplingRange = field(default_factory=SamplingRange)

    def __post_init__(self) -> None:
        check_scale(self.scale)

    def is_active(self, timestep: int) -> bool:
        """Whether the edit acts at a training time step; percent p of the schedule is time step (1 - p) * 999."""
        if self.active.is_everything:
            return True
        return timestep in self.active.noise_levels(lambda percent: (1 - percent) * (TRAIN_STEPS - 1))


def transformer_blocks(unet: UNet2DConditionModel) -> list[BasicTransformerBlock]:
    """All transformer blocks in the order in which they run; the position in the list is the paper's layer number.

    Stable Diffusion 1.x has 16.

    Raises:
        ValueError: the model is no UNet with such blocks (a diffusion transformer, say).
    """
    blocks = [block for _, transformer in _stages(unet) for block in transformer.transformer_blocks]
    if not blocks:
        raise ValueError(
            f"expected a UNet with transformer blocks (Stable Diffusion 1.x), got a {type(unet).__name__} without any"
        )
    return blocks


def structure(unet: UNet2DConditionModel) -> Structure:
    """The stages that hold those blocks, in the same order."""
    return [stage for stage, _ in _stages(unet)]


def selected(layers: LayerRange | Layers, unet: UNet2DConditionModel) -> Sequence[int]:
    """The numbers of these layers in this model; refuses what it does not have."""
    if isinstance(layers, LayerRange):
        return layers.select(len(transformer_blocks(unet)))
    return layers.select(structure(unet))


def _stages(unet: UNet2DConditionModel) -> Iterator[tuple[Stage, Transformer2DModel]]:
    """Each transformer with its place in the UNet, in execution order; none where the model is no UNet."""
    if not isinstance(unet, UNet2DConditionModel):
        return
    ratio = 1
    parts: tuple[tuple[Part, Iterable[Module]], ...] = (
        ("down", unet.down_blocks),
        ("middle", [unet.mid_block]),
        ("up", unet.up_blocks),
    )
    for part, levels in parts:
        for level in levels:
            for transformer in getattr(level, "attentions", ()):
                if isinstance(transformer, Transformer2DModel):
                    yield Stage(part, ratio, len(transformer.transformer_blocks)), transformer
            if getattr(level, "downsamplers", None):
                ratio *= 2
            elif getattr(level, "upsamplers", None):
                ratio //= 2


def token_grid(latent_size: LatentSize, tokens: int) -> TokenGrid:
    """The token grid of the UNet level that has `tokens` tokens: every level halves the sides and rounds up."""
    h, w = latent_size
    while h * w > tokens:
        h, w = (h + 1) // 2, (w + 1) // 2
    return h, w


@dataclass(frozen=True)
class EditedProcessor:
    """What diffusers' AttnProcessor2_0 does in a transformer block, with an edited attention in its middle.

    The attentions of a transformer block have no norms and no residual of their own: those belong to the block.
    """

    attention: EditedAttention
    latent_size: LatentSize

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        if attention_mask is not None:
            raise ValueError("SAC and CAM do not support attention masks.")
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        q, k, v = (
            projected.unflatten(-1, (attn.heads, -1)).transpose(1, 2)  # (B, N, H * D) -> (B, H, N, D)
            for projected in (attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context))
        )
        out = self.attention(q, k, v, token_grid(self.latent_size, q.shape[-2])).transpose(1, 2).flatten(-2)
        projection, dropout = attn.to_out
        result: Tensor = dropout(projection(out))
        return result


@contextmanager
def edited(
    unet: UNet2DConditionModel, edit: Edit, latent_size: LatentSize, timestep: int, sheet: Sheet = ONE_PAIR
) -> Iterator[None]:
    """SAC and CAM in the attentions of `unet`, for a call at `timestep`; afterwards its processors are as before.

    Where no layer is selected or the edit does not act at this time step, the UNet is left untouched.

    Raises:
        ValueError: a model without transformer blocks, a layer range past its end, or an attention that another
            extension has replaced. At the UNet's call: a token grid that does not fall into equal cells of the sheet.
    """
    blocks = transformer_blocks(unet)
    clone = EditedProcessor(partial(clone_self_attention, scale=edit.scale, sheet=sheet), latent_size)
    mask_rows = EditedProcessor(partial(mask_cross_attention, sheet=sheet), latent_size)
    edits = [(blocks[layer].attn1, clone) for layer in selected(edit.sac, unet)]
    edits += [(blocks[layer].attn2, mask_rows) for layer in selected(edit.cam, unet)]
    previous = [(attention, attention.get_processor()) for attention, _ in edits]
    for _, processor in previous:
        if not isinstance(processor, PLAIN_PROCESSORS):
            raise ValueError(
                f"expected the default attention processor, got {type(processor).__name__}: remove that extension "
                "first, SAC and CAM need the plain attention"
            )
    try:
        if edit.is_active(timestep):
            for attention, processor in edits:
                attention.set_processor(processor)
        yield
    finally:
        for attention, processor in previous:
            attention.set_processor(processor)
