"""`python -m analogist prompt-diffusion`: run Prompt Diffusion on diffusers, and make its file smaller and safe."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ..prompt_diffusion.tasks import (
    NEGATIVE_PROMPT,
    Task,
    texts,
)
from ..published import SUFFIX

output, errors = Console(), Console(stderr=True)


def run(
    pictures: Annotated[list[Path], typer.Argument(help="A, A' and B; or B alone, to leave the example out.")],
    model: Annotated[
        str,
        typer.Option(
            envvar="PROMPT_DIFFUSION_MODEL",
            help="Stable Diffusion 1.x: the published checkpoint, whose decoder is tuned, or any other file or folder.",
        ),
    ],
    control: Annotated[
        Path | None,
        typer.Option(help="The control network in any of its forms; by default it is taken from --model."),
    ] = None,
    task: Annotated[Task, typer.Option(help="What A' is to A; it decides the words of the prompt.")] = Task.PICTURE,
    prompt: Annotated[str, typer.Option(help='What B\' shows; needed for "map to picture".')] = "",
    output_dir: Annotated[Path, typer.Option(help="Where the pictures are written.")] = Path(
        "results/prompt-diffusion"
    ),
    res: Annotated[int, typer.Option(help="Shorter side in pixels; sides become multiples of 64.")] = 512,
    steps: Annotated[int, typer.Option(help="DDIM steps.")] = 100,
    guidance_scale: Annotated[
        float, typer.Option("--guidance-scale", "--guidance", help="Weight of the prompt.")
    ] = 9.0,
    strength: Annotated[float, typer.Option(help="Factor of the control.")] = 1.0,
    num_images: Annotated[int, typer.Option(help="Pictures made together.")] = 1,
    suffix: Annotated[str, typer.Option(help="Appended to the prompt.")] = SUFFIX,
    negative_prompt: Annotated[str, typer.Option(help="What to keep away from.")] = NEGATIVE_PROMPT,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 42,
    tokenizer: Annotated[
        Path | None, typer.Option(help="Folder with CLIP's vocab.json and merges.txt, for a checkpoint file.")
    ] = None,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Fetch what is missing from Hugging Face.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="cuda, mps or cpu; the GPU by default, where there is one.")
    ] = None,
) -> None:
    """Do to B what A' shows for A; the text decides more than the pair does."""
    if len(pictures) not in (1, 3):
        raise typer.BadParameter(f"{len(pictures)} pictures came; give A, A' and B, or B alone.", param_hint="PICTURES")
    words = texts(task, prompt, suffix, negative_prompt)
    from PIL.Image import Resampling

    from ..images import open_picture
    from ..pipelines.loading import quiet_libraries
    from ..pipelines.prompt_diffusion import (
        Settings,
        load,
        sample,
        size_for,
    )

    quiet_libraries()
    settings = Settings(steps, guidance_scale, strength, num_images)
    opened = [open_picture(path) for path in pictures]
    size = size_for(opened[-1], res)
    *pair, query = (picture.resize(size, Resampling.LANCZOS) for picture in opened)
    with errors.status("Loading the model"):
        pipeline = load(model, control or Path(model), device, None, tokenizer=tokenizer, allow_download=allow_download)
    with _bar(MofNCompleteColumn()) as bar:
        step = bar.add_task("Painting", total=steps)
        example = (pair[0], pair[1]) if pair else None
        painted = sample(pipeline, example, query, words, settings, seed, lambda: bar.advance(step))
    output_dir.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(painted, 1):
        picture.save(output_dir / f"b_prime_{number}.png")
    _say(f"The pictures are in {output_dir}: b_prime_1.png to b_prime_{len(painted)}.png.")


def convert(
    source: Annotated[Path, typer.Argument(help="The published .ckpt, or any other form of the weights.")],
    target: Annotated[Path, typer.Argument(help="The new .safetensors file.")],
    control_only: Annotated[bool, typer.Option("--control-only", help="The control network alone.")] = False,
) -> None:
    """Write the weights as .safetensors in half precision; a file with code inside is refused and not run."""
    from ..prompt_diffusion.convert import convert as write

    bar = _bar(DownloadColumn())
    written = bar.add_task("Writing", total=None)

    def on_tensor(done: int, total: int) -> None:
        bar.start()  # Not before: a file that is refused needs no bar.
        bar.update(written, completed=done, total=total)

    try:
        size = write(source, target, control_only, on_tensor)
    finally:
        bar.stop()
    _say(f"The weights are in {target}: {size / 1e9:.2f} GB, in place of {source.stat().st_size / 1e9:.2f}.")


def _bar(count: ProgressColumn) -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), count, TimeRemainingColumn(), console=errors)


def _say(sentence: str) -> None:
    output.print(Text(sentence), soft_wrap=True)
