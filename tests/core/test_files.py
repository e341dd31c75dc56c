"""Names, folders and text as people have them, and files that are whole or not there."""

import os
import stat
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analogist.files.names import LONGEST_NAME, distinct_stems, file_stem
from analogist.files.reading import image_files, images_in, read_text
from analogist.files.writing import whole_file, write_atomically


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Bagels in color, best quality, extremely detailed", "Bagels_in_color_best_quality_extremely_detailed"),
        ("St. John's", "St_John's"),
        ("../24/7 \\ what?", "-24-7_-_what-"),
        ("a\nb\x7f", "a-b-"),
        ("x" * 400, "x" * 150),
        ("画" * 95, "画" * 50),
        ("é" * 200, "é" * 75),
        ("x" + "😀" * 60, "x" + "😀" * 37),
        ("e\u0301" * 100, "e\u0301" * 50),  # Decomposed, as macOS types it.
        ("a\x85b\u2028c\u202egpj", "a-b-c-gpj"),
        ("con", "con_"),
        ("con.", "con_"),
        ("aux:", "aux-"),
        ("con.txt.png", "contxtpng"),  # With an ending it would still be the device; there is none.
        ("a dog. ", "a_dog_"),  # Windows drops dots and blanks at the end.
        ("NUL", "NUL_"),
        ("Com1", "Com1_"),
        ("lpt\u00b9", "lpt\u00b9_"),
        ("conin$", "conin$_"),
        ("console", "console"),
        ("com10", "com10"),
        ("a\udcffb", "a-b"),
        ("...", "_"),
        ("", "_"),
    ],
)
def test_names_of_results(prompt: str, expected: str) -> None:
    assert file_stem(prompt) == expected


@given(st.text(max_size=300))
def test_every_prompt_makes_a_file(prompt: str) -> None:
    stem = file_stem(prompt)
    assert 0 < len(stem.encode()) <= LONGEST_NAME + 1
    assert not set(stem) & set('\\/:*?"<>|.')


@given(st.lists(st.sampled_from(["x", "X", "x_1", "x_2", "x_1_1", "con", "CON_", "e\u0301", "\u00e9", ""]), max_size=8))
def test_no_two_results_are_one_file(prompts: list[str]) -> None:
    import unicodedata

    stems = distinct_stems(prompts, 2)
    files = [f"{stem}{end}" for stem in stems for end in ("", "_1", "_2")]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in files}) == 3 * len(prompts)


def test_the_same_prompt_gets_the_next_number() -> None:
    assert distinct_stems(["x", "x", "y"], 1) == ["x", "x_2", "y"]
    assert distinct_stems(["x", "x_1"], 1) == ["x", "x_1_2"]  # x_1 is the first image of x.


def test_images_of_a_folder_are_those_a_person_put_there(tmp_path: Path) -> None:
    wanted = ["a.png", "b.JPG", "deep/c.webp", "deep/d.tiff", "e.pgm"]
    others = ["._a.png", ".hidden.png", ".ipynb_checkpoints/a-checkpoint.png", "__MACOSX/._a.png", "@eaDir/a.png/x.jpg"]
    others += ["Thumbs.db", "desktop.ini", ".DS_Store", "notes.txt", "deep/.cache/x.png"]
    for name in [*wanted, *others]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert image_files(tmp_path) == sorted(tmp_path / name for name in wanted)
    assert images_in(tmp_path) == sorted(tmp_path / name for name in wanted if "/" not in name)
    assert images_in(tmp_path / "nowhere") == []
    inside = tmp_path / ".ipynb_checkpoints"  # Hidden itself, but it is what was asked for.
    assert image_files(inside) == [inside / "a-checkpoint.png"]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_that_leads_nowhere_is_not_left_out(tmp_path: Path) -> None:
    """Reading it fails with its name; to leave it out would hide that an image is missing."""
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert image_files(tmp_path) == images_in(tmp_path) == [tmp_path / "a.png"]


def test_text_with_and_without_a_mark_is_the_same(tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "x.txt").write_text("a cat\n猫", encoding=encoding)
        assert read_text(tmp_path / "x.txt") == "a cat\n猫"
    for mark, encoding in ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
        (tmp_path / "x.txt").write_bytes(mark + "a cat\r\n猫".encode(encoding))
        assert read_text(tmp_path / "x.txt") == "a cat\n猫"
    (tmp_path / "x.txt").write_text("", encoding="utf-8")
    assert read_text(tmp_path / "x.txt") == ""
    (tmp_path / "x.txt").write_bytes("ein Kätzchen".encode("latin-1"))
    with pytest.raises(ValueError, match=r"The table '.*x.txt' is not text in UTF-8"):
        read_text(tmp_path / "x.txt", "table")
    with pytest.raises(ValueError, match="There is no table"):
        read_text(tmp_path / "none", "table")
    with pytest.raises(ValueError, match=f"The file '{tmp_path}' cannot be read"):
        read_text(tmp_path)


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.json"
    write_atomically(path, b"one")
    with pytest.raises(TypeError), whole_file(path) as file:
        file.writelines([b"half", None])
    assert path.read_bytes() == b"one"
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [one.name for one in path.parent.iterdir()] == ["x.json"]


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    for mode in (0o600, 0o666):
        with whole_file(tmp_path / "x", mode):
            (unfinished,) = tmp_path.glob("*.unfinished")
            umask = os.umask(0)
            os.umask(umask)
            assert stat.S_IMODE(unfinished.stat().st_mode) == mode & ~umask
