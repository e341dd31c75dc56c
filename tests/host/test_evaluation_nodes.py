"""Scores, the best of a batch, and sheets: as functions, and as a graph on a running server."""

from support import comfyui

comfyui.need_host()

import io
from typing import Any

import comfy.model_management
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from support.comfyui import Server
from support.graph import execute, room
from support.tiny_pack.tiny import CLIP_VISION, tiny_clip_vision

SIDE = CLIP_VISION["image_size"]


def pictures(number: int = 1, seed: int = 0, side: int = SIDE) -> torch.Tensor:
    """Random 8-bit images, in whose pixels the host and transformers agree when they need no resizing."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (number, side, side, 3), generator=generator).float() / 255


def plain(color: tuple[float, float, float], number: int = 1, side: int = 64) -> torch.Tensor:
    return torch.tensor(color).expand(number, side, side, 3).clone()


def analogy(results: int = 8) -> dict[str, torch.Tensor]:
    return {"a": pictures(seed=1), "a_prime": pictures(seed=2), "b": pictures(seed=3), "b_prime": pictures(results, 4)}


def transformers_features(images: torch.Tensor) -> np.ndarray:
    """The same weights in the other library, normalised by hand."""
    model = CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP_VISION)).eval()
    weights = {name: weight.float() for name, weight in tiny_clip_vision().model.state_dict().items()}
    missing, _ = model.load_state_dict(weights, strict=False)
    assert not [name for name in missing if not name.endswith("position_ids")]
    mean, std = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    pixels = (images - torch.tensor(mean)) / torch.tensor(std)
    with torch.no_grad():
        return model(pixels.movedim(-1, 1)).image_embeds.double().numpy()


@pytest.mark.parametrize("variant", ["corrected", "as published"])
def test_the_score_is_that_of_the_same_weights_in_transformers(variant: str) -> None:
    given = analogy()
    scores, structure, text = execute(
        "AnalogistDirectionScore", clip_vision=tiny_clip_vision(), variant=variant, **given
    )
    a, a_prime, b, b_prime = (transformers_features(images) for images in given.values())
    if variant == "corrected":
        a, a_prime, b, b_prime = (f / np.linalg.norm(f, axis=1, keepdims=True) for f in (a, a_prime, b, b_prime))
    u, v = a_prime - a, b_prime - b
    expected = (v @ u[0]) / np.linalg.norm(u) / np.linalg.norm(v, axis=1)
    assert np.ptp(expected) > 0.1
    assert scores == pytest.approx(expected.tolist(), abs=1e-5)
    assert len(structure) == 8
    assert min(structure) > 0
    assert text.splitlines()[1] == f"1: {scores[0]:.4f}, structure distance {structure[0]:.4f}"
    assert text.splitlines()[-1] == f"mean: {np.mean(scores):.4f}"


def test_the_two_variants_and_b_itself() -> None:
    vision, given = tiny_clip_vision(), analogy()
    both = [
        execute("AnalogistDirectionScore", clip_vision=vision, variant=v, **given)[0]
        for v in ("corrected", "as published")
    ]
    assert both[0] != both[1]
    scores, structure, _ = execute("AnalogistDirectionScore", clip_vision=vision, **given | {"b_prime": given["b"]})
    assert (scores, structure) == ([0.0], [pytest.approx(0, abs=1e-6)])  # A copy of B has no direction at all.


def test_many_pictures_are_seen_in_batches_by_the_hosts_memory_management(monkeypatch: pytest.MonkeyPatch) -> None:
    vision, given = tiny_clip_vision(), analogy(40)
    seen, loaded = [], []
    encode, load = vision.encode_image, comfy.model_management.load_model_gpu
    monkeypatch.setattr(vision, "encode_image", lambda batch: seen.append(len(batch)) or encode(batch))
    monkeypatch.setattr(comfy.model_management, "load_model_gpu", lambda model: loaded.append(model) or load(model))
    many, _, _ = execute("AnalogistDirectionScore", clip_vision=vision, **given)
    assert max(seen) == room("analogist.scores.analogy").BATCH < 40
    assert loaded == [vision.patcher] * len(seen)
    for place in (0, 17, 39):
        one = given | {"b_prime": given["b_prime"][place : place + 1]}
        assert execute("AnalogistDirectionScore", clip_vision=vision, **one)[0] == pytest.approx(
            [many[place]], abs=1e-5
        )


def test_one_b_for_each_result_and_other_shapes() -> None:
    vision, given = tiny_clip_vision(), analogy(3)
    given["b"] = pictures(3, seed=9, side=50)[..., :40, :]
    grey_and_alpha = given | {
        "a": given["a"][..., :1],
        "b_prime": torch.cat([given["b_prime"], torch.rand(3, SIDE, SIDE, 1)], -1),
    }
    assert len(execute("AnalogistDirectionScore", clip_vision=vision, **grey_and_alpha)[0]) == 3
    with pytest.raises(ValueError, match="A has 1, A' has 1, B has 2, B' has 3"):
        execute("AnalogistDirectionScore", clip_vision=vision, **given | {"b": pictures(2)})
    with pytest.raises(ValueError, match="B' contains NaN or infinity"):
        execute("AnalogistDirectionScore", clip_vision=vision, **given | {"b_prime": given["b_prime"] * float("nan")})


def test_a_vision_model_without_one_feature_for_a_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    vision = tiny_clip_vision()
    tokens = {"image_embeds": torch.zeros(1, 17, 16), "last_hidden_state": torch.zeros(1, 17, 32)}
    monkeypatch.setattr(vision, "encode_image", lambda _: tokens)
    with pytest.raises(ValueError, match="expected a CLIP vision model"):
        execute("AnalogistDirectionScore", clip_vision=vision, **analogy())


def test_an_interruption_stops_between_two_batches() -> None:
    comfy.model_management.interrupt_current_processing()
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        execute("AnalogistDirectionScore", clip_vision=tiny_clip_vision(), **analogy())


SCORES = [0.1, 0.7, -0.2, 0.7]


@pytest.mark.parametrize(
    ("keep", "best", "numbers"),
    [(1, "highest", [2]), (3, "highest", [2, 4, 1]), (2, "lowest", [3, 1]), (9, "lowest", [3, 1, 2, 4])],
)
def test_the_best_are_kept_in_order(keep: int, best: str, numbers: list[int]) -> None:
    batches = [pictures(3, seed=1), pictures(1, seed=2)]
    kept, scores, found, text = execute("AnalogistBestOf", images=batches, scores=SCORES, keep=[keep], best=[best])
    assert found == numbers
    assert scores == [SCORES[number - 1] for number in numbers]
    torch.testing.assert_close(kept, torch.cat(batches)[[number - 1 for number in numbers]])
    assert text.splitlines()[0] == f"1. image {numbers[0]}: {scores[0]:.4f}"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"scores": [0.1]}, "got 1 scores for 4 images"),
        ({"scores": [0.1, 0.2, float("nan"), 0.3]}, "score of image 3 is NaN"),
        ({"images": [pictures(2), pictures(2, side=16)]}, "expected images of one size"),
    ],
)
def test_what_cannot_be_ordered_is_refused(broken: dict[str, Any], says: str) -> None:
    given = {"images": [pictures(4)], "scores": SCORES, "keep": [4], "best": ["highest"]}
    with pytest.raises(ValueError, match=says):
        execute("AnalogistBestOf", **given | broken)


def colors_in_reading_order(sheet: torch.Tensor, colors: list[tuple[float, float, float]]) -> list[int]:
    """Which colors are on a sheet, row by row and from left to right; each must be there."""
    places = []
    for number, color in enumerate(colors):
        found = (sheet[0] - torch.tensor(color)).abs().amax(-1) < 0.02
        assert found.sum() > 1000, f"color {number} is not on the sheet"
        rows, columns = found.nonzero().T
        places.append((int(rows.min()) // 30, int(columns.min()), number))  # A frame moves an image a few pixels.
    return [number for *_, number in sorted(places)]


COLORS = [(1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0), (1.0, 1.0, 0), (0, 1.0, 1.0), (1.0, 0, 1.0), (0.5, 0.5, 0.0)]


def sheet_of(**more: Any) -> torch.Tensor:
    a, a_prime, b, *results = (plain(color) for color in COLORS)
    defaults = {"title": [""], "order": ["best first"], "best": ["highest"], "columns": [3], "picture_side": [128]}
    given = {"a": [a], "a_prime": [a_prime], "b": [b], "images": [torch.cat(results[:2]), *results[2:]]}
    return execute("AnalogistContactSheet", **given | defaults | more)[0]


def test_the_contact_sheet_shows_everything_in_order() -> None:
    assert colors_in_reading_order(sheet_of(), COLORS) == [0, 1, 2, 3, 4, 5, 6]
    assert colors_in_reading_order(sheet_of(scores=SCORES), COLORS) == [0, 1, 2, 4, 6, 3, 5]
    assert colors_in_reading_order(sheet_of(scores=SCORES, best=["lowest"]), COLORS) == [0, 1, 2, 5, 3, 4, 6]
    as_they_come = sheet_of(scores=SCORES, order=["as they come"])
    assert colors_in_reading_order(as_they_come, COLORS) == [0, 1, 2, 3, 4, 5, 6]
    assert as_they_come.shape[2] == 3 * 128 + 4 * 10  # No less and no more than three images and their margins.
    with pytest.raises(ValueError, match="expected one image A', got 2"):
        sheet_of(a_prime=[plain(COLORS[1], 2)])
    with pytest.raises(ValueError, match="got 2 scores for 4 images"):
        sheet_of(scores=[1.0, 2.0])


def test_the_values_of_a_sweep_are_lists_of_one_length() -> None:
    outputs = execute(
        "AnalogistSweepValues", scales="1, 1.3", layers="3..10, 4-8", strengths="0.98", seeds="42, 43, 42"
    )
    assert [len(output) for output in outputs] == [8] * 7
    assert outputs[0] == [1.0] * 4 + [1.3] * 4
    assert list(zip(outputs[1], outputs[2], strict=True))[:4] == [(3, 11), (3, 11), (4, 9), (4, 9)]
    assert outputs[4] == [42, 43] * 4
    assert outputs[5][2] == "scale=1, layers=4-8, strength=0.98, seed=42"
    assert outputs[6][:4] == ["3-10", "3-10", "4-8", "4-8"]


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"scales": "1, x"}, "scale: expected values separated by commas.*got '1, x'"),
        ({"layers": "10..3"}, "layers: expected values .*3-10, 4-8, got '10..3'"),
        ({"strengths": ""}, "strength: expected values .*got ''"),
        ({"seeds": ",".join(map(str, range(200)))}, "expected at most 256 combinations, got 1200"),
    ],
)
def test_values_that_cannot_be_read_are_named(broken: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        execute("AnalogistSweepValues", **broken)


def sweep_of(settings: list[str], number: int = 4, **more: Any) -> torch.Tensor:
    defaults = {"columns": [""], "title": [""], "best": ["highest"], "picture_side": [128]}
    images = [plain(color) for color in COLORS[:number]]
    return execute("AnalogistSweep", images=images, settings=settings, **defaults | more)[0]


def test_the_sweep_puts_numbers_in_order_and_the_named_setting_across() -> None:
    settings = [f"scale={scale}, seed={seed}" for scale, seed in ((10, 1), (9, 1), (10, 2), (9, 2))]
    assert colors_in_reading_order(sweep_of(settings), COLORS[:4]) == [1, 0, 3, 2]
    assert colors_in_reading_order(sweep_of(settings, columns=["seed"]), COLORS[:4]) == [1, 3, 0, 2]
    assert colors_in_reading_order(sweep_of(["\n".join(settings)], scores=SCORES), COLORS[:4]) == [1, 0, 3, 2]
    assert colors_in_reading_order(sweep_of(["seed=1"] * 4), COLORS[:4]) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("settings", "more", "says"),
    [
        (["seed=1"], {}, "got 1 lines for 4 images"),
        (["seed 1"] * 4, {}, "expected settings such as .*got 'seed 1'"),
        (["seed=1"] * 3 + ["scale=1"], {}, "got seed for image 1 and scale for image 4"),
        (
            ["seed=1", "seed=2", "seed=3", "seed=4"],
            {"columns": ["scale"]},
            "expected one of the settings seed, got 'scale'",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: list[str], more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sweep_of(settings, **more)


def graph() -> dict[str, Any]:
    """A sweep of two scales whose "results" are the canvas upscaled by the scale: no sampling, but real lists."""
    pair = {"a": ["1", 0], "a_prime": ["1", 1], "b": ["1", 2]}
    return {
        "1": {"class_type": "AnalogistExample", "inputs": {"example": "colorization"}},
        "2": {
            "class_type": "AnalogistSweepValues",
            "inputs": {"scales": "0.5, 0.25, 1", "layers": "3..10", "strengths": "0.98", "seeds": "1"},
        },
        "3": {
            "class_type": "ImageScaleBy",
            "inputs": {"image": ["1", 1], "upscale_method": "bicubic", "scale_by": ["2", 0]},
        },
        "4": {
            "class_type": "ImageScale",
            "inputs": {"image": ["3", 0], "upscale_method": "bicubic", "width": 128, "height": 96, "crop": "disabled"},
        },
        "5": {"class_type": "TestTinyClipVision", "inputs": {}},
        "6": {
            "class_type": "AnalogistDirectionScore",
            "inputs": {"clip_vision": ["5", 0], **pair, "b_prime": ["4", 0], "variant": "corrected"},
        },
        "7": {
            "class_type": "AnalogistBestOf",
            "inputs": {"images": ["4", 0], "scores": ["6", 0], "keep": 2, "best": "highest"},
        },
        "8": {"class_type": "SaveImage", "inputs": {"images": ["7", 0], "filename_prefix": "best"}},
        "9": {
            "class_type": "AnalogistContactSheet",
            "inputs": {
                **pair, "images": ["4", 0], "scores": ["6", 0], "title": "", "order": "best first", "best": "highest",
                "columns": 4, "picture_side": 128,
            },
        },
        "10": {
            "class_type": "AnalogistSweep",
            "inputs": {
                "images": ["4", 0], "scores": ["6", 0], "settings": ["2", 5], "columns": "", "title": "",
                "best": "highest", "picture_side": 64,
            },
        },
        "11": {"class_type": "SaveImage", "inputs": {"images": ["9", 0], "filename_prefix": "sheet"}},
        "12": {"class_type": "SaveImage", "inputs": {"images": ["10", 0], "filename_prefix": "sweep"}},
    }  # fmt: skip


def test_lists_and_batches_run_through_a_real_server(server: Server) -> None:
    outputs = server.run(graph())["outputs"]
    kept = [server.picture(image) for image in outputs["8"]["images"]]
    assert [Image.open(io.BytesIO(picture)).size for picture in kept] == [(128, 96)] * 2
    (shown,) = outputs["7"]["text"]
    ranked = [line.split(":")[0] for line in shown.splitlines()]
    assert ranked[:1] == [f"1. image {outputs_best(outputs)}"]
    assert ranked[-1] == "best of 3"
    for number in ("9", "11", "12"):
        (entry,) = outputs[number]["images"]
        assert Image.open(io.BytesIO(server.picture(entry))).width > 3 * 64


def outputs_best(outputs: dict[str, Any]) -> int:
    """The number of the highest score that the score node showed, one text for each run of it."""
    scores = [float(text.splitlines()[1].split()[1].rstrip(",")) for text in outputs["6"]["text"]]
    assert len(scores) == 3
    return scores.index(max(scores)) + 1


def sampled_sweep() -> dict[str, Any]:
    """Two scales and two strengths through the patches and the sampler, with the tiny models."""
    pair = {"a": ["1", 0], "a_prime": ["1", 1], "b": ["1", 2]}
    text = {"class_type": "CLIPTextEncode", "inputs": {"clip": ["3", 1], "text": "cat"}}
    return {
        "1": {"class_type": "AnalogistExample", "inputs": {"example": "colorization"}},
        "2": {
            "class_type": "AnalogistGridBuilder",
            "inputs": {
                **pair, "layout": "pairs in rows", "cell_width": 64, "cell_height": 64, "fit": "stretch", "gutter": 2,
            },
        },
        "3": {"class_type": "TestTinyCheckpoint", "inputs": {}},
        "4": {
            "class_type": "AnalogistSweepValues",
            "inputs": {"scales": "1.8, 1.0", "layers": "0..15", "strengths": "1, 0.5", "seeds": "7"},
        },
        "5": {
            "class_type": "AnalogistSACPatch",
            "inputs": {
                "model": ["3", 0], "scale": ["4", 0], "start_layer": ["4", 1], "end_layer": ["4", 2],
                "start_percent": 0.0, "end_percent": 1.0,
            },
        },
        "6": {"class_type": "AnalogistSigmas", "inputs": {"model": ["5", 0], "steps": 2, "strength": ["4", 3]}},
        "7": text,
        "8": {
            "class_type": "InpaintModelConditioning",
            "inputs": {
                "positive": ["7", 0], "negative": ["7", 0], "vae": ["3", 2], "pixels": ["2", 1], "mask": ["2", 2],
                "noise_mask": False,
            },
        },
        "9": {
            "class_type": "CFGGuider",
            "inputs": {"model": ["5", 0], "positive": ["8", 0], "negative": ["8", 1], "cfg": 2.0},
        },
        "10": {"class_type": "RandomNoise", "inputs": {"noise_seed": ["4", 4]}},
        "11": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
        "12": {
            "class_type": "SamplerCustomAdvanced",
            "inputs": {
                "noise": ["10", 0], "guider": ["9", 0], "sampler": ["11", 0], "sigmas": ["6", 0],
                "latent_image": ["8", 2],
            },
        },
        "13": {"class_type": "VAEDecode", "inputs": {"samples": ["12", 0], "vae": ["3", 2]}},
        "14": {
            "class_type": "AnalogistGridCropper",
            "inputs": {"image": ["13", 0], "layout": ["2", 4], "cell": "B'", "size": "cell"},
        },
        "15": {"class_type": "TestTinyClipVision", "inputs": {}},
        "16": {
            "class_type": "AnalogistDirectionScore",
            "inputs": {"clip_vision": ["15", 0], **pair, "b_prime": ["14", 0], "variant": "corrected"},
        },
        "17": {
            "class_type": "AnalogistSweep",
            "inputs": {
                "images": ["14", 0], "scores": ["16", 0], "settings": ["4", 5], "columns": "scale", "title": "",
                "best": "highest", "picture_side": 64,
            },
        },
    }  # fmt: skip


def test_a_sweep_samples_every_combination(server: Server) -> None:
    outputs = server.run(sampled_sweep())["outputs"]
    scores = [text.splitlines()[1] for text in outputs["16"]["text"]]
    assert len(scores) == len(set(scores)) == 4  # Each combination renders another image.
    (entry,) = outputs["17"]["images"]
    sheet = Image.open(io.BytesIO(server.picture(entry)))
    assert 2 * 64 < sheet.width < 4 * 64  # Two scales from left to right, with the strengths at their left.
    assert sheet.height > 2 * 64
