"""A custom node pack for tests: loaders that need no files."""

from comfy_api.latest import ComfyExtension, io

from .tiny import (
    tiny_clip,
    tiny_clip_vision,
    tiny_model,
    tiny_sd2,
    tiny_sd2_clip,
    tiny_sdxl,
    tiny_sdxl_clip,
    tiny_vae,
)

SDXL_FILES = {
    "sd_xl_base_1.0_inpainting_0.1.safetensors": {"seed": 0},
    "sd_xl_base_1.0.safetensors": {"seed": 1, "in_channels": 4},
    "Juggernaut-XL_v9_RunDiffusionPhoto_v2.safetensors": {"seed": 2, "in_channels": 4},
}
SD2_FILES = ("512-inpainting-ema.safetensors",)


class TinyCheckpoint(io.ComfyNode):
    """A model of the family that the published file of this name is of; SD 1.5 for inpainting where it is unknown."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestTinyCheckpoint",
            inputs=[io.String.Input("ckpt_name", optional=True)],
            outputs=[io.Model.Output(), io.Clip.Output(), io.Vae.Output()],
        )

    @classmethod
    def execute(cls, ckpt_name: str = "") -> io.NodeOutput:
        if ckpt_name in SDXL_FILES:
            return io.NodeOutput(tiny_sdxl(**SDXL_FILES[ckpt_name]), tiny_sdxl_clip(), tiny_vae())
        if ckpt_name in SD2_FILES:
            return io.NodeOutput(tiny_sd2(), tiny_sd2_clip(), tiny_vae())
        return io.NodeOutput(tiny_model(), tiny_clip(), tiny_vae())


class TinyUNet(io.ComfyNode):
    """SDXL for inpainting, without text encoders and VAE."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestTinyUNet",
            inputs=[io.String.Input("unet_name", optional=True), io.String.Input("weight_dtype", optional=True)],
            outputs=[io.Model.Output()],
        )

    @classmethod
    def execute(cls, unet_name: str = "", weight_dtype: str = "") -> io.NodeOutput:
        return io.NodeOutput(tiny_sdxl())


class TinyTextToImage(io.ComfyNode):
    """The model that the reference's control network of Prompt Diffusion fits, but for the width of the text."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestTinyTextToImage",
            inputs=[io.String.Input("ckpt_name", optional=True)],
            outputs=[io.Model.Output(), io.Clip.Output(), io.Vae.Output()],
        )

    @classmethod
    def execute(cls, ckpt_name: str = "") -> io.NodeOutput:
        return io.NodeOutput(tiny_model(channel_mult=(1, 2, 4, 4), in_channels=4), tiny_clip(), tiny_vae())


class TinyClipVision(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestTinyClipVision",
            inputs=[io.String.Input("clip_name", optional=True)],
            outputs=[io.ClipVision.Output()],
        )

    @classmethod
    def execute(cls, clip_name: str = "") -> io.NodeOutput:
        return io.NodeOutput(tiny_clip_vision())


class TinyExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [TinyCheckpoint, TinyUNet, TinyTextToImage, TinyClipVision]


async def comfy_entrypoint() -> TinyExtension:
    return TinyExtension()
