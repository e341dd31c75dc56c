"""The patches on a tiny SDXL: no, one and two transformer blocks in a stage, and the pooled text beside the text."""

from support import comfyui

comfyui.need_host()

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from comfy.ldm.modules.attention import optimized_attention
from comfy.model_patcher import ModelPatcher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from support.graph import cam, node, room, sac, sample, sigmas, with_compiled_unet
from support.tiny_pack.tiny import another, tiny_sd2, tiny_sdxl

OWN = "this model's own"
LAYERS = 17
Address = tuple[str, int, int]


@pytest.fixture(scope="module")
def model() -> ModelPatcher:
    return tiny_sdxl()


def both(model: ModelPatcher, **inputs: Any) -> ModelPatcher:
    return cam(sac(model, **inputs), **inputs)


def plain(q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
    return optimized_attention(q, k, v, options["n_heads"], transformer_options=options)


def explicit_cloning(q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
    h, w = options["activations_shape"][-2:]
    q, k, v = (x.unflatten(-1, (options["n_heads"], -1)).transpose(1, 2) for x in (q, k, v))
    logits = q @ k.mT * q.shape[-1] ** -0.5
    (a, a_prime), (b, b_prime) = (
        [cell.flatten() for cell in row.chunk(2, dim=1)] for row in torch.arange(h * w).view(h, w).chunk(2)
    )
    edited = logits.clone()
    edited[..., a_prime[:, None], b_prime] = 1.3 * logits[..., a[:, None], b]
    edited[..., b_prime[:, None], a_prime] = 1.3 * logits[..., b[:, None], a]
    return (edited.softmax(-1) @ v).transpose(1, 2).flatten(2)


def explicit_masking(q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
    h, w = options["activations_shape"][-2:]
    out = plain(q, k, v, options).unflatten(1, (h, w)).clone()
    out[:, : h // 2] = 0
    out[:, :, : w // 2] = 0
    return out.flatten(1, 2)


EXPLICIT = {"attn1": explicit_cloning, "attn2": explicit_masking}


def compared(patched: ModelPatcher) -> tuple[ModelPatcher, dict[tuple[str, Address], tuple[float, bool]]]:
    """`patched`, and for each attention that a patch answers for while it is sampled: how far the answer is from the
    explicit logits, and whether it is the host's own to the last bit."""
    watched, seen = patched.clone(), {}

    def beside(kind: str, ours: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def attention(q: Tensor, k: Tensor, v: Tensor, options: dict) -> Tensor:
            out = ours(q, k, v, options)
            far = (out - EXPLICIT[kind](q, k, v, options)).abs().max() / v.abs().max()
            address = (*options["block"], options["block_index"])
            before, same = seen.get((kind, address), (0.0, True))
            seen[kind, address] = max(before, float(far)), same and torch.equal(out, plain(q, k, v, options))
            return out

        return attention

    for kind, owners in patched.model_options["transformer_options"]["patches_replace"].items():
        for address, ours in owners.items():
            watched.set_model_patch_replace(beside(kind, ours), kind, *address)
    return watched, seen


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(numbers=st.sets(st.integers(0, LAYERS - 1), min_size=1))
def test_every_chosen_block_equals_the_explicit_logits_and_the_others_are_untouched(
    model: ModelPatcher, numbers: set[int]
) -> None:
    chosen = {"layers": ", ".join(map(str, sorted(numbers))), "numbering": OWN}
    watched, seen = compared(both(model, **chosen))
    sample(watched, steps=2)
    blocks = room("attention_patches.blocks").transformer_blocks(model)
    for number, block in enumerate(blocks):
        for kind in ("attn1", "attn2"):
            if number in numbers:
                assert seen[kind, block.address][0] <= 1e-5
            else:  # The host's own attention; most often no patch is even asked.
                assert seen.get((kind, block.address), (0.0, True))[1]


def test_the_whole_run_equals_the_explicit_logits(model: ModelPatcher) -> None:
    explicit = model.clone()
    for block in room("attention_patches.blocks").transformer_blocks(model)[1:15]:  # The stages of the paper's layers.
        for kind, attention in EXPLICIT.items():
            explicit.set_model_patch_replace(attention, kind, *block.address)
    assert (sample(both(model)) - sample(explicit)).abs().max() <= 1e-5 * sample(model).abs().max()


@pytest.mark.parametrize("kind", ["attn1", "attn2"])
def test_the_other_block_of_a_stage_is_untouched_bit_for_bit(model: ModelPatcher, kind: str) -> None:
    """What comes out of the first block in the middle is the same whether or not the second is edited."""
    only = {"layers": str(7), "numbering": OWN}
    assert room("attention_patches.blocks").transformer_blocks(model)[7].address == ("middle", 0, 1)
    seen: list[Tensor] = []

    def watch(out: Tensor, options: dict) -> Tensor:
        if (*options["block"], options["block_index"]) == ("middle", 0, 0):
            seen.append(out)
        return out

    for patched in (model, both(model, **only)):
        watched = patched.clone()
        watched.set_model_patch(watch, f"{kind}_output_patch")
        sample(watched, steps=1)
    assert torch.equal(*seen)


@pytest.mark.parametrize(
    "nothing", [{"start_layer": 5, "end_layer": 5}, {"start_percent": 0.4, "end_percent": 0.4}], ids=str
)
def test_an_edit_of_nothing_is_the_untouched_model(model: ModelPatcher, nothing: dict) -> None:
    assert torch.equal(sample(both(model, **nothing)), sample(model))


def test_layers_as_in_sd15_are_the_same_as_the_models_own_numbers(model: ModelPatcher) -> None:
    """Stages of 1, 1, 2, 2, then 2 in the middle, then 2, 2, 2, 1, 1, 1."""
    assert torch.equal(sample(both(model)), sample(both(model, layers="1-14", numbering=OWN)))
    assert torch.equal(
        sample(both(model, start_layer=4, end_layer=9)), sample(both(model, layers="2-11", numbering=OWN))
    )


def test_what_was_chosen_is_shown_on_the_node_and_said_once_in_the_log(
    model: ModelPatcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[tuple[str, ...]] = []
    browser = SimpleNamespace(send_progress_text=lambda *told: shown.append(told), client_id="browser")
    monkeypatch.setattr("server.PromptServer.instance", browser, raising=False)
    words = "10 of 17 transformer blocks: down 1/4 (4), middle (2), up 1/4 (4)"
    for number, (name, node_id) in enumerate(
        (("Self-Attention Cloning", "AnalogistSACPatch"), ("Cross-Attention Masking", "AnalogistCAMPatch"))
    ):
        patch = node(node_id)
        inputs = {
            one.id: one.default for one in patch.define_schema().inputs if getattr(one, "default", None) is not None
        }
        monkeypatch.setattr(patch, "hidden", SimpleNamespace(unique_id=str(number)), raising=False)
        caplog.clear()
        with caplog.at_level("INFO"):
            made = patch.execute(**{**inputs, "model": model, "start_layer": 4, "end_layer": 9}).args[0]
            sample(made)
        assert [text for text in caplog.messages if "transformer blocks" in text] == [f"Analogist: {name} in {words}"]
        assert shown[number] == (words, str(number), "browser")


def test_the_pooled_text_passes_by_cam(model: ModelPatcher) -> None:
    """What the help page says of SDXL: with every layer masked another pooled text still changes A, A' and B."""

    def with_other(name: str) -> Callable[[list, list], tuple[list, list]]:
        def edit(positive: list, negative: list) -> tuple[list, list]:
            ((text, values),) = positive
            if name == "text":
                return [[text.flip(1), values]], negative
            return [[text, {**values, "pooled_output": values["pooled_output"].flip(1)}]], negative

        return edit

    masked = cam(model, start_layer=0, end_layer=16)
    before = sample(masked)
    corner = (..., slice(0, 8), slice(0, 8))
    assert not torch.allclose(sample(masked, edit=with_other("pooled"))[corner], before[corner], atol=1e-3)


def test_sd_2_has_the_layers_of_sd_1() -> None:
    sd2 = tiny_sd2()
    assert torch.equal(sample(both(sd2)), sample(both(sd2, layers="3-10", numbering=OWN)))
    watched, seen = compared(both(sd2))
    sample(watched, steps=1)
    assert len(seen) == 16
    assert max(far for far, _ in seen.values()) <= 1e-5


# What the composition table says of SDXL


def test_cfg_1(model: ModelPatcher) -> None:
    results = [sample(patched, cfg=1.0) for patched in (model, sac(model), cam(model), both(model))]
    assert all(not torch.equal(one, other) for n, one in enumerate(results) for other in results[:n])


def test_grids_of_a_batch_do_not_see_each_other(model: ModelPatcher) -> None:
    options = {**both(model).model_options["transformer_options"], "sigmas": torch.ones(1)}
    unet = model.model.model_config.unet_config
    x, context = torch.randn(2, 9, 16, 16), torch.randn(2, 77, unet["context_dim"])
    size = torch.randn(2, unet["adm_in_channels"])
    call, order = model.model.diffusion_model, [0, 1, 1]
    with torch.inference_mode():
        times = torch.full((3,), 500.0)
        together = call(x[order], times, context[order], y=size[order], transformer_options=dict(options))
        for row, n in enumerate(order):
            one = slice(n, n + 1)
            alone = call(x[one], times[:1], context[one], y=size[one], transformer_options=dict(options))
            assert torch.allclose(together[row], alone[0], atol=2e-5)


def test_shared_keys_are_refused(model: ModelPatcher) -> None:
    sharing = model.clone()
    sharing.set_model_attn1_patch(lambda n, context, value, options: (n, *[torch.cat([context, context], 1)] * 2))
    with pytest.raises(ValueError, match="layer 1: expected as many keys as queries, got 64 queries and 128 keys"):
        sample(sac(sharing))


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_compiled_unet(model: ModelPatcher, order: str) -> None:
    together = both(with_compiled_unet(model)) if order == "before" else with_compiled_unet(both(model))
    assert torch.equal(sample(together), sample(both(model)))


# A checkpoint made an inpainting model


def merged(inpainting: ModelPatcher, base: ModelPatcher, checkpoint: ModelPatcher) -> ModelPatcher:
    from comfy_extras.nodes_model_merging import ModelAdd, ModelSubtract

    (difference,) = ModelSubtract().merge(inpainting, base, 1.0)
    (model,) = ModelAdd().merge(difference, checkpoint)
    return model


@pytest.mark.slow
def test_stock_merging_makes_any_checkpoint_an_inpainting_model() -> None:
    """inpainting - base + checkpoint in every weight but the first convolution, which knows the mask; and it runs."""
    model = tiny_sdxl()  # Not yet loaded by a sampler, which would keep its weights as they are.
    base, checkpoint = (tiny_sdxl(seed=seed, in_channels=4) for seed in (1, 2))
    made = merged(model, base, checkpoint)
    first = "diffusion_model.input_blocks.0.0.weight"
    weights = [{name: one.clone() for name, one in it.model.state_dict().items()} for it in (model, base, checkpoint)]
    made.patch_model()
    try:
        result = {name: tensor.clone() for name, tensor in made.model.state_dict().items()}
    finally:
        made.unpatch_model()
    names = [name for name in result if name.startswith("diffusion_model.")]
    assert set(names) == {name for name in weights[1] if name.startswith("diffusion_model.")}
    for name in names:
        expected = weights[0][name] if name == first else weights[0][name] - weights[1][name] + weights[2][name]
        assert (result[name] - expected).abs().max() <= 1e-6, name
    explicit = another(model, seed=0)
    explicit.model.load_state_dict({**model.model.state_dict(), **{name: result[name] for name in names}})
    assert (sample(both(made)) - sample(both(explicit))).abs().max() <= 1e-4
    assert not torch.allclose(sample(both(made)), sample(both(model)), atol=1e-2)


def test_the_schedule_of_sdxl_is_that_of_sd(model: ModelPatcher) -> None:
    from support.tiny_pack.tiny import tiny_model

    assert torch.equal(sigmas(model, 50, 0.98), sigmas(tiny_model(), 50, 0.98))
