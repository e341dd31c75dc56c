"""SAC and CAM beside what else people put into a MODEL: both act, or one sentence says why they cannot.

The list is tests/support/neighbours.py; tools/make_composition_table.py writes it into the docs.
"""

from support import comfyui

comfyui.need_host()

from collections.abc import Callable, Iterator

import comfy.samplers
import pytest
import torch
from comfy.model_patcher import ModelPatcher

from support.graph import cam, encoded, sac, sample
from support.neighbours import NEIGHBOURS, WIDE, Neighbour, lora, replaced, stock, wrapping
from support.tiny_pack.tiny import tiny_model, tiny_sdxl

Pair = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module", params=["SD 1.x", "SDXL"])
def model(request: pytest.FixtureRequest) -> ModelPatcher:
    return tiny_model(channel_mult=WIDE) if request.param == "SD 1.x" else tiny_sdxl()


def is_sdxl(model: ModelPatcher) -> bool:
    return type(model.model).__name__ == "SDXL"


def both(model: ModelPatcher) -> ModelPatcher:
    """In the paper's layers, which are stages of either UNet."""
    return cam(sac(model, scale=2.0))


@pytest.fixture(scope="module")
def alone(model: ModelPatcher) -> Iterator[Pair]:
    """What comes of the model, and of the patches with no neighbour; after all tests of the model still the same."""
    nothing, ours = sample(model), sample(both(model))
    yield nothing, ours
    assert torch.equal(sample(model), nothing)
    assert torch.equal(sample(both(model)), ours)


def differ(one: torch.Tensor, other: torch.Tensor) -> bool:
    """More than rounding."""
    assert torch.isfinite(one).all()
    return bool((one - other).abs().max() > 1e-3)


@pytest.mark.parametrize(
    "neighbour",
    [pytest.param(it, id=it.name, marks=[pytest.mark.slow] if it.slow else []) for it in NEIGHBOURS],
)
def test_the_patches_on_either_side_of_a_neighbour(model: ModelPatcher, alone: Pair, neighbour: Neighbour) -> None:
    run, (nothing, ours) = neighbour.run(model), alone
    unseen = neighbour.outermost and is_sdxl(model)
    beside = neighbour.model(model)
    torch.manual_seed(0)  # Some neighbours draw numbers of their own.
    theirs = sample(beside, **run)
    assert torch.equal(theirs, nothing) if unseen else differ(theirs, nothing)
    orders: list[tuple[Callable[[], ModelPatcher], str]] = [
        (lambda: both(beside), neighbour.before),
        (lambda: neighbour.model(both(model)), neighbour.after),
    ]
    for together, refusal in orders:
        if refusal:
            with pytest.raises(ValueError, match=refusal):
                sample(together(), **run)
            continue
        result = sample(together(), **run)
        assert differ(result, theirs)
        assert torch.equal(result, ours) if unseen else differ(result, ours)


def test_the_order_of_the_two_patches_does_not_matter(model: ModelPatcher) -> None:
    assert torch.equal(sample(cam(sac(model))), sample(sac(cam(model))))


def test_a_lora_and_the_patches_are_the_lora_patched(model: ModelPatcher) -> None:
    """Weights and attention are different places: the order is the same to the last bit."""
    assert torch.equal(sample(both(lora(model))), sample(lora(both(model))))


def test_a_patched_model_can_be_patched_again(model: ModelPatcher) -> None:
    """Other layers add up; the same layers at another part of the sampling are a schedule."""
    halves = sac(sac(model, start_layer=3, end_layer=6), start_layer=6, end_layer=11)
    assert torch.equal(sample(halves), sample(sac(model)))
    early, late = sac(model, scale=4.0, end_percent=0.5), sac(model, scale=0.2, start_percent=0.5)
    schedule = sac(early, scale=0.2, start_percent=0.5)
    assert differ(sample(schedule, steps=4), sample(early, steps=4))
    assert differ(sample(schedule, steps=4), sample(late, steps=4))


def test_the_host_may_split_the_batch(model: ModelPatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sample(both(model), images=2)
    monkeypatch.setattr(type(model.model), "memory_required", lambda *args, **kwargs: float("inf"))
    assert not differ(sample(both(model), images=2), whole)


def test_two_samplers_in_one_graph_share_a_patched_model(model: ModelPatcher) -> None:
    patched = both(model)
    alone = [sample(both(model), seed=seed) for seed in (1, 2)]
    assert [torch.equal(sample(patched, seed=seed), result) for seed, result in zip((1, 2), alone, strict=True)]


def test_a_guider_of_three_prompts(model: ModelPatcher) -> None:
    from comfy_extras.nodes_custom_sampler import DualCFGGuider

    def guided(model: ModelPatcher) -> torch.Tensor:
        generator = torch.Generator().manual_seed(4)
        texts = [encoded(model, 77, generator) for _ in range(3)]
        guider = DualCFGGuider.execute(model, *texts, 5.0, 3.0, "regular").args[0]
        noise = torch.randn(1, 4, 16, 16, generator=generator)
        sampler, schedule = comfy.samplers.sampler_object("euler"), torch.tensor([10.0, 3.0, 1.0])
        with torch.inference_mode():
            return guider.sample(noise, torch.zeros_like(noise), sampler, schedule, disable_pbar=True, seed=0)

    assert differ(guided(both(model)), guided(model))


def test_token_merging_in_the_same_layers_is_refused(model: ModelPatcher) -> None:
    merging = stock("nodes_tomesd", "TomePatchModel", ratio=0.3)(model)
    if is_sdxl(model):
        with pytest.raises(ValueError, match=r"no counterpart of the SD 1\.5 layers 0, 1"):
            sac(merging, start_layer=0, end_layer=2)
        return
    with pytest.raises(ValueError, match="256 tokens, but the attention sees"):
        sample(sac(merging, start_layer=0, end_layer=2))


SAG = stock("nodes_sag", "SelfAttentionGuidance", scale=0.5, blur_sigma=2.0)
PAG = stock("nodes_pag", "PerturbedAttentionGuidance", scale=3.0)
TAKING = [SAG, replaced("attn1", "middle", 0), replaced("attn1", "middle", 0, 0)]
"""Those that take an attention over."""


@pytest.mark.parametrize("taking", TAKING, ids=["SAG", "a stage", "a block"])
def test_a_node_that_takes_an_attention_over_acts_first_in_either_order(
    model: ModelPatcher, taking: Callable[[ModelPatcher], ModelPatcher]
) -> None:
    assert torch.equal(sample(taking(both(model))), sample(both(taking(model))))


@pytest.mark.parametrize("taking", TAKING, ids=["SAG", "a stage", "a block"])
def test_patches_on_both_sides_of_a_node_that_takes_an_attention_over(
    model: ModelPatcher, taking: Callable[[ModelPatcher], ModelPatcher]
) -> None:
    """An early and a late patch of the same layers, with the node between them or around them: always the same."""
    steps, early, late = 4, {"scale": 4.0, "end_percent": 0.5}, {"scale": 0.2, "start_percent": 0.5}
    expected = sample(sac(sac(taking(model), **early), **late), steps=steps)
    assert torch.equal(sample(sac(taking(sac(model, **early)), **late), steps=steps), expected)
    assert torch.equal(sample(taking(sac(sac(model, **early), **late)), steps=steps), expected)
    assert differ(expected, sample(sac(taking(model), **late), steps=steps))
    assert differ(expected, sample(sac(taking(model), **early), steps=steps))


@pytest.mark.parametrize("patch", [both, lambda model: both(both(model))], ids=["one patch", "two patches"])
@pytest.mark.parametrize("address", [("middle", 0), ("middle", 0, 0)], ids=str)
def test_an_owner_that_calls_its_predecessor_is_not_edited_again(
    model: ModelPatcher, address: tuple, patch: Callable[[ModelPatcher], ModelPatcher]
) -> None:
    """It makes what it gets from the patch half as large again, in every row: the masked ones stay what they were."""
    seen: list[torch.Tensor] = []

    def watch(out: torch.Tensor, options: dict) -> torch.Tensor:
        if (*options["block"], options["block_index"]) == ("middle", 0, 0):
            seen.append(out)
        return out

    for patched in (patch(model), wrapping(*address)(patch(model))):
        watched = patched.clone()
        watched.set_model_attn2_output_patch(watch)
        sample(watched, steps=1)
    bias = model.model.diffusion_model.middle_block[1].transformer_blocks[0].attn2.to_out[0].bias
    plain, louder = (out - bias for out in seen)
    assert (louder - 1.5 * plain).abs().max() < 1e-5


def test_a_guidance_pass_is_left_alone_behind_a_node_that_takes_the_stage_over(model: ModelPatcher) -> None:
    """PAG replaces the middle in a pass of its own, where neither the node nor the patch is to act."""
    takes = replaced("attn1", "middle", 0)
    guided = sample(PAG(takes(both(model))))
    assert torch.equal(guided, sample(PAG(both(takes(model)))))
    assert differ(guided, sample(takes(both(model))))
