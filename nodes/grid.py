"""Before and after sampling: images into the 2x2 grid, and the result out of it."""

from comfy_api.latest import io, ui
from torch import Tensor

from ..analogist import grid as grids
from ..analogist import marks
from ..analogist.grid import (
    AnalogyGrid,
    CropSize,
    Fit,
    Layout,
)
from ..analogist.images import from_tensor, to_tensor, together
from .types import CATEGORY, AnalogyGridType


def _builder_inputs() -> list[io.Input]:
    return [
        io.Image.Input("a", display_name="A", tooltip="The example before the change."),
        io.Image.Input("a_prime", display_name="A'", tooltip="The example after the change."),
        io.Image.Input(
            "b",
            display_name="B",
            tooltip="The image to change in the same way. A batch of many B with one pair A, A' makes many grids.",
        ),
        io.Combo.Input(
            "layout",
            options=[layout.value for layout in Layout],
            default=Layout.ROWS.value,
            tooltip="pairs in rows: A and A' show the same thing in the same place. "
            "pairs in columns: A and B do, and A' is placed differently.",
        ),
        io.Int.Input(
            "cell_width",
            default=256,
            min=64,
            max=2048,
            step=64,
            tooltip="Width of one cell in pixels. The grid is twice as wide: 256 makes the paper's 512 grid.",
        ),
        io.Int.Input("cell_height", default=256, min=64, max=2048, step=64, tooltip="Height of one cell in pixels."),
        io.Combo.Input(
            "fit",
            options=[fit.value for fit in Fit],
            default=Fit.STRETCH.value,
            tooltip="How images of another shape get into a cell. stretch: as in the paper, undone by the cropper. "
            "crop: the middle part. pad: the whole image with white bars.",
        ),
        io.Int.Input(
            "gutter",
            default=2,
            min=0,
            max=64,
            step=2,
            advanced=True,
            tooltip="Width of the white lines around the images, in pixels. The paper uses 2, where all lines are equal.",
        ),
        io.Image.Input(
            "b_prime_init",
            display_name="B' init",
            optional=True,
            tooltip="A first version of B' to start from, instead of a copy of B. It matters at strengths below 1.",
        ),
    ]


class GridBuilder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistGridBuilder",
            display_name="Analogist Grid Builder",
            category=CATEGORY,
            description="Puts A, A' and B into a 2x2 grid whose fourth cell, B', the model will render: A is to A' as B is to B'.",
            search_aliases=[
                "image analogy",
                "image analogies",
                "style transfer by example",
                "before after",
                "visual prompting",
                "few shot",
                "edit by example",
                "reference image",
                "colorize",
                "inpaint",
                "visual in-context learning",
                "2x2 grid",
                "A to A' B to B'",
                "example pair",
            ],
            inputs=_builder_inputs(),
            outputs=[
                io.Image.Output("grid", tooltip="The grid with an empty (black) B'."),
                io.Image.Output(
                    "canvas",
                    tooltip="What sampling starts from: the grid with B copied into B'. To Inpaint Model Conditioning.",
                ),
                io.Mask.Output("mask", tooltip="The cell of B'. To Inpaint Model Conditioning, with noise_mask off."),
                io.Image.Output("marked", tooltip="The grid with letters and arrows, for a vision language model."),
                AnalogyGridType.Output("layout", tooltip="Where everything lies. To the cropper and the patches."),
            ],
        )

    @classmethod
    def execute(
        cls,
        a: Tensor,
        a_prime: Tensor,
        b: Tensor,
        layout: str,
        cell_width: int,
        cell_height: int,
        fit: str,
        gutter: int,
        b_prime_init: Tensor | None = None,
    ) -> io.NodeOutput:
        geometry = AnalogyGrid(
            cell_width, cell_height, Layout(layout), Fit(fit), gutter, b_size=(b.shape[2], b.shape[1])
        )
        images = {name: from_tensor(batch, name) for name, batch in (("a", a), ("a_prime", a_prime), ("b", b))}
        if b_prime_init is not None:
            images["b_prime_init"] = from_tensor(b_prime_init, "b_prime_init")
        grid, canvas = [], []
        for pair_and_b in together(images):
            init = pair_and_b.pop("b_prime_init", None)
            grid.append(grids.compose(geometry, **pair_and_b))
            canvas.append(grids.canvas(geometry, grid[-1], init))
        marked = to_tensor(marks.mark(geometry, image) for image in grid)
        mask = to_tensor([grids.mask(geometry)] * len(grid))
        preview = ui.PreviewImage(to_tensor(marks.name_images(geometry, image) for image in grid), cls=cls)
        return io.NodeOutput(to_tensor(grid), to_tensor(canvas), mask, marked, geometry, ui=preview)


class GridCropper(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistGridCropper",
            display_name="Analogist Grid Cropper",
            category=CATEGORY,
            description="Cuts one image, usually B', out of a sampled grid, without the white lines around it.",
            search_aliases=["image analogy", "crop cell", "B' result", "split grid"],
            inputs=[
                io.Image.Input("image", tooltip="The decoded grid, also after scaling. A batch gives a batch."),
                AnalogyGridType.Input("layout", tooltip="From the grid builder that made the grid."),
                io.Combo.Input("cell", options=["B'", "A", "A'", "B"], default="B'", tooltip="Which image to cut out."),
                io.Combo.Input(
                    "size",
                    options=[size.value for size in CropSize],
                    default=CropSize.CELL.value,
                    tooltip="cell: the size of the cell. original B: back to the size and shape that B had; padding is "
                    "cut off. With fit crop it is the part of B that was kept, at B's own scale.",
                ),
            ],
            outputs=[io.Image.Output("image", tooltip="The picture that was cut out. To Save Image.")],
        )

    @classmethod
    def execute(cls, image: Tensor, layout: AnalogyGrid, cell: str, size: str) -> io.NodeOutput:
        return io.NodeOutput(grids.crop_tensor(layout, image, layout.sheet.cell(cell), CropSize(size)))
