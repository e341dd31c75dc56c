"""Put an edit into the attentions of a ComfyUI MODEL. The only file that touches model_options.

The host keeps one replacement per attention. Whoever owned it before is kept and called; the host's own
attention function, and whatever the user put in its place, does all plain attention.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any, Literal, NoReturn, Protocol

import torch
from comfy.ldm.modules.attention import optimized_attention
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..analogist.cells import TokenGrid, check_grid
from ..analogist.grid import AnalogyGrid
from ..analogist.layers import ActivePart, LayerRange, NoiseLevels
from .blocks import Block, transformer_blocks

Options = dict[str, Any]
"""What the host passes to a patch: `extra_options`."""
AttentionPatch = Callable[[Tensor, Tensor, Tensor, Options], Tensor]
"""The host's attn1/attn2 replacement: q, k, v (batch, tokens, heads * dim) and options -> the same shape as q."""
Kind = Literal["attn1", "attn2"]
"""Self- and cross-attention, in the host's words."""
Slot = tuple[str, int] | tuple[str, int, int]
"""Where the host looks for a replacement: UNet block and number, and the transformer block in there."""

COMPILED = "torch.compile"
"""The host's name for the wrapper of its compiling node."""
EVALUATION = "analogist"
"""Our entry among the host's transformer_options, for the time of one evaluation of the model."""


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


@dataclass
class Evaluation:
    """One evaluation of the model by the host's sampler: what the layers in it share, and which of them were edited.

    Attributes:
        sigmas: the current noise level, one for each picture. None where the caller has not said; then only edits
            that act at every level can be used.
        latent_size: height and width of the whole latent; area conditioning shows the UNet only a part of it.
        called: the attentions whose replacement was called.
    """

    sigmas: Tensor | None
    latent_size: tuple[int, int]
    called: set[tuple[Kind, Slot]] = field(default_factory=set)

    @cached_property
    def sigma(self) -> float:
        """The noise level; asking waits for the device, so it is asked once for all layers, and only if need be."""
        if self.sigmas is None:
            raise ValueError(
                "An edit for a part of the sampling needs the noise level in transformer_options['sigmas']."
            )
        return float(self.sigmas[0])


def patch_attention(model: ModelPatcher, kind: Kind, edit: Edit, placement: Placement, name: str) -> ModelPatcher:
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
    if placement.active.is_empty or not layers:
        return patched
    levels = None
    if not placement.active.is_everything:
        levels = placement.active.noise_levels(model.get_model_object("model_sampling").percent_to_sigma)
    latent_ratio = model.get_model_object("latent_format").spacial_downscale_ratio
    places = {}
    for layer in layers:
        slot, previous = _slot(_owners(model, kind), blocks[layer])
        where = places[slot] = f"{name}, layer {layer}"
        patch = EditedAttention(edit, kind, slot, previous, levels, placement.grid, latent_ratio, where)
        patched.set_model_patch_replace(patch, kind, *slot)
    patched.add_wrapper_with_key(WrappersMP.CALC_COND_BATCH, EVALUATION, _watch(kind, places))
    return patched


def _owners(model: ModelPatcher, kind: Kind) -> Mapping[Slot, AttentionPatch]:
    replaced: Mapping[Kind, Mapping[Slot, AttentionPatch]]
    replaced = model.model_options["transformer_options"].get("patches_replace", {})
    return replaced.get(kind, {})


def _slot(owners: Mapping[Slot, AttentionPatch], block: Block) -> tuple[Slot, AttentionPatch | None]:
    """The address to register at, and who answers for that block today.

    The host looks for (name, number, index) first and for (name, number) then. The short address is taken where it
    means the same, because guidance nodes (PAG) put theirs there for a pass of their own, and must be found.
    """
    exact = (block.name, block.number, block.index)
    short = exact[:2]
    if exact in owners:
        return exact, owners[exact]
    return short if block.alone else exact, owners.get(short)


def _watch(kind: Kind, places: Mapping[Slot, str]) -> Callable[..., Any]:
    """A wrapper around each evaluation: tells the layers about it, and afterwards refuses to have been replaced.

    A node behind ours that takes over one of our attentions would silence us without a word. It may call us, and a
    guidance node may replace us in a pass of its own; only one that sits in the model itself and does not call us is
    refused.
    """

    def watched(
        executor: Callable[..., Any], model: Any, conds: Any, x: Tensor, sigmas: Tensor, model_options: Options
    ) -> Any:
        options = model_options["transformer_options"]
        evaluation = options.get(EVALUATION)
        if evaluation is None:
            evaluation = Evaluation(sigmas, (x.shape[-2], x.shape[-1]))
            model_options = {**model_options, "transformer_options": {**options, EVALUATION: evaluation}}
        with _uncompiled(options):
            result = executor(model, conds, x, sigmas, model_options)
        owners = _owners(model.current_patcher, kind)
        for slot, where in places.items():
            owner = owners.get((slot[0], slot[1], 0), owners.get(slot)) if len(slot) == 2 else owners.get(slot)
            if not isinstance(owner, EditedAttention) and (kind, slot) not in evaluation.called:
                raise ValueError(
                    f"{where}: a node behind the patch has taken this attention over ({_origin(owner)}), and the patch "
                    "would have no effect there. Place the patch after that node."
                )
        return result

    return watched


def _uncompiled(options: Options) -> AbstractContextManager[Any]:
    """Set torch.compile aside, if the model has it.

    The host's node compiles without a look at transformer_options, so a graph from before a patch was placed, taken
    away or became inactive would be used again, without a word.
    """
    if COMPILED not in options.get("wrappers", {}).get(WrappersMP.APPLY_MODEL, {}):
        return nullcontext()
    _tell_of_compiling()
    return torch.compiler.set_stance("force_eager")


@cache
def _tell_of_compiling() -> None:
    """Once is enough."""
    logging.warning("Analogist: a model with SAC or CAM runs without torch.compile.")


def _origin(owner: Any) -> str:
    """What to call somebody else's replacement: its name and where it comes from."""
    named = owner if hasattr(owner, "__qualname__") else type(owner)
    return f"{named.__qualname__} of {named.__module__}"


@dataclass(frozen=True)
class EditedAttention:
    """An attention replacement as the host calls it: checks the moment and the shape, then edits."""

    edit: Edit
    kind: Kind
    slot: Slot
    previous: AttentionPatch | None
    levels: NoiseLevels | None
    grid: AnalogyGrid | None
    latent_ratio: int
    where: str

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, extra_options: Options) -> Tensor:
        evaluation = extra_options.get(EVALUATION)
        if evaluation is None:  # Somebody calls the UNet without the host's sampling functions.
            height, width = extra_options["original_shape"][-2:]
            evaluation = Evaluation(extra_options.get("sigmas"), (height, width))
        evaluation.called.add((self.kind, self.slot))
        if self.levels is not None and evaluation.sigma not in self.levels:
            return unedited(q, k, v, extra_options, self.previous)
        grid_size = self._token_grid(q.shape[1], extra_options, evaluation.latent_size)
        return self.edit(q, k, v, grid_size, extra_options, self.previous)

    def _token_grid(self, tokens: int, options: Options, latent_size: tuple[int, int]) -> TokenGrid:
        height, width = (side * self.latent_ratio for side in latent_size)
        if tuple(options["original_shape"][-2:]) != latent_size:
            part_height, part_width = (side * self.latent_ratio for side in options["original_shape"][-2:])
            raise ValueError(
                f"{self.where}: the model is shown a part of {part_width}x{part_height} pixels of the {width}x{height} "
                "grid, so the four cells are not all there. Use masks in place of areas in the conditioning."
            )
        if self.grid is not None and self.grid.size != (width, height):
            raise ValueError(
                f"{self.where}: the latent stands for a picture of {width}x{height}, but the connected grid layout is "
                f"{self.grid.size[0]}x{self.grid.size[1]}. Sample the canvas of that same grid builder."
            )
        h, w = options["activations_shape"][-2:]
        try:
            check_grid((h, w), tokens)
        except ValueError as error:
            raise ValueError(f"{self.where}, with a latent for {width}x{height} pixels: {error}") from None
        return h, w

    # The host moves, counts and cleans up patches that ask for it; ours hold nothing, but a previous owner may.

    def to(self, target: Any) -> "EditedAttention":
        move = getattr(self.previous, "to", None)
        return self if move is None else replace(self, previous=move(target))

    def models(self) -> list[ModelPatcher]:
        models = getattr(self.previous, "models", None)
        return [] if models is None else models()

    def cleanup(self) -> None:
        clean = getattr(self.previous, "cleanup", None)
        if clean is not None:
            clean()

    def add(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Adapter packs add themselves to whatever object they find in the slot, which everybody shares."""
        raise ValueError(
            f"{self.where}: a node behind the patch wants to join it here. Place the patch after that node."
        )


def unedited(q: Tensor, k: Tensor, v: Tensor, options: Options, previous: AttentionPatch | None) -> Tensor:
    """What would run without us: the previous owner of the attention, else the host's own function."""
    if previous is not None:
        return previous(q, k, v, options)
    return optimized_attention(
        q, k, v, options["n_heads"], attn_precision=options["attn_precision"], transformer_options=options
    )
