"""What the registry is told about the pack, and the way from a tag to a version there."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from support.golden import PROJECT
from tools import release

PYPROJECT = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
WORKFLOW = (PROJECT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
JOBS: dict[str, dict[str, Any]] = yaml.safe_load(WORKFLOW)["jobs"]
RAW = "https://raw.githubusercontent.com/comfyui-analogist/ComfyUI-Analogist/main/"
PACK = '[build-system]\nversion = "9.9.9"\n[project]\nname = "p"\nversion = "1.2.0"\n[tool.x]\nversion = "8.8.8"\n'
CHANGES = "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-12-01\n\n### Added\n- A thing.\n\n## 1.2.0-rc1\n- Less.\n"


def drawn(kind: str) -> Path:
    """The file of this repository that an address in [tool.comfy] names."""
    (address,) = re.findall(rf'^{kind} = "(.*)"$', PYPROJECT, re.MULTILINE)
    assert address.startswith(RAW)
    return PROJECT / address.removeprefix(RAW)


def test_the_icon_is_a_square_that_the_registry_takes() -> None:
    with Image.open(drawn("Icon")) as icon:
        assert icon.width == icon.height <= 400


def test_the_banner_is_21_to_9() -> None:
    with Image.open(drawn("Banner")) as banner:
        assert banner.width * 9 == banner.height * 21


@pytest.mark.parametrize("kind", ["Icon", "Banner"])
def test_pictures_of_the_registry_are_small(kind: str) -> None:
    assert drawn(kind).stat().st_size < 100_000


def test_the_version_is_semantic() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", release.version(PYPROJECT))


def test_a_tag_of_the_version_gives_its_section() -> None:
    assert release.checked("v1.2.0", PACK, CHANGES) == "### Added\n- A thing."


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v1.2.1", CHANGES, "expected the tag v1.2.0"),
        ("1.2.0", CHANGES, "expected the tag v1.2.0"),
        ("v1.2.0", CHANGES.replace("## 1.2.0 ", "## 1.2.0.1 "), "expected a section '## 1.2.0'"),
        ("v1.2.0", "# Changelog\n\n## Unreleased\n- A thing.\n", "expected a section '## 1.2.0'"),
        ("v1.2.0", "## 1.2.0\n\n## 1.1.0\n- A thing.\n", "got an empty section"),
    ],
)
def test_what_does_not_agree_is_not_released(tag: str, changelog: str, said: str) -> None:
    with pytest.raises(release.ReleaseError, match=re.escape(said)):
        release.checked(tag, PACK, changelog)


def test_every_action_of_the_release_is_pinned_to_a_commit() -> None:
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert any(action.startswith("Comfy-Org/publish-node-action@") for action in used)
    assert [action for action in used if not re.search(r"@[0-9a-f]{40}$", action)] == []


def test_only_the_last_job_may_write_and_only_one_sees_the_key() -> None:
    assert yaml.safe_load(WORKFLOW)["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job} == {
        "github": {"contents": "write"}
    }
    assert [name for name, job in JOBS.items() if "secrets." in str(job)] == ["registry"]


def test_nothing_is_published_before_it_is_checked() -> None:
    commands = [step.get("run", "") for step in JOBS["check"]["steps"]]
    assert {"make lint", "make test-core", "make validate"} <= set(commands)
    assert (JOBS["registry"]["needs"], JOBS["github"]["needs"]) == ("check", "registry")
