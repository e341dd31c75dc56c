"""The configuration of an evaluation: settings for each task, and where it renders.

The names are those of the published flags. What a task does not say it takes from `defaults`, and what those do not
say is the published value.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from ..cells import CELL_STEP, Fit, Layout
from ..devices import Precision
from ..files.matching import folded
from ..files.reading import read_text
from ..grid import AnalogyGrid
from ..layers import PAPER, LayerRange, Layers, Numbering, sac_and_cam
from ..published import DEFAULT, GUTTER, NEGATIVE_PROMPT, SEED, SIDE, SUFFIX, TASKS, Setting
from ..schedule import ddim_timesteps
from .names import canonical, check_name
from .sources import is_text


class _Strict(BaseModel):
    """A table of the file; a name that is not known is refused, since it is a misspelled one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RenderSettings(_Strict):
    """How the analogies of a task are rendered; the defaults are the published ones.

    Attributes:
        steps, strength: DDIM steps over the whole schedule, and the share of them that is run.
        guidance_scale: weight of the prompt.
        sac_start_layer, sac_end_layer, cam_start_layer, cam_end_layer: half-open ranges of layers.
        scale_sac: scale of the cloned logits.
        num_images_per_prompt: images for each analogy, sampled together.
        suffix, negative_prompt: appended to each prompt, and what is kept away from.
        res: side of a square grid in pixels.
        cell_width, cell_height: size of a cell in pixels, instead of half of `res`.
        layout, fit, gutter: as in `analogist.grid`.
        layers: of both, a text such as "4-8" or "3, 5, 7-9", instead of the four numbers; empty for none.
        numbering: what the numbers of layers count.
        pairs: number of example pairs in finished grids; where an analogy has images of its own, they are counted.
    """

    steps: int = DEFAULT.steps
    strength: FiniteFloat = DEFAULT.strength
    guidance_scale: FiniteFloat = DEFAULT.guidance
    sac_start_layer: int = PAPER.start
    sac_end_layer: int = PAPER.end
    cam_start_layer: int = PAPER.start
    cam_end_layer: int = PAPER.end
    scale_sac: FiniteFloat = DEFAULT.scale
    num_images_per_prompt: int = Field(default=DEFAULT.images_per_prompt, ge=1)
    suffix: str = SUFFIX
    negative_prompt: str = NEGATIVE_PROMPT
    res: int = Field(default=SIDE, multiple_of=2 * CELL_STEP)
    cell_width: int | None = None
    cell_height: int | None = None
    layout: Literal["rows", "columns"] = "rows"
    fit: Fit = Fit.STRETCH
    gutter: int = GUTTER
    layers: Annotated[str, BeforeValidator(lambda said: str(said) if type(said) is int else said)] = ""
    numbering: Numbering = Numbering.SD15
    pairs: int = 1

    @model_validator(mode="after")
    def _is_possible(self) -> "RenderSettings":
        ddim_timesteps(self.steps, self.strength)
        _ = self.grid, self.sac  # Each refuses what is out of range, in its own words.
        for name, words in (("suffix", self.suffix), ("negative_prompt", self.negative_prompt)):
            if not is_text(words):
                raise ValueError(f"the {name} contains invalid characters (NUL or a lone surrogate)")
        return self

    @property
    def grid(self) -> AnalogyGrid:
        half = self.res // 2
        return AnalogyGrid(
            cell_width=half if self.cell_width is None else self.cell_width,
            cell_height=half if self.cell_height is None else self.cell_height,
            layout=Layout.of(self.layout),
            fit=self.fit,
            gutter=self.gutter,
            pairs=self.pairs,
        )

    @property
    def sac(self) -> LayerRange | Layers:
        return self._sac_and_cam[0]

    @property
    def cam(self) -> LayerRange | Layers:
        return self._sac_and_cam[1]

    @property
    def _sac_and_cam(self) -> tuple[LayerRange | Layers, LayerRange | Layers]:
        sac = LayerRange(self.sac_start_layer, self.sac_end_layer)
        cam = LayerRange(self.cam_start_layer, self.cam_end_layer)
        return sac_and_cam(self.layers, self.numbering.value, sac, cam)


RANGES = ("sac_start_layer", "sac_end_layer", "cam_start_layer", "cam_end_layer")


def _inherited(defaults: Mapping[str, Any], task: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a task and what it leaves to the defaults; layers said in one way take the other's place."""
    taken: tuple[str, ...] = ()
    if str(task.get("layers") or "").strip():
        taken = RANGES
    elif any(name in task for name in RANGES):
        taken = ("layers",)
    return {**{name: value for name, value in defaults.items() if name not in taken}, **task}


class Task(RenderSettings):
    """The settings of one task.

    Attributes:
        data: the task of the data set whose analogies are rendered; by default the one of the same name. Several
            tasks on the same data are a sweep.
    """

    data: str | None = None

    @classmethod
    def of(cls, setting: Setting) -> "Task":
        """A task with the numbers of the reference, under the names of the published flags."""
        start, end = setting.layers.start, setting.layers.end
        return cls(
            steps=setting.steps,
            strength=setting.strength,
            guidance_scale=setting.guidance,
            scale_sac=setting.scale,
            num_images_per_prompt=setting.images_per_prompt,
            sac_start_layer=start,
            sac_end_layer=end,
            cam_start_layer=start,
            cam_end_layer=end,
        )

    @property
    def settings(self) -> RenderSettings:
        return RenderSettings(**self.model_dump(exclude={"data"}))


class InProcess(_Strict):
    """The diffusers pipeline, in this process or in Ray's.

    Attributes:
        model: a diffusers folder, or a .safetensors or .ckpt file, of Stable Diffusion 1.x for inpainting.
        device, dtype, tokenizer, allow_download: as the options of `python -m analogist run`.
    """

    kind: Literal["diffusers"] = "diffusers"
    model: str = ""
    device: str | None = None
    dtype: Precision | None = None
    tokenizer: str | None = None
    allow_download: bool = False


class ComfyUI(_Strict):
    """A running ComfyUI, and a graph of the user's in API format.

    Attributes:
        address: of the server.
        workflow: the graph, a file that ComfyUI's "Export (API)" wrote; relative to the configuration file.
        inputs: which input of which node takes which value, as "title of the node.input": {prompt: "My text.text"}.
            A node whose title is the name of a value needs no line here.
        output: title or number of the node whose images are the results; may be left out where there is only one.
        result: whether these are images of B' alone, or whole grids.
        patience: seconds to wait for a server that does not answer, before the run gives up.
    """

    kind: Literal["comfyui"]
    address: str = "http://127.0.0.1:8188"
    workflow: str
    inputs: dict[str, str] = Field(default_factory=dict)
    output: str | None = None
    result: Literal["b_prime", "grid"] = "b_prime"
    patience: float = Field(default=600.0, ge=0)


Backend = Annotated[InProcess | ComfyUI, Field(discriminator="kind")]


class Config(_Strict):
    """The whole file.

    Attributes:
        seed: every analogy's own seed follows from it, from its task and its name; never from the order.
        defaults: settings of tasks that the file does not name, and of all others where they say nothing.
        tasks: settings by task.
        backend: where it renders.
    """

    seed: int = Field(default=SEED, ge=0)
    defaults: RenderSettings = RenderSettings()
    tasks: dict[str, Task] = Field(default_factory=dict)
    backend: Backend = Field(default_factory=InProcess)

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, content: Any) -> Any:
        """Give each task the defaults that it does not say itself."""
        if not isinstance(content, Mapping) or not isinstance(content.get("tasks"), Mapping):
            return content
        defaults = content.get("defaults") or {}
        if not isinstance(defaults, Mapping):
            return content
        tasks = {
            name: _inherited(defaults, task or {}) if task is None or isinstance(task, Mapping) else task
            for name, task in content["tasks"].items()
        }
        return {**content, "tasks": tasks}

    @field_validator("tasks")
    @classmethod
    def _named_as_files(cls, tasks: dict[str, Task]) -> dict[str, Task]:
        named: dict[str, Task] = {}
        for name, task in tasks.items():
            check_name(canonical(name))
            if folded(name) in map(folded, named):
                raise ValueError(f"two tasks are called {name!r} (names are case-insensitive)")
            named[canonical(name)] = task.model_copy(update={"data": task.data and canonical(task.data)})
        return named


PUBLISHED = Config(tasks={name: Task.of(setting) for name, setting in TASKS.items()})
"""The published evaluation: ten tasks, each with its settings."""


def read_config(path: Path) -> Config:
    """Read a configuration from a .yaml, .yml or .toml file.

    Raises:
        ValueError: one sentence that names the file, and the setting in it.
    """
    content = _parsed(path)
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"The configuration {str(path)!r} is invalid: {readable(error)}.") from None
    return config.model_copy(update={"backend": _beside(config.backend, path.parent)})


def readable(error: ValidationError) -> str:
    """What pydantic found, as words: where it is, and what is wrong there."""
    found = []
    for one in error.errors():
        where = ".".join(str(part) for part in one["loc"])
        what = {"extra_forbidden": "there is no such setting"}.get(one["type"], one["msg"])
        found.append(f"{where}: {what}".removeprefix(": ").replace("Value error, ", "").rstrip("."))
    return "; ".join(dict.fromkeys(found))


def _parsed(path: Path) -> object:
    parsers = {".yaml": yaml.safe_load, ".yml": yaml.safe_load, ".toml": _toml}
    parse = parsers.get(path.suffix.lower())
    if parse is None and path.exists():
        raise ValueError(f"The configuration {str(path)!r} must be a .yaml, .yml or .toml file.")
    text = read_text(path, "configuration")
    try:
        return (parse and parse(text)) or {}
    except RecursionError:
        raise ValueError(f"The configuration {str(path)!r} is nested too deeply.") from None
    except (ValueError, yaml.YAMLError) as error:  # A TOML error is a ValueError.
        raise ValueError(f"The configuration {str(path)!r} cannot be read: {error}.") from error


def _toml(text: str) -> object:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # The same, before it came with Python.
    return tomllib.loads(text)


def _beside(backend: InProcess | ComfyUI, folder: Path) -> InProcess | ComfyUI:
    """Files that the configuration names relative to itself."""
    if isinstance(backend, ComfyUI):
        return backend.model_copy(update={"workflow": str(folder / backend.workflow)})
    beside = folder / backend.model
    return backend.model_copy(update={"model": str(beside)}) if backend.model and beside.exists() else backend
