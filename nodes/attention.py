"""The two edits of the attention, as patches of a MODEL that chain with any others."""

from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io

from ..analogist.grid import AnalogyGrid
from ..analogist.layers import LayerRange, SamplingRange
from ..attention_patches import cam, sac
from ..attention_patches.patching import Placement
from .types import CATEGORY, AnalogyGridType


def _placement_inputs() -> list[io.Input]:
    """Where and when: the same for both patches."""
    return [
        io.Int.Input(
            "start_layer",
            default=3,
            min=0,
            max=70,
            tooltip="First transformer block, in execution order: in SD 1.5 0-5 down, 6 middle, 7-15 up. The paper uses 3.",
        ),
        io.Int.Input(
            "end_layer",
            default=11,
            min=0,
            max=70,
            tooltip="The block to stop before (not included). 3 to 11 are the paper's layers 3..10. Equal to start_layer: no effect.",
        ),
        io.Float.Input(
            "start_percent",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.001,
            advanced=True,
            tooltip="Start of the sampling during which it acts.",
        ),
        io.Float.Input(
            "end_percent",
            default=1.0,
            min=0.0,
            max=1.0,
            step=0.001,
            advanced=True,
            tooltip="End of the sampling during which it acts.",
        ),
        AnalogyGridType.Input(
            "layout",
            optional=True,
            tooltip="From the grid builder. Not needed; with it, a latent that is not that grid is refused.",
        ),
    ]


class SACPatch(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSACPatch",
            display_name="Analogist SAC Patch",
            category=CATEGORY,
            description="Self-Attention Cloning: B' looks at A' as B looks at A, so that the structure of B meets the look of A'. "
            "Place it last among the patches of self-attention.",
            search_aliases=["self-attention cloning", "SAC", "image analogy", "attention patch"],
            inputs=[
                io.Model.Input("model", tooltip="An inpainting model with a UNet, e.g. SD 1.5 inpainting."),
                io.Float.Input(
                    "scale",
                    default=1.3,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How sharply: small stays near B, large goes towards A'. The paper uses 1.3; near 1.8 it breaks.",
                ),
                *_placement_inputs(),
            ],
            outputs=[
                io.Model.Output(
                    "model", tooltip="The patched model. To the other patch, Analogist Sigmas and the guider."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: ModelPatcher,
        scale: float,
        start_layer: int,
        end_layer: int,
        start_percent: float,
        end_percent: float,
        layout: AnalogyGrid | None = None,
    ) -> io.NodeOutput:
        placement = Placement(LayerRange(start_layer, end_layer), SamplingRange(start_percent, end_percent), layout)
        return io.NodeOutput(sac.patched(model, scale, placement))


class CAMPatch(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistCAMPatch",
            display_name="Analogist CAM Patch",
            category=CATEGORY,
            description="Cross-Attention Masking: only B' listens to the text, so that the prompt does not disturb A, A' and B. "
            "Place it last among the patches of cross-attention.",
            search_aliases=["cross-attention masking", "CAM", "image analogy", "attention patch"],
            inputs=[
                io.Model.Input("model", tooltip="An inpainting model with a UNet, e.g. SD 1.5 inpainting."),
                *_placement_inputs(),
            ],
            outputs=[
                io.Model.Output(
                    "model", tooltip="The patched model. To the other patch, Analogist Sigmas and the guider."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: ModelPatcher,
        start_layer: int,
        end_layer: int,
        start_percent: float,
        end_percent: float,
        layout: AnalogyGrid | None = None,
    ) -> io.NodeOutput:
        placement = Placement(LayerRange(start_layer, end_layer), SamplingRange(start_percent, end_percent), layout)
        return io.NodeOutput(cam.patched(model, placement))
