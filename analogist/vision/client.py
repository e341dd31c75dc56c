"""The openai package's client, held to what we mean to send and to receive. Importing this file imports the package."""

import re
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from email.utils import parsedate_to_datetime
from functools import partial
from os import environ
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio
import openai

from . import errors
from .errors import Kind
from .failures import Failure, Send, response_failure
from .profiles import Profile
from .protocol import complains

MOST_BYTES = 2**22
"""Of a response; a list of hundreds of models has a million. The rest of a longer one is not read."""
RETRIES = 2
LONGEST_CONNECT = 10.0
"""Seconds of one try to connect."""
LONGEST_PAUSE = 60.0
"""Seconds of a Retry-After that are waited for: as many as the openai package waits for."""
LONGEST_WAIT = 86_400.0
"""Seconds of a Retry-After that are told."""
RAW = {"x-stainless-raw-response": "true"}
"""A header that tells the openai package itself, on the way back, to hand out the response as it is."""
SENT = {"host", "accept", "connection", "content-type", "content-length", "user-agent", *RAW}


class _HttpClient(openai.DefaultAsyncHttpxClient):
    def __init__(self, profile: Profile, key: str | None) -> None:
        self._key, self._end = key, time.monotonic() + profile.timeout
        # What is wanted of the environment is read here: through its proxy, a key for this machine would travel to
        # another one in plain text, and the oldest HTTP clients stumble over an IPv6 address in NO_PROXY.
        super().__init__(follow_redirects=False, trust_env=False, proxy=_proxy(profile), verify=_certificates(profile))

    async def send(self, request: Any, *, stream: bool = False, **kwargs: Any) -> Any:
        """Send a request without what the environment added to it, and read a response within bounds."""
        # The openai package adds what OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS hold, whatever the
        # address, and OPENAI_API_KEY where there is no key.
        for name in set(request.headers) - SENT:
            del request.headers[name]
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        # Nothing compressed is taken: a few packed kilobytes can hold gigabytes.
        request.headers["Accept-Encoding"] = "identity"
        content = b""
        async with aclosing(await super().send(request, stream=True, **kwargs)) as response:
            async for part in response.aiter_raw():
                content += part
                if len(content) > MOST_BYTES:
                    break
        # Not the others: they say how to unpack and to decode the content, and are a stranger's.
        headers = {name: value for name, value in response.headers.items() if name == "retry-after"}
        read = type(response)(response.status_code, headers=headers, content=content, request=request)
        read.headers["x-should-retry"] = "true" if self._may_retry(_content(read)) else "false"
        return read

    def _may_retry(self, outcome: bytes | Failure) -> bool:
        """Whether the openai package shall send the request again, which it does on its own."""
        if isinstance(outcome, bytes) or not outcome.kind.retry or complains(outcome.words):
            return False
        return outcome.pause <= LONGEST_PAUSE and time.monotonic() + outcome.pause < self._end


async def connected(profile: Profile, key: str | None, talk: Callable[[Send], Awaitable[Any]]) -> Any:
    """What a talk with a profile's endpoint comes to, or the `Failure` that ended it, such as the time limit.

    A failure is returned, to be raised where no exception of the package is in sight: those carry the request, and
    that carries the key.
    """
    try:
        http_client = _HttpClient(profile, key)
    except (ImportError, ValueError):  # Their words may hold the proxy's password.
        return Failure(errors.PROXY)
    except OSError:
        return Failure(errors.CERTIFICATES)
    # So that all tries to connect fail in time, and an endpoint that is not there is told from a slow one.
    timeout = openai.Timeout(profile.timeout, connect=min(LONGEST_CONNECT, profile.timeout / (RETRIES + 2)))
    client = openai.AsyncOpenAI(
        base_url=profile.endpoint, api_key=key or "none", max_retries=RETRIES, timeout=timeout, http_client=http_client
    )
    with anyio.move_on_after(profile.timeout):
        async with client:
            return await talk(partial(_sent, client, profile))
    return Failure(errors.SILENT)


async def _sent(client: openai.AsyncOpenAI, profile: Profile, path: str, body: Any = None) -> bytes | Failure:
    """The content of the response to a request."""
    asked: Any = client.get if body is None else partial(client.post, body=body)
    try:
        response = (await asked(path, cast_to=object, options={"headers": RAW})).http_response
    except openai.APIStatusError as error:
        response = error.response
    except openai.APIConnectionError as error:
        return Failure(_broken(error, profile))
    return _content(response)


def _content(response: Any) -> bytes | Failure:
    """The content of a response, or what it says where it is none of success."""
    if len(response.content) > MOST_BYTES:
        return Failure(errors.TOO_LONG)
    if response.is_success:
        return response.content
    return response_failure(response.status_code, response.content, _seconds(response.headers.get("retry-after", "")))


def _proxy(profile: Profile) -> str | None:
    """The environment's proxy for an endpoint, as the standard library reads it.

    Raises:
        ValueError: it is no address.
    """
    parts = urlsplit(profile.endpoint)
    host = parts.hostname or ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or profile.is_local or any(map(proxy_bypass, (host, f"[{host}]", parts.netloc))):
        return None
    address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if not re.fullmatch(r"[\w.:-]+", address.hostname or "") or address.netloc.endswith(":") or address.port == 0:
        raise ValueError("no address")
    return address.geturl()


def _certificates(profile: Profile) -> ssl.SSLContext | bool:
    """Whom to trust: the authorities that the environment names, else the HTTP client's own."""
    if profile.endpoint.startswith("http:"):  # Nobody: reading the authorities takes 50 ms for every client.
        return False
    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    if key_log := environ.get("SSLKEYLOGFILE"):  # Not every HTTP client opens it before the first connection.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = key_log
    return ssl.create_default_context(cafile=file or None, capath=folder or None) if file or folder else True


def _broken(error: BaseException | None, profile: Profile) -> Kind:
    """The kind of a failed connection."""
    names = set()
    while error:
        names.add(type(error).__name__)
        error = error.__cause__ or error.__context__
    if "SSLCertVerificationError" in names:
        return errors.UNTRUSTED
    if "ProxyError" in names or ("ConnectError" in names and _proxy(profile)):
        return errors.PROXY
    if names & {"ConnectError", "ConnectTimeout", "UnsupportedProtocol"}:
        return errors.NOT_RUNNING if profile.is_local else errors.UNREACHABLE
    return errors.SILENT if "APITimeoutError" in names else errors.BROKEN


def _seconds(retry_after: str) -> float:
    """Seconds of a Retry-After header, which holds a number or a date; 0 for anything else."""
    for read in (float, lambda date: parsedate_to_datetime(date).timestamp() - time.time()):
        with suppress(TypeError, ValueError, OverflowError):
            return min(max(0.0, read(retry_after)), LONGEST_WAIT)  # In this order it is 0 for NaN.
    return 0.0
