"""Draw the six analogies that come with the pack: the first held-out one of each transformation.

python -m tools.demo_model.drawings
"""

import json

from analogist.demo.analogies import DRAWINGS

from .analogies import TRANSFORMATIONS, held_out_analogies
from .world import render


def main() -> None:
    prompts = {}
    for analogy in held_out_analogies(len(TRANSFORMATIONS)):
        prompts[analogy.attribute] = analogy.b_prime.caption()
        for cell, scene in analogy.scenes.items():
            render(scene).save(DRAWINGS / f"{analogy.attribute}_{cell.key}.png")
    (DRAWINGS / "prompts.json").write_text(json.dumps(prompts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
