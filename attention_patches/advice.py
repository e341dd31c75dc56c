"""Mistakes that sample without an error. Each is one sentence with its remedy, from the facts of one sampling run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..analogist.cells import Cell, Layout, Sheet, cell_slices
from ..analogist.demo.configuration import DemoConfiguration
from ..analogist.grid import AnalogyGrid
from ..analogist.layers import Layers
from ..analogist.published import PRESETS
from .blocks import structure
from .ownership import Kind

Tell = Callable[[Sequence[str]], None]
"""Takes what there is to say about one sampling run; nothing is an empty sequence."""
Conds = Mapping[str, Sequence[Mapping[str, Any]]]
"""The host's conditioning, by "positive" and "negative" or other names of a guider."""

KINDS: Mapping[Kind, str] = {"attn1": "SAC", "attn2": "CAM"}
WHERE = "https://huggingface.co/webui/stable-diffusion-inpainting"
FLAT = 0.4
"""A cell of one color varies by less than this share of a detailed one: its latents still hold something of their
neighbors. In cells of 128 pixels on four random autoencoders, which leak most, it is 0.11 to 0.33, in canvases 0.93 to
1.03 and with images of one's own 0.69 to 1.63; the tests try these."""


@dataclass(frozen=True)
class Patch:
    """One of our patches in a model.

    Attributes:
        layers: the model's own numbers of the transformer blocks.
        grid: the connected layout.
    """

    kind: Kind
    layers: frozenset[int]
    grid: AnalogyGrid | None = None
    tell: Tell | None = None


@dataclass(frozen=True)
class Advisor:
    """Looks at each sampling run of a model with `patches` before it starts: a wrapper of the host's OUTER_SAMPLE."""

    patches: tuple[Patch, ...] = ()

    def __call__(
        self,
        executor: Callable[..., Any],
        noise: Tensor,
        latent: Tensor,
        sampler: Any,
        sigmas: Tensor,
        noise_mask: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        guider = executor.class_obj  # type: ignore[attr-defined]
        grid = next((patch.grid for patch in self.patches if patch.grid), None)
        run = Run(guider.model_patcher, guider.conds, latent, sigmas, noise_mask, grid)
        tell = next((patch.tell for patch in self.patches if patch.tell), None)
        if tell is not None:
            tell([*run.mistakes(), *layers_apart(self.patches), *run.strange_to_demo(self.patches)])
        return executor(noise, latent, sampler, sigmas, noise_mask, *args, **kwargs)


@dataclass(frozen=True)
class Run:
    """What the host knows as it starts to sample."""

    model: ModelPatcher
    conds: Conds
    latent: Tensor
    sigmas: Tensor
    noise_mask: Tensor | None
    grid: AnalogyGrid | None = None

    def mistakes(self) -> Iterator[str]:
        if is_inpainting(self.model):
            if self.noise_mask is not None and bool((self.noise_mask < 1).any()):
                yield "noise_mask is on: every step puts A, A' and B back; switch it off in InpaintModelConditioning."
            if any("concat_latent_image" not in cond for conds in self.conds.values() for cond in conds):
                yield (
                    "The model does not see A, A' and B: put InpaintModelConditioning between CLIP Text Encode and "
                    "the sampler."
                )
        if bool(self.latent.any()) and float(self.sigmas[0]) >= self._most_noise():
            yield "Sampling starts from noise alone: use Analogist Sigmas, or a denoise below 1 (0.98) in KSampler."
        if self.grid is not None and starts_empty(self.grid, self.latent):
            yield "B' starts from an empty cell: link canvas of the Grid Builder to pixels, not grid or marked."

    def _most_noise(self) -> float:
        return float(self.model.get_model_object("model_sampling").sigma_max) * (1 - 1e-5)

    def strange_to_demo(self, patches: Sequence[Patch]) -> Iterator[str]:
        """What the model of the pack was not made for."""
        demo = getattr(type(self.model.model.model_config), "demo", None)
        if not isinstance(demo, DemoConfiguration):
            return
        ratio = self.model.get_model_object("latent_format").spacial_downscale_ratio
        height, width = (side * ratio for side in self.latent.shape[-2:])
        side = demo.side * ratio
        if (height, width) != (side, side):
            got = f"{width}x{height}"
            yield f"The demo model knows grids of {side}x{side} only, this is {got}: set cells of {side // 2}."
        known = {name: setting.layers for name, setting in PRESETS.items() if name.startswith("demo model")}
        sets = [frozenset(Layers.between(layers).select(structure(self.model))) for layers in known.values()]
        if any(patch.layers not in sets for patch in patches):
            measured = " and ".join(map(str, known.values()))
            yield f"The demo model was measured in layers {measured}: choose one of its presets."


def layers_apart(patches: Sequence[Patch]) -> Iterator[str]:
    """SAC and CAM are one method where they are in the same layers."""
    chosen = {kind: frozenset[int]().union(*(p.layers for p in patches if p.kind == kind)) for kind in KINDS}
    if all(chosen.values()) and len(set(chosen.values())) > 1:
        named = ", ".join(f"{KINDS[kind]} in {ranges(layers)}" for kind, layers in chosen.items())
        yield f"SAC and CAM act in different layers ({named}): give both the same."


def ranges(numbers: frozenset[int]) -> str:
    """3-10, 12 for the numbers 3 to 10 and 12."""
    starts = sorted(number for number in numbers if number - 1 not in numbers)
    ends = sorted(number for number in numbers if number + 1 not in numbers)
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def starts_empty(grid: AnalogyGrid, latent: Tensor) -> bool:
    """Whether B' has one color in a latent (B, C, h, w) of that grid while the cell that it should repeat has not.

    In the canvas both are the same; in the grid B' is black, and in the marked one too, but for its letter at the top
    left and an arrow at the left.
    """
    height, width = latent.shape[-2:]
    if latent.ndim != 4 or height * grid.size[0] != width * grid.size[1]:
        return False
    repeated = Cell.B if grid.layout is Layout.ROWS else Cell.A_PRIME
    start, beside = (_variation(latent, cell, grid.sheet) for cell in (Cell.B_PRIME, repeated))
    return start < FLAT * beside


def _variation(latent: Tensor, cell: Cell, sheet: Sheet) -> float:
    return float(_inside(latent, cell, sheet).float().std(dim=(-2, -1)).mean())


def _inside(latent: Tensor, cell: Cell, sheet: Sheet) -> Tensor:
    """Nearly a third of a cell's width and height, a little to the lower right of its middle and far from its edges."""
    rows, columns = cell_slices((latent.shape[-2], latent.shape[-1]), cell, sheet)
    found = latent[..., rows, columns]
    height, width = found.shape[-2:]
    return found[..., height * 7 // 16 : height * 3 // 4, width * 7 // 16 : width * 3 // 4]


def is_inpainting(model: ModelPatcher) -> bool:
    """Whether the UNet takes a mask and the masked image beside the latent."""
    return channels(model) == 2 * model.get_model_object("latent_format").latent_channels + 1


def channels(model: ModelPatcher) -> int:
    """What the UNet takes."""
    unet = model.get_model_object("diffusion_model")
    return int(getattr(unet, "_orig_mod", unet).in_channels)


def need_inpainting(model: ModelPatcher) -> None:
    """Refuse another model, by name."""
    if not is_inpainting(model):
        needed = 2 * model.get_model_object("latent_format").latent_channels + 1
        raise ValueError(
            f"expected an inpainting model, whose UNet takes {needed} channels, got one of {channels(model)}: load "
            f"sd-v1-5-inpainting.safetensors ({WHERE}) or another inpainting checkpoint; if this one is meant, switch "
            "any_model on"
        )
