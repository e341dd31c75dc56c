"""ComfyUI-Analogist: do to B what A' did to A, inside ComfyUI's own sampler."""

from .nodes import AnalogistExtension

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> AnalogistExtension:
    return AnalogistExtension()
