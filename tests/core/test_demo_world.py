"""The world of the demo model, and what its training is shown of it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from analogist.cells import Cell
from analogist.demo.autoencoder import SCALING_FACTOR, PatchAutoencoder
from analogist.demo.configuration import END, START, UNKNOWN
from tools.demo_model import data
from tools.demo_model.analogies import TRANSFORMATIONS, held_out_analogies
from tools.demo_model.muon import Muon, orthogonal
from tools.demo_model.scores import is_right, scores
from tools.demo_model.world import (
    ATTRIBUTES,
    CHOICES,
    COLORS,
    CONTRAST,
    SHAPES,
    Scene,
    brightness,
    render,
    scenes,
    training_scenes,
)

STAR = Scene("star", "red", "white", pattern="striped")


@pytest.fixture(scope="module")
def vae() -> PatchAutoencoder:
    torch.manual_seed(0)
    return PatchAutoencoder().eval()


@pytest.fixture(scope="module")
def tables(vae: PatchAutoencoder) -> data.Tables:
    return data.Tables(vae)


# World


def test_every_thing_differs_in_brightness_from_its_background() -> None:
    assert len(scenes()) == len(set(scenes())) > 1000
    assert min(abs(brightness(s.color) - brightness(s.background)) for s in scenes()) >= CONTRAST
    for name, words in CHOICES.items():
        assert {getattr(scene, name) for scene in scenes()} == set(words)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": "dog"}, "expected shape to be one of star, .*, got 'dog'"),
        ({"color": "yellow"}, "expected a visible thing, got yellow on white"),
        ({"style": "outlined"}, "expected an outlined thing to be plain, got striped"),
    ],
)
def test_what_cannot_be_seen_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(STAR, **changes)


def test_some_pairs_of_shape_and_color_are_held_out_of_every_shape_and_color() -> None:
    pairs = {(s.shape, s.color) for s in scenes() if s.is_held_out}
    assert len(pairs) == 8
    assert {shape for shape, _ in pairs} == set(SHAPES)
    trained = {(s.shape, s.color) for s in training_scenes()}
    assert not trained & pairs
    assert trained | pairs == set(product(SHAPES, COLORS))


def test_a_caption_names_everything_but_what_is_left_out() -> None:
    assert STAR.caption() == "a striped red star on a white background"
    assert STAR.caption(frozenset(ATTRIBUTES)) == "a thing"
    assert replace(STAR, style="outlined", pattern="plain").caption().startswith("an outlined red")
    assert replace(STAR, filter="black and white").caption().endswith(" background, black and white")
    assert replace(STAR, background="orange", color="black").caption().endswith("on an orange background")
    assert len({scene.caption() for scene in scenes()}) == len(scenes())


def test_an_image_shows_its_attributes() -> None:
    pixels = np.asarray(render(STAR))
    assert pixels.shape == (64, 64, 3)
    assert tuple(pixels[0, 0]) == COLORS["white"]
    assert {COLORS["red"]} < {tuple(pixel) for pixel in pixels.reshape(-1, 3)}
    grey = np.asarray(render(replace(STAR, filter="black and white")))
    assert (grey == grey[..., :1]).all()
    assert render(STAR, 128).size == (128, 128)


# Analogies


def test_held_out_analogies_change_one_attribute_alike_and_can_be_seen() -> None:
    analogies = held_out_analogies(204)
    assert analogies == held_out_analogies(204)
    assert [a.attribute for a in analogies[:6]] == list(TRANSFORMATIONS)
    for a in analogies:
        assert a.b_prime.is_held_out
        assert data.is_analogy(a.a, a.a_prime, a.b, a.b_prime)
        assert render(a.a).tobytes() != render(a.a_prime).tobytes()
        assert "changed" in scores(render(a.b_prime), a.b_prime, a.attribute)
    assert (
        np.asarray(analogies[0].answer().crop((64, 64, 128, 128))).tobytes() == render(analogies[0].b_prime).tobytes()
    )
    assert not np.asarray(analogies[0].grid().crop((64, 64, 128, 128))).any()
    assert tuple(analogies[0].scenes) == (Cell.A, Cell.A_PRIME, Cell.B, Cell.B_PRIME)


def test_the_truth_is_right_and_another_word_is_wrong() -> None:
    found = scores(render(STAR), STAR, "color")
    assert (found["error"], found["changed"], found["kept"]) == (0, 1, 1)
    for name in ATTRIBUTES:
        for word in CHOICES[name]:
            try:
                other = replace(STAR, **{name: word})
            except ValueError:
                continue
            assert is_right(render(other), STAR, name) == (other == STAR)


# Data


def test_no_collage_of_the_training_is_an_analogy_or_shows_a_held_out_scene() -> None:
    rng = np.random.default_rng(0)
    related = 0
    for _ in range(3000):
        a, a_prime, b, b_prime = cells = data.collage(rng)
        assert not any(scene.is_held_out for scene in cells)
        assert len(set(cells)) == 4
        for top, bottom in (((a, a_prime), (b, b_prime)), ((a, b), (a_prime, b_prime))):
            assert not data.is_analogy(*top, *bottom)
            changed = [[n for n in ATTRIBUTES if getattr(x, n) != getattr(y, n)] for x, y in (top, bottom)]
            same = changed[0] == changed[1] and len(changed[0]) == 1
            assert not same or getattr(top[1], changed[0][0]) != getattr(bottom[1], changed[0][0])
        related += any(b_prime.shape == cell.shape for cell in (a, a_prime, b))
    assert related > 2000


def test_an_analogy_changes_one_attribute_alike() -> None:
    a, b = Scene("cat", "red", "white"), Scene("tree", "blue", "white")
    changed = [replace(scene, color="green") for scene in (a, b)]
    assert data.is_analogy(a, changed[0], b, changed[1])
    assert not data.is_analogy(a, changed[0], b, replace(changed[1], color="black"))
    assert not data.is_analogy(a, changed[0], b, replace(changed[1], pattern="dotted"))


def test_a_quarter_of_the_drawn_scenes_is_black_and_white() -> None:
    rng = np.random.default_rng(0)
    drawn = [data.draw(rng) for _ in range(2000)]
    assert not any(scene.is_held_out for scene in drawn)
    assert np.mean([scene.filter != "none" for scene in drawn]) == pytest.approx(0.25, abs=0.04)


def test_a_caption_tells_of_the_hole_or_the_whole_or_nothing() -> None:
    rng = np.random.default_rng(0)
    cells = [Scene(shape, "red", "white") for shape in ("star", "cat", "mug", "leaf")]
    texts = [data.caption(rng, cells, [2]) for _ in range(2000)]
    assert np.mean([text == "" for text in texts]) == pytest.approx(data.NO_CAPTION[4], abs=0.04)
    told = [text for text in texts if text]
    whole = [text for text in told if text.count(" and ") == 3]
    assert len(whole) / len(told) == pytest.approx(data.WHOLE_CAPTION, abs=0.04)
    hole = [text for text in told if text.count(" and ") == 0]
    assert len(hole) + len(whole) == len(told)
    assert not any(word in text for text in hole for word in ("star", "cat", "leaf"))
    assert np.mean(["red" in text for text in hole]) == pytest.approx(0.7 + 0.3 * 0.7, abs=0.04)
    assert cells[2].caption() in hole
    assert any("thing" in text for text in hole)


def test_holes_are_told_by_the_cells_that_they_cover() -> None:
    rng = np.random.default_rng(0)
    counts = {1: 0, 2: 0, 4: 0}
    last = 0
    for _ in range(600):
        mask, told = data._hole(rng)
        assert mask.shape == (16, 16)
        assert set(np.unique(mask)) <= {0, 1}
        assert mask.any()
        share = np.array([mask[y : y + 8, x : x + 8].mean() for y, x in product((0, 8), (0, 8))])
        if set(share) <= {0, 1}:
            assert told == np.flatnonzero(share).tolist()
            counts[len(told)] += 1
            last += told == [3]
        else:
            assert told == (np.flatnonzero(share > 0.5).tolist() or [int(share.argmax())])
    assert counts[1] > counts[2] > 0 < counts[4]
    assert last > 0.4 * 600


def test_the_latents_of_a_batch_are_those_of_its_images(tables: data.Tables, vae: PatchAutoencoder) -> None:
    batch = tables.collages(np.random.default_rng(1), 6)
    assert (batch.latents.shape, batch.mask.shape, batch.ids.shape) == ((6, 4, 16, 16), (6, 1, 16, 16), (6, 77))
    assert torch.equal(batch.masked * (1 - batch.mask), batch.latents * (1 - batch.mask))
    hole = batch.masked - tables.grey
    assert (hole * batch.mask).abs().max() == 0
    cells = data.collage(np.random.default_rng(1))
    a, a_prime, b, b_prime = (np.asarray(render(scene)) for scene in cells)
    image = np.concatenate([np.concatenate([a, a_prime], 1), np.concatenate([b, b_prime], 1)])
    with torch.no_grad():
        whole = vae.encode(data.to_pixels(image[None])) * SCALING_FACTOR
    upper, lower = (torch.cat([tables.latents[tables.rows[s]] for s in row], -1) for row in (cells[:2], cells[2:]))
    assert (torch.cat([upper, lower], -2) - whole[0]).abs().max() < 1e-5
    single = tables.cells(np.random.default_rng(1), 5)
    assert (single.latents.shape, single.mask.shape) == ((5, 4, 8, 8), (5, 1, 8, 8))


def test_captions_become_the_ids_that_a_host_would_pad_to() -> None:
    from analogist.pipelines.clip_tokenizer import clip_tokenizer

    rng = np.random.default_rng(0)
    text = STAR.caption()
    rows = data.to_ids([text] * 200, rng)
    expected = torch.tensor(clip_tokenizer()(text, padding="max_length", max_length=77).input_ids)
    whole = (rows == expected).all(dim=1)
    assert 0.7 < whole.float().mean() < 0.95
    assert ((rows == expected) | (rows == UNKNOWN)).all()


def test_every_word_of_every_caption_is_known() -> None:
    known = set(data.known_words())
    assert {START, END} < known
    assert UNKNOWN not in known
    for scene in scenes():
        assert set(data.words_of(scene.caption())) <= known
    assert set(data.words_of("a thing and an outlined thing")) <= known


# Muon


@pytest.mark.parametrize("shape", [(3, 8, 40), (2, 24, 24), (2, 40, 8)], ids=str)
def test_an_update_has_singular_values_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    made = orthogonal(matrices)
    values = torch.linalg.svdvals(made)
    assert made.shape == matrices.shape
    assert (values.median(), values.max()) <= (1.2, 1.3)
    assert values.median() > 0.7
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    nearest = u @ v
    assert (made * nearest).sum() / made.norm() / nearest.norm() > 0.95
    assert torch.allclose(orthogonal(100 * matrices), made, atol=1e-3)


def test_a_convolution_is_a_matrix_and_stacked_matrices_are_made_orthogonal_each_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((4, 2, 3, 3), (4, 2, 3, 3), (12, 3))]
    gradients = [torch.randn(w.shape, generator=generator) for w in weights]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient.clone()
    Muon(weights, lr=0.1, momentum=0.0).step()
    for weight, gradient in zip(weights, gradients, strict=True):
        rows, columns = gradient.flatten(1).shape
        expected = -0.1 * max(1, rows / columns) ** 0.5 * orthogonal(gradient.flatten(1)[None])[0]
        assert torch.allclose(weight.flatten(1), expected, atol=1e-5)


def test_muon_finds_a_matrix() -> None:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(6, 10, generator=generator)
    weight = torch.nn.Parameter(torch.zeros(6, 10))
    muon = Muon([weight], lr=0.3)
    for step in range(150):
        muon.param_groups[0]["lr"] = 0.3 * (1 - step / 150)
        (weight - wanted).square().sum().backward()
        muon.step()
        muon.zero_grad()
    assert (weight - wanted).abs().max() < 0.15
