"""Write the table of what SAC and CAM were tested beside into docs/composition.md, from the tests' own list.

python tools/make_composition_table.py
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support.neighbours import APART, NEIGHBOURS, NOWHERE, SAME

PAGE = PROJECT / "docs" / "composition.md"
HEAD = """# SAC and CAM with other nodes

Every row is a test in ComfyUI (`tests/host/test_composition.py`, `test_patches.py`, `test_sdxl.py`), in both orders:
the patches placed after the other node, and the other node placed after the patches. *Both act*: each changes the
result on its own, and the combination differs from both. Otherwise the run stops with the quoted error. No node is
ignored without an error, and the model is never left modified. A node that replaces an attention after the patches
acts first there, and the patches on its output, unless it calls them itself. The last column is the same test on a
small SDXL, which has several transformer blocks per stage. This page is written by `tools/make_composition_table.py`.

| node | what it does | patches after it | it after the patches | on SDXL |
|---|---|---|---|---|
"""


def page() -> str:
    rows = (
        f"| {n.name} | {n.how} | {outcome(n.before)} | {outcome(n.after)} | {NOWHERE if n.outermost else SAME} |\n"
        for n in NEIGHBOURS
    )
    apart = (f"| {name} | {how} | {result} | {result} | {sdxl} |\n" for name, how, result, sdxl in APART)
    return HEAD + "".join(rows) + "".join(apart)


def outcome(refusal: str) -> str:
    return f"refused: *{refusal} …*" if refusal else "both act"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
