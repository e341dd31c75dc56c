"""Options that commands share, each said once, and groups of them as dataclasses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import wraps
from inspect import Parameter, Signature, signature
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
import typer.core

from ..cells import CELL_STEP, Fit, Layout, Sheet, Size, cells_for
from ..devices import Precision
from ..layers import LayerRange, Numbering, sac_and_cam
from ..published import DEFAULT, GUTTER, LARGEST_SEED, NEGATIVE_PROMPT, SIDE, SUFFIX

if TYPE_CHECKING:
    from ..grid import AnalogyGrid
    from ..pipelines.inpainting import Settings
    from ..pipelines.models import InpaintingModel


class LayoutName(str, Enum):
    """Layouts as they are typed."""

    ROWS = "rows"
    COLUMNS = "columns"

    def layout(self) -> Layout:
        return Layout[self.name]


class NumberingName(str, Enum):
    """Numberings of layers as they are typed."""

    SD15 = "sd15"
    OWN = "own"

    def numbering(self) -> str:
        return Numbering[self.name].value


AllowDownload = Annotated[bool, typer.Option("--allow-download", help="Download missing files from Hugging Face.")]
CellSide = Annotated[int | None, typer.Option(help="Cell size in pixels, instead of --res; a multiple of 64.")]
ClipOption = typer.Option(envvar="ANALOGIST_CLIP", help="CLIP model: a transformers folder, or its name.")
Device = Annotated[str | None, typer.Option(help="cuda, mps or cpu. Default: the GPU, if available.")]
Dtype = Annotated[Precision | None, typer.Option(help="Precision. Default: float16 on a GPU, float32 on the CPU.")]
Guidance = Annotated[float, typer.Option("--guidance-scale", "--guidance", help="Guidance scale (cfg).")]
Model = Annotated[
    str | None,
    typer.Option(
        envvar="ANALOGIST_MODEL",
        help="Stable Diffusion 1.x inpainting model: a diffusers folder, or a .safetensors or .ckpt file.",
    ),
]
NegativePrompt = Annotated[str, typer.Option(help="Negative prompt.")]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the noise.")]
Suffix = Annotated[str, typer.Option(help="Suffix of each prompt.")]
Tokenizer = Annotated[
    Path | None, typer.Option(help="Folder with CLIP's vocab.json and merges.txt, for a checkpoint file.")
]


@dataclass(frozen=True)
class GridOptions:
    """The geometry of a grid from flags."""

    res: Annotated[int, typer.Option(help="Side of a square grid in pixels; a multiple of 128.")] = SIDE
    cell_width: CellSide = None
    cell_height: CellSide = None
    layout: Annotated[
        LayoutName, typer.Option(help="rows if A is aligned with A', columns if A is aligned with B.")
    ] = LayoutName.ROWS
    fit: Annotated[Fit, typer.Option(help="How images are resized to their cells.")] = Fit.STRETCH
    gutter: Annotated[int, typer.Option(help="Width of the white lines in pixels; an even number.")] = GUTTER
    pair: Annotated[
        list[Path] | None,
        typer.Option(metavar="A A'", help="One more example A, A' of the same change; may be given several times."),
    ] = None
    megapixels: Annotated[
        float | None, typer.Option(min=0.01, help="Cells in the shape of B, and a grid of about so many megapixels.")
    ] = None

    @property
    def more_pairs(self) -> list[tuple[Path, Path]]:
        found = self.pair or []
        return list(zip(found[::2], found[1::2], strict=True))

    def geometry(self, b_size: Size | None = None) -> "AnalogyGrid":
        """Of a grid for a B of this size; None where the grid is there already."""
        from ..grid import AnalogyGrid

        if self.res % (2 * CELL_STEP):
            raise ValueError(f"--res must be a multiple of {2 * CELL_STEP} (256, 384, 512, ...), got {self.res}.")
        sheet, half = Sheet(1 + len(self.more_pairs), self.layout.layout()), self.res // 2
        width, height = (half if side is None else side for side in (self.cell_width, self.cell_height))
        if self.megapixels is not None and b_size is not None:
            width, height = cells_for(b_size, sheet, self.megapixels)
        return AnalogyGrid(width, height, sheet.layout, self.fit, self.gutter, b_size, sheet.pairs)


@dataclass(frozen=True)
class ModelOptions:
    """Which model runs, and where."""

    model: Model = None
    tokenizer: Tokenizer = None
    allow_download: AllowDownload = False
    device: Device = None
    dtype: Dtype = None

    @property
    def chosen(self) -> str:
        """The model; an error of the command line where none is named."""
        if self.model is None:
            raise typer.BadParameter("say which model, here or in ANALOGIST_MODEL.", param_hint="--model")
        return self.model

    def load(self) -> "InpaintingModel":
        from ..pipelines.loading import load_model
        from .console import errors

        precision = None if self.dtype is None else self.dtype.of_torch
        with errors.status("Loading the model"):
            return load_model(self.chosen, self.device, precision, self.tokenizer, self.allow_download)


@dataclass(frozen=True)
class SamplingOptions:
    """The settings of the published program, by its flags."""

    steps: Annotated[int, typer.Option(help="Number of DDIM steps at strength 1.")] = DEFAULT.steps
    strength: Annotated[float, typer.Option(help="Fraction of the steps to run; lower values stay closer to B.")] = (
        DEFAULT.strength
    )
    guidance_scale: Guidance = DEFAULT.guidance
    sac_start_layer: Annotated[int, typer.Option(help="First layer of Self-Attention Cloning.")] = DEFAULT.layers.start
    sac_end_layer: Annotated[int, typer.Option(help="End of its layers (not included).")] = DEFAULT.layers.end
    cam_start_layer: Annotated[int, typer.Option(help="First layer of Cross-Attention Masking.")] = DEFAULT.layers.start
    cam_end_layer: Annotated[int, typer.Option(help="End of its layers (not included).")] = DEFAULT.layers.end
    scale_sac: Annotated[float, typer.Option(help="Scale of the copied attention logits.")] = DEFAULT.scale
    num_images_per_prompt: Annotated[int, typer.Option(help="Images per prompt, sampled in one batch.")] = (
        DEFAULT.images_per_prompt
    )
    negative_prompt: NegativePrompt = NEGATIVE_PROMPT
    suffix: Suffix = SUFFIX
    layers: Annotated[
        str, typer.Option(help="Layers of both, such as 4-8 or 3, 5, 7-9, instead of the four numbers.")
    ] = ""
    numbering: Annotated[
        NumberingName, typer.Option(help="What the numbers count: sd15, stages as in SD 1.5; own, this model's blocks.")
    ] = NumberingName.SD15

    def settings(self) -> "Settings":
        from ..pipelines.edits import Edit
        from ..pipelines.inpainting import Settings

        sac, cam = sac_and_cam(
            self.layers,
            self.numbering.numbering(),
            LayerRange(self.sac_start_layer, self.sac_end_layer),
            LayerRange(self.cam_start_layer, self.cam_end_layer),
        )
        return Settings(
            self.steps,
            self.strength,
            self.guidance_scale,
            Edit(sac, cam, self.scale_sac),
            self.num_images_per_prompt,
            self.suffix,
            self.negative_prompt,
        )


PAIR = "--pair"


class PairsCommand(typer.core.TyperCommand):
    """A command whose option `PAIR` takes two values each time, which typer has not for options that are repeated."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_both_named(args)))


def _both_named(args: Sequence[str]) -> Iterator[str]:
    """The arguments with the name of the option before the second value, too."""
    given = iter(args)
    for arg in given:
        yield arg
        if arg == "--":  # What follows are no options.
            yield from given
        elif arg == PAIR:
            yield from islice(given, 1)
        if arg.partition("=")[0] == PAIR:
            yield PAIR


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command for typer: the fields of its dataclass parameters become its options."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = []
    for name, parameter in signature(command).parameters.items():
        if name in groups:
            types = get_type_hints(groups[name], include_extras=True)
            options = [(one.name, types[one.name], one.default) for one in fields(groups[name])]
        else:
            options = [(name, hints[name], parameter.default)]
        parameters += [Parameter(n, Parameter.KEYWORD_ONLY, annotation=hint, default=d) for n, hint, d in options]

    @wraps(command)
    def flat(**values: Any) -> None:
        made = {
            name: group(**{one.name: values.pop(one.name) for one in fields(group)}) for name, group in groups.items()
        }
        command(**values, **made)

    flat.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat
