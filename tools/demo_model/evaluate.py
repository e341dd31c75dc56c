"""Measure the demo model on held-out analogies: what CAM and SAC add, with and without a prompt.

python -m tools.demo_model.evaluate                         the table, with intervals of paired differences, and a plot
python -m tools.demo_model.evaluate --sweep                 scale, layers and strength, as a image

All variants of one analogy start from the same noise, so that their differences mean something.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Annotated

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import typer
from PIL import Image
from rich.progress import track
from scipy.stats import bootstrap

from analogist.demo.model import load
from analogist.demo.weights import PATH
from analogist.layers import PAPER, LayerRange
from analogist.pipelines.edits import Edit
from analogist.pipelines.inpainting import Settings
from analogist.pipelines.models import InpaintingModel
from analogist.published import DEMO

from .analogies import Analogy, held_out_analogies
from .renderer import Renderer, through
from .scores import scores
from .world import render

NONE, ALL = LayerRange(0, 0), LayerRange(0, 16)
LAST_LAYERS = LayerRange(13, 16)
Row = dict[str, str | float]


@dataclass(frozen=True)
class Variant:
    """What is compared: the patches, their layers and scale."""

    name: str
    edit: Edit


PATCHES = (
    Variant("no patch", Edit(sac=NONE, cam=NONE)),
    Variant("CAM", Edit(sac=NONE, cam=ALL)),
    Variant("SAC", Edit(sac=ALL, cam=NONE)),
    Variant("both", Edit(sac=ALL, cam=ALL)),
    Variant("both, layers 3-10", Edit()),
    Variant("SAC, layers 13-15", Edit(sac=LAST_LAYERS, cam=NONE)),
    Variant("both, layers 13-15", Edit(sac=LAST_LAYERS, cam=LAST_LAYERS)),
    Variant("both, layers 13-15, scale 1.5", Edit(sac=LAST_LAYERS, cam=LAST_LAYERS, scale=1.5)),
)
"""In all layers and at the paper's scale where no others are named."""
PROMPTS = {"true prompt": lambda analogy: analogy.b_prime.caption(), "no prompt": lambda analogy: ""}
MEASURES = {
    "error": "error",
    "changed": "changed attribute",
    "kept": "kept attributes",
    "shape": "shape",
}


def measure(
    renderer: Renderer,
    model: InpaintingModel,
    analogies: Sequence[Analogy],
    settings: Settings,
    patches: Sequence[Variant] = PATCHES,
) -> Iterator[Row]:
    """One row for each result, and for the two copies that a lazy renderer would hand in."""
    for (prompt, text), variant in track([*product(PROMPTS.items(), patches)], "Rendering"):
        guidance = settings.guidance if prompt == "true prompt" else 1.0  # There is nothing to be guided by.
        rendered = renderer.render(
            analogies, [text(a) for a in analogies], replace(settings, edit=variant.edit, guidance=guidance)
        )
        yield from rows(prompt, variant.name, analogies, rendered)
    yield from rows("", "B itself", analogies, [render(a.b) for a in analogies])
    yield from rows("", "A' itself", analogies, [render(a.a_prime) for a in analogies])
    yield from rows("", "autoencoder alone", analogies, [through(model, a) for a in analogies])


def rows(case: str, variant: str, analogies: Sequence[Analogy], rendered: Sequence[Image.Image]) -> Iterator[Row]:
    for number, (analogy, image) in enumerate(zip(analogies, rendered, strict=True)):
        yield {
            "case": case,
            "variant": variant,
            "analogy": number,
            "transformation": analogy.attribute,
            **scores(image, analogy.b_prime, analogy.attribute),
        }


def write(results: Sequence[Row], folder: Path) -> None:
    """Every score, as results.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "results.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in results for key in row)))
        writer.writeheader()
        writer.writerows(results)


def column(results: Sequence[Row], case: str, variant: str, name: str) -> np.ndarray:
    """One measure of one variant, in the order of the analogies; those without the attribute are left out."""
    chosen = [row for row in results if row["case"] == case and row["variant"] == variant and name in row]
    return np.array([row[name] for row in sorted(chosen, key=lambda row: row["analogy"])], dtype=float)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95% by the bootstrap, of the mean."""
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    found = bootstrap((values,), np.mean, rng=0, n_resamples=4000).confidence_interval
    return found.low, found.high


def table(results: Sequence[Row], patches: Sequence[Variant] = PATCHES) -> str:
    """Means, and in brackets the 95% interval of the paired difference to no patch."""
    lines = ["| prompt | patches | " + " | ".join(MEASURES.values()) + " |", "|---" * (2 + len(MEASURES)) + "|"]
    for prompt in PROMPTS:
        for variant in patches:
            cells = []
            for name in MEASURES:
                values = column(results, prompt, variant.name, name)
                text = f"{values.mean():.3f}"
                if variant is not PATCHES[0]:
                    low, high = interval(values - column(results, prompt, PATCHES[0].name, name))
                    text += f" ({low:+.3f} to {high:+.3f})"
                cells.append(f"**{text}**" if variant is not PATCHES[0] and low * high > 0 else text)
            lines.append(f"| {prompt} | {variant.name} | " + " | ".join(cells) + " |")
    for name in ("B itself", "A' itself", "autoencoder alone"):
        means = (f"{column(results, '', name, measure_).mean():.3f}" for measure_ in MEASURES)
        lines.append(f"| | {name} | " + " | ".join(means) + " |")
    return "\n".join(lines)


def plot(results: Sequence[Row], path: Path, patches: Sequence[Variant] = PATCHES) -> None:
    """The paired differences to no patch, with their intervals; one panel for each measure."""
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(16, 4), sharey=True, layout="constrained")
    for axis, (name, title) in zip(axes, MEASURES.items(), strict=True):
        for shift, prompt, color in zip((-0.15, 0.15), PROMPTS, ("tab:blue", "tab:orange"), strict=True):
            for row, variant in enumerate(patches[1:]):
                plain = column(results, prompt, PATCHES[0].name, name)
                difference = column(results, prompt, variant.name, name) - plain
                low, high = interval(difference)
                axis.plot([low, high], [row + shift] * 2, color=color)
                axis.plot(difference.mean(), row + shift, "o", color=color, label=prompt if row == 0 else None)
        axis.axvline(0, color="grey", linewidth=1)
        better = "left" if name == "error" else "right"
        axis.set_title(f"{title}\n(difference to no patch; {better} is better)", fontsize=10)
    axes[0].set_yticks(range(len(patches) - 1), [variant.name for variant in patches[1:]])
    axes[0].invert_yaxis()
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)


SCALES = (0.7, 1.0, 1.3, 2.0)
RANGES = {"3..10": PAPER, "13..15": LAST_LAYERS, "all": ALL}
STRENGTHS = (0.7, 0.9)
SWEPT = {"error": "error against the true B'", "changed": "changed attribute right"}


def sweep(renderer: Renderer, analogies: Sequence[Analogy], settings: Settings, path: Path) -> None:
    """SAC alone and both without a prompt, for each strength: error and changed attribute over scale and layers."""
    settings = replace(settings, guidance=1.0)

    def means(edit: Edit, strength: float) -> list[float]:
        rendered = renderer.render(analogies, [""] * len(analogies), replace(settings, edit=edit, strength=strength))
        scored = [scores(image, a.b_prime, a.attribute) for image, a in zip(rendered, analogies, strict=True)]
        return [float(np.mean([score[name] for score in scored])) for name in SWEPT]

    plain = np.array([means(Edit(sac=NONE, cam=NONE), strength) for strength in STRENGTHS])
    cases = [*product(STRENGTHS, ("SAC", "both"), RANGES.values(), SCALES)]
    values = [
        means(Edit(sac=layers, cam=NONE if patches == "SAC" else layers, scale=scale), strength)
        for strength, patches, layers, scale in track(cases, "Sweep")
    ]
    found = np.array(values).reshape(len(STRENGTHS), 2, len(RANGES), len(SCALES), len(SWEPT))
    plot_sweep(plain, found, path)


def plot_sweep(plain: np.ndarray, found: np.ndarray, path: Path) -> None:
    """`plain` (strengths, measures) without patches; `found` (strengths, SAC or both, layers, scales, measures)."""
    figure, axes = plt.subplots(2 * len(SWEPT), len(STRENGTHS), figsize=(10, 10), sharey=True, layout="constrained")
    for line, (measure, patches) in enumerate(product(range(len(SWEPT)), range(2))):
        every = np.append(plain[:, measure], found[..., measure])
        low, high = every.min(), every.max()
        for column_, strength in enumerate(STRENGTHS):
            axis, shown = axes[line, column_], found[column_, patches, :, :, measure]
            colors = "viridis" if measure else "viridis_r"
            axis.imshow(shown, vmin=low, vmax=high, cmap=colors, aspect="auto")
            for (j, k), value in np.ndenumerate(shown):
                dark = (value > (low + high) / 2) == (measure == 0)
                axis.text(k, j, f"{value:.2f}", ha="center", va="center", color="white" if dark else "black")
            what = f"{[*SWEPT.values()][measure]}, {('SAC', 'SAC and CAM')[patches]}"
            axis.set_title(f"{what}\nstrength {strength} (no patch: {plain[column_, measure]:.2f})", fontsize=9)
            axis.set_xticks(range(len(SCALES)), [str(scale) for scale in SCALES])
            axis.set_yticks(range(len(RANGES)), list(RANGES))
        axes[line, 0].set_ylabel("layers")
    for axis in axes[-1]:
        axis.set_xlabel("scale of SAC")
    figure.savefig(path, dpi=90)


def sheet(renderer: Renderer, analogies: Sequence[Analogy], settings: Settings, path: Path) -> None:
    """A, A', B, what each variant renders with the true prompt and without one, and the true B'."""
    columns = [[render(scene) for scene in (a.a, a.a_prime, a.b)] for a in analogies]
    titles = ["A", "A'", "B"]
    for prompt, text in PROMPTS.items():
        for variant in (PATCHES[0], PATCHES[3], PATCHES[5]):
            guidance = settings.guidance if prompt == "true prompt" else 1.0
            rendered = renderer.render(
                analogies, [text(a) for a in analogies], replace(settings, edit=variant.edit, guidance=guidance)
            )
            for row, image in zip(columns, rendered, strict=True):
                row.append(image)
            titles.append(f"{prompt},\n{variant.name}")
    figure, axes = plt.subplots(
        len(analogies),
        len(titles) + 1,
        figsize=(1.2 * len(titles) + 1.2, 1.25 * len(analogies) + 0.4),
        layout="constrained",
    )
    for axis, title in zip(axes[0], [*titles, "true B'"], strict=True):
        axis.set_title(title, fontsize=7)
    for row, analogy, shown in zip(axes, analogies, columns, strict=True):
        for axis, image in zip(row, [*shown, render(analogy.b_prime)], strict=True):
            axis.imshow(image)
            axis.set_axis_off()
    figure.savefig(path, dpi=90)


def main(
    weights: Annotated[Path, typer.Option(help="Another model than the shipped one.")] = PATH,
    folder: Annotated[Path, typer.Option(help="For the table, the plots and the numbers.")] = Path(
        "outputs/demo_model/evaluation"
    ),
    number: Annotated[int, typer.Option(help="Held-out analogies.")] = 204,
    steps: Annotated[int, typer.Option(help="DDIM steps over the whole schedule.")] = DEMO.steps,
    strength: Annotated[float, typer.Option(help="Share of the steps that is run.")] = DEMO.strength,
    guidance: Annotated[float, typer.Option(help="Weight of the prompt.")] = DEMO.guidance,
    among: Annotated[
        str, typer.Option("--patches", help="Compare only some: names as in the table, with semicolons.")
    ] = "",
    processes: Annotated[int | None, typer.Option(help="One a core by default.")] = None,
    sheet_only: Annotated[
        bool, typer.Option("--sheet", help="Only the contact sheet, of the first analogies.")
    ] = False,
    sweep_only: Annotated[
        bool, typer.Option("--sweep", help="Only scale, layers and strength, on 24 other analogies.")
    ] = False,
) -> None:
    settings = Settings(steps=steps, strength=strength, guidance=guidance, images_per_prompt=1, suffix="")
    folder.mkdir(parents=True, exist_ok=True)
    renderer = Renderer(weights, processes)
    if sheet_only:
        return sheet(renderer, held_out_analogies(12), settings, folder / "sheet.png")
    if sweep_only:
        return sweep(renderer, held_out_analogies(24, seed=1), settings, folder / "sweep.png")
    chosen = [name.strip() for name in among.split(";")] if among else [variant.name for variant in PATCHES]
    if unknown := set(chosen) - {variant.name for variant in PATCHES}:
        raise typer.BadParameter(f"expected names of patches as in the table, got {', '.join(sorted(unknown))}")
    patches = [variant for variant in PATCHES if variant is PATCHES[0] or variant.name in chosen]
    results = list(measure(renderer, load(weights), held_out_analogies(number), settings, patches))
    write(results, folder)
    plot(results, folder / "patches.png", patches)
    (folder / "table.md").write_text(table(results, patches) + "\n")
    print(table(results, patches))
    return None


if __name__ == "__main__":
    typer.run(main)
