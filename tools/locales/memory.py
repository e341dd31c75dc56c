"""The memory of translations: which entries there are, which are missing, and which are unused."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from . import derived, texts
from .texts import ENGLISH, LANGUAGES

FOLDER = Path(__file__).parent / "memory"
COMMON = "common"
"""The file of what several nodes say, and of the categories."""

Entry = dict[str, str]


def needed() -> dict[str, list[str]]:
    """The English texts of each node, in order and once each; those of no node are under `common`."""
    wanted = {COMMON: list(texts.leaves(texts.read("main.json")))}
    for node, definition in texts.read("nodeDefs.json").items():
        found = [*texts.leaves(definition), *texts.segments(texts.page_of(node))]
        wanted[node] = [*dict.fromkeys(part for text in found for part in derived.parts(text))]
    return wanted


@dataclass
class Memory:
    """Entries by file and English text. A node's own entry comes before the common one."""

    files: dict[str, dict[str, Entry]]

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Memory":
        files: dict[str, dict[str, Entry]] = {}
        for path in sorted(folder.glob("*.yaml")):
            entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
            files[path.stem] = {entry[ENGLISH]: entry for entry in entries}
            if len(files[path.stem]) != len(entries):
                raise ValueError(f"expected one entry for each text in {path.name}, got some twice: remove one")
        return cls(files)

    def find(self, node: str, text: str) -> Entry | None:
        for name in (node, COMMON):
            if text in self.files.get(name, {}):
                return self.files[name][text]
        return None

    def translation(self, node: str, language: str, text: str) -> str:
        """Raises KeyError where there is none."""
        return derived.made(text, language, lambda part: self._looked_up(node, language, part))

    def _looked_up(self, node: str, language: str, text: str) -> str:
        entry = self.find(node, text)
        if entry is None or not entry.get(language):
            raise KeyError(f"{node}, {language}: {text}")
        return entry[language]

    def missing(self, wanted: dict[str, list[str]]) -> Iterator[tuple[str, str, str]]:
        """Node, language and English text of each translation that is not there."""
        for node, found in wanted.items():
            for text in found:
                entry = self.find(node, text) or {}
                yield from ((node, language, text) for language in LANGUAGES if not entry.get(language))

    def stale(self, wanted: dict[str, list[str]]) -> list[tuple[str, str]]:
        """File and English text of each unused entry."""
        used = {(self._file(node, text), text) for node, found in wanted.items() for text in found}
        return [(name, text) for name, entries in self.files.items() for text in entries if (name, text) not in used]

    def _file(self, node: str, text: str) -> str:
        return node if text in self.files.get(node, {}) else COMMON

    def complete(self, wanted: dict[str, list[str]]) -> None:
        """Drop what is stale and add what is missing, empty, each where it belongs."""
        for name, text in self.stale(wanted):
            del self.files[name][text]
        users = Counter(text for found in wanted.values() for text in found)
        for node, found in wanted.items():
            for text in found:
                if self.find(node, text) is None:
                    name = node if users[text] == 1 else COMMON
                    self.files.setdefault(name, {})[text] = {ENGLISH: text, **dict.fromkeys(LANGUAGES, "")}

    def save(self, folder: Path = FOLDER) -> None:
        for name, entries in self.files.items():
            path = folder / f"{name}.yaml"
            if not entries:
                path.unlink(missing_ok=True)
                continue
            content = yaml.safe_dump([*entries.values()], allow_unicode=True, sort_keys=False, width=10_000)
            path.write_text(content, encoding="utf-8")
