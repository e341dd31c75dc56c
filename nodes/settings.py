"""Presets of the settings of a run, with optional overrides."""

from collections.abc import Mapping
from math import isfinite

from comfy_api.latest import io, ui

from ..analogist.layers import Layers
from ..analogist.published import PRESETS
from .display import own_id, show
from .types import CATEGORY

CUSTOM = "custom"
KEPT = "0: value of the preset."
Value = float | int | str


def _numbers() -> list[io.Input]:
    """Overrides of the preset's values."""
    return [
        io.Float.Input(
            "scale",
            display_name="SAC scale (0: preset)",
            default=0.0,
            min=0.0,
            max=10.0,
            step=0.05,
            tooltip=f"Scale of the copied attention logits: lower values stay closer to B, higher values to A'. {KEPT}",
        ),
        io.String.Input(
            "layers",
            display_name="layers (empty: preset)",
            default="",
            placeholder="value of the preset",
            tooltip="Layers of SAC and CAM, such as 3-10 or 4, 6-8 (both ends included). Empty: value of the preset.",
        ),
        io.Int.Input(
            "steps",
            display_name="steps (0: preset)",
            default=0,
            min=0,
            max=999,
            tooltip=f"Number of steps at strength 1. {KEPT}",
        ),
        io.Float.Input(
            "strength",
            display_name="strength (0: preset)",
            default=0.0,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip=f"Fraction of the steps to run: lower values stay closer to the initial image of B'. {KEPT}",
        ),
        io.Float.Input(
            "guidance",
            display_name="guidance (0: preset)",
            default=0.0,
            min=0.0,
            max=100.0,
            step=0.1,
            tooltip=f"Guidance scale (cfg). {KEPT}",
        ),
    ]


class Settings(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSettings",
            display_name="Analogist Settings",
            category=CATEGORY,
            description="Presets of the analogy settings: the paper's defaults, its tasks and examples, variants closer to B or A', "
            "and a starting point for SDXL. Individual values can be overridden.",
            search_aliases=["preset", "settings", "image analogy", "style transfer", "colorize", "parameters"],
            inputs=[
                io.Combo.Input(
                    "preset",
                    options=[*PRESETS, CUSTOM],
                    default=next(iter(PRESETS)),
                    tooltip="paper: the defaults of the published program. Values below override the preset. "
                    "custom: all five values must be set.",
                ),
                *_numbers(),
            ],
            outputs=[
                io.Float.Output("scale", display_name="SAC scale", tooltip="Connect to scale of Analogist SAC Patch."),
                io.String.Output(
                    "layers", tooltip="Connect to layers of both Analogist SAC Patch and Analogist CAM Patch."
                ),
                io.Int.Output("steps", tooltip="Connect to steps of Analogist Sigmas."),
                io.Float.Output("strength", tooltip="Connect to strength of Analogist Sigmas or denoise of KSampler."),
                io.Float.Output("guidance", tooltip="Connect to cfg of CFGGuider or KSampler."),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls, preset: str, scale: float, layers: str, steps: int, strength: float, guidance: float
    ) -> io.NodeOutput:
        given: dict[str, Value] = {
            "scale": scale,
            "layers": layers.strip(),
            "steps": steps,
            "strength": strength,
            "guidance": guidance,
        }
        chosen = _chosen(preset, given)
        text = "\n".join(f"{name}: {value}" for name, value in chosen.items())
        show(text, own_id(cls))
        return io.NodeOutput(*chosen.values(), ui=ui.PreviewText(text))


def _chosen(preset: str, given: Mapping[str, Value]) -> dict[str, Value]:
    """The numbers of a preset, each replaced by the user's where there is one.

    Raises:
        ValueError: no such preset, layers that are none, a number that is not finite, or "custom" with one left out.
    """
    for name, value in given.items():
        if isinstance(value, float) and not isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value}")
    if given["layers"]:
        Layers.parse(str(given["layers"]))
    if preset == CUSTOM:
        if missing := [name for name, value in given.items() if not value]:
            raise ValueError(
                f"preset custom: expected all five numbers, got none for {', '.join(missing)}: fill them in, or choose a preset"
            )
        return {**given}
    if preset not in PRESETS:
        raise ValueError(f"expected a preset ({', '.join([*PRESETS, CUSTOM])}), got {preset!r}")
    setting = PRESETS[preset]
    known: dict[str, Value] = {
        "scale": setting.scale,
        "layers": str(setting.layers),
        "steps": setting.steps,
        "strength": setting.strength,
        "guidance": setting.guidance,
    }
    return {name: given[name] or value for name, value in known.items()}
