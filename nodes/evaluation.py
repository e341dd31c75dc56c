"""Did it work? Scores of the results, the best of them, and sheets to look at."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from comfy.clip_vision import ClipVisionModel
from comfy.model_management import throw_exception_if_processing_interrupted
from comfy_api.latest import io, ui
from PIL.Image import Image
from torch import Tensor

from ..analogist.images import from_tensor, to_tensor
from ..analogist.scores import metrics
from ..analogist.sheets import sweep
from ..analogist.sheets.contact_sheet import Tile, analogy_sheet, sweep_sheet
from .display import own_id, show
from .types import EVALUATE as CATEGORY

T = TypeVar("T")

BATCH = 16
"""Pictures that the vision model sees at once."""

DIRECTIONS = {"corrected": metrics.direction_similarity, "as published": metrics.direction_similarity_published}
HIGHEST, LOWEST = "highest", "lowest"
AS_THEY_COME, BEST_FIRST = "as they come", "best first"


def _pair_and_b() -> list[io.Input]:
    return [
        io.Image.Input("a", display_name="A", tooltip="The example before the change."),
        io.Image.Input("a_prime", display_name="A'", tooltip="The example after the change."),
        io.Image.Input("b", display_name="B", tooltip="The picture that was to be changed in the same way."),
    ]


def _scores(optional: bool = False) -> io.Input:
    return io.Float.Input(
        "scores",
        force_input=True,
        optional=optional,
        tooltip="One score for each picture, in the same order. From Analogist Direction Score.",
    )


def _best() -> io.Input:
    return io.Combo.Input(
        "best",
        options=[HIGHEST, LOWEST],
        default=HIGHEST,
        tooltip="Which score is the best: the highest of direction scores, the lowest of structure distances.",
    )


def _side() -> io.Input:
    return io.Int.Input(
        "picture_side",
        default=256,
        min=64,
        max=1024,
        step=64,
        tooltip="The longer side of each picture on the sheet, in pixels. The text grows with it.",
    )


class DirectionScore(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistDirectionScore",
            display_name="Analogist Direction Score",
            category=CATEGORY,
            description="How well each B' follows the example: the cosine between the change from A to A' and the change from B "
            "to B', as a CLIP vision model sees them. 1 is the same change, 0 another one.",
            search_aliases=[
                "CLIP direction similarity",
                "clip score",
                "evaluate",
                "metric",
                "image analogy",
                "quality",
            ],
            inputs=[
                io.ClipVision.Input(
                    "clip_vision",
                    tooltip="From Load CLIP Vision: a CLIP model (ViT-H, ViT-L, ViT-g). SigLIP does not fit.",
                ),
                *_pair_and_b(),
                io.Image.Input("b_prime", display_name="B'", tooltip="The results: as many as you like, as a batch."),
                io.Combo.Input(
                    "variant",
                    options=list(DIRECTIONS),
                    default="corrected",
                    tooltip="corrected: between features of length 1. as published: between features as they come, as in the paper's "
                    "evaluation; its own numbers also need CLIP ViT-B/16, see the help page.",
                ),
            ],
            outputs=[
                io.Float.Output(
                    "scores", is_output_list=True, tooltip="One for each B': from -1 to 1, higher is better."
                ),
                io.Float.Output(
                    "structure",
                    is_output_list=True,
                    tooltip="How far the structure of each B' is from that of B: 0 is the same, lower is closer.",
                ),
                io.String.Output("text", tooltip="All numbers as one text."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls, clip_vision: ClipVisionModel, a: Tensor, a_prime: Tensor, b: Tensor, b_prime: Tensor, variant: str
    ) -> io.NodeOutput:
        pictures = {"A": a, "A'": a_prime, "B": b, "B'": b_prime}
        _check_numbers({name: len(batch) for name, batch in pictures.items()})
        features, tokens = zip(*(_see(clip_vision, batch, name) for name, batch in pictures.items()), strict=True)
        scores = DIRECTIONS[variant](*features).expand(len(b_prime)).tolist()
        structure = metrics.structure_distance(tokens[2], tokens[3]).tolist()
        lines = [
            f"{number}: {score:.4f}, structure distance {distance:.4f}"
            for number, (score, distance) in enumerate(zip(scores, structure, strict=True), 1)
        ]
        text = "\n".join([f"Direction score ({variant})", *lines, f"mean: {sum(scores) / len(scores):.4f}"])
        show(text, own_id(cls))
        return io.NodeOutput(scores, structure, text, ui=ui.PreviewText(text))


class BestOf(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistBestOf",
            display_name="Analogist Best Of",
            category=CATEGORY,
            description="Puts results in the order of their scores, the best first, and keeps as many as you want.",
            search_aliases=["best of n", "sort by score", "rank", "select images", "best seed", "filter batch"],
            is_input_list=True,
            inputs=[
                io.Image.Input("images", tooltip="The results, a batch or a list, all of one size."),
                _scores(),
                io.Int.Input("keep", default=1, min=1, max=4096, tooltip="How many of the best to keep."),
                _best(),
            ],
            outputs=[
                io.Image.Output("images", tooltip="The best pictures, the best of all first."),
                io.Float.Output("scores", is_output_list=True, tooltip="Their scores, in the same order."),
                io.Int.Output(
                    "numbers", is_output_list=True, tooltip="Which of the results they were, counted from 1."
                ),
                io.String.Output("text", tooltip="The same as one text."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, images: list[Tensor], scores: list[float], keep: list[int], best: list[str]) -> io.NodeOutput:
        pictures = _all(images)
        order = _ranked(scores, len(pictures), best)[: _one(keep)]
        if len({pictures[place].size for place in order}) > 1:
            raise ValueError("The pictures are of different sizes and cannot be one batch: resize them before.")
        lines = [f"{rank}. picture {place + 1}: {scores[place]:.4f}" for rank, place in enumerate(order, 1)]
        text = "\n".join([*lines, f"best of {len(pictures)}"])
        show(text, own_id(cls))
        kept = to_tensor(pictures[place] for place in order)
        return io.NodeOutput(
            kept, [scores[place] for place in order], [place + 1 for place in order], text, ui=ui.PreviewText(text)
        )


class ContactSheet(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistContactSheet",
            display_name="Analogist Contact Sheet",
            category=CATEGORY,
            description="One labelled picture of an analogy: A, A' and B, and below them all results with their scores. The best "
            "one is framed.",
            search_aliases=["contact sheet", "image grid", "compare images", "labelled", "overview", "image analogy"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                *_pair_and_b(),
                io.Image.Input("images", tooltip="The results B', a batch or a list."),
                io.String.Input("title", default="", tooltip="Over the sheet; may stay empty."),
                io.Combo.Input(
                    "order",
                    options=[AS_THEY_COME, BEST_FIRST],
                    default=BEST_FIRST,
                    tooltip="In which order the results stand. Each keeps its number (#1 is the first of the batch).",
                ),
                _best(),
                io.Int.Input("columns", default=4, min=1, max=32, tooltip="Results in a row."),
                _side(),
                _scores(optional=True),
            ],
            outputs=[io.Image.Output("sheet", tooltip="The sheet, to Save Image.")],
        )

    @classmethod
    def execute(
        cls,
        a: list[Tensor],
        a_prime: list[Tensor],
        b: list[Tensor],
        images: list[Tensor],
        title: list[str],
        order: list[str],
        best: list[str],
        columns: list[int],
        picture_side: list[int],
        scores: list[float] | None = None,
    ) -> io.NodeOutput:
        pair_and_b = {name: _only(_all(batch), name) for name, batch in (("A", a), ("A'", a_prime), ("B", b))}
        pictures = _all(images)
        ranks = _ranked(scores, len(pictures), best) if scores else []
        tiles = _tiles(pictures, scores, next(iter(ranks), None), numbered=True)
        if ranks and _one(order) == BEST_FIRST:
            tiles = [tiles[place] for place in ranks]
        sheet = to_tensor([analogy_sheet(pair_and_b, tiles, _one(title), _one(picture_side), _one(columns))])
        return io.NodeOutput(sheet, ui=ui.PreviewImage(sheet, cls=cls))


class SweepValues(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSweepValues",
            display_name="Analogist Sweep Values",
            category=CATEGORY,
            description="Every combination of some values, as lists: everything after this node runs once for each of them. "
            "Analogist Sweep puts the results into one picture.",
            search_aliases=["XY plot", "grid search", "parameter sweep", "list of values", "loop"],
            inputs=[
                io.String.Input("scales", default="1.0, 1.3, 1.6", tooltip="Scales of SAC, with commas between them."),
                io.String.Input(
                    "layers",
                    default="3..10",
                    tooltip="Ranges of layers as the paper writes them, both ends included: 3..10, 4..8.",
                ),
                io.String.Input("strengths", default="0.8, 0.98", tooltip="Strengths of the schedule."),
                io.String.Input("seeds", default="42", tooltip="Seeds of the noise."),
            ],
            outputs=[
                io.Float.Output("scale", is_output_list=True, tooltip="To scale of the SAC patch."),
                io.Int.Output("start_layer", is_output_list=True, tooltip="To start_layer of both patches."),
                io.Int.Output(
                    "end_layer", is_output_list=True, tooltip="To end_layer of both patches (not included there)."
                ),
                io.Float.Output("strength", is_output_list=True, tooltip="To strength of Analogist Sigmas."),
                io.Int.Output("seed", is_output_list=True, tooltip="To noise_seed of Random Noise."),
                io.String.Output("settings", is_output_list=True, tooltip="A line for each run. To Analogist Sweep."),
            ],
        )

    @classmethod
    def execute(cls, scales: str, layers: str, strengths: str, seeds: str) -> io.NodeOutput:
        runs = sweep.runs(scales, layers, strengths, seeds)
        return io.NodeOutput(
            [run.scale for run in runs],
            [run.layers.start for run in runs],
            [run.layers.end for run in runs],
            [run.strength for run in runs],
            [run.seed for run in runs],
            [run.line() for run in runs],
        )


class Sweep(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSweep",
            display_name="Analogist Sweep",
            category=CATEGORY,
            description="Results over their settings in one picture: one setting from left to right, the others from row to row.",
            search_aliases=["XY plot", "grid plot", "parameter sweep", "compare settings", "seeds"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The results, a list or a batch."),
                io.String.Input(
                    "settings",
                    multiline=True,
                    default="",
                    placeholder="scale=1.0, seed=42\nscale=1.3, seed=42",
                    tooltip="The settings of each result, one line for each. From Analogist Sweep Values, or typed by hand.",
                ),
                io.String.Input(
                    "columns",
                    default="",
                    tooltip="The setting that changes from left to right, scale for example. Empty: the one with most values.",
                ),
                io.String.Input(
                    "title", default="", tooltip="Over the sheet; settings that are the same everywhere follow it."
                ),
                _best(),
                _side(),
                _scores(optional=True),
            ],
            outputs=[io.Image.Output("sheet", tooltip="The sheet, to Save Image.")],
        )

    @classmethod
    def execute(
        cls,
        images: list[Tensor],
        settings: list[str],
        columns: list[str],
        title: list[str],
        best: list[str],
        picture_side: list[int],
        scores: list[float] | None = None,
    ) -> io.NodeOutput:
        pictures = _all(images)
        first = _ranked(scores, len(pictures), best)[0] if scores else None
        tiles = _tiles(pictures, scores, first, numbered=False)
        known = sweep.parse_settings("\n".join(settings))
        sheet = to_tensor([sweep_sheet(tiles, known, _one(columns).strip(), _one(title), _one(picture_side))])
        return io.NodeOutput(sheet, ui=ui.PreviewImage(sheet, cls=cls))


def _see(clip_vision: ClipVisionModel, batch: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Features (B, dim) and patch tokens (B, tokens, width) of the host's vision model, which loads and places itself."""
    pixels = to_tensor(from_tensor(batch, name))
    features, tokens = [], []
    for some in pixels.split(BATCH):
        throw_exception_if_processing_interrupted()
        seen = clip_vision.encode_image(some)
        if seen["image_embeds"].ndim != 2:
            raise ValueError(
                "This vision model has no single feature for a picture, as CLIP has; load a CLIP model (ViT-H, ViT-L, ViT-g)."
            )
        features.append(seen["image_embeds"].float())
        tokens.append(seen["last_hidden_state"][:, 1:].float())
    return torch.cat(features), torch.cat(tokens)


def _check_numbers(numbers: dict[str, int]) -> None:
    if any(number not in (1, numbers["B'"]) for number in numbers.values()):
        came = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise ValueError(
            f"The batches do not fit together: {came}. A, A' and B hold one picture each, or one for each B'."
        )


def _tiles(pictures: Sequence[Image], scores: Sequence[float] | None, best: int | None, numbered: bool) -> list[Tile]:
    """The pictures with number and score below them, as far as there are any; the best one is framed."""
    tiles = []
    for place, picture in enumerate(pictures):
        number = f"#{place + 1}" if numbered else ""
        score = f"{scores[place]:.4f}" if scores else ""
        tiles.append(Tile(picture, f"{number} {score}".strip(), best=place == best))
    return tiles


def _ranked(scores: Sequence[float], pictures: int, best: Sequence[str]) -> list[int]:
    if len(scores) != pictures:
        raise ValueError(
            f"There are {pictures} pictures and {len(scores)} scores: there must be one score for each picture."
        )
    return metrics.ranked(scores, highest_first=_one(best) == HIGHEST)


def _all(batches: Sequence[Tensor]) -> list[Image]:
    """All pictures of a list of batches, in order."""
    return [picture for batch in batches for picture in from_tensor(batch)]


def _only(pictures: Sequence[Image], name: str) -> Image:
    if len(pictures) != 1:
        raise ValueError(f"A sheet is of one analogy, but {name} has {len(pictures)} pictures: give it one.")
    return pictures[0]


def _one(values: Sequence[T]) -> T:
    """A widget's value: nodes that take whole lists get lists of one of them, too."""
    return values[0]
