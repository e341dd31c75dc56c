"""An HTTP server on loopback that speaks chat completions and Responses, and fails in every way that is asked of it."""

import gzip
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """The instruction that was sent, of either protocol."""
        message = (self.body.get("messages") or self.body["input"])[0]
        return next(part["text"] for part in message["content"] if "text" in part)


class Handler(BaseHTTPRequestHandler):
    server: "VisionServer"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer(body)

    def do_GET(self) -> None:
        self.answer({})

    def do_CONNECT(self) -> None:
        """As a proxy that rejects every request."""
        self.server.connects.append(self.path)
        self.send(502, b"")

    def answer(self, body: dict[str, Any]) -> None:
        self.server.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        behaviour = self.server.script.pop(0) if len(self.server.script) > 1 else self.server.script[0]
        with suppress(BrokenPipeError, ConnectionResetError):  # Clients hang up; that is what half of the tests do.
            behaviour(self)

    def send(self, status: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests read `requests`."""


Behaviour = Callable[[Handler], None]


class VisionServer(ThreadingHTTPServer):
    """In use from `with` on. `script` holds what it does to one request after the other; the last is repeated."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.connects: list[str] = []
        self.script: list[Behaviour] = [says('{"change": "", "alignment": "neither", "prompts": ["a red car"]}')]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def will(self, *behaviours: Behaviour) -> None:
        self.script = list(behaviours)

    def __enter__(self) -> "VisionServer":
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.shutdown()
        self.server_close()


def says(text: str | None, finish: str = "stop", refusal: str | None = None) -> Behaviour:
    """A proper answer in the protocol of the request's path."""

    def behave(handler: Handler) -> None:
        handler.send(200, json.dumps(_answer(handler.path, text, finish, refusal)).encode())

    return behave


def sends(content: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Behaviour:
    return lambda handler: handler.send(status, content, kind, **headers)


def answers(body: object, status: int = 200) -> Behaviour:
    """Any JSON."""
    return sends(json.dumps(body).encode(), status)


def streams(
    *parts: dict[str, Any],
    newline: str = "\n",
    named: bool = False,
    lines: bool = False,
    done: bool = True,
    before: str = "",
) -> Behaviour:
    """Server-sent events, with names or without, and comments before them; or a line of JSON for each part."""
    if lines:
        return sends("".join(json.dumps(part) + newline for part in parts).encode(), kind="application/x-ndjson")
    events = [
        (f"event: {part['type']}{newline}" if named else "") + f"data: {json.dumps(part)}{newline * 2}"
        for part in parts
    ]
    end = f"data: [DONE]{newline * 2}" if done and not named else ""
    return sends((before + "".join(events) + end).encode(), kind="text/event-stream")


def fails(status: int, message: str = "no", code: str = "", **headers: str) -> Behaviour:
    """An error as OpenAI words it."""
    error = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return sends(json.dumps(error).encode(), status, **headers)


def hangs(handler: Handler) -> None:
    time.sleep(30)


def drips(handler: Handler) -> None:
    """A byte every tenth of a second, so that no single read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(300):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def floods(status: int = 200) -> Behaviour:
    """A body without end."""

    def behave(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(10**10))
        handler.end_headers()
        for _ in range(10**5):
            handler.wfile.write(b"x" * 10**5)

    return behave


def packed(status: int = 200) -> Behaviour:
    """A few hundred bytes that unpack to ten megabytes."""
    return sends(gzip.compress(gzip.compress(bytes(10**7))), status, Content_Encoding="gzip, gzip")


def resets(handler: Handler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True


def breaks_off(handler: Handler) -> None:
    """Half of an answer."""
    content = json.dumps(_answer(handler.path, "a red car", "stop", None)).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True


def _answer(path: str, text: str | None, finish: str, refusal: str | None) -> dict[str, Any]:
    if path.endswith("/responses"):
        part = {"type": "refusal", "refusal": refusal} if refusal else {"type": "output_text", "text": text}
        answer: dict[str, Any] = {
            "id": "resp_1",
            "object": "response",
            "status": "completed",
            "output": [
                {"type": "reasoning", "summary": []},
                {"type": "message", "role": "assistant", "content": [part] if text or refusal else []},
            ],
            "usage": {"input_tokens": 300, "output_tokens": 12, "total_tokens": 312},
        }
        if finish != "stop":
            answer |= {"status": "incomplete", "incomplete_details": {"reason": finish}}
        return answer
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 300, "completion_tokens": 12, "total_tokens": 312},
    }
