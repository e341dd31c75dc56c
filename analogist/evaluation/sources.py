"""The analogies of a data set as they lie on the disk, and what keeps some of them from being rendered."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..cells import MOST_PAIRS
from ..files.matching import folded
from .names import canonical, check_name

NEEDED = ("a", "a_prime", "b")
"""Names of the images of an analogy, where it is not one finished grid."""
TRUTH = "b_prime"
MORE_PAIRS = tuple((f"a{number}", f"a{number}_prime") for number in range(2, MOST_PAIRS + 1))
"""Names of the second pair of an analogy and of the following, where it has any."""
MORE = tuple(name for pair in MORE_PAIRS for name in pair)
GRID = "grid"


@dataclass(frozen=True)
class Source:
    """One analogy on disk.

    Attributes:
        task, name: unique together.
        files: images by the names "a", "a_prime", "b", or "grid" for a finished one; "b_prime" where it is known, and
            "a2", "a2_prime", ... for more pairs.
        prompt: what B' shows, without a suffix.
        seed: its own, where the data set gives one.
    """

    task: str
    name: str
    files: Mapping[str, Path]
    prompt: str
    seed: int | None = None

    @property
    def pairs(self) -> int | None:
        """The number of its pairs; None for a finished grid, which does not say it."""
        return None if GRID in self.files else 1 + sum(name in self.files for name, _ in MORE_PAIRS)


@dataclass(frozen=True)
class Problem:
    """Why an analogy, or with an empty name a whole task, has no result."""

    task: str
    name: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.task}{' / ' if self.name else ''}{self.name}: {self.sentence}"


@dataclass
class Dataset:
    """What can be rendered, and what cannot, each by its name."""

    sources: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def tasks(self) -> set[str]:
        return {source.task for source in self.sources} | {problem.task for problem in self.problems}

    def add(self, found: Source) -> None:
        """Take an analogy, or note what keeps it from being rendered."""
        found = replace(found, task=canonical(found.task), name=canonical(found.name))
        problem = _problem(found)
        if problem:
            self.fail(found.task, found.name, problem)
        else:
            self.sources.append(found)

    def fail(self, task: str, name: str, sentence: str) -> None:
        """Note why an analogy, or with an empty name a whole task, cannot be rendered."""
        self.problems.append(Problem(canonical(task), canonical(name), sentence))

    def drop_repeated(self) -> None:
        """Leave out analogies of one name. Names that differ in case alone are one file on Windows and macOS."""
        alike: dict[tuple[str, str], list[Source]] = defaultdict(list)
        for source in self.sources:
            alike[folded(source.task), folded(source.name)].append(source)
        for several in alike.values():
            for task, name in {(one.task, one.name) for one in several if len(several) > 1}:
                sentence = (
                    f"{len(several)} analogies have this name (names are case-insensitive), so their results "
                    "could not be told apart: rename them."
                )
                self.fail(task, name, sentence)
        self.sources = [several[0] for several in alike.values() if len(several) == 1]


def _problem(source: Source) -> str | None:
    """What keeps an analogy from being rendered, as far as its files need not be read for it."""
    try:
        check_name(source.task)
        check_name(source.name)
    except ValueError as error:
        return str(error)
    missing = [] if GRID in source.files else [name for name in NEEDED if name not in source.files]
    if GRID not in source.files:  # Pairs are whole, and none is left out before the last one.
        last = max((number for number, pair in enumerate(MORE_PAIRS) if source.files.keys() & set(pair)), default=-1)
        missing += [name for pair in MORE_PAIRS[: last + 1] for name in pair if name not in source.files]
    if missing:
        return f"it has no image {' and no image '.join(missing)}."
    return prompt_problem(source.prompt)


def prompt_problem(prompt: str) -> str | None:
    """What keeps a text from being a prompt."""
    if not prompt:
        return "its prompt is empty."
    if not is_text(prompt):
        return "its prompt has characters that are not text (NUL, or half of a surrogate pair): correct it."
    return None


def is_text(words: str) -> bool:
    """Whether it can be written as UTF-8, and has no NUL."""
    return "\0" not in words and not any("\ud800" <= letter <= "\udfff" for letter in words)
