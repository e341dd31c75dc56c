"""The demo's analogy once more, through ComfyUI's own nodes and sampler in this process. Run by `make demo`.

    python tools/demo_in_comfyui.py outputs/demo

Reads a.png, a_prime.png, b.png and prompt.txt there and writes comfyui_*.png beside them. Without ANALOGIST_MODEL (a
checkpoint file of an SD 1.x inpainting model) it runs the model that is included in the pack.
"""

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support import comfyui

if comfyui.host_path() is None:
    sys.exit("There is no ComfyUI at COMFYUI_PATH or in comfy-cli's default workspace.")
comfyui.need_host()

import comfy.sd
import torch
from PIL import Image

from support.graph import execute, room

SETTINGS = room("analogist.pipelines.inpainting").Settings


def main(folder: Path) -> None:
    pictures = room("analogist.images")
    images = {n: pictures.to_tensor([pictures.open_image(folder / f"{n}.png")]) for n in ("a", "a_prime", "b")}
    prompt = (folder / "prompt.txt").read_text(encoding="utf-8").strip()
    checkpoint = os.environ.get("ANALOGIST_MODEL")
    if checkpoint:
        models, settings = comfy.sd.load_checkpoint_guess_config(checkpoint)[:3], SETTINGS()
        grid = room("analogist.grid").AnalogyGrid()
    else:
        demo = room("analogist.demo.analogies")
        models, settings, grid = room("loaders.demo").load(), demo.DRAWINGS_SETTINGS, demo.GRID
    sampled, b_prime = analogy(*models, images, prompt, settings, grid)
    for name, image in (("comfyui_grid.png", sampled), ("comfyui_b_prime.png", b_prime)):
        Image.fromarray((image[0].clamp(0, 1) * 255).round().byte().cpu().numpy()).save(folder / name)
        print(folder / name)


@torch.inference_mode()
def analogy(
    model, clip, vae, images: dict[str, torch.Tensor], prompt: str, settings, grid
) -> tuple[torch.Tensor, torch.Tensor]:
    """The shipped workflows' graph: our nodes and the host's stock ones. The sampled grid and B', (1, H, W, 3)."""
    from comfy_extras.nodes_custom_sampler import CFGGuider, KSamplerSelect, RandomNoise, SamplerCustomAdvanced

    import nodes

    _, canvas, mask, _, layout = execute(
        "AnalogistGridBuilder",
        **images,
        fit="crop",
        cell_width=grid.cell_width,
        cell_height=grid.cell_height,
        gutter=grid.gutter,
    )
    texts = prompt + settings.suffix, settings.negative_prompt
    positive, negative = (nodes.CLIPTextEncode().encode(clip, text)[0] for text in texts)
    positive, negative, latent = nodes.InpaintModelConditioning().encode(
        positive, negative, canvas, vae, mask, noise_mask=False
    )
    sac, cam = settings.edit.sac, settings.edit.cam
    (patched,) = execute("AnalogistSACPatch", model=model, start_layer=sac.start, end_layer=sac.end, layout=layout)
    (patched,) = execute("AnalogistCAMPatch", model=patched, start_layer=cam.start, end_layer=cam.end, layout=layout)
    (sigmas,) = execute("AnalogistSigmas", model=patched, steps=settings.steps, strength=settings.strength)
    (noise,) = RandomNoise.execute(42).args
    (guider,) = CFGGuider.execute(patched, positive, negative, settings.guidance).args
    (sampler,) = KSamplerSelect.execute("euler").args
    samples = SamplerCustomAdvanced.execute(noise, guider, sampler, sigmas, latent).args[0]
    (decoded,) = nodes.VAEDecode().decode(vae, samples)
    return decoded, execute("AnalogistGridCropper", image=decoded, layout=layout)[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
