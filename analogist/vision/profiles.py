"""Where vision models are asked, and with which key: the part that belongs to the owner of the machine.

A profile has a name. A workflow carries that name and nothing else, so it can neither hold a key nor choose where one
is sent. Profiles beside the built-in ones live in `profiles.json` in a directory that the caller names:

    {"studio": {"base_url": "https://llm.example.org/v1", "key_variable": "STUDIO_KEY", "model": "qwen3-vl"}}
"""

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from ..files.reading import text_encoding
from ..files.writing import write_atomically
from .request import excerpt

FILE = "profiles.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", re.ASCII)
# Capitals only: a key put here by mistake has small letters, and the name of the variable stands in error messages.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,127}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9~@][\w./:@+~-]{0,199}", re.ASCII)


class ProfileError(ValueError):
    """There is no such profile, or its key is missing: no question can be asked."""


class Api(Enum):
    """Which of the two protocols an endpoint speaks."""

    CHAT = "chat"
    RESPONSES = "responses"


def checked_model(model: str) -> str:
    """The name of a model, if it can be one.

    Raises:
        ValueError: too long, or with characters that no model's name has.
    """
    if not _MODEL.fullmatch(model):
        raise ValueError(
            "expected the name of a model, up to 200 letters, digits and ./:@+~-_, for example qwen3-vl:4b, got "
            f"{excerpt(model, 60)!r}"
        )
    return model


def _wrong(sentence: str) -> PydanticCustomError:
    """What is wrong with a field; not formatted, for it may hold a stranger's braces."""
    return PydanticCustomError("profile", "{sentence}", {"sentence": sentence})


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise _wrong(
            "expected up to 64 letters, digits, blanks, dots, hyphens and underscores, got " + repr(excerpt(name, 60))
        )
    return name


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _wrong(f"expected an address such as https://api.example.org/v1: {error}") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _wrong("must not contain a user, a password, a query or a fragment: keys are stored separately")
    if not parts.hostname or parts.scheme not in ("https", "http") or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise _wrong(f"expected an address such as https://api.example.org/v1, got {excerpt(url)!r}")
    if parts.scheme == "http" and not _is_local(parts.hostname):
        raise _wrong(
            f"plain http to {parts.hostname}, which would expose the key: use https. Plain http is for "
            "localhost only (localhost, 127.0.0.1, ::1)"
        )
    return url


def _checked_variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise _wrong(
            "expected the name of an environment variable in capitals, such as MY_API_KEY, and not the key itself"
        )
    return name


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # A name and not an address.
        return False


@dataclass(frozen=True, config=ConfigDict(extra="forbid", hide_input_in_errors=True))
class Profile:
    """An endpoint that speaks OpenAI's protocol.

    Attributes:
        name: letters, digits, blanks, dots, hyphens and underscores.
        base_url: https, or http to this machine; what stands before "/chat/completions". A bare host gets "/v1".
        model: the model asked where the user names none.
        key_variable: environment variable that holds the key.
        key_file: file that holds the key where the variable is not set; relative to the profiles' directory.
            With neither of the two no key is sent.
        api: chat completions, or Responses.
        timeout: seconds in which an answer must be complete, retries included.
        temperature: sent if given; by default the model's own.
    """

    name: Annotated[str, AfterValidator(_checked_name)]
    base_url: Annotated[str, AfterValidator(_checked_url)]
    model: Annotated[str, AfterValidator(lambda model: model and checked_model(model))] = ""
    key_variable: Annotated[str, AfterValidator(_checked_variable)] | None = None
    key_file: str | None = None
    api: Api = Api.CHAT
    timeout: Annotated[float, Field(strict=True, ge=1, le=3600)] = 120.0
    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        return _is_local(self.host)

    @property
    def endpoint(self) -> str:
        """The base URL as the openai package wants it, however it was typed."""
        url = re.sub(r"/(?:chat/completions|responses)/?$", "", self.base_url).rstrip("/")
        return url if urlsplit(url).path else f"{url}/v1"

    @property
    def needs_key(self) -> bool:
        return self.key_variable is not None or self.key_file is not None


_PROFILE = TypeAdapter(Profile)
BUILT_IN = {
    profile.name: profile
    for profile in (
        Profile("openai", "https://api.openai.com/v1", "gpt-6-luna", "OPENAI_API_KEY", "openai.key", api=Api.RESPONSES),
        Profile(
            "openrouter", "https://openrouter.ai/api/v1", "openai/gpt-6-luna", "OPENROUTER_API_KEY", "openrouter.key"
        ),
        Profile(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "gemini-flash-latest",
            "GEMINI_API_KEY",
            "gemini.key",
        ),
        Profile("ollama", "http://localhost:11434/v1", "qwen3-vl:4b", timeout=300.0),
        Profile("lm-studio", "http://localhost:1234/v1", "qwen/qwen3-vl-4b", timeout=300.0),
        Profile("vllm", "http://localhost:8000/v1", "Qwen/Qwen3-VL-4B-Instruct", timeout=300.0),
    )
}
"""No key is sent to the last three, which run on this machine."""


def known(directory: Path) -> dict[str, Profile]:
    """The built-in profiles and those of the owner's file, which may replace built-in ones, by name.

    Raises:
        ValueError: the file cannot be read; names the file and what is wrong in it.
    """
    return BUILT_IN | {name: validated(name, entry) for name, entry in _read(directory / FILE).items()}


def find(name: str, directory: Path) -> Profile:
    """The profile of that name.

    Raises:
        ProfileError: there is none; lists those that exist.
    """
    profiles = known(directory)
    if name not in profiles:
        raise ProfileError(
            f"There is no profile {excerpt(name, 60)!r} on this machine; available: {', '.join(profiles)}. Add "
            f'one with "python -m analogist profiles add ... --directory {directory}".'
        )
    return profiles[name]


def add(profile: Profile, directory: Path) -> Path:
    """Write a profile to the owner's file, replacing one of the same name; returns the file."""
    path = directory / FILE
    fields = _PROFILE.dump_python(profile, mode="json", exclude_none=True)
    entry = {name: value for name, value in fields.items() if name != "name"}
    content = json.dumps(_read(path) | {profile.name: entry}, indent=2, ensure_ascii=False)
    write_private(path, content + "\n")
    return path


def key(profile: Profile, directory: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The key of a profile: of its environment variable, else of its file; None for a profile that needs none.

    Raises:
        ProfileError: it needs one and there is none, or it cannot be a key; names the places and never the key.
    """
    if not profile.needs_key:
        return None
    places = []
    if profile.key_variable is not None:
        places.append(f"set the environment variable {profile.key_variable} before the program starts")
        if environment.get(profile.key_variable, "").strip():
            return _checked_key(environment[profile.key_variable], f"environment variable {profile.key_variable}")
    if profile.key_file is not None:
        path = directory / profile.key_file
        places.append(f"put it into the file {path}")
        try:
            return _checked_key(path.read_text(encoding=text_encoding(path), errors="replace"), f"file {path}")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ProfileError(f"The file {path} cannot be read: {error.strerror}.") from None
    raise ProfileError(f"The profile {profile.name!r} needs a key: {', or '.join(places)}.")


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    write_atomically(path, content.encode(), 0o600)


def _checked_key(text: str, place: str) -> str:
    found = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]{1,4096}", found):
        raise ProfileError(f"The {place} contains no valid key: a key is one word of ASCII characters.")
    return found


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding=text_encoding(path)))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"The profiles in {path} cannot be read: {error}.") from None
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ValueError(f"The profiles in {path} must be one JSON object of profiles by name, each an object.")
    return content


def validated(name: str, entry: Mapping[str, Any]) -> Profile:
    """A profile of that name.

    Raises:
        ValueError: one sentence that says which field is wrong, and never what a key's field holds.
    """
    try:
        return _PROFILE.validate_python({**entry, "name": name})
    except ValidationError as error:
        wrong = error.errors(include_input=False, include_url=False)
    raise ValueError(f"The profile {excerpt(name, 60)!r} is invalid: {'; '.join(map(_in_words, wrong))}.")


def _in_words(wrong: Mapping[str, Any]) -> str:
    field = excerpt(str(wrong["loc"][0]), 60)
    if wrong["type"] == "unexpected_keyword_argument":
        return f"no field {field!r}; there are: {', '.join(one.name for one in fields(Profile) if one.name != 'name')}"
    return f"{field}: {wrong['msg'].removeprefix('Value error, ')}"
