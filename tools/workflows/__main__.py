"""Write every shipped workflow with its thumbnail, and every blueprint."""

from .shipped import BLUEPRINTS, SHIPPED
from .thumbnails import SUBGRAPHS, WORKFLOWS

for workflow in SHIPPED:
    (WORKFLOWS / f"{workflow.stem}.json").write_text(workflow.text(), encoding="utf-8")
    workflow.thumbnail().save(WORKFLOWS / f"{workflow.stem}.jpg", quality=85)
for blueprint in BLUEPRINTS:
    (SUBGRAPHS / f"{blueprint.stem}.json").write_text(blueprint.text(), encoding="utf-8")
