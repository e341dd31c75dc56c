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
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from .request import excerpt

FILE = "profiles.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}", re.ASCII)
# Capitals only: a key put here by mistake has small letters, and the name of the variable stands in error messages.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,127}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9~@][\w./:@+~-]{0,199}", re.ASCII)


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
            f"{excerpt(model, 60)!r} cannot be the name of a model: use up to 200 letters, digits and ./:@+~-_, for "
            "example qwen3-vl:4b."
        )
    return model


@dataclass(frozen=True)
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

    name: str
    base_url: str
    model: str = ""
    key_variable: str | None = None
    key_file: str | None = None
    api: Api = Api.CHAT
    timeout: float = 120.0
    temperature: float | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{excerpt(self.name, 60)!r} cannot be the name of a profile: use up to 64 letters, digits, blanks, "
                "dots, hyphens and underscores."
            )
        url = f"The base_url of the profile {self.name!r}"
        try:
            parts = urlsplit(self.base_url)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"{url} is not an address: {error}.") from None
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                f"{url} must not carry a user, a password, a query or a fragment: keys have their own place."
            )
        if (
            not parts.hostname
            or parts.scheme not in ("https", "http")
            or re.search(r"[\s\x00-\x1f\x7f]", self.base_url)
        ):
            raise ValueError(
                f"{url} must be an address such as https://api.example.org/v1, not {excerpt(self.base_url)!r}."
            )
        if parts.scheme == "http" and not self.is_local:
            raise ValueError(
                f"{url} is plain http to {parts.hostname}, where anyone on the way can read the key: use https. "
                "Plain http is for this machine only (localhost, 127.0.0.1, ::1)."
            )
        if self.model:
            checked_model(self.model)
        if self.key_variable is not None and not _VARIABLE.fullmatch(self.key_variable):
            raise ValueError(
                f"The key_variable of the profile {self.name!r} must be the name of an environment variable in "
                "capitals, such as MY_API_KEY, and not the key itself."
            )
        if not 1 <= self.timeout <= 3600:
            raise ValueError(f"The timeout of the profile {self.name!r} must be between 1 and 3600 seconds.")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError(f"The temperature of the profile {self.name!r} must be between 0 and 2.")

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # A name and not an address.
            return False

    @property
    def endpoint(self) -> str:
        """The base URL as the openai package wants it, however it was typed."""
        url = re.sub(r"/(?:chat/completions|responses)/?$", "", self.base_url).rstrip("/")
        return url if urlsplit(url).path else f"{url}/v1"

    @property
    def needs_key(self) -> bool:
        return self.key_variable is not None or self.key_file is not None


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
    return BUILT_IN | {name: _from_fields(name, entry) for name, entry in _read(directory / FILE).items()}


def find(name: str, directory: Path) -> Profile:
    """The profile of that name.

    Raises:
        ValueError: there is none; lists those that exist.
    """
    profiles = known(directory)
    if name not in profiles:
        raise ValueError(
            f"There is no profile {excerpt(name, 60)!r} on this machine; there are: {', '.join(profiles)}. Add "
            f'one with "python -m analogist profiles add ... --directory {directory}".'
        )
    return profiles[name]


def add(profile: Profile, directory: Path) -> Path:
    """Write a profile to the owner's file, replacing one of the same name; returns the file."""
    path = directory / FILE
    entry = {name: value for name, value in asdict(profile).items() if name != "name" and value is not None}
    entry["api"] = profile.api.value
    content = json.dumps(_read(path) | {profile.name: entry}, indent=2, ensure_ascii=False)
    write_private(path, content + "\n")
    return path


def key(profile: Profile, directory: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The key of a profile: of its environment variable, else of its file; None for a profile that needs none.

    Raises:
        ValueError: it needs one and there is none, or it cannot be a key; names the places and never the key.
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
            return _checked_key(path.read_text(encoding="utf-8-sig", errors="replace"), f"file {path}")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ValueError(f"The file {path} cannot be read: {error.strerror}.") from None
    raise ValueError(f"The profile {profile.name!r} needs a key: {', or '.join(places)}.")


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(content, encoding="utf-8")
    unfinished.replace(path)


def _checked_key(text: str, place: str) -> str:
    found = text.strip()
    if not re.fullmatch(r"[\x21-\x7e]{1,4096}", found):
        raise ValueError(f"The {place} holds no key: a key is one word of plain letters, digits and signs.")
    return found


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))  # Windows' editors put a mark at the beginning.
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"The profiles in {path} cannot be read: {error}.") from None
    if not isinstance(content, dict):
        raise ValueError(f"The profiles in {path} must be one JSON object of profiles by name.")
    return content


def _from_fields(name: str, entry: object) -> Profile:
    allowed = [field.name for field in fields(Profile) if field.name != "name"]
    if not isinstance(entry, dict) or "base_url" not in entry:
        raise ValueError(f"The profile {excerpt(name, 60)!r} must be a JSON object with a base_url.")
    for field, value in entry.items():
        if field not in allowed:
            raise ValueError(
                f"The profile {name!r} has no field {excerpt(field, 60)!r}; there are: {', '.join(allowed)}."
            )
        number = field in ("timeout", "temperature")
        if isinstance(value, bool) or not isinstance(value, (int, float) if number else str):
            raise ValueError(f"The {field} of the profile {name!r} must be a {'number' if number else 'text'}.")
    if entry.get("api", "chat") not in [api.value for api in Api]:
        raise ValueError(f'The api of the profile {name!r} must be "chat" or "responses".')
    return Profile(name, **{**entry, "api": Api(entry.get("api", "chat"))})
