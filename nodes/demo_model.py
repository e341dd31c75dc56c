"""The small model that comes with the pack, so that a graph runs with nothing to download."""

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
            description="A tiny inpainting model that comes with the pack, to see an analogy in seconds on any computer. It knows "
            "drawings of simple shapes in grids of 128x128 pixels and nothing else; use Load Checkpoint for pictures of your own.",
            search_aliases=["load checkpoint", "demo", "toy model", "tiny model", "image analogy"],
            inputs=[],
            outputs=[
                io.Model.Output("model", tooltip="The inpainting UNet; it predicts v."),
                io.Clip.Output("clip", tooltip="The text encoder: it knows the words of shapes, colors and styles."),
                io.Vae.Output("vae", tooltip="The autoencoder."),
            ],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput(*demo.load())
