"""Did it work? Scores of the results, and the best of them."""

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
                *pair_and_b(),
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
            description="Puts results in the order of their scores, the best first, and keeps as many as you want.",
            search_aliases=["best of n", "sort by score", "rank", "select images", "best seed", "filter batch"],
            is_input_list=True,
            inputs=[
                io.Image.Input("images", tooltip="The results, a batch or a list, all of one size."),
                scores_input(),
                io.Int.Input("keep", default=1, min=1, max=4096, tooltip="How many of the best to keep."),
                best_input(),
            ],
            outputs=[
                io.Image.Output("images", tooltip="The best images, the best of all first."),
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
        results = all_images(images)
        order = ranked(scores, len(results), best)[: one(keep)]
        if len({results[place].size for place in order}) > 1:
            raise ValueError("The images are of different sizes and cannot be one batch: resize them before.")
        lines = [f"{rank}. image {place + 1}: {scores[place]:.4f}" for rank, place in enumerate(order, 1)]
        text = "\n".join([*lines, f"best of {len(results)}"])
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
