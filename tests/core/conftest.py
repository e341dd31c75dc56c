"""What the tests of the vision model share."""

from collections.abc import Iterator

import pytest

from support.vision_server import VisionServer


@pytest.fixture
def server() -> Iterator[VisionServer]:
    """An endpoint on loopback; in the place of the ComfyUI that other suites have."""
    with VisionServer() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the openai package waited before it sent a request again, without the waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("anyio.sleep", sleep)
    return waited
