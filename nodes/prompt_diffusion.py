"""Prompt Diffusion: an example pair, a query and text through a ControlNet with two encoders."""

import folder_paths
from comfy.controlnet import ControlNet
from comfy_api.latest import io
from torch import Tensor

from ..analogist.grid import Fit
from ..analogist.prompt_diffusion import tasks as prompt_diffusion
from ..analogist.prompt_diffusion.inputs import prepared
from ..analogist.prompt_diffusion.tasks import NEGATIVE_PROMPT, Task
from ..analogist.published import SUFFIX
from ..controlnet import loading
from ..controlnet.applying import Conditioning, Hold, applied
from .types import PROMPT_DIFFUSION as CATEGORY


class PromptDiffusionLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPromptDiffusionLoader",
            display_name="Analogist Prompt Diffusion Loader",
            category=CATEGORY,
            description="Loads Prompt Diffusion's control network, which the stock loader takes without an error and loses half of. "
            "The published checkpoint, its control part and the diffusers file all work.",
            search_aliases=["prompt diffusion", "in-context learning", "controlnet", "load controlnet", "example pair"],
            inputs=[
                io.Combo.Input(
                    "control_net_name",
                    options=folder_paths.get_filename_list("controlnet"),
                    tooltip="A file in models/controlnet. With a plain SD 1.5 model maps come out worse: the published "
                    "model is tuned too, see Analogist Prompt Diffusion Checkpoint Loader.",
                )
            ],
            outputs=[io.ControlNet.Output("control_net", tooltip="To Analogist Prompt Diffusion Apply.")],
        )

    @classmethod
    def execute(cls, control_net_name: str) -> io.NodeOutput:
        path = folder_paths.get_full_path_or_raise("controlnet", control_net_name)
        return io.NodeOutput(loading.load_control_net(path))


class PromptDiffusionCheckpointLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPromptDiffusionCheckpointLoader",
            display_name="Analogist Prompt Diffusion Checkpoint Loader",
            category=CATEGORY,
            description="Loads all of Prompt Diffusion from its published checkpoint: the model, whose decoder was tuned too, and the "
            "control network.",
            search_aliases=["prompt diffusion", "in-context learning", "load checkpoint", "controlnet"],
            inputs=[
                io.Combo.Input(
                    "ckpt_name",
                    options=folder_paths.get_filename_list("checkpoints"),
                    tooltip="A file in models/checkpoints: network-step=04999.ckpt, or what the converter made of it.",
                )
            ],
            outputs=[
                io.Model.Output("MODEL", tooltip="SD 1.5 with the tuned decoder."),
                io.Clip.Output("CLIP", tooltip="The text encoder of SD 1.5."),
                io.Vae.Output("VAE", tooltip="The autoencoder of SD 1.5."),
                io.ControlNet.Output("CONTROL_NET", tooltip="To Analogist Prompt Diffusion Apply."),
            ],
        )

    @classmethod
    def execute(cls, ckpt_name: str) -> io.NodeOutput:
        path = folder_paths.get_full_path_or_raise("checkpoints", ckpt_name)
        return io.NodeOutput(*loading.load_checkpoint(path, folder_paths.get_folder_paths("embeddings")))


class PromptDiffusionPrompt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPromptDiffusionPrompt",
            display_name="Analogist Prompt Diffusion Prompt",
            category=CATEGORY,
            description="The words that Prompt Diffusion was trained with. Its text decides more than its example: without the words of "
            "the task a map does not come out.",
            search_aliases=["prompt diffusion", "task", "depth map", "hed map", "segmentation map", "negative prompt"],
            inputs=[
                io.Combo.Input(
                    "task",
                    options=[task.value for task in Task],
                    default=Task.PICTURE.value,
                    tooltip="What A' is to A. A map to a picture needs a description; each other task has words of its own.",
                ),
                io.String.Input(
                    "description",
                    default="",
                    multiline=True,
                    tooltip="What B' shows. Read for map to picture only.",
                ),
                io.String.Input(
                    "suffix", default=SUFFIX, advanced=True, tooltip="Appended to the prompt; the published words."
                ),
                io.String.Input(
                    "negative",
                    default=NEGATIVE_PROMPT,
                    multiline=True,
                    advanced=True,
                    tooltip="What to keep away from; the published words.",
                ),
            ],
            outputs=[
                io.String.Output("positive", tooltip="To the text of a CLIP Text Encode."),
                io.String.Output("negative", tooltip="To the text of another one."),
            ],
        )

    @classmethod
    def execute(cls, task: str, description: str, suffix: str, negative: str) -> io.NodeOutput:
        made = prompt_diffusion.texts(Task(task), description, suffix, negative)
        return io.NodeOutput(made.positive, made.negative)


class PromptDiffusionApply(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPromptDiffusionApply",
            display_name="Analogist Prompt Diffusion Apply",
            category=CATEGORY,
            description="Adds Prompt Diffusion to the conditioning: do to B what A' shows for A. Goes in a row with other ControlNets.",
            search_aliases=[
                "prompt diffusion",
                "apply controlnet",
                "in-context learning",
                "image analogy",
                "example pair",
            ],
            inputs=[
                io.Conditioning.Input("positive", tooltip="The prompt. It must name the task or describe B'."),
                io.Conditioning.Input("negative", tooltip="The negative prompt."),
                io.ControlNet.Input("control_net", tooltip="From one of the two loaders of Prompt Diffusion."),
                io.Image.Input("b", display_name="B", tooltip="The query, of the same kind as A. Its size counts."),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="How strongly B and the example act. 0 leaves the conditioning as it is.",
                ),
                _percent("start_percent", 0.0, "Start of the sampling during which it acts."),
                _percent("end_percent", 1.0, "End of the sampling during which it acts."),
                io.Combo.Input(
                    "fit",
                    options=[fit.value for fit in Fit],
                    default=Fit.STRETCH.value,
                    advanced=True,
                    tooltip="How a pair of another shape gets to that of B. stretch: as published. crop: the middle part. "
                    "pad: the whole image with white bars.",
                ),
                io.Image.Input(
                    "a",
                    display_name="A",
                    optional=True,
                    tooltip="The example before. Best a near relative of B, as in training. Leave out A and A' for no example.",
                ),
                io.Image.Input("a_prime", display_name="A'", optional=True, tooltip="The example after."),
            ],
            outputs=[
                io.Conditioning.Output("positive", tooltip="To the sampler."),
                io.Conditioning.Output("negative", tooltip="To the sampler."),
            ],
        )

    @classmethod
    def execute(
        cls,
        positive: Conditioning,
        negative: Conditioning,
        control_net: ControlNet,
        b: Tensor,
        strength: float,
        start_percent: float,
        end_percent: float,
        fit: str,
        a: Tensor | None = None,
        a_prime: Tensor | None = None,
    ) -> io.NodeOutput:
        images = prepared(a, a_prime, b, Fit(fit))
        hold = Hold(strength, start_percent, end_percent)
        return io.NodeOutput(*applied(positive, negative, control_net, images, hold))


def _percent(name: str, default: float, tooltip: str) -> io.Input:
    return io.Float.Input(name, default=default, min=0.0, max=1.0, step=0.001, advanced=True, tooltip=tooltip)
