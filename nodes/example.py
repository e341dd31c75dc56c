"""The pictures of the shipped workflows, so that a template runs as soon as it is opened."""

from pathlib import Path

from comfy_api.latest import io, ui

from ..analogist.images import open_image, to_tensor
from .types import CATEGORY

FOLDER = Path(__file__).parent.parent / "workflows" / "examples"
EXAMPLES = (
    "colorization",
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
            description="Three pictures that come with the pack, to try an analogy with. Replace it by three Load Image nodes "
            "for pictures of your own.",
            search_aliases=["image analogy", "sample pictures", "demo", "test images"],
            inputs=[
                io.Combo.Input(
                    "example",
                    options=list(EXAMPLES),
                    default=EXAMPLES[0],
                    tooltip="colorization: a grey photograph gets its colors. caricature: a face gets larger eyes. "
                    "aligned_with_b: a drawing becomes a painting of another place, for the layout pairs in columns. "
                    "shapes: two drawings for the model that comes with the pack. "
                    "The others are for Prompt Diffusion: maps of two landscapes, and the landscapes.",
                ),
            ],
            outputs=[
                io.Image.Output("A", tooltip="The example before the change."),
                io.Image.Output("A'", tooltip="The example after the change."),
                io.Image.Output("B", tooltip="The picture to change in the same way."),
            ],
        )

    @classmethod
    def execute(cls, example: str) -> io.NodeOutput:
        if example not in EXAMPLES:
            raise ValueError(f"There is no example {example!r}; choose one of {', '.join(EXAMPLES)}.")
        pictures = [to_tensor([open_image(FOLDER / example / f"{name}.png")]) for name in ("a", "a_prime", "b")]
        preview = ui.PreviewImage([picture[0] for picture in pictures], cls=cls)
        return io.NodeOutput(*pictures, ui=preview)
