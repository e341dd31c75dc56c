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
        io.Image.Input("a", display_name="A", tooltip="The example image before the change."),
        io.Image.Input("a_prime", display_name="A'", tooltip="The example image after the change."),
        io.Image.Input(
            "b",
            display_name="B",
            tooltip="The image to change in the same way. A batch of B with one pair A, A' gives one grid per image.",
        ),
        io.Combo.Input(
            "layout",
            options=[layout.value for layout in Layout],
            default=Layout.ROWS.value,
            tooltip="pairs in rows: A and A' are aligned, with the same content in the same place. "
            "pairs in columns: A and B are aligned, and A' is not.",
        ),
        io.Int.Input(
            "cell_width",
            default=256,
            min=64,
            max=2048,
            step=64,
            tooltip="Width of one cell in pixels. The grid is twice as wide: cells of 256x256 give the paper's 512x512 grid.",
        ),
        io.Int.Input("cell_height", default=256, min=64, max=2048, step=64, tooltip="Height of one cell in pixels."),
        io.Combo.Input(
            "fit",
            options=[fit.value for fit in Fit],
            default=Fit.STRETCH.value,
            tooltip="How an image is resized to its cell. stretch: ignores the aspect ratio, as in the paper. "
            "crop: center crop. pad: keeps the whole image and adds white bars.",
        ),
        io.Int.Input(
            "gutter",
            default=2,
            min=0,
            max=64,
            step=2,
            advanced=True,
            tooltip="Width of the white lines around the images, in pixels. The paper uses 2; other values give lines of unequal width.",
        ),
        io.Image.Input(
            "b_prime_init",
            display_name="B' init",
            optional=True,
            tooltip="Initial image of the B' cell, instead of the copy of its left neighbor. Has an effect at strengths below 1.",
        ),
    ]


class GridBuilder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistGridBuilder",
            display_name="Analogist Grid Builder",
            category=CATEGORY,
            description="Combines A, A' and B into a 2x2 grid. The model renders the fourth cell, B', so that A is to A' as B is to B'.",
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
                io.Image.Output("grid", tooltip="The grid with a black B' cell."),
                io.Image.Output(
                    "canvas",
                    tooltip="The grid with the initial content of B', from which sampling starts. Connect to pixels of InpaintModelConditioning.",
                ),
                io.Mask.Output(
                    "mask",
                    tooltip="The B' cell. Connect to mask of InpaintModelConditioning, and turn noise_mask off there.",
                ),
                io.Image.Output(
                    "marked",
                    tooltip="The grid with letters and arrows, for a vision language model. Connect to Analogist Vision Prompter.",
                ),
                AnalogyGridType.Output(
                    "layout",
                    tooltip="Geometry of the grid. Connect to Analogist Grid Cropper and, optionally, to the patches.",
                ),
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
            description="Crops one cell, usually B', from a sampled grid, without the white lines around it.",
            search_aliases=["image analogy", "crop cell", "B' result", "split grid"],
            inputs=[
                io.Image.Input(
                    "image", tooltip="The decoded grid. It may have been upscaled or downscaled. Batches are supported."
                ),
                AnalogyGridType.Input("layout", tooltip="From the Analogist Grid Builder that made the grid."),
                io.Combo.Input("cell", options=["B'", "A", "A'", "B"], default="B'", tooltip="The cell to crop."),
                io.Combo.Input(
                    "size",
                    options=[size.value for size in CropSize],
                    default=CropSize.CELL.value,
                    tooltip="cell: size of the cell. original B: resized to the original size of B, without padding. "
                    "With fit crop: the part of B that was kept, at the original scale of B.",
                ),
            ],
            outputs=[io.Image.Output("image", tooltip="The cropped image.")],
        )

    @classmethod
    def execute(cls, image: Tensor, layout: AnalogyGrid, cell: str, size: str) -> io.NodeOutput:
        return io.NodeOutput(grids.crop_tensor(layout, image, layout.sheet.cell(cell), CropSize(size)))
