"""SAC and CAM as MODEL patches that chain with other patches."""

from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io

from ..analogist.grid import AnalogyGrid
from ..analogist.layers import LayerRange, Layers, Numbering, SamplingRange
from ..analogist.published import DEFAULT
from ..attention_patches import cam, sac
from ..attention_patches.patching import Placement, chosen
from .display import advisor, own_id, show
from .types import CATEGORY, AnalogyGridType, sampling_range


def _placement_inputs() -> list[io.Input]:
    """Where and when: the same for both patches."""
    return [
        io.Int.Input(
            "start_layer",
            display_name="start layer (included)",
            default=DEFAULT.layers.start,
            min=0,
            max=70,
            tooltip="First layer (included): transformer blocks in execution order. SD 1.5 has 16: 0-5 down, 6 middle, 7-15 up. Paper: 3.",
        ),
        io.Int.Input(
            "end_layer",
            display_name="end layer (not included)",
            default=DEFAULT.layers.end,
            min=0,
            max=70,
            tooltip="End of the layers (not included): 3 and 11 select the paper's layers 3-10. Equal to start_layer: no effect.",
        ),
        *sampling_range("the patch"),
        AnalogyGridType.Input(
            "layout",
            optional=True,
            tooltip="From Analogist Grid Builder. Required for several pairs; if connected, latents of another size raise an error.",
        ),
        io.String.Input(
            "layers",
            default="",
            optional=True,
            advanced=True,
            tooltip="Replaces start_layer and end_layer: layers and ranges such as 3-10 or 3, 5, 7-9 (both ends included). Empty: not used.",
        ),
        io.Combo.Input(
            "numbering",
            options=[numbering.value for numbering in Numbering],
            default=Numbering.SD15.value,
            optional=True,
            advanced=True,
            tooltip="as in SD 1.5: layers 0-15, mapped to the matching stages of the model. this model's own: transformer blocks of the model in execution order (0-69 in SDXL).",
        ),
        io.Boolean.Input(
            "any_model",
            display_name="any model",
            default=False,
            optional=True,
            advanced=True,
            tooltip="Take a model that is not an inpainting one, too: for graphs that give it the mask in another way.",
        ),
    ]


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
            description="Self-Attention Cloning (SAC): copies the self-attention between A and B to A' and B', so that B' keeps the "
            "structure of B and takes the appearance of A'.",
            search_aliases=["self-attention cloning", "SAC", "image analogy", "attention patch"],
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Model.Input("model", tooltip="A UNet inpainting model: SD 1.x, SD 2, SDXL; others are refused."),
                io.Float.Input(
                    "scale",
                    default=DEFAULT.scale,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="Scale of the copied attention logits. Lower values stay closer to B, higher values to A'. The paper uses 1.3.",
                ),
                *_placement_inputs(),
            ],
            outputs=[io.Model.Output("model", tooltip="The patched model.")],
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
        selected = Layers.said(layers, LayerRange(start_layer, end_layer), numbering)
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
            description="Cross-Attention Masking (CAM): only B' attends to the text, so that the prompt does not change A, A' and B. "
            "On SDXL the pooled text embedding still affects them.",
            search_aliases=["cross-attention masking", "CAM", "image analogy", "attention patch"],
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Model.Input("model", tooltip="A UNet inpainting model: SD 1.x, SD 2, SDXL; others are refused."),
                *_placement_inputs(),
            ],
            outputs=[io.Model.Output("model", tooltip="The patched model.")],
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
        selected = Layers.said(layers, LayerRange(start_layer, end_layer), numbering)
        sampling = SamplingRange(start_percent, end_percent)
        placement = _placement(cls, model, selected, sampling, layout, any_model)
        return io.NodeOutput(cam.patched(model, placement))
