"""`python -m analogist prompt` and `python -m analogist profiles`: the vision model from the command line."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from ..vision import endpoint as vision_llm
from ..vision import profiles as known_profiles
from ..vision.endpoint import Dialects, VisionError
from ..vision.profiles import Api, Profile
from ..vision.prompter import Inferred, Wish, infer
from ..vision.replies import ReplyError
from ..vision.request import instruction as published_instruction

PICTURES = (".png", ".jpg", ".jpeg", ".webp")

Directory = Annotated[
    Path | None,
    typer.Option(
        "--directory",
        envvar="ANALOGIST_PROFILES",
        help="Where profiles.json, keys and cache are. ComfyUI's own is user/__analogist in its folder. "
        "By default the configuration folder of this user.",
    ),
]


def prompt(
    grid: Annotated[Path, typer.Argument(help="A marked grid (input_marked.png), or a folder of marked grids.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="For one grid a text file, one prompt per line; for a folder a table."),
    ] = Path("prompts.txt"),
    profile: Annotated[str, typer.Option(help='Where to ask; "analogist profiles list" shows all.')] = "openai",
    model: Annotated[str, typer.Option(help="Which model; by default the profile's own.")] = "",
    count: Annotated[int, typer.Option(help="How many prompts for each grid.")] = 1,
    words: Annotated[int, typer.Option(help="How many words a prompt may have.")] = 5,
    instruction: Annotated[str, typer.Option(help="What to tell the model in place of the published text.")] = "",
    seed: Annotated[int, typer.Option(help="Another seed asks again; the same one costs nothing.")] = 0,
    directory: Directory = None,
) -> None:
    """Ask a vision language model for prompts of B'.

    A folder makes a table as in the published evaluation: the name of a grid, a tab, its prompts with tabs between
    them; a second run asks only for the grids that are missing.
    """
    where = directory or default_directory()
    try:
        wish = Wish(profile, model, count, instruction or published_instruction(words), seed)
        if grid.is_dir():
            _prompt_folder(grid, output, wish, where)
        else:
            inferred = _ask(grid, wish, where, {})
            # No line break at the end, as in the published files.
            output.write_text("\n".join(inferred.answer.prompts), encoding="utf-8")
            typer.echo("\n".join([*inferred.answer.prompts, inferred.summary()]))
    except (ValueError, VisionError) as error:
        raise _exit(error) from None


profiles = typer.Typer(help="Where vision models are asked, and with which keys.", no_args_is_help=True)


@profiles.command("list")
def list_profiles(directory: Directory = None) -> None:
    """Show every profile, its address, its model, and whether its key is there."""
    where = directory or default_directory()
    try:
        for profile in known_profiles.known(where).values():
            typer.echo(
                f"{profile.name:12} {profile.endpoint}  {profile.model or '(no model)'}  {_key_state(profile, where)}"
            )
    except ValueError as error:
        raise _exit(error) from None
    typer.echo(f"Profiles and keys of your own live in {where}")


@profiles.command()
def add(
    name: Annotated[str, typer.Argument(help="A name of your choice.")],
    base_url: Annotated[str, typer.Argument(help="Its address: https, or http to this machine.")],
    model: Annotated[str, typer.Option(help="The model to ask by default.")] = "",
    key_variable: Annotated[str, typer.Option(help="The environment variable that holds the key.")] = "",
    key_file: Annotated[str, typer.Option(help="A file that holds the key, relative to the profiles.")] = "",
    ask_key: Annotated[bool, typer.Option("--ask-key", help="Type the key now, unseen; it is kept in a file.")] = False,
    api: Annotated[Api, typer.Option(help="The protocol.")] = Api.CHAT,
    timeout: Annotated[float, typer.Option(help="Seconds in which an answer must be there.")] = 120.0,
    directory: Directory = None,
) -> None:
    """Add a profile, or replace one. The key itself is never an argument: those end up in the shell's history."""
    where = directory or default_directory()
    try:
        file = key_file or (f"{name}.key" if ask_key else None)
        profile = Profile(name, base_url, model, key_variable or None, file, api, timeout)
        path = known_profiles.add(profile, where)
        if ask_key and file:
            known_profiles.write_private(where / file, typer.prompt("Key", hide_input=True) + "\n")
    except ValueError as error:
        raise _exit(error) from None
    typer.echo(f"The profile {name!r} is in {path}: {_key_state(profile, where)}")


@profiles.command("test")
def check(name: str, directory: Directory = None) -> None:
    """Ask a profile's endpoint for its models, which costs nothing, and say whether the profile will work."""
    where = directory or default_directory()
    try:
        profile = known_profiles.find(name, where)
        offered = asyncio.run(vision_llm.models(profile, known_profiles.key(profile, where)))
    except (ValueError, VisionError) as error:
        raise _exit(error) from None
    typer.echo("\n".join(f"{model}  ends on {end}" if end else model for model, end in sorted(offered.items())))
    # Google lists "models/gemini-..." and takes the name without the folder.
    if profile.model and profile.model not in {model.removeprefix("models/") for model in offered}:
        raise _exit(f"The endpoint does not list the profile's model {profile.model!r}; it offers those above.")
    typer.echo(f"The profile {name!r} works; its model is {profile.model or 'to be named when asking'}.")


def default_directory() -> Path:
    """The configuration folder of this user, as the platform has it."""
    return Path(typer.get_app_dir("analogist"))


def _ask(grid: Path, wish: Wish, directory: Path, dialects: Dialects) -> Inferred:
    from ..images import open_picture  # Needs torch, whose import takes seconds that --help should not.

    return asyncio.run(infer(open_picture(grid), wish, directory, dialects))


def _prompt_folder(folder: Path, output: Path, wish: Wish, directory: Path) -> None:
    """Fill a table of prompts, writing it after every answer; a grid without an answer does not hold up the others."""
    grids = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not grids:
        raise ValueError(f"There is no picture in {str(folder)!r}: name a folder of marked grids.")
    table = _read_table(output)
    dialects: Dialects = {}
    problems = []
    for number, grid in enumerate(grids, 1):
        if grid.name in table:
            continue
        try:
            inferred = _ask(grid, wish, directory, dialects)
        except ReplyError as error:
            problems.append(f"{grid.name}: {error}")
            continue
        table[grid.name] = inferred.answer.prompts
        # Sorted by name, since the published evaluation matches lines to files by their order alone.
        lines = ["\t".join([name, *table[name]]) for name in sorted(table)]
        known_profiles.write_private(output, "\n".join(lines) + "\n")
        typer.echo(f"{number}/{len(grids)} {grid.name}: {', '.join(inferred.answer.prompts)}")
    if problems:
        raise ValueError("\n".join([*problems, f"{len(problems)} of {len(grids)} grids have no prompt."]))


def _read_table(path: Path) -> dict[str, tuple[str, ...]]:
    if not path.exists():
        return {}
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(row) < 2 for row in rows):
        raise ValueError(f"The file {str(path)!r} is not a table of names and prompts: name another one with -o.")
    return {name: tuple(prompts) for name, *prompts in rows}


def _key_state(profile: Profile, directory: Path) -> str:
    try:
        return "key found" if known_profiles.key(profile, directory) else "no key needed"
    except ValueError as error:
        return str(error)


def _exit(error: object) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)
