"""Write the table of what SAC and CAM were tested beside into docs/composition.md, from the tests' own list.

python tools/make_composition_table.py
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support.neighbours import APART, NEIGHBOURS

PAGE = PROJECT / "docs" / "composition.md"
HEAD = """# SAC and CAM beside other nodes

Every row is a test inside a real ComfyUI (`tests/host/test_composition.py`, `test_patches.py`), in both orders: the
patches placed behind the neighbour, and the neighbour placed behind the patches. *Both act*: each changes the result
alone, and together it differs from either. Otherwise the run stops with the sentence that is quoted; nothing is ever
silently without effect, and nothing is left behind in the model. The last column is the same test on a UNet with more
transformer blocks in a stage than one, as SDXL has them. This page is written by `tools/make_composition_table.py`.

| beside | what it does | the patches behind it | it behind the patches | several blocks in a stage |
|---|---|---|---|---|
"""


def page() -> str:
    rows = (f"| {n.name} | {n.how} | {outcome(n.before)} | {outcome(n.after)} | the same |\n" for n in NEIGHBOURS)
    apart = (f"| {name} | {how} | {result} | {result} | {deep} |\n" for name, how, result, deep in APART)
    return HEAD + "".join(rows) + "".join(apart)


def outcome(refusal: str) -> str:
    return f"refused: *{refusal} …*" if refusal else "both act"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
