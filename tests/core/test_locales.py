"""The texts in other languages are whole: every English text has its translation, and the files are made of them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tools.locales import checks, derived, texts, written
from tools.locales.memory import COMMON, Memory, needed
from tools.locales.texts import LANGUAGES

MEMORY = Memory.load()
WANTED = needed()
RUN = "run `$(python tools/host_python.py) -m tools.locales --schemas --add`, fill in, and `python -m tools.locales`"
PAGE = """# Grid

Puts *images* into
a grid; see [the paper](https://arxiv.org/abs/2405.10316).

| name | meaning |
| :-- | --- |
| **A**, A' | see `A` and A |
| scale | scale of A |

- First `scale`,
  then more.
> Quoted A.

```sh
python -m analogist  # scale
```
"""


def test_every_text_has_a_translation() -> None:
    assert [*MEMORY.missing(WANTED)] == [], RUN


def test_no_translation_is_of_a_text_that_is_gone() -> None:
    assert MEMORY.stale(WANTED) == [], RUN


def test_translations_keep_what_must_stay_and_the_glossary() -> None:
    assert [*written.faults(MEMORY)] == []


def test_the_files_are_those_that_the_memory_makes() -> None:
    made = dict(written.files(MEMORY))
    assert [
        path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ] == [], RUN
    assert written.there() - {*made} - written.english_files() == set()


def shape(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: shape(value) if isinstance(value, dict) else None for key, value in tree.items()}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["nodeDefs.json", "main.json"])
def test_a_locale_has_the_keys_of_the_english_one(language: str, name: str) -> None:
    translated = texts.read(name, language)
    assert shape(translated) == shape(texts.read(name))
    assert all(text.strip() for text in texts.leaves(translated))


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_no_text_of_a_locale_is_taken_for_syntax(language: str) -> None:
    """The frontend reads these characters as placeholders, links and plurals, and shows nothing where they are not."""
    found = [*texts.leaves(texts.read("nodeDefs.json", language)), *texts.leaves(texts.read("main.json", language))]
    assert [text for text in found if checks.SPECIAL.search(text)] == []


def test_a_page_is_read_by_its_parts_and_written_again() -> None:
    assert [*texts.segments(PAGE)] == [
        "Grid",
        "Puts *images* into a grid; see [the paper](https://arxiv.org/abs/2405.10316).",
        *("name", "meaning", "**A**, A'", "see `A` and A", "scale", "scale of A"),
        *("First `scale`, then more.", "Quoted A."),
    ]
    said = texts.translated_page(PAGE, lambda text: f"<{text}>" if derived.has_words(text) else text)
    assert "| **A**, A' | <see `A` and A> |\n| <scale> | <scale of A> |\n" in said
    assert "- <First `scale`, then more.>\n> <Quoted A.>\n" in said
    assert said.endswith("```sh\npython -m analogist  # scale\n```\n")
    assert said.startswith("# <Grid>\n\n<Puts *images* into a grid; see ")


def test_what_is_made_of_other_texts_needs_no_entry() -> None:
    words = {"scale": "缩放", "layers": "层", "A longer sentence with words.": "一个较长的句子。"}
    for english, said in {
        "`scale`, 0.5: A'": "`scale`, 0.5: A'",
        "**scale**": "**缩放**",
        "**scale**, **layers**": "**缩放**、**层**",
        "scale, layers (optional)": "缩放、层（可选）",
        "A longer sentence with words": "一个较长的句子",
    }.items():
        assert derived.made(english, "zh", words.__getitem__) == said
    assert derived.parts("**scale**, layers (optional)") == ["scale", "layers"]
    assert derived.parts("A'") == []


def memory_of(**files: dict[str, str]) -> Memory:
    return Memory(
        {
            name: {english: {"en": english, **dict.fromkeys(LANGUAGES, said)} for english, said in entries.items()}
            for name, entries in files.items()
        }
    )


def test_an_english_text_that_changes_leaves_its_entry_stale_and_a_new_one_missing(tmp_path: Path) -> None:
    memory = memory_of(Node={"old text": "旧", "same text": "同"}, common={"shared": "共", "gone": "去"})
    wanted = {COMMON: [], "Node": ["new text", "same text", "shared"], "Other": ["shared", "twice"], "Third": ["twice"]}
    assert {text for _, _, text in memory.missing(wanted)} == {"new text", "twice"}
    assert memory.stale(wanted) == [("Node", "old text"), ("common", "gone")]
    memory.complete(wanted)
    memory.save(tmp_path)
    again = Memory.load(tmp_path)
    assert {name: [*entries] for name, entries in again.files.items()} == {
        "Node": ["same text", "new text"],
        "common": ["shared", "twice"],
    }
    assert again.stale(wanted) == []
    assert Counter(text for _, _, text in again.missing(wanted)) == {"new text": 3, "twice": 6}
    with pytest.raises(KeyError, match="Node, zh: new text"):
        again.translation("Node", "zh", "new text")


def test_a_node_may_say_it_in_another_way() -> None:
    memory = memory_of(Node={"negative": "负面提示词"}, common={"negative": "负面条件"})
    assert memory.translation("Node", "zh", "negative") == "负面提示词"
    assert memory.translation("Other", "zh", "negative") == "负面条件"


@pytest.mark.parametrize(
    ("english", "translated", "said"),
    [
        ("Use `scale`.", "使用 `强度`。", "other code"),
        ("See [it](https://a.example/x).", "见[它](https://a.example/y)。", "other addresses"),
        ("Not *this* one.", "不是这个。", "other marks"),
        (
            "Set **A'** first.",
            "先设**A'**吧。",
            "other marks",
        ),  # No bold there: a quote before the marks, a letter behind.
        ("Up to 2.5 images.", "最多 2 张图像。", "lost numbers: ['2.5']"),
        ("From B to B'.", "从 A' 到 B'。", "other images"),
        ("The layers.", "图层的等级。", "the glossary says"),
    ],
)
def test_what_a_translation_lost_is_seen(english: str, translated: str, said: str) -> None:
    terms = [{"en": "layers", "zh": "层级 / 层次"}]
    found = [*checks.faults(english, translated, "zh", terms)]
    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_good_translation_has_no_faults() -> None:
    terms = [{"en": "layers", "zh": "层级 / 层次"}]
    assert [*checks.faults("The *layers* 3-10 of B', `a`.", "B' 的*层次* 3-10，`a`。", "zh", terms)] == []


def test_an_escape_in_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="avoid escapes there"):
        [*texts.segments("| a |\n|---|\n| one \\| two |\n")]
