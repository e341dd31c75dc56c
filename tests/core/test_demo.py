"""The demo: photographs that are there, a model that is tiny but whole, and a sheet that shows all of it."""

import pytest
import torch

from analogist.demo import paint, photographs, random_model, random_pipeline
from analogist.diffusers_pipeline import Settings, transformer_blocks
from analogist.regions import Cell


def test_the_photographs_are_a_colorization() -> None:
    pictures = photographs()
    assert [picture.mode for picture in pictures.values()] == ["L", "RGB", "L"]
    assert pictures[Cell.A].tobytes() == pictures[Cell.A_PRIME].convert("L").tobytes()


def test_the_random_model_has_the_blocks_of_stable_diffusion() -> None:
    model = random_model()
    assert len(transformer_blocks(model.unet)) == 16
    assert model.unet.config.in_channels == 9
    assert 2 ** (len(model.vae.config.block_out_channels) - 1) == 8


def test_the_random_model_is_seeded_and_leaves_other_random_numbers_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, second, other = (random_pipeline(seed).unet.conv_in.weight for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("text", ["Cat in color", "naïve 猫", ""])
def test_the_byte_tokenizer_reads_any_text(text: str) -> None:
    tokenizer = random_model().tokenizer
    ids = tokenizer(text).input_ids
    assert (ids[0], ids[-1]) == (tokenizer.bos_token_id, tokenizer.eos_token_id)
    letters = len(text.replace(" ", "").encode())
    assert len(ids) == letters + 2
    assert len(tokenizer) == 514


def test_painting_runs_the_whole_graph() -> None:
    steps: list[None] = []
    settings = Settings(steps=2, strength=0.5, images_per_prompt=1, negative_prompt="")
    demo = paint(random_model(), settings, on_step=lambda: steps.append(None))
    assert len(steps) == 1
    assert list(demo.pictures) == list(Cell)
    assert {picture.size for picture in demo.pictures.values()} == {(256, 256)}
    assert demo.grid.size == demo.marked.size == (512, 512)
    assert demo.grid.tobytes() != demo.marked.tobytes()
