"""Put an edit into the attentions of a ComfyUI MODEL: clone and install. The only file that touches model_options."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..analogist.cells import TokenGrid, check_grid
from ..analogist.grid import AnalogyGrid
from ..analogist.layers import Layers, SamplingRange, describe
from .advice import Advisor, Patch, Tell, need_inpainting
from .blocks import Block, structure, transformer_blocks
from .evaluation import EVALUATION, Evaluation, uncompiled
from .ownership import Attention, Kind, Options, Owners, taken_over, unedited


class Edit(Protocol):
    """An edit of one attention; q, k, v are (batch, tokens, heads * dim)."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid, options: Options, previous: Attention | None
    ) -> Tensor: ...


@dataclass(frozen=True)
class Placement:
    """Where and when an edit acts; as the inputs of the nodes.

    Attributes:
        layers: which transformer blocks.
        sampling: in which part of the sampling.
        grid: the grid that will be sampled, if known: then a latent of another size is refused.
        any_model: take a model that is not an inpainting one, too.
        tell: whom to tell of mistakes that would not be an error.
    """

    layers: Layers
    sampling: SamplingRange
    grid: AnalogyGrid | None = None
    any_model: bool = False
    tell: Tell | None = None


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
        blocks[layer]: EditedAttention(edit, kind, blocks[layer], placement, ratio, f"{name}, layer {layer}")
        for layer in layers
    }
    logging.info("Analogist: %s in %s", name, describe(layers, structure(model)))
    replaced = patched.model_options["transformer_options"].setdefault("patches_replace", {})
    replaced[kind] = taken_over(_owners(model, kind), edited)
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


def _owners(model: ModelPatcher, kind: Kind) -> Owners:
    replaced: Mapping[Kind, Owners] = model.model_options["transformer_options"].get("patches_replace", {})
    return replaced.get(kind, {})


def _watch(kind: Kind, edited: Mapping[Block, "EditedAttention"]) -> Callable[..., Any]:
    """A wrapper around each evaluation: tells the layers about it, and afterwards refuses to have been replaced."""

    def watched(
        executor: Callable[..., Any], model: Any, conds: Any, x: Tensor, sigmas: Tensor, model_options: Options
    ) -> Any:
        options = model_options["transformer_options"]
        evaluation = options.get(EVALUATION)
        if evaluation is None:
            evaluation = Evaluation((x.shape[-2], x.shape[-1]), sigmas, model.model_sampling.percent_to_sigma)
            model_options = {**model_options, "transformer_options": {**options, EVALUATION: evaluation}}
        with uncompiled(model.diffusion_model, options):
            result = executor(model, conds, x, sigmas, model_options)
        evaluation.refuse_silence(kind, edited, _owners(model.current_patcher, kind))
        return result

    return watched


@dataclass(frozen=True)
class EditedAttention:
    """The edit of one attention: checks the moment and the shape, then edits."""

    edit: Edit
    kind: Kind
    block: Block
    placement: Placement
    latent_ratio: int
    where: str

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: Options, previous: Attention | None) -> Tensor:
        evaluation = options.get(EVALUATION) or Evaluation(tuple(options["original_shape"][-2:]))
        evaluation.called.add((self.kind, self.block))
        if not evaluation.is_active(self.placement.sampling):
            return unedited(q, k, v, options, previous)
        grid_size = self._token_grid(q.shape[1], options, evaluation.latent_size)
        if self.kind == "attn1" and k.shape[1] != q.shape[1]:
            raise ValueError(
                f"{self.where}: expected as many keys as queries, got {q.shape[1]} queries and {k.shape[1]} keys. "
                "Another node lets images share their keys here: leave it out, or choose other layers for one of them."
            )
        return self.edit(q, k, v, grid_size, options, previous)

    def _token_grid(self, tokens: int, options: Options, latent_size: tuple[int, int]) -> TokenGrid:
        height, width = (side * self.latent_ratio for side in latent_size)
        if tuple(options["original_shape"][-2:]) != latent_size:
            part_height, part_width = (side * self.latent_ratio for side in options["original_shape"][-2:])
            raise ValueError(
                f"{self.where}: expected the whole grid of {width}x{height}, got a part of {part_width}x{part_height}. "
                "Use masks in place of areas in the conditioning."
            )
        grid = self.placement.grid
        if grid is not None and grid.size != (width, height):
            raise ValueError(
                f"{self.where}: expected a latent for the connected layout, {grid.size[0]}x{grid.size[1]}, got one for "
                f"{width}x{height}. Sample the canvas of that grid builder; for a second pass at another size, "
                "disconnect layout, or connect the grid of the second pass."
            )
        h, w = options["activations_shape"][-2:]
        try:
            check_grid((h, w), tokens)
        except ValueError as error:
            raise ValueError(f"{self.where}, with a latent for {width}x{height} pixels: {error}") from None
        return h, w
