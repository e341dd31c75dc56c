"""The patches as guests of the host: nothing of theirs when they do nothing, nothing left behind, clear refusals."""

from support import comfyui

comfyui.need_host()

from collections.abc import Callable
from typing import Any

import comfy.ops
import pytest
import torch
from comfy.ldm.modules.attention import optimized_attention
from comfy.ldm.modules.diffusionmodules.openaimodel import UNetModel
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from support.graph import cam, execute, room, sac, sample, sigmas, with_compiled_unet
from support.tiny_pack.tiny import CONTEXT_DIM, UNET, tiny_model


@pytest.fixture(scope="module")
def model() -> ModelPatcher:
    return tiny_model()


def both(model: ModelPatcher, **inputs: Any) -> ModelPatcher:
    return cam(sac(model, **inputs), **inputs)


@pytest.mark.parametrize(
    "nothing",
    [
        {"start_layer": 5, "end_layer": 5},
        {"start_layer": 0, "end_layer": 0},
        {"start_percent": 0.4, "end_percent": 0.4},
    ],
)
def test_an_edit_of_nothing_is_the_untouched_model(model: ModelPatcher, nothing: dict) -> None:
    assert torch.equal(sample(both(model, **nothing)), sample(model))


def test_outside_its_part_of_the_schedule_an_edit_is_the_untouched_model(model: ModelPatcher) -> None:
    early = both(model, end_percent=0.5)  # The run below has no step before time step 334, two thirds in.
    assert early.model_options != model.model_options
    assert torch.equal(sample(early), sample(model))
    assert not torch.equal(sample(both(model, start_percent=0.5)), sample(model))


def test_the_input_model_is_unchanged_and_runs_repeat(model: ModelPatcher) -> None:
    options, weights = repr(model.model_options), {k: v.clone() for k, v in model.model.state_dict().items()}
    before = sample(model)
    patched = both(model)
    first, second = sample(patched), sample(patched)
    assert torch.equal(first, second)
    assert not torch.equal(first, before)
    assert repr(model.model_options) == options
    assert torch.equal(sample(model), before)
    assert all(torch.equal(weights[k], v) for k, v in model.model.state_dict().items())


def test_two_clones_do_not_see_each_other(model: ModelPatcher) -> None:
    alone = sample(sac(model, scale=2.0))
    one, other = sac(model, scale=2.0), cam(model)
    with_other = sample(one), sample(other)
    assert torch.equal(with_other[0], alone)
    assert not torch.equal(with_other[1], alone)


def test_each_edit_alone_and_both_differ(model: ModelPatcher) -> None:
    results = [sample(patched) for patched in (model, sac(model), cam(model), cam(sac(model)))]
    for n, result in enumerate(results):
        assert torch.isfinite(result).all()
        assert not any(torch.equal(result, other) for other in results[n + 1 :])
    assert torch.equal(results[3], sample(sac(cam(model))))  # Self- and cross-attention are different places.


@pytest.mark.parametrize("size", [(16, 32), (48, 16), (32, 48), (24, 24)])
def test_any_shape_of_grid(model: ModelPatcher, size: tuple[int, int]) -> None:
    layers = {"start_layer": 3, "end_layer": 6} if size == (24, 24) else {}  # Its middle block sees 3x3 tokens.
    assert not torch.equal(sample(both(model, **layers), size), sample(model, size))


@pytest.mark.parametrize(
    "settings",
    [{"cfg": 1.0}, {"images": 3}, {"text_tokens": (77, 154)}, {"text_tokens": (231, 77), "images": 2}],
    ids=str,
)
def test_any_batch(model: ModelPatcher, settings: dict) -> None:
    edited, plain = sample(both(model), **settings), sample(model, **settings)
    assert torch.isfinite(edited).all()
    assert not torch.equal(edited, plain)


def test_pictures_of_a_batch_do_not_see_each_other(model: ModelPatcher) -> None:
    """One UNet call with three images, each twice, in any order of chunks, equals three calls."""
    options = {**both(model).model_options["transformer_options"], "sigmas": torch.ones(1)}
    x, context = torch.randn(3, 9, 16, 16), torch.randn(3, 77, CONTEXT_DIM)
    call = model.model.diffusion_model
    with torch.inference_mode():
        together = call(
            x[[0, 1, 2, 2]], torch.full((4,), 500.0), context[[0, 1, 2, 2]], transformer_options=dict(options)
        )
        for row, n in enumerate([0, 1, 2, 2]):
            alone = call(x[n : n + 1], torch.full((1,), 500.0), context[n : n + 1], transformer_options=dict(options))
            assert torch.allclose(together[row], alone[0], atol=2e-5)


@pytest.mark.parametrize("patch", [sac, cam, both])
def test_with_little_memory_each_half_of_each_batch_is_edited(
    model: ModelPatcher, patch: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host then calls the UNet for the prompt and for the negative prompt in turn."""
    halves: list[tuple] = []

    def watched(patched: ModelPatcher) -> ModelPatcher:
        def record(call: Callable, inputs: dict) -> Tensor:
            halves.append((len(inputs["input"]), tuple(inputs["cond_or_uncond"])))
            return call(inputs["input"], inputs["timestep"], **inputs["c"])

        clone = patched.clone()
        clone.set_model_unet_function_wrapper(record)
        return clone

    whole, unedited = sample(watched(patch(model)), images=2), sample(watched(model), images=2)
    assert {len(chosen) for _, chosen in halves} == {2}
    halves.clear()
    monkeypatch.setattr(type(model.model), "memory_required", lambda *args, **kwargs: float("inf"))
    split = sample(watched(patch(model)), images=2)
    assert sorted(set(halves)) == [(2, (0,)), (2, (1,))]
    difference = (whole - unedited).abs().amax((1, 2, 3))
    assert (difference > 1e-2).all()
    assert ((split - whole).abs().amax((1, 2, 3)) < 1e-3 * difference).all()


# Neighbours in the same attention


def plain(q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
    return optimized_attention(q, k, v, options["n_heads"], transformer_options=options)


def calls_of(owner: Callable[..., Tensor]) -> tuple[Callable[..., Tensor], list[tuple]]:
    seen: list[tuple] = []

    def counted(q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
        seen.append((*options["block"], options["block_index"]))
        return owner(q, k, v, options)

    return counted, seen


@pytest.mark.parametrize("address", [("middle", 0), ("middle", 0, 0)], ids=str)
@pytest.mark.parametrize("patch", [sac, cam])
def test_the_previous_owner_of_an_attention_is_called(model: ModelPatcher, patch: Callable, address: tuple) -> None:
    owner, seen = calls_of(plain)
    owned = model.clone()
    setter = owned.set_model_attn1_replace if patch is sac else owned.set_model_attn2_replace
    setter(owner, *address)
    result = sample(patch(owned))
    assert len(seen) == 2  # Once in each step.
    assert torch.allclose(result, sample(patch(model)), atol=1e-4)

    doubled = model.clone()
    setter = doubled.set_model_attn1_replace if patch is sac else doubled.set_model_attn2_replace
    setter(lambda q, k, v, options: 2 * plain(q, k, v, options), *address)
    assert not torch.allclose(sample(patch(doubled)), result, atol=1e-3)


@pytest.mark.parametrize("address", [("middle", 0), ("middle", 0, 0)], ids=str)
@pytest.mark.parametrize("patch", [sac, cam])
def test_an_owner_at_either_address_is_edited_without_the_sampler(
    model: ModelPatcher, patch: Callable, address: tuple
) -> None:
    """Nodes that call the UNet themselves bring the replacements alone, and a block's goes before its stage's."""
    x, context = torch.randn(1, 9, 16, 16), torch.randn(1, 77, CONTEXT_DIM)

    def called(patched: ModelPatcher) -> Tensor:
        options = {**patched.model_options["transformer_options"], "sigmas": torch.ones(1)}
        with torch.inference_mode():
            return model.model.diffusion_model(x, torch.full((1,), 500.0), context, transformer_options=options)

    owner, seen = calls_of(plain)
    owned = model.clone()
    setter = owned.set_model_attn1_replace if patch is sac else owned.set_model_attn2_replace
    setter(owner, *address)
    edited = called(patch(model, layers="6"))
    assert (called(model) - edited).abs().max() > 1e-3
    assert torch.allclose(called(patch(owned, layers="6")), edited, atol=1e-5)
    assert seen == [("middle", 0, 0)]


@pytest.mark.parametrize("size", [(16, 32), (48, 16)], ids=str)
@pytest.mark.parametrize("patch", [sac, cam])
def test_behind_a_previous_owner_any_shape_of_grid_is_the_same(
    model: ModelPatcher, patch: Callable, size: tuple[int, int]
) -> None:
    owned = model.clone()
    setter = owned.set_model_attn1_replace if patch is sac else owned.set_model_attn2_replace
    setter(plain, "input", 5)  # Layer 3, the first that is edited.
    alone, behind = sample(patch(model), size), sample(patch(owned), size)
    assert torch.allclose(behind, alone, atol=1e-4)
    assert not torch.allclose(alone, sample(model, size), atol=1e-3)


def test_the_previous_owner_is_moved_counted_and_cleaned_up(model: ModelPatcher) -> None:
    class Owner:
        cleaned = 0

        def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
            return plain(q, k, v, options)

        def to(self, target: Any) -> "Owner":
            return self

        def models(self) -> list[ModelPatcher]:
            return [needed]

        def cleanup(self) -> None:
            Owner.cleaned += 1

    needed, owned = tiny_model(seed=3), model.clone()
    owned.set_model_attn2_replace(Owner(), "middle", 0)
    patched = cam(owned)
    assert patched.model_patches_models() == [needed]
    sample(owned)
    without_us, Owner.cleaned = Owner.cleaned, 0  # Older hosts do not clean up patches at all.
    sample(patched)
    assert Owner.cleaned == without_us
    sample(cam(model))  # No owner: the same calls find nothing to do.


@pytest.mark.parametrize("patch", [sac, cam])
def test_an_owner_that_moving_copies_is_edited_in_either_order(model: ModelPatcher, patch: Callable) -> None:
    """The host moves those of the model, and the options of a sampling keep the objects from before."""

    class Owner:
        def __call__(self, q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
            return 1.5 * plain(q, k, v, options)

        def to(self, target: Any) -> "Owner":
            return Owner()

    def owned(model: ModelPatcher) -> ModelPatcher:
        clone = model.clone()
        setter = clone.set_model_attn1_replace if patch is sac else clone.set_model_attn2_replace
        setter(Owner(), "middle", 0)
        return clone

    behind = sample(owned(patch(model, layers="6")))
    assert torch.equal(behind, sample(patch(owned(model), layers="6")))
    assert (behind - sample(owned(model))).abs().max() > 1e-3


def test_a_guidance_nodes_own_replacement_is_found_in_its_own_pass(model: ModelPatcher) -> None:
    """Perturbed-Attention Guidance replaces ("middle", 0) in an extra pass; ours must not hide it."""
    from comfy_extras.nodes_pag import PerturbedAttentionGuidance

    patched = both(model)
    guided = PerturbedAttentionGuidance.execute(patched, 3.0).args[0]
    assert (sample(guided) - sample(patched)).abs().max() > 1e-2


def test_the_users_own_attention_function_stays_in_charge(model: ModelPatcher) -> None:
    calls: list[int] = []

    def override(func: Callable, *args: Any, **kwargs: Any) -> Tensor:
        calls.append(1)
        return func(*args, **kwargs)

    def with_override(model: ModelPatcher) -> ModelPatcher:
        clone = model.clone()
        clone.model_options["transformer_options"]["optimized_attention_override"] = override
        return clone

    sample(with_override(model), steps=1)
    unpatched, calls[:] = len(calls), []
    sample(with_override(both(model)), steps=1)
    assert len(calls) == unpatched == 32


@pytest.mark.slow
def test_compiling_never_brings_an_old_graph_back(model: ModelPatcher) -> None:
    """The host's compiling node does not look at patches again; both kinds of model, in turn, must be what they are."""
    from comfy_api.torch_helpers import set_torch_compile_wrapper
    from comfy_extras.nodes_torch_compile import skip_torch_compile_dict

    def compiled(model: ModelPatcher) -> ModelPatcher:
        clone = model.clone()  # As the node does, with a backend that is quick to build.
        set_torch_compile_wrapper(clone, "aot_eager", options={"guard_filter_fn": skip_torch_compile_dict})
        return clone

    late = {"start_percent": 0.8}
    plain, ours, part = sample(model), sample(both(model)), sample(sac(model, **late))
    assert torch.allclose(sample(compiled(model)), plain, atol=1e-3)
    assert torch.equal(sample(compiled(both(model))), ours)
    assert torch.equal(sample(both(compiled(model))), ours)
    assert torch.equal(sample(compiled(sac(model, **late))), part)
    assert torch.allclose(sample(compiled(model)), plain, atol=1e-3)


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_compiled_unet_in_place_of_the_plain_one(model: ModelPatcher, order: str) -> None:
    """The blocks are found behind it, and its graphs are not used."""
    together = both(with_compiled_unet(model)) if order == "before" else with_compiled_unet(both(model))
    assert torch.equal(sample(together), sample(both(model)))


@pytest.mark.parametrize("kind", ["attn1", "attn2"])
def test_the_previous_owner_answers_for_the_rows_that_are_not_edited(model: ModelPatcher, kind: str) -> None:
    """Rows of A and B are the owner's in SAC, the row of B' in CAM; the owner's own result is left alone."""
    theirs = torch.randn(2, 64, 32)
    before, owned = theirs.clone(), model.clone()
    owned.set_model_patch_replace(lambda q, k, v, options: theirs, kind, "middle", 0)
    patched = sac(owned) if kind == "attn1" else cam(owned)
    attention = patched.model_options["transformer_options"]["patches_replace"][kind]["middle", 0]
    sizes = {"original_shape": [2, 9, 64, 64], "activations_shape": [2, 32, 8, 8]}
    options = {**sizes, "block": ("middle", 0), "block_index": 0, "n_heads": 8, "attn_precision": None}
    out = attention(*torch.randn(3, 2, 64, 32).unbind(), options)
    same = (out == theirs).all(dim=-1).unflatten(1, (2, 4, 2, 4)).all(dim=4).all(dim=2)  # (batch, row, column)
    assert same.tolist() == [[[True, False], [True, False]] if kind == "attn1" else [[False, False], [False, True]]] * 2
    assert torch.equal(theirs, before)


def test_a_text_of_layers_is_the_range_it_says(model: ModelPatcher) -> None:
    assert torch.equal(sample(sac(model, layers="3-10")), sample(sac(model)))
    assert torch.equal(sample(sac(model, layers="3-10", numbering="this model's own")), sample(sac(model)))
    scattered = sample(sac(sac(model, start_layer=3, end_layer=5), start_layer=9, end_layer=10))
    assert torch.equal(sample(sac(model, layers="3, 4, 9", start_layer=0, end_layer=0)), scattered)
    with pytest.raises(ValueError, match="expected layers such as 4-53 or 7-10, 18, 25, got '9-4'"):
        cam(model, layers="3, 9-4")


def test_what_was_chosen_is_said_in_the_log(model: ModelPatcher, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        cam(model, layers="5-7")
    assert caplog.messages[-1] == (
        "Analogist: Cross-Attention Masking in 3 of 16 transformer blocks: down 1/4 (1), middle (1), up 1/4 (1)"
    )


DEEP = {
    "transformer_depth": [1, 1, 2, 2, 2, 2, 0, 0],
    "transformer_depth_output": [2, 2, 2, 2, 2, 2, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 2,
}
"""Several transformer blocks in a stage of an SD 1.x UNet."""


def test_guidance_acts_beside_cloning_in_the_two_blocks_of_the_middle() -> None:
    """Guidance has the two-part address of the middle, and edits of its two blocks are found there as well."""
    from comfy_extras.nodes_pag import PerturbedAttentionGuidance

    def guided(model: ModelPatcher) -> ModelPatcher:
        return PerturbedAttentionGuidance.execute(model, 3.0).args[0]

    deep = tiny_model(**DEEP)
    middle = {"layers": "10-11", "numbering": "this model's own"}
    alone = (sample(guided(deep)) - sample(deep)).abs().max()
    cloned = sample(sac(deep, **middle))
    for together in (guided(sac(deep, **middle)), sac(guided(deep), **middle)):
        assert (sample(together) - cloned).abs().max() > 0.2 * alone


def test_a_part_of_the_sampling_is_that_of_the_schedule_which_is_sampled(model: ModelPatcher) -> None:
    """A node behind the patch may bring another schedule of noise: percents are of that one."""
    from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete

    def rescaled(model: ModelPatcher) -> ModelPatcher:
        return ModelSamplingDiscrete().patch(model, "eps", zsnr=True)[0]

    part = {"start_percent": 0.3, "end_percent": 0.7}
    behind, before = sample(rescaled(both(model, **part)), steps=8), sample(both(rescaled(model), **part), steps=8)
    assert torch.equal(behind, before)
    assert not torch.equal(behind, sample(rescaled(model), steps=8))


def test_a_part_of_the_sampling_is_found_when_it_is_sampled_and_not_when_the_patch_is_placed(
    model: ModelPatcher,
) -> None:
    """On a schedule of noise on which the same part of the sampling has other steps."""
    from comfy_extras.nodes_model_advanced import ModelSamplingContinuousEDM

    def rescaled(model: ModelPatcher) -> ModelPatcher:
        return ModelSamplingContinuousEDM().patch(model, "eps", sigma_max=120.0, sigma_min=0.002)[0]

    start, end = 0.3, 0.7
    schedule = torch.tensor([20.0, 4.2, 0.2, 0.03, 0.0])
    high, low = (120.0 ** (1 - percent) * 0.002**percent for percent in (start, end))
    assert [low < level <= high for level in schedule[:-1].tolist()] == [False, True, True, False]
    table = model.get_model_object("model_sampling")
    assert not table.percent_to_sigma(end) < 0.2 <= table.percent_to_sigma(start)  # Where the patch is placed.

    part, everything = {"start_percent": start, "end_percent": end}, rescaled(both(model))
    behind = sample(rescaled(both(model, **part)), schedule=schedule)
    assert torch.equal(behind, sample(both(rescaled(model), **part), schedule=schedule))
    assert not torch.equal(behind, sample(everything, schedule=schedule))
    middle, before, after = schedule[1:4], schedule[:2], schedule[3:]
    inside = rescaled(both(model, **part))
    assert torch.equal(sample(inside, schedule=middle), sample(everything, schedule=middle))
    for outside in (before, after):
        assert torch.equal(sample(inside, schedule=outside), sample(rescaled(model), schedule=outside))


@pytest.mark.parametrize(("percent", "acts"), [(0.3, True), (0.7, False)])
def test_a_step_at_the_start_of_its_part_is_in_it_and_one_at_the_end_is_not(
    model: ModelPatcher, percent: float, acts: bool
) -> None:
    """So two parts that meet share no step, and leave none out."""
    step = torch.tensor([model.get_model_object("model_sampling").percent_to_sigma(percent), 0.0])
    edited, unedited = sample(both(model), schedule=step), sample(model, schedule=step)
    assert not torch.equal(edited, unedited)
    in_part = sample(both(model, start_percent=0.3, end_percent=0.7), schedule=step)
    assert torch.equal(in_part, edited if acts else unedited)


def test_sigmas_of_a_distilled_schedule_are_refused(model: ModelPatcher) -> None:
    from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete

    distilled = ModelSamplingDiscrete().patch(model, "lcm", zsnr=False)[0]
    with pytest.raises(ValueError, match=r"1000 training timesteps, got 50.*use a built-in scheduler"):
        sigmas(distilled, 10, 0.98)
    rescaled = ModelSamplingDiscrete().patch(model, "eps", zsnr=True)[0]
    table = rescaled.get_model_object("model_sampling").sigmas
    assert sigmas(rescaled, 50, 0.98)[[0, -1]].tolist() == [table[961].item(), table[0].item()]


# Refusals


def test_a_model_without_transformer_blocks_is_refused() -> None:
    from comfy.ldm.flux.model import Flux
    from comfy.supported_models import Flux as FluxConfig

    size = {
        "context_in_dim": 16,
        "hidden_size": 48,
        "mlp_ratio": 1.0,
        "num_heads": 2,
        "depth": 1,
        "depth_single_blocks": 1,
    }
    shape = {
        "in_channels": 4,
        "out_channels": 4,
        "vec_in_dim": 8,
        "axes_dim": [8, 8, 8],
        "theta": 10000,
        "txt_ids_dims": [],
        "patch_size": 2,
    }
    flags = {"image_model": "flux", "qkv_bias": True, "guidance_embed": False, "dtype": torch.float32}
    inner = FluxConfig({**size, **shape, **flags}).get_model({}, device="cpu")
    assert isinstance(inner.diffusion_model, Flux)
    cpu = torch.device("cpu")
    flux = ModelPatcher(inner, load_device=cpu, offload_device=cpu)
    for patch in (sac, cam):
        with pytest.raises(ValueError, match="got a Flux with a Flux"):
            patch(flux)
    with pytest.raises(ValueError, match="discrete training timesteps"):
        sigmas(flux, 50, 0.98)


@pytest.mark.parametrize("patch", [sac, cam])
def test_layers_past_the_model_are_refused_when_the_node_runs(model: ModelPatcher, patch: Callable) -> None:
    with pytest.raises(ValueError, match=r"layers numbered as in SD 1\.5 must be 0 to 15, got 16"):
        patch(model, end_layer=17)
    with pytest.raises(ValueError, match="got start_layer 9 and end_layer 4"):
        patch(model, start_layer=9, end_layer=4)
    with pytest.raises(ValueError, match=r"got start_percent 0\.9 and end_percent 0\.1"):
        patch(model, start_percent=0.9, end_percent=0.1)


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("never", [{}, {"start_percent": 0.9}, {"end_layer": 3}], ids=["acts", "late", "no layer"])
def test_a_scale_that_is_no_number_is_refused_when_the_node_runs(
    model: ModelPatcher, scale: float, never: dict
) -> None:
    """NaN is on neither side of a widget's limits, and where no step is edited the sampler would not see it."""
    with pytest.raises(ValueError, match=f"scale must be a finite number, got {scale}"):
        sac(model, scale=scale, **never)


@pytest.mark.parametrize(("patch", "name"), [(sac, "Self-Attention Cloning"), (cam, "Cross-Attention Masking")])
def test_a_latent_whose_halves_are_not_whole_tokens_is_refused(model: ModelPatcher, patch: Callable, name: str) -> None:
    says = (
        f"{name}, layer 6, with a latent for 192x192 pixels: The token grid is 3x3; its height and width must be even"
    )
    with pytest.raises(ValueError, match=says):
        sample(patch(model), (24, 24))


@pytest.mark.parametrize("patch", [sac, cam])
def test_a_latent_that_is_not_the_connected_grid_is_refused(model: ModelPatcher, patch: Callable) -> None:
    picture = torch.rand(1, 20, 30, 3)
    *_, layout = execute("AnalogistGridBuilder", a=picture, a_prime=picture, b=picture, cell_width=64, cell_height=128)
    patched = patch(model, layout=layout)
    assert torch.equal(sample(patched, (32, 16)), sample(patch(model), (32, 16)))
    with pytest.raises(
        ValueError, match=r"connected layout, 128x256, got one for 128x128.*disconnect layout, or connect the grid of"
    ):
        sample(patched, (16, 16))


def test_tokens_that_another_patch_moved_are_refused(model: ModelPatcher) -> None:
    merging = model.clone()
    merging.set_model_attn1_patch(lambda n, context, value, options: (n[:, ::2], context, value))
    with pytest.raises(
        ValueError, match=r"layer 0, .* 256 tokens, but the attention sees 128.*remove it, or select other layers"
    ):
        sample(sac(merging, start_layer=0, end_layer=1))


def test_shared_keys_are_refused_with_where_and_what_to_do(model: ModelPatcher) -> None:
    """Packs that align styles let the images of a batch see each other's keys."""
    sharing = model.clone()
    sharing.set_model_attn1_patch(lambda n, context, value, options: (n, *[torch.cat([context, context], 1)] * 2))
    says = "Self-Attention Cloning, layer 3: expected as many keys as queries, got 64 queries and 128 keys.*remove it"
    with pytest.raises(ValueError, match=says):
        sample(sac(sharing))


def test_layer_numbers_are_the_papers(model: ModelPatcher) -> None:
    blocks = room("attention_patches.blocks").transformer_blocks(model)
    addresses = [("input", n) for n in (1, 2, 4, 5, 7, 8)] + [("middle", 0)] + [("output", n) for n in range(3, 12)]
    assert [block.stage for block in blocks] == addresses
    assert {block.index for block in blocks} == {0}


LARGE_UNET = {**{key: value for key, value in UNET.items() if key != "num_heads"}, "num_head_channels": 64}
LARGE_UNET |= {"model_channels": 320, "context_dim": 2048}


@pytest.mark.parametrize(
    ("down", "middle", "up", "total", "paper"),
    [
        ([1, 1, 1, 1, 1, 1, 0, 0], 1, [1] * 9 + [0] * 3, 16, range(3, 11)),
        ([0, 0, 2, 2, 10, 10], 10, [0] * 3 + [2] * 3 + [10] * 3, 70, range(2, 66)),
        ([0, 0, 2, 2, 4, 4], -1, [0, 0, 0, 1, 1, 2, 10, 4, 4], 34, range(2, 32)),
        ([0, 0, 1, 1, 2, 2], -1, [0] * 3 + [1] * 3 + [2] * 3, 15, range(1, 13)),
        ([0, 2, 5], -2, [0, 0, 2, 2, 5, 5], 21, range(19)),
    ],
    ids=["SD 1.x and 2.x", "SDXL", "SSD-1B", "Vega", "KOALA"],
)
def test_the_papers_layers_on_every_unet(down: list[int], middle: int, up: list[int], total: int, paper: range) -> None:
    """Derived from the UNet's own modules, on the meta device: nothing is allocated."""
    levels = [1, 2, 4, 4] if len(down) == 8 else [1, 2, 4]
    depths = {"transformer_depth": down, "transformer_depth_middle": middle, "transformer_depth_output": list(up)}
    sizes = {"channel_mult": levels, "num_res_blocks": [len(down) // len(levels)] * len(levels)}
    unet = UNetModel(**{**LARGE_UNET, **depths, **sizes}, device="meta", operations=comfy.ops.disable_weight_init)

    class Model:
        def get_model_object(self, name: str) -> UNetModel:
            return unet

    layers, blocks = room("analogist.layers"), room("attention_patches.blocks")
    structure = blocks.structure(Model())
    assert len(blocks.transformer_blocks(Model())) == sum(stage.depth for stage in structure) == total
    assert layers.Layers.between(layers.PAPER).select(structure) == list(paper)
    assert layers.Layers.parse("0-15").select(structure) == list(range(total))
    assert layers.Layers.parse(f"0-{total - 1}", layers.Numbering.OWN).select(structure) == list(range(total))
