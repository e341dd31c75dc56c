"""Check that a tag may be released, and print its section of the change log.

python -m tools.release v1.2.3

The tag must be `v` and the version in pyproject.toml, and CHANGELOG.md must have a section of that version which is not
empty: `## 1.2.3`, with a date behind it or not. To release, rename *Unreleased* to the version, set the version in
pyproject.toml, commit, and push the tag; .github/workflows/release.yml does the rest.
"""

import re
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]


class ReleaseError(Exception):
    """The tag cannot be released; the text says why and what to do."""


def version(pyproject: str) -> str:
    """The version in the text of a pyproject.toml."""
    project = re.search(r"^\[project\]$(.*?)(?=^\[|\Z)", pyproject, re.MULTILINE | re.DOTALL)
    found = project and re.search(r'^version\s*=\s*"([^"]+)"', project[1], re.MULTILINE)
    if not found:
        raise ReleaseError("expected a version in [project] of pyproject.toml, got none: add it")
    return found[1]


def notes(changelog: str, released: str) -> str:
    """The section of a version, without its heading."""
    heading = rf"^## \[?{re.escape(released)}\]?(?![.\w+-])[^\n]*$"
    section = re.search(rf"{heading}\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not section:
        raise ReleaseError(f"expected a section '## {released}' in CHANGELOG.md, got none: rename the unreleased one")
    if not (text := section[1].strip()):
        raise ReleaseError(f"expected the changes of {released} in CHANGELOG.md, got an empty section: fill it")
    return text


def checked(tag: str, pyproject: str, changelog: str) -> str:
    """The notes of the release, if tag, version and change log agree."""
    expected = f"v{version(pyproject)}"
    if tag != expected:
        raise ReleaseError(f"expected the tag {expected} of pyproject.toml's version, got {tag}: change one of them")
    return notes(changelog, expected.removeprefix("v"))


def main(tag: str) -> None:
    texts = [(PROJECT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CHANGELOG.md")]
    try:
        print(checked(tag, *texts))
    except ReleaseError as error:
        sys.exit(f"{tag}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
