"""Checkpoints of strangers: whatever is in a file, it is read as weights, or refused in one sentence."""

import pickle
import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from analogist.files.weights import read_weights

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.float16)}
FORMS = ("zip.ckpt", "legacy.ckpt", "plain.safetensors")


def written(folder: Path, form: str, content: object = WEIGHTS) -> Path:
    path = folder / form
    if path.suffix == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form.startswith("zip"))
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_tensors(tmp_path: Path, form: str) -> None:
    read = read_weights(written(tmp_path, form))
    assert read.keys() == WEIGHTS.keys()
    assert all(torch.equal(read[name], tensor) for name, tensor in WEIGHTS.items())


def test_weights_under_state_dict_are_found(tmp_path: Path) -> None:
    path = written(tmp_path, "zip.ckpt", {"state_dict": {**WEIGHTS, "epoch": 3}, "epoch": 3})
    assert read_weights(path).keys() == WEIGHTS.keys()


@pytest.mark.parametrize(
    "content",
    [[1], {"state_dict": [1]}, {"state_dict": None}, {}, {"a": 1}, {1: torch.ones(1)}, torch.ones(2)],
    ids=str,
)
def test_a_file_without_weights_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(ValueError, match="contains no state dict"):
        read_weights(written(tmp_path, "zip.ckpt", content))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("form", FORMS)
def test_a_damaged_file_is_one_sentence_with_its_name(tmp_path: Path, form: str) -> None:
    """Cut anywhere, and with bytes changed anywhere; what is still readable may be read."""
    path = written(tmp_path, form)
    whole, chance = path.read_bytes(), random.Random(0)
    damaged = [whole[: chance.randrange(len(whole))] for _ in range(40)]
    for _ in range(200):
        broken = bytearray(whole)
        for _ in range(8):
            broken[chance.randrange(min(len(whole), 600))] = chance.randrange(256)
        damaged.append(bytes(broken))
    said = [sentence for content in damaged if (sentence := refusal(path, content))]
    assert len(said) >= 40, "every cut file must be refused"
    assert all("'mine'" in sentence and "\n" not in sentence for sentence in said)


def refusal(path: Path, content: bytes) -> str | None:
    path.write_bytes(content)
    try:
        read_weights(path, name="mine")
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "error", [IndexError("x"), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), RecursionError(), AssertionError()]
)
def test_whatever_a_decoder_raises_is_that_sentence(tmp_path: Path, error: Exception) -> None:
    def load(_: Path) -> object:
        raise error

    with pytest.raises(ValueError, match=r"'x\.ckpt' cannot be loaded as weights; it may be damaged") as refusal:
        read_weights(written(tmp_path, "x.ckpt"), "x.ckpt", load)
    assert refusal.value.__cause__ is error


def test_a_pickle_of_other_things_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(pickle.dumps({"a": Path("x")}))
    with pytest.raises(ValueError, match=r"contains pickled code besides weights and was not loaded"):
        read_weights(path)


def test_a_folder_and_nothing_are_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.ckpt"):
        with pytest.raises(ValueError, match="There is no file"):
            read_weights(path)
