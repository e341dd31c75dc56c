"""A file of the demo model's kind with random weights, so that the loaders are tested without the trained ones."""

import shutil
from importlib import import_module
from pathlib import Path

import torch

from tools.demo_model.saving import save

from .golden import PROJECT

DEMO_FILE = Path("analogist", "demo", "demo_model.safetensors")
"""Where a pack has it."""
CAPTION = "a big red circle on the left"
TOKEN_IDS = (320, 1205, 736, 7117, 525, 518, 1823, 49406, 49407)
"""CLIP's ids of the caption's words, and of start and end."""


def write_random_demo(path: Path, library: str = "analogist", seed: int = 0) -> Path:
    """Write one with the library of this name, the installed one or the pack's own."""
    demo_model = import_module(f"{library}.demo.model")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules = demo_model.build()
        for module in modules:
            for parameter in module.parameters():  # No bias stays 0 and no norm stays 1, or mixed up names go unseen.
                parameter.data += 0.1 * torch.randn_like(parameter) * (parameter.ndim < 2)
    save(modules, TOKEN_IDS, path, {"steps": 0})
    return path


def pack_without_demo(folder: Path) -> Path:
    """A copy of the pack that has no demo model yet, whether or not this checkout has the trained one."""
    names = shutil.ignore_patterns(".*", "tests", "build", "outputs", "__pycache__", DEMO_FILE.name)
    return Path(shutil.copytree(PROJECT, folder, ignore=names))
