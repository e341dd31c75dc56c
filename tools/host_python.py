"""Find ComfyUI and its Python, and print a Python that runs the host tests in it. Needs nothing but Python itself.

The printed one is a virtual environment of this project laid over the host's: it sees the host's packages (torch
and all) and has the test tools besides, so that nothing is ever installed into somebody's ComfyUI.
Prints nothing, and says why on standard error, where there is no ComfyUI.
"""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
OVERLAY = PROJECT / ".venv-host"
TOOLS = [
    "pytest>=8",
    "pytest-xdist>=3.5",
    "hypothesis>=6.100",
    "diffusers>=0.32",
    "accelerate>=0.30",
    "playwright>=1.50",
    "websocket-client>=1.8",
]
TORCH = ["torch==2.11.*", "torchvision==0.26.*", "torchaudio==2.11.*"]
BIN = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
PROBE = "import torch, aiohttp, safetensors, transformers, sysconfig; print(sysconfig.get_path('purelib'))"


def host() -> Path | None:
    named = os.environ.get("COMFYUI_PATH")
    places = [Path(named)] if named else [Path.home() / "comfy/ComfyUI", Path.home() / "Documents/comfy/ComfyUI"]
    return next((place.resolve() for place in places if (place / "comfyui_version.py").exists()), None)


def candidates(host_path: Path) -> list[Path]:
    """Pythons that may run this ComfyUI, the likeliest first; COMFYUI_PYTHON says it outright."""
    if named := os.environ.get("COMFYUI_PYTHON"):
        return [Path(named)]
    places = [host_path / ".venv", host_path / "venv", host_path.parent / ".venv", host_path.parent / "venv"]
    places += [Path(os.environ[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if name in os.environ]
    embedded = [host_path.parent / "python_embeded" / "python.exe"]
    return [place.joinpath(*BIN) for place in places] + embedded + [Path(sys.executable)]


def site_packages(python: Path) -> str | None:
    """Where `python` keeps its packages, if it has those of a ComfyUI."""
    if not python.exists():
        return None
    answer = subprocess.run([python, "-c", PROBE], capture_output=True, text=True)
    return answer.stdout.strip() if answer.returncode == 0 else None


def lay_over(python: Path, packages: str) -> None:
    """Make the project's own environment over that of `python`."""
    subprocess.run([python, "-m", "venv", "--clear", OVERLAY], check=True)
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([OVERLAY.joinpath(*BIN), "-c", query], capture_output=True, text=True, check=True)
    Path(answer.stdout.strip(), "comfyui.pth").write_text(packages + "\n")


def install(*what: str | Path) -> None:
    command = [OVERLAY.joinpath(*BIN), "-m", "pip", "install", "--quiet", *what]
    subprocess.run(command, check=True, stdout=sys.stderr)


def main() -> None:
    where = host()
    if where is None:
        sys.exit("No ComfyUI at COMFYUI_PATH or in comfy-cli's default workspace, so nothing is run inside one.")
    if site_packages(OVERLAY.joinpath(*BIN)) is None:
        for python in candidates(where):
            if packages := site_packages(python):
                lay_over(python, packages)
                break
        else:
            print(f"No Python with the requirements of {where} was found (name it in COMFYUI_PYTHON).", file=sys.stderr)
            print(f"Installing them into {OVERLAY.name}; this can take some minutes.", file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", "--clear", OVERLAY], check=True)
            install(*TORCH, "-r", where / "requirements.txt")
    install(*TOOLS, "-r", PROJECT / "requirements.txt")
    print(OVERLAY.joinpath(*BIN))


if __name__ == "__main__":
    main()
