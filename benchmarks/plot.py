"""Draw the measured ratios of outputs/bench/*.json into one image.

python benchmarks/plot.py outputs/bench
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt


def main(folder: Path) -> None:
    reports = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    results = [result for report in reports for result in report["results"] if result["time_ratio"] != 1.0]
    figure, axes = plt.subplots(figsize=(9, 0.32 * len(results) + 1.6))
    names = [f"{result['case']}: {result['variant']}" for result in results]
    bars = axes.barh(names, [result["time_ratio"] for result in results], color=[colour(result) for result in results])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xlabel("time against the same without SAC and CAM (median; less is faster)")
    axes.invert_yaxis()
    axes.set_title(", ".join(sorted({f"{r['machine']['device']}, {r['machine']['threads']} threads" for r in reports})))
    figure.tight_layout()
    figure.savefig(folder / "ratios.png", dpi=110)
    print(f"Drawn to {folder / 'ratios.png'}")


def colour(result: dict[str, Any]) -> str:
    return "tab:orange" if result["time_ratio"] > 1.05 else "tab:blue"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
