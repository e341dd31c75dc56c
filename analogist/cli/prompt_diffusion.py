"""`python -m analogist prompt-diffusion`: run Prompt Diffusion on diffusers, and make its file smaller and safe."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import DownloadColumn

from ..prompt_diffusion.settings import SHORTER_SIDE, Settings
from ..prompt_diffusion.tasks import NEGATIVE_PROMPT, Task, texts
from ..published import SEED, SUFFIX
from .console import bars, errors, quiet_libraries, say, step_bar
from .options import AllowDownload, Device, Guidance, NegativePrompt, Seed, Suffix, Tokenizer


def run(
    images: Annotated[list[Path], typer.Argument(help="A, A' and B, or only B for no example.")],
    model: Annotated[
        str,
        typer.Option(
            envvar="PROMPT_DIFFUSION_MODEL",
            help="Stable Diffusion 1.x model: the published checkpoint (with its decoder), or another file or folder.",
        ),
    ],
    control: Annotated[
        Path | None,
        typer.Option(help="The ControlNet in any of its formats. Default: taken from --model."),
    ] = None,
    task: Annotated[Task, typer.Option(help="The relation of A and A', which determines the prompt.")] = Task.PICTURE,
    prompt: Annotated[str, typer.Option(help='Description of B\'; required for "map to picture".')] = "",
    output_dir: Annotated[Path, typer.Option(help="Output folder.")] = Path("results/prompt-diffusion"),
    res: Annotated[
        int, typer.Option(help="Shorter side in pixels; sides are rounded to multiples of 64.")
    ] = SHORTER_SIDE,
    steps: Annotated[int, typer.Option(help="DDIM steps.")] = Settings.steps,
    guidance_scale: Guidance = Settings.guidance,
    strength: Annotated[float, typer.Option(help="Strength of the ControlNet.")] = Settings.strength,
    num_images: Annotated[int, typer.Option(help="Batch size.")] = Settings.images,
    suffix: Suffix = SUFFIX,
    negative_prompt: NegativePrompt = NEGATIVE_PROMPT,
    seed: Seed = SEED,
    tokenizer: Tokenizer = None,
    allow_download: AllowDownload = False,
    device: Device = None,
) -> None:
    """Do to B what A' shows for A; the text decides more than the pair does."""
    if len(images) not in (1, 3):
        raise typer.BadParameter(f"expected A, A' and B, or B alone, got {len(images)} images.", param_hint="IMAGES")
    words = texts(task, prompt, suffix, negative_prompt)
    quiet_libraries()
    from PIL.Image import Resampling

    from ..images import open_image
    from ..pipelines.prompt_diffusion import load, sample, size_for

    settings = Settings(steps, guidance_scale, strength, num_images)
    opened = [open_image(path) for path in images]
    size = size_for(opened[-1], res)
    *pair, query = (image.resize(size, Resampling.LANCZOS) for image in opened)
    with errors.status("Loading the model"):
        pipeline = load(model, control or Path(model), device, None, tokenizer=tokenizer, allow_download=allow_download)
    bar, on_step = step_bar(steps)
    with bar:
        example = (pair[0], pair[1]) if pair else None
        results = sample(pipeline, example, query, words, settings, seed, on_step)
    output_dir.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(results, 1):
        image.save(output_dir / f"b_prime_{number}.png")
    say(f"The images are in {output_dir}: b_prime_1.png to b_prime_{len(results)}.png.")


def convert(
    source: Annotated[Path, typer.Argument(help="The published .ckpt, or any other format of the weights.")],
    target: Annotated[Path, typer.Argument(help="The new .safetensors file.")],
    control_only: Annotated[bool, typer.Option("--control-only", help="Only the ControlNet.")] = False,
) -> None:
    """Write the weights as .safetensors in float16; files with pickled code raise an error and are never executed."""
    from ..prompt_diffusion.convert import convert as write

    bar = bars(DownloadColumn())
    written = bar.add_task("Writing", total=None)

    def on_tensor(done: int, total: int) -> None:
        bar.start()  # Not before: a file that is refused needs no bar.
        bar.update(written, completed=done, total=total)

    try:
        size = write(source, target, control_only, on_tensor)
    finally:
        bar.stop()
    say(f"The weights are in {target}: {size / 1e9:.2f} GB, instead of {source.stat().st_size / 1e9:.2f}.")
