"""Put an edit into the attentions of a ComfyUI MODEL. The only file that touches model_options.

The host keeps one replacement per attention. Whoever owned it before is kept and called; the host's own
attention function, and whatever the user put in its place, does all plain attention.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from comfy.ldm.modules.attention import optimized_attention
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..analogist.grid import AnalogyGrid
from ..analogist.layers import ActivePart, LayerRange, NoiseLevels
from ..analogist.regions import TokenGrid, check_grid
from .blocks import Block, transformer_blocks

Options = dict[str, Any]
"""What the host passes to a patch: `extra_options`."""
AttentionPatch = Callable[[Tensor, Tensor, Tensor, Options], Tensor]
"""The host's attn1/attn2 replacement: q, k, v (batch, tokens, heads * dim) and options -> the same shape as q."""


class Edit(Protocol):
    """An edit of one attention; q, k, v are (batch, tokens, heads * dim), `attention` is what would run without it."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, options: Options, previous: AttentionPatch | None
    ) -> Tensor: ...


@dataclass(frozen=True)
class Placement:
    """Where and when an edit acts; as the inputs of the nodes.

    Attributes:
        layers: which transformer blocks, half open.
        active: which part of the noise schedule.
        grid: the grid that will be sampled, if known: then a latent of another size is refused.
    """

    layers: LayerRange
    active: ActivePart
    grid: AnalogyGrid | None = None


def patch_attention(
    model: ModelPatcher, kind: Literal["attn1", "attn2"], edit: Edit, placement: Placement, name: str
) -> ModelPatcher:
    """A clone of `model` with `edit` in its self- (attn1) or cross-attention (attn2); `model` is left as it was.

    Where no layer is selected or the active part is empty the clone is the untouched model.

    Args:
        name: what error messages call the edit.

    Raises:
        ValueError: a model without such attentions, or a layer range that goes past it.
    """
    blocks = transformer_blocks(model)
    layers = placement.layers.select(len(blocks))
    patched = model.clone()
    if placement.active.is_empty:
        return patched
    levels = None
    if not placement.active.is_everything:
        levels = placement.active.noise_levels(model.get_model_object("model_sampling").percent_to_sigma)
    latent_ratio = model.get_model_object("latent_format").spacial_downscale_ratio
    owners = model.model_options["transformer_options"].get("patches_replace", {}).get(kind, {})
    for layer in layers:
        slot, previous = _slot(owners, blocks[layer])
        patch = EditedAttention(edit, previous, levels, placement.grid, latent_ratio, where=f"{name}, layer {layer}")
        patched.set_model_patch_replace(patch, kind, *slot)
    return patched


def _slot(owners: dict[tuple, AttentionPatch], block: Block) -> tuple[tuple, AttentionPatch | None]:
    """The address to register at, and who answers for that block today.

    The host looks for (name, number, index) first and for (name, number) then. The short address is taken where it
    means the same, because guidance nodes (PAG) put theirs there for a pass of their own, and must be found.
    """
    exact = (block.name, block.number, block.index)
    short = exact[:2]
    if exact in owners:
        return exact, owners[exact]
    return short if block.alone else exact, owners.get(short)


@dataclass(frozen=True)
class EditedAttention:
    """An attention replacement as the host calls it: checks the moment and the shape, then edits."""

    edit: Edit
    previous: AttentionPatch | None
    levels: NoiseLevels | None
    grid: AnalogyGrid | None
    latent_ratio: int
    where: str

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, extra_options: Options) -> Tensor:
        if self.levels is not None and float(extra_options["sigmas"][0]) not in self.levels:
            return unedited(q, k, v, extra_options, self.previous)
        return self.edit(q, k, v, self._token_grid(q, extra_options), extra_options, self.previous)

    def _token_grid(self, q: Tensor, options: Options) -> TokenGrid:
        height, width = (side * self.latent_ratio for side in options["original_shape"][-2:])
        if self.grid is not None and self.grid.size != (width, height):
            raise ValueError(
                f"{self.where}: the latent stands for a picture of {width}x{height}, but the connected grid layout is "
                f"{self.grid.size[0]}x{self.grid.size[1]}. Sample the canvas of that same grid builder."
            )
        h, w = options["activations_shape"][-2:]
        try:
            check_grid((h, w), q.shape[1])
        except ValueError as error:
            raise ValueError(f"{self.where}, with a latent for {width}x{height} pixels: {error}") from None
        return h, w

    # The host moves, counts and cleans up patches that ask for it; ours hold nothing, but a previous owner may.

    def to(self, target: Any) -> "EditedAttention":
        return replace(self, previous=self.previous.to(target)) if hasattr(self.previous, "to") else self

    def models(self) -> list[ModelPatcher]:
        return self.previous.models() if hasattr(self.previous, "models") else []

    def cleanup(self) -> None:
        if hasattr(self.previous, "cleanup"):
            self.previous.cleanup()


def unedited(q: Tensor, k: Tensor, v: Tensor, options: Options, previous: AttentionPatch | None) -> Tensor:
    """What would run without us: the previous owner of the attention, else the host's own function."""
    if previous is not None:
        return previous(q, k, v, options)
    return optimized_attention(
        q, k, v, options["n_heads"], attn_precision=options["attn_precision"], transformer_options=options
    )
