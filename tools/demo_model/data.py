"""What the demo model is shown in training: single cells and collages with holes, as latents, and captions.

A scene has the same latents wherever it stands (the encoder sees one patch at a time, and the grid has no white lines),
so all of them are encoded once and a batch is put together from a table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import product

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from analogist.demo.autoencoder import FACTOR, SCALING_FACTOR, PatchAutoencoder
from analogist.demo.configuration import END, START, UNKNOWN
from analogist.pipelines.clip_tokenizer import clip_tokenizer

from .world import ATTRIBUTES, CHOICES, SHAPES, SIDE, Scene, render, scenes, training_scenes

SIDE_TOKENS = SIDE // FACTOR
"""Latents along each side of a cell."""
CELLS = 4
NO_CAPTION = {1: 0.05, CELLS: 0.4}
"""Share of batches' items that are told nothing, for single cells and for collages."""
GREY_KEPT = 0.5
"""Share of the drawn black-and-white scenes that stay so: half of all scenes are, and teach nothing about colors."""
WHOLE_CAPTION = 0.1
"""Share of collages whose caption tells of all four cells and not of the hole alone."""
LAST_CELL = 0.6
"""Share of collages whose hole is the last cell, where an analogy has its own; others have it there by chance."""
RELATED = 0.95
"""Share of later cells that share something with others."""
BY_SHAPE = 0.5
"""Share of those that take their shape from one scene and all else from another; or else a coin for each attribute."""


@dataclass(frozen=True)
class Batch:
    """Items for one step.

    Attributes:
        latents: (items, 4, h, w), of whole images.
        masked: the same of the images with a grey hole.
        mask: (items, 1, h, w), 1 in the hole.
        ids: (items, 77), the captions as CLIP's token ids.
    """

    latents: Tensor
    masked: Tensor
    mask: Tensor
    ids: Tensor


class Tables:
    """Latents of every scene, (scenes, 4, 8, 8), and those of grey, (4, 1, 1)."""

    @torch.no_grad()
    def __init__(self, vae: PatchAutoencoder) -> None:
        images = np.stack([np.asarray(render(scene)) for scene in scenes()])
        pixels = to_pixels(images)
        self.latents = torch.cat([vae.encode(part) for part in pixels.split(256)]) * SCALING_FACTOR
        self.grey = (vae.encode(torch.zeros(1, 3, FACTOR, FACTOR)) * SCALING_FACTOR)[0]
        self.rows = {scene: row for row, scene in enumerate(scenes())}

    def cells(self, rng: Generator, items: int) -> Batch:
        """Single cells, with holes of the whole cell or of a rectangle."""
        chosen = [[draw(rng)] for _ in range(items)]
        masks = np.stack([_rectangle(rng, SIDE_TOKENS) if rng.uniform() < 0.25 else _full() for _ in chosen])
        return self._batch(rng, chosen, masks, [[0]] * items)

    def collages(self, rng: Generator, items: int) -> Batch:
        """2x2 collages, with holes of 1, 2 or 4 cells or of a rectangle."""
        chosen = [collage(rng) for _ in range(items)]
        masks, told = zip(*(_hole(rng) for _ in chosen), strict=True)
        return self._batch(rng, chosen, np.stack(masks), told)

    def _batch(
        self, rng: Generator, chosen: Sequence[Sequence[Scene]], masks: np.ndarray, told: Sequence[Sequence[int]]
    ) -> Batch:
        rows = torch.tensor([[self.rows[scene] for scene in cells] for cells in chosen])
        latents = self.latents[rows]  # (items, cells, 4, 8, 8)
        if len(chosen[0]) == CELLS:
            upper, lower = (torch.cat([latents[:, n], latents[:, n + 1]], dim=-1) for n in (0, 2))
            latents = torch.cat([upper, lower], dim=-2)
        else:
            latents = latents[:, 0]
        mask = torch.from_numpy(masks)[:, None].float()
        masked = latents * (1 - mask) + self.grey * mask
        texts = [caption(rng, cells, hidden) for cells, hidden in zip(chosen, told, strict=True)]
        return Batch(latents, masked, mask, to_ids(texts, rng))


def to_pixels(images: np.ndarray) -> Tensor:
    """(B, H, W, 3) in 0..255 -> (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(images).movedim(-1, 1).float() / 127.5 - 1


def draw(rng: Generator) -> Scene:
    """A scene of the training, at random."""
    pool = training_scenes()
    scene = pool[rng.integers(len(pool))]
    return scene if scene.filter == "none" or rng.uniform() < GREY_KEPT else replace(scene, filter="none")


def collage(rng: Generator) -> list[Scene]:
    """Scenes for the cells A, A', B, B', related at random, never an analogy, no two alike and none of them held out.

    A later cell takes its attributes from two of the earlier cells and a new scene: only who looks at the other cells
    can tell what a hole without a caption may show. Which cells these are is drawn anew each time and the order of
    the cells is shuffled, so that no relation between two cells tells about the two others.
    """
    while True:
        found = [draw(rng)]
        while len(found) < CELLS:
            new = draw(rng)
            scene = _related(rng, found, new) if rng.uniform() < RELATED else new
            if scene is not None and not scene.is_held_out and scene not in found:
                found.append(scene)
        a, a_prime, b, b_prime = (found[n] for n in rng.permutation(CELLS))
        if not (is_analogy(a, a_prime, b, b_prime) or is_analogy(a, b, a_prime, b_prime)):
            return [a, a_prime, b, b_prime]


def _related(rng: Generator, found: Sequence[Scene], new: Scene) -> Scene | None:
    """A scene between two of `found` and `new`; None where it cannot be seen."""
    pool = [*found, new]
    one, other = (pool[n] for n in rng.permutation(len(pool))[:2])
    by_shape = rng.uniform() < BY_SHAPE
    values = {}
    for name in ATTRIBUTES:
        from_one = name == "shape" if by_shape else rng.uniform() < 0.5
        values[name] = getattr(one if from_one else other, name)
    try:
        return Scene(**values)
    except ValueError:
        return None


def is_analogy(a: Scene, a_prime: Scene, b: Scene, b_prime: Scene) -> bool:
    """Whether A' differs from A in exactly one attribute, and B' from B in the same way."""
    changed = [name for name in ATTRIBUTES if getattr(a, name) != getattr(a_prime, name)]
    differs = [name for name in ATTRIBUTES if getattr(b, name) != getattr(b_prime, name)]
    return changed == differs and len(changed) == 1 and getattr(a_prime, changed[0]) == getattr(b_prime, changed[0])


def caption(rng: Generator, cells: Sequence[Scene], hidden: Sequence[int]) -> str:
    """What the hole shows, or the whole collage, or nothing; some captions leave attributes out."""
    if rng.uniform() < NO_CAPTION[len(cells)]:
        return ""
    share = 0.3 if rng.uniform() < 0.3 else 0.0
    whole = len(cells) > 1 and rng.uniform() < WHOLE_CAPTION
    told = cells if whole else [cells[n] for n in hidden]
    return " and ".join(scene.caption(frozenset(n for n in ATTRIBUTES if rng.uniform() < share)) for scene in told)


def _full() -> np.ndarray:
    return np.ones((SIDE_TOKENS, SIDE_TOKENS), dtype=np.float32)


def _rectangle(rng: Generator, side: int) -> np.ndarray:
    mask = np.zeros((side, side), dtype=np.float32)
    h, w = rng.integers(side // 4, side, size=2)
    y, x = rng.integers(0, side - h + 1), rng.integers(0, side - w + 1)
    mask[y : y + h, x : x + w] = 1
    return mask


def _hole(rng: Generator) -> tuple[np.ndarray, list[int]]:
    """A mask of a collage, and the cells that it covers by more than half (the one it covers most if there is none)."""
    kind = rng.uniform()
    if kind < 0.95:
        hidden = rng.permutation(CELLS)[: 1 if kind < 0.8 else 2 if kind < 0.9 else CELLS]
        if kind < LAST_CELL:
            hidden = np.array([CELLS - 1])
        mask = np.zeros((2, 2), dtype=np.float32)
        mask.flat[hidden] = 1
        return mask.repeat(SIDE_TOKENS, 0).repeat(SIDE_TOKENS, 1), sorted(hidden.tolist())
    mask = _rectangle(rng, 2 * SIDE_TOKENS)
    halves = (slice(0, SIDE_TOKENS), slice(SIDE_TOKENS, None))
    share = [mask[y, x].mean() for y, x in product(halves, halves)]
    return mask, [n for n, part in enumerate(share) if part > 0.5] or [int(np.argmax(share))]


# Captions as token ids


@lru_cache(100_000)
def words_of(text: str) -> tuple[int, ...]:
    return tuple(_tokenizer()(text).input_ids[1:-1][:75])


@cache
def _tokenizer():  # type: ignore[no-untyped-def]
    return clip_tokenizer()


def to_ids(texts: Sequence[str], rng: Generator) -> Tensor:
    """CLIP's ids (B, 77), padded as the host does; in one text of six some words are replaced by the unknown one."""
    rows = np.full((len(texts), 77), END)
    for row, text in zip(rows, texts, strict=True):
        ids = np.array(words_of(text), dtype=int)
        if rng.uniform() < 1 / 6:
            ids[rng.uniform(size=len(ids)) < 0.2] = UNKNOWN
        row[0] = START
        row[1 : 1 + len(ids)] = ids
    return torch.from_numpy(rows)


@cache
def known_words() -> tuple[int, ...]:
    """CLIP's ids of every word of a caption."""
    words = {word for name in ATTRIBUTES for word in CHOICES[name]} | {"a", "an", "thing", "on a background, and"}
    words |= {f"{shape}s" for shape in SHAPES}
    return tuple(sorted({START, END, *(number for word in words for number in words_of(word))}))
