"""The English locale says what the schemas say."""

from support import comfyui

comfyui.need_host()

import pytest

from tools.locales import schemas, texts


@pytest.fixture(scope="module")
def english() -> dict[str, dict[str, object]]:
    return schemas.english()


@pytest.mark.parametrize("name", ["nodeDefs.json", "main.json"])
def test_the_english_locale_is_read_from_the_schemas(english: dict[str, dict[str, object]], name: str) -> None:
    assert texts.read(name) == english[name], "run `$(python tools/host_python.py) -m tools.locales --schemas --add`"


def test_every_node_and_input_and_output_has_its_texts(english: dict[str, dict[str, object]]) -> None:
    assert all(isinstance(text, str) and text for text in texts.leaves(english["nodeDefs.json"]))
