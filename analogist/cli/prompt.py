"""`python -m analogist prompt` and `python -m analogist profiles`: the vision model from the command line."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from PIL.Image import Image

from ..published import WORDS
from ..vision import batch, endpoint
from ..vision import profiles as known_profiles
from ..vision.profiles import Api, Profile
from ..vision.prompter import Prompter, PromptRequest
from ..vision.request import instruction as published_instruction
from .console import plain_errors, say, warn

Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory",
        envvar="ANALOGIST_PROFILES",
        help="Folder of profiles.json, keys and cache; for ComfyUI user/__analogist in its folder. "
        "Default: the user's configuration folder.",
    ),
]


@plain_errors()
def prompt(
    grid: Annotated[Path, typer.Argument(help="A marked grid (input_marked.png), or a folder of marked grids.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="For one grid, a text file with one prompt per line; for a folder, a table."
        ),
    ] = Path("prompts.txt"),
    profile: Annotated[
        str, typer.Option(help='Profile of the endpoint; "analogist profiles list" shows all.')
    ] = "openai",
    model: Annotated[str, typer.Option(help="Model at the endpoint. Default: the profile's model.")] = "",
    count: Annotated[int, typer.Option(help="Prompts per grid.")] = 1,
    words: Annotated[int, typer.Option(help="Maximum number of words per prompt.")] = WORDS,
    instruction: Annotated[str, typer.Option(help="Instruction for the model. Default: the published one.")] = "",
    seed: Annotated[int, typer.Option(help="A new seed sends a new request; the same seed uses the cached reply.")] = 0,
    directory: Directory = None,
) -> None:
    """Ask a vision language model for prompts of B'.

    A folder makes a table as in the published evaluation: the name of a grid, a tab, its prompts with tabs between
    them. A second run asks only for the grids that are missing, and for those whose image or request has changed.
    """
    where = directory or default_directory()
    request = PromptRequest(profile, model, count, instruction or published_instruction(words), seed)
    if grid.is_dir():
        _prompt_folder(grid, output, request, where)
    else:
        batch.check_output(output)
        result = asyncio.run(Prompter().infer(_opened(grid), request, where))
        # No line break at the end, as in the published files.
        output.write_text("\n".join(result.answer.prompts), encoding="utf-8")
        say("\n".join([*result.answer.prompts, result.summary()]))


profiles = typer.Typer(help="Manage endpoints of vision language models and their API keys.", no_args_is_help=True)


@profiles.command("list")
@plain_errors()
def list_profiles(directory: Directory = None) -> None:
    """Show every profile, its address, its model, and whether its key is there."""
    where = directory or default_directory()
    for profile in known_profiles.known(where).values():
        say(f"{profile.name:12} {profile.endpoint}  {profile.model or '(no model)'}  {_key_state(profile, where)}")
    say(f"Your profiles and keys are stored in {where}")


@profiles.command()
@plain_errors()
def add(
    name: Annotated[str, typer.Argument(help="A name of your choice.")],
    base_url: Annotated[str, typer.Argument(help="Base URL: https, or http for localhost.")],
    model: Annotated[str, typer.Option(help="Default model.")] = "",
    key_variable: Annotated[str, typer.Option(help="Environment variable of the API key.")] = "",
    key_file: Annotated[str, typer.Option(help="File of the API key, relative to the profiles folder.")] = "",
    ask_key: Annotated[
        bool, typer.Option("--ask-key", help="Enter the API key now (hidden); it is stored in a file.")
    ] = False,
    api: Annotated[Api, typer.Option(help="The protocol.")] = Api.CHAT,
    timeout: Annotated[float, typer.Option(help="Timeout of a request in seconds.")] = 120.0,
    directory: Directory = None,
) -> None:
    """Add a profile, or replace one. The key is never an argument, because the shell keeps arguments in its history."""
    where = directory or default_directory()
    file = key_file or (f"{name}.key" if ask_key else None)
    entry = {"base_url": base_url, "model": model, "key_variable": key_variable or None, "key_file": file}
    profile = known_profiles.validated(name, {**entry, "api": api, "timeout": timeout})
    path = known_profiles.add(profile, where)
    if ask_key and file:
        known_profiles.write_private(where / file, typer.prompt("Key", hide_input=True) + "\n")
    say(f"The profile {name!r} is in {path}: {_key_state(profile, where)}")


@profiles.command("test")
@plain_errors()
def check(name: str, directory: Directory = None) -> None:
    """Ask a profile's endpoint for its models, which costs nothing, and say whether the profile will work."""
    where = directory or default_directory()
    profile = known_profiles.find(name, where)
    offered = asyncio.run(endpoint.models(profile, known_profiles.key(profile, where)))
    say("\n".join(f"{model}  ends on {end}" if end else model for model, end in sorted(offered.items())))
    if profile.model and not endpoint.is_offered(profile.model, offered):
        raise ValueError(
            f"The endpoint does not list the profile's model {profile.model!r}; available models are listed above."
        )
    say(f"The profile {name!r} works; its model is {profile.model or 'not set: use --model'}.")


def default_directory() -> Path:
    """The configuration folder of this user, as the platform has it."""
    return Path(typer.get_app_dir("analogist"))


def _opened(grid: Path) -> Image:
    from ..images import open_image  # Needs torch, whose import takes seconds that --help should not.

    return open_image(grid)


def _prompt_folder(folder: Path, output: Path, request: PromptRequest, directory: Path) -> None:
    """Fill a table of prompts, and say what became of every grid."""
    problems, unrecorded = 0, 0
    for outcome in batch.run(folder, output, request, directory, _opened):
        unrecorded += not outcome.recorded
        if outcome.problem:
            problems += 1
            warn(f"{outcome.name}: {outcome.problem}")
        elif not outcome.kept:
            say(f"{outcome.name}: {', '.join(outcome.prompts)}")
    if unrecorded:
        say(f"{unrecorded} rows of {str(output)!r} were there before and are kept: how they were made is not recorded.")
    if problems:
        raise ValueError(f"{problems} of {len(batch.grids(folder))} grids have no prompt.")


def _key_state(profile: Profile, directory: Path) -> str:
    try:
        return "key found" if known_profiles.key(profile, directory) else "no key needed"
    except ValueError as error:
        return str(error)
