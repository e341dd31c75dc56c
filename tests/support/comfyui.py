"""The ComfyUI that the host tests run in: where it is, in this process, and as a server of its own."""

import asyncio
import importlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from functools import cache
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pytest

from .golden import PROJECT

TINY_PACK = Path(__file__).parent / "tiny_pack"
PACK_FOLDER = "ComfyUI-Analogist"


def host_path() -> Path | None:
    """COMFYUI_PATH, else the default workspace of comfy-cli; None where there is none."""
    named = os.environ.get("COMFYUI_PATH")
    places = [Path(named)] if named else [Path.home() / "comfy/ComfyUI", Path.home() / "Documents/comfy/ComfyUI"]
    return next((place for place in places if (place / "comfyui_version.py").exists()), None)


def need_host() -> Path:
    """At the top of a test module: skip it, loudly, where it cannot run; else the host is importable afterwards."""
    path = host_path()
    if path is None:
        pytest.skip("there is no ComfyUI at COMFYUI_PATH or in comfy-cli's default workspace", allow_module_level=True)
    if str(path) not in sys.path:
        sys.path.insert(0, str(path))
        import comfy.options

        comfy.options.enable_args_parsing()
        ours, sys.argv = sys.argv, [sys.argv[0], "--cpu", "--use-pytorch-cross-attention"]
        importlib.import_module("comfy.cli_args")  # Reads the command line when it is imported.
        sys.argv = ours
        importlib.import_module("utils.extra_config")  # As main.py does: older hosts put another `utils` in its way.
    return path


@cache
def pack() -> ModuleType:
    """The pack as the host loads it."""
    import nodes

    assert asyncio.run(nodes.load_custom_node(str(PROJECT))), "the host refused the pack; see its log"
    return sys.modules[str(PROJECT).replace(".", "_x_")]


class QueueError(Exception):
    """The server refused or failed a prompt; the text is what a user would read."""


class Server:
    """A ComfyUI server on loopback with the pack and the tiny checkpoint; all it writes is in one folder.

    COMFYUI_FRONT_END, if set, is the folder of another frontend: `comfyui_frontend_package/static` of a wheel.
    """

    def __init__(self, folder: Path, packs: dict[str, Path] | None = None, environment: dict[str, str] | None = None):
        self.folder = folder
        self.log_path = folder / "server.log"
        custom_nodes = folder / "custom_nodes"
        custom_nodes.mkdir(parents=True, exist_ok=True)
        for name, target in {PACK_FOLDER: PROJECT, "tiny_pack": TINY_PACK, **(packs or {})}.items():
            if not (custom_nodes / name).exists():
                (custom_nodes / name).symlink_to(target, target_is_directory=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.environment = {**os.environ, **(environment or {})}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def __enter__(self) -> "Server":
        host = host_path()
        assert host is not None
        command = [sys.executable, str(host / "main.py"), "--cpu", "--port", str(self.port)]
        command += ["--base-directory", str(self.folder), "--database-url", "sqlite:///:memory:"]
        # The default on a CPU takes minutes where this takes seconds.
        command += ["--use-pytorch-cross-attention", "--disable-api-nodes", "--disable-auto-launch"]
        if front_end := os.environ.get("COMFYUI_FRONT_END"):
            command += ["--front-end-root", front_end]
        with self.log_path.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=self.environment)
        deadline = time.monotonic() + 180
        while True:
            try:
                self.get("/queue")
                return self
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise AssertionError(f"ComfyUI did not start:\n{self.log[-5000:]}") from None
                time.sleep(0.5)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if "json" in answer.headers.get("Content-Type", "") else body

    def post(self, path: str, content: Any) -> Any:
        request = urllib.request.Request(
            self.address + path, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def queue(self, prompt: dict[str, Any], **extra: Any) -> str:
        """Queue a prompt in API format and return its id; a refusal is a QueueError with the server's words."""
        try:
            return self.post("/prompt", {"prompt": prompt, "client_id": uuid.uuid4().hex, **extra})["prompt_id"]
        except urllib.error.HTTPError as error:
            raise QueueError(error.read().decode()) from None

    def run(self, prompt: dict[str, Any], timeout: float = 300, **extra: Any) -> dict[str, Any]:
        """Queue a prompt and wait for its history entry; an execution error is a QueueError with its message."""
        return self.wait(self.queue(prompt, **extra), timeout)

    def wait(self, prompt_id: str, timeout: float = 300) -> dict[str, Any]:
        """The history entry of a queued prompt, once it is there."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            entry = self.get(f"/history/{prompt_id}").get(prompt_id)
            if entry is None:
                time.sleep(0.1)
                continue
            for kind, message in entry["status"]["messages"]:
                if kind == "execution_error":
                    raise QueueError(f"{message['node_type']}: {message['exception_message']}")
            return entry
        raise AssertionError(f"The prompt did not finish in {timeout} s:\n{self.log[-3000:]}")

    def picture(self, image: dict[str, str]) -> bytes:
        """The file of one entry of a history's `images`."""
        return self.get(f"/view?filename={image['filename']}&subfolder={image['subfolder']}&type={image['type']}")
