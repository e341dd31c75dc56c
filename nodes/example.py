"""The images of the shipped workflows, so that a template runs without other files."""

from pathlib import Path

import folder_paths
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

KEPT = "example"
"""In place of an own image: that of the example."""
CELLS = {"a": "A", "a_prime": "A'", "b": "B"}


def _own_images() -> list[io.Input]:
    """An image of the input folder for each of the three; the frontend's App mode shows these with an upload."""
    folder = Path(folder_paths.get_input_directory())
    files = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    options = [KEPT, *folder_paths.filter_files_content_types(files, ["image"])]
    return [
        io.Combo.Input(
            name,
            display_name=cell,
            options=options,
            default=KEPT,
            optional=True,
            upload=io.UploadType.image,
            image_folder=io.FolderType.input,
            tooltip=f"Your own {cell}: an image in ComfyUI/input. {KEPT}: {cell} of the example.",
        )
        for name, cell in CELLS.items()
    ]


class Example(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistExample",
            display_name="Analogist Example",
            category=CATEGORY,
            description="Three example images (A, A', B) that are included in the pack, or your own: choose or upload them here, "
            "or replace the node with three Load Image nodes.",
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
                *_own_images(),
            ],
            outputs=[
                io.Image.Output("A", tooltip="The example image before the change."),
                io.Image.Output("A'", tooltip="The example image after the change."),
                io.Image.Output("B", tooltip="The image to change in the same way."),
            ],
        )

    @classmethod
    def validate_inputs(cls, a: str = KEPT, a_prime: str = KEPT, b: str = KEPT) -> bool | str:
        """In place of the host's look into the options, which hold no results and no images in subfolders."""
        for name, chosen in zip(CELLS, (a, a_prime, b), strict=True):
            if chosen != KEPT and not folder_paths.exists_annotated_filepath(chosen):
                return f"{CELLS[name]}: expected an image in ComfyUI/input, got {chosen!r}: choose or upload it again"
        return True

    @classmethod
    def fingerprint_inputs(
        cls, example: str | None, a: str | None = KEPT, a_prime: str | None = KEPT, b: str | None = KEPT
    ) -> str:
        """Own files, for another image may be saved under the same name; an input with a link is None."""
        own = [
            Path(folder_paths.get_annotated_filepath(chosen))
            for chosen in (a, a_prime, b)
            if chosen not in (None, KEPT)
        ]
        return repr([(str(path), path.stat().st_mtime_ns) for path in own])

    @classmethod
    def execute(cls, example: str, a: str = KEPT, a_prime: str = KEPT, b: str = KEPT) -> io.NodeOutput:
        if example not in EXAMPLES:
            raise ValueError(f"expected one of the examples {', '.join(EXAMPLES)}, got {example!r}")
        paths = [_path(example, name, chosen) for name, chosen in zip(CELLS, (a, a_prime, b), strict=True)]
        images = [to_tensor([open_image(path)]) for path in paths]
        preview = ui.PreviewImage([image[0] for image in images], cls=cls)
        return io.NodeOutput(*images, ui=preview)


def _path(example: str, name: str, chosen: str) -> Path:
    """The file of one image: the user's own, or the example's."""
    return FOLDER / example / f"{name}.png" if chosen == KEPT else Path(folder_paths.get_annotated_filepath(chosen))
