"""A running ComfyUI over its own HTTP and WebSocket API. A server that goes away is waited for."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import requests
import websocket

from ..jobs import RenderError
from .comfyui_graph import Graph

FOLDER = "analogist"
"""Where images are uploaded to, inside ComfyUI's own input folder."""
QUIET = 10.0
"""Seconds without a message after which the server is asked whether it still works on the graph."""
TIMEOUT = 60.0
"""Seconds in which the server must answer a request."""
UNAVAILABLE = (502, 503, 504)
"""What a proxy answers while the server behind it is away."""
LOSSES = 5
"""How often one graph may lose its server before it is given up: it may be what ends it."""

Answer = TypeVar("Answer")


class ServerLostError(Exception):
    """The server does not answer, or no longer knows what it was working on."""


class Client:
    """One ComfyUI.

    Attributes:
        address: http://host:port.
        patience: seconds to wait for a server that does not answer.
    """

    def __init__(self, address: str, patience: float) -> None:
        self.address, self.patience = address.rstrip("/"), patience
        self._name = uuid.uuid4().hex

    def retrying(self, work: Callable[[], Answer]) -> Answer:
        """Do something with the server, from the beginning each time the server is lost in the middle.

        Raises:
            RenderError: it is lost again and again.
            ConnectionError: it does not come back.
        """
        for _ in range(LOSSES):
            self._wait()
            try:
                return work()
            except ServerLostError:
                continue
        raise RenderError(f"The connection to ComfyUI was lost {LOSSES} times while this analogy was rendered.")

    def upload(self, name: str, png: bytes) -> str:
        """Put an image into ComfyUI's input folder; returns its name for nodes that load images."""
        content = {"subfolder": FOLDER, "overwrite": "true", "type": "input"}
        kept = self._ask("post", "/upload/image", files={"image": (name, png, "image/png")}, data=content).json()
        return f"{kept['subfolder']}/{kept['name']}" if kept["subfolder"] else str(kept["name"])

    def run(self, graph: Graph, output: str) -> list[bytes]:
        """Queue a graph, wait for its end and fetch the images of one of its nodes.

        Raises:
            RenderError: the server refuses the graph, or a node fails; with the server's words.
            ServerLostError: the server went away, or was restarted.
        """
        listening = self._listen()
        try:
            number = self._queue(graph)
            entry = self._finished(number, listening)
        finally:
            listening.close()
        _check(entry)
        images = entry["outputs"].get(output, {}).get("images", [])
        if not images:
            raise RenderError(f"The node {output} of the workflow returned no image.")
        return [self._image(image) for image in images]

    def _wait(self) -> None:
        """Until the server answers."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                self._ask("get", "/queue")
                return
            except ServerLostError as error:
                if time.monotonic() > deadline:
                    raise ConnectionError(
                        f"ComfyUI at {self.address} did not respond for {self.patience:g} seconds ({error}). Finished "
                        "results are kept: start ComfyUI and run the same command again."
                    ) from error
            time.sleep(0.5)

    def _ask(self, method: str, path: str, **content: Any) -> requests.Response:
        try:
            answer = requests.request(method, self.address + path, timeout=TIMEOUT, **content)
        except requests.RequestException as error:
            raise ServerLostError(type(error).__name__) from error
        if answer.status_code in UNAVAILABLE:
            raise ServerLostError(f"{answer.status_code} {answer.reason}")
        if answer.status_code >= 400:
            raise RenderError(f"ComfyUI rejected {path} ({answer.status_code}): {_refusal(answer)}")
        return answer

    def _listen(self) -> websocket.WebSocket:
        address = f"{self.address.replace('http', 'ws', 1)}/ws?clientId={self._name}"
        try:
            return websocket.create_connection(address, timeout=QUIET)
        except (OSError, websocket.WebSocketException) as error:
            raise ServerLostError(str(error)) from error

    def _queue(self, graph: Graph) -> str:
        return str(self._ask("post", "/prompt", json={"prompt": graph, "client_id": self._name}).json()["prompt_id"])

    def _finished(self, number: str, listening: websocket.WebSocket) -> dict[str, Any]:
        """The history of a graph, once it is at its end; messages only say when it is worth asking."""
        while True:
            entry = self._ask("get", f"/history/{number}").json().get(number)
            if entry is not None:
                return dict(entry)
            if not self._is_queued(number):
                # It may have ended between the two questions.
                entry = self._ask("get", f"/history/{number}").json().get(number)
                if entry is None:
                    raise ServerLostError("the server was restarted")
                return dict(entry)
            _next_end(listening, number)

    def _is_queued(self, number: str) -> bool:
        queue = self._ask("get", "/queue").json()
        return any(entry[1] == number for part in ("queue_running", "queue_pending") for entry in queue[part])

    def _image(self, image: dict[str, str]) -> bytes:
        place = {key: image[key] for key in ("filename", "subfolder", "type")}
        return self._ask("get", "/view", params=place).content


def _next_end(listening: websocket.WebSocket, number: str) -> None:
    """Until a message says that the graph is at its end, or none has come for a while."""
    while True:
        try:
            message = listening.recv()
        except websocket.WebSocketTimeoutException:
            return
        except (OSError, websocket.WebSocketException) as error:
            raise ServerLostError(str(error)) from error
        if not message:  # The server closed the connection.
            raise ServerLostError("it closed the connection")
        if isinstance(message, str):  # Bytes are previews.
            content = json.loads(message)
            about = content.get("data", {})
            ended = content["type"] in ("execution_success", "execution_error", "execution_interrupted")
            done = content["type"] == "executing" and about.get("node") is None
            if about.get("prompt_id") == number and (ended or done):
                return


def _check(entry: dict[str, Any]) -> None:
    for kind, about in entry["status"]["messages"]:
        if kind == "execution_error":
            raise RenderError(f"ComfyUI failed in {about['node_type']}: {str(about['exception_message']).strip()}")
        if kind == "execution_interrupted":
            raise RenderError("ComfyUI was interrupted while rendering this analogy.")


def _refusal(answer: requests.Response) -> str:
    """What the server says of a graph that it does not take: its own sentences, each with its node."""
    try:
        content = answer.json()
        found = [str(content["error"]["message"])]
        for node, errors in (content.get("node_errors") or {}).items():
            found += [
                f"node {node} {errors['class_type']}: {one['message']}, {one['details']}" for one in errors["errors"]
            ]
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:500] or answer.reason
    return "; ".join(found)
