"""The demo: drawings and photographs, a model of the pack, and a sheet that shows what came of it."""

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from analogist.cells import Cell
from analogist.demo import analogies as demo
from analogist.demo.model import load
from analogist.pipelines.edits import transformer_blocks
from analogist.pipelines.inpainting import Settings
from analogist.pipelines.models import InpaintingModel
from support.random_pipeline import random_model, random_pipeline
from tools.demo_model.analogies import TRANSFORMATIONS, held_out_analogies
from tools.demo_model.world import render

FILES = ["a", "a_prime", "b", "b_prime", "grid", "grid_marked", "contact_sheet"]


@pytest.fixture(scope="module")
def of_the_pack() -> InpaintingModel:
    return load()


def test_the_photographs_are_a_colorization() -> None:
    pictures = demo.colorization()
    assert [picture.mode for picture in pictures.values()] == ["L", "RGB", "L"]
    assert pictures[Cell.A].tobytes() == pictures[Cell.A_PRIME].convert("L").tobytes()


def test_the_random_model_has_the_blocks_of_stable_diffusion() -> None:
    model = random_model()
    assert len(transformer_blocks(model.unet)) == 16
    assert model.unet.config.in_channels == 9
    assert model.latent_factor == 8


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


def test_the_demo_of_photographs_runs_the_whole_graph() -> None:
    steps: list[None] = []
    settings = Settings(steps=2, strength=0.5, images_per_prompt=1, negative_prompt="")
    pictures, prompt = demo.photographs(random_model(), settings, on_step=lambda: steps.append(None))
    assert len(steps) == 1
    assert list(pictures) == FILES
    assert prompt == "Cat in color"
    assert {pictures[name].size for name in FILES[:4]} == {(256, 256)}
    assert pictures["grid"].size == pictures["grid_marked"].size == (512, 512)
    assert pictures["grid"].tobytes() != pictures["grid_marked"].tobytes()


def test_the_demo_of_drawings_shows_every_transformation(of_the_pack: InpaintingModel) -> None:
    steps: list[None] = []
    settings = Settings(steps=2, strength=0.5, images_per_prompt=1, suffix="", negative_prompt="")
    pictures, prompt = demo.drawings(of_the_pack, settings, on_step=lambda: steps.append(None))
    assert len(demo.read_drawings()) == len(TRANSFORMATIONS) == len(steps)
    assert list(pictures) == FILES
    first, *_ = held_out_analogies(1)
    assert prompt == first.b_prime.caption()
    assert pictures["a"].tobytes() == render(first.a).tobytes()
    assert pictures["b"].tobytes() == render(first.b).tobytes()
    assert pictures["b_prime"].size == pictures["b"].size
    assert pictures["grid"].size == (128, 128)


def test_the_sheet_has_a_row_for_each_analogy_with_the_truth_at_its_end() -> None:
    color = (1, 2, 3)
    analogies = demo.read_drawings()[:3]
    rendered = Image.new("RGB", (64, 64), color)
    sheet = np.asarray(demo.solved_sheet(demo.Solved(analogy, rendered) for analogy in analogies))
    ours = (sheet == color).all(axis=-1)
    assert ours.sum() == 3 * 128 * 128
    columns = np.flatnonzero(ours.any(axis=0))
    assert len(columns) == 128
    assert (sheet[:, columns[-1] + 20 :] != 255).any()
    one, other = (np.asarray(demo.solved_sheet([demo.Solved(analogy, rendered)])) for analogy in analogies[:2])
    assert (one[:, columns[-1] + 1 :] != other[:, columns[-1] + 1 :]).any()


def test_the_drawings_are_what_their_tool_draws() -> None:
    for drawing, analogy in zip(demo.read_drawings(), held_out_analogies(6), strict=True):
        assert (drawing.attribute, drawing.prompt) == (analogy.attribute, analogy.b_prime.caption())
        for cell, scene in analogy.scenes.items():
            difference = np.abs(np.asarray(drawing.images[cell]).astype(int) - np.asarray(render(scene)))
            # Pillow 10 smooths a pixel of the dots another way.
            assert (difference > 0).sum() <= (3 if PIL.__version__ < "11" else 0)
            assert difference.max() <= 16
