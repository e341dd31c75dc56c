"""SAC, CAM and the schedule inside ComfyUI give the numbers of the published program."""

from support import comfyui, golden

comfyui.need_host()


import comfy.samplers
import pytest
import torch
from comfy.model_patcher import ModelPatcher

from support.golden import Golden
from support.graph import cam, conditioning, denoise, sac, sigmas
from support.tiny_pack.tiny import tiny_model


def golden_model(data: Golden) -> ModelPatcher:
    return tiny_model(data.tensors("unet"))


def edited(model: ModelPatcher, edit: dict | None) -> ModelPatcher:
    """The manifest's description of an edit as patch nodes; listed layers are one node for each run of layers."""
    if edit is None:
        return model
    for start, end in runs(edit["sac_list"]) if "sac_list" in edit else [edit["sac"]]:
        model = sac(model, scale=edit["scale"], start_layer=start, end_layer=end)
    for start, end in runs(edit["cam_list"]) if "cam_list" in edit else [edit["cam"]]:
        model = cam(model, start_layer=start, end_layer=end)
    return model


def runs(layers: list[int]) -> list[tuple[int, int]]:
    """Half-open ranges that cover a sorted list: [3, 4, 7] -> [(3, 5), (7, 8)]."""
    starts = [layer for layer in layers if layer - 1 not in layers]
    ends = [layer + 1 for layer in layers if layer + 1 not in layers]
    return list(zip(starts, ends, strict=True))


@pytest.mark.parametrize(("data", "name", "case"), golden.each("unet", "cases"))
def test_the_unet_predicts_the_published_noise(data: Golden, name: str, case: str) -> None:
    golden.need(data)
    entry, tensors = data.manifest["files"][name], data.tensors(name)
    model = edited(golden_model(data), entry["cases"][case]["edit"])
    x = tensors["x"]
    context = torch.cat([half.expand(len(x), -1, -1) for half in (tensors["uncond"], tensors["cond"])])
    timestep = torch.full((2 * len(x),), float(entry["timestep"]))
    with torch.inference_mode():
        options = dict(model.model_options["transformer_options"])
        eps = model.model.diffusion_model(torch.cat([x, x]), timestep, context, transformer_options=options)
    assert (eps - tensors[f"eps.{case}"]).abs().max() <= golden.UNET_TOLERANCE


@pytest.mark.parametrize(("data", "name"), golden.each("pipeline"))
def test_a_stock_sampler_runs_the_published_denoising(data: Golden, name: str) -> None:
    golden.need(data)
    entry, tensors = data.manifest["files"][name], data.tensors(name)
    edit = dict(entry["edit"])
    model = golden_model(data)
    part = {}
    if "start" in edit:  # Calls 2 and 3 of time steps 626, 501, 376, 251, 126, 1, as percents of the schedule.
        assert (edit["start"], edit["end"], entry["timesteps_run"][2:4]) == (2, 4, [376, 251])
        part = {"start_percent": 0.58, "end_percent": 0.8}
    patched = sac(model, scale=edit["scale"], start_layer=edit["sac"][0], end_layer=edit["sac"][1], **part)
    patched = cam(patched, start_layer=edit["cam"][0], end_layer=edit["cam"][1], **part)

    schedule = sigmas(patched, entry["num_inference_steps"], entry["strength"])
    levels = (schedule**2 + 1).sqrt()  # The host's latents are the reference's times this.
    noise, latent = tensors["noise"], tensors["image_latents"]
    if entry["strength"] == 1.0:  # The reference starts from the noise alone, scaled to the first level.
        noise, latent = noise * levels[0] / schedule[0], torch.zeros_like(latent)

    seen: list[torch.Tensor] = []
    final = denoise(
        patched,
        schedule,
        noise=noise,
        latent=latent,
        positive=conditioning(tensors["cond"], tensors["masked_image_latents"], tensors["mask"]),
        negative=conditioning(tensors["uncond"], tensors["masked_image_latents"], tensors["mask"]),
        cfg=entry["guidance_scale"],
        callback=lambda step, denoised, x, total: seen.append(x.clone()),
    )
    seen.append(final)
    assert len(seen) >= len(entry["timesteps_run"]) + 1
    assert torch.allclose(seen[0] / levels[0], tensors["initial_latents"], atol=1e-5)
    for key, expected in tensors.items():
        if key.startswith("latents_after_step_"):
            step = int(key[-2:])
            found = seen[step + 1] / levels[step + 1]
            assert (found - expected).abs().max() <= data.pipeline_tolerance(name, step), key


@pytest.mark.parametrize(
    ("strength", "steps", "first_sigma"),
    [(1.0, 50, 13.120416), (0.98, 49, 11.67605), (0.96, 48, 10.425045), (0.8, 40, 4.691673), (0.7, 35, 3.09301)],
)
def test_sigmas_are_those_of_the_reference(strength: float, steps: int, first_sigma: float) -> None:
    model = tiny_model()
    schedule = sigmas(model, 50, strength)
    assert len(schedule) == steps + 1
    assert schedule[0].item() == pytest.approx(first_sigma, rel=1e-6)
    assert schedule[-1].item() == pytest.approx(0.0291672, rel=1e-5)
    assert model.get_model_object("model_sampling").timestep(schedule[:-1]).tolist()[-2:] == [21, 1]


@pytest.mark.parametrize(("steps", "denoise"), [(49, 0.98), (48, 0.96), (40, 0.8), (35, 0.7)])
def test_a_stock_ksampler_runs_the_same_steps(steps: int, denoise: float) -> None:
    model = tiny_model()
    sampler = comfy.samplers.KSampler(model, steps, torch.device("cpu"), "ddim", "ddim_uniform", denoise)
    ours = sigmas(model, 50, denoise)
    assert torch.equal(sampler.sigmas[:-1], ours[:-1])
    assert (sampler.sigmas[-1], len(ours)) == (0, steps + 1)
