"""Who owns an attention. The host keeps one replacement for it; a previous replacement is kept and called.

The host looks for a replacement at the three-part address of a transformer block, then at the two-part address of its
stage. Guidance nodes (PAG) put theirs at the two-part one in a pass of their own, so that is where ours are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn, Protocol

from comfy.ldm.modules.attention import optimized_attention
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from .blocks import Address, Block, Stage

Options = dict[str, Any]
"""What the host passes to a replacement: `extra_options`."""
Kind = Literal["attn1", "attn2"]
"""Self- and cross-attention, in the host's words."""


class Attention(Protocol):
    """The host's replacement of an attention: q, k, v (batch, tokens, heads * dim) -> the same shape as q."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, extra_options: Options, /) -> Tensor: ...


class Edited(Protocol):
    """The same, given the previous owner of the attention."""

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: Options, previous: Attention | None) -> Tensor: ...


Owners = Mapping[Stage | Address, Attention]
"""The host's replacements of one kind of attention."""


def owner_of(block: Block, owners: Owners) -> Attention | None:
    """Who answers for a transformer block: the host's rule."""
    return owners.get(block.address, owners.get(block.stage))


def unedited(q: Tensor, k: Tensor, v: Tensor, options: Options, previous: Attention | None) -> Tensor:
    """What would run without us: the previous owner of the attention, else the host's own function."""
    if previous is not None:
        return previous(q, k, v, options)
    return optimized_attention(
        q, k, v, options["n_heads"], attn_precision=options["attn_precision"], transformer_options=options
    )


@dataclass(frozen=True)
class StageAttention:
    """The replacement at the two-part address of a stage: edits some of its transformer blocks.

    Attributes:
        edited: by the index of the transformer block.
        previous: the previous owner of these attentions, at either address.
    """

    stage: Stage
    edited: Mapping[int, Edited]
    previous: Owners

    def __call__(self, q: Tensor, k: Tensor, v: Tensor, extra_options: Options) -> Tensor:
        index = extra_options["block_index"]
        previous = owner_of(Block(self.stage, index), self.previous)
        if index in self.edited:
            return self.edited[index](q, k, v, extra_options, previous)
        return unedited(q, k, v, extra_options, previous)

    # The host moves, counts and cleans up replacements that ask for it; ours hold nothing, but a previous owner may.

    def to(self, target: Any) -> "StageAttention":
        moved = {
            address: owner.to(target) if hasattr(owner, "to") else owner for address, owner in self.previous.items()
        }
        return replace(self, previous=moved)

    def models(self) -> list[ModelPatcher]:
        return [model for owner in self._distinct("models") for model in owner.models()]

    def cleanup(self) -> None:
        for owner in self._distinct("cleanup"):
            owner.cleanup()

    def _distinct(self, method: str) -> Iterator[Any]:
        """The previous owners that have such a method, each once however many blocks it owns."""
        owners = {id(owner): owner for owner in self.previous.values()}
        return (owner for owner in owners.values() if hasattr(owner, method))

    def add(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Adapter packs add themselves to whatever object they find in the slot, which everybody shares."""
        raise ValueError(
            "an adapter placed after SAC or CAM tries to extend their attention patch "
            f"({self.stage[0]} {self.stage[1]}). Place the patch after that node."
        )


def taken_over(owners: Owners, edited: Mapping[Block, Edited]) -> dict[Stage | Address, Attention]:
    """`owners` with a replacement for each stage that has edited blocks; who owned those before is called from there.

    A previous owner at a three-part address goes, because the host would prefer it to the stage's.
    """
    taken = dict(owners)
    for stage in dict.fromkeys(block.stage for block in edited):
        blocks = {block: edit for block, edit in edited.items() if block.stage == stage}
        addresses: list[Stage | Address] = [stage, *(block.address for block in blocks)]
        previous = {address: taken.pop(address) for address in addresses if address in owners}
        taken[stage] = StageAttention(stage, {block.index: edit for block, edit in blocks.items()}, previous)
    return taken


def acts(edit: Edited, block: Block, owners: Owners) -> bool:
    """Whether an edit is among those who answer for a block, or a later node has taken the attention over."""
    owner = owner_of(block, owners)
    while isinstance(owner, StageAttention):
        if owner.edited.get(block.index) is edit:
            return True
        owner = owner_of(block, owner.previous)
    return False


def is_of_the_model(owner: Any, known: Any) -> bool:
    """Whether an owner in one pass is the model's own, and not one that a guidance node put there for that pass."""
    moved = hasattr(known, "to") and type(owner) is type(known)  # The host moves it, which may make another object.
    return owner is known or moved or isinstance(owner, StageAttention)
