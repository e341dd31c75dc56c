"""Contact sheets: the results of one analogy, and of a sweep over settings."""

from collections.abc import Sequence

from comfy_api.latest import io, ui
from PIL.Image import Image
from torch import Tensor

from ..analogist.cells import Sheet
from ..analogist.images import to_tensor
from ..analogist.sheets import sweep
from ..analogist.sheets.contact_sheet import Tile, analogy_sheet, sweep_sheet
from .types import EVALUATE as CATEGORY
from .types import AnalogyPairsType, Pairs, all_images, best_input, one, pair_and_b, ranked, scores_input

AS_THEY_COME, BEST_FIRST = "as they come", "best first"


def _side() -> io.Input:
    return io.Int.Input(
        "picture_side",
        display_name="image size (px)",
        default=256,
        min=64,
        max=1024,
        step=64,
        tooltip="Longer side of each image on the sheet, in pixels. The font size scales with it.",
    )


class ContactSheet(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistContactSheet",
            display_name="Analogist Contact Sheet",
            category=CATEGORY,
            description="Contact sheet of one analogy: A, A' and B in the first row, below them the results with their scores. "
            "The best result has a green frame.",
            search_aliases=["contact sheet", "image grid", "compare images", "labelled", "overview", "image analogy"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                *pair_and_b(),
                io.Image.Input("images", tooltip="The results B', as a batch or a list."),
                io.String.Input("title", default="", tooltip="Title of the sheet (optional)."),
                io.Combo.Input(
                    "order",
                    options=[AS_THEY_COME, BEST_FIRST],
                    default=BEST_FIRST,
                    tooltip="Order of the results. Each keeps its number: #1 is the first image of the batch.",
                ),
                best_input(),
                io.Int.Input("columns", default=4, min=1, max=32, tooltip="Number of results in each row."),
                _side(),
                scores_input(optional=True),
                AnalogyPairsType.Input("pairs", optional=True, tooltip="More examples, from Analogist Pair."),
            ],
            outputs=[io.Image.Output("sheet", tooltip="The contact sheet. Connect to Save Image.")],
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
        pairs: list[Pairs] | None = None,
    ) -> io.NodeOutput:
        more = one(pairs or [()])
        lying = Sheet(1 + len(more))
        batches = [a, a_prime, *([batch] for pair in more for batch in pair), b]
        names = [lying.label(cell) for cell in lying.cells]
        inputs = {name: _only(all_images(batch), name) for name, batch in zip(names, batches, strict=False)}
        results = all_images(images)
        ranks = ranked(scores, len(results), best) if scores else []
        tiles = _tiles(results, scores, next(iter(ranks), None), numbered=True)
        if ranks and one(order) == BEST_FIRST:
            tiles = [tiles[place] for place in ranks]
        sheet = to_tensor([analogy_sheet(inputs, tiles, one(title), one(picture_side), one(columns))])
        return io.NodeOutput(sheet, ui=ui.PreviewImage(sheet, cls=cls))


class SweepValues(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSweepValues",
            display_name="Analogist Sweep Values",
            category=CATEGORY,
            description="All combinations of the given values, as lists: downstream nodes run once per combination. "
            "Analogist Sweep arranges the results in one image.",
            search_aliases=["XY plot", "grid search", "parameter sweep", "list of values", "loop"],
            inputs=[
                io.String.Input("scales", default="1.0, 1.3, 1.6", tooltip="SAC scales, separated by commas."),
                io.String.Input(
                    "layers",
                    default="3-10",
                    tooltip="Layer ranges (both ends included), separated by commas: 3-10, 4-8.",
                ),
                io.String.Input(
                    "strengths", default="0.8, 0.98", tooltip="Strengths of Analogist Sigmas, separated by commas."
                ),
                io.String.Input("seeds", default="42", tooltip="Noise seeds, separated by commas."),
            ],
            outputs=[
                io.Float.Output("scale", is_output_list=True, tooltip="Connect to scale of Analogist SAC Patch."),
                io.Int.Output("start_layer", is_output_list=True, tooltip="Connect to start_layer of both patches."),
                io.Int.Output(
                    "end_layer",
                    is_output_list=True,
                    tooltip="Connect to end_layer of both patches (not included there).",
                ),
                io.Float.Output("strength", is_output_list=True, tooltip="Connect to strength of Analogist Sigmas."),
                io.Int.Output("seed", is_output_list=True, tooltip="Connect to noise_seed of RandomNoise."),
                io.String.Output(
                    "settings", is_output_list=True, tooltip="One line per combination. Connect to Analogist Sweep."
                ),
                io.String.Output(
                    "layers",
                    is_output_list=True,
                    tooltip="The layer ranges as text. Connect to layers of Analogist Settings.",
                ),
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
            [str(run.layers) for run in runs],
        )


class Sweep(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSweep",
            display_name="Analogist Sweep",
            category=CATEGORY,
            description="Arranges results by their settings in one image: one setting per column, the others per row.",
            search_aliases=["XY plot", "grid plot", "parameter sweep", "compare settings", "seeds"],
            is_input_list=True,
            is_output_node=True,
            inputs=[
                io.Image.Input("images", tooltip="The results, as a list or a batch."),
                io.String.Input(
                    "settings",
                    multiline=True,
                    default="",
                    placeholder="scale=1.0, seed=42\nscale=1.3, seed=42",
                    tooltip="The settings of the results, one line per image, from Analogist Sweep Values or typed by hand.",
                ),
                io.String.Input(
                    "columns",
                    default="",
                    tooltip="The setting that varies across the columns, such as scale. Empty: the setting with the most values.",
                ),
                io.String.Input(
                    "title", default="", tooltip="Title of the sheet. Settings with a single value are appended to it."
                ),
                best_input(),
                _side(),
                scores_input(optional=True),
            ],
            outputs=[io.Image.Output("sheet", tooltip="The contact sheet. Connect to Save Image.")],
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
        results = all_images(images)
        first = ranked(scores, len(results), best)[0] if scores else None
        tiles = _tiles(results, scores, first, numbered=False)
        known = sweep.parse_settings("\n".join(settings))
        sheet = to_tensor([sweep_sheet(tiles, known, one(columns).strip(), one(title), one(picture_side))])
        return io.NodeOutput(sheet, ui=ui.PreviewImage(sheet, cls=cls))


def _tiles(results: Sequence[Image], scores: Sequence[float] | None, best: int | None, numbered: bool) -> list[Tile]:
    """The images with number and score below them, as far as there are any; the best one is framed."""
    tiles = []
    for place, image in enumerate(results):
        number = f"#{place + 1}" if numbered else ""
        score = f"{scores[place]:.4f}" if scores else ""
        tiles.append(Tile(image, f"{number} {score}".strip(), best=place == best))
    return tiles


def _only(results: Sequence[Image], name: str) -> Image:
    if len(results) != 1:
        raise ValueError(f"expected one image {name}, got {len(results)}: a contact sheet shows one analogy")
    return results[0]
