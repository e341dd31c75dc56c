"""Prompt Diffusion: a ControlNet with two encoders, for an example pair and a query."""

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
from .types import sampling_range


class PromptDiffusionLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="AnalogistPromptDiffusionLoader",
            display_name="Analogist Prompt Diffusion Loader",
            category=CATEGORY,
            description="Loads the ControlNet of Prompt Diffusion, which Load ControlNet Model loads without its query encoder. "
            "Accepts the published checkpoint, its control part and the diffusers file.",
            search_aliases=["prompt diffusion", "in-context learning", "controlnet", "load controlnet", "example pair"],
            inputs=[
                io.Combo.Input(
                    "control_net_name",
                    options=folder_paths.get_filename_list("controlnet"),
                    tooltip="A file in models/controlnet. The published UNet was fine-tuned too: with other SD 1.5 models maps "
                    "are worse. Analogist Prompt Diffusion Checkpoint Loader loads both.",
                )
            ],
            outputs=[io.ControlNet.Output("control_net", tooltip="Connect to Analogist Prompt Diffusion Apply.")],
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
            description="Loads Prompt Diffusion from its published checkpoint: the UNet, whose decoder was fine-tuned, the text "
            "encoder, the VAE and the ControlNet.",
            search_aliases=["prompt diffusion", "in-context learning", "load checkpoint", "controlnet"],
            inputs=[
                io.Combo.Input(
                    "ckpt_name",
                    options=folder_paths.get_filename_list("checkpoints"),
                    tooltip="A file in models/checkpoints: network-step=04999.ckpt, or its conversion to safetensors.",
                )
            ],
            outputs=[
                io.Model.Output("MODEL", tooltip="The SD 1.5 UNet with the fine-tuned decoder."),
                io.Clip.Output("CLIP", tooltip="The text encoder of SD 1.5."),
                io.Vae.Output("VAE", tooltip="The autoencoder of SD 1.5."),
                io.ControlNet.Output("CONTROL_NET", tooltip="Connect to Analogist Prompt Diffusion Apply."),
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
            description="Prompts as used in the training of Prompt Diffusion. The text matters more than the example: without the "
            "task name in the prompt, the model does not produce a map.",
            search_aliases=["prompt diffusion", "task", "depth map", "hed map", "segmentation map", "negative prompt"],
            inputs=[
                io.Combo.Input(
                    "task",
                    options=[task.value for task in Task],
                    default=Task.PICTURE.value,
                    tooltip="The relation of A and A'. map to picture needs a description; the other tasks have a fixed prompt.",
                ),
                io.String.Input(
                    "description",
                    default="",
                    multiline=True,
                    placeholder="what B' shows",
                    tooltip="What B' shows. Used for map to picture only.",
                ),
                io.String.Input(
                    "suffix",
                    default=SUFFIX,
                    advanced=True,
                    tooltip="Appended to the prompt. The default is the published suffix.",
                ),
                io.String.Input(
                    "negative",
                    default=NEGATIVE_PROMPT,
                    multiline=True,
                    advanced=True,
                    tooltip="Negative prompt. The default is the published one.",
                ),
            ],
            outputs=[
                io.String.Output("positive", tooltip="Connect to text of CLIP Text Encode."),
                io.String.Output("negative", tooltip="Connect to text of a second CLIP Text Encode."),
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
            description="Applies Prompt Diffusion to the conditioning: A is to A' as B is to the result. Can be chained with other ControlNets.",
            search_aliases=[
                "prompt diffusion",
                "apply controlnet",
                "in-context learning",
                "image analogy",
                "example pair",
            ],
            inputs=[
                io.Conditioning.Input(
                    "positive", tooltip="Positive conditioning. The prompt must name the task or describe B'."
                ),
                io.Conditioning.Input("negative", tooltip="Negative conditioning."),
                io.ControlNet.Input("control_net", tooltip="From one of the two Prompt Diffusion loaders."),
                io.Image.Input(
                    "b", display_name="B", tooltip="The query, of the same kind as A. It determines the size."
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=10.0,
                    step=0.01,
                    tooltip="Strength of the ControlNet. 0 leaves the conditioning unchanged.",
                ),
                *sampling_range("the ControlNet"),
                io.Combo.Input(
                    "fit",
                    options=[fit.value for fit in Fit],
                    default=Fit.STRETCH.value,
                    advanced=True,
                    tooltip="How A and A' are resized to the size of B. stretch: ignores the aspect ratio, as published. "
                    "crop: center crop. pad: keeps the whole image and adds white bars.",
                ),
                io.Image.Input(
                    "a",
                    display_name="A",
                    optional=True,
                    tooltip="The example image before the change, similar to B as in training. Without A and A' there is no example.",
                ),
                io.Image.Input(
                    "a_prime", display_name="A'", optional=True, tooltip="The example image after the change."
                ),
            ],
            outputs=[
                io.Conditioning.Output("positive", tooltip="Connect to positive of the sampler."),
                io.Conditioning.Output("negative", tooltip="Connect to negative of the sampler."),
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
