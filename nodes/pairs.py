"""Several example pairs: a chain, one node for each pair beyond the first."""

from comfy_api.latest import io
from torch import Tensor

from .types import CATEGORY, AnalogyPairsType, Pairs


class Pair(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPair",
            display_name="Analogist Pair",
            category=CATEGORY,
            description="One more example A, A' of the same edit, for Analogist Grid Builder. Chain several nodes for "
            "more pairs.",
            search_aliases=["few shot", "several examples", "example pair", "multiple references"],
            inputs=[
                io.Image.Input("a", display_name="A", tooltip="The example before the edit."),
                io.Image.Input("a_prime", display_name="A'", tooltip="The example after the edit."),
                AnalogyPairsType.Input(
                    "pairs", optional=True, tooltip="From another Analogist Pair; its pairs come first."
                ),
            ],
            outputs=[
                AnalogyPairsType.Output(
                    "pairs", tooltip="Connect to pairs of Analogist Grid Builder or of another Analogist Pair."
                )
            ],
        )

    @classmethod
    def execute(cls, a: Tensor, a_prime: Tensor, pairs: Pairs = ()) -> io.NodeOutput:
        return io.NodeOutput((*pairs, (a, a_prime)))
