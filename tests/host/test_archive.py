"""The pack as the registry ships it, imported by a ComfyUI of its own."""

import subprocess
import sys
from pathlib import Path

from support import comfyui

comfyui.need_host()

from support.archive import unpacked
from support.golden import PROJECT
from support.graph import room

CODE = """
import asyncio, sys
sys.path.insert(0, sys.argv.pop(1))
from support import comfyui
comfyui.need_host()
import nodes
folder = sys.argv[1]
assert asyncio.run(nodes.load_custom_node(folder))
pack = sys.modules[folder.replace(".", "_x_")]
ours = {name: cls for name, cls in nodes.NODE_CLASS_MAPPINGS.items() if name.startswith("Analogist")}
ours["AnalogistExample"].execute(example="shapes")
ours["AnalogistDemoModelLoader"].execute()
print(*sorted(ours), file=sys.stderr)
print("NODES", *sorted(ours))
"""


def test_the_pack_is_whole_in_it(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "pack")
    command = [sys.executable, "-c", CODE, str(PROJECT / "tests"), str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    (line,) = (line for line in answer.stdout.splitlines() if line.startswith("NODES"))
    assert line.split()[1:] == sorted(cls.define_schema().node_id for cls in room("nodes").NODES)
