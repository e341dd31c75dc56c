"""What the README quotes is what the code says."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = ("analogist", "attention_patches", "controlnet", "loaders", "nodes")
SOURCES = "".join(file.read_text() for room in ROOMS for file in (PROJECT / room).rglob("*.py"))
SAID = re.sub(r'"\s*f?"', "", SOURCES)
"""Sentences that stand on several lines are one."""
README = (PROJECT / "README.md").read_text()
ROWS = [row for row in README.partition("## Troubleshooting")[2].splitlines() if row.startswith("| *")]
QUOTED = [part.strip(" ,;") for row in ROWS for part in re.split(r"[…*]|\d+x\d+", row.split("|")[1]) if len(part) > 8]


@pytest.mark.parametrize("part", QUOTED)
def test_an_error_that_is_explained_is_one_that_is_raised(part: str) -> None:
    assert part in SAID


@pytest.mark.parametrize("title", re.findall(r"\*(Image analogy \d[^*]*)\*", README))
def test_a_template_that_is_named_is_shipped(title: str) -> None:
    assert any(file.stem.startswith(title) for file in (PROJECT / "workflows").glob("*.json"))
