"""The scores: the published one by an independent few lines, the others where their value is known."""

import csv
import json
import logging
import math
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel
from typer.testing import CliRunner, Result

from analogist.cells import Cell
from analogist.cli.app import app
from analogist.grid import (
    AnalogyGrid,
    Layout,
    canvas,
    compose,
)
from analogist.images import to_tensor
from analogist.scores import analogy, metrics
from analogist.scores.metrics import direction_similarity
from analogist.scores.networks import (
    ALEXNET,
    INCEPTION,
    ClipPreprocessor,
    Embedder,
    inception,
    lpips_network,
)
from analogist.scores.strips import PNG_KEY, Asked, cells, join, png_text, published_cells, read_strip

with_torchmetrics = pytest.mark.skipif(
    find_spec("torchmetrics") is None, reason="torchmetrics is not installed: pip install analogist[metrics]"
)

SIDE = 32


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP with random weights, both halves, in a folder as the published one is."""
    folder = tmp_path_factory.mktemp("clip")
    vision = {"image_size": SIDE, "patch_size": 8, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    text = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    heads = {"num_attention_heads": 4}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(vision_config=vision | heads, text_config=text | heads, projection_dim=16)).eval()
    for parameter in model.parameters():  # Random everywhere: freshly made, its features hardly depend on the image.
        nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    sizes = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
    ClipPreprocessor(**sizes).save_pretrained(folder)
    return folder


def noise(seed: int, size: tuple[int, int] = (256, 256)) -> Image.Image:
    """Random, but with shapes that survive a resize."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def side_by_side(tiles: list[Image.Image]) -> Image.Image:
    return Image.fromarray(np.concatenate([np.asarray(tile) for tile in tiles], axis=1))


def make_strip(path: Path, results: int = 8, res: int = 512) -> Path:
    """A strip in the published format; the results are whole quarters of sampled grids, white lines and all."""
    grid = AnalogyGrid(res // 2, res // 2)
    image = compose(grid, noise(0), noise(1), noise(2))
    sampled = []
    for number in range(results):
        whole = canvas(grid, image, noise(10 + number))
        sampled.append(whole.crop(grid.cell_box(Cell.B_PRIME)).resize((res, res)))
    side_by_side([image, canvas(grid, image), *sampled]).save(path)
    return path


def published_score(path: Path, clip: Path) -> list[float]:
    """The published evaluation, reimplemented: tiles of 253 pixels at 2 and 256, results at 512 * j, CLIP, cosine."""
    model, preprocessor = CLIPModel.from_pretrained(clip), ClipPreprocessor.from_pretrained(clip)
    picture = Image.open(path)

    def feature(x: int, y: int, side: int) -> np.ndarray:
        tile = picture.crop((x, y, x + side, y + side)).resize((256, 256))
        pixels = preprocessor(images=[tile], return_tensors="pt").pixel_values
        with torch.no_grad():
            pooled = model.vision_model(pixels)[1]
            return model.visual_projection(pooled)[0].numpy().astype(np.float64)

    a, a_prime, b = feature(2, 2, 253), feature(257, 2, 253), feature(2, 257, 253)
    scores = []
    for j in range(2, 10):
        u, v = a_prime - a, feature(512 * j, 0, 512) - b
        scores.append(float(u @ v / math.sqrt((u @ u) * (v @ v))))
    return scores


def ours(path: Path, clip: Path) -> Tensor:
    embedder = Embedder.load(clip, "cpu", batch_size=1)  # As in the published program.
    tiles = published_cells(read_strip(path))
    features = embedder([tiles.a, tiles.a_prime, tiles.b, *tiles.b_primes])
    return metrics.direction_similarity_published(features[0], features[1], features[2], features[3:])


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def test_the_published_score_is_an_independent_few_lines(tmp_path: Path, clip: Path) -> None:
    path = make_strip(tmp_path / "strip.png")
    expected = published_score(path, clip)
    assert np.ptp(expected) > 0.1  # The scores of a network that sees nothing would agree, too.
    assert ours(path, clip).tolist() == pytest.approx(expected, abs=1e-6)


def test_the_two_direction_scores_differ_by_the_length_of_the_features_alone() -> None:
    a, a_prime, b, b_prime = torch.randn(4, 5, 8, generator=torch.Generator().manual_seed(0))
    long = 7 * a_prime
    unit = [feature / feature.norm(dim=-1, keepdim=True) for feature in (a, a_prime, b, b_prime)]
    corrected = metrics.direction_similarity(a, a_prime, b, b_prime)
    assert corrected.shape == (5,)
    torch.testing.assert_close(corrected, metrics.direction_similarity_published(*unit))
    torch.testing.assert_close(metrics.direction_similarity(a, long, b, b_prime), corrected)
    published = [metrics.direction_similarity_published(a, one, b, b_prime) for one in (a_prime, long)]
    assert (published[0] - published[1]).abs().max() > 0.05
    for one in (a, b):
        torch.testing.assert_close(
            metrics.direction_similarity_published(one, one + b_prime, a, a + b_prime), torch.ones(5)
        )
    assert metrics.direction_similarity(a, a, b, b_prime).tolist() == [0] * 5  # A' = A has no direction.


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        (((8,), (8,), (8,), (5, 9)), "from one model.*b_prime .5, 9."),
        (((2, 8), (2, 8), (3, 8), (3, 8)), "or as many as B'"),
        (((), (8,), (8,), (8,)), "from one model"),
    ],
)
def test_features_that_do_not_belong_together_are_refused(shapes: tuple, says: str) -> None:
    for direction in (metrics.direction_similarity, metrics.direction_similarity_published):
        with pytest.raises(ValueError, match=says):
            direction(*(torch.zeros(shape) for shape in shapes))


def test_the_corrected_tiles_have_the_same_borders(tmp_path: Path) -> None:
    """An image that is in all four cells comes out of them alike; the published B' keeps white lines."""
    grid = AnalogyGrid()
    image = canvas(grid, compose(grid, noise(0), noise(0), noise(0)), noise(0))
    quarter = image.crop(grid.cell_box(Cell.B_PRIME)).resize((512, 512))
    side_by_side([image, image, *[quarter] * 8]).save(tmp_path / "strip.png")
    found = read_strip(tmp_path / "strip.png")
    corrected, published = (
        np.asarray(tiles.b_primes[3], dtype=int) for tiles in (cells(found), published_cells(found))
    )
    expected = np.asarray(cells(found).a, dtype=int)
    assert corrected.shape == expected.shape == published.shape == (256, 256, 3)
    assert abs(corrected - expected).max() < 8  # Enlarged and reduced again.
    assert abs(published - expected)[:, 0].max() > 60
    columns = cells(read_strip(tmp_path / "strip.png", Asked(layout=Layout.COLUMNS)))
    assert columns.a_prime.tobytes() == found.image.crop((4, 259, 253, 508)).resize((256, 256)).tobytes()


def test_structure_is_blind_to_colors_and_sees_what_moves() -> None:
    tokens = torch.randn(2, 9, 6, generator=torch.Generator().manual_seed(0))
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1)))
    torch.testing.assert_close(metrics.structure_distance(tokens, 3 * tokens @ turn), torch.zeros(2), atol=1e-6, rtol=0)
    assert metrics.structure_distance(tokens, tokens.roll(1, dims=1)).min() > 0.05
    with pytest.raises(ValueError, match="got 9x6 and 4x6"):
        metrics.structure_distance(tokens, tokens[:, :4])


@with_torchmetrics
def test_scores_against_known_targets() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.rand(3, 32, 24, 3, generator=generator)
    results = (targets + torch.tensor([0.0, 0.1, 0.3])[:, None, None, None]).clone()
    errors = metrics.squared_error(results, targets)
    torch.testing.assert_close(errors, torch.tensor([0.0, 0.01, 0.09]))
    assert float(metrics.rmse(errors)) == pytest.approx(math.sqrt(0.1 / 3), abs=1e-6)  # Not 0.4 / 3.
    assert metrics.psnr(results, targets).tolist()[1:] == pytest.approx([20, 20 * math.log10(1 / 0.3)], abs=1e-3)
    assert metrics.psnr(results, targets)[0] == math.inf
    assert metrics.ssim(results, targets)[0] == pytest.approx(1, abs=1e-5)
    assert metrics.ssim(results, targets)[2] < metrics.ssim(results, targets)[1] < 1
    for score in (metrics.squared_error, metrics.psnr, metrics.ssim):
        with pytest.raises(ValueError, match="two batches of the same shape"):
            score(results, targets[:, :16])
    with pytest.raises(ValueError, match="at least 11x11 pixels, got 24x10"):
        metrics.ssim(results[:, :10], targets[:, :10])


class Means(nn.Module):
    """Features whose Fréchet distance can be computed by hand: the mean of each color."""

    def forward(self, pixels: Tensor) -> Tensor:
        assert pixels.dtype == torch.uint8
        return pixels.double().mean(dim=(2, 3))


@with_torchmetrics
def test_the_frechet_distance_is_that_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    sets = [to_tensor([noise(int(seed)) for seed in rng.integers(0, 1000, 12)]) for _ in range(2)]
    found = metrics.frechet_distance(sets[0].split(5), sets[1].split(7), Means())
    features = [(one.double() * 255).round().mean(dim=(1, 2)).numpy() for one in sets]
    (m1, c1), (m2, c2) = ((one.mean(axis=0), np.cov(one.T)) for one in features)
    from scipy.linalg import sqrtm

    expected = ((m1 - m2) ** 2).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert found == pytest.approx(expected, rel=1e-4)
    assert metrics.frechet_distance([sets[0]], [sets[0]], Means()) == pytest.approx(0, abs=1e-4)
    with pytest.raises(ValueError, match="got 1 results and 12 targets"):
        metrics.frechet_distance([sets[0][:1]], [sets[1]], Means())


@pytest.mark.parametrize(
    ("load", "library", "file"),
    [(lpips_network, "torchvision", ALEXNET), (inception, "torch_fidelity", INCEPTION)],
)
def test_no_weights_are_fetched_behind_the_users_back(
    load: object, library: str, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed: pip install analogist[metrics]")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *_, **__: pytest.fail("something was fetched"))
    with pytest.raises(ValueError, match=f"{file}.*allow the download, or omit"):
        load()


def random_weights(folder: Path, name: str, network: nn.Module) -> None:
    (folder / "hub" / "checkpoints").mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), folder / "hub" / "checkpoints" / name)


def test_lpips_and_inception_run_on_the_weights_that_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3", reason="no torch-fidelity")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    random_weights(tmp_path, ALEXNET, torchvision.models.alexnet())
    pictures, others = (to_tensor([noise(seed, (64, 64)) for seed in seeds]) for seeds in ((0, 1), (2, 3)))
    network = lpips_network()
    assert metrics.lpips(pictures, pictures, network).tolist() == [0, 0]
    assert metrics.lpips(pictures, others, network).min() > 0
    with monkeypatch.context() as patch:  # Its class reads the weights when it is made, so there must be some already.
        patch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
        random_weights(tmp_path, INCEPTION, fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"]))
    assert inception()((pictures * 255).byte().movedim(-1, 1)).shape == (2, 2048)


def test_a_missing_clip_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no CLIP model .* allow the download"):
        Embedder.load(tmp_path)


def test_a_model_that_is_not_clip_or_not_whole_is_refused(clip: Path, tmp_path: Path) -> None:
    for file in clip.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = {k: v for k, v in load_file(clip / "model.safetensors").items() if not k.startswith("visual_projection")}
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks 1 weights, such as visual_projection.weight"):
        Embedder.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "siglip"}))
    with pytest.raises(ValueError, match="expected a CLIP model, got siglip"):
        Embedder.load(tmp_path)


def test_the_embedder_gives_every_picture_its_own_features(clip: Path) -> None:
    embedder = Embedder.load(clip, "cpu", batch_size=2)
    pictures = [noise(seed, (64, 48)) for seed in range(5)]
    features, tokens = embedder.see(pictures)
    assert (features.shape, tokens.shape) == ((5, 16), (5, (SIDE // 8) ** 2, 32))
    for number, picture in enumerate(pictures):
        torch.testing.assert_close(embedder([picture])[0], features[number], atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="at least one image, got none"):
        embedder([])


def test_batches_are_scored_together_and_seen_a_few_at_a_time() -> None:
    """One A and A' with many B and many B'; the numbers are those of each analogy by itself."""
    seen: list[int] = []

    def encode(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(len(images))
        tokens = images.flatten(1, 2).double()  # (n, H * W, 3), the first pixel as the class token
        return torch.stack([tokens.mean(1), tokens.std(1)], 1).flatten(1), tokens

    many = analogy.BATCH + 3
    a, a_prime, *rest = (torch.rand(number, 6, 5, 3) for number in (1, 1, many, many))
    images = {"A": a, "A'": a_prime, "B": rest[0], "B'": rest[1]}
    scores = analogy.score(images, encode, direction_similarity)
    assert max(seen) == analogy.BATCH
    for place in (0, many - 1):
        one = {**images, "B": rest[0][place : place + 1], "B'": rest[1][place : place + 1]}
        alone = analogy.score(one, encode, direction_similarity)
        assert alone.direction == pytest.approx([scores.direction[place]])
        assert alone.structure == pytest.approx([scores.structure[place]])
    assert len(analogy.score({**images, "B'": rest[1][:1]}, encode, direction_similarity).structure) == many
    with pytest.raises(ValueError, match="A has 1, A' has 1, B has 2, B' has 3"):
        analogy.score({**images, "B": rest[0][:2], "B'": rest[1][:3]}, encode, direction_similarity)


@pytest.mark.parametrize("results", [3, 7, 9])
def test_a_strip_with_another_number_of_results_is_the_published_trap(tmp_path: Path, results: int) -> None:
    path = make_strip(tmp_path / "strip.png", results, res=128)
    with pytest.raises(ValueError, match=rf"strip.png' must hold 8 results, got {results}"):
        read_strip(path)
    assert len(read_strip(path, Asked(results)).results) == results


def test_black_results_and_pictures_that_are_no_strip_are_named(tmp_path: Path) -> None:
    path = make_strip(tmp_path / "strip.png", res=128)
    picture = Image.open(path)
    picture.paste((0, 0, 0), (128 * 5, 0, 128 * 6, 128))
    picture.save(tmp_path / "black.png")
    with pytest.raises(ValueError, match=r"Result 4 of the strip .*black.png' is black"):
        read_strip(tmp_path / "black.png")
    for size in ((128, 128), (300, 100), (1290, 128)):
        noise(0, size).save(tmp_path / "photo.png")
        with pytest.raises(ValueError, match=rf"photo.png' is {size[0]}x{size[1]}, which is not a strip"):
            read_strip(tmp_path / "photo.png")


def test_the_command_scores_tasks_strips_and_results(tmp_path: Path, clip: Path) -> None:
    """Means over results, then strips, then tasks; the single images that `run` puts beside a strip are no strips."""
    for name in ("low/denoise/a.png", "low/denoise/b.png", "vision/scannet/c.png"):
        (tmp_path / "results" / name).parent.mkdir(parents=True, exist_ok=True)
        make_strip(tmp_path / "results" / name)
    noise(5).save(tmp_path / "results" / "low" / "denoise" / "a_1.png")
    for ending in ("csv", "json"):
        result = call("score", tmp_path / "results", "--clip", clip, "-o", tmp_path / f"s.{ending}", "--device", "cpu")
        assert result.exit_code == 0, result.output
    with (tmp_path / "s.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["task"] for row in rows] == ["low/denoise"] * 16 + ["vision/scannet"] * 8
    expected = published_score(tmp_path / "results" / "vision" / "scannet" / "c.png", clip)
    assert [float(row["direction_similarity_published"]) for row in rows[16:]] == pytest.approx(expected, abs=1e-5)
    assert [int(row["result"]) for row in rows[:9]] == [*range(1, 9), 1]
    assert len(json.loads((tmp_path / "s.json").read_text())) == 24
    line = next(line for line in result.output.splitlines() if "mean of tasks" in line)
    assert f"{np.mean(expected):.4f}" in line
    assert str(clip) in result.output


def test_what_cannot_be_scored_is_named_and_the_rest_is_scored(tmp_path: Path, clip: Path) -> None:
    make_strip(tmp_path / "good.png", res=128)
    make_strip(tmp_path / "short.png", 4, res=128)
    (tmp_path / "text.png").write_text("no picture")
    result = call("score", tmp_path, "--clip", clip, "-o", tmp_path / "scores.csv", "--device", "cpu")
    assert result.exit_code == 1
    for words in (
        "short.png' must hold 8 results, got 4",
        "text.png' cannot be read",
        "2 of 3 images could not be scored",
    ):
        assert words in result.output
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 1 + 8
    result = call("score", tmp_path / "short.png", "--clip", clip, "--num-images-per-prompt", 4, "--device", "cpu")
    assert result.exit_code == 0, result.output


def test_score_reads_the_geometry_that_a_strip_carries(tmp_path: Path, clip: Path) -> None:
    grid = AnalogyGrid(128, 64, Layout.COLUMNS, gutter=8)
    image = compose(grid, noise(0), noise(1), noise(2))
    strip = join(grid, image, [canvas(grid, image, noise(n)) for n in (3, 4, 5)])
    strip.save(tmp_path / "x.png", pnginfo=png_text(grid))
    noise(3, (384, 128)).save(tmp_path / "x_1.png")  # Of a strip's shape, but beside one that carries its geometry.
    read = read_strip(tmp_path / "x.png")
    assert read.grid == grid
    found = cells(read)
    for tile, seed in zip(found[:3], range(3), strict=True):
        width, height = grid.tile_size
        whole = noise(seed).resize(grid.tile_size)
        expected = whole.resize((128, 64), Image.Resampling.BICUBIC, box=(2, 2, width - 2, height - 2))
        assert np.abs(np.asarray(tile, dtype=int) - np.asarray(expected, dtype=int)).max() <= 1
    result = call("score", tmp_path, "--clip", clip, "-o", tmp_path / "s.json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert [row["result"] for row in json.loads((tmp_path / "s.json").read_text())] == [1, 2, 3]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (Asked(gutter=2), "The gutter of the strip .* is 8, but 2 was requested"),
        (Asked(cell_width=64), "The cell_width of the strip .* is 128, but 64"),
        (Asked(layout=Layout.ROWS), "The layout of the strip .* is pairs in columns, but pairs in rows"),
        (Asked(results=8), "must hold 8 results, got 3"),
    ],
)
def test_what_is_asked_is_checked_against_the_strip(tmp_path: Path, asked: Asked, says: str) -> None:
    grid = AnalogyGrid(128, 64, Layout.COLUMNS, gutter=8)
    image = compose(grid, noise(0), noise(1), noise(2))
    join(grid, image, [canvas(grid, image)] * 3).save(tmp_path / "x.png", pnginfo=png_text(grid))
    with pytest.raises(ValueError, match=says):
        read_strip(tmp_path / "x.png", asked)


def test_the_geometry_of_a_strip_that_carries_none_is_asked_for(tmp_path: Path) -> None:
    grid = AnalogyGrid(128, 64, gutter=8)
    image = compose(grid, noise(0), noise(1), noise(2))
    join(grid, image, [canvas(grid, image)] * 8).save(tmp_path / "x.png")
    assert read_strip(tmp_path / "x.png", Asked(cell_width=128, gutter=8)).grid == grid
    with pytest.raises(ValueError, match="got other images there; it fits cells of 128x64"):
        read_strip(tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"x.png' is 2560x128, which is not a strip of a grid of 384x128"):
        read_strip(tmp_path / "x.png", Asked(cell_width=192))


def test_a_geometry_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    for text in ("{", '{"cell_width": 100}', '{"layout": "diagonal"}', "[]"):
        info = PngInfo()
        info.add_text(PNG_KEY, text)
        noise(0, (1280, 128)).save(tmp_path / "x.png", pnginfo=info)
        with pytest.raises(ValueError, match=r"The text chunk 'analogist_grid' in '.*x.png' is not a grid geometry: "):
            read_strip(tmp_path / "x.png")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for number in range(3):
        for folder, seed in (("results", number), ("targets", 10 + number)):
            (tmp_path / folder).mkdir(exist_ok=True)
            noise(seed, (64, 48)).save(tmp_path / folder / f"{number}.png")
    return tmp_path


@with_torchmetrics
def test_compare_is_the_protocol_of_prompt_diffusion(pairs: Path) -> None:
    wanted = ["--metric", "rmse", "--metric", "ssim", "--metric", "psnr"]
    result = call("compare", pairs, *wanted, "-o", pairs / "c.csv", "--device", "cpu")
    assert result.exit_code == 0, result.output
    errors = []
    for number in range(3):
        both = (np.asarray(Image.open(pairs / name / f"{number}.png")) / 255 for name in ("results", "targets"))
        errors.append(float(np.square(np.subtract(*both)).mean()))
    assert f"{math.sqrt(np.mean(errors)):.4f}" in result.output
    with (pairs / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["squared_error"]) for row in rows] == pytest.approx(errors, abs=1e-6)
    assert list(rows[0]) == ["file", "squared_error", "ssim", "psnr"]


@with_torchmetrics
def test_compare_sees_the_images_of_a_folder_alone(pairs: Path) -> None:
    for name in ("._0.png", ".ipynb_checkpoints/0-checkpoint.png", "Thumbs.db", "__MACOSX/0.png"):
        (pairs / "results" / name).parent.mkdir(exist_ok=True)
        (pairs / "results" / name).write_bytes(b"no image")
    assert "3 images" in call("compare", pairs, "--metric", "rmse", "--device", "cpu").output
    for folder, name in (("results", "cafe\u0301.png"), ("targets", "caf\u00e9.png")):  # As macOS and Linux write it.
        noise(0, (64, 48)).save(pairs / folder / name)
    assert "4 images" in call("compare", pairs, "--metric", "rmse", "--device", "cpu").output
    noise(0, (64, 48)).save(pairs / "results" / "1.webp")
    result = call("compare", pairs, "--metric", "rmse", "--device", "cpu")
    assert result.exit_code == 1
    assert "1.png' and '1.webp' differ only in their extensions" in result.output


@with_torchmetrics
def test_compare_computes_fid_on_folders(pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analogist.scores.networks.inception", lambda allow_download: Means())
    noise(3, (32, 32)).save(pairs / "results" / "0.png")
    noise(4, (32, 32)).save(pairs / "targets" / "0.png")
    result = call("compare", pairs / "results", pairs / "targets", "--metric", "fid", "--device", "cpu")
    assert result.exit_code == 0, result.output
    sets = [
        np.stack([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in sorted((pairs / name).iterdir())])
        for name in ("results", "targets")
    ]
    (m1, c1), (m2, c2) = ((one.mean(axis=0), np.cov(one.T)) for one in sets)
    roots = np.sqrt(np.abs(np.linalg.eigvals(c1 @ c2).real))
    expected = ((m1 - m2) ** 2).sum() + np.trace(c1 + c2) - 2 * roots.sum()
    found = float(result.output.split("FID")[1].split("│")[1])
    assert found == pytest.approx(expected, rel=1e-3)
    assert "cannot be compared with the paper's" in result.output


def test_compare_refuses_in_one_sentence(pairs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    rmse = ["--metric", "rmse", "--device", "cpu"]
    assert "must end in .csv or .json" in call("compare", pairs, *rmse, "-o", pairs / "c.txt").output
    assert "There is no folder" in call("compare", pairs / "none", *rmse).output
    noise(0, (32, 32)).save(pairs / "results" / "1.png")
    result = call("compare", pairs, *rmse)
    assert result.exit_code == 1
    assert "1.png' is 32x32 but" in result.output
    (pairs / "results" / "1.png").unlink()
    assert "1 are in one of them only: 1." in call("compare", pairs, *rmse).output
    assert (
        "got 'tpu'"
        in call("compare", pairs / "targets", pairs / "targets", "--metric", "rmse", "--device", "tpu").output
    )
