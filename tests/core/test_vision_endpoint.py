"""The real openai client against a real HTTP server on loopback: every success, and every failure in one sentence."""

import asyncio
import base64
import json
import logging
import os
import re
import sys
import time
import traceback
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from analogist.vision import endpoint
from analogist.vision.answers import Reply
from analogist.vision.errors import VisionError
from analogist.vision.profiles import Api, Profile
from analogist.vision.protocol import Learned, Question
from analogist.vision.replies import RefusalError
from analogist.vision.request import Form
from support.vision_server import (
    Behaviour,
    VisionServer,
    breaks_off,
    drips,
    fails,
    floods,
    hangs,
    packed,
    resets,
    says,
    sends,
)

KEY = "sk-planted-0123456789abcdefghijklmnop"
QUESTION = Question(b"\x89PNG...", "What is B'?", 2, "some-model")
STATM = Path("/proc/self/statm")
APIS = [Api.CHAT, Api.RESPONSES]

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture(params=APIS, ids=lambda api: api.value)
def profile(request: pytest.FixtureRequest, server: VisionServer) -> Profile:
    return Profile("here", server.url, key_variable="HERE_KEY", api=request.param, timeout=6)


def ask(profile: Profile, key: str | None = KEY, learned: Learned | None = None) -> Reply:
    return asyncio.run(endpoint.ask(QUESTION, profile, key, {} if learned is None else learned))


def failure(profile: Profile, key: str | None = KEY) -> str:
    """The one sentence of an error, after making sure that nothing of it holds the key."""
    with pytest.raises((VisionError, RefusalError)) as caught:
        ask(profile, key)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in "".join(traceback.format_exception(error))
    assert "\n" not in str(error)
    return str(error)


def test_success(server: VisionServer, profile: Profile) -> None:
    server.will(says("a red car, a blue car"))
    assert ask(profile) == Reply("a red car, a blue car", 300, 12)
    (sent,) = server.requests
    assert sent.path == ("/v1/responses" if profile.api is Api.RESPONSES else "/v1/chat/completions")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["accept-encoding"] == "identity"
    assert sent.text.startswith("What is B'? Give me 2 such different prompts.")
    assert base64.b64encode(QUESTION.image).decode() in json.dumps(sent.body)
    assert sent.body["model"] == "some-model"
    assert "json_schema" in json.dumps(sent.body)
    assert "temperature" not in sent.body
    assert profile.api is Api.CHAT or sent.body["store"] is False


def test_nothing_of_the_environment_leaves(
    server: VisionServer, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, f"leaked-{name}")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://leak.example.org")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leaked: leaked\nAuthorization: Bearer leaked")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    ask(profile, None)
    (sent,) = server.requests
    assert "leaked" not in json.dumps(sent.headers)
    assert "authorization" not in sent.headers
    assert [name for name in sent.headers if name.startswith("x-")] == ["x-stainless-raw-response"]


@pytest.mark.parametrize(
    ("behaviour", "requests", "says_that"),
    [
        (fails(401, "Incorrect API key: sk-plant*******mnop."), 1, "does not accept the key (401): check HERE"),
        (fails(402, "Insufficient credits"), 1, "has no credit left for this key (402): add credit to the account."),
        (fails(403, "Country not supported"), 1, "(403): check the account and whether its key may use"),
        (fails(404, "The model does not exist"), 1, "has no model 'some-model', or its base_url is wrong (404)"),
        (fails(400, "No images, please"), 1, "choose a vision language model. It said: \"No images, please\""),
        (fails(400, "Odd"), 1, "rejects the request (400): check the model and the api of the profile. It said"),
        (fails(413, "Too big"), 1, "(413): use smaller cells."),
        (fails(429, "Slow down"), 3, "received too many requests (429): try again later."),
        (fails(429, "Pay", "insufficient_quota"), 1, "for this key (429): add credit to the account. It said: \"Pay\""),
        (fails(429, "Slow down", Retry_After="1"), 3, "(429): try again in 1 seconds."),
        (fails(429, "Slow down", Retry_After="3600"), 1, "(429): try again in 3600 seconds."),
        (fails(429, "Slow down", Retry_After="soon"), 3, "(429): try again later."),
        (fails(429, "Slow down", Retry_After="nan"), 3, "(429): try again later."),
        (fails(429, "Slow down", Retry_After="-5"), 3, "(429): try again later."),
        (fails(429, "Slow down", Retry_After="1e300"), 1, "(429): try again in 86400 seconds."),
        (fails(429, "Slow down", Retry_After="inf"), 1, "(429): try again in 86400 seconds."),
        (fails(400, "API key not valid. Please pass a valid API key."), 1, "accept the key (400): check HERE_KEY."),
        (sends(b'[{"error": {"code": 400, "message": "Odd", "status": "X"}}]', 400), 1, 'profile. It said: "Odd"'),
        (sends(b'{"error": "model not found"}', 404), 1, 'It said: "model not found"'),
        (sends(b'{"error": {"raw": {"a": 1}}}', 403), 1, "It said: \"{'error': {'raw': {'a': 1}}}\""),
        (fails(500, "Oops"), 3, "returned a server error (500): try again later. It said: \"Oops\""),
        (sends(b"<html>Bad gateway</html>", 502, "text/html"), 3, "returned a server error (502)"),
        (fails(503, "Overloaded"), 3, "returned a server error (503)"),
        (
            fails(302, "", Location="https://elsewhere.example.org"),
            1,
            "(302), and keys are not sent to other addresses: correct",
        ),
        (resets, 3, "closed the connection: try again later."),
        (breaks_off, 3, "closed the connection: try again later."),
        (sends(b'{"choices": [{"message"'), 1, "returned incomplete JSON"),
        (sends(b"<html>Welcome</html>", kind="text/html"), 1, "check the base_url of the profile"),
        (sends(b"\xff\xfe\x00", kind="image/png"), 1, "returned incomplete JSON"),
        (sends(b"[]"), 1, "returned incomplete JSON"),
        (sends(b"[" * 100_000), 1, "returned incomplete JSON"),
        (sends(b"{}"), 2, "returned a reply without text: try again or choose another model."),
        (sends(b'{"choices": [], "output": []}'), 2, "without text"),
        (sends(b'{"choices": "none", "output": 7, "usage": []}'), 2, "without text"),
        (sends(b'{"error": {"message": "Provider returned error", "code": 502}}'), 1, "\"Provider returned error\""),
        (says(None), 2, "without text"),
        (says("", "content_filter"), 1, "its content filter"),
        (says(None, refusal="I'm sorry, I can't help."), 1, 'refusal of the model: try another model'),
        (floods(), 1, "more than the maximum of 4096 KB"),
        (floods(500), 1, "more than the maximum of 4096 KB"),
        (sends(b"Bad", 400, "text/plain; charset=hex"), 1, "profile. It said: \"Bad\""),
        (sends(b"{", 200, "text/plain; charset=undefined"), 1, "returned incomplete JSON"),
        (sends(b"not packed", Content_Encoding="gzip"), 1, "returned incomplete JSON"),
        (packed(), 1, "returned incomplete JSON"),
        (packed(400), 1, "rejects the request (400)"),
    ],
)  # fmt: skip
def test_failure(server: VisionServer, profile: Profile, behaviour: Behaviour, requests: int, says_that: str) -> None:
    server.will(behaviour)
    start = time.monotonic()
    assert says_that in failure(profile)
    assert time.monotonic() - start < profile.timeout
    assert len(server.requests) == requests


def test_a_date_to_try_again_at_is_told_in_seconds(server: VisionServer, profile: Profile) -> None:
    server.will(fails(429, "Slow down", Retry_After=formatdate(time.time() + 7200, usegmt=True)))
    (seconds,) = map(int, re.findall(r"try again in (\d+) seconds", failure(profile)))
    assert 7000 < seconds <= 7200
    assert len(server.requests) == 1


@pytest.mark.parametrize("behaviour", [hangs, drips])
def test_no_answer_in_time(server: VisionServer, profile: Profile, behaviour: Behaviour) -> None:
    server.will(behaviour)
    start = time.monotonic()
    assert "did not reply within 1 seconds" in failure(replace(profile, timeout=1))
    assert time.monotonic() - start < 2
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("depth", [900, 50_000])
def test_nesting_is_no_way_in(server: VisionServer, profile: Profile, status: int, depth: int) -> None:
    server.will(sends(b'{"error": ' + b"[" * depth + b"]" * depth + b"}", status))
    assert failure(profile).count("[") <= 300


def test_length_without_text_blames_the_thinking(server: VisionServer, profile: Profile) -> None:
    server.will(says("", "max_output_tokens" if profile.api is Api.RESPONSES else "length"))
    assert "reached its token limit before replying: choose a model with less reasoning." in failure(profile)


def test_nobody_there(profile: Profile) -> None:
    assert "cannot be reached: is its server running?" in failure(replace(profile, base_url="http://127.0.0.1:9/v1"))


@pytest.mark.parametrize("proxy", ["gopher://me:secret@127.0.0.1:9", "socks5://me:secret@127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    sentence = failure(Profile("far", "https://llm.example.org/v1", timeout=6))
    assert "through the proxy of the environment" in sentence
    assert "secret" not in sentence


def test_busy_then_well(server: VisionServer, profile: Profile, pauses: list[float]) -> None:
    server.will(fails(429, Retry_After="1"), fails(503), says("a red car"))
    assert ask(profile).text == "a red car"
    assert len(server.requests) == 3
    assert pauses[0] == 1
    assert 0.5 < pauses[1] <= 1


CHAT_REPAIRS = [
    (
        "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "max_completion_tokens",
        "max_tokens",
    ),
    ("Unsupported value: 'temperature' does not support 0.2 with this model.", "max_tokens", "temperature"),
]


@pytest.mark.parametrize(("complaint", "has", "has_not"), CHAT_REPAIRS)
def test_a_refused_parameter_is_repaired_once(server: VisionServer, complaint: str, has: str, has_not: str) -> None:
    profile = Profile("here", server.url, temperature=0.2, timeout=6)
    server.will(fails(400, complaint), says("a red car"))
    learned: Learned = {}
    ask(profile, learned=learned)
    ask(profile, learned=learned)
    bodies = [request.body for request in server.requests]
    assert len(bodies) == 3
    assert has_not in bodies[0]
    assert all(has in body and has_not not in body for body in bodies[1:])


def test_form_falls_from_schema_to_json_to_text(server: VisionServer, profile: Profile) -> None:
    name = "text.format" if profile.api is Api.RESPONSES else "response_format"
    server.will(fails(400, f"Invalid {name}: json_schema"), fails(422, f"{name}.type json_object"), says("a red car"))
    learned: Learned = {}
    ask(profile, learned=learned)
    forms = [json.dumps(request.body) for request in server.requests]
    assert ["json_schema" in form for form in forms] == [True, False, False]
    assert ["json_object" in form for form in forms] == [False, True, False]
    assert "separated by commas" in server.requests[2].text
    assert learned[profile, "some-model"].form is Form.TEXT


def test_repairs_end_and_only_what_helped_is_remembered(server: VisionServer, profile: Profile) -> None:
    server.will(fails(400, "temperature max_tokens response_format"))
    learned: Learned = {}
    with pytest.raises(VisionError, match=r"rejects the request \(400\)"):
        ask(profile, learned=learned)
    assert len(server.requests) <= 6
    assert not learned


def test_what_was_learned_is_forgotten_when_the_owner_changes_the_profile(server: VisionServer) -> None:
    chat = Profile("here", server.url, timeout=6)
    server.will(fails(400, "max_tokens"), fails(400, "max_completion_tokens"), says("a red car"))
    learned: Learned = {}
    ask(chat, learned=learned)
    ask(replace(chat, api=Api.RESPONSES), learned=learned)
    assert "max_output_tokens" in server.requests[-1].body


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500])
def test_an_endpoint_that_quotes_the_key(
    server: VisionServer, profile: Profile, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    if status == 200:
        server.will(says(f"a red car {KEY}"))
        assert KEY not in ask(profile).text
    else:
        server.will(fails(status, f"Bad key {KEY}, also {KEY[:12]}... and ...{KEY[-10:]}", Retry_After="60"))
        sentence = failure(profile)
        assert KEY[:12] not in sentence
        assert KEY[-10:] not in sentence
    assert KEY not in caplog.text
    assert KEY not in repr([record.args for record in caplog.records])


def test_cancelling_returns_at_once(server: VisionServer, profile: Profile) -> None:
    server.will(hangs)

    async def cancel() -> float:
        task = asyncio.ensure_future(endpoint.ask(QUESTION, profile, KEY, {}))
        while not server.requests:
            await asyncio.sleep(0.02)
        start = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return time.monotonic() - start

    assert asyncio.run(cancel()) < 0.5


@pytest.mark.skipif(not STATM.exists(), reason="memory is read from /proc")
def test_a_flood_is_not_held_in_memory(server: VisionServer, profile: Profile) -> None:
    ask(profile)  # Everything imported.
    server.will(floods())
    before = resident()
    failure(profile)
    assert resident() - before < 30e6


def resident() -> int:
    """Bytes of memory that this process, and the server in it, hold."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_without_the_package_it_says_what_to_install(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "analogist.vision.client", raising=False)
    with pytest.raises(VisionError, match=r"pip install openai"):
        ask(profile)


def test_models_are_listed(server: VisionServer, profile: Profile) -> None:
    models = {"data": [{"id": "new"}, {"id": "old", "shutdown_date": "2026-12-11"}, 7]}
    server.will(sends(json.dumps(models).encode()))
    assert asyncio.run(endpoint.models(profile, KEY)) == {"new": "", "old": "2026-12-11"}
    many = {"data": [{"id": f"model-{n}", "description": "x" * 2000} for n in range(500)]}
    server.will(sends(json.dumps(many).encode()))
    assert len(asyncio.run(endpoint.models(profile, KEY))) == 500
    server.will(sends(json.dumps({"data": [{"id": "new\x1b[2J\n"}]}).encode()))
    assert asyncio.run(endpoint.models(profile, KEY)) == {"new [2J": ""}
    for behaviour, says_that in (
        (fails(401), "does not accept the key"),
        (fails(404), "does not list its models"),
        (fails(405), "not list"),
    ):
        server.will(behaviour)
        with pytest.raises(VisionError, match=says_that):
            asyncio.run(endpoint.models(profile, KEY))
