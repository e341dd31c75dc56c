"""The same weights under ComfyUI and under diffusers give the same noise."""

from support import comfyui, golden

comfyui.need_host()

import pytest
import torch
from diffusers import UNet2DConditionModel

from support.graph import cam, room, sac
from support.tiny_pack.tiny import CONTEXT_DIM, tiny_model


@pytest.mark.parametrize("size", [(32, 48), (48, 16)], ids=str)
@pytest.mark.parametrize("layers", [(3, 11), (0, 16), (6, 7), (4, 4)], ids=str)
def test_a_third_random_model_on_a_grid_that_is_not_square(size: tuple[int, int], layers: tuple[int, int]) -> None:
    model = tiny_model(seed=20)
    weights = {golden.OWN.keymap[key]: tensor for key, tensor in model.model.diffusion_model.state_dict().items()}
    unet = UNet2DConditionModel.from_config(golden.OWN.manifest["unet"]["diffusers_config"]).eval()
    unet.load_state_dict(weights, strict=True)

    generator = torch.Generator().manual_seed(21)
    x = torch.randn(2, 9, *size, generator=generator)
    context = torch.randn(2, 77, CONTEXT_DIM, generator=generator)
    start, end = layers
    patched = cam(sac(model, start_layer=start, end_layer=end), start_layer=start, end_layer=end)
    options = {**patched.model_options["transformer_options"], "sigmas": torch.ones(1)}
    pipeline = room("analogist.pipelines.inpainting")
    edit = pipeline.Edit(*[room("analogist.layers").LayerRange(*layers)] * 2)
    with torch.inference_mode():
        one = model.model.diffusion_model(x, torch.full((2,), 481.0), context, transformer_options=options)
        with pipeline.edited(unet, edit, size, 481):
            other = unet(x, 481, context).sample
        plain = unet(x, 481, context).sample
    assert (one - other).abs().max() <= golden.UNET_TOLERANCE
    assert torch.equal(other, plain) == (start == end)
