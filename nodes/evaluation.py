"""Scores of the results, and selection of the best."""

from comfy.clip_vision import ClipVisionModel
from comfy.model_management import throw_exception_if_processing_interrupted
from comfy_api.latest import io, ui
from torch import Tensor

from ..analogist.images import to_tensor
from ..analogist.scores import analogy, metrics
from .display import own_id, show
from .types import EVALUATE as CATEGORY
from .types import all_images, best_input, one, pair_and_b, ranked, scores_input

DIRECTIONS = {"corrected": metrics.direction_similarity, "as published": metrics.direction_similarity_published}


class DirectionScore(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistDirectionScore",
            display_name="Analogist Direction Score",
            category=CATEGORY,
            description="Scores how well each B' follows the example: the cosine similarity between the changes A to A' and B to B' "
            "in the feature space of a CLIP vision model. 1: same change; 0: unrelated change.",
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
                    tooltip="A CLIP model (ViT-H, ViT-L, ViT-g) from Load CLIP Vision. SigLIP is not supported.",
                ),
                *pair_and_b(),
                io.Image.Input("b_prime", display_name="B'", tooltip="The results, as a batch of any size."),
                io.Combo.Input(
                    "variant",
                    options=list(DIRECTIONS),
                    default="corrected",
                    tooltip="corrected: differences of L2-normalized features. as published: differences of features without "
                    "normalization, as in the paper's evaluation (which uses CLIP ViT-B/16, see the help page).",
                ),
            ],
            outputs=[
                io.Float.Output(
                    "scores", is_output_list=True, tooltip="One score per B', from -1 to 1. Higher is better."
                ),
                io.Float.Output(
                    "structure",
                    is_output_list=True,
                    tooltip="Structure distance between each B' and B. 0: unchanged; lower is closer.",
                ),
                io.String.Output("text", tooltip="All scores as text."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls, clip_vision: ClipVisionModel, a: Tensor, a_prime: Tensor, b: Tensor, b_prime: Tensor, variant: str
    ) -> io.NodeOutput:
        images = {"A": a, "A'": a_prime, "B": b, "B'": b_prime}
        scores, structure = analogy.score(images, _encoder(clip_vision), DIRECTIONS[variant])
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
            description="Sorts results by their scores, best first, and keeps the best ones, or those picked by hand.",
            search_aliases=[
                "best of n",
                "sort by score",
                "rank",
                "select images",
                "pick image",
                "best seed",
                "filter batch",
            ],
            is_input_list=True,
            inputs=[
                io.Image.Input("images", tooltip="The results, as a batch or a list, all of the same size."),
                scores_input(),
                io.Int.Input("keep", default=1, min=1, max=4096, tooltip="Number of images to keep."),
                best_input(),
                io.String.Input(
                    "pick",
                    default="",
                    optional=True,
                    tooltip="Numbers of the results to keep instead, as on the contact sheet: 3, or 0, -1. "
                    "0 is the best by score, -1 the last result. Empty: by score.",
                ),
            ],
            outputs=[
                io.Image.Output("images", tooltip="The best images as one batch, best first."),
                io.Float.Output("scores", is_output_list=True, tooltip="Scores of these images, in the same order."),
                io.Int.Output(
                    "numbers", is_output_list=True, tooltip="Positions of these images in the input, counted from 1."
                ),
                io.String.Output("text", tooltip="The ranking as text."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        images: list[Tensor],
        scores: list[float],
        keep: list[int],
        best: list[str],
        pick: list[str] | None = None,
    ) -> io.NodeOutput:
        results = all_images(images)
        ranks = ranked(scores, len(results), best)
        picked = metrics.picked(one(pick or [""]), ranks)
        order = picked or ranks[: one(keep)]
        if len({results[place].size for place in order}) > 1:
            raise ValueError("expected images of one size, got several: resize them before this node")
        lines = [f"{rank}. image {place + 1}: {scores[place]:.4f}" for rank, place in enumerate(order, 1)]
        text = "\n".join([*lines, f"{'picked out' if picked else 'best'} of {len(results)}"])
        show(text, own_id(cls))
        kept = to_tensor(results[place] for place in order)
        return io.NodeOutput(
            kept, [scores[place] for place in order], [place + 1 for place in order], text, ui=ui.PreviewText(text)
        )


def _encoder(clip_vision: ClipVisionModel) -> analogy.Encoder:
    """The host's vision model, which loads and places itself."""

    def encode(images: Tensor) -> tuple[Tensor, Tensor]:
        throw_exception_if_processing_interrupted()
        seen = clip_vision.encode_image(images)
        return seen["image_embeds"], seen["last_hidden_state"]

    return encode
