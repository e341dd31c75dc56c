"""The nodes: schemas and a few lines that call the rooms below. One file for each step of the graph."""

from comfy_api.latest import ComfyExtension, io
from typing_extensions import override

from .attention import CAMPatch, SACPatch
from .demo_model import DemoModelLoader
from .evaluation import BestOf, DirectionScore
from .example import Example
from .folder import Folder
from .grid import GridBuilder, GridCropper
from .pairs import Pair
from .prompt_diffusion import (
    PromptDiffusionApply,
    PromptDiffusionCheckpointLoader,
    PromptDiffusionLoader,
    PromptDiffusionPrompt,
)
from .prompting import GPT4VPrompter, PromptParser
from .sampling import Sigmas
from .settings import Settings
from .sheets import ContactSheet, Sweep, SweepValues

NODES: list[type[io.ComfyNode]] = [
    Example,
    DemoModelLoader,
    Pair,
    Folder,
    GridBuilder,
    GridCropper,
    GPT4VPrompter,
    PromptParser,
    SACPatch,
    CAMPatch,
    Sigmas,
    Settings,
    DirectionScore,
    BestOf,
    ContactSheet,
    SweepValues,
    Sweep,
    PromptDiffusionLoader,
    PromptDiffusionCheckpointLoader,
    PromptDiffusionPrompt,
    PromptDiffusionApply,
]


class AnalogistExtension(ComfyExtension):
    @override
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
