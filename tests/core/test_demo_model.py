"""The demo model: its file, its tokenizer, and v-prediction in the pipeline."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from analogist.demo.configuration import END, START, UNKNOWN, VOCABULARY
from analogist.demo.model import Modules, build, load, load_modules
from analogist.demo.weights import EMBEDDING, PATH, read, unpack
from analogist.grid import AnalogyGrid
from analogist.pipelines.clip_tokenizer import clip_tokenizer
from analogist.pipelines.edits import transformer_blocks
from analogist.pipelines.inpainting import Conditions, Settings, denoise, sample
from analogist.pipelines.loading import from_pipeline
from analogist.pipelines.models import ddim
from support.random_demo import CAPTION, TOKEN_IDS, write_random_demo
from support.random_pipeline import random_pipeline
from tools.demo_model.saving import pack, save


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_demo(tmp_path_factory.mktemp("demo") / "demo_model.safetensors")


@pytest.fixture(scope="module")
def modules(path: Path) -> Modules:
    return load_modules(path)


def rewritten(path: Path, to: Path, edit: Callable[[dict[str, Any], dict[str, str]], None]) -> Path:
    """A copy of a file whose tensors or metadata are edited."""
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    edit(tensors, metadata)
    save_file(tensors, to, metadata)
    return to


def test_it_is_of_the_family_and_small_enough_to_ship(path: Path, modules: Modules) -> None:
    unet, vae, text_encoder = modules
    assert len(transformer_blocks(unet)) == 16
    assert (unet.config.in_channels, unet.config.out_channels) == (9, 4)
    assert vae.encode(torch.zeros(1, 3, 128, 128)).shape == (1, 4, 16, 16)
    assert vae.decode(torch.zeros(1, 4, 16, 16)).shape == (1, 3, 128, 128)
    assert unet.config.cross_attention_dim == text_encoder.config.hidden_size
    assert not any(module.training for module in modules)
    assert path.stat().st_size < 15_000_000


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    torch.manual_seed(3)
    written = build()
    save(written, TOKEN_IDS, tmp_path / "a", {"machine": "a laptop", "steps": 7})
    for one, other in zip(written, load_modules(tmp_path / "a"), strict=True):
        ours, theirs = one.state_dict(), other.state_dict()
        assert ours.keys() == theirs.keys()
        for name in ours:
            if "token_embedding" not in name:
                assert torch.equal(ours[name].half().float(), theirs[name]), name
    weights = read(tmp_path / "a")
    assert weights.token_ids == TOKEN_IDS
    assert weights.facts == {"machine": "a laptop", "steps": 7}


def test_a_file_is_in_half_precision_and_says_what_it_is(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        dtypes = {file.get_tensor(name).dtype for name in file.keys() if name != "token_ids"}  # noqa: SIM118
    assert dtypes == {torch.float16}
    assert metadata == {"format": "analogist-demo-model", "version": "1", "license": "MIT", "training": '{"steps": 0}'}
    assert {name.split(".")[0] for name in load_file(path)} == {"unet", "vae", "text_encoder", "token_ids"}


def test_known_words_keep_their_vectors_and_all_others_share_one() -> None:
    embedding = torch.randn(VOCABULARY, 6, generator=torch.Generator().manual_seed(0))
    rows = pack(embedding, TOKEN_IDS)
    assert rows.shape == (len(TOKEN_IDS) + 1, 6)
    again = unpack(rows, TOKEN_IDS)
    assert again.shape == embedding.shape
    assert torch.equal(again[list(TOKEN_IDS)], embedding[list(TOKEN_IDS)])
    others = sorted(set(range(VOCABULARY)) - set(TOKEN_IDS))
    assert torch.equal(again[others], embedding[UNKNOWN].expand(len(others), -1))


@pytest.mark.parametrize(
    ("token_ids", "says"),
    [
        ((START, END, START), "expected distinct token ids"),
        ((START, END, VOCABULARY), "from 0 to 49407"),
        ((START, END, -1), "from 0 to 49407"),
        ((START, 320), "lack the start 49406 or the end 49407"),
        ((END, 320), "lack the start 49406 or the end 49407"),
        ((START, END, UNKNOWN), "49405 stands for unknown words"),
    ],
)
def test_token_ids_that_cannot_be_packed_are_refused(token_ids: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pack(torch.zeros(VOCABULARY, 2), token_ids)


def test_numbers_beyond_half_precision_are_not_written(tmp_path: Path) -> None:
    broken = build()
    broken.vae.decoder[0].bias.data[0] = 1e6
    with pytest.raises(ValueError, match=r"decoder\.0\.bias has values too large for float16"):
        save(broken, TOKEN_IDS, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_model_that_is_too_large_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"would take 17\.\d MB; at most 16 MB"):
        save(build(), [*range(20_000), START, END], tmp_path / "a")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no demo model '.*a': it is part of the pack, so reinstall the pack"):
        load(tmp_path / "a")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no tensors")
    with pytest.raises(ValueError, match="text' cannot be read as a demo model"):
        load(tmp_path / "text")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(ValueError, match="foreign' is not the demo model"):
        load(tmp_path / "foreign")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(4_000_000_000)  # Takes no room on the disk.
    with pytest.raises(ValueError, match="large' is too large to be the demo model"):
        load(tmp_path / "large")


def test_a_later_version_is_refused(path: Path, tmp_path: Path) -> None:
    later = rewritten(path, tmp_path / "a", lambda _, metadata: metadata.update(version="2"))
    with pytest.raises(ValueError, match="is of version '2', but this pack reads version '1': update the pack"):
        load(later)


@pytest.mark.parametrize("part", ["unet.conv_in.bias", "vae.decoder.0.bias", f"text_encoder.{EMBEDDING}", "token_ids"])
def test_a_file_that_lacks_a_tensor_is_refused(path: Path, tmp_path: Path, part: str) -> None:
    lacking = rewritten(path, tmp_path / "a", lambda tensors, _: tensors.pop(part))
    with pytest.raises(ValueError, match="a' does not match this version of the pack"):
        load(lacking)


def test_a_device_that_is_not_there_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected one of the devices .*cpu.*, got 'cuda:99'"):
        load(path, device="cuda:99")


def test_the_tokenizer_is_clips() -> None:
    tokenizer = clip_tokenizer()
    assert len(tokenizer) == VOCABULARY
    # As CLIP's own package and its ports give them.
    assert tokenizer("A person riding a motorcycle").input_ids == [START, 320, 2533, 6765, 320, 10297, END]
    assert set(tokenizer(CAPTION).input_ids) == set(TOKEN_IDS)
    padded = tokenizer(["a"], padding="max_length", max_length=77).input_ids[0]
    assert padded == [START, 320] + [END] * 75


def test_words_that_it_does_not_know_are_the_same_to_it(path: Path) -> None:
    model = load(path)
    with torch.no_grad():
        known, cat, dog = (model.encode_text(f"a {word} circle") for word in ("red", "cat", "dog"))
    assert known.shape == (1, 77, 96)
    assert torch.equal(cat, dog)
    assert not torch.equal(cat, known)


def test_v_prediction_is_noise_prediction_in_other_words(modules: Modules) -> None:
    """The same UNet once as it is and once with its v turned into noise: eps = sqrt(a) v + sqrt(1 - a) x."""
    generator = torch.Generator().manual_seed(5)
    latents, masked = torch.randn(2, 4, 16, 16, generator=generator), torch.randn(1, 4, 16, 16, generator=generator)
    cond, uncond = torch.randn(2, 1, 77, 96, generator=generator)
    conditions = Conditions(torch.ones(1, 1, 16, 16), masked, cond, uncond)
    settings = Settings(steps=5, strength=0.8, guidance=4.0)
    *_, of_v = denoise(modules.unet, latents, conditions, settings, "v_prediction")

    def to_noise(_: torch.nn.Module, inputs: tuple[torch.Tensor, int], output: Any) -> Any:
        x, timestep, *_ = inputs
        a = ddim(5).alphas_cumprod[timestep]
        output.sample = a.sqrt() * output.sample + (1 - a).sqrt() * x[:, :4]
        return output

    with modules.unet.register_forward_hook(to_noise):
        *_, of_noise = denoise(modules.unet, latents, conditions, settings)
    *_, mistaken = denoise(modules.unet, latents, conditions, settings)
    assert (of_v - of_noise).abs().max() < 1e-4
    assert (of_v - mistaken).abs().max() > 0.1


def test_a_pipeline_tells_what_its_model_predicts() -> None:
    pipeline = random_pipeline()
    assert from_pipeline(pipeline).prediction_type == "epsilon"
    pipeline.scheduler = ddim(10, "v_prediction")
    assert from_pipeline(pipeline).prediction_type == "v_prediction"


def test_it_paints_a_grid_of_128_pixels(path: Path) -> None:
    model = load(path)
    grid = AnalogyGrid(cell_width=64, cell_height=64)
    settings = Settings(steps=3, strength=0.7, guidance=3.0, images_per_prompt=2, suffix="", negative_prompt="")
    image = Image.new("RGB", grid.size, "red")
    (pictures,) = sample(model, grid, image, [CAPTION], settings, model.generator(0))
    assert [picture.size for picture in pictures] == [(128, 128)] * 2
    assert pictures[0].tobytes() != pictures[1].tobytes()


def test_the_shipped_file_loads_and_says_how_it_was_made() -> None:
    load_modules()
    assert {"steps", "single cells", "collages", "torch"} <= read().facts.keys()
    assert PATH.stat().st_size <= 16_000_000
