import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # `support`, for every suite
sys.path.append(str(Path(__file__).parents[1]))  # `tools`; at the end, for the host has a module `nodes` too

from support.comfyui import Server, host_path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running ComfyUI with the pack; one for the whole session."""
    if host_path() is None:
        pytest.skip("there is no ComfyUI at COMFYUI_PATH or in comfy-cli's default workspace")
    with Server(tmp_path_factory.mktemp("comfyui")) as running:
        yield running
