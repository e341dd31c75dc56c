"""Look into the demo model: what each of its layers has to do with the pair and with the text, as an image.

python -m tools.demo_model.inspect_layers

The true B' of held-out analogies is noised, and the UNet predicts it with its true prompt. Where does B' look in each
layer, how much does the prediction in B' change when one layer is edited, and how much worse is it without a part of
the UNet? A layer that changes nothing here cannot change an image either.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
import typer
from matplotlib.axes import Axes
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from analogist.cells import ONE_PAIR, Cell, TokenGrid, cell_tokens, write_cell
from analogist.demo.model import load
from analogist.demo.weights import PATH
from analogist.images import to_tensor
from analogist.layers import LayerRange
from analogist.pipelines.edits import Edit, EditedAttention, EditedProcessor, transformer_blocks
from analogist.pipelines.inpainting import Settings, predict
from analogist.pipelines.models import InpaintingModel, ddim

from .analogies import held_out_analogies
from .evaluate import ALL, NONE
from .renderer import Told, told

TIMES = (250, 500, 750)
"""Noise levels, as training time steps."""
PLAIN = Edit(sac=NONE, cam=NONE)


class Observer:
    """Predicts v in B' at one noise level, under any change of the UNet."""

    def __init__(self, model: InpaintingModel, given: Told, answers: Tensor, time: int) -> None:
        self.model, self.given, self.time = model, given, time
        self.blocks = transformer_blocks(model.unet)
        self.latent_size = answers.shape[-2:]
        scheduler, when = ddim(50), torch.tensor([time])
        self.latents = scheduler.add_noise(answers, given.noise, when)
        self.true = self.cell(scheduler.get_velocity(answers, given.noise, when))

    def cell(self, prediction: Tensor) -> Tensor:
        return cell_tokens(prediction.flatten(-2).mT, self.latent_size, Cell.B_PRIME)

    def predicted(self, edit: Edit = PLAIN) -> Tensor:
        settings = Settings(guidance=1.0, edit=edit)
        return self.cell(predict(self.model.unet, self.latents, self.time, self.given.conditions, settings))

    def with_attention(self, layer: int, attention: EditedAttention) -> Tensor:
        attn1 = self.blocks[layer].attn1
        before = attn1.get_processor()
        attn1.set_processor(EditedProcessor(attention, self.latent_size))
        try:
            return self.predicted()
        finally:
            attn1.set_processor(before)

    def gaze(self, layer: int) -> np.ndarray:
        """Share of the self-attention of B' that goes to A, A', B and B'; (4,)."""
        seen = np.zeros(len(ONE_PAIR.cells))

        def watching(q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid) -> Tensor:
            weights = (cell_tokens(q, grid_size, Cell.B_PRIME) @ k.mT * q.shape[-1] ** -0.5).softmax(dim=-1)
            seen[:] = [cell_tokens(weights.mT, grid_size, cell).sum(dim=-2).mean().item() for cell in ONE_PAIR.cells]
            return scaled_dot_product_attention(q, k, v)

        self.with_attention(layer, watching)
        return seen

    def without(self, part: nn.Module) -> Tensor:
        """The prediction when a part of the UNet is silent."""
        handle = part.register_forward_hook(lambda module, args, out: torch.zeros_like(out))
        try:
            return self.predicted()
        finally:
            handle.remove()


def alone(q: Tensor, k: Tensor, v: Tensor, grid_size: TokenGrid) -> Tensor:
    """Self-attention in which B' sees no other cell."""
    out = scaled_dot_product_attention(q, k, v)
    own = (cell_tokens(x, grid_size, Cell.B_PRIME) for x in (q, k, v))
    write_cell(out, grid_size, Cell.B_PRIME, scaled_dot_product_attention(*own))
    return out


CHANGES: dict[str, Callable[[Observer, int], Tensor]] = {
    "B' sees itself alone": lambda seen, layer: seen.with_attention(layer, alone),
    "SAC": lambda seen, layer: seen.predicted(Edit(sac=LayerRange(layer, layer + 1), cam=NONE)),
    "CAM": lambda seen, layer: seen.predicted(Edit(sac=NONE, cam=LayerRange(layer, layer + 1))),
}
EVERYWHERE = {"SAC": Edit(sac=ALL, cam=NONE), "CAM": Edit(sac=NONE, cam=ALL)}


def change(observers: Sequence[Observer], changed: Callable[[Observer], Tensor]) -> float:
    """Mean over the noise levels of the length of the difference, relative to the prediction itself."""
    lengths = []
    for observer in observers:
        before = observer.predicted()
        lengths.append(((changed(observer) - before).norm() / before.norm()).item())
    return float(np.mean(lengths))


def error(observers: Sequence[Observer], predicted: Callable[[Observer], Tensor]) -> float:
    return float(np.mean([(predicted(o) - o.true).square().mean().item() for o in observers]))


def bars(axis: Axes, title: str, series: dict[str, Sequence[float]], stacked: bool = False) -> None:
    bottom = 0 * np.array(next(iter(series.values())))
    for number, (name, values) in enumerate(series.items()):
        shift = 0.0 if stacked else (number - (len(series) - 1) / 2) * 0.27
        axis.bar(np.arange(len(bottom)) + shift, values, bottom=bottom, width=0.8 if stacked else 0.27, label=name)
        bottom = bottom + values if stacked else bottom
    axis.set_title(title, fontsize=10)
    axis.legend(fontsize=8, ncols=len(series))


@torch.no_grad()
def main(
    weights: Annotated[Path, typer.Option(help="Another model than the shipped one.")] = PATH,
    picture: Annotated[Path, typer.Option(help="Where it goes.")] = Path("outputs/demo_model/evaluation/layers.png"),
    number: Annotated[int, typer.Option(help="Held-out analogies.")] = 24,
) -> None:
    model, analogies = load(weights), held_out_analogies(number)
    given = told(model, analogies, [a.b_prime.caption() for a in analogies], range(number))
    pixels = to_tensor([a.answer() for a in analogies]).movedim(-1, 1) * 2 - 1
    answers = model.encode(pixels, torch.Generator())
    observers = [Observer(model, given, answers, time) for time in TIMES]
    layers = range(len(observers[0].blocks))

    gaze = np.array([np.mean([o.gaze(layer) for o in observers], axis=0) for layer in layers])
    changes = {
        name: [change(observers, partial(edit, layer=layer)) for layer in layers] for name, edit in CHANGES.items()
    }
    unet, side = model.unet, answers.shape[-1]
    parts = {"middle": unet.mid_block} | {
        f"up to {side >> (2 - n)}x{side >> (2 - n)}": stage for n, stage in enumerate(unet.up_blocks[:-1])
    }
    whole = error(observers, Observer.predicted)
    silent = {name: error(observers, partial(Observer.without, part=part)) for name, part in parts.items()}

    figure, (top, middle) = plt.subplots(2, 1, figsize=(10, 6), sharex=True, layout="constrained")
    bars(
        top,
        "where B' looks: share of its self-attention",
        dict(zip((c.label for c in ONE_PAIR.cells), gaze.T, strict=True)),
        True,
    )
    bars(middle, "how much the prediction in B' changes when this layer alone is edited", changes)
    middle.set_xticks(layers)
    middle.set_xlabel("layer")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    for name, values in changes.items():
        print(f"{name}, layer by layer:", *(f"{value:.3f}" for value in values))
    for name, edit in EVERYWHERE.items():
        print(f"{name} in all layers: {change(observers, lambda seen, edit=edit: seen.predicted(edit)):.3f}")
    print(
        f"Error of v in B': {whole:.3f}", *(f"without {name} {value:.3f}" for name, value in silent.items()), sep=", "
    )


if __name__ == "__main__":
    typer.run(main)
