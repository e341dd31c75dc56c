"""What the README quotes is what the code says."""

import json
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = ("analogist", "attention_patches", "controlnet", "loaders", "nodes")
SOURCES = "".join(file.read_text(encoding="utf-8") for room in ROOMS for file in (PROJECT / room).rglob("*.py"))
SAID = re.sub(r'"\s*f?"', "", SOURCES)
"""Sentences that stand on several lines are one."""
README = (PROJECT / "README.md").read_text(encoding="utf-8")
CHINESE = (PROJECT / "README_zh.md").read_text(encoding="utf-8")
ROWS = [row for row in README.partition("## Troubleshooting")[2].splitlines() if row.startswith("| *")]
QUOTED = [part.strip(" ,;") for row in ROWS for part in re.split(r"[…*]|\d+x\d+", row.split("|")[1]) if len(part) > 8]


@pytest.mark.parametrize("part", QUOTED)
def test_an_error_that_is_explained_is_one_that_is_raised(part: str) -> None:
    assert part in SAID


@pytest.mark.parametrize("title", re.findall(r"\*(Image analogy \d[^*]*)\*", README))
def test_a_template_that_is_named_is_shipped(title: str) -> None:
    assert any(file.stem.startswith(title) for file in (PROJECT / "workflows").glob("*.json"))


def nodes_of(readme: str) -> dict[str, str]:
    """The nodes of its table by their English name, each with what stands behind it."""
    return dict(re.findall(r"^\| \*\*(Analogist [^*]+)\*\* ?([^|]*?) \|", readme, re.MULTILINE))


def test_the_chinese_readme_names_the_same_nodes_as_they_are_called_there() -> None:
    assert [*nodes_of(CHINESE)] == [*nodes_of(README)]
    english, chinese = (
        json.loads((PROJECT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))
        for language in ("en", "zh")
    )
    called = {english[node]["display_name"]: chinese[node]["display_name"] for node in english}
    assert CHINESE.count("| **Analogist ") == len(nodes_of(CHINESE))  # Each once.
    assert nodes_of(CHINESE) == {name: called[name].removeprefix("Analogist ") for name in nodes_of(README)}


def test_both_readmes_link_each_other() -> None:
    assert "(README_zh.md)" in README
    assert "(README.md)" in CHINESE


@pytest.mark.parametrize("target", re.findall(r"\]\((?!https?:|#)([^)#]+)", README + CHINESE))
def test_what_a_readme_links_to_is_there(target: str) -> None:
    assert (PROJECT / target).exists()


NODES = json.loads((PROJECT / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
TABLES = README + (PROJECT / "docs" / "prompt_diffusion.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("node_id", NODES)
def test_every_node_is_listed_with_its_inputs(node_id: str) -> None:
    node = NODES[node_id]
    (row,) = (line for line in TABLES.splitlines() if line.startswith(f"| **{node['display_name']}** |"))
    assert set(re.findall(r"`(\w+)`", row.split("|")[2])) >= node["inputs"].keys()
