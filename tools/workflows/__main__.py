"""Write every shipped workflow and its thumbnail."""

from .shipped import SHIPPED
from .thumbnails import WORKFLOWS

for workflow in SHIPPED:
    (WORKFLOWS / f"{workflow.stem}.json").write_text(workflow.text(), encoding="utf-8")
    workflow.thumbnail().save(WORKFLOWS / f"{workflow.stem}.jpg", quality=85)
