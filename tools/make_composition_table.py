"""Write the table of what SAC and CAM were tested beside into docs/composition.md, from the tests' own list.

python tools/make_composition_table.py
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support.neighbours import APART, NEIGHBOURS, NOWHERE, SAME

PAGE = PROJECT / "docs" / "composition.md"
HEAD = """# SAC and CAM beside other nodes

Every row is a test inside a real ComfyUI (`tests/host/test_composition.py`, `test_patches.py`, `test_sdxl.py`), in both
orders: the patches placed behind the neighbour, and the neighbour placed behind the patches. *Both act*: each changes
the result alone, and together it differs from either. Otherwise the run stops with the sentence that is quoted; nothing
is ever silently without effect, and nothing is left behind in the model. A node that takes an attention over behind the
patches acts first there, and the patches on what it says, unless it calls them itself. The last column is the same test
on a tiny SDXL, which has several transformer blocks in a stage. This page is written by
`tools/make_composition_table.py`.

| beside | what it does | the patches behind it | it behind the patches | on SDXL |
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
