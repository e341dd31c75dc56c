"""Before and after sampling: images into the grid, and the result out of it."""

import logging
from collections.abc import Mapping

from comfy_api.latest import io, ui
from torch import Tensor

from ..analogist import grid as grids
from ..analogist import marks
from ..analogist.cells import MOST_PAIRS, Cell, Sheet, cells_for
from ..analogist.grid import AnalogyGrid, CropSize, Fit, Layout
from ..analogist.images import from_tensor, to_tensor, together
from ..analogist.published import GUTTER
from .display import own_id, show
from .types import CATEGORY, AnalogyGridType, AnalogyPairsType, Pairs

FIXED, FROM_B = "fixed", "from B"
OF_B_PRIME, OF_B = "of B'", "of B"
CELLS = ["B'", "A", "A'", "B", *(f"A{number}{mark}" for number in range(2, MOST_PAIRS + 1) for mark in ("", "'"))]


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
            display_name="cell width (px)",
            default=256,
            min=64,
            max=2048,
            step=64,
            tooltip="Width of one cell in pixels. The grid is twice as wide: cells of 256x256 give the paper's 512x512 grid.",
        ),
        io.Int.Input(
            "cell_height",
            display_name="cell height (px)",
            default=256,
            min=64,
            max=2048,
            step=64,
            tooltip="Height of one cell in pixels.",
        ),
        io.Combo.Input(
            "fit",
            options=[fit.value for fit in Fit],
            default=Fit.STRETCH.value,
            tooltip="How an image is resized to its cell. stretch: ignores the aspect ratio, as in the paper. "
            "crop: center crop. pad: keeps the whole image and adds white bars.",
        ),
        io.Int.Input(
            "gutter",
            display_name="gutter (px)",
            default=GUTTER,
            min=0,
            max=64,
            step=2,
            advanced=True,
            tooltip="Width of the white lines around the images, in pixels. The paper uses 2; other values give lines of unequal width.",
        ),
    ]


def _more_builder_inputs() -> list[io.Input]:
    return [
        io.Image.Input(
            "b_prime_init",
            display_name="B' init",
            optional=True,
            tooltip="Initial image of the B' cell, instead of the copy of its left neighbor. Has an effect at strengths below 1.",
        ),
        AnalogyPairsType.Input(
            "pairs",
            optional=True,
            tooltip="More examples of the same edit, from Analogist Pair. Connect layout to both patches then.",
        ),
        io.Combo.Input(
            "cell_size",
            display_name="cell size",
            options=[FIXED, FROM_B],
            default=FIXED,
            optional=True,
            advanced=True,
            tooltip="fixed: cell_width and cell_height. from B: cells of about the aspect ratio of B, at grid_megapixels. "
            "The aspect ratio is within 7% in grids of 1 megapixel, within 20% in grids of 0.26.",
        ),
        io.Float.Input(
            "grid_megapixels",
            display_name="grid size (megapixels)",
            default=0.26,
            min=0.01,
            max=16.0,
            step=0.01,
            optional=True,
            advanced=True,
            tooltip="Size of the whole grid with cell_size from B, within 25%. 0.26: 512x512; 1.05: 1024x1024.",
        ),
    ]


class GridBuilder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistGridBuilder",
            display_name="Analogist Grid Builder",
            category=CATEGORY,
            description="Combines A, A' and B into a 2x2 grid, or more pairs into a larger one. The model renders the last cell, "
            "B', so that A is to A' as B is to B'.",
            search_aliases=[
                "image analogy",
                *("图像类比", "画像アナロジー", "이미지 유추"),
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
            inputs=[*_builder_inputs(), *_more_builder_inputs()],
            hidden=[io.Hidden.unique_id],
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
        pairs: Pairs = (),
        cell_size: str = FIXED,
        grid_megapixels: float = 0.26,
    ) -> io.NodeOutput:
        batches = _named((a, a_prime), *pairs) | {"b": b}
        images = {name: from_tensor(batch, name) for name, batch in batches.items()}
        sheet, b_size = Sheet(1 + len(pairs), Layout(layout)), images["b"][0].size
        if cell_size == FROM_B:
            cell_width, cell_height = cells_for(b_size, sheet, grid_megapixels)
        geometry = AnalogyGrid(cell_width, cell_height, sheet.layout, Fit(fit), gutter, b_size, sheet.pairs)
        if cell_size == FROM_B:
            _tell_of_stretch(geometry, {name: batch[0].size for name, batch in images.items()}, own_id(cls))
        if b_prime_init is not None:
            images["b_prime_init"] = from_tensor(b_prime_init, "b_prime_init")
        grid, canvas = [], []
        for row in together(images):
            examples = [(row[one.key], row[other.key]) for one, other in sheet.examples]
            grid.append(grids.compose(geometry, *examples[0], row["b"], examples[1:]))
            canvas.append(grids.canvas(geometry, grid[-1], row.get("b_prime_init")))
        marked = to_tensor(marks.mark(geometry, image) for image in grid)
        mask = to_tensor([grids.mask(geometry)] * len(grid))
        preview = ui.PreviewImage(to_tensor(marks.name_images(geometry, image) for image in grid), cls=cls)
        return io.NodeOutput(to_tensor(grid), to_tensor(canvas), mask, marked, geometry, ui=preview)


def _named(*pairs: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    """The batches of A and A' by the names of their cells."""
    cells = [
        cell for number in range(1, len(pairs) + 1) for cell in (Cell("A", False, number), Cell("A", True, number))
    ]
    return {cell.key: batch for cell, batch in zip(cells, (one for pair in pairs for one in pair), strict=True)}


def _tell_of_stretch(grid: AnalogyGrid, sizes: Mapping[str, grids.Size], node_id: str | None) -> None:
    """The size of the cells that B asked for, and the images whose own shape is another one."""
    text = f"cells of {grid.cell_width}x{grid.cell_height}"
    stretched = {name: grids.stretch(grid, size) for name, size in sizes.items()}
    far = [f"{name} {100 * (by - 1):.0f}%" for name, by in stretched.items() if by > grids.MOST_STRETCH]
    if far:
        text += f"; stretched by more than 15%: {', '.join(far)} (crop or pad keeps the shape)"
        logging.warning("Analogist Grid Builder: %s", text)
    show(text, node_id)


def _tell_of_uneven_scaling(grid: AnalogyGrid, image: grids.Size, node_id: str | None) -> None:
    """Whether the sides of the image were scaled so differently that its cells have another shape."""
    by = grids.unevenness(grid, image)
    if by > grids.MOST_STRETCH:
        across, down = (side / exact for side, exact in zip(image, grid.size, strict=True))
        text = (
            f"the image is {image[0]}x{image[1]}, the grid of its layout {grid.size[0]}x{grid.size[1]}: width times "
            f"{across:.3g}, height times {down:.3g}, which stretches the cells by {100 * (by - 1):.0f}%. If the image is "
            "another grid, connect the layout of its Grid Builder"
        )
        logging.warning("Analogist Grid Cropper: %s", text)
        show(text, node_id)


class GridCropper(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistGridCropper",
            display_name="Analogist Grid Cropper",
            category=CATEGORY,
            description="Crops one cell, usually B', from a sampled grid, without the white lines around it.",
            search_aliases=["image analogy", "crop cell", "B' result", "split grid"],
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Image.Input(
                    "image", tooltip="The decoded grid. It may have been upscaled or downscaled. Batches are supported."
                ),
                AnalogyGridType.Input("layout", tooltip="From the Analogist Grid Builder that made the grid."),
                io.Combo.Input("cell", options=CELLS, default="B'", tooltip="The cell to crop."),
                io.Combo.Input(
                    "size",
                    options=[size.value for size in CropSize],
                    default=CropSize.CELL.value,
                    tooltip="cell: size of the cell. original B: resized to the original size of B, without padding. "
                    "With fit crop: the part of B that was kept, at the original scale of B.",
                ),
                io.Image.Input(
                    "b",
                    display_name="B",
                    optional=True,
                    tooltip="The original B. Used only with detail of B.",
                ),
                io.Combo.Input(
                    "detail",
                    options=[OF_B_PRIME, OF_B],
                    default=OF_B_PRIME,
                    optional=True,
                    advanced=True,
                    tooltip="of B: low frequencies of B', high frequencies of B, for edits of color only. Requires B, "
                    "cell B' and size original B.",
                ),
            ],
            outputs=[
                io.Image.Output("image", tooltip="The cropped image."),
                io.Mask.Output("mask", tooltip="The valid area of the image: 1, and 0 where B was padded."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        layout: AnalogyGrid,
        cell: str,
        size: str,
        b: Tensor | None = None,
        detail: str = OF_B_PRIME,
    ) -> io.NodeOutput:
        member, target = layout.sheet.cell(cell), CropSize(size)
        cut = grids.crop_tensor(layout, image, member, target)
        _tell_of_uneven_scaling(layout, (image.shape[2], image.shape[1]), own_id(cls))
        if detail == OF_B:
            if b is None or member != Cell.B_PRIME or target is not CropSize.ORIGINAL_B:
                raise ValueError("expected cell B', size original B and a connected B with detail of B: set all three")
            cut = grids.with_detail_of_b(layout, cut, b)
        area = grids.valid_area(layout, (cut.shape[2], cut.shape[1]), member, target)
        return io.NodeOutput(cut, to_tensor([area] * len(cut)))
