"""The demo's analogy once more, through ComfyUI's own nodes and sampler in this process. Run by `make demo`.

    python tools/demo_in_comfyui.py outputs/demo

Reads a.png, a_prime.png and b.png there and writes comfyui_*.png beside them. Without ANALOGIST_MODEL (a checkpoint
file of an SD 1.x inpainting model) it runs the tiny random model of the tests, and says so.
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
from support.tiny_pack.tiny import tiny_clip, tiny_model, tiny_vae

PROMPT = "Cat in color, best quality, extremely detailed"
NEGATIVE = "Messy,Disordered,Chaotic,Cluttered,Haphazard,Unkempt,Scattered,Disheveled,Tangled,Random"


def main(folder: Path) -> None:
    pictures = room("analogist.pictures")
    images = {n: pictures.to_tensor([pictures.open_picture(folder / f"{n}.png")]) for n in ("a", "a_prime", "b")}
    checkpoint = os.environ.get("ANALOGIST_MODEL")
    if checkpoint:
        model, clip, vae = comfy.sd.load_checkpoint_guess_config(checkpoint)[:3]
    else:
        model, clip, vae = tiny_model(), tiny_clip(), tiny_vae()
    sampled, cell = analogy(model, clip, vae, images, steps=50 if checkpoint else 4)
    for name, image in (("comfyui_grid.png", sampled), ("comfyui_b_prime.png", cell)):
        Image.fromarray((image[0].clamp(0, 1) * 255).round().byte().cpu().numpy()).save(folder / name)
        print(folder / name)
    if not checkpoint:
        print("The model is tiny and random, so B' is noise: this shows that the graph runs, not what the method does.")


@torch.inference_mode()
def analogy(model, clip, vae, images: dict[str, torch.Tensor], steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The shipped workflows' graph: our nodes and the host's stock ones. The sampled grid and B', (1, H, W, 3)."""
    from comfy_extras.nodes_custom_sampler import CFGGuider, KSamplerSelect, RandomNoise, SamplerCustomAdvanced

    import nodes

    _, canvas, mask, _, layout = execute("AnalogistGridBuilder", **images, fit="crop")
    positive, negative = (nodes.CLIPTextEncode().encode(clip, text)[0] for text in (PROMPT, NEGATIVE))
    positive, negative, latent = nodes.InpaintModelConditioning().encode(
        positive, negative, canvas, vae, mask, noise_mask=False
    )
    (patched,) = execute("AnalogistSACPatch", model=model, layout=layout)
    (patched,) = execute("AnalogistCAMPatch", model=patched, layout=layout)
    (sigmas,) = execute("AnalogistSigmas", model=patched, steps=steps)
    (noise,) = RandomNoise.execute(42).args
    (guider,) = CFGGuider.execute(patched, positive, negative, 15.0).args
    (sampler,) = KSamplerSelect.execute("euler").args
    samples = SamplerCustomAdvanced.execute(noise, guider, sampler, sigmas, latent).args[0]
    (decoded,) = nodes.VAEDecode().decode(vae, samples)
    return decoded, execute("AnalogistGridCropper", image=decoded, layout=layout)[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
