"""Mistakes that sample without an error are said in one sentence with the remedy; a correct graph hears none."""

from support import comfyui

comfyui.need_host()

import logging
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from comfy.model_patcher import ModelPatcher
from comfy_execution.utils import CurrentNodeContext

from support.graph import cam, execute, node, room, sac, sample
from support.tiny_pack.tiny import tiny_model, tiny_vae

PACK_LOG = "Analogist: "


@pytest.fixture(scope="module")
def model() -> ModelPatcher:
    return tiny_model()


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.WARNING)
    return lambda: [
        record.getMessage().removeprefix(PACK_LOG)
        for record in caplog.records
        if record.levelno == logging.WARNING and record.getMessage().startswith(PACK_LOG)
    ]


Said = Callable[[], list[str]]


def both(model: ModelPatcher, **inputs: Any) -> ModelPatcher:
    return cam(sac(model, **inputs), **inputs)


def test_a_correct_run_hears_nothing(model: ModelPatcher, said: Said) -> None:
    sample(both(model))
    sample(sac(model))
    sample(cam(model, layers="4-8"))
    assert said() == []


def test_noise_mask(model: ModelPatcher, said: Said) -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:, 8:] = 1
    sample(both(model), mask=mask)
    (sentence,) = said()
    assert sentence.startswith("noise_mask is on")
    assert "switch it off in InpaintModelConditioning" in sentence


def test_a_noise_mask_of_everything_changes_nothing(model: ModelPatcher, said: Said) -> None:
    sample(both(model), mask=torch.ones(1, 1, 16, 16))
    assert said() == []


def test_no_inpaint_conditioning(model: ModelPatcher, said: Said) -> None:
    def bare(positive: list, negative: list) -> tuple[list, list]:
        return [[positive[0][0], {}]], [[negative[0][0], {}]]

    sample(both(model), edit=bare)
    (sentence,) = said()
    assert "put InpaintModelConditioning between" in sentence


def test_layers_apart(model: ModelPatcher, said: Said) -> None:
    sample(cam(sac(model, layers="3-10"), layers="4-8, 10"))
    (sentence,) = said()
    assert "(SAC in 3-10, CAM in 4-8, 10): give both the same" in sentence


def stock(model: ModelPatcher, denoise: float, latent: dict[str, Any] | None = None) -> None:
    """ComfyUI's KSampler over a grid of noise."""
    import nodes

    random = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(2))
    mask = torch.zeros(1, 128, 128)
    mask[:, 64:, 64:] = 1
    text = [[torch.zeros(1, 77, 48), {}]]
    with torch.inference_mode():
        positive, negative, given = inpaint()(text, text, random, tiny_vae(), mask, noise_mask=False)
        nodes.common_ksampler(model, 0, 2, 4.0, "euler", "normal", positive, negative, latent or given, denoise=denoise)


def inpaint() -> Callable[..., Any]:
    from nodes import InpaintModelConditioning

    return InpaintModelConditioning().encode


def test_denoise_of_one_in_the_stock_sampler(model: ModelPatcher, said: Said) -> None:
    stock(both(model), 0.6)
    assert said() == []
    stock(both(model), 1.0)
    (sentence,) = said()
    assert "a denoise below 1 (0.98) in KSampler" in sentence


def test_an_empty_latent_means_to_start_from_noise(model: ModelPatcher, said: Said) -> None:
    stock(both(model), 1.0, {"samples": torch.zeros(1, 4, 16, 16)})
    assert said() == []


def images(*sides: int) -> list[torch.Tensor]:
    """Images with a light thing on dark, not one the other's copy."""
    result = []
    for number, side in enumerate(sides):
        image = torch.rand(1, 6, 6, 3, generator=torch.Generator().manual_seed(number)).movedim(-1, 1)
        result.append(torch.nn.functional.interpolate(image, (side, side), mode="bilinear").movedim(1, -1))
    return result


@pytest.mark.parametrize(
    ("autoencoder", "layout"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] if case[0] in (1, 2, 3) else [])
        for case in product(["demo", *range(4)], ["pairs in rows", "pairs in columns"])
    ],
)
@pytest.mark.parametrize(("name", "wrong"), [("grid", True), ("canvas", False), ("marked", True), ("init", False)])
def test_what_sampling_starts_from(
    model: ModelPatcher, said: Said, name: str, wrong: bool, layout: str, autoencoder: str | int
) -> None:
    """An autoencoder is that of the demo model, or a random one by its seed."""
    a, a_prime, b, init = images(128, 128, 128, 128)
    more = {"b_prime_init": init} if name == "init" else {}
    outputs = execute(
        "AnalogistGridBuilder", a=a, a_prime=a_prime, b=b, layout=layout, cell_width=128, cell_height=128, **more
    )
    built = dict(zip(("grid", "canvas", "mask", "marked", "layout"), outputs, strict=True))
    vae = tiny_vae(autoencoder) if isinstance(autoencoder, int) else room("loaders.demo").load()[2]
    patched = both(model, layout=built["layout"])
    text = [[torch.zeros(1, 77, 48), {}]]
    pixels = built["canvas" if name == "init" else name]
    with torch.inference_mode():
        import nodes

        positive, negative, latent = inpaint()(text, text, pixels, vae, built["mask"], noise_mask=False)
        nodes.common_ksampler(patched, 0, 1, 4.0, "euler", "normal", positive, negative, latent, denoise=0.5)
    assert said() == (
        ["B' starts from an empty cell: link canvas of the Grid Builder to pixels, not grid or marked."]
        if wrong
        else []
    )


def test_the_demo_model_in_strange_sizes_and_layers(said: Said) -> None:
    model, *_ = room("loaders.demo").load()
    width = room("analogist.demo.configuration").DEMO.text_width

    def fitting(positive: list, negative: list) -> tuple[list, list]:
        return tuple([[torch.zeros(1, 77, width), one[0][1]]] for one in (positive, negative))

    sample(both(model), edit=fitting)
    sample(both(model, layers="13-15"), edit=fitting)
    assert said() == []
    sample(both(model, layers="4-8"), (32, 32), edit=fitting)
    size, layers = said()
    assert "grids of 128x128 only, this is 256x256: set cells of 64" in size
    assert "measured in layers 3-10 and 13-15" in layers


def test_a_model_without_a_mask_is_refused_but_for_who_means_it(said: Said) -> None:
    plain = tiny_model(in_channels=4)
    for patch in (sac, cam):
        with pytest.raises(
            ValueError, match="an inpainting model, whose UNet takes 9 channels, got one of 4: load sd-v1-5"
        ):
            patch(plain)
        assert patch(plain, layers="", start_layer=4, end_layer=4) is not None  # No layer, no effect.
    patched = cam(sac(plain, any_model=True))  # The first has been told.
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:, 8:] = 1
    sample(patched, mask=mask, edit=lambda p, n: ([[p[0][0], {}]], [[n[0][0], {}]]))
    assert said() == []


def test_nothing_is_said_twice_in_a_run(model: ModelPatcher, said: Said) -> None:
    patched = cam(sac(model), layers="4-8")
    with CurrentNodeContext("first", "7"):
        sample(patched)
        sample(patched)
    assert len(said()) == 1
    with CurrentNodeContext("second", "7"):
        sample(patched)
    assert len(said()) == 2


def test_a_node_shows_it_and_the_next_run_takes_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    display = room("nodes.display")
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(display, "show", lambda text, node_id: shown.append((node_id, text)))
    tell = display.advisor("3:7:2", "8 of 16")
    tell([])
    assert shown == []
    tell(["Wrong: do this.", "And that."])
    both = "Wrong: do this.\nAnd that."
    assert shown == [("3:7:2", f"8 of 16\n{both}"), ("3", both), ("3:7", both)]
    shown.clear()
    tell([])
    assert shown == [("3:7:2", "8 of 16"), ("3", display.NOTHING), ("3:7", display.NOTHING)]
    shown.clear()
    tell([])
    assert shown == []


def test_a_patch_before_and_after_others_is_one_chain(model: ModelPatcher, said: Said) -> None:
    chained = sac(cam(sac(model, layers="3-6"), layers="3-10"), layers="7-10")
    sample(chained)
    assert said() == []
    assert node("AnalogistSACPatch").define_schema().inputs[-1].id == "any_model"
