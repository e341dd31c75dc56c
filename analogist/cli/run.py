"""`python -m analogist run`: B' for A, A' and B, with the flags and the files of the published program."""

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..files.names import distinct_stems
from ..files.reading import read_text
from ..files.writing import whole_file
from ..published import SEED
from .console import quiet_libraries, say, step_bar
from .grid import composed
from .options import GridOptions, ModelOptions, SamplingOptions, Seed

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.PngImagePlugin import PngInfo

    from ..grid import AnalogyGrid


def run(
    grid: GridOptions,
    sampling: SamplingOptions,
    model: ModelOptions,
    images: Annotated[
        list[Path] | None, typer.Argument(help="A, A' and B, or several B; or one image, a finished grid.")
    ] = None,
    input_grid: Annotated[
        Path | None, typer.Option(help="A finished grid, as an option for compatibility with the published program.")
    ] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="Prompt that describes B'. Can be repeated.")] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="File with one prompt per line.")] = None,
    output_dir: Annotated[
        Path, typer.Option(help="Folder in which sample_<n> is created, or one folder per B when there are several.")
    ] = Path("results"),
    seed: Seed = SEED,
) -> None:
    """Render B' for A, A' and B, or for a finished grid; one run per prompt.

    With several B each gets a folder of its name, written as soon as it is finished; a repeated run skips those.
    """
    sources = [*(images or []), *([input_grid] if input_grid else [])]
    if len(sources) in (0, 2):
        raise typer.BadParameter(
            f"expected A, A' and B (or several B), or one grid, got {len(sources)} images.", param_hint="IMAGES"
        )
    if len(sources) == 1 and grid.pair:
        raise typer.BadParameter("a finished grid takes no more pairs.", param_hint="--pair")
    if bool(prompt) == bool(prompt_file):
        raise typer.BadParameter("give either --prompt or --prompt-file.", param_hint="--prompt")
    _ = model.chosen  # Before anything is read.
    quiet_libraries()
    from ..pipelines.inpainting import sample

    settings = sampling.settings()
    prompts = _read_prompts(prompt_file) if prompt_file else prompt or []
    stems = distinct_stems([text + settings.suffix for text in prompts], settings.images_per_prompt)
    pair, queries = (sources[:2], sources[2:]) if len(sources) > 2 else ([], sources)
    todo = _todo(queries, output_dir, stems, settings.images_per_prompt)
    if not todo:
        say(f"Every B has its images in {output_dir}.")
        return
    inputs = (_input(grid, [*pair, query]) for query in todo)
    ready = [next(inputs)]  # What is wrong with the images comes before the model.
    loaded = model.load()
    bar, on_step = step_bar(len(todo) * len(prompts) * len(settings.timesteps))
    runs = (
        (geometry, image, sample(loaded, geometry, image, prompts, settings, loaded.generator(seed), on_step))
        for geometry, image in chain(ready, inputs)
    )
    first = next(runs)  # What is wrong with the layers comes before the bar.
    with bar:
        for (geometry, image, results), own_folder in zip(chain([first], runs), todo.values(), strict=True):
            folder = own_folder or _new_folder(output_dir)
            # Before anything is rendered: what the file system refuses must not cost a finished image.
            _make_folder(folder, stems, settings.images_per_prompt)
            for stem, grids in zip(stems, results, strict=True):
                _write(folder, stem, geometry, image, grids)
    say(f"The images are in {folder if len(queries) == 1 else output_dir}.")


def _todo(queries: Sequence[Path], output_dir: Path, stems: Sequence[str], number: int) -> dict[Path, Path | None]:
    """Every B, or grid, that has not all its images; with many B its own folder."""
    if len(queries) == 1:
        return {queries[0]: None}
    folders = [output_dir / name for name in distinct_stems([query.stem for query in queries], 0)]
    return {
        query: folder
        for query, folder in zip(queries, folders, strict=True)
        if not all((folder / f"{stem}_{number}.png").exists() for stem in stems)
    }


def _input(options: GridOptions, sources: Sequence[Path]) -> tuple["AnalogyGrid", "Image"]:
    """The grid of three images; or a finished one, resized as in the published program."""
    from ..images import open_image

    if len(sources) == 3:
        return composed(options, *sources)
    geometry = options.geometry()
    return geometry, open_image(sources[0]).resize(geometry.size)


def _read_prompts(path: Path) -> list[str]:
    """The published format: the whole file stripped, one prompt in each line."""
    text = read_text(path, "prompt file").strip()
    if not text:
        raise ValueError(f"The prompt file {str(path)!r} is empty: expected one prompt per line.")
    return text.split("\n")


def _new_folder(parent: Path) -> Path:
    """A new folder sample_<n>; n counts those that are there, as in the published program."""
    parent.mkdir(parents=True, exist_ok=True)
    first = len(list(parent.glob("sample_*")))
    folder = next(path for n in count(first) if not (path := parent / f"sample_{n}").exists())
    folder.mkdir()
    return folder


def _make_folder(folder: Path, stems: Sequence[str], images: int) -> None:
    """Create the folder, and raise OSError if the file system does not accept the longest name of a prompt."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem in stems:
        path = folder / f"{stem}_{images}.png"  # The longest of its files.
        if not path.exists():  # Of a run that was stopped between two prompts.
            path.touch()
            path.unlink()


def _write(folder: Path, stem: str, geometry: "AnalogyGrid", image: "Image", grids: Sequence["Image"]) -> None:
    """The strip of one prompt, and every B'."""
    from ..cells import Cell
    from ..grid import CropSize, crop
    from ..scores.strips import join, png_text

    def save(image: "Image", name: str, text: "PngInfo | None" = None) -> None:
        with whole_file(folder / f"{name}.png") as file:
            image.save(file, "PNG", pnginfo=text)

    save(join(geometry, image, grids), stem, png_text(geometry))
    size = CropSize.CELL if geometry.b_size is None else CropSize.ORIGINAL_B
    for number, one in enumerate(grids, start=1):
        save(crop(geometry, one, Cell.B_PRIME, size), f"{stem}_{number}")
