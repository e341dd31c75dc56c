"""What failed: told by the server's message first, and then by its HTTP status.

The words come first, at any status: servers say "add credit" with 400, 402, 403 and 429, and refuse a schema with
anything from 200 to 501.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from .errors import KINDS, REQUEST, Kind
from .profiles import Profile
from .request import excerpt

MESSAGES = ("raw", "message", "detail", "msg", "error")
"""Where servers say to people what is wrong; OpenRouter passes on, as "raw", what the provider behind it said."""


def classified(status: int, words: str) -> Kind:
    """The kind of a failed response: by its words, else by its status."""
    said = (kind for kind in KINDS if any(re.search(one, words, re.IGNORECASE) for one in kind.words))
    meant = (kind for kind in KINDS if status in kind.statuses)
    return next(said, None) or next(meant, REQUEST)


@dataclass(frozen=True)
class Failure:
    """A failed request.

    Attributes:
        status: of HTTP, or the one that an error inside a response names.
        message: what the server says to people.
        words: all that it says, by which failures are told apart.
        pause: seconds to wait before the next request.
    """

    kind: Kind
    status: int = 0
    message: str = ""
    words: str = ""
    pause: float = 0

    def error(self, profile: Profile, model: str, key: str | None) -> Exception:
        """The exception to raise, its one sentence without the key."""
        places = " or ".join(filter(None, (profile.key_variable, profile.key_file))) or "whether it needs one"
        when = f"in {self.pause:.0f} seconds" if self.pause else "later"
        sentence = self.kind.sentence.format(status=self.status, model=model, profile=profile, places=places, when=when)
        said = excerpt(quotable(self.message, key)).replace('"', "'")
        quoted = f' It said: "{said}"' if said else ""
        return self.kind.error(f"The profile {profile.name!r} ({profile.host}) {sentence}{quoted}")


Send = Callable[..., Awaitable[bytes | Failure]]
"""Posts an object to a path of the endpoint, or gets what is there; the content of the response."""


def loaded(content: bytes) -> Any:
    """The JSON of a response; None where it holds none."""
    try:
        return from_json(content.decode("utf-8-sig", "replace"))
    except ValueError:
        return None


def response_failure(status: int, content: bytes, pause: float = 0, body: Any = None) -> Failure:
    """The failure of a response, from the error in it, else from its JSON, else from its plain content."""
    body = body or loaded(content) or content[:4000].decode("utf-8", "replace")
    said = list(_said(body))
    words = " ".join(text for _, text in said)
    messages = (text for wanted in MESSAGES for name, text in said if name == wanted and text)
    return Failure(classified(status, words), status, next(messages, words or str(body)[:4000]), words, pause)


def _said(body: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every short text in an error object, with its name; FastAPI echoes the request under "input"."""
    if isinstance(body, str):
        yield name, body[:2000]
    elif isinstance(body, (dict, list)) and depth < 7 and name != "input":
        for under, one in body.items() if isinstance(body, dict) else ((name, one) for one in body[:50]):
            yield from _said(one, under, depth + 1)


def redacted(text: str, key: str | None) -> str:
    """A text without the key. Short ones ("none", "token") are ordinary words, which people give local servers."""
    return text.replace(key, "[key]") if key and len(key) >= 8 else text


def quotable(text: str, key: str | None) -> str:
    """A server's words without the key, and without one that is quoted in part ("sk-abc***xyz", "sk-abc...")."""
    text = redacted(text, key)
    if not key or len(key) < 16:
        return text
    dots = r"(?:\*|\.\.|…)"
    word = r"[^\s\"']*"
    quoted = rf"{re.escape(key[:4])}{word}{dots}{word}|{word}{dots}{word}{re.escape(key[-4:])}"
    return re.sub(quoted, "[key]", text)
