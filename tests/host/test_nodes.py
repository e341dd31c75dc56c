"""The nodes as the graph editor sees them: what is promised, and what comes out."""

from support import comfyui

comfyui.need_host()

import inspect

import pytest
import torch

from support.golden import PROJECT
from support.graph import execute, node, room

PROMISED = {
    "AnalogistDemoModelLoader": ([], ["MODEL", "CLIP", "VAE"]),
    "AnalogistExample": (["example", "a", "a_prime", "b"], ["IMAGE", "IMAGE", "IMAGE"]),
    "AnalogistGridBuilder": (
        [
            *("a", "a_prime", "b", "layout", "cell_width", "cell_height", "fit", "gutter"),
            *("b_prime_init", "pairs", "cell_size", "grid_megapixels"),
        ],
        ["IMAGE", "IMAGE", "MASK", "IMAGE", "ANALOGY_GRID"],
    ),
    "AnalogistPair": (["a", "a_prime", "pairs"], ["ANALOGY_PAIRS"]),
    "AnalogistFolder": (["folder", "results", "at_most"], ["IMAGE", "STRING"]),
    "AnalogistGridCropper": (["image", "layout", "cell", "size", "b", "detail"], ["IMAGE", "MASK"]),
    "AnalogistGPT4VPrompter": (
        ["image", "profile", "model", "prompts_wanted", "suffix", "instruction", "seed", "prompt", "layout"],
        ["STRING", "STRING"],
    ),
    "AnalogistPromptParser": (["reply", "prompts_wanted", "suffix"], ["STRING", "STRING"]),
    "AnalogistSACPatch": (
        [
            *("model", "scale", "start_layer", "end_layer", "start_percent", "end_percent", "layout"),
            *("layers", "numbering", "any_model"),
        ],
        ["MODEL"],
    ),
    "AnalogistCAMPatch": (
        [
            *("model", "start_layer", "end_layer", "start_percent", "end_percent", "layout"),
            *("layers", "numbering", "any_model"),
        ],
        ["MODEL"],
    ),
    "AnalogistSigmas": (["model", "steps", "strength"], ["SIGMAS"]),
    "AnalogistSettings": (
        ["preset", "scale", "layers", "steps", "strength", "guidance"],
        ["FLOAT", "STRING", "INT", "FLOAT", "FLOAT"],
    ),
    "AnalogistDirectionScore": (
        ["clip_vision", "a", "a_prime", "b", "b_prime", "variant"],
        ["FLOAT", "FLOAT", "STRING"],
    ),
    "AnalogistBestOf": (["images", "scores", "keep", "best", "pick"], ["IMAGE", "FLOAT", "INT", "STRING"]),
    "AnalogistContactSheet": (
        ["a", "a_prime", "b", "images", "title", "order", "best", "columns", "picture_side", "scores", "pairs"],
        ["IMAGE"],
    ),
    "AnalogistSweepValues": (
        ["scales", "layers", "strengths", "seeds"],
        ["FLOAT", "INT", "INT", "FLOAT", "INT", "STRING", "STRING"],
    ),
    "AnalogistSweep": (["images", "settings", "columns", "title", "best", "picture_side", "scores"], ["IMAGE"]),
    "AnalogistPromptDiffusionLoader": (["control_net_name"], ["CONTROL_NET"]),
    "AnalogistPromptDiffusionCheckpointLoader": (["ckpt_name"], ["MODEL", "CLIP", "VAE", "CONTROL_NET"]),
    "AnalogistPromptDiffusionPrompt": (["task", "description", "suffix", "negative"], ["STRING", "STRING"]),
    "AnalogistPromptDiffusionApply": (
        [
            "positive",
            "negative",
            "control_net",
            "b",
            "strength",
            "start_percent",
            "end_percent",
            "fit",
            "a",
            "a_prime",
        ],
        ["CONDITIONING", "CONDITIONING"],
    ),
}


@pytest.mark.parametrize("node_id", PROMISED)
def test_ids_inputs_and_outputs_are_the_promised_ones(node_id: str) -> None:
    """They live in people's saved graphs: new inputs are appended, nothing is ever renamed."""
    schema = node(node_id).define_schema()
    inputs, outputs = PROMISED[node_id]
    assert [i.id for i in schema.inputs] == inputs
    assert [o.get_io_type() for o in schema.outputs] == outputs


def test_no_node_is_missing_above() -> None:
    assert {cls.define_schema().node_id for cls in room("nodes").NODES} == set(PROMISED)


@pytest.mark.parametrize("node_id", PROMISED)
def test_the_schema_and_execute_agree_and_everything_is_explained(node_id: str) -> None:
    cls = node(node_id)
    schema = cls.define_schema()
    assert list(inspect.signature(cls.execute).parameters) == [i.id for i in schema.inputs]
    assert schema.description
    assert schema.search_aliases
    assert schema.display_name.startswith("Analogist ")
    assert all(i.tooltip for i in schema.inputs)
    assert all(o.tooltip for o in schema.outputs) or len(schema.outputs) == 1
    assert (PROJECT / "web" / "docs" / f"{node_id}.md").exists()


def pictures(number: int = 1, seed: int = 0, size: tuple[int, int] = (90, 60)) -> torch.Tensor:
    return torch.rand(number, size[1], size[0], 3, generator=torch.Generator().manual_seed(seed))


def test_the_builder_and_the_cropper() -> None:
    a, a_prime, b = (pictures(seed=n) for n in range(3))
    grid, canvas, mask, marked, layout = execute(
        "AnalogistGridBuilder", a=a, a_prime=a_prime, b=b, cell_width=128, cell_height=64
    )
    assert grid.shape == canvas.shape == marked.shape == (1, 128, 256, 3)
    assert mask.shape == (1, 128, 256)
    assert mask[0, 64:, 128:].min() == 1
    assert mask.sum() == 64 * 128
    assert torch.equal(canvas[:, 64:, 128:], grid[:, 64:, :128])
    assert torch.equal(canvas[:, :, :128], grid[:, :, :128])
    cell, _ = execute("AnalogistGridCropper", image=canvas, layout=layout)
    assert cell.shape == (1, 64, 128, 3)
    original, _ = execute("AnalogistGridCropper", image=canvas, layout=layout, size="original B")
    assert original.shape == b.shape
    upscaled, _ = execute(
        "AnalogistGridCropper", image=canvas.repeat_interleave(2, 1).repeat_interleave(2, 2), layout=layout
    )
    assert upscaled.shape == (1, 128, 256, 3)


def test_one_pair_and_many_b_make_many_grids() -> None:
    b = pictures(3, seed=5)
    grid, canvas, mask, marked, layout = execute(
        "AnalogistGridBuilder", a=pictures(), a_prime=pictures(), b=b, fit="pad"
    )
    assert len(grid) == len(canvas) == len(mask) == len(marked) == 3
    cut, _ = execute("AnalogistGridCropper", image=canvas, layout=layout, size="original B", cell="B")
    assert cut.shape == b.shape
    assert (cut - b).abs().mean() < 0.3
    with pytest.raises(ValueError, match="a has 2, a_prime has 1, b has 3"):
        execute("AnalogistGridBuilder", a=pictures(2), a_prime=pictures(), b=b)


def test_a_first_version_of_b_prime() -> None:
    init = torch.full((1, 8, 8, 3), 0.5)
    _, canvas, *_ = execute("AnalogistGridBuilder", a=pictures(), a_prime=pictures(), b=pictures(), b_prime_init=init)
    assert (canvas[0, 300, 300] - 0.5).abs().max() < 0.01


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"b": torch.full((1, 4, 4, 3), float("nan"))}, "b contains NaN or infinity"),
        ({"a_prime": torch.zeros(1, 4, 0, 3)}, "a_prime is empty"),
        ({"gutter": 64, "cell_width": 64}, "gutter must be even .* got 64"),
        ({"cell_width": 100}, "multiple of 64"),
    ],
)
def test_bad_pictures_and_sizes_are_refused(broken: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        execute("AnalogistGridBuilder", **{"a": pictures(), "a_prime": pictures(), "b": pictures(), **broken})


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"])
def test_what_stock_scalers_make_is_cropped_without_lines(method: str) -> None:
    import comfy.utils

    plain = [torch.full((1, 40, 30, 3), level) for level in (0.2, 0.4, 0.6)]
    grid, *_, layout = execute(
        "AnalogistGridBuilder", a=plain[0], a_prime=plain[1], b=plain[2], cell_width=256, cell_height=384
    )
    scaled = comfy.utils.common_upscale(grid.movedim(-1, 1), 563, 845, method, "disabled").movedim(1, -1)  # Times 1.1.
    for cell, level in (("A", 0.2), ("A'", 0.4), ("B", 0.6), ("B'", 0.0)):
        cut, _ = execute("AnalogistGridCropper", image=scaled, layout=layout, cell=cell)
        assert cut.shape == (1, 422, 282, 3)
        assert (cut - level).abs().max() < 0.02


@pytest.mark.parametrize(("size", "told"), [((576, 832), False), ((640, 768), True), ((512, 1152), True)])
def test_sides_scaled_by_different_factors_are_cropped_and_told(
    size: tuple[int, int], told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    import comfy.utils

    plain = [torch.full((1, 40, 30, 3), level) for level in (0.2, 0.4, 0.6)]
    grid, *_, layout = execute(
        "AnalogistGridBuilder", a=plain[0], a_prime=plain[1], b=plain[2], cell_width=256, cell_height=384
    )
    scaled = comfy.utils.common_upscale(grid.movedim(-1, 1), *size, "lanczos", "disabled").movedim(1, -1)
    for cell, level in (("A", 0.2), ("A'", 0.4), ("B", 0.6), ("B'", 0.0)):
        cut, _ = execute("AnalogistGridCropper", image=scaled, layout=layout, cell=cell)
        assert cut.shape == (1, size[1] // 2, size[0] // 2, 3)
        assert (cut - level).abs().max() < 0.02
    assert ("which stretches the cells by" in caplog.text) == told
    restored, _ = execute("AnalogistGridCropper", image=scaled, layout=layout, size="original B")
    assert restored.shape == (1, 40, 30, 3)


def test_the_cropper_keeps_every_level() -> None:
    *_, layout = execute(
        "AnalogistGridBuilder", a=pictures(), a_prime=pictures(), b=pictures(), cell_width=512, cell_height=512
    )
    ramp = torch.linspace(0.2, 0.7, 1024)[None, None, :, None].expand(1, 1024, -1, 3)
    cut, _ = execute("AnalogistGridCropper", image=ramp, layout=layout)
    assert len(cut[0, 0, :, 0].unique()) > 256


def test_an_image_that_is_not_the_grid_is_not_cropped() -> None:
    *_, layout = execute("AnalogistGridBuilder", a=pictures(), a_prime=pictures(), b=pictures())
    with pytest.raises(ValueError, match="512x512, or that scaled, got 90x30: connect the layout"):
        execute("AnalogistGridCropper", image=pictures()[:, :30], layout=layout)
