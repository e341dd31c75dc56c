"""The two edits of the attention, as patches of a MODEL that chain with any others."""

from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io

from ..analogist.grid import AnalogyGrid
from ..analogist.layers import LayerRange, Layers, Numbering, SamplingRange
from ..attention_patches import cam, sac
from ..attention_patches.patching import Placement, chosen
from .display import advisor, own_id, show
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
        io.String.Input(
            "layers",
            default="",
            optional=True,
            advanced=True,
            tooltip="In place of start_layer and end_layer: a list such as 4-10 or 3, 5, 7-9, both ends included. Empty: not used.",
        ),
        io.Combo.Input(
            "numbering",
            options=[numbering.value for numbering in Numbering],
            default=Numbering.SD15.value,
            optional=True,
            advanced=True,
            tooltip="What the layer numbers count. As in SD 1.5: 0-15, translated to the same stages of SDXL. This model's own: its blocks in execution order, 0-69 in SDXL.",
        ),
        io.Boolean.Input(
            "any_model",
            default=False,
            optional=True,
            advanced=True,
            tooltip="Take a model that is not an inpainting one, too: for graphs that give it the mask in another way.",
        ),
    ]


def _layers(start_layer: int, end_layer: int, layers: str, numbering: str) -> Layers:
    """Of the text, or of the two numbers where there is none."""
    if layers.strip():
        return Layers.parse(layers, Numbering(numbering))
    return Layers.between(LayerRange(start_layer, end_layer), Numbering(numbering))


def _placement(
    cls: type[io.ComfyNode],
    model: ModelPatcher,
    layers: Layers,
    sampling: SamplingRange,
    layout: AnalogyGrid | None,
    any_model: bool,
) -> Placement:
    """What the inputs say; the node shows which blocks they choose, and later what went wrong with them."""
    node_id, text = own_id(cls), chosen(model, layers)
    show(text, node_id)
    return Placement(layers, sampling, layout, any_model, advisor(node_id, text))


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
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Model.Input(
                    "model", tooltip="An inpainting model with a UNet, e.g. SD 1.5 inpainting; others are refused."
                ),
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
        layers: str = "",
        numbering: str = Numbering.SD15.value,
        any_model: bool = False,
    ) -> io.NodeOutput:
        selected = _layers(start_layer, end_layer, layers, numbering)
        sampling = SamplingRange(start_percent, end_percent)
        placement = _placement(cls, model, selected, sampling, layout, any_model)
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
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Model.Input(
                    "model", tooltip="An inpainting model with a UNet, e.g. SD 1.5 inpainting; others are refused."
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
        start_layer: int,
        end_layer: int,
        start_percent: float,
        end_percent: float,
        layout: AnalogyGrid | None = None,
        layers: str = "",
        numbering: str = Numbering.SD15.value,
        any_model: bool = False,
    ) -> io.NodeOutput:
        selected = _layers(start_layer, end_layer, layers, numbering)
        sampling = SamplingRange(start_percent, end_percent)
        placement = _placement(cls, model, selected, sampling, layout, any_model)
        return io.NodeOutput(cam.patched(model, placement))
