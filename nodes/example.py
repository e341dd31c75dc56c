"""The pictures of the shipped workflows, so that a template runs as soon as it is opened."""

from pathlib import Path

from comfy_api.latest import io, ui

from ..analogist.pictures import open_picture, to_tensor
from .types import CATEGORY

FOLDER = Path(__file__).parent.parent / "workflows" / "examples"


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
                    options=sorted(path.name for path in FOLDER.iterdir() if path.is_dir()),
                    tooltip="Which triple.",
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
        a, a_prime, b = (
            to_tensor([open_picture(FOLDER / example / name)]) for name in ("a.png", "a_prime.png", "b.png")
        )
        return io.NodeOutput(a, a_prime, b, ui=ui.PreviewImage(a_prime, cls=cls))
