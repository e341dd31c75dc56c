"""What the nodes share: the pack's own connection type and its place in the menu."""

from comfy_api.latest import io

CATEGORY = "Analogist"
PROMPT, EVALUATE, PROMPT_DIFFUSION = (f"{CATEGORY}/{part}" for part in ("Prompt", "Evaluate", "Prompt Diffusion"))
AnalogyGridType = io.Custom("ANALOGY_GRID")
