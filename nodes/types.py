"""What the nodes share: the pack's own connection type and its place in the menu."""

from comfy_api.latest import io

CATEGORY = "Analogist"
AnalogyGridType = io.Custom("ANALOGY_GRID")
