"""The command line: `python -m analogist grid`, `run`, `prompt`, `evaluate`, `score`, `demo` and others.

Flags are those of the published programs, with underscores or hyphens. Torch and diffusers are imported inside the
commands, so that `--help` answers at once.
"""

from collections.abc import Callable

import typer

from .compare import compare
from .console import plain_errors
from .demo import demo
from .evaluate import evaluate
from .grid import grid
from .options import PairsCommand, with_groups
from .prompt import profiles, prompt
from .prompt_diffusion import convert
from .prompt_diffusion import run as run_prompt_diffusion
from .run import run
from .score import score

app = typer.Typer(
    help="Visual in-context learning: A is to A' as B is to B', rendered by an inpainting model (Analogist).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={
        "token_normalize_func": lambda name: name.replace("_", "-"),  # --guidance_scale is --guidance-scale.
        "help_option_names": ["-h", "--help"],
    },
)
prompt_diffusion = typer.Typer(help="Prompt Diffusion: image analogies with a ControlNet.", no_args_is_help=True)


def _register(group: typer.Typer, name: str, command: Callable[..., None]) -> None:
    group.command(name, cls=PairsCommand)(with_groups(plain_errors()(command)))


_register(app, "grid", grid)
_register(app, "run", run)
_register(app, "demo", demo)
app.command()(prompt)
app.add_typer(profiles, name="profiles")
_register(app, "evaluate", evaluate)
_register(app, "score", score)
_register(app, "compare", compare)
_register(prompt_diffusion, "run", run_prompt_diffusion)
_register(prompt_diffusion, "convert", convert)
app.add_typer(prompt_diffusion, name="prompt-diffusion")
