"""The world of the demo model: what is drawn is what was asked for, and what is held out is nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from analogist.cells import Cell
from analogist.toy_scores import (
    SCORED,
    is_right,
    others,
    scores,
    squared_error,
)
from analogist.toy_world import (
    CHOICES,
    GRID,
    LEAN,
    SIDE,
    TRANSFORMATIONS,
    Analogy,
    Scene,
    collage_picture,
    held_out_analogies,
    is_analogy,
    random_collage,
    render,
)

STAR = Scene(shape="star", color="red", background="blue")
seeds = st.integers(0, 2**32)


@pytest.mark.parametrize(
    ("scene", "caption"),
    [
        (STAR, "a red star on a blue background"),
        (replace(STAR, color="orange"), "an orange star on a blue background"),
        (replace(STAR, style="outlined", background="orange"), "an outlined red star on an orange background"),
        (replace(STAR, count="two", pattern="dotted"), "two dotted red stars on a blue background"),
        (replace(STAR, shape="cross", count="three"), "three red crosses on a blue background"),
        (replace(STAR, background_pattern="checkered"), "a red star on a checkered blue background"),
        (replace(STAR, filter="black and white"), "a red star on a blue background, black and white"),
        (replace(STAR, filter="line drawing", pattern="striped"), "a star, line drawing"),
    ],
)
def test_captions_name_what_can_be_seen(scene: Scene, caption: str) -> None:
    assert scene.caption() == caption


def test_captions_leave_out_what_they_are_told_to() -> None:
    assert STAR.caption(frozenset({"color", "background"})) == "a star"
    assert STAR.caption(frozenset({"shape"})) == "a red thing on a blue background"
    assert STAR.caption(frozenset(CHOICES)) == "a thing"


def test_impossible_scenes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="shape is 'dog', but must be one of circle, square"):
        replace(STAR, shape="dog")
    with pytest.raises(ValueError, match="A red object on a red background cannot be seen"):
        replace(STAR, background="red")


@pytest.mark.parametrize("name", CHOICES)
def test_every_word_shows_in_the_picture(name: str) -> None:
    scene = replace(STAR, filter="none")
    words = [word for word in CHOICES[name] if (name, word) not in {("color", "blue"), ("background", "red")}]
    pictures = {render(replace(scene, **{name: word})).tobytes() for word in words}
    assert len(pictures) == len(words)
    assert render(scene).size == (SIDE, SIDE)


@given(seeds)
def test_no_collage_shows_what_is_held_out(seed: int) -> None:
    scenes = random_collage(np.random.default_rng(seed))
    assert not any(scene.is_held_out for scene in scenes)
    a, a_prime, b, b_prime = scenes
    assert not is_analogy(a, a_prime, b, b_prime)
    assert not is_analogy(a, b, a_prime, b_prime)
    assert collage_picture(scenes).size == GRID.size


def test_cells_of_collages_are_often_but_not_always_related() -> None:
    rng = np.random.default_rng(0)
    collages = [random_collage(rng) for _ in range(300)]
    same_shape = np.mean([a.shape == b.shape for a, b, _, _ in collages])
    assert 0.3 < same_shape < 0.7  # By chance it is one in seven.


def test_held_out_analogies_are_analogies() -> None:
    analogies = held_out_analogies(60)
    assert [analogy.attribute for analogy in analogies[:6]] == list(TRANSFORMATIONS)
    for analogy in analogies:
        assert is_analogy(*analogy.scenes.values())
        assert analogy.b_prime.is_held_out
    assert held_out_analogies(60) == analogies
    assert held_out_analogies(10, seed=1) != analogies[:10]


def test_an_analogy_is_one_change_made_twice() -> None:
    circle = replace(STAR, shape="circle", background="green")
    green = {"color": "white"}
    assert is_analogy(STAR, replace(STAR, **green), circle, replace(circle, **green))
    assert not is_analogy(STAR, replace(STAR, **green), circle, replace(circle, color="black"))
    assert not is_analogy(STAR, STAR, circle, circle)
    assert not is_analogy(STAR, replace(STAR, **green, style="outlined"), circle, replace(circle, **green))


def test_the_grid_of_an_analogy_lacks_its_answer_only() -> None:
    (analogy,) = held_out_analogies(1)
    grid, answer = analogy.grid(), analogy.answer()
    for cell in (Cell.A, Cell.A_PRIME, Cell.B):
        box = GRID.tile_box(cell)
        assert grid.crop(box).tobytes() == answer.crop(box).tobytes() == render(analogy.scenes[cell]).tobytes()
    assert not np.asarray(grid.crop(GRID.tile_box(Cell.B_PRIME))).any()
    assert answer.crop(GRID.tile_box(Cell.B_PRIME)).tobytes() == render(analogy.b_prime).tobytes()


@pytest.mark.parametrize("analogy", held_out_analogies(24), ids=lambda analogy: analogy.attribute)
def test_the_answer_scores_full_and_a_copy_of_b_does_not(analogy: Analogy) -> None:
    right = scores(render(analogy.b_prime), analogy.b_prime, analogy.attribute)
    assert right["error"] == 0
    assert {value for name, value in right.items() if name != "error"} == {1.0}
    copied = scores(render(analogy.b), analogy.b_prime, analogy.attribute)
    assert copied["error"] > 0
    assert copied["changed"] == 0


@pytest.mark.parametrize("attribute", SCORED)
def test_each_attribute_is_told_apart_from_the_others(attribute: str) -> None:
    alternatives = others(STAR, attribute)
    assert alternatives
    for other in alternatives:
        assert not is_right(render(other), STAR, attribute), other
        assert is_right(render(STAR), STAR, attribute)


@given(seed=seeds)
def test_things_stand_upright_but_for_a_lean(seed: int) -> None:
    assert all(abs(scene.rotation) <= LEAN for scene in random_collage(np.random.default_rng(seed)))


def test_the_lean_to_be_told_from_is_one_that_is_seen() -> None:
    leans = [other.rotation for other in others(replace(STAR, rotation=LEAN), "rotation")]
    assert leans == [0.0]


def test_what_has_no_alternative_is_not_scored() -> None:
    assert others(replace(STAR, shape="circle"), "rotation") == []
    assert others(replace(STAR, filter="line drawing"), "color") == []


def test_the_error_is_in_units_of_a_range_of_two() -> None:
    black, white = (Image.new("RGB", (SIDE, SIDE), color) for color in ("black", "white"))
    assert squared_error(black, white) == 4
