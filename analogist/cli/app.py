"""The command line: `python -m analogist grid`, `run`, `prompt`, `evaluate`, `score`, `demo` and others.

Flags are those of the published programs, with underscores or hyphens. Torch and diffusers are imported inside the
commands, so that `--help` answers at once.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from . import (
    evaluate as evaluate_command,
)
from . import (
    prompt as prompt_command,
)
from . import (
    prompt_diffusion as prompt_diffusion_command,
)
from . import (
    score as score_command,
)

if TYPE_CHECKING:
    from ..grid import AnalogyGrid
    from ..pipelines.models import InpaintingModel

EXTRAS = {
    "metrics": ("torchmetrics", "torchvision", "torch_fidelity"),
    "evaluation": ("filelock", "jinja2", "matplotlib", "pydantic", "requests", "tomli", "websocket", "yaml"),
    "parquet": ("pyarrow",),
    "ray": ("ray",),
}
"""Which of our extras brings a library; all others are in "demo"."""
LONGEST_NAME = 150
"""Characters of a file name that come from the prompt; file systems stop at 255 bytes."""

app = typer.Typer(
    help="Visual in-context learning: A is to A' as B is to B', painted by an inpainting model (Analogist).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={
        "token_normalize_func": lambda name: name.replace("_", "-"),  # --guidance_scale is --guidance-scale.
        "help_option_names": ["-h", "--help"],
    },
)
output, errors = Console(), Console(stderr=True)


class LayoutName(str, Enum):
    """Layouts as they are typed."""

    ROWS = "rows"
    COLUMNS = "columns"


class FitName(str, Enum):
    """How a picture of another shape gets into its cell."""

    STRETCH = "stretch"
    CROP = "crop"
    PAD = "pad"


class Precision(str, Enum):
    """Names of torch's types."""

    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"


Res = Annotated[int, typer.Option(help="Side of a square grid in pixels; a multiple of 128.")]
CellSide = Annotated[int | None, typer.Option(help="Side of a cell in pixels, in place of --res; a multiple of 64.")]
LayoutOption = Annotated[LayoutName, typer.Option(help="rows where A' is aligned with A, columns where B is.")]
FitOption = Annotated[FitName, typer.Option(help="How pictures of another shape get into their cells.")]
Gutter = Annotated[int, typer.Option(help="Width of the white lines in pixels; even.")]
ModelOption = Annotated[
    str | None,
    typer.Option(
        envvar="ANALOGIST_MODEL",
        help="Stable Diffusion 1.x inpainting model: a diffusers folder, or a .safetensors or .ckpt file.",
    ),
]
TokenizerOption = Annotated[
    Path | None, typer.Option(help="Folder with CLIP's vocab.json and merges.txt, for a checkpoint file.")
]
AllowDownload = Annotated[bool, typer.Option("--allow-download", help="Fetch what is missing from Hugging Face.")]
Device = Annotated[str | None, typer.Option(help="cuda, mps or cpu; the GPU by default, where there is one.")]
Dtype = Annotated[Precision | None, typer.Option(help="Precision; float16 on a GPU and float32 on the CPU by default.")]
Seed = Annotated[int, typer.Option(help="Seed of the noise.")]


@contextmanager
def _plain_errors() -> Iterator[None]:
    """What a user can do something about becomes one red sentence and exit code 1, never a traceback."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        extra = next((name for name, libraries in EXTRAS.items() if library in libraries), "demo")
        _fail(f'This command needs {error.name}, which is not installed: pip install "analogist[{extra}]".')
    except (ValueError, OSError) as error:
        _fail(str(error))
    except RuntimeError as error:
        # Torch's own class would have to be imported before it is known whether the command needs torch.
        if type(error).__name__ != "OutOfMemoryError":
            raise
        _fail("The GPU has too little memory for this: ask for fewer images per prompt or a smaller grid.")


@app.command()
@_plain_errors()
def grid(
    a: Annotated[Path, typer.Argument(help="A, the example.")],
    a_prime: Annotated[Path, typer.Argument(help="A', the example transformed.")],
    b: Annotated[Path, typer.Argument(help="B, the query.")],
    to: Annotated[Path, typer.Option("--output", "-o", help="Where the grid is written.")] = Path("grid.png"),
    res: Res = 512,
    cell_width: CellSide = None,
    cell_height: CellSide = None,
    layout: LayoutOption = LayoutName.ROWS,
    fit: FitOption = FitName.STRETCH,
    gutter: Gutter = 2,
) -> None:
    """Make the 2x2 grid of A, A' and B, and beside it the marked one for a vision model."""
    from ..grid import mark

    geometry = _geometry(res, cell_width, cell_height, layout, fit, gutter)
    geometry, image = _composed(geometry, a, a_prime, b)
    marked = to.with_stem(f"{to.stem}_marked")
    to.parent.mkdir(parents=True, exist_ok=True)
    image.save(to)
    mark(geometry, image).save(marked)
    _say(f"The grid is in {to}, the marked one in {marked}.")


@app.command()
@_plain_errors()
def run(
    pictures: Annotated[
        list[Path] | None, typer.Argument(help="A, A' and B; or one picture, a grid that is ready.")
    ] = None,
    input_grid: Annotated[
        Path | None, typer.Option(help="A grid that is ready, as an option as in the published program.")
    ] = None,
    prompt: Annotated[
        list[str] | None, typer.Option(help="What B' shows, in a few words; may be given several times.")
    ] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="A file with one prompt in each line.")] = None,
    model: ModelOption = None,
    output_dir: Annotated[Path, typer.Option(help="Where a new folder sample_<n> is made.")] = Path("results"),
    res: Res = 512,
    cell_width: CellSide = None,
    cell_height: CellSide = None,
    layout: LayoutOption = LayoutName.ROWS,
    fit: FitOption = FitName.STRETCH,
    gutter: Gutter = 2,
    steps: Annotated[int, typer.Option(help="DDIM steps over the whole schedule.")] = 50,
    strength: Annotated[float, typer.Option(help="Share of the steps that is run; less keeps more of B.")] = 0.98,
    guidance_scale: Annotated[
        float, typer.Option("--guidance-scale", "--guidance", help="Weight of the prompt.")
    ] = 15.0,
    sac_start_layer: Annotated[int, typer.Option(help="First layer of Self-Attention Cloning.")] = 3,
    sac_end_layer: Annotated[int, typer.Option(help="The layer after its last one.")] = 11,
    cam_start_layer: Annotated[int, typer.Option(help="First layer of Cross-Attention Masking.")] = 3,
    cam_end_layer: Annotated[int, typer.Option(help="The layer after its last one.")] = 11,
    scale_sac: Annotated[float, typer.Option(help="Scale of the cloned logits.")] = 1.3,
    num_images_per_prompt: Annotated[int, typer.Option(help="Pictures for each prompt, made together.")] = 8,
    negative_prompt: Annotated[
        str | None, typer.Option(help="What to keep away from; the published words by default.")
    ] = None,
    suffix: Annotated[str | None, typer.Option(help="Appended to each prompt; the published words by default.")] = None,
    seed: Seed = 42,
    tokenizer: TokenizerOption = None,
    allow_download: AllowDownload = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Paint B' for A, A' and B, or for a grid that is ready; one run for each prompt."""
    sources = [*(pictures or []), *([input_grid] if input_grid else [])]
    if len(sources) not in (1, 3):
        raise typer.BadParameter(f"{len(sources)} pictures came; give A, A' and B, or one grid.", param_hint="PICTURES")
    if bool(prompt) == bool(prompt_file):
        raise typer.BadParameter("give either --prompt or --prompt-file.", param_hint="--prompt")
    if model is None:
        raise typer.BadParameter("say which model, here or in ANALOGIST_MODEL.", param_hint="--model")
    _quiet_libraries()
    from ..cells import Cell
    from ..grid import CropSize, canvas, crop
    from ..layers import LayerRange
    from ..pipelines.edits import Edit
    from ..pipelines.inpainting import Settings, sample
    from ..published import NEGATIVE_PROMPT, SUFFIX

    settings = Settings(
        steps=steps,
        strength=strength,
        guidance=guidance_scale,
        edit=Edit(
            sac=LayerRange(sac_start_layer, sac_end_layer),
            cam=LayerRange(cam_start_layer, cam_end_layer),
            scale=scale_sac,
        ),
        images_per_prompt=num_images_per_prompt,
        suffix=SUFFIX if suffix is None else suffix,
        negative_prompt=NEGATIVE_PROMPT if negative_prompt is None else negative_prompt,
    )
    geometry = _geometry(res, cell_width, cell_height, layout, fit, gutter)
    if len(sources) == 3:
        geometry, image = _composed(geometry, *sources)
    else:
        image = _ready(geometry, sources[0])
    prompts = _read_prompts(prompt_file) if prompt_file else prompt or []
    loaded = _load(model, device, dtype, tokenizer, allow_download)
    bar, on_step = _progress(len(prompts) * len(settings.timesteps))
    results = sample(loaded, geometry, image, prompts, settings, loaded.generator(seed), on_step)
    folder = _new_folder(output_dir)
    start = canvas(geometry, image)
    original = CropSize.CELL if geometry.b_size is None else CropSize.ORIGINAL_B
    with bar:
        for text, painted in zip(prompts, results, strict=True):
            file = _free(folder / f"{file_stem(text + settings.suffix)}.png")
            quarters = [one.crop(geometry.cell_box(Cell.B_PRIME)).resize(one.size) for one in painted]
            strip([image, start, *quarters]).save(file)
            for number, one in enumerate(painted, start=1):
                crop(geometry, one, Cell.B_PRIME, original).save(file.with_stem(f"{file.stem}_{number}"))
    _say(f"The pictures are in {folder}.")


@app.command("demo")
@_plain_errors()
def run_demo(
    model: ModelOption = None,
    output_dir: Annotated[Path, typer.Option(help="Where the pictures are written.")] = Path("outputs/demo"),
    steps: Annotated[
        int | None, typer.Option(min=1, help="DDIM steps; 25 by default, and 50 with a model of yours.")
    ] = None,
    seed: Seed = 42,
    tokenizer: TokenizerOption = None,
    allow_download: AllowDownload = False,
    device: Device = None,
    dtype: Dtype = None,
) -> None:
    """Solve analogies of drawings with the model that comes with the pack; with --model, one of photographs."""
    _quiet_libraries()
    from ..demo import analogies as demo
    from ..demo import model as demo_model
    from ..pipelines.inpainting import Settings

    if model is None:
        loaded = demo_model.load(device=device or "cpu")
        number, show = demo.DRAWINGS, demo.drawings
        settings = replace(demo.DRAWINGS_SETTINGS, steps=steps or demo.DRAWINGS_SETTINGS.steps)
    else:
        loaded = _load(model, device, dtype, tokenizer, allow_download)
        number, show = 1, demo.photographs
        settings = Settings(steps=steps or 50, images_per_prompt=1)
    bar, on_step = _progress(number * len(settings.timesteps))
    with bar:
        pictures, prompt = show(loaded, settings, seed, on_step)
    output_dir.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        picture.save(output_dir / f"{name}.png")
    (output_dir / "prompt.txt").write_text(prompt + "\n", encoding="utf-8")
    _say(f"Look at {output_dir / 'contact_sheet.png'}; beside it are {', '.join(pictures)} and the prompt.")


app.command()(prompt_command.prompt)
app.add_typer(prompt_command.profiles, name="profiles")
app.command()(_plain_errors()(evaluate_command.evaluate))
app.command()(_plain_errors()(score_command.score))
app.command()(_plain_errors()(score_command.compare))
prompt_diffusion = typer.Typer(help="Prompt Diffusion: an example pair, a query and text.", no_args_is_help=True)
for command in (prompt_diffusion_command.run, prompt_diffusion_command.convert):
    prompt_diffusion.command()(_plain_errors()(command))
app.add_typer(prompt_diffusion, name="prompt-diffusion")


def file_stem(prompt: str) -> str:
    """The published name of a result: spaces as "_", no commas and dots; what a file system refuses becomes "-"."""
    name = prompt.replace(" ", "_").replace(",", "").replace(".", "")
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "-", name)[:LONGEST_NAME]


def strip(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one size side by side."""
    width, height = pictures[0].size
    joined = Image.new("RGB", (len(pictures) * width, height))
    for number, picture in enumerate(pictures):
        joined.paste(picture, (number * width, 0))
    return joined


def _geometry(
    res: int, cell_width: int | None, cell_height: int | None, layout: LayoutName, fit: FitName, gutter: int
) -> "AnalogyGrid":
    from ..grid import (
        CELL_STEP,
        AnalogyGrid,
        Fit,
        Layout,
    )

    if res % (2 * CELL_STEP):
        raise ValueError(f"--res is {res}, but must be a multiple of {2 * CELL_STEP} pixels (256, 384, 512, ...).")
    return AnalogyGrid(
        cell_width=res // 2 if cell_width is None else cell_width,
        cell_height=res // 2 if cell_height is None else cell_height,
        layout=Layout(f"pairs in {layout.value}"),
        fit=Fit(fit.value),
        gutter=gutter,
    )


def _composed(geometry: "AnalogyGrid", a: Path, a_prime: Path, b: Path) -> tuple["AnalogyGrid", Image.Image]:
    """The grid of three picture files, and its geometry with the size of B."""
    from ..grid import compose
    from ..images import open_picture

    example, transformed, query = (open_picture(path) for path in (a, a_prime, b))
    return replace(geometry, b_size=query.size), compose(geometry, example, transformed, query)


def _ready(geometry: "AnalogyGrid", path: Path) -> Image.Image:
    """A grid that is ready, brought to the size asked for as in the published program."""
    from ..images import open_picture

    return open_picture(path).resize(geometry.size, Image.Resampling.BICUBIC)


def _read_prompts(path: Path) -> list[str]:
    """The published format: the whole file stripped, one prompt in each line."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ValueError(f"There is no prompt file {str(path)!r}.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"The prompt file {str(path)!r} is not text in UTF-8: {error}.") from error
    if not text:
        raise ValueError(f"The prompt file {str(path)!r} is empty; write one prompt in each line.")
    return text.split("\n")


def _load(
    model: str, device: str | None, dtype: Precision | None, tokenizer: Path | None, allow_download: bool
) -> "InpaintingModel":
    import torch

    from ..pipelines.loading import load_model

    with errors.status("Loading the model"):
        precision = None if dtype is None else getattr(torch, dtype.value)
        return load_model(model, device, precision, tokenizer, allow_download)


def _new_folder(parent: Path) -> Path:
    """A new folder sample_<n>; n counts those that are there, as in the published program."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = _free(parent / f"sample_{len(list(parent.glob('sample_*')))}")
    folder.mkdir()
    return folder


def _free(path: Path) -> Path:
    """The path itself, or the next one with a number behind its name that is not taken."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_stem(f"{path.stem}_{number}")
    return candidate


def _progress(total: int) -> tuple[Progress, Callable[[], None]]:
    """A bar of steps with the time left, not shown yet, and what is to be called after each step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=errors)
    task = bar.add_task("Painting", total=total)
    return bar, lambda: bar.advance(task)


def _fail(sentence: str) -> None:
    errors.print(Text(sentence, style="red"), soft_wrap=True)
    raise typer.Exit(1)


def _say(sentence: str) -> None:
    output.print(Text(sentence), soft_wrap=True)


def _quiet_libraries() -> None:
    from ..pipelines.loading import quiet_libraries

    quiet_libraries()
