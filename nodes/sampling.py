"""The reference's noise schedule for ComfyUI's custom samplers."""

from comfy.model_patcher import ModelPatcher
from comfy.model_sampling import ModelSamplingDiscrete
from comfy_api.latest import io

from ..analogist.published import DEFAULT
from ..analogist.schedule import ddim_sigmas
from .types import CATEGORY


class Sigmas(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSigmas",
            display_name="Analogist Sigmas",
            category=CATEGORY,
            description="DDIM noise schedule of the published program: the last steps * strength steps. Use it with the sampler "
            "euler, which is equivalent to DDIM on these sigmas.",
            search_aliases=["ddim", "strength", "scheduler", "denoise"],
            inputs=[
                io.Model.Input("model", tooltip="The model to sample. Its noise levels are used."),
                io.Int.Input(
                    "steps",
                    default=DEFAULT.steps,
                    min=1,
                    max=999,
                    tooltip="Number of steps at strength 1. The paper uses 50.",
                ),
                io.Float.Input(
                    "strength",
                    default=DEFAULT.strength,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Fraction of the steps to run: 0.98 of 50 steps is 49. Lower values stay closer to the initial image of B' (a copy of B, or of A' with pairs in columns).",
                ),
            ],
            outputs=[io.Sigmas.Output("sigmas", tooltip="Connect to sigmas of SamplerCustomAdvanced.")],
        )

    @classmethod
    def execute(cls, model: ModelPatcher, steps: int, strength: float) -> io.NodeOutput:
        sampling = model.get_model_object("model_sampling")
        if not isinstance(sampling, ModelSamplingDiscrete):
            raise ValueError(
                "expected a model with discrete training timesteps (Stable Diffusion 1.x, 2.x, SDXL), got one that samples with "
                f"{type(sampling).__name__}: use a built-in scheduler for it"
            )
        return io.NodeOutput(ddim_sigmas(steps, strength, sampling.sigmas.cpu()))
