"""The training of the demo model: stopped anywhere it goes on, and what it writes is a model of the product."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from analogist.demo.autoencoder import PatchAutoencoder
from analogist.demo.configuration import UNKNOWN
from analogist.demo.model import build, load, load_modules
from analogist.demo.weights import PATH, read
from analogist.pipelines.models import ddim
from tools.demo_model import train, training
from tools.demo_model.data import Batch, Tables, known_words
from tools.demo_model.train import Denoiser, Plan, export, train_unet, v_loss

PLAN = Plan(1, 2, cell_batch=3, collage_batch=2, cell_rate=0.002, collage_rate=0.002)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module", autouse=True)
def _tables_once() -> Iterator[None]:
    """All scenes are drawn and encoded once for all trainings from the model of the pack, and not in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "Tables", cache(lambda vae: Tables(vae)))
        yield


@pytest.fixture(scope="module")
def vae() -> PatchAutoencoder:
    return load_modules(PATH).vae


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, vae: PatchAutoencoder) -> Path:
    """A folder with a whole training of three steps from the model of the pack."""
    folder = tmp_path_factory.mktemp("finished")
    train_unet(folder, vae, PLAN, PATH)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "unet.pt", weights_only=True)["average"]


def test_rates_go_up_and_end_in_nothing() -> None:
    plan = Plan(100, 1000, cell_rate=0.02, collage_rate=0.01)
    rates = [plan.rate(step) for step in range(plan.steps)]
    assert (max(rates[:100]), max(rates[100:])) == (0.02, 0.01)
    assert min(rates) > 0
    assert (rates[0], rates[99], rates[100], rates[-1]) < (0.001, 0.001, 0.001, 0.0001)
    assert all(plan.is_cell_step(step) for step in range(100))
    share = np.mean([plan.is_cell_step(step) for step in range(100, 1100)])
    assert share == pytest.approx(train.CELLS_AMONG_COLLAGES, abs=0.05)


def test_a_checkpoint_is_whole_or_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = torch.nn.Linear(2, 2)
    path = tmp_path / "part.pt"
    assert training.read_checkpoint(path, {"layer": layer}) == 0
    training.write_checkpoint(path, {"layer": layer}, 5)

    def broken(state: object, to: Path) -> None:
        to.write_bytes(b"half")
        raise OSError("no space left on device")

    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    with torch.no_grad():
        layer.weight += 1
    monkeypatch.setattr(training.torch, "save", broken)
    with pytest.raises(OSError, match="no space"):
        training.write_checkpoint(path, {"layer": layer}, 6)
    assert training.read_checkpoint(path, {"layer": layer}) == 5
    assert all(torch.equal(layer.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.slow
def test_a_training_that_was_stopped_ends_as_if_it_had_not_been(
    finished: Path, tmp_path: Path, vae: PatchAutoencoder
) -> None:
    class StoppedError(Exception):
        pass

    def stopping(path: Path, *args: object) -> None:
        written(path, *args)
        raise StoppedError

    written, plan = training.write_checkpoint, PLAN
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SAVE_EVERY", -1.0)
        patch.setattr(training, "write_checkpoint", stopping)
        for done in (1, 2):
            with pytest.raises(StoppedError):
                train_unet(tmp_path, vae, plan, PATH)
            assert torch.load(tmp_path / "unet.pt", weights_only=True)["step"] == done
    train_unet(tmp_path, vae, plan, PATH)
    one, other = weights(finished), weights(tmp_path)
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_it_starts_from_the_weights_of_a_finished_model(finished: Path) -> None:
    """Three small steps leave it near to where it started, as they would not from random numbers."""
    trained, given = weights(finished), load_modules(PATH).unet.state_dict()
    name = "mid_block.resnets.0.conv1.weight"
    moved = (trained[f"module.unet.{name}"] - given[name]).norm() / given[name].norm()
    assert 0 < moved < 0.05
    (vectors,) = (tensor for name, tensor in trained.items() if name.endswith("token_embedding.weight"))
    assert len(vectors) == len(known_words()) + 1


def test_what_is_exported_is_a_model_of_the_product(finished: Path, vae: PatchAutoencoder) -> None:
    path = export(finished, vae, PLAN, PATH)
    facts = read(path).facts
    assert (facts["steps"], facts["single cells"], facts["started from"]) == (3, 3, read(PATH).facts)
    assert read(path).token_ids == known_words()
    model, modules = load(path), load_modules(path)
    average = Denoiser(build())
    average.load_state_dict({name.removeprefix("module."): t for name, t in weights(finished).items() if "." in name})
    texts = ["a small red cat on a white background", ""]
    x, t = torch.randn(2, 9, 16, 16, generator=torch.Generator().manual_seed(0)), torch.tensor([400, 800])
    with torch.no_grad():
        ids = torch.tensor(model.tokenizer(texts, padding="max_length", max_length=77).input_ids)
        expected = average(x, t, ids)
        context = torch.cat([model.encode_text(text) for text in texts])
        found = model.unet(x, t, context).sample
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 0.02  # Half precision.
    assert all(torch.equal(a.half(), b.half()) for a, b in zip(modules.vae.parameters(), vae.parameters(), strict=True))


def test_words_that_are_not_known_share_one_vector() -> None:
    denoiser = Denoiser(build())
    known = known_words()
    rows = denoiser.rows
    assert rows[list(known)].tolist() == list(range(len(known)))
    assert rows[UNKNOWN] == rows[0] == len(known)
    vectors = denoiser.text.get_input_embeddings().weight.detach().clone()
    whole = denoiser.parts(load_modules(PATH).vae).text_encoder.get_input_embeddings().weight
    assert torch.equal(whole[list(known)], vectors[:-1])
    assert torch.equal(whole[UNKNOWN], vectors[-1])


def test_the_loss_counts_the_hole_and_is_nothing_for_the_truth() -> None:
    """A model that knew the image would lose nothing, one that predicts nothing loses about one."""
    generator, alphas = torch.Generator().manual_seed(0), ddim(50).alphas_cumprod
    x, mask = torch.randn(8, 4, 16, 16, generator=generator), torch.zeros(8, 1, 16, 16)
    mask[..., 8:, 8:] = 1
    batch = Batch(x, x * (1 - mask), mask, torch.zeros(8, 77, dtype=torch.long))

    def knowing(inputs: torch.Tensor, t: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        a = alphas[t][:, None, None, None]
        eps = (inputs[:, :4] - a.sqrt() * x) / (1 - a).sqrt()
        return a.sqrt() * eps - (1 - a).sqrt() * x

    def nothing_in(region: torch.Tensor):  # type: ignore[no-untyped-def]
        return lambda inputs, t, ids: knowing(inputs, t, ids) * (1 - region)

    losses = [
        v_loss(predicted, batch, alphas, torch.Generator().manual_seed(1)).item()
        for predicted in (knowing, nothing_in(mask), nothing_in(1 - mask), nothing_in(torch.ones_like(mask)))
    ]
    assert losses[0] < 1e-6
    assert losses[1] > 2 * losses[2] > 0.1
    assert losses[3] == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_a_tiny_training_from_nothing_learns(tmp_path: Path) -> None:
    """All stages by the command: the loss of single cells falls, and the model that comes out can be loaded."""
    train.main(tmp_path, autoencoder_steps=101, cell_steps=61, collage_steps=2)
    losses = [float(line.split(",")[1]) for line in (tmp_path / "cells.csv").read_text().splitlines()]
    assert losses[-1] < 0.6 * losses[0]
    pictures = [float(line.split(",")[1]) for line in (tmp_path / "autoencoder.csv").read_text().splitlines()]
    assert pictures[-1] < 0.5 * pictures[0]
    model = load(tmp_path / "demo_model.safetensors")
    latents = Tables(load_modules(tmp_path / "demo_model.safetensors").vae).latents
    assert latents.std() == pytest.approx(1, abs=0.2)
    assert model.prediction_type == "v_prediction"
