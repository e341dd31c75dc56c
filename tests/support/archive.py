"""The archive that the registry gets: what git tracks, without what .comfyignore names."""

import shutil
import subprocess
from pathlib import Path

import pytest

from .golden import PROJECT


def _listed(*options: str) -> set[Path]:
    command = ["git", "ls-files", "-z", "--cached", *options]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return {Path(name) for name in answer.stdout.split("\0") if name}


def archived() -> list[Path]:
    """The files, relative to the project; skips, by name, where git cannot say what they are."""
    if shutil.which("git") is None or not (PROJECT / ".git").exists():
        pytest.skip("this is no git clone, so the files of the archive are unknown")
    return sorted(_listed() - _listed("--ignored", "--exclude-from=.comfyignore"))


def unpacked(folder: Path) -> Path:
    """A copy of the archive's files."""
    for file in archived():
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / file, target)
    return folder
