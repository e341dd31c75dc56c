"""The reading of replies: tables of replies as they come (replies.yaml), and properties that hold for any."""

import json
import re
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from analogist.published import SUFFIX
from analogist.vision import loose_json, replies, request
from analogist.vision.replies import Answer, RefusalError, ReplyError
from analogist.vision.request import Form

TABLE: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("replies.yaml").read_text(encoding="utf-8"))
"""Reply, expected prompts or error, and why."""

COMMAS = "bagels in color, colorful bagels on plate, golden baked bagels"
BAGELS = ["bagels in color", "colorful bagels on plate", "golden baked bagels"]
SCHEMA = json.dumps({"change": "color is added", "alignment": "A and A'", "prompts": BAGELS})

# "@" stands for COMMAS.
REPLIES = {
    "schema": SCHEMA,
    "schema, indented": json.dumps(json.loads(SCHEMA), indent=2),
    "json fence": f"```json\n{SCHEMA}\n```",
    "fence without a language": f"```\n{SCHEMA}\n```",
    "fence amid chatter": f"Sure! Here is the JSON:\n\n```json\n{SCHEMA}\n```\n\nLet me know if you need more!",
    "json amid chatter": f"Here you go: {SCHEMA} I hope this helps.",
    "json after thinking": f"<think>A' adds color {{to A}}, so [B'] too.</think>\n{SCHEMA}",
    "json list": json.dumps(BAGELS),
    "json list of objects": json.dumps([{"prompt": bagel} for bagel in BAGELS]),
    "json numbered keys": json.dumps({f"prompt{i}": bagel for i, bagel in enumerate(BAGELS, 1)}),
    "json captions": json.dumps({"reasoning": "A is gray", "captions": BAGELS}),
    "json keyed by numbers": json.dumps({"1": BAGELS[0], "2": BAGELS[1], "3": BAGELS[2]}),
    "json nested": json.dumps({"answer": {"analysis": "x", "prompts": BAGELS}}),
    "json with a trailing comma": '{"change": "color", "prompts": ["bagels in color", "colorful bagels on plate", '
    '"golden baked bagels",],}',
    "json cut off": '{"change": "color is added", "prompts": ["bagels in color", "colorful bagels on plate", '
    '"golden baked bagels", "a plate of ba',
    "python dict": "{'prompts': ['bagels in color', 'colorful bagels on plate', 'golden baked bagels']}",
    "python dicts": "{'prompts': [{'prompt': 'bagels in color'}, {'prompt': \"colorful bagels on plate\"}, "
    "{'prompt': 'golden baked bagels'}]}",
    "keys without quotes": "{prompts: ['bagels in color', 'colorful bagels on plate', 'golden baked bagels']}",
    "assignment": 'prompts = ["bagels in color", "colorful bagels on plate", "golden baked bagels"]',
    "list without quotes": f"[{COMMAS}]",
    "published comma form": "Bagels in color, colorful bagels on plate, golden baked bagels",
    "comma form with a full stop": "Bagels in color, colorful bagels on plate, golden baked bagels.",
    "comma form in quotes": '"Bagels in color", "Colorful bagels on plate", "Golden baked bagels"',
    "comma form after a preamble": "Sure! Here are three prompts: @",
    "comma form over lines": "bagels in color,\ncolorful bagels on plate,\ngolden baked bagels",
    "semicolons": "bagels in color; colorful bagels on plate; golden baked bagels",
    "full-width commas": "bagels in color，colorful bagels on plate、golden baked bagels",  # noqa: RUF001
    "numbered": "1. Bagels in color\n2. Colorful bagels on plate\n3. Golden baked bagels",
    "numbered with brackets": "1) bagels in color\n2) colorful bagels on plate\n3) golden baked bagels",
    "numbered in brackets": "(1) bagels in color\n(2) colorful bagels on plate\n(3) golden baked bagels",
    "numbered with quotes": '1. "Bagels in color"\n2. "Colorful bagels on plate"\n3. "Golden baked bagels"',
    "numbered in bold": "1. **Bagels in color**\n2. **Colorful bagels on plate**\n3. **Golden baked bagels**",
    "numbered in one line": "1. bagels in color 2. colorful bagels on plate 3. golden baked bagels",
    "numbered with preamble and chatter": "Certainly! The change adds color. Here are the prompts:\n\n"
    "1. Bagels in color\n2. Colorful bagels on plate\n3. Golden baked bagels\n\nLet me know if you'd like others!",
    "numbered in circles": "①bagels in color\n②colorful bagels on plate\n③golden baked bagels",
    "numbered in Chinese": "1、bagels in color\n2、colorful bagels on plate\n3、golden baked bagels",
    "Japanese quotes": "「bagels in color」、「colorful bagels on plate」、「golden baked bagels」",
    "tags": "<prompt>bagels in color</prompt><prompt>colorful bagels on plate</prompt>\n<prompt>golden baked bagels",
    "bullets": "- bagels in color\n- colorful bagels on plate\n- golden baked bagels",
    "stars": "* bagels in color\n* colorful bagels on plate\n* golden baked bagels",
    "dots": "• bagels in color\n• colorful bagels on plate\n• golden baked bagels",
    "labels, numbered": "Prompt 1: bagels in color\nPrompt 2: colorful bagels on plate\nPrompt 3: golden baked bagels",
    "label": "Prompts: @",
    "label above": "**Prompts for B':**\n- bagels in color\n- colorful bagels on plate\n- golden baked bagels",
    "label after reading": "A is a gray photo and A' is the same in color.\nB': @",
    "curly quotes": "“Bagels in color”, “Colorful bagels on plate”, “Golden baked bagels”",
    "single quotes": "'bagels in color', 'colorful bagels on plate', 'golden baked bagels'",
    "code quotes": "`bagels in color`, `colorful bagels on plate`, `golden baked bagels`",
    "quoted in a sentence": 'The prompts are "bagels in color", "colorful bagels on plate" or "golden baked bagels".',
    "thinking": "<think>\nColor, I think. 1. no 2. no\n</think>\n\n@",
    "thinking without its start": "So it is color.\n</think>\n@",
    "thinking of another kind": "◁think▷color?◁/think▷@",
    "channels": "<|channel|>analysis<|message|>Color?<|end|><|start|>assistant<|channel|>final<|message|>@<|return|>",
    "boxed": "It is color.<|begin_of_box|>@<|end_of_box|>",
    "answer tags": "Color is added.\n<answer>@</answer>",
    "special tokens": "@<|im_end|><end_of_turn></s>",
    "speaker": "ASSISTANT: @",
    "plain lines": "bagels in color\n\ncolorful bagels on plate\n\ngolden baked bagels\n",
    "windows lines": "bagels in color\r\ncolorful bagels on plate\r\ngolden baked bagels\r\n",
    "repeated": "bagels in color, Bagels in color, colorful bagels on plate, golden baked bagels",
    "too many": "@, fresh bagels, warm bagels",
}

ONE = {
    "bare": "stylized corgi in grass",
    "full stop": "Stylized corgi in grass.",
    "quotes": '"Stylized corgi in grass"',
    "label": "B': stylized corgi in grass",
    "label of words": "The text prompt of image B' is: stylized corgi in grass",
    "sentence": 'The text prompt for B\' would be "stylized corgi in grass".',
    "sentence after reading": 'Based on A, it is a cartoon.\nThe prompt for B\' is "Stylized corgi in grass."',
    "sentence without quotes": "The output B' would be stylized corgi in grass.",
    "all four in one line": "A: corgi photo. A': stylized corgi. B: corgi in grass. B': stylized corgi in grass.",
    "all four in lines": "1. A: corgi\n2. A': stylized\n3. B: corgi in grass\n4. B': stylized corgi in grass",
    "formula": "A : A' :: B : B'\n\nB' = stylized corgi in grass",
    "answer with a label in it": "Answer: B' = stylized corgi in grass",
    "italics": "**B'**: *Stylized corgi in grass*",
    "bold": "**Stylized corgi in grass**",
    "preamble": "Sure! Here is the prompt: stylized corgi in grass",
    "preamble on its own line": "Of course! Here's one:\n\nStylized corgi in grass\n\nThis captures the change.",
    "note": "Stylized corgi in grass\n\n(Note: kept to five words.)",
    "heading": "### Stylized corgi in grass",
    "sentence after the sentence": 'The prompt is: "Stylized corgi in grass". This follows from A.',
    "explained in brackets": '"Stylized corgi in grass" (a corgi as a drawing)',
    "words counted": "Stylized corgi in grass (4 words)",
    "arrow": "B' → stylized corgi in grass",
    "mathematics": "Final answer: \\boxed{\\text{stylized corgi in grass}}",
    "negative prompt": '{"prompt": "stylized corgi in grass", "negative_prompt": "blurry"}',
    "json": '{"prompt": "stylized corgi in grass"}',
    "curly apostrophe in the label": "B’: stylized corgi in grass",  # noqa: RUF001
    "thinking cut in two": "<think>hm</think>stylized corgi in grass<think>or a cat?",
}

REFUSALS = [
    "I'm sorry, but I can't assist with that request.",
    "I’m sorry, I can’t help with identifying people in images.",  # noqa: RUF001
    "I cannot provide a description of this image.",
    "I can't help with that.",
    "Sorry, I am unable to process images.",
    "Unfortunately, I can't see the image you are referring to.",
    "As an AI language model, I don't have the ability to see images.",
    "I don't see any image attached. Please upload the image you'd like me to look at.",
    "There is no image in your message.",
    "My apologies, but this request violates our policies.",
    "I must decline to describe this picture.",
    "I'm not able to generate prompts for this content.",
    "<think>Is it allowed?</think>I'm sorry, but I can't help with that.",
    '{"prompts": ["I\'m sorry, I can\'t assist with that."]}',
    '{"refusal": "This picture shows a real person."}',
    "抱歉，我无法处理这张图片。",  # noqa: RUF001
    "Thank you for the picture. However, I cannot identify the people in it.",
    "I won't be able to help with that.",
    "I'm just a text-based AI and can't see pictures.",
    "I don't have the ability to view images.",
    "I don't feel comfortable with this picture.",
    "I apologize, but I cannot fulfil this request.",
    "We are unable to process your request.",
    "Cannot comply.",
    "Unable to process this image.",
    "I refuse to answer.",
    "Sorry.",
    "It looks like no image was attached.",
    "It seems the image didn't upload.",
    "There doesn't seem to be an image attached.",
    "Could you please share the image?",
    "Your request was rejected as a result of our safety system.",
    "This content may violate our usage policies.",
    "Tut mir leid, dabei kann ich nicht helfen.",
    "Ich kann dir dabei leider nicht helfen.",
    "Je ne peux pas vous aider avec cela.",
    "No puedo ayudar con eso.",
    "Desculpe, mas não posso ajudar.",
    "Mi dispiace, ma non posso aiutarti.",
    "Извините, я не могу помочь.",
    "К сожалению, я не вижу изображения.",  # noqa: RUF001
    "すみません、お手伝いできません。",
    "죄송합니다. 도와드릴 수 없습니다.",
    "對不起，我無法處理這張圖片。",  # noqa: RUF001
]

NOTHING = {
    "": "is empty",
    "  \n ": "is empty",
    "<think>only thinking, and then the limit": "only reasoning",
    "...": "expected a prompt, got",
    "{}": "expected a prompt, got",
    '{"prompts": []}': "expected a prompt, got",
    '{"prompts": ["", " "]}': "expected a prompt, got",
    '{"prompts": ["N/A"]}': "expected a prompt, got",
    "None": "expected a prompt, got",
    " ".join(["word"] * 200): "expected a prompt, got",
    "x" * 1000: "expected a prompt, got",
    "x" * 200_000: "200000 characters",
}


@pytest.mark.parametrize("case", [case for case in TABLE if "prompts" in case], ids=lambda case: case["why"])
def test_reply_is_read_as_a_person_would(case: dict[str, Any]) -> None:
    assert list(replies.parse(case["reply"], case.get("count", 1)).prompts) == case["prompts"]


@pytest.mark.parametrize("case", [case for case in TABLE if "error" in case], ids=lambda case: case["why"])
def test_unsure_reply_is_an_error_that_quotes_it(case: dict[str, Any]) -> None:
    with pytest.raises(ReplyError) as error:
        replies.parse(case["reply"], case.get("count", 1))
    assert isinstance(error.value, RefusalError) == (case["error"] == "refusal")
    message = str(error.value)
    assert "only reasoning" in message or any(word in message for word in re.findall(r"\w{2,}|\W+", case["reply"]))


def test_table_is_a_table() -> None:
    assert len(TABLE) >= 150
    assert all(("prompts" in case) != ("error" in case) for case in TABLE)
    assert len({case["reply"] for case in TABLE}) == len(TABLE)


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_reads_three_prompts(reply: str) -> None:
    assert [prompt.lower() for prompt in replies.parse(reply.replace("@", COMMAS), 3).prompts] == BAGELS


@pytest.mark.parametrize("reply", ONE.values(), ids=ONE)
@pytest.mark.parametrize("count", [1, 3])
def test_reads_one_prompt(reply: str, count: int) -> None:
    assert [prompt.lower() for prompt in replies.parse(reply, count).prompts] == ["stylized corgi in grass"]


def test_one_prompt_keeps_its_commas() -> None:
    assert replies.parse("smiling woman, exaggerated features").prompts == ("smiling woman, exaggerated features",)
    assert replies.parse("1. red car, wet road\n2. blue car, dry road", 2).prompts == (
        "red car, wet road",
        "blue car, dry road",
    )


def test_reads_what_the_model_saw() -> None:
    answer = replies.parse(SCHEMA, 2)
    assert (answer.change, answer.alignment, len(answer.prompts)) == ("color is added", "A and A'", 2)


@pytest.mark.parametrize("reply", REFUSALS)
def test_refusal_is_an_error_with_the_models_words(reply: str) -> None:
    with pytest.raises(RefusalError, match="The model refused") as error:
        replies.parse(reply, 3)
    assert any(len(word) > 4 and word in str(error.value) for word in reply.split()) or reply[:2] in str(error.value)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("form", ["{}", "Prompt: {}", "B': {}", "<answer>{}</answer>", "**{}**", '"{}"'])
def test_refusal_is_one_behind_any_label(form: str, count: int) -> None:
    for reply in REFUSALS:
        with pytest.raises(RefusalError):
            replies.parse(form.format(reply), count)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("key", ["prompts", "answer", "B'"])
def test_refusal_is_one_in_json(key: str, count: int) -> None:
    for reply in REFUSALS:
        for value, ascii_only in product((reply, [reply]), (True, False)):
            with pytest.raises(RefusalError):
                replies.parse(json.dumps({key: value}, ensure_ascii=ascii_only), count)


@pytest.mark.parametrize(
    "prompt",
    [
        "sorry dog with sad eyes",
        "an apology card",
        "No smoking sign",
        "No picture frame on wall",
        "sorry wet dog",
        "sorry theater mask",
        "Sorry, We Missed You poster",
        "Sorry We're Open sign",
        "I can't help falling in love, album cover",
        "I can't stop the feeling, neon sign",
        "as an AI robot portrait",
        "the image goes against grain, film",
        "Apologies written on a card",
        '"Hello" neon sign',
        'neon sign saying "open"',
        "'tis the season card",
        "I love you neon sign",
        "unable cat",
        "a can of tomatoes",
    ],
)
def test_prompt_is_left_as_it_is(prompt: str) -> None:
    assert replies.parse(prompt).prompts == (prompt,)


@pytest.mark.parametrize(("reply", "message"), NOTHING.items())
def test_reply_without_a_prompt_is_an_error(reply: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replies.parse(reply, 3)


def parsed(reply: str, count: int) -> tuple[Answer | None, str]:
    """The answer, or none and the error's message."""
    try:
        return replies.parse(reply, count), ""
    except ValueError as error:
        return None, str(error)


@given(st.text(max_size=300), st.integers(1, 5))
def test_any_reply_gives_prompts_or_one_sentence(reply: str, count: int) -> None:
    answer, message = parsed(reply, count)
    if answer is None:
        assert message.endswith(".")
        return
    assert 1 <= len(answer.prompts) <= count
    for prompt in answer.prompts:
        assert prompt == prompt.strip()
        assert prompt.isprintable() or not prompt.isascii()
        assert "\n" not in prompt
        assert not replies.is_refusal(prompt)


WORDS = st.lists(st.sampled_from(["red", "old", "cat", "car", "sky", "on", "under"]), min_size=2, max_size=5).map(
    " ".join
)
PROMPTS = st.lists(WORDS, min_size=2, max_size=5, unique=True)
MARKERS = [
    "{}. ",
    "{}) ",
    "({}) ",
    "#{} ",
    "{} - ",
    "{}: ",
    "[{}] ",
    "Prompt {}: ",
    "**Option {}:** ",
    "Variant {} \u2013 ",
    "候选{}\uff1a",
]
THINKING = ["<think>{}</think>", "[THINK]{}[/THINK]", "<seed:think>{}</seed:think>", "<scratchpad>{}</scratchpad>"]
THINKING += ["<|START_THINKING|>{}<|END_THINKING|>", "◁think▷{}◁/think▷", "{}</think>"]
THINKING += ["<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>"]


def forms(prompts: list[str]) -> dict[str, str]:
    """The same prompts as different models would write them."""
    answer = {"change": "x", "alignment": "neither", "prompts": prompts}
    rows = "".join(f"| {number} | {prompt} |\n" for number, prompt in enumerate(prompts, 1))
    return {
        "json": json.dumps(answer),
        "json encoded twice": json.dumps(json.dumps(answer)),
        "python": repr(answer),
        "objects": json.dumps([{"id": number, "prompt": prompt} for number, prompt in enumerate(prompts)]),
        "keys": json.dumps({f"prompt_{number}": prompt for number, prompt in enumerate(prompts)}),
        "lines of json": "\n".join(json.dumps({"prompt": prompt}) for prompt in prompts),
        "fence": f"Here:\n```json\n{json.dumps(prompts)}\n```\nEnjoy!",
        "commas": ", ".join(prompts),
        "lines": "\n".join(prompts),
        "bullets": "\n".join(f"* **{prompt}**" for prompt in prompts),
        "quotes": ", ".join(f'"{prompt}"' for prompt in prompts),
        "tags": "".join(f"<prompt>{prompt}</prompt>" for prompt in prompts),
        "table": f"| # | Prompt |\n|---|---|\n{rows}",
        "headings": "\n\n".join(f"**Prompt {number}:**\n{prompt}" for number, prompt in enumerate(prompts, 1)),
    }


@given(PROMPTS, st.sampled_from(list(forms([]))))
def test_what_was_written_is_read_back(prompts: list[str], form: str) -> None:
    assert list(replies.parse(forms(prompts)[form], len(prompts)).prompts) == prompts


@given(
    PROMPTS, st.sampled_from(MARKERS), st.sampled_from(["", "Here they are:\n\n", "Gerne!\n", "以下是提示词\uff1a\n"])
)
def test_any_marker_is_read(prompts: list[str], marker: str, before: str) -> None:
    reply = before + "\n".join(marker.format(number) + prompt for number, prompt in enumerate(prompts, 1))
    assert list(replies.parse(reply, len(prompts)).prompts) == prompts


BEFORE = [
    "",
    "Sure! Here are the prompts:\n\n",
    "Certainly! Below are the prompts.\n\n",
    "Great question!\n\n",
    "Based on the transformation from A to A', here are some text prompts for B':\n\n",
    "A is a photo, A' is a drawing.\n\n",
    "I see the pattern: the photo turns into a drawing.\n\n",
    "**Transformation:** photo to drawing\n\n**Prompts:**\n\n",
    "## Analysis\nThe photo becomes a drawing.\n\n## Prompts\n",
    "Looking at the grid:\n- A: photo of a bus\n- A': drawing of a bus\n- B: photo of a dog\n\nPrompts for B':\n\n",
    "Change: photo to drawing\nAlignment: A and A'\nPrompts:\n",
    "<think>maybe a bus?</think>\n",
    "好的\uff0c以下是提示词\uff1a\n\n",
    "Hier sind die Prompts:\n\n",
]
AFTER = [
    "",
    "\n\nLet me know if you need more!",
    "\n\nThese prompts follow the same change.",
    "\n\n**Negative prompt:** blurry, photo",
    "\n\n(All are under five words.)",
    "\n\n*Each prompt keeps the subject of B.*",
    "\n\n---\n\nWould you like other styles?",
    "\n\n**Why:** they keep the subject.",
    "\n\nWord count: 3",
    "\n\n希望对你有帮助\uff01",
]


@given(PROMPTS, st.sampled_from(list(forms([]))), st.sampled_from(BEFORE), st.sampled_from(AFTER))
def test_chatter_around_prompts_changes_nothing(prompts: list[str], form: str, before: str, after: str) -> None:
    assert list(replies.parse(before + forms(prompts)[form] + after, len(prompts)).prompts) == prompts


@given(PROMPTS, st.sampled_from(list(forms([]))), st.integers(1, 5))
def test_another_number_than_asked_for(prompts: list[str], form: str, count: int) -> None:
    """More are cut, fewer are all there are; with one asked for, commas belong to it."""
    if count == 1 and form == "commas":
        prompts = [", ".join(prompts)]
    assert list(replies.parse(forms(prompts)[form], count).prompts) == prompts[:count]


@given(st.text(alphabet="ab .:{}[]\"'\n1-*`", max_size=80), st.sampled_from(THINKING), st.sampled_from(list(forms([]))))
@example("{", "{}</think>", "json")
def test_thinking_changes_nothing(thought: str, thinking: str, form: str) -> None:
    answer = forms(["red cat", "old car"])[form]
    assert replies.parse(thinking.format(thought) + answer, 2) == replies.parse(answer, 2)


@pytest.mark.parametrize("form", ["json", "json encoded twice", "python", "objects", "lines of json", "fence"])
def test_json_cut_off_anywhere_gives_whole_prompts_or_an_error(form: str) -> None:
    reply = forms(BAGELS)[form].removeprefix("Here:\n")
    for end in range(len(reply)):
        answer, _ = parsed(reply[:end], 3)
        assert answer is None or set(answer.prompts) <= set(BAGELS)


@given(st.text(max_size=60), PROMPTS)
def test_free_text_beside_prompts_is_not_judged(change: str, prompts: list[str]) -> None:
    reply = json.dumps({"change": f"I cannot see it. {change} The image is not visible.", "prompts": prompts})
    assert list(replies.parse(reply, len(prompts)).prompts) == prompts


JSON = st.recursive(
    st.text(max_size=9),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.text(), inner, min_size=1),
)


@given(st.dictionaries(st.text(max_size=9), JSON, min_size=1, max_size=3), st.booleans(), st.sampled_from([None, 2]))
def test_proper_json_is_read_as_the_json_module_reads_it(value: Any, ascii_only: bool, indent: int | None) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert [read for read, *_ in loose_json.values(written)] == [value]


HOSTILE = r"""[ { {" " ' 'a "a"_ ["a", {"a":[ \" // <think> </think> < <|channel|> ``` \boxed{ 1._ a)_ ( ,_ ab._ :_
B':_ - **a:**_ 「a _ x |a| $a \text{ <a_ <th> </th>_ &#1 1/1 a,_ \u0041"""
"""Parts of replies that are one part again and again; `_` is a blank."""


@pytest.mark.parametrize(
    "part", [*(part.replace("_", " ") for part in HOSTILE.split()), "\n", "| a |\n|---|\n", "- \n"]
)
@pytest.mark.parametrize("end", ["", "x", '"]}'])
def test_hostile_reply_is_read_in_linear_time(part: str, end: str) -> None:
    reply = (part * 100_000)[: replies.MOST_REPLY - len(end)] + end
    start = time.process_time()
    _, message = parsed(reply, 3)
    assert len(message) < 600
    assert time.process_time() - start < 5  # Quadratic time would be minutes.


def test_request_asks_for_count_words_and_form() -> None:
    assert "no more than 7 words" in request.instruction(7)
    published = request.request(request.instruction(), 3, Form.TEXT)
    assert "3 such prompts separated by commas" in published
    assert "JSON" not in published
    assert "JSON" in request.request("What is B'?", 2, Form.JSON)
    assert set(request.schema()["required"]) == set(request.schema()["properties"])


def test_suffix_is_appended_as_published() -> None:
    assert request.with_suffix(["a cat"], SUFFIX) == ["a cat, best quality, extremely detailed"]
    assert request.with_suffix(["a cat"], ", sharp") == ["a cat, sharp"]
    assert request.with_suffix(["a cat"], " ") == ["a cat"]


def test_typed_prompts_are_lines() -> None:
    assert request.typed("a cat\r\n\n  a dog ") == ("a cat", "a dog")


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\x7f", "a\ud800"])
def test_control_characters_are_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"The instruction contains the control character U\+"):
        request.checked("instruction", text, 100)


def test_too_long_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="The instruction has 1048576 characters, but at most 8000"):
        request.checked("instruction", "x" * 2**20, request.MOST_INSTRUCTION)
    assert request.checked("instruction", "Zeile\n\tzwei 猫", 100) == "Zeile\n\tzwei 猫"
