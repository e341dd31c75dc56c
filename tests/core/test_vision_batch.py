"""A folder of grids to a table of prompts: names, what is kept, what is asked again, and what ends a run."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from analogist.cli import prompt as prompt_command
from analogist.files.matching import bare, by_name, natural
from analogist.vision import profiles
from analogist.vision.profiles import Profile
from support.vision_server import Behaviour, VisionServer, answers, fails, hangs, resets, says, sends

command = typer.Typer()
command.command("prompt")(prompt_command.prompt)
command.add_typer(prompt_command.profiles, name="profiles")

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture
def home(server: VisionServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the profile "here" and an empty folder "grids"."""
    profiles.add(Profile("here", server.url, "some-model", "HERE_KEY", timeout=5), tmp_path)
    monkeypatch.setenv("HERE_KEY", "sk-planted-0123456789abcdefghijklmnop")
    (tmp_path / "grids").mkdir()
    return tmp_path


def save(home: Path, name: str, shade: int = 0) -> None:
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(home / "grids" / name, "PNG")


def run(home: Path, *options: object, output: Path | None = None, **kwargs: str) -> tuple[int, str]:
    arguments = ["prompt", home / "grids", "-o", output or home / "table.txt", "--profile", "here", *options]
    outcome = CliRunner().invoke(command, [*map(str, arguments), "--directory", str(home)], **kwargs)
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, outcome.output


def rows(home: Path) -> dict[str, list[str]]:
    lines = (home / "table.txt").read_text(encoding="utf-8").splitlines()
    return {name: prompts for name, *prompts in (line.split("\t") for line in lines)}


@pytest.mark.parametrize(
    "options",
    [
        ("--count", 2),
        ("--model", "other"),
        ("--words", 9),
        ("--seed", 1),
        ("--instruction", "What is B'?"),
        ("--profile", "there"),
    ],
)
def test_another_request_is_asked_again(server: VisionServer, home: Path, options: tuple[object, ...]) -> None:
    profiles.add(Profile("there", server.url, "some-model", "HERE_KEY", timeout=5), home)
    save(home, "1.png")
    server.will(says('{"prompts": ["old"]}'), says('{"prompts": ["new", "newer"]}'))
    assert run(home)[0] == 0
    assert rows(home) == {"1.png": ["old"]}
    assert run(home, *options)[0] == 0
    assert rows(home)["1.png"][0] == "new"
    assert len(server.requests) == 2
    assert run(home, *options)[0] == 0
    assert len(server.requests) == 2


def test_another_image_is_asked_again_and_the_others_are_kept(server: VisionServer, home: Path) -> None:
    save(home, "1.png", 1)
    save(home, "2.png", 2)
    server.will(says('{"prompts": ["one"]}'), says('{"prompts": ["two"]}'), says('{"prompts": ["three"]}'))
    run(home)
    save(home, "1.png", 3)
    assert run(home)[0] == 0
    assert rows(home) == {"1.png": ["three"], "2.png": ["two"]}
    assert len(server.requests) == 3


def test_a_row_corrected_by_hand_is_kept_until_its_request_changes(server: VisionServer, home: Path) -> None:
    save(home, "1.png")
    run(home)
    (home / "table.txt").write_text("1.png\tby hand\n")
    run(home)
    assert rows(home) == {"1.png": ["by hand"]}
    run(home, "--seed", 1)
    assert rows(home) == {"1.png": ["a red car"]}


def test_rows_without_a_record_are_kept_with_a_word(server: VisionServer, home: Path) -> None:
    save(home, "1.png")
    (home / "table.txt").write_text("\ufeff1.png\tby hand\r\nelse.png\tof another folder\r\n", encoding="utf-8")
    code, said = run(home)
    assert code == 0
    assert "1 rows of" in said
    assert "not recorded" in said
    assert not server.requests


def test_rows_are_found_by_name_in_any_form(server: VisionServer, home: Path) -> None:
    name = unicodedata.normalize("NFD", "Käfer.png")
    save(home, name)
    (home / "table.txt").write_text(f"\ufeff{unicodedata.normalize('NFC', 'käfer')}\tby hand\n", encoding="utf-8")
    save(home, "2.png")
    assert run(home)[0] == 0
    assert rows(home) == {"2.png": ["a red car"], name: ["by hand"]}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "name",
    [
        "shot at 1.00\u202fPM.png",
        "猫\u3000犬.png",
        "👨\u200d👩.png",
        "a\u00a0b.png",
        "-o.png",
        "#1.png",
        f"{'x' * 251}.png",
    ],
)
def test_odd_names_are_asked_once(server: VisionServer, home: Path, name: str) -> None:
    save(home, name)
    save(home, "z.png", 3)
    assert run(home)[0] == run(home)[0] == 0
    assert set(rows(home)) == {name, "z.png"}
    assert len(server.requests) == 2


def test_names_that_differ_in_case_or_form_are_asked_once_each(server: VisionServer, home: Path) -> None:
    names = ["Cat.png", "cat.png", unicodedata.normalize("NFC", "é.png"), unicodedata.normalize("NFD", "é.png")]
    for shade, name in enumerate(names):
        save(home, name, shade)
    found = len(list((home / "grids").iterdir()))  # Fewer on a file system that takes them for one.
    assert run(home)[0] == run(home)[0] == 0
    assert len(rows(home)) == len(server.requests) == found


def test_a_row_without_a_prompt_is_asked(home: Path) -> None:
    save(home, "1.png")
    (home / "table.txt").write_text("1.png\t\n")
    assert run(home)[0] == 0
    assert rows(home) == {"1.png": ["a red car"]}


@pytest.mark.parametrize("record", ["garbage", "[]", "[" * 100_000, "\x00"])
def test_a_broken_record_is_named_and_the_table_stays(server: VisionServer, home: Path, record: str) -> None:
    save(home, "1.png")
    (home / "table.txt").write_text("1.png\tby hand\n")
    (home / "table.txt.asked.json").write_text(record)
    code, said = run(home)
    assert code == 1
    assert "table.txt" in said
    assert rows(home) == {"1.png": ["by hand"]}
    assert not server.requests


def test_the_table_is_in_natural_order(home: Path) -> None:
    for number in (10, 9, 1, 11, 2):
        save(home, f"{number}.png", number)
    run(home)
    assert list(rows(home)) == ["1.png", "2.png", "9.png", "10.png", "11.png"]


def test_what_is_no_image_is_passed_over_or_named(server: VisionServer, home: Path) -> None:
    grids = home / "grids"
    save(home, "1.png")
    save(home, "._1.png")
    (grids / "folder.png").mkdir()
    (grids / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (grids / "empty.jpg").write_bytes(b"")
    whole = (grids / "1.png").read_bytes()
    (grids / "half.png").write_bytes(whole[: len(whole) // 2])
    (grids / "gone.png").symlink_to(grids / "nowhere.png")
    (grids / "loop.png").symlink_to(grids / "loop.png")
    (grids / "page.jpg").write_text("<html>")
    save(home, "2.png", 2)
    code, said = run(home)
    assert code == 1
    assert rows(home) == {"1.png": ["a red car"], "2.png": ["a red car"]}
    for name in ("broken.png", "empty.jpg", "half.png", "gone.png", "loop.png", "page.jpg"):
        assert f"{name}: " in said
    assert "6 of 8 grids have no prompt" in said
    assert len(server.requests) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_a_pipe_holds_up_nothing(server: VisionServer, home: Path) -> None:
    os.mkfifo(home / "grids" / "0.png")
    save(home, "1.png")
    code, said = run(home)
    assert code == 1
    assert "0.png: expected a file, got a pipe" in said
    assert rows(home) == {"1.png": ["a red car"]}


@pytest.mark.parametrize(
    "name", ["a\tb.png", "a\nb.png", "a\rb.png", "\ufeffa.png", "a\x1bb.png", "a\udcffb.png", " a.png"]
)
def test_a_name_that_no_table_can_hold_is_that_items_problem(server: VisionServer, home: Path, name: str) -> None:
    save(home, "1.png")
    with open(os.fsencode(home / "grids") + b"/" + os.fsencode(name), "wb") as file:  # noqa: PTH123
        Image.new("RGB", (8, 8)).save(file, "PNG")
    code, said = run(home)
    assert code == 1
    assert "rename" in said
    assert rows(home) == {"1.png": ["a red car"]}
    assert len(server.requests) == 1


ITEMS = [
    says("I'm sorry, I can't help with that."),
    says("", "content_filter"),
    fails(400, "The response was filtered by our content management policy."),
    fails(400, "maximum context length"),
    fails(413, "Too big"),
    fails(500, "Oops"),
    sends(b"<html>"),
    says("word " * 200),
    answers({"choices": None, "error": {"message": "Upstream died"}}),
]


@pytest.mark.parametrize("behaviour", ITEMS)
def test_one_bad_item_does_not_end_the_batch(server: VisionServer, home: Path, behaviour: Behaviour) -> None:
    for number in (1, 2, 3):
        save(home, f"{number}.png", number)
    server.will(says('{"prompts": ["a red car"]}'), *[behaviour] * 3, says('{"prompts": ["a blue car"]}'))
    code, said = run(home)
    assert code == 1
    assert "2.png: " in said
    assert {"1.png", "3.png"} >= set(rows(home)) >= {"1.png"}
    assert "1.png" not in said.partition("have no prompt")[0].rpartition("\n")[2]


STOPS = [
    fails(401, "Bad"),
    fails(403, "No"),
    fails(402, "Pay"),
    fails(429, "Slow"),
    fails(500, "insufficient_quota"),
    fails(404, "The model does not exist"),
    fails(400, "model 'some-model' not found, try pulling it first"),
    fails(404, "Not Found"),
    fails(302, "", Location="https://elsewhere.example.org"),
    resets,
]


@pytest.mark.parametrize("behaviour", STOPS)
def test_key_network_quota_and_model_end_it(server: VisionServer, home: Path, behaviour: Behaviour) -> None:
    for number in range(5):
        save(home, f"{number}.png", number)
    server.will(says('{"prompts": ["a red car"]}'), behaviour)
    code, said = run(home)
    assert code == 1
    assert rows(home) == {"0.png": ["a red car"]}
    assert len(server.requests) <= 4
    assert said.count("profile 'here'") == 1


def test_silence_ends_it_where_it_is_no_single_grids(server: VisionServer, home: Path) -> None:
    profiles.add(Profile("here", server.url, "some-model", "HERE_KEY", timeout=1), home)
    for number in range(9):
        save(home, f"{number}.png", number)
    answer = says('{"prompts": ["a red car"]}')
    server.will(hangs, hangs, answer, hangs)
    code, said = run(home)
    assert code == 1
    assert rows(home) == {"2.png": ["a red car"]}
    assert said.count("did not reply within 1 seconds") == 5
    assert "expected replies, got none before the timeout for 3 grids in a row and stopped: check" in said
    assert len(server.requests) == 6
    server.will(answer)
    assert run(home)[0] == 0
    assert len(rows(home)) == 9


def test_a_terminal_in_another_encoding(server: VisionServer, home: Path) -> None:
    save(home, "猫.png")
    server.will(says('{"prompts": ["ein Käfer, 猫"]}'))
    outcome = CliRunner(charset="ascii").invoke(
        command,
        ["prompt", str(home / "grids"), "-o", str(home / "t.txt"), "--profile", "here", "--directory", str(home)],
    )
    assert outcome.exit_code == 0, outcome.exception
    assert (home / "t.txt").read_text(encoding="utf-8") == "猫.png\tein Käfer, 猫\n"
    assert "ein K\\xe4fer" in outcome.output


@pytest.mark.parametrize("what", ["grids", "one grid"])
def test_the_output_is_looked_at_before_anything_is_paid_for(server: VisionServer, home: Path, what: str) -> None:
    save(home, "1.png")
    grid = home / "grids" if what == "grids" else home / "grids" / "1.png"
    for output, message in ((home, "got the folder"), (home / "nowhere" / "t.txt", "an existing folder")):
        outcome = CliRunner().invoke(
            command, ["prompt", str(grid), "-o", str(output), "--profile", "here", "--directory", str(home)]
        )
        assert outcome.exit_code == 1
        assert message in outcome.output
    assert not server.requests


@pytest.mark.parametrize("content", ["no table\n", "\xff\xd8\xff\xe0", "1.png\n"])
def test_another_file_is_not_overwritten(server: VisionServer, home: Path, content: str) -> None:
    save(home, "1.png")
    (home / "table.txt").write_text(content, encoding="latin-1")
    code, said = run(home)
    assert code == 1
    assert "table" in said
    assert (home / "table.txt").read_text(encoding="latin-1") == content
    assert not server.requests


def test_natural_order() -> None:
    names = ["10.png", "9.png", "a2", "a10", "A1", "1.png", "02.png", ""]
    assert sorted(names, key=natural) == ["", "1.png", "02.png", "9.png", "10.png", "A1", "a2", "a10"]


def test_bare_names() -> None:
    assert [bare(name) for name in ("cat.png", "cat.JPEG", "cat.v1", "cat.v1.webp", "1", ".png")] == [
        "cat", "cat", "cat.v1", "cat.v1", "1", ".png",
    ]  # fmt: skip


NUMBERS = [str(number) for number in range(1, 12)]


@pytest.mark.parametrize(
    ("lines", "files", "expected"),
    [
        ([f"{n}.png" for n in NUMBERS], [f"{n}.jpg" for n in NUMBERS], [f"{n}.jpg" for n in NUMBERS]),
        (NUMBERS, [f"{n}.jpg" for n in NUMBERS], [f"{n}.jpg" for n in NUMBERS]),
        (["Cat.PNG"], ["cat.png"], ["cat.png"]),
        (["käfer"], [unicodedata.normalize("NFD", "Käfer.png")], [unicodedata.normalize("NFD", "Käfer.png")]),
        (["\ufeffcat.png"], ["cat.png"], ["cat.png"]),
        (["cat", "Cat"], ["Cat.png", "cat.png"], ["cat.png", "Cat.png"]),
        (["a.png", "a.jpg"], ["a.jpg", "a.png"], ["a.png", "a.jpg"]),
        (["cat.v1", "cat"], ["cat.png", "cat.v1.png"], ["cat.v1.png", "cat.png"]),
        (["b"], ["a.png", "b.png"], ["b.png"]),
    ],
)
def test_lines_and_files(lines: list[str], files: list[str], expected: list[str]) -> None:
    found = by_name(lines, files)
    assert [found[line] for line in lines] == expected


@pytest.mark.parametrize(
    ("lines", "files"),
    [
        (["cat", "cat.v1"], ["cat.png", "dog.png"]),
        ([str(n) for n in range(11)], [f"{n}.jpg" for n in NUMBERS]),
        (["cat", "cat"], ["cat.png", "dog.png"]),
        (["a", "b"], ["a.png", "a.jpg"]),
        (["x", "y"], ["a.png", "b.png", "c.png"]),
        (["Cat", "CAT"], ["cat.png", "dog.png"]),
    ],
)
def test_lines_that_belong_nowhere(lines: list[str], files: list[str]) -> None:
    assert len(by_name(lines, files)) < len(lines)


def test_a_dot_does_not_end_a_name() -> None:
    assert by_name(["cat", "cat.v1"], ["cat.png"]) == {"cat": "cat.png"}


def test_the_record_says_what_each_row_was_asked_with(home: Path) -> None:
    save(home, "1.png")
    run(home)
    record = json.loads((home / "table.txt.asked.json").read_text())
    assert list(record) == ["1.png"]
