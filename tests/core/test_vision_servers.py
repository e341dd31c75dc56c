"""What servers were reported to do, over a real HTTP server: the words of errors, and answers in unusual places."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from analogist.vision import endpoint, errors
from analogist.vision.answers import Reply, read
from analogist.vision.errors import UnavailableError, VisionError
from analogist.vision.failures import Failure, quotable, redacted
from analogist.vision.profiles import Api, Profile
from analogist.vision.protocol import Learned, Question
from analogist.vision.replies import RefusalError
from analogist.vision.request import Form
from support.vision_server import Behaviour, VisionServer, answers, fails, says, sends, streams

KEY = "sk-planted-0123456789abcdefghijklmnop"
QUESTION = Question(b"\x89PNG...", "What is B'?", 2, "some-model")
ANSWER = '{"change": "", "alignment": "neither", "prompts": ["a red car"]}'
APIS = [Api.CHAT, Api.RESPONSES]

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture(params=APIS, ids=lambda api: api.value)
def profile(request: pytest.FixtureRequest, server: VisionServer) -> Profile:
    return Profile("here", server.url, "some-model", "HERE_KEY", api=request.param, timeout=6)


@pytest.fixture
def chat(server: VisionServer) -> Profile:
    return Profile("here", server.url, "some-model", "HERE_KEY", timeout=6)


def ask(profile: Profile, learned: Learned | None = None, key: str | None = KEY) -> Reply:
    return asyncio.run(endpoint.ask(QUESTION, profile, key, {} if learned is None else learned))


def in_error(status: int, message: str, **fields: object) -> Behaviour:
    return sends(json.dumps({"error": {"message": message, **fields}}).encode(), status)


# One row a message as servers word it: the status, its words, what is raised, and what is said of it.
WORDS = [
    (429, "You exceeded your current quota, please check your plan.", UnavailableError, "no credit"),
    (403, "Your credit balance is too low to access the API.", UnavailableError, "no credit"),
    (400, "Insufficient Balance", UnavailableError, "no credit"),
    (200, "This request requires more credits, or fewer max_tokens.", UnavailableError, "no credit"),
    (503, "Quota exceeded for quota metric 'requests'", UnavailableError, "no credit"),
    (400, "Billing hard limit has been reached", UnavailableError, "no credit"),
    (401, "No auth credentials found", UnavailableError, "does not accept the key (401): check HERE_KEY."),
    (400, "API key not valid. Please pass a valid API key.", UnavailableError, "does not accept the key (400)"),
    (403, "Invalid API Key provided", UnavailableError, "does not accept the key (403)"),
    (500, "Unauthorized", UnavailableError, "does not accept the key (500)"),
    (200, "Missing Authentication: provide an api key", UnavailableError, "does not accept the key"),
    (403, "Country, region, or territory not supported", UnavailableError, "does not allow this request (403)"),
    (400, "The response was filtered by our content management policy.", RefusalError, "content filter"),
    (403, "Your chosen model requires moderation and your input was flagged", RefusalError, "content filter"),
    (500, "Your request was rejected as a result of our safety system.", RefusalError, "content filter"),
    (200, "Input data may contain inappropriate content.", RefusalError, "content filter"),
    (400, "`inputs` tokens + `max_new_tokens` must be <= 4096, the context window", VisionError, "context"),
    (413, "The prompt is too long: 250000 tokens", VisionError, "exceeds the context length of 'some-model' (413)"),
    (500, "the request exceeds the available context size, try increasing it (n_ctx)", VisionError, "context length"),
    (404, "No endpoints found that support image input", VisionError, "does not accept images for 'some-model' (404)"),
    (500, "image input is not supported - hint: you may need to provide the mmproj", VisionError, "not accept images"),
    (400, "This model does not support image inputs", VisionError, "does not accept images"),
    (422, "unknown variant `image_url`, expected `text`", VisionError, "does not accept images"),
    (400, "some-model is not a multimodal model", VisionError, "does not accept images"),
    (200, "Model only supports text input", VisionError, "does not accept images"),
    (400, "model 'some-model' not found, try pulling it first", UnavailableError, "has no model 'some-model'"),
    (500, "The model `some-model` does not exist", UnavailableError, "has no model 'some-model'"),
    (400, "Invalid image format: expected PNG", VisionError, "rejects the request (400)"),
    (429, "You have exceeded the token rate limit of your tier. To increase it visit aka.ms/oai/quotaincrease",
     UnavailableError, "too many requests (429)"),
    (529, "Overloaded", VisionError, "server error (529)"),
    (403, "Sorry, your account balance is insufficient", UnavailableError, "no credit"),
    (403, "Your team doesn't have any credits yet. You can purchase credits here.", UnavailableError, "no credit"),
    (429, "余额不足或无可用资源包", UnavailableError, "no credit"),
    (403, "该令牌额度已用尽", UnavailableError, "no credit"),
    (400, "Your prepaid balance is exhausted, please top up.", UnavailableError, "no credit"),
    (401, "Access denied due to invalid subscription key or wrong endpoint", UnavailableError, "not accept the key"),
    (400, "系统检测到输入或生成内容可能包含不安全或敏感内容", RefusalError, "content filter"),
    (403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE", RefusalError, "content filter"),
    (400, "`inputs` must have less than 4096 tokens. Given: 5000", VisionError, "exceeds the context length"),
    (400, "The decoder prompt (length 9216) is longer than the maximum model length", VisionError, "context length"),
    (400, "prompt is too long: 208310 tokens > 200000 maximum", VisionError, "exceeds the context length"),
    (400, "At most 0 image(s) may be provided in one request.", VisionError, "does not accept images"),
    (400, "('messages.0.content' : value must be a string)", VisionError, "does not accept images"),
    (500, "this model is missing data required for image input", VisionError, "does not accept images"),
    (400, "Multimodal inputs are not supported", VisionError, "does not accept images"),
    (400, "image_url is only supported by certain models.", VisionError, "does not accept images"),
    (400, "Could not process image", VisionError, "rejects the request (400)"),
    (400, "The image format is not supported", VisionError, "rejects the request (400)"),
    (400, "We cannot accept images larger than 5 MB", VisionError, "rejects the request (400)"),
    (400, "The model `llava` has been decommissioned.", UnavailableError, "has no model"),
    (400, "foo/bar is not a valid model ID", UnavailableError, "has no model"),
    (400, "Model some-model is not supported", UnavailableError, "has no model"),
    (400, "No models loaded. Please load a model in the developer page", UnavailableError, "has no model"),
    (503, "当前分组 default 下对于模型 some-model 无可用渠道", UnavailableError, "has no model"),
    (400, "For this model, parameter 'foo' is not supported", VisionError, "rejects the request (400)"),
    (429, "Rate limit reached on tokens per day (TPD): Limit 500000, Used 499000.", UnavailableError, "many requests"),
    (500, "CUDA out of memory", VisionError, "server error (500)"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "words", "error", "says_that"), WORDS)
def test_words_decide_at_any_status(
    server: VisionServer, profile: Profile, status: int, words: str, error: type[Exception], says_that: str
) -> None:
    server.will(in_error(status, words))
    with pytest.raises((VisionError, RefusalError)) as caught:
        ask(profile)
    assert type(caught.value) is error
    assert says_that in str(caught.value)
    assert f'It said: "{words[:30]}' in str(caught.value)
    if error is not VisionError and status != 429:
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 400, 402, 403, 429, 500, 503])
def test_quota_is_never_asked_again(server: VisionServer, profile: Profile, status: int) -> None:
    server.will(in_error(status, "Pay first", code="insufficient_quota"))
    with pytest.raises(UnavailableError, match=r'no credit .* It said: "Pay first"'):
        ask(profile)
    assert len(server.requests) == 1


COMPLAINTS = [
    "json_schema is not supported by this model",
    "Invalid schema for response_format 'prompts'",
    "vocabulary required for format",
    "failed to parse grammar",
    "Structured outputs are not available on this endpoint",
    "text.format is unknown",
    "Unknown name \"additionalProperties\" at 'generation_config.response_schema': Cannot find field.",
]


@pytest.mark.parametrize("complaint", COMPLAINTS)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 500, 501])
def test_a_refused_form_is_given_up_at_any_status(
    server: VisionServer, chat: Profile, status: int, complaint: str
) -> None:
    server.will(in_error(status, complaint), says("a red car"))
    learned: Learned = {}
    assert ask(chat, learned).text == "a red car"
    assert len(server.requests) == 2
    assert server.requests[1].body["response_format"] == {"type": "json_object"}
    assert learned[chat, "some-model"].form is Form.JSON


@pytest.mark.parametrize("status", [200, 400, 413, 500])
def test_a_context_overflow_is_asked_once_more_without_a_limit(
    server: VisionServer, chat: Profile, status: int
) -> None:
    words = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."
    server.will(in_error(status, words), says("a red car"))
    assert ask(chat).text == "a red car"
    assert ["max_tokens" in request.body for request in server.requests] == [True, False]
    server.will(in_error(status, words))
    with pytest.raises(VisionError, match="exceeds the context length of 'some-model'"):
        ask(chat)


def test_an_empty_answer_under_a_schema_is_asked_once_more_without(server: VisionServer, profile: Profile) -> None:
    server.will(says(""), says("a red car"))
    learned: Learned = {}
    assert ask(profile, learned).text == "a red car"
    assert ask(profile, learned).text == "a red car"
    assert ["json_schema" in json.dumps(request.body) for request in server.requests] == [True, False, False]
    assert learned[profile, "some-model"].form is Form.TEXT
    server.will(says(" "))
    with pytest.raises(VisionError, match="without text"):
        ask(profile)
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("body", "says_that"),
    [
        ({"choices": [{"error": {"message": "Upstream died", "code": 502}}]}, 'server error (502): try again later'),
        ({"choices": [{"error": "Upstream died", "message": None}]}, 'returned an error: .*"Upstream died"'),
        ({"error": True, "message": "Upstream died"}, 'returned an error: .*"Upstream died"'),
        ({"success": False, "errors": [{"code": 7, "message": "Upstream died"}]}, 'an error: .*"Upstream died"'),
        ({"error": ["Upstream died"]}, 'returned an error: .*"Upstream died"'),
        ({"choices": None, "error": {"message": "Upstream died"}}, 'returned an error: .*"Upstream died"'),
        ({"choices": None, "message": "Upstream died"}, 'returned an error: .*"Upstream died"'),
        ({"detail": [{"msg": "Upstream died", "loc": ["body"]}]}, 'returned an error: .*"Upstream died"'),
        ({"object": "error", "message": "Upstream died", "code": 400}, r'rejects the request \(400\).*"Upstream died"'),
        ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": "Upstream died"}}},
         r'rejects the request \(400\).*"Upstream died"'),
        ({"status": "failed", "error": {"code": "server_error", "message": "Upstream died"}}, '"Upstream died"'),
    ],
)  # fmt: skip
def test_errors_in_a_success_keep_their_words(
    server: VisionServer, profile: Profile, body: dict[str, Any], says_that: str
) -> None:
    server.will(answers(body))
    with pytest.raises(VisionError, match=says_that.replace("(502)", r"\(502\)")):
        ask(profile)
    assert len(server.requests) == 1


def message(**fields: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", **fields}, "finish_reason": "stop"}]}


CALL = {"function": {"name": "prompts", "arguments": ANSWER}}
THOUGHT = {"type": "reasoning", "text": "a cat?"}
ELSEWHERE = [
    (message(content=[{"type": "text", "text": "a red "}, {"type": "text", "text": "car"}]), "a red car"),
    (message(content=[THOUGHT, {"type": "text", "text": "a red car"}]), "a red car"),
    (message(content=[{"type": "thinking", "thinking": "a cat?"}, {"type": "text", "text": "a red car"}]), "a red car"),
    (message(content=[{"text": "a cat?", "thought": True}, {"text": "a red car"}]), "a red car"),
    (message(content=["a red car", "a blue car"]), "a red car\na blue car"),
    (message(content={"type": "text", "text": "a red car"}), "a red car"),
    (message(content={"text": {"value": "a red car"}}), "a red car"),
    (message(content={"prompts": ["a red car"]}), '{"prompts": ["a red car"]}'),
    (message(content=None, reasoning=ANSWER), ANSWER),
    (message(content="", reasoning_content=f"I see a cat. So: {ANSWER}"), f"I see a cat. So: {ANSWER}"),
    (message(content="", reasoning_content="A cat?</think>a red car"), "A cat?</think>a red car"),
    (message(content=None, reasoning_content="a red car"), "a red car"),
    (message(content="a red car", reasoning_content=ANSWER), "a red car"),
    (message(content=None, tool_calls=[CALL]), ANSWER),
    (message(content=None, tool_calls=[{"function": {"arguments": json.loads(ANSWER)}}]), ANSWER),
    (message(content=None, function_call=CALL["function"]), ANSWER),
    ({"choices": [{"text": "a red car", "finish_reason": "stop"}]}, "a red car"),
    ({"message": {"role": "assistant", "content": "a red car"}, "done": True, "done_reason": "stop"}, "a red car"),
    ({"response": "a red car", "done": True}, "a red car"),
    ({"output": [{"type": "function_call", "arguments": ANSWER}]}, ANSWER),
    ({"output": [{"type": "message", "content": "a red car"}]}, "a red car"),
    (message(content=[{"type": "output_text", "text": "a red car"}]), "a red car"),
    ({"output": [], "output_text": "a red car", "status": "completed"}, "a red car"),
    ({"output": [{"type": "message", "content": "a red car"}], "output_text": "a red car"}, "a red car"),
    ({"output": "a red car"}, "a red car"),
    ({"type": "message", "content": [THOUGHT, {"type": "text", "text": "a red car"}]}, "a red car"),
    ({"output": [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": "a cat?"}]},
                 {"type": "message", "content": [{"type": "output_text", "text": "a red car"}]}]}, "a red car"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "text"), ELSEWHERE)
def test_answers_elsewhere(server: VisionServer, chat: Profile, body: dict[str, Any], text: str) -> None:
    server.will(answers(body))
    assert ask(chat).text == text
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "thought",
    [
        "Okay, let me look at the image. A is a cat",
        "The user wants a prompt for B'.",
        "We need {\"prompts\": [...]} here. Let me see what A shows first",
        "Draft: {\"prompts\": [\"a cat\"]} but B is a car, so that is wrong. Think again",
    ],
)  # fmt: skip
def test_thinking_alone_is_no_answer(server: VisionServer, chat: Profile, thought: str) -> None:
    server.will(answers(message(content=None, reasoning_content=thought)))
    with pytest.raises(VisionError, match="without text"):
        ask(chat)


def chunk(text: Any = "", end: str | None = None, **delta: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text, **delta}, "finish_reason": end}]}


USAGE = {"choices": [], "usage": {"prompt_tokens": 300, "completion_tokens": 12}}
COMPLETED = {
    "type": "response.completed",
    "response": {
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "a red car"}]}],
        "usage": {"input_tokens": 300, "output_tokens": 12},
    },
}
DELTAS = [{"type": "response.output_text.delta", "delta": text} for text in ("a red ", "car")]
STREAMS = [
    streams(chunk("a red "), chunk("car", "stop"), USAGE),
    streams(chunk(reasoning_content="a cat?"), chunk("a red "), chunk("car", "stop"), USAGE),
    streams(chunk("a red "), chunk("car", "stop"), USAGE, newline="\r\n"),
    streams(message(content="a red car") | {"usage": USAGE["usage"]}),
    streams({"type": "response.created", "response": {"output": []}}, *DELTAS, COMPLETED, named=True),
    streams(
        {"type": "response.created", "response": {"status": "in_progress", "output": []}},
        *DELTAS,
        {"type": "response.completed", "response": {"output": [], "usage": COMPLETED["response"]["usage"]}},
        named=True,
    ),
    streams(chunk("a red car", "stop"), USAGE, before=": OPENROUTER PROCESSING\n\n" * 3),
    streams(chunk("a red "), chunk("car", "stop"), USAGE, lines=True),
    streams({"message": {"content": "a red "}, "done": False}, {"message": {"content": "car"}, "done": True}, USAGE,
            lines=True),
    sends(
        f": ping\n\ndata:{json.dumps(chunk([{'type': 'text', 'text': 'a red '}]))}\n\nevent: message\n"
        f"data:{json.dumps(chunk('car', 'stop'))}\n\ndata:{json.dumps(USAGE)}\n\ndata:[DONE]\n\n".encode()
    ),
    streams(chunk(None, tool_calls=[{"function": {"arguments": "a red "}}]),
            chunk(None, "tool_calls", tool_calls=[{"function": {"arguments": "car"}}]), USAGE),
    sends(b"\xef\xbb\xbf\n\n   " + json.dumps(message(content="a red car") | {"usage": USAGE["usage"]}).encode()),
]  # fmt: skip


@pytest.mark.parametrize("behaviour", STREAMS)
def test_a_stream_that_nobody_asked_for(server: VisionServer, chat: Profile, behaviour: Behaviour) -> None:
    server.will(behaviour)
    assert ask(chat) == Reply("a red car", 300, 12)
    assert server.requests[0].body["stream"] is False


def test_a_stream_that_breaks_off_is_no_answer(server: VisionServer, chat: Profile) -> None:
    server.will(sends(f'data: {json.dumps(chunk("a red "))}\n\ndata: {{"choi'.encode()))
    with pytest.raises(VisionError, match="returned incomplete JSON"):
        ask(chat)
    server.will(streams(chunk("a red "), done=False))
    with pytest.raises(VisionError, match="returned incomplete JSON"):
        ask(chat)


def test_an_error_in_a_stream_keeps_its_words(server: VisionServer, chat: Profile) -> None:
    server.will(streams(chunk("a red "), {"error": {"message": "Upstream died"}}))
    with pytest.raises(VisionError, match='"Upstream died"'):
        ask(chat)


@pytest.mark.parametrize("end", ["content_filter", "content_filter: PROHIBITED_CONTENT", "SAFETY", "sensitive"])
def test_an_end_by_a_filter_under_any_name(server: VisionServer, chat: Profile, end: str) -> None:
    server.will(says("", end))
    with pytest.raises(RefusalError, match="content filter"):
        ask(chat)
    assert len(server.requests) == 1


def test_a_limit_that_is_too_large_is_left_out(server: VisionServer, chat: Profile) -> None:
    server.will(
        in_error(400, "max_tokens is too large"), in_error(400, "max_completion_tokens: too large"), says("a car")
    )
    assert ask(chat).text == "a car"
    assert not any("token" in name for name in server.requests[2].body)


def test_whole_keys_alone_are_taken_out_of_prompts() -> None:
    assert redacted("no ID required poster", "sk-no-key-required") == "no ID required poster"
    assert redacted("sk-no-ke required", "sk-no-key-required") == "sk-no-ke required"
    assert redacted(f"a red car {KEY}.", KEY) == "a red car [key]."
    assert redacted("a token of love", "token") == "a token of love"
    # Rather a word lost than a key told.
    assert redacted("a red car correcthorse", "correcthorse") == "a red car [key]"
    assert (
        quotable(f"Incorrect API key provided: {KEY[:8]}*****{KEY[-4:]}.", KEY) == "Incorrect API key provided: [key]"
    )
    assert quotable("an API key is required...", "sk-no-key-required") == "an API key is required..."


@pytest.mark.parametrize("status", [400, 401, 403])
def test_the_servers_words_are_said_and_the_key_is_not(server: VisionServer, profile: Profile, status: int) -> None:
    server.will(in_error(status, f"Incorrect API key provided: {KEY[:8]}****{KEY[-4:]}. Find yours at https://a.org"))
    with pytest.raises(UnavailableError) as caught:
        ask(profile)
    assert 'It said: "Incorrect API key provided: [key] Find yours at https://a.org"' in str(caught.value)
    assert KEY[:8] not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "offered"),
    [
        ({"object": "list", "data": [{"id": "m"}]}, {"m"}),
        ([{"id": "m"}, {"id": "n"}], {"m", "n"}),
        (["m", "n"], {"m", "n"}),
        ({"models": [{"name": "m:latest", "model": "m:latest"}]}, {"m:latest"}),
        ({"data": ["m", 7, None, {}]}, {"m"}),
        ({}, set()),
        ("m", set()),
    ],
)
def test_lists_of_models(server: VisionServer, chat: Profile, body: object, offered: set[str]) -> None:
    server.will(answers(body))
    assert set(asyncio.run(endpoint.models(chat, None))) == offered
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("model", "offered", "found"),
    [
        ("m", ["m:latest"], True),
        ("m:latest", ["m"], True),
        ("gemini", ["models/gemini"], True),
        ("m:4b", ["m:latest"], False),
        ("m", ["m:4b"], False),
        ("m", [], False),
    ],
)
def test_a_model_is_found_under_its_other_names(model: str, offered: list[str], found: bool) -> None:
    assert endpoint.is_offered(model, offered) is found


@pytest.mark.parametrize(
    ("behaviour", "says_that"),
    [
        (fails(401, "Bad"), "does not accept the key"),
        (fails(402, "Pay"), "no credit"),
        (fails(403, "Forbidden"), "does not allow this request"),
    ],
)
def test_a_public_list_says_nothing_of_the_key(
    server: VisionServer, profile: Profile, behaviour: Behaviour, says_that: str
) -> None:
    server.will(answers({"data": [{"id": "some-model"}]}), behaviour)
    with pytest.raises(UnavailableError, match=says_that):
        asyncio.run(endpoint.models(profile, KEY))
    server.requests.clear()
    server.will(answers({"data": [{"id": "some-model"}]}), fails(400, "messages is empty"))
    assert asyncio.run(endpoint.models(profile, KEY)) == {"some-model": ""}
    assert server.requests[1].body.get("messages", server.requests[1].body.get("input")) == []
    server.will(answers({"data": [{"id": "another"}]}), fails(403, "Forbidden"))
    assert asyncio.run(endpoint.models(replace(profile, model=""), KEY)) == {"another": ""}


@pytest.mark.parametrize("content", [b"", b"null", b"7", b'"a red car"', b"[]", b"data: 7\n\n", b"{}\n7", b"data:"])
def test_what_is_no_response(content: bytes) -> None:
    outcome = read(content)
    assert isinstance(outcome, Failure)
    assert outcome.kind is errors.NOT_JSON
