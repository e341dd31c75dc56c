"""What a command says: its consoles, its bars, and one red sentence where something is wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..vision.errors import VisionError

EXTRAS = {
    "metrics": ("torchmetrics", "torchvision", "torch_fidelity"),
    "evaluation": ("filelock", "jinja2", "matplotlib", "pydantic", "requests", "tomli", "websocket", "yaml"),
    "parquet": ("pyarrow",),
    "ray": ("ray",),
}
"""Which of our extras brings a library; all others are in "demo"."""

output, errors = Console(), Console(stderr=True)


@contextmanager
def plain_errors() -> Iterator[None]:
    """What a user can do something about becomes one red sentence and exit code 1, never a traceback."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        extra = next((name for name, libraries in EXTRAS.items() if library in libraries), "demo")
        fail(f'This command needs {error.name}, which is not installed: pip install "analogist[{extra}]".')
    except (ValueError, OSError, VisionError) as error:
        fail(str(error))
    except RuntimeError as error:
        # Torch's own class would have to be imported before it is known whether the command needs torch.
        if type(error).__name__ != "OutOfMemoryError":
            raise
        fail("The GPU has too little memory for this: ask for fewer images per prompt or a smaller grid.")


def say(sentence: str) -> None:
    _print(output, sentence)


def warn(sentence: str) -> None:
    _print(errors, sentence, "red")


def _print(console: Console, sentence: str, style: str = "") -> None:
    """Print what the terminal's encoding has, and the rest as numbers: a word is no reason to end a run."""
    encoding = getattr(console.file, "encoding", None) or "utf-8"
    console.print(Text(sentence.encode(encoding, "backslashreplace").decode(encoding), style), soft_wrap=True)


def fail(sentence: str) -> None:
    warn(sentence)
    raise typer.Exit(1)


def bars(*columns: ProgressColumn) -> Progress:
    """Bars with these columns and the time left, not shown yet."""
    return Progress(TextColumn("{task.description}"), BarColumn(), *columns, TimeRemainingColumn(), console=errors)


def step_bar(total: int) -> tuple[Progress, Callable[[], None]]:
    """A bar of sampling steps, not shown yet, and what is to be called after each step."""
    bar = bars(MofNCompleteColumn())
    task = bar.add_task("Sampling", total=total)
    return bar, lambda: bar.advance(task)


def quiet_libraries(*names: str) -> None:
    """Keep notes to programmers off the terminal; errors still come through.

    To be called before anything of diffusers or transformers is imported: they log while they are.
    """
    for name in names or ("transformers", "diffusers"):
        logging = import_module(f"{name}.utils.logging")
        logging.set_verbosity_error()
        logging.disable_progress_bar()
