"""Prompt Diffusion inside ComfyUI: the reference's numbers through the loader, the apply node and sampling."""

from support import comfyui

comfyui.need_host()

import copy
import pickle
from pathlib import Path
from typing import Any

import comfy.controlnet
import comfy.model_detection
import comfy.sd
import folder_paths
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

import nodes as host_nodes
from support import golden_prompt_diffusion as golden
from support.bomb import Bomb
from support.golden_prompt_diffusion import FORMS, OWN, TOLERANCE, GoldenPromptDiffusion
from support.graph import denoise, execute, room
from support.tiny_pack.tiny import tiny_model

CONTROL_WIDTHS = (1, 2, 4, 4)
TEXT_WIDTH = 64


@pytest.fixture(scope="module")
def model() -> Any:
    """A model whose UNet fits the reference's control network."""
    return tiny_model(channel_mult=CONTROL_WIDTHS, in_channels=4, context_dim=TEXT_WIDTH)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of controlnets and checkpoints of its own."""
    for kind in ("controlnet", "checkpoints"):
        monkeypatch.setitem(
            folder_paths.folder_names_and_paths, kind, ([str(tmp_path)], folder_paths.supported_pt_extensions)
        )
    folder_paths.filename_list_cache.clear()
    return tmp_path


def load(folder: Path, weights: dict[str, Tensor], name: str = "pd.safetensors") -> Any:
    """The loader's CONTROL_NET for these weights in a file."""
    if name.endswith(".safetensors"):
        save_file(weights, folder / name)
    else:
        torch.save({"state_dict": weights}, folder / name)
    return execute("AnalogistPromptDiffusionLoader", control_net_name=name)[0]


def control(data: GoldenPromptDiffusion = OWN) -> Any:
    """The CONTROL_NET of the reference's weights, without a file."""
    return room("controlnet.loading").control_net(data.weights, "The weights")


def pictures(data: GoldenPromptDiffusion, case: str) -> dict[str, Tensor]:
    """The images of a case as inputs of the apply node."""
    entry = data.manifest["cases"][case]
    given = entry.get("pair_resize", {}).get("given", [entry["first"], entry["second"]])
    b = torch.cat([data.picture(query) for query in entry["queries"]])
    if entry["pair"] != "pictures":
        return {"b": b}
    return {"a": data.picture(given[0]), "a_prime": data.picture(given[1]), "b": b}


def text(data: GoldenPromptDiffusion, case: str) -> list:
    return [[data.given(case, "context"), {}]]


def sampled(model: Any, positive: list, negative: list, x: Tensor, timestep: int = 500) -> list:
    """What the control gave the UNet in one step of the host's own sampling: 13 outputs, or [] for none.

    Both guidance halves have the same text here, so the outputs of one stand for both, and that is asserted.
    """
    seen: list[list[Tensor]] = []

    def watch(apply_model: Any, arguments: dict) -> Tensor:
        came = arguments["c"].get("control") or {"output": [], "middle": []}
        seen.append([output.clone() for output in (*came["output"], *came["middle"])])  # The UNet empties the lists.
        return apply_model(arguments["input"], arguments["timestep"], **arguments["c"])

    watched = model.clone()
    watched.set_model_unet_function_wrapper(watch)
    sigma = model.get_model_object("model_sampling").sigmas[timestep]
    schedule = torch.stack([sigma, torch.zeros(())])
    noise = x * (1 + sigma**-2) ** 0.5  # The host scales noise by sigma, and the UNet's input back to a variance of 1.
    denoise(watched, schedule, noise=noise, latent=torch.zeros_like(x), positive=positive, negative=negative, cfg=3.0)
    (outputs,) = seen
    for output in outputs:
        first, second = output.chunk(2)
        assert torch.allclose(first, second, atol=TOLERANCE)
    return [output.chunk(2)[0] for output in outputs]


def through_sampling(model: Any, data: GoldenPromptDiffusion, case: str, control_net: Any, **changes: Any) -> list:
    entry = data.manifest["cases"][case]
    given = {"strength": entry["conditioning_scale"], **pictures(data, case), **changes}
    words = text(data, case)
    positive, negative = execute(
        "AnalogistPromptDiffusionApply", positive=words, negative=words, control_net=control_net, **given
    )
    return sampled(model, positive, negative, data.given(case, "x"), entry["timestep"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("data", "case"), golden.each("square/normal"))
def test_every_form_gives_the_reference_numbers(
    model: Any, folders: Path, data: GoldenPromptDiffusion, case: str, form: str
) -> None:
    """Through the loader, the network called directly, and through the host's sampling."""
    golden.need(data)
    control_net = load(folders, data.in_form(form))
    inputs = data.inputs()
    hint = torch.cat([inputs[f"square.{name}"].movedim(-1, 0)[None] * 2 - 1 for name in ("B", "A", "A_prime")], dim=1)
    with torch.no_grad():
        came = control_net.control_model(
            x=data.given(case, "x"), hint=hint, timesteps=torch.tensor([500.0]), context=data.given(case, "context")
        )
    data.assert_equal(case, [*came["output"], *came["middle"]])
    data.assert_equal(case, through_sampling(model, data, case, control_net))


def test_a_checkpoint_of_torch_loads_like_safetensors(model: Any, folders: Path) -> None:
    control_net = load(folders, OWN.in_form("whole"), "network-step=04999.ckpt")
    OWN.assert_equal("wide/normal", through_sampling(model, OWN, "wide/normal", control_net))


@pytest.mark.parametrize(("data", "case"), golden.each())
def test_every_case_gives_the_reference_numbers(model: Any, data: GoldenPromptDiffusion, case: str) -> None:
    """Strength, a batch of queries with one pair, the example left out, a pair of another size, swapped images."""
    golden.need(data)
    if data.manifest["cases"][case]["range"] != "-1..1":
        with pytest.raises(AssertionError):  # The community pipeline's range is another one, and not ours.
            data.assert_equal(case, through_sampling(model, data, case, control(data)))
        return
    data.assert_equal(case, through_sampling(model, data, case, control(data)))


def test_order_matters(model: Any) -> None:
    """A and A' swapped, or B in the place of A, is far from the reference and not a matter of rounding."""
    normal = OWN.outputs("wide/normal")
    given = pictures(OWN, "wide/normal")
    for other in (
        {"a": given["a_prime"], "a_prime": given["a"]},
        {"b": given["a"], "a": given["b"]},
        {"a_prime": given["a"]},
        {name: picture.flip(-1) for name, picture in given.items()},  # BGR
    ):
        came = through_sampling(model, OWN, "wide/normal", control(), **other)
        for one, wanted in zip(came[:6], normal, strict=False):
            assert (one - wanted).abs().max() > 0.1


@pytest.mark.parametrize(("channels", "expected"), [(4, "same"), (1, "grey")])
def test_alpha_is_dropped_and_grey_is_repeated(model: Any, channels: int, expected: str) -> None:
    given = pictures(OWN, "wide/normal")
    if expected == "same":
        other = {name: torch.cat([picture, torch.rand_like(picture[..., :1])], -1) for name, picture in given.items()}
        OWN.assert_equal("wide/normal", through_sampling(model, OWN, "wide/normal", control(), **other))
        return
    grey = {name: picture[..., :1] for name, picture in given.items()}
    repeated = {name: picture.repeat(1, 1, 1, 3) for name, picture in grey.items()}
    one, other = (through_sampling(model, OWN, "wide/normal", control(), **each) for each in (grey, repeated))
    assert all(torch.equal(*both) for both in zip(one, other, strict=True))


@pytest.mark.parametrize(("height", "width"), [(16, 32), (8, 8)])
def test_a_latent_of_another_size_enlarges_or_cuts_all_three_alike(model: Any, height: int, width: int) -> None:
    """B of 128x64 pixels: latents of twice its size, and of its middle square."""
    words = text(OWN, "wide/normal")
    x = torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(0))

    def outputs(given: dict[str, Tensor]) -> list:
        controlled = execute(
            "AnalogistPromptDiffusionApply", positive=words, negative=words, control_net=control(), **given
        )
        return sampled(model, *controlled, x)

    given = pictures(OWN, "wide/normal")
    by_hand = {
        name: torch.nn.functional.interpolate(picture.movedim(-1, 1), scale_factor=2, mode="bilinear").movedim(1, -1)
        if height == 16
        else picture[:, :, 32:96]
        for name, picture in given.items()
    }
    for one, other in zip(outputs(given), outputs(by_hand), strict=True):
        assert (one - other).abs().max() <= TOLERANCE


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"a": torch.rand(1, 64, 128, 3) * 2 - 1}, "a: expected values from 0 to 1, got -1 to"),
        ({"b": torch.rand(1, 64, 128, 3) * 255}, "b: expected values from 0 to 1, got .* to 25"),
        ({"b": torch.full((1, 8, 8, 3), float("nan"))}, "b contains NaN or infinity"),
        ({"a_prime": torch.zeros(1, 64, 128, 2)}, "a_prime must be a batch"),
        ({"a_prime": torch.zeros(2, 64, 128, 3), "b": torch.zeros(3, 64, 128, 3)}, "a has 1, a_prime has 2, b has 3"),
        ({"a": None}, "expected both A and A' or neither, got A' without A"),
        ({"a_prime": None}, "got A without A'"),
    ],
)
def test_bad_pictures_are_refused_in_one_sentence(broken: dict, says: str) -> None:
    given = {**pictures(OWN, "wide/normal"), **broken}
    words = text(OWN, "wide/normal")
    with pytest.raises(ValueError, match=says):
        execute(
            "AnalogistPromptDiffusionApply",
            positive=words,
            negative=words,
            control_net=control(),
            strength=1.0,
            **given,
        )


def test_a_small_overshoot_of_a_resized_picture_is_clipped(model: Any) -> None:
    given = pictures(OWN, "wide/normal")
    over = {name: picture * 1.1 - 0.05 for name, picture in given.items()}
    clipped = {name: picture.clamp(0, 1) for name, picture in over.items()}
    one, other = (through_sampling(model, OWN, "wide/normal", control(), **each) for each in (over, clipped))
    assert all(torch.equal(*both) for both in zip(one, other, strict=True))


def test_strength_zero_leaves_the_conditioning_alone() -> None:
    words = text(OWN, "wide/normal")
    came = execute(
        "AnalogistPromptDiffusionApply",
        positive=words,
        negative=words,
        control_net=control(),
        **{**pictures(OWN, "wide/normal"), "strength": 0.0},
    )
    assert came[0] is words
    assert came[1] is words


@pytest.mark.parametrize(
    ("start", "end", "acts"), [(0.0, 1.0, True), (0.0, 0.3, False), (0.4, 0.6, True), (0.7, 1.0, False)]
)
def test_it_acts_in_its_part_of_the_sampling_alone(model: Any, start: float, end: float, acts: bool) -> None:
    """Time step 500 lies at half of the percents."""
    came = through_sampling(model, OWN, "wide/normal", control(), start_percent=start, end_percent=end)
    if acts:
        OWN.assert_equal("wide/normal", came)
    else:
        assert came == []


def test_one_control_stands_behind_each_that_came_before_and_nothing_is_changed_in_place() -> None:
    given, words = pictures(OWN, "wide/normal"), text(OWN, "wide/normal")
    before = copy.copy(words[0][1])
    control_net = control()
    positive, negative = execute(
        "AnalogistPromptDiffusionApply", positive=words * 2, negative=words, control_net=control_net, **given
    )
    assert positive[0][1]["control"] is positive[1][1]["control"] is negative[0][1]["control"]
    assert positive[0][1]["control"] is not control_net
    assert control_net.cond_hint_original is None
    assert words[0][1] == before


def stock() -> Any:
    """A ControlNet of the host for the same UNet, with weights of its own."""
    names = OWN.in_form("bare")
    network = room("controlnet.loading").build(
        room("analogist.prompt_diffusion.names").architecture({name: t.shape for name, t in names.items()}),
        torch.float32,
        None,
    )
    network.input_hint_block = network.input_hint_block.query  # Three channels, as a stock one has.
    weights = {name: tensor for name, tensor in names.items() if not name.startswith("input_hint_block")}
    weights = {name.replace("input_cond_block", "input_hint_block"): tensor for name, tensor in weights.items()}
    network.load_state_dict(weights)
    return comfy.controlnet.ControlNet(network, load_device=torch.device("cpu"))


@pytest.mark.parametrize("ours_first", [True, False])
def test_it_chains_with_a_stock_controlnet(model: Any, ours_first: bool) -> None:
    """Each alone, and both in either order: the outputs add up."""
    words, given = text(OWN, "wide/normal"), pictures(OWN, "wide/normal")
    other = stock()

    def with_ours(positive: list, negative: list) -> tuple:
        return execute(
            "AnalogistPromptDiffusionApply", positive=positive, negative=negative, control_net=control(), **given
        )

    def with_stock(positive: list, negative: list) -> tuple:
        return host_nodes.ControlNetApplyAdvanced().apply_controlnet(
            positive, negative, other, given["b"], 0.5, 0.0, 1.0
        )

    x = OWN.inputs()["wide.x"]
    ours = sampled(model, *with_ours(words, words), x)
    theirs = sampled(model, *with_stock(words, words), x)
    first, second = (with_ours, with_stock) if ours_first else (with_stock, with_ours)
    both = sampled(model, *second(*first(words, words)), x)
    assert max(output.abs().max() for output in theirs) > 0.1
    for together, one, two in zip(both, ours, theirs, strict=True):
        assert (together - one - two).abs().max() <= TOLERANCE


def test_a_wrong_node_is_told_apart(model: Any) -> None:
    words, given = text(OWN, "wide/normal"), pictures(OWN, "wide/normal")
    with pytest.raises(
        ValueError, match=r"expected the ControlNet of Prompt Diffusion, got another ControlNet: use Analogist"
    ):
        execute("AnalogistPromptDiffusionApply", positive=words, negative=words, control_net=stock(), **given)
    adapter = comfy.controlnet.ControlBase()
    with pytest.raises(ValueError, match="the ControlNet of Prompt Diffusion, got another ControlBase: use Analogist"):
        execute("AnalogistPromptDiffusionApply", positive=words, negative=words, control_net=adapter, **given)
    applied = host_nodes.ControlNetApplyAdvanced().apply_controlnet(words, words, control(), given["b"], 1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="got an image of 3 channels: use Analogist Prompt Diffusion Apply"):
        sampled(model, *applied, OWN.inputs()["wide.x"])


@pytest.mark.parametrize("width", [1024, 2048])
def test_text_of_another_family_is_refused(width: int) -> None:
    words = [[torch.zeros(1, 77, width), {}]]
    with pytest.raises(ValueError, match=f"text embeddings of width {TEXT_WIDTH}, got {width}.*Diffusion 1.x"):
        execute(
            "AnalogistPromptDiffusionApply",
            positive=words,
            negative=words,
            control_net=control(),
            **pictures(OWN, "wide/normal"),
        )


def test_text_of_another_family_is_refused_at_the_first_step_too() -> None:
    """Another node may exchange the text behind the apply node."""
    with pytest.raises(ValueError, match="expected text embeddings of width 64, got 1024"):
        control().control_model(
            x=torch.zeros(1, 4, 8, 8),
            hint=torch.zeros(1, 9, 64, 64),
            timesteps=torch.tensor([500.0]),
            context=torch.zeros(1, 77, 1024),
        )


@pytest.mark.skipif(not hasattr(comfy.controlnet.ControlNet, "deepclone_multigpu"), reason="this ComfyUI uses one GPU")
def test_its_copy_for_another_gpu_gives_the_same(model: Any) -> None:
    clone = control().deepclone_multigpu(torch.device("cpu"))
    OWN.assert_equal("wide/normal", through_sampling(model, OWN, "wide/normal", clone))


def half(folder: Path) -> Any:
    path = folder / "half.safetensors"
    save_file({name: tensor.half() for name, tensor in OWN.in_form("bare").items()}, path)
    control_net = room("controlnet.loading").load_control_net(str(path), torch.float16)
    assert {parameter.dtype for parameter in control_net.control_model.parameters()} == {torch.float16}
    return control_net


def test_weights_in_half_precision_give_the_reference_numbers(model: Any, folders: Path) -> None:
    """Where the host sums in float32, as on this CPU: the reference's weights are exact in float16."""
    OWN.assert_equal("wide/normal", through_sampling(model, OWN, "wide/normal", half(folders)))


def test_sums_in_half_precision_are_near_the_reference(
    model: Any, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: within a hundredth of the largest value."""
    monkeypatch.setattr("comfy.model_management.unet_manual_cast", lambda *_, **__: None)
    came = through_sampling(model, OWN, "wide/normal", half(folders))
    for one, wanted in zip(came[:6], OWN.outputs("wide/normal"), strict=False):
        assert one.dtype == torch.float16
        difference = (one.float() - wanted).abs().max()
        assert 0 < difference <= 0.01 * wanted.abs().max()


def sd15_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published control network, made by the host's own class at the size of SD 1.5."""
    loading = room("controlnet.loading")
    names = room("analogist.prompt_diffusion.names")
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("comfy.model_management.unet_offload_device", lambda: torch.device("meta"))
        network = loading.build(names.Architecture((320, 640, 1280, 1280), 768), torch.float16, None)
    bare = {
        name.replace("input_hint_block.pair", "input_hint_block").replace(
            "input_hint_block.query", "input_cond_block"
        ): t
        for name, t in network.state_dict().items()
    }
    return {name: tuple(tensor.shape) for name, tensor in bare.items()}


def test_at_full_size_it_has_the_published_number_of_tensors_and_weights() -> None:
    shapes = sd15_shapes()
    assert len(shapes) == 356
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 362_366_032
    assert set(shapes) == set(OWN.in_form("bare"))


def test_at_full_size_the_host_sees_the_control_network_of_sd15() -> None:
    """Its own detection reads the settings that are written down in the loader from the same shapes."""
    shapes = sd15_shapes()
    weights = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    found = comfy.model_detection.model_config_from_unet(weights, "", True)
    assert type(found).__name__ == "SD15"
    config = found.unet_config
    assert config["num_heads"] == room("controlnet.loading").HEADS
    assert (config["model_channels"], config["context_dim"]) == (320, 768)
    assert list(config["channel_mult"]) == [1, 2, 4, 4]
    assert list(config["num_res_blocks"]) == [2, 2, 2, 2]
    assert list(config["transformer_depth"]) == [1, 1, 1, 1, 1, 1, 0, 0]
    assert config["transformer_depth_middle"] == 1
    assert not config["use_linear_in_transformer"]
    assert not config["legacy"]


def test_the_checkpoint_loader_gives_all_four(model: Any, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host loads the model, the CLIP and the VAE from what is left when the control network is taken out."""
    given: dict[str, Any] = {}

    def guess(weights: dict[str, Tensor], **options: Any) -> tuple:
        given.update(weights=weights, **options)
        return model, "clip", "vae", None

    monkeypatch.setattr(comfy.sd, "load_state_dict_guess_config", guess)
    save_file(OWN.in_form("whole"), folders / "whole.safetensors")
    came = execute("AnalogistPromptDiffusionCheckpointLoader", ckpt_name="whole.safetensors")
    assert came[:3] == (model, "clip", "vae")
    assert set(given["weights"]) == set(OWN.in_form("whole")) - set(OWN.weights)
    assert given["embedding_directory"] == folder_paths.get_folder_paths("embeddings")
    OWN.assert_equal("wide/normal", through_sampling(model, OWN, "wide/normal", came[3]))


def test_the_checkpoint_loader_refuses_the_control_network_alone(folders: Path) -> None:
    save_file(OWN.in_form("control"), folders / "control.safetensors")
    with pytest.raises(ValueError, match=r"'control.safetensors' contains only the ControlNet: load it with"):
        execute("AnalogistPromptDiffusionCheckpointLoader", ckpt_name="control.safetensors")


def test_the_node_of_words_gives_the_published_ones() -> None:
    positive, negative = execute("AnalogistPromptDiffusionPrompt", task="picture to depth map", description="a cat")
    assert positive == "depth map, best quality, extremely detailed"
    assert negative.startswith("longbody, lowres, bad anatomy")
    positive, _ = execute("AnalogistPromptDiffusionPrompt", description=" a turtle on the beach ")
    assert positive == "a turtle on the beach, best quality, extremely detailed"
    with pytest.raises(ValueError, match='"map to picture" needs a description'):
        execute("AnalogistPromptDiffusionPrompt", description=" ")


@pytest.mark.parametrize("node_id", ["AnalogistPromptDiffusionLoader", "AnalogistPromptDiffusionCheckpointLoader"])
@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_in_a_file_is_not_run(folders: Path, node_id: str, how: str) -> None:
    mark, path = folders / "executed", folders / "bomb.ckpt"
    content = {"state_dict": OWN.in_form("bare"), "callbacks": Bomb(mark)}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    name = "control_net_name" if node_id.endswith("onLoader") else "ckpt_name"
    with pytest.raises(ValueError, match=r"'bomb.ckpt' contains pickled code besides weights and was not loaded"):
        execute(node_id, **{name: path.name})
    assert not mark.exists()
    torch.load(path, weights_only=False) if how == "torch" else pickle.loads(path.read_bytes())
    assert mark.exists()  # It would have been run.


def truncated(folder: Path) -> None:
    path = folder / "bad.safetensors"
    save_file(OWN.in_form("bare"), path)
    path.write_bytes(path.read_bytes()[:100_000])


def not_safetensors(folder: Path) -> None:
    (folder / "bad.safetensors").write_bytes(b"<html>404 Not Found</html>" * 100)


def ordinary_control_net(folder: Path) -> None:
    save_file({n: t for n, t in OWN.in_form("bare").items() if "input_cond" not in n}, folder / "bad.safetensors")


def model_alone(folder: Path) -> None:
    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.zeros(1)}, folder / "bad.safetensors")


def something_else(folder: Path) -> None:
    save_file({"x": torch.zeros(1)}, folder / "bad.safetensors")


def incomplete(folder: Path) -> None:
    weights = {name: tensor for name, tensor in OWN.in_form("bare").items() if "middle_block_out" not in name}
    save_file(weights, folder / "bad.safetensors")


def other_shapes(folder: Path) -> None:
    save_file(OWN.in_form("bare") | {"time_embed.0.weight": torch.zeros(3, 3)}, folder / "bad.safetensors")


def other_family(folder: Path) -> None:
    key = "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    save_file(OWN.in_form("bare") | {key: torch.zeros(32, 2048)}, folder / "bad.safetensors")


def other_encoder(folder: Path) -> None:
    key = "input_cond_block.0.weight"
    save_file(OWN.in_form("bare") | {key: torch.zeros(16, 4, 3, 3)}, folder / "bad.safetensors")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (truncated, "cannot be loaded as weights; it may be damaged or incomplete"),
        (not_safetensors, "cannot be loaded as weights; it may be damaged or incomplete"),
        (ordinary_control_net, "is a ControlNet, but not one of Prompt Diffusion: it has no encoder for the query B"),
        (model_alone, "is a checkpoint of a model without the ControlNet of Prompt Diffusion"),
        (something_else, "contains no ControlNet of Prompt Diffusion"),
        (incomplete, "2 tensors are missing and 0 are unexpected"),
        (other_shapes, "does not match the ControlNet of Prompt Diffusion: .*time_embed.0.weight"),
        (other_family, "is for SDXL"),
        (other_encoder, r"expected the shape \(16, 3, 3, 3\) for input_cond_block.0.weight, got \(16, 4, 3, 3\)"),
    ],
)
def test_another_file_is_refused_in_one_sentence(folders: Path, make: Any, says: str) -> None:
    make(folders)
    with pytest.raises(ValueError, match=says) as refusal:
        execute("AnalogistPromptDiffusionLoader", control_net_name="bad.safetensors")
    assert "'bad.safetensors'" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert str(folders) not in str(refusal.value)
