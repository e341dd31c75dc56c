"""The reference's noise schedule for ComfyUI's custom samplers."""

from comfy.model_patcher import ModelPatcher
from comfy.model_sampling import ModelSamplingDiscrete
from comfy_api.latest import io

from ..analogist.schedule import ddim_sigmas
from .types import CATEGORY


class Sigmas(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistSigmas",
            display_name="Analogist Sigmas",
            category=CATEGORY,
            description="The published program's DDIM schedule: the last steps x strength of the steps. Use it with the sampler "
            "euler, which is then DDIM.",
            search_aliases=["ddim", "strength", "scheduler", "denoise"],
            inputs=[
                io.Model.Input("model", tooltip="The model that will be sampled: its own noise levels are used."),
                io.Int.Input(
                    "steps", default=50, min=1, max=999, tooltip="Steps of the whole schedule. The paper uses 50."
                ),
                io.Float.Input(
                    "strength",
                    default=0.98,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="The part of the schedule that is run: 0.98 of 50 steps are 49. Lower stays closer to the picture that B' starts from: B, or A' with pairs in columns.",
                ),
            ],
            outputs=[io.Sigmas.Output("sigmas", tooltip="To the sigmas of SamplerCustomAdvanced.")],
        )

    @classmethod
    def execute(cls, model: ModelPatcher, steps: int, strength: float) -> io.NodeOutput:
        sampling = model.get_model_object("model_sampling")
        if not isinstance(sampling, ModelSamplingDiscrete):
            raise ValueError(
                "Analogist Sigmas needs a model trained on discrete noise steps (Stable Diffusion 1.x, 2.x, SDXL), but this "
                f"one samples with {type(sampling).__name__}: use a stock scheduler for it."
            )
        return io.NodeOutput(ddim_sigmas(steps, strength, sampling.sigmas.cpu()))
