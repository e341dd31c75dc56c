"""Several pairs, cells in the shape of B, and back at its size: the nodes inside a ComfyUI."""

from support import comfyui, golden

comfyui.need_host()

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from support.graph import cam, execute, room, sac
from support.tiny_pack.tiny import CONTEXT_DIM, tiny_model

LAYOUTS = ("pairs in rows", "pairs in columns")


def picture(level: float, size: tuple[int, int] = (40, 30), number: int = 1) -> torch.Tensor:
    return torch.full((number, size[1], size[0], 3), level)


def chain(*levels: tuple[float, float]) -> object:
    """Pairs by a chain of nodes."""
    pairs: dict = {}
    for a, a_prime in levels:
        (made,) = execute("AnalogistPair", a=picture(a), a_prime=picture(a_prime), **pairs)
        pairs = {"pairs": made}
    return pairs["pairs"]


def built(number: int, /, **settings: object) -> tuple:
    more = {"pairs": chain(*[(0.1 * n, 0.1 * n + 0.05) for n in range(2, number + 1)])} if number > 1 else {}
    given = {"a": picture(0.1), "a_prime": picture(0.15), "b": picture(0.9)}
    return execute("AnalogistGridBuilder", **{**given, "cell_width": 64, "cell_height": 64, **more, **settings})


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pairs", [1, 2, 3, 4])
def test_both_hosts_predict_the_same_on_the_same_sheet(pairs: int, layout: str) -> None:
    model = tiny_model(seed=20)
    weights = {golden.OWN.keymap[key]: tensor for key, tensor in model.model.diffusion_model.state_dict().items()}
    unet = UNet2DConditionModel.from_config(golden.OWN.manifest["unet"]["diffusers_config"]).eval()
    unet.load_state_dict(weights, strict=True)
    grid = built(pairs, layout=layout, cell_height=128)[4]
    size = grid.size[1] // 8, grid.size[0] // 8
    generator = torch.Generator().manual_seed(21)
    x = torch.randn(2, 9, *size, generator=generator)
    context = torch.randn(2, 77, CONTEXT_DIM, generator=generator)
    patched = cam(sac(model, layout=grid), layout=grid)
    options = {**patched.model_options["transformer_options"], "sigmas": torch.ones(1)}
    pipeline = room("analogist.pipelines.inpainting")
    with torch.inference_mode():
        one = patched.model.diffusion_model(x, torch.full((2,), 481.0), context, transformer_options=options)
        with pipeline.edited(unet, pipeline.Edit(), size, 481, grid.sheet):
            other = unet(x, 481, context).sample
        plain = unet(x, 481, context).sample
        without = cam(sac(model))
        options = {**without.model_options["transformer_options"], "sigmas": torch.ones(1)}
        if pairs == 1:  # As it always was, with layout or without.
            same = without.model.diffusion_model(x, torch.full((2,), 481.0), context, transformer_options=options)
            assert torch.equal(same, one)
    assert (one - other).abs().max() <= golden.UNET_TOLERANCE
    assert (other - plain).abs().max() > 1e-3


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pairs", [1, 2, 3, 4])
def test_a_chain_of_pairs_goes_into_the_grid_and_each_image_comes_out(pairs: int, layout: str) -> None:
    image, canvas, mask, marked, grid = built(pairs, layout=layout)
    assert grid.pairs == pairs
    assert image.shape == canvas.shape == marked.shape
    assert mask.shape == image.shape[:3]
    for number in range(1, pairs + 1):
        for mark, extra in (("", 0.0), ("'", 0.05)):
            cell = f"A{number if number > 1 else ''}{mark}"
            cut, area = execute("AnalogistGridCropper", image=image, layout=grid, cell=cell)
            assert cut[0, 32, 32, 0].item() == pytest.approx(0.1 * number + extra, abs=0.01)
            assert area.shape == cut.shape[:3]
    with pytest.raises(ValueError, match=f"got 'A{pairs + 1}'"):
        execute("AnalogistGridCropper", image=image, layout=grid, cell=f"A{pairs + 1}")


def test_many_b_with_the_same_pairs_make_many_grids() -> None:
    b = torch.cat([picture(0.2), picture(0.8)])
    image, _, mask, _, grid = built(2, b=b)
    assert len(image) == len(mask) == 2
    cut = execute("AnalogistGridCropper", image=image, layout=grid, cell="B")[0]
    assert cut[:, 20, 20, 0].tolist() == pytest.approx([0.2, 0.8], abs=0.01)
    pair = ((picture(0.1, number=2), picture(0.2)),)
    with pytest.raises(ValueError, match="a2 has 2, a2_prime has 1, b has 3"):
        built(1, b=picture(0.5, number=3), pairs=pair)


def test_cells_in_the_shape_of_b() -> None:
    wide = picture(0.5, (1600, 900))
    grid = built(1, b=wide, cell_size="from B", grid_megapixels=1.05)[4]
    assert (grid.cell_width, grid.cell_height) == (704, 384)
    grid = built(1, b=wide, cell_size="fixed", grid_megapixels=1.05)[4]
    assert (grid.cell_width, grid.cell_height) == (64, 64)


def test_an_image_stretched_further_than_15_percent_is_named(caplog: pytest.LogCaptureFixture) -> None:
    built(2, b=picture(0.5, (40, 30)), cell_size="from B")
    assert not [one for one in caplog.records if "stretched" in one.message]
    built(2, b=picture(0.5, (60, 30)), cell_size="from B")
    (said,) = [one.message for one in caplog.records if "stretched" in one.message]
    assert "a 5" in said
    assert "a2_prime 5" in said
    assert " b " not in said
    caplog.clear()
    built(2, b=picture(0.5, (60, 30)), cell_size="from B", fit="pad")
    assert not caplog.records


def photograph(size: tuple[int, int]) -> Image.Image:
    """Smooth, with edges a few pixels wide."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]] / 90
    waves = [np.sin(x + y), np.cos(1.3 * x), np.sin(0.7 * y + 1)]
    return Image.fromarray(((np.stack(waves, -1) + 1) * 120).astype(np.uint8))


def loaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """As the host's Load Image reads it."""
    import folder_paths

    from nodes import LoadImage

    monkeypatch.setattr(folder_paths, "get_annotated_filepath", lambda name: str(path))
    return LoadImage().load_image(path.name)[0]


def saved(kind: str, folder: Path) -> Path:
    whole = photograph((1537, 683))
    path = folder / f"b.{'jpg' if kind == 'turned' else 'png'}"
    if kind == "alpha":
        whole.putalpha(128)
    if kind == "grey":
        whole = whole.convert("L")
    if kind == "16 bits":
        whole = Image.fromarray(np.asarray(whole.convert("L")).astype(np.uint16) * 257)
    if kind == "turned":
        exif = Image.Exif()
        exif[274] = 6  # Turn by 90 degrees to see it upright.
        whole.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=95)
        return path
    whole.save(path)
    return path


@pytest.mark.parametrize("fit", ["stretch", "pad"])
@pytest.mark.parametrize("kind", ["plain", "alpha", "grey", "16 bits", "turned"])
def test_b_comes_back_at_its_own_size(kind: str, fit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sampled here: B stands in B', so that only the resampling is left."""
    b = loaded(saved(kind, tmp_path), monkeypatch)
    assert b.shape[1:3] == (683, 1537)
    if kind == "16 bits" and b.median() == 1:
        pytest.skip(
            "needs a Load Image that scales 16-bit files: this one made it white, as ComfyUI 0.15 with Pillow 13"
        )
    _, canvas, _, _, grid = built(2, b=b, fit=fit, cell_size="from B", grid_megapixels=1.05)
    tile = torch.nn.functional.interpolate(
        b[..., :3].movedim(-1, 1), grid.tile_size[::-1], mode="bicubic", antialias=True
    )
    back = torch.nn.functional.interpolate(tile, (683, 1537), mode="bicubic").movedim(1, -1)
    resampling = (back - b[..., :3]).abs().mean()
    for factor in (1, 2):  # A grid that was enlarged too.
        sampled = canvas.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
        cut, area = execute("AnalogistGridCropper", image=sampled, layout=grid, size="original B")
        assert cut.shape == (1, 683, 1537, 3)
        assert area.shape == (1, 683, 1537)
        assert area.min() == 1
        assert (cut - b[..., :3]).abs().mean() <= 2 * resampling + 3 / 255
        border = torch.cat([cut[:, :2].flatten(), cut[:, -2:].flatten(), cut[:, :, :2].flatten()])
        assert border.max() < 0.98  # No white of a bar or of a line.
    cell, area = execute("AnalogistGridCropper", image=canvas, layout=grid)
    assert area.shape == cell.shape[:3]
    white = (cell[..., :3] > 0.99).all(-1)
    assert (white == (area == 0))[0, 4:-4, 4:-4].float().mean() > 0.98
    assert (area.min() == 0) == (fit == "pad")


def test_the_detail_of_b_over_the_colors_of_b_prime() -> None:
    fine = torch.rand(1, 300, 500, 3, generator=torch.Generator().manual_seed(1)) * 0.4 + 0.3
    _, canvas, _, _, grid = built(1, b=fine, cell_width=128)
    wanted = {"image": canvas, "layout": grid, "size": "original B"}
    plain = execute("AnalogistGridCropper", **wanted)[0]
    detailed = execute("AnalogistGridCropper", **wanted, b=fine, detail="of B")[0]
    assert (detailed - fine).abs().mean() < 0.15 * (plain - fine).abs().mean()
    redder = canvas.clone()
    redder[..., 0] += 0.2
    changed = execute("AnalogistGridCropper", **{**wanted, "image": redder}, b=fine, detail="of B")[0]
    difference = (changed - fine).mean((0, 1, 2))
    assert difference.tolist() == pytest.approx([0.2, 0, 0], abs=0.01)


@pytest.mark.parametrize("left_out", ["b", "size", "cell"])
def test_detail_needs_b_and_its_size(left_out: str) -> None:
    _, canvas, _, _, grid = built(1)
    given = {"b": picture(0.9), "size": "original B", "cell": "B'"}
    del given[left_out]
    if left_out == "cell":
        given["cell"] = "A"
    with pytest.raises(ValueError, match="expected cell B', size original B and a connected B"):
        execute("AnalogistGridCropper", image=canvas, layout=grid, detail="of B", **given)
    with pytest.raises(ValueError, match="expected the B of this grid, 40x30, one or 1, got 1 of 41x30"):
        execute(
            "AnalogistGridCropper", image=canvas, layout=grid, detail="of B", size="original B", b=picture(0, (41, 30))
        )
