"""What users read is in the words of ComfyUI, diffusers and torch."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
ROOMS = ("analogist", "attention_patches", "controlnet", "loaders", "nodes")
CODE = (*ROOMS, "tools", "benchmarks", "tests")
LEFT_OUT = ("analogist/vision", "tools/demo_model")
"""Their comments have not been gone over yet."""

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
    r"|tools.pictures|sitting picture"
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


def comments() -> Iterator[tuple[str, str]]:
    """Comments and docstrings, without the code that they quote."""
    for path in sorted(file for folder in CODE for file in (PROJECT / folder).rglob("*.py")):
        if path == Path(__file__) or any(path.is_relative_to(PROJECT / folder) for folder in LEFT_OUT):
            continue
        source = path.read_text(encoding="utf-8")
        said = [
            (statement.lineno, statement.value.value)
            for statement in ast.walk(ast.parse(source))
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        ]
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        said += [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
        for line, text in said:
            yield f"{path.relative_to(PROJECT)}:{line}", re.sub(r"`[^`]*`", "", str(text))


def found(text: str) -> list[str]:
    """Every banned word in a text, with what to say instead."""
    text = NAMES.sub("", text)
    return [
        f"{match[0]!r}: {instead}"
        for banned, instead in BANNED.items()
        for match in re.finditer(rf"\b(?:{banned})\b", text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("texts", [node_texts, pages, notes, messages, comments])
def test_no_text_has_a_banned_word(texts: "type[Iterator[tuple[str, str]]]") -> None:
    assert [(where, found(text)) for where, text in texts() if found(text)] == []


def test_a_banned_word_is_seen_and_a_name_is_not() -> None:
    assert found("The model paints the picture anew.") != []
    assert found("picture_side: the longer side of each image; an oil painting") == []
