"""A custom node pack for tests: a checkpoint loader that needs no checkpoint."""

from comfy_api.latest import ComfyExtension, io

from .tiny import tiny_clip, tiny_model, tiny_vae


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


class TinyExtension(ComfyExtension):
    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [TinyCheckpoint]


async def comfy_entrypoint() -> TinyExtension:
    return TinyExtension()
