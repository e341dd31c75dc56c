"""The files that are written, and the list of what is wrong."""

import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from . import checks, schemas, texts
from .memory import Memory, needed
from .texts import ENGLISH, LANGUAGES, LOCALES, PAGES


def as_text(tree: dict[str, Any]) -> str:
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


def files(memory: Memory) -> Iterator[tuple[Path, str]]:
    """Every generated file but locales/en, which is read from the schemas. A missing translation is a KeyError."""
    definitions, main = texts.read("nodeDefs.json"), texts.read("main.json")
    for node in definitions:
        yield PAGES / node / f"{ENGLISH}.md", texts.page_of(node)
    for language in LANGUAGES:
        say = {node: partial(memory.translation, node, language) for node in ("common", *definitions)}
        yield LOCALES / language / "main.json", as_text(texts.translated_tree(main, say["common"]))
        translated = {node: texts.translated_tree(tree, say[node]) for node, tree in definitions.items()}
        yield LOCALES / language / "nodeDefs.json", as_text(translated)
        for node in definitions:
            yield PAGES / node / f"{language}.md", texts.translated_page(texts.page_of(node), say[node])


def there() -> set[Path]:
    """The files of that kind on disk."""
    return {path for folder in (*LOCALES.glob("*"), *PAGES.glob("*")) if folder.is_dir() for path in folder.glob("*")}


def english_files() -> set[Path]:
    return {LOCALES / ENGLISH / name for name in ("main.json", "nodeDefs.json")}


def faults(memory: Memory) -> Iterator[str]:
    """What is missing, stale or wrong in the memory."""
    wanted, terms = needed(), checks.glossary()
    yield from (f"no help page: web/docs/{node}.md" for node in texts.read("nodeDefs.json") if not texts.page_of(node))
    yield from (f"missing, {node}, {language}: {text}" for node, language, text in memory.missing(wanted))
    yield from (f"stale, {name}: {text}" for name, text in memory.stale(wanted))
    for name, entries in memory.files.items():
        for text, entry in entries.items():
            for language in LANGUAGES:
                if entry.get(language):
                    found = checks.faults(text, entry[language], language, terms)
                    yield from (f"{fault}, {name}, {language}: {text} -> {entry[language]}" for fault in found)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main(options: Sequence[str]) -> int:
    if unknown := {*options} - {"--schemas", "--add"}:
        print(f"expected --schemas, --add or nothing, got {' '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if "--schemas" in options:
        for name, tree in schemas.english().items():
            write(LOCALES / ENGLISH / name, as_text(tree))
    memory = Memory.load()
    if "--add" in options:
        memory.complete(needed())
        memory.save()
    wrong = [*faults(memory)]
    print("\n".join(wrong))
    if wrong:
        return 1
    made = dict(files(memory))
    for path, text in made.items():
        write(path, text)
    for path in there() - {*made} - english_files():
        path.unlink()
    return 0
