"""What the environment says of proxies, certificates and keys, over real connections: used, or a sentence."""

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from analogist.vision import endpoint
from analogist.vision.errors import UnavailableError
from analogist.vision.profiles import Profile
from analogist.vision.protocol import Question
from support.vision_server import VisionServer

KEY = "sk-planted-0123456789abcdefghijklmnop"
FAR = Profile("far", "https://llm.example.org/v1", "some-model", timeout=6)
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this machine's own environment."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def ask(profile: Profile, key: str | None = KEY) -> str:
    return asyncio.run(endpoint.ask(Question(b"", "What is B'?", 1, "some-model"), profile, key, {})).text


def failure(profile: Profile) -> str:
    with pytest.raises(UnavailableError) as caught:
        ask(profile)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def broken_files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "garbage.pem").write_text("-----BEGIN CERTIFICATE-----\nno such thing\n-----END CERTIFICATE-----\n")
    (tmp_path / "empty.pem").write_text("")
    return {
        "missing": str(tmp_path / "missing.pem"),
        "garbage": str(tmp_path / "garbage.pem"),
        "empty": str(tmp_path / "empty.pem"),
        "folder": str(tmp_path),
        "below a file": str(tmp_path / "empty.pem" / "keys.log"),
    }


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("SSL_CERT_FILE", "missing"),
        ("SSL_CERT_FILE", "garbage"),
        ("SSL_CERT_FILE", "empty"),
        ("SSL_CERT_FILE", "folder"),
        ("SSLKEYLOGFILE", "folder"),
        ("SSLKEYLOGFILE", "below a file"),
    ],
)
def test_certificates_that_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch, broken_files: dict[str, str], variable: str, what: str, is_local: bool
) -> None:
    monkeypatch.setenv(variable, broken_files[what])
    profile = Profile("here", "https://localhost:9/v1", timeout=6) if is_local else FAR
    assert "cannot be opened: correct SSL_CERT_FILE, SSL_CERT_DIR or SSLKEYLOGFILE." in failure(profile)


@pytest.mark.parametrize(
    "proxy",
    [
        "http://me:secret@",
        "http://me:secret@proxy.example.org:",
        "http://me:secret@proxy.example.org:port",
        "http://me:secret@proxy.example.org:99999",
        "http://me:secret@pro xy:80",
        "http://:3128",
        "gopher://me:secret@127.0.0.1:9",
        "://",
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_is_no_address(monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str) -> None:
    monkeypatch.setenv(variable, proxy)
    sentence = failure(FAR)
    assert "through the proxy of the environment: correct HTTPS_PROXY" in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "127.0.0.1:9", "http://[::1]:9"])
def test_a_proxy_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert "through the proxy of the environment" in failure(FAR)


@pytest.mark.parametrize("name", NAMES[:3])
def test_no_proxy_sees_a_key_for_this_machine(server: VisionServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert "a red car" in ask(Profile("here", server.url, timeout=6))


def test_a_proxy_is_used_for_others(server: VisionServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy hears where to connect to and, as all is encrypted behind that, no key."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_port}")
    failure(FAR)
    assert server.connects == ["llm.example.org:443"] * 3


@pytest.mark.parametrize(
    "listed",
    ["::1", "[::1]", "localhost,127.0.0.1,::1", "fe80::/10", "[::1]:80", "2001:db8::1", "[2001:db8::1]", "*", ",,"],
)
def test_ipv6_addresses_without_a_proxy(monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    from analogist.vision.client import _proxy, connected

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", listed)
    far = Profile("far", "https://[2001:db8::1]/v1")
    assert _proxy(far) == (None if "2001" in listed or listed == "*" else "http://proxy.example.org:3128")
    assert asyncio.run(connected(far, None, _says_nothing)) == "said"


async def _says_nothing(_: object) -> str:
    return "said"


def test_an_address_where_nobody_takes_a_connection() -> None:
    """A full queue of connections drops the next one, as a host behind a firewall does."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = []
        for _ in range(3):
            waiting.append(connection := socket.socket())
            connection.setblocking(False)
            connection.connect_ex(full.getsockname())
        profile = Profile("here", f"http://127.0.0.1:{full.getsockname()[1]}/v1", timeout=2)
        assert "cannot be reached: is its server running?" in failure(profile)
        for connection in waiting:
            connection.close()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1, signed by itself, with its key in the same file."""
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("certificates are made with openssl")
    file, key = tmp_path / "own.pem", tmp_path / "own.key"
    subprocess.run(
        [
            openssl,
            *["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"],
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-out",
            str(file),
            "-keyout",
            str(key),
        ],
        check=True,
        capture_output=True,
    )
    return file


def test_a_server_that_signs_for_itself_is_trusted_by_the_usual_variable(
    server: VisionServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    profile = Profile("here", server.url.replace("http:", "https:"), timeout=6)
    assert "has a certificate that is not trusted: set SSL_CERT_FILE" in failure(profile)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert "a red car" in ask(profile)


def test_the_environment_of_the_openai_package_goes_nowhere(
    server: VisionServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_WEBHOOK_SECRET"):
        monkeypatch.setenv(name, f"leaked-{name}")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://leak.example.org")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leaked: leaked\nAuthorization: Bearer leaked\nCookie: leaked")
    profile = Profile("here", server.url, timeout=6)
    for key in (None, KEY):
        ask(profile, key)
        asyncio.run(endpoint.models(profile, key))
    assert len(server.requests) == 5
    assert all("leaked" not in str(request) for request in server.requests)
    assert [request.headers.get("authorization") for request in server.requests] == [None] * 2 + [f"Bearer {KEY}"] * 3
    assert "leaked" not in caplog.text
    assert KEY not in caplog.text
