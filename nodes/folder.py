"""A folder of B: the images that have no result yet, each with the name to save its result under."""

import re
from pathlib import Path

import folder_paths
from comfy_api.latest import io
from comfy_execution.graph_utils import ExecutionBlocker

from ..analogist.files.reading import images_in
from ..analogist.images import open_image, to_tensor
from .display import own_id, show
from .types import CATEGORY


class Folder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistFolder",
            display_name="Analogist Folder",
            category=CATEGORY,
            description="Loads the images of a folder that have no saved result yet, with a filename_prefix for Save Image: "
            "results are named after their B, and an interrupted run can be continued.",
            search_aliases=["load images from folder", "batch", "directory", "for each", "resume", "image list"],
            inputs=[
                io.Combo.Input(
                    "folder",
                    options=folder_paths.get_input_subfolders(),
                    tooltip="A folder in ComfyUI/input.",
                ),
                io.String.Input(
                    "results",
                    default="Analogist/folder",
                    tooltip="Folder for the results, in ComfyUI/output. Images that have a result there are skipped.",
                ),
                io.Int.Input(
                    "at_most",
                    display_name="images per run (0: all)",
                    default=1,
                    min=0,
                    max=100000,
                    tooltip="Images per run. 1: each result is saved before the next image starts; set the number of runs beside "
                    "Run. 0: all in one run, saved at its end.",
                ),
            ],
            outputs=[
                io.Image.Output("images", is_output_list=True, tooltip="The images, in order of their names."),
                io.String.Output("prefixes", is_output_list=True, tooltip="Connect to filename_prefix of Save Image."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str, results: str, at_most: int) -> str:
        """The images without a result, which change with every saved result."""
        images = _images(folder)
        left = _without_result(images, results)
        return repr([(prefix, path.stat().st_mtime_ns) for prefix, path in left.items()])

    @classmethod
    def execute(cls, folder: str, results: str, at_most: int) -> io.NodeOutput:
        images = _images(folder)
        left = _without_result(images, results)
        now = dict(list(left.items())[: at_most or None])
        show(
            f"{len(images) - len(left)} of {len(images)} have a result; now: {', '.join(now) or 'nothing'}", own_id(cls)
        )
        if not now:
            done = ExecutionBlocker(None)  # Nothing is left to do, which is no error.
            return io.NodeOutput([done], [done])
        return io.NodeOutput([to_tensor([open_image(path)]) for path in now.values()], list(now))


def _images(folder: str) -> list[Path]:
    """The image files right in a folder of the input directory, in order of their names.

    Raises:
        ValueError: no such folder, or none in it.
    """
    if folder not in folder_paths.get_input_subfolders():
        raise ValueError(f"expected a folder in ComfyUI/input, got {folder!r}: put it there and choose it again")
    found = images_in(Path(folder_paths.get_input_directory()) / folder)
    if not found:
        raise ValueError(f"expected images in the folder {folder!r} of ComfyUI/input, got none: put some there")
    return found


def _without_result(images: list[Path], results: str) -> dict[str, Path]:
    """Images by the prefix that their results are saved with, as far as Save Image has saved none.

    Raises:
        ValueError: `results` is not inside the output directory.
    """
    output = Path(folder_paths.get_output_directory()).resolve()
    target = (output / results).resolve()
    if not target.is_relative_to(output):
        raise ValueError(f"expected a folder inside ComfyUI/output, got {results!r}")
    saved = [path.name for path in target.iterdir()] if target.is_dir() else []
    done = {match[1] for name in saved if (match := re.fullmatch(r"(.+)_\d{5,}_\.png", name))}
    stems = [path.stem.lower() for path in images]
    left = {}
    for path in images:
        # Two files a.png and a.jpg are two images; "%" would be a date for Save Image.
        stem = path.name if stems.count(path.stem.lower()) > 1 else path.stem
        name = stem.replace("%", "-")
        if name not in done:
            left[f"{results.strip('/')}/{name}"] = path
    return left
