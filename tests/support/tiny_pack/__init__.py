"""A custom node pack for tests: loaders that need no files."""

from comfy_api.latest import ComfyExtension, io

from .tiny import (
    tiny_clip,
    tiny_clip_vision,
    tiny_model,
    tiny_vae,
)


class TinyCheckpoint(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="TestTinyCheckpoint",
            inputs=[io.String.Input("ckpt_name", optional=True)],
            outputs=[io.Model.Output(), io.Clip.Output(), io.Vae.Output()],
        )

    @classmethod
    def execute(cls, ckpt_name: str = "") -> io.NodeOutput:
        return io.NodeOutput(tiny_model(), tiny_clip(), tiny_vae())


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
        return [TinyCheckpoint, TinyTextToImage, TinyClipVision]


async def comfy_entrypoint() -> TinyExtension:
    return TinyExtension()
