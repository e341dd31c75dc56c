"""What users read is in the words of ComfyUI, diffusers and torch."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = ("analogist", "attention_patches", "controlnet", "loaders", "nodes")

BANNED = {
    r"pictures?": "image, as in ComfyUI's IMAGE",
    r"paint(s|ed)?": "render or sample; a painting is a kind of image",
    r"grey": "gray, as in color: the spelling is American",
    r"anew": "again",
    r"running order": "execution order",
    r"(is|are) told by name": "say what the error names",
    r"asks? again": "sends a new request",
    r"nobody": "say what happens instead",
    r"(is|are) not possible": "expected X, got Y",
    r"in trouble": "server error, with its status code",
    r"strangely": "say what is wrong",
    r"paid for": "identical requests are cached",
    r"(comes?|came) with the pack": "is included in the pack",
    r"the most that tensors take": "peak activation memory",
    r"\d+\.\.\d+": "layer ranges are written 3-10, both ends included",
}
"""Patterns of whole words, and what stands in their place."""
NAMES = re.compile(
    r"picture_side|(map|\w+) to picture|picture to \w+( map)?|\w+_to_picture|picture_to_\w+|pictures/|`pictures`"
    r"|tools/pictures|sitting picture"
)
"""Names that saved graphs and folders hold: they never change."""


def node_texts() -> Iterator[tuple[str, str]]:
    for file in sorted((PROJECT / "locales" / "en").glob("*.json")):
        yield file.name, file.read_text(encoding="utf-8")


def pages() -> Iterator[tuple[str, str]]:
    files = [
        *PROJECT.glob("web/docs/*.md"),
        *PROJECT.glob("docs/*.md"),
        PROJECT / "README.md",
        PROJECT / "CHANGELOG.md",
    ]
    for file in sorted(files):
        yield str(file.relative_to(PROJECT)), file.read_text(encoding="utf-8")


def notes() -> Iterator[tuple[str, str]]:
    """Notes and titles of the workflows and blueprints."""
    for file in sorted([*PROJECT.glob("workflows/*.json"), *PROJECT.glob("subgraphs/*.json")]):
        nodes = json.loads(file.read_text(encoding="utf-8"))["nodes"]
        said = [node["widgets_values"][0] for node in nodes if node["type"] == "MarkdownNote"]
        yield file.name, "\n".join([*said, *(node.get("title", "") for node in nodes)])


def messages() -> Iterator[tuple[str, str]]:
    """Errors that are raised, and the help of options."""
    for path in sorted(file for room in ROOMS for file in (PROJECT / room).rglob("*.py")):
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            wanted = isinstance(statement, ast.Raise) or (
                isinstance(statement, ast.keyword) and statement.arg == "help"
            )
            for one in ast.walk(statement) if wanted else ():
                if isinstance(one, ast.Constant) and isinstance(one.value, str):
                    yield f"{path.relative_to(PROJECT)}:{one.lineno}", one.value


def found(text: str) -> list[str]:
    """Every banned word in a text, with what to say instead."""
    text = NAMES.sub("", text)
    return [
        f"{match[0]!r}: {instead}"
        for banned, instead in BANNED.items()
        for match in re.finditer(rf"\b(?:{banned})\b", text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("texts", [node_texts, pages, notes, messages])
def test_no_text_has_a_banned_word(texts: "type[Iterator[tuple[str, str]]]") -> None:
    assert [(where, found(text)) for where, text in texts() if found(text)] == []


def test_a_banned_word_is_seen_and_a_name_is_not() -> None:
    assert found("The model paints the picture anew.") != []
    assert found("picture_side: the longer side of each image; an oil painting") == []
