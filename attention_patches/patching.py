"""Put an edit into the attentions of a ComfyUI MODEL: clone and install. The only file that touches model_options."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..analogist.cells import ONE_PAIR, Sheet, TokenGrid, check_grid
from ..analogist.grid import AnalogyGrid
from ..analogist.layers import Layers, SamplingRange, describe
from .advice import Advisor, Patch, Tell, need_inpainting
from .blocks import Address, Block, Stage, structure, transformer_blocks
from .evaluation import EVALUATION, Behind, Evaluation, uncompiled
from .ownership import (
    Attention,
    Edited,
    Kind,
    Options,
    Owners,
    StageAttention,
    acts,
    is_of_the_model,
    owner_of,
    taken_over,
    unedited,
)


@dataclass(frozen=True)
class Call:
    """One call of an attention that is edited.

    Attributes:
        q, k, v: (batch, tokens, heads * dim).
        grid_size: of the tokens of q.
        options: the host's.
        previous: the previous owner of the attention.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    grid_size: TokenGrid
    options: Options
    previous: Attention | None


Edit = Callable[[Call], Tensor]
"""The edit of an attention: the same shape as q."""


@dataclass(frozen=True)
class Placement:
    """Where and when an edit acts; as the inputs of the nodes.

    Attributes:
        layers: which transformer blocks.
        sampling: in which part of the sampling.
        grid: the grid that will be sampled, if known: then a latent of another size is refused. It is needed where
            there are several pairs.
        any_model: take a model that is not an inpainting one, too.
        tell: whom to tell of mistakes that would not be an error.
    """

    layers: Layers
    sampling: SamplingRange
    grid: AnalogyGrid | None = None
    any_model: bool = False
    tell: Tell | None = None

    @property
    def sheet(self) -> Sheet:
        """Where the cells lie; with no known grid there is one pair."""
        return ONE_PAIR if self.grid is None else self.grid.sheet


def patch_attention(model: ModelPatcher, kind: Kind, edit: Edit, placement: Placement, name: str) -> ModelPatcher:
    """A clone of `model` with `edit` in its self- (attn1) or cross-attention (attn2); `model` is left as it was.

    Where no layer is selected or the part of the sampling is empty the clone is the untouched model.

    Args:
        name: what error messages call the edit.

    Raises:
        ValueError: a model without such attentions or not an inpainting one, or layers that it does not have.
    """
    blocks = transformer_blocks(model)
    layers = placement.layers.select(structure(model))
    patched = model.clone()
    if placement.sampling.is_empty or not layers:
        return patched
    before = model.get_wrappers(WrappersMP.OUTER_SAMPLE, EVALUATION)
    if not (placement.any_model or before):  # The first of our patches has looked already.
        need_inpainting(model)
    ratio = model.get_model_object("latent_format").spacial_downscale_ratio
    edited = {
        blocks[layer]: EditedAttention(edit, kind, placement, ratio, f"{name}, layer {layer}") for layer in layers
    }
    logging.info("Analogist: %s in %s", name, describe(layers, structure(model)))
    replaced = patched.model_options["transformer_options"].setdefault("patches_replace", {})
    replaced[kind] = taken_over(_owners(model.model_options["transformer_options"], kind), edited)
    patched.add_wrapper_with_key(WrappersMP.CALC_COND_BATCH, EVALUATION, _watch(kind, edited))
    known = before[0].patches if before else ()
    patched.remove_wrappers_with_key(WrappersMP.OUTER_SAMPLE, EVALUATION)
    own = Patch(kind, frozenset(layers), placement.grid, placement.tell)
    patched.add_wrapper_with_key(WrappersMP.OUTER_SAMPLE, EVALUATION, Advisor((*known, own)))
    return patched


def chosen(model: ModelPatcher, layers: Layers) -> str:
    """For a person: how many transformer blocks of `model` are edited, and in which stages."""
    stages = structure(model)
    return describe(layers.select(stages), stages)


def _owners(options: Options, kind: Kind) -> Owners:
    replaced: Mapping[Kind, Owners] = options.get("patches_replace", {})
    return replaced.get(kind, {})


def _watch(kind: Kind, edited: Mapping[Block, "EditedAttention"]) -> Callable[..., Any]:
    """A wrapper around each evaluation: passes it to the layers, and checks that every edit acts in it."""

    def watched(
        executor: Callable[..., Any], model: Any, conds: Any, x: Tensor, sigmas: Tensor, model_options: Options
    ) -> Any:
        options = dict(model_options["transformer_options"])
        if EVALUATION not in options:
            latent_size = (x.shape[-2], x.shape[-1])
            options[EVALUATION] = Evaluation(latent_size, sigmas, model.model_sampling.percent_to_sigma)
        owners = _owners(model.current_patcher.model_options["transformer_options"], kind)
        if behind := _behind(edited, owners, _owners(options, kind)):
            replaced: dict[Stage | Address, Attention] = dict(_owners(options, kind))
            replaced.update(behind.items())
            options["patches_replace"] = {**options["patches_replace"], kind: replaced}
        with uncompiled(model.diffusion_model, options):
            return executor(model, conds, x, sigmas, {**model_options, "transformer_options": options})

    return watched


def _behind(edited: Mapping[Block, Edited], owners: Owners, now: Owners) -> dict[Address, Attention]:
    """Replacements for the attentions that nodes behind the patch have taken over: those nodes act, and so do we.

    Args:
        owners: of the model.
        now: in this pass. Where a guidance node has replaced an owner for a pass of its own, that is left alone.
    """
    return {
        block.address: StageAttention(block.stage, {block.index: Behind(edit)}, now)
        for block, edit in edited.items()
        if not acts(edit, block, owners) and is_of_the_model(owner_of(block, now), owner_of(block, owners))
    }


@dataclass(frozen=True, eq=False)
class EditedAttention:
    """The edit of one attention: checks the moment and the shape, then edits. Each is equal to itself alone."""

    edit: Edit
    kind: Kind
    placement: Placement
    latent_ratio: int
    where: str

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: Options, previous: Attention | None) -> Tensor:
        evaluation = options.get(EVALUATION) or Evaluation(tuple(options["original_shape"][-2:]))
        evaluation.called.add(self)
        if not evaluation.is_active(self.placement.sampling):
            return unedited(q, k, v, options, previous)
        grid_size = self._token_grid(q.shape[1], options, evaluation.latent_size)
        if self.kind == "attn1" and k.shape[1] != q.shape[1]:
            raise ValueError(
                f"{self.where}: expected as many keys as queries, got {q.shape[1]} queries and {k.shape[1]} keys. "
                "Another node shares keys between images in this layer: remove it, or select other layers."
            )
        return self.edit(Call(q, k, v, grid_size, options, previous))

    def _token_grid(self, tokens: int, options: Options, latent_size: tuple[int, int]) -> TokenGrid:
        height, width = (side * self.latent_ratio for side in latent_size)
        if tuple(options["original_shape"][-2:]) != latent_size:
            part_height, part_width = (side * self.latent_ratio for side in options["original_shape"][-2:])
            raise ValueError(
                f"{self.where}: expected the whole grid of {width}x{height}, got an area of "
                f"{part_width}x{part_height}. Use masks instead of areas in the conditioning."
            )
        grid = self.placement.grid
        if grid is not None and grid.size != (width, height):
            raise ValueError(
                f"{self.where}: expected a latent for the connected layout, {grid.size[0]}x{grid.size[1]}, got one for "
                f"{width}x{height}. Sample the canvas of that Grid Builder; for a second pass at another size, "
                "disconnect layout, or connect the grid of the second pass."
            )
        h, w = options["activations_shape"][-2:]
        try:
            check_grid((h, w), tokens, self.placement.sheet)
        except ValueError as error:
            text = f"{self.where}, with a latent for {width}x{height} pixels: {error}"
            if h * w != tokens:
                text += (
                    " Another node merges or tiles tokens in this layer (ToMe, HyperTile): remove it, or select other "
                    "layers."
                )
            raise ValueError(text) from None
        return h, w
