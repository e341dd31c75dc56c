"""The images of the shipped workflows, so that a template runs without other files."""

from pathlib import Path

from comfy_api.latest import io, ui

from ..analogist.images import open_image, to_tensor
from .types import CATEGORY

FOLDER = Path(__file__).parent.parent / "workflows" / "examples"
EXAMPLES = (
    "colorization",
    "colorization_landscape",
    "caricature",
    "aligned_with_b",
    "shapes",
    "depth_to_picture",
    "hed_to_picture",
    "segmentation_to_picture",
    "scribble_to_picture",
    "picture_to_depth",
)
"""The folders, the easiest analogy first, those for Prompt Diffusion last. Nothing else is ever used as a path."""


class Example(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistExample",
            display_name="Analogist Example",
            category=CATEGORY,
            description="Three example images (A, A', B) that are included in the pack. To use your own images, replace it "
            "with three Load Image nodes.",
            search_aliases=["image analogy", "sample images", "demo", "test images"],
            inputs=[
                io.Combo.Input(
                    "example",
                    options=list(EXAMPLES),
                    default=EXAMPLES[0],
                    tooltip="colorization: gray to color. caricature: larger eyes. "
                    "aligned_with_b: drawing to painting, for the layout pairs in columns. "
                    "shapes: drawings for Analogist Demo Model Loader. "
                    "The others are for Prompt Diffusion: landscapes and their depth, HED, segmentation and scribble maps.",
                ),
            ],
            outputs=[
                io.Image.Output("A", tooltip="The example image before the change."),
                io.Image.Output("A'", tooltip="The example image after the change."),
                io.Image.Output("B", tooltip="The image to change in the same way."),
            ],
        )

    @classmethod
    def execute(cls, example: str) -> io.NodeOutput:
        if example not in EXAMPLES:
            raise ValueError(f"expected one of the examples {', '.join(EXAMPLES)}, got {example!r}")
        images = [to_tensor([open_image(FOLDER / example / f"{name}.png")]) for name in ("a", "a_prime", "b")]
        preview = ui.PreviewImage([image[0] for image in images], cls=cls)
        return io.NodeOutput(*images, ui=preview)
