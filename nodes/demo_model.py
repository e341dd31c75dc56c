"""The small demo model of the pack, which needs no download."""

from comfy_api.latest import io

from ..loaders import demo
from .types import CATEGORY


class DemoModelLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistDemoModelLoader",
            display_name="Analogist Demo Model Loader",
            category=CATEGORY,
            description="Loads the small inpainting model that is included in the pack and runs in seconds on a CPU. It was trained "
            "only on drawings of simple shapes in 128x128 grids; for other images use Load Checkpoint.",
            search_aliases=["load checkpoint", "demo", "toy model", "tiny model", "image analogy"],
            inputs=[],
            outputs=[
                io.Model.Output("model", tooltip="The inpainting UNet (v-prediction)."),
                io.Clip.Output("clip", tooltip="The text encoder, trained on the names of shapes, colors and styles."),
                io.Vae.Output("vae", tooltip="The autoencoder."),
            ],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput(*demo.load())
