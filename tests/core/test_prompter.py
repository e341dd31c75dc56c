"""Profiles, the cache, the whole way from an image to prompts, and the command line."""

import asyncio
import io
import json
import re
import stat
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from analogist.cli import prompt as prompt_command
from analogist.vision import profiles, prompter
from analogist.vision.cache import PromptCache
from analogist.vision.errors import VisionError
from analogist.vision.profiles import Api, Profile
from analogist.vision.prompter import Prompter, PromptRequest, PromptResult
from analogist.vision.replies import RefusalError
from support.vision_server import VisionServer, fails, says, sends

KEY = "sk-planted-0123456789abcdefghijklmnop"
GRID = Image.effect_noise((64, 64), 50).convert("RGB")

command = typer.Typer()
command.command("prompt")(prompt_command.prompt)
command.add_typer(prompt_command.profiles, name="profiles")

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture
def directory(server: VisionServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the profile "here", its key in HERE_KEY."""
    profiles.add(Profile("here", server.url, "some-model", "HERE_KEY", timeout=5), tmp_path)
    monkeypatch.setenv("HERE_KEY", KEY)
    return tmp_path


def infer(directory: Path, image: Image.Image = GRID, **wanted: object) -> PromptResult:
    request = PromptRequest(**{"profile": "here", **wanted})  # type: ignore[arg-type]
    return asyncio.run(Prompter().infer(image, request, directory))


def run(directory: Path, *arguments: object, **options: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(command, [*map(str, arguments), "--directory", str(directory)], **options)
    return outcome.exit_code, outcome.output


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"name": "../../etc/passwd"}, "profile .* is invalid: name: expected up to 64 letters"),
        ({"name": "https://evil.example.org"}, "profile .* is invalid: name: expected up to 64 letters"),
        ({"name": ""}, "profile .* is invalid: name: expected up to 64 letters"),
        ({"base_url": "http://llm.example.org/v1"}, "plain http to llm.example.org"),
        ({"base_url": "http://localhost.example.org"}, "plain http to"),
        ({"base_url": "http://192.168.1.7:8000/v1"}, "plain http to"),
        ({"base_url": "http://127.0.0.1@example.org/v1"}, "must not contain a user"),
        ({"base_url": "https://me:secret@example.org/v1"}, "must not contain a user"),
        ({"base_url": "https://example.org/v1?key=secret"}, "must not contain a user"),
        ({"base_url": "file:///etc/passwd"}, "expected an address such as"),
        ({"base_url": "example.org/v1"}, "expected an address such as"),
        ({"base_url": "https://example.org/\x00"}, "expected an address such as"),
        ({"base_url": "https://example.org:port"}, "expected an address such as"),
        ({"base_url": "https://[::1"}, "expected an address such as"),
        ({"key_variable": "sk-0123456789"}, "and not the key itself"),
        ({"key_variable": "gsk_0123456789secret"}, "and not the key itself"),
        ({"temperature": float("nan")}, "temperature: Input should be"),
        ({"base_url": "http://0.0.0.0:8000"}, "plain http to"),
        ({"base_url": "http://2130706433/v1"}, "plain http to"),
        ({"base_url": "http://127.1/v1"}, "plain http to"),
        ({"base_url": "http://[::]/v1"}, "plain http to"),
        ({"base_url": "http://ｌocalhost/v1"}, "plain http to"),  # noqa: RUF001
        ({"base_url": "http://127.0.0.1\\.example.org/v1"}, "plain http to"),
        ({"name": "оpenai"}, "profile .* is invalid: name: expected up to 64 letters"),  # noqa: RUF001
        ({"name": "openai\n"}, "profile .* is invalid: name: expected up to 64 letters"),
        ({"model": "a b"}, "expected the name of a model"),
        ({"model": "m" * 300}, "expected the name of a model"),
        ({"timeout": 0}, "timeout: Input should be greater than or equal to 1"),
    ],
)
def test_bad_profiles_are_refused(broken: dict[str, object], message: str) -> None:
    name = {"name": broken["name"]} if "name" in broken else {}
    fields = {field: value for field, value in broken.items() if field != "name"}
    with pytest.raises(ValueError, match=message) as error:
        profiles.validated(**{"name": "here", "entry": {"base_url": "https://example.org/v1", **fields}, **name})  # type: ignore[arg-type]
    assert "secret" not in str(error.value)
    with pytest.raises(ValueError, match="validation error") as plain:
        Profile(**{"name": "here", "base_url": "https://example.org/v1", **broken})  # type: ignore[arg-type]
    assert "secret" not in str(plain.value)


@pytest.mark.parametrize(
    ("base_url", "endpoint"),
    [
        ("https://api.example.org/v1/", "https://api.example.org/v1"),
        ("https://api.example.org/v1/chat/completions", "https://api.example.org/v1"),
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://[::1]:8000/", "http://[::1]:8000/v1"),
        ("http://127.0.0.2:1/api", "http://127.0.0.2:1/api"),
    ],
)
def test_addresses_are_made_what_the_client_wants(base_url: str, endpoint: str) -> None:
    assert Profile("here", base_url).endpoint == endpoint


def test_built_in_profiles_and_those_of_the_owner(tmp_path: Path) -> None:
    assert set(profiles.known(tmp_path)) == {"openai", "openrouter", "gemini", "ollama", "lm-studio", "vllm"}
    mine = Profile("my own", "https://example.org/v1", "m", key_file="my.key", api=Api.RESPONSES, timeout=9)
    path = profiles.add(mine, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    profiles.add(Profile("openai", "https://gateway.example.org/v1"), tmp_path)
    assert profiles.find("my own", tmp_path) == mine
    assert profiles.find("openai", tmp_path).host == "gateway.example.org"
    with pytest.raises(ValueError, match=r"no profile 'x' on this machine; available: openai, .*, my own\.") as error:
        profiles.find("x", tmp_path)
    assert f"profiles add ... --directory {tmp_path}" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "one JSON object"),
        ('{"x": {"model": "m"}}', "base_url: Field required"),
        ('{"x": {"base_url": "https://a.org", "api_key": "sk-1"}}', "no field 'api_key'; there are: base_url"),
        ('{"x": {"base_url": 7}}', "base_url: Input should be a valid string"),
        ('{"x": {"base_url": "https://a.org", "timeout": "9"}}', "timeout: Input should be a valid number"),
        ('{"x": {"base_url": "https://a.org", "api": "soap"}}', "api: Input should be 'chat' or 'responses'"),
        ('{"../x": {"base_url": "https://a.org"}}', "profile '../x' is invalid: name: expected"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "profiles.json").write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        profiles.known(tmp_path)
    assert "sk-1" not in str(error.value)


def test_a_file_may_begin_with_a_mark(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "profiles.json").write_text('{"x": {"base_url": "https://a.org"}}', encoding=encoding)
        (tmp_path / "openai.key").write_text(f"{KEY}\n", encoding=encoding)
        assert profiles.find("x", tmp_path).host == "a.org"
        assert profiles.key(profiles.BUILT_IN["openai"], tmp_path, {}) == KEY


def test_key_comes_from_the_variable_then_the_file(tmp_path: Path) -> None:
    profile = profiles.BUILT_IN["openai"]
    with pytest.raises(
        ValueError, match=r"OPENAI_API_KEY before the program starts, or put it into the file .*openai\.key"
    ):
        profiles.key(profile, tmp_path, {})
    (tmp_path / "openai.key").write_text(f" {KEY}\n")
    assert profiles.key(profile, tmp_path, {}) == KEY
    assert profiles.key(profile, tmp_path, {"OPENAI_API_KEY": "sk-other"}) == "sk-other"
    assert profiles.key(profiles.BUILT_IN["ollama"], tmp_path, {"OPENAI_API_KEY": KEY}) is None
    (tmp_path / "openai.key").write_text(f"\ufeff{KEY}\r\n", encoding="utf-8")  # As Windows' editors do.
    assert profiles.key(profile, tmp_path, {}) == KEY
    (tmp_path / "openai.key").unlink()
    (tmp_path / "openai.key").mkdir()
    with pytest.raises(ValueError, match=r"openai\.key cannot be read: "):
        profiles.key(profile, tmp_path, {})
    with pytest.raises(ValueError, match="contains no valid key") as error:
        profiles.key(profile, tmp_path, {"OPENAI_API_KEY": "sk-two words\r\nX-Injected: 1"})
    assert "sk-two" not in str(error.value)


def test_the_same_question_is_asked_once(server: VisionServer, directory: Path) -> None:
    first = infer(directory)
    again = infer(directory)
    assert (first.from_cache, again.from_cache) == (False, True)
    assert again.answer == first.answer
    assert "nothing was sent; it cost 300 + 12 tokens" in again.summary()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"model": "other"}, {"count": 2}, {"instruction": "What is B'?"}, {"image": None}]
)
def test_another_question_is_asked_anew(server: VisionServer, directory: Path, other: dict) -> None:
    infer(directory)
    if "image" in other:
        image = GRID.copy()
        image.putpixel((63, 63), (1, 2, 3))
        other = {"image": image}
    assert not infer(directory, **other).from_cache
    assert len(server.requests) == 2


@pytest.mark.parametrize("behaviour", [fails(500), fails(401), says(""), says("I'm sorry, I can't help with that.")])
def test_a_failure_is_not_kept(server: VisionServer, directory: Path, behaviour: object) -> None:
    server.will(behaviour)  # type: ignore[arg-type]
    with pytest.raises((VisionError, RefusalError)):
        infer(directory)
    server.will(says("a red car"))
    assert infer(directory).answer.prompts == ("a red car",)
    assert infer(directory).from_cache


def test_an_answer_in_the_cache_needs_no_key(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infer(directory)
    monkeypatch.delenv("HERE_KEY")
    assert infer(directory).from_cache
    with pytest.raises(ValueError, match="set the environment variable HERE_KEY"):
        infer(directory, seed=5)


def test_the_cache_is_bounded_private_and_forgives_damage(tmp_path: Path) -> None:
    cache = PromptCache(tmp_path / "cache", most=3)
    for n in range(5):
        cache.put({"n": n}, {"text": str(n)})
    files = list(cache.directory.iterdir())
    assert len(files) == 3
    assert all(json.loads(file.read_text()) and stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert cache.get({"n": 4}) == {"text": "4"}
    for file in files:
        file.write_text("{")
    assert cache.get({"n": 4}) is None


@pytest.mark.parametrize("content", ["[" * 10**5, '{"question": 1}', "[]", "\xff"])
def test_a_damaged_answer_is_asked_anew(server: VisionServer, directory: Path, content: str) -> None:
    infer(directory)
    (kept,) = (directory / "cache").iterdir()
    kept.write_text(content, encoding="latin-1")
    assert not infer(directory).from_cache
    assert infer(directory).from_cache


@pytest.mark.parametrize("answer", [{"words": "a red car"}, {"text": 7}, {"text": "a", "more": 1}, [], "a red car"])
def test_an_answer_of_another_version_is_asked_anew(server: VisionServer, directory: Path, answer: object) -> None:
    infer(directory)
    (kept,) = (directory / "cache").iterdir()
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"answer": answer}))
    assert not infer(directory).from_cache
    assert infer(directory).from_cache


def test_a_read_only_cache_costs_nothing(
    server: VisionServer, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    infer(directory)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for function in ("os.utime", "pathlib.Path.touch"):
        monkeypatch.setattr(function, refuse)
    assert infer(directory).from_cache


def test_a_cache_that_cannot_be_written_does_not_lose_the_answer(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (directory / "cache").write_text("a file where the folder should be")
    assert infer(directory).answer.prompts == ("a red car",)
    assert "cannot keep the answer" in caplog.text


def test_the_key_is_in_no_file(server: VisionServer, directory: Path) -> None:
    server.will(says(f"a red car {KEY}"))
    infer(directory)
    assert all(KEY.encode() not in file.read_bytes() for file in directory.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"profile": "../here"}, "There is no profile '../here' on this machine; available: openai"),
        ({"profile": "http://evil.example.org/v1"}, "There is no profile"),
        ({"profile": "x" * 10**6}, "There is no profile"),
        ({"instruction": "x" * 2**20}, "The instruction has 1048576 characters"),
        ({"instruction": "a\x00b"}, r"control character U\+0000"),
        ({"instruction": " "}, "instruction is empty"),
        ({"model": "a\nb"}, "expected the name of a model"),
        ({"model": "http://evil example"}, "expected the name of a model"),
        ({"count": 0}, "expected 1 to 20 prompts, got"),
        ({"count": 10**9}, "expected 1 to 20 prompts, got"),
    ],
)
def test_a_hostile_wanted_sends_nothing(
    server: VisionServer, directory: Path, wanted: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        infer(directory, **wanted)
    assert len(str(error.value)) < 500
    assert not server.requests


def test_what_is_sent_of_an_image(server: VisionServer) -> None:
    big = GRID.resize((4096, 2048))
    big.info["comment"] = "private"
    sent = prompter.png(big)
    assert b"private" not in sent
    with Image.open(io.BytesIO(sent)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (1024, 512))
    assert big.size == (4096, 2048)


def test_command_writes_a_prompt_file_as_published(server: VisionServer, directory: Path) -> None:
    server.will(says("a red car, a blue car, a green car"))
    GRID.save(directory / "input_marked.png")
    out = directory / "prompts.txt"
    code, said = run(
        directory, "prompt", directory / "input_marked.png", "-o", out, "--profile", "here", "--count", 3, "--words", 7
    )
    assert code == 0, said
    assert out.read_text() == "a red car\na blue car\na green car"
    assert "no more than 7 words" in server.requests[0].text
    assert "here, some-model: 300 + 12 tokens" in said


def test_command_goes_on_where_it_stopped(server: VisionServer, directory: Path) -> None:
    grids = directory / "grids"
    grids.mkdir()
    for n in range(4):
        Image.new("RGB", (64, 64), (n, 0, 0)).save(grids / f"{n}.png")
    (grids / "readme.txt").write_text("not an image")
    out = directory / "table.txt"
    arguments = ("prompt", grids, "-o", out, "--profile", "here", "--count", 2)
    server.will(says("a, b"), says("I can't help with that."), says("c, d"), fails(401))
    code, said = run(directory, *arguments)
    assert code == 1
    assert "does not accept the key" in said
    assert out.read_text() == "0.png\ta\tb\n2.png\tc\td\n"
    server.will(says("e, f"))
    code, said = run(directory, *arguments)
    assert code == 0, said
    assert out.read_text() == "0.png\ta\tb\n1.png\te\tf\n2.png\tc\td\n3.png\te\tf\n"
    assert len(server.requests) == 6
    server.will(says("I can't help with that."))
    Image.new("RGB", (64, 64), (9, 9, 9)).save(grids / "9.png")
    code, said = run(directory, *arguments)
    assert code == 1
    assert "1 of 5 grids have no prompt" in said


def test_command_passes_over_a_grid_that_gets_no_prompt(server: VisionServer, directory: Path) -> None:
    grids = directory / "grids"
    grids.mkdir()
    for n in range(3):
        Image.new("RGB", (64, 64), (n, 0, 0)).save(grids / f"{n}.png")
    out = directory / "table.txt"
    server.will(says("word " * 200), says("", "content_filter"), says("a red car"))
    code, said = run(directory, "prompt", grids, "-o", out, "--profile", "here")
    assert code == 1
    assert "0.png: expected a prompt, got" in said
    assert "1.png: The profile 'here' (127.0.0.1) blocked the reply with its content filter" in said
    assert "2 of 3 grids have no prompt" in said
    assert out.read_text() == "2.png\ta red car\n"


def test_command_adds_lists_and_tests_profiles(server: VisionServer, directory: Path) -> None:
    code, said = run(directory, "profiles", "add", "mine", server.url, "--model", "m", "--ask-key", input=f"{KEY}\n")
    assert code == 0, said
    assert KEY not in said
    key_file = directory / "mine.key"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    code, said = run(directory, "profiles", "list")
    assert code == 0
    assert [line.split()[0] for line in said.splitlines()][-3:-1] == ["here", "mine"]
    assert "key found" in said
    assert KEY not in said
    server.will(sends(b'{"data": [{"id": "models/m", "shutdown_date": "2027-01-14"}]}'))
    code, said = run(directory, "profiles", "test", "mine")
    assert code == 0, said
    assert "models/m  ends on 2027-01-14" in said
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    code, said = run(directory, "profiles", "test", "here")
    assert code == 1
    assert "does not list the profile's model 'some-model'" in said
    assert run(directory, "profiles", "test", "nobody")[0] == 1
    code, said = run(directory, "profiles", "add", "mine", "http://example.org/v1")
    assert code == 1
    assert "plain http" in said


def test_command_finds_the_directory_in_the_environment(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALOGIST_PROFILES", str(directory))
    assert "some-model" in CliRunner().invoke(command, ["profiles", "list"]).output


def test_the_registry_sees_what_users_install() -> None:
    project = Path(__file__).parents[2]
    lines = (project / "requirements.txt").read_text().splitlines()
    installed = [line for line in lines if line and not line.startswith("#")]
    (listed,) = re.findall(r"^dependencies = (\[.*?\])$", (project / "pyproject.toml").read_text(), re.M | re.S)
    assert json.loads(listed) == installed
    assert not [line for line in installed if "==" in line or "<" in line]
