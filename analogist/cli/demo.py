"""`python -m analogist demo`: analogies that run without any other file."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..published import DEFAULT, SEED
from .console import quiet_libraries, say, step_bar
from .options import ModelOptions, Seed


def demo(
    model: ModelOptions,
    output_dir: Annotated[Path, typer.Option(help="Output folder.")] = Path("outputs/demo"),
    steps: Annotated[int | None, typer.Option(min=1, help="DDIM steps. Default: 25, or 50 with --model.")] = None,
    seed: Seed = SEED,
) -> None:
    """Render six analogies of drawings with the demo model, or with --model one of photographs."""
    quiet_libraries()
    from ..demo import analogies
    from ..demo import model as demo_model
    from ..pipelines.inpainting import Settings

    if model.model is None:
        loaded = demo_model.load(device=model.device or "cpu")
        number, solve, settings = len(analogies.read_drawings()), analogies.drawings, analogies.DRAWINGS_SETTINGS
        settings = replace(settings, steps=steps or settings.steps)
    else:
        loaded = model.load()
        number, solve = 1, analogies.photographs
        settings = Settings(steps=steps or DEFAULT.steps, images_per_prompt=1)
    bar, on_step = step_bar(number * len(settings.timesteps))
    with bar:
        images, prompt = solve(loaded, settings, seed, on_step)
    output_dir.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        image.save(output_dir / f"{name}.png")
    (output_dir / "prompt.txt").write_text(prompt + "\n", encoding="utf-8")
    say(f"Look at {output_dir / 'contact_sheet.png'}; beside it are {', '.join(images)} and the prompt.")
