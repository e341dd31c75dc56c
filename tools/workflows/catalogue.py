"""What the graphs are made of: kinds of nodes with their outputs and sizes, and model files with their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PACK, PACK_VERSION = "analogist", "0.1.0"
HOST, HOST_VERSION = "comfy-core", "0.33.0"


@dataclass(frozen=True)
class Kind:
    """A kind of node.

    Attributes:
        size: width and height on the canvas.
        outputs: types by name, in order.
        sockets: what an input's socket holds beyond name, type and link.
    """

    size: tuple[int, int]
    outputs: Mapping[str, str] = field(default_factory=dict)
    sockets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _named(*types: str) -> dict[str, str]:
    """Outputs that have the names of their types, as the host's own have."""
    return {name: name for name in types}


LABELS = {name: {"label": label} for name, label in {"a": "A", "a_prime": "A'", "b": "B", "b_prime": "B'"}.items()}
TEXT = {"text": {"widget": {"name": "text"}}}
PROMPTS = {"prompts": "STRING", "text": "STRING"}
POSITIVE_NEGATIVE = {"positive": "CONDITIONING", "negative": "CONDITIONING"}

KINDS = {
    "AnalogistBestOf": Kind((280, 180), {"images": "IMAGE", "scores": "FLOAT", "numbers": "INT", "text": "STRING"}),
    "AnalogistCAMPatch": Kind((280, 230), {"model": "MODEL"}),
    "AnalogistContactSheet": Kind((360, 560), {"sheet": "IMAGE"}, LABELS),
    "AnalogistDemoModelLoader": Kind((260, 110), {"model": "MODEL", "clip": "CLIP", "vae": "VAE"}),
    "AnalogistDirectionScore": Kind((280, 240), {"scores": "FLOAT", "structure": "FLOAT", "text": "STRING"}, LABELS),
    "AnalogistExample": Kind((260, 360), {"A": "IMAGE", "A'": "IMAGE", "B": "IMAGE"}),
    "AnalogistFolder": Kind((260, 130), {"images": "IMAGE", "prefixes": "STRING"}),
    "AnalogistGPT4VPrompter": Kind((300, 440), PROMPTS),
    "AnalogistGridBuilder": Kind(
        (260, 390),
        {"grid": "IMAGE", "canvas": "IMAGE", "mask": "MASK", "marked": "IMAGE", "layout": "ANALOGY_GRID"},
        LABELS,
    ),
    "AnalogistGridCropper": Kind((280, 160), {"image": "IMAGE", "mask": "MASK"}, LABELS),
    "AnalogistPair": Kind((260, 90), {"pairs": "ANALOGY_PAIRS"}, LABELS),
    "AnalogistPromptDiffusionApply": Kind((280, 260), POSITIVE_NEGATIVE, LABELS),
    "AnalogistPromptDiffusionCheckpointLoader": Kind((260, 160), _named("MODEL", "CLIP", "VAE", "CONTROL_NET")),
    "AnalogistPromptDiffusionPrompt": Kind((280, 230), {"positive": "STRING", "negative": "STRING"}),
    "AnalogistPromptParser": Kind((280, 130), PROMPTS),
    "AnalogistSweep": Kind((360, 400), {"sheet": "IMAGE"}),
    "AnalogistSweepValues": Kind(
        (280, 260),
        {
            "scale": "FLOAT",
            "start_layer": "INT",
            "end_layer": "INT",
            "strength": "FLOAT",
            "seed": "INT",
            "settings": "STRING",
            "layers": "STRING",
        },
    ),
    "AnalogistSACPatch": Kind((280, 250), {"model": "MODEL"}),
    "AnalogistSettings": Kind(
        (280, 250),
        {"scale": "FLOAT", "layers": "STRING", "steps": "INT", "strength": "FLOAT", "guidance": "FLOAT"},
    ),
    "AnalogistSigmas": Kind((280, 90), {"sigmas": "SIGMAS"}),
    "CFGGuider": Kind((280, 100), _named("GUIDER")),
    "CLIPLoader": Kind((260, 110), _named("CLIP")),
    "CLIPTextEncode": Kind((260, 110), _named("CONDITIONING"), TEXT),
    "CLIPVisionLoader": Kind((280, 95), _named("CLIP_VISION")),
    "CheckpointLoaderSimple": Kind((260, 130), _named("MODEL", "CLIP", "VAE")),
    "ColorTransfer": Kind((280, 170), {"image": "IMAGE"}),
    "EmptyLatentImage": Kind((280, 110), _named("LATENT")),
    "ImageCompare": Kind((400, 360)),
    "ImageScaleBy": Kind((280, 90), _named("IMAGE")),
    "InpaintModelConditioning": Kind((280, 140), {**POSITIVE_NEGATIVE, "latent": "LATENT"}),
    "KSampler": Kind((280, 270), _named("LATENT")),
    "KSamplerSelect": Kind((280, 60), _named("SAMPLER")),
    "MarkdownNote": Kind((440, 300)),
    "ModelMergeAdd": Kind((280, 60), _named("MODEL")),
    "ModelMergeSubtract": Kind((280, 90), _named("MODEL")),
    "PreviewAny": Kind((280, 100), _named("STRING"), {"source": {"type": "*"}}),
    "PreviewImage": Kind((320, 340)),
    "RandomNoise": Kind((280, 90), _named("NOISE")),
    "RepeatLatentBatch": Kind((280, 60), _named("LATENT")),
    "SamplerCustomAdvanced": Kind((280, 120), {"output": "LATENT", "denoised_output": "LATENT"}),
    "SaveImage": Kind((320, 340)),
    "TextGenerate": Kind((300, 440), {"generated_text": "STRING"}),
    "UNETLoader": Kind((260, 90), _named("MODEL")),
    "VAEDecode": Kind((280, 50), _named("IMAGE")),
}


@dataclass(frozen=True)
class ModelFile:
    """A file of a model: its name in one of ComfyUI's model folders, and where it is published."""

    name: str
    folder: str
    page: str
    path: str = ""

    @property
    def url(self) -> str:
        return f"{self.page}/resolve/main/{self.path}{self.name}"

    @property
    def link(self) -> str:
        return f"[{self.name}]({self.url}) ([page]({self.page}))"


INPAINTING = ModelFile(
    "sd-v1-5-inpainting.safetensors", "checkpoints", "https://huggingface.co/webui/stable-diffusion-inpainting"
)
SDXL_INPAINTING = ModelFile(
    "sd_xl_base_1.0_inpainting_0.1.safetensors",
    "checkpoints",
    "https://huggingface.co/benjamin-paine/sd-xl-alternative-bases",
)
SDXL_INPAINTING_UNET = ModelFile(
    "diffusion_pytorch_model.fp16.safetensors",
    "diffusion_models",
    "https://huggingface.co/diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
    "unet/",
)
SDXL_BASE = ModelFile(
    "sd_xl_base_1.0.safetensors", "checkpoints", "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0"
)
ANY_SDXL = ModelFile(
    "Juggernaut-XL_v9_RunDiffusionPhoto_v2.safetensors",
    "checkpoints",
    "https://huggingface.co/RunDiffusion/Juggernaut-XL-v9",
)
"""A well-known one, to begin with."""
SD2_INPAINTING = ModelFile(
    "512-inpainting-ema.safetensors",
    "checkpoints",
    "https://huggingface.co/Comfy-Org/stable_diffusion_2.1_repackaged",
)
PROMPT_DIFFUSION = ModelFile(
    "network-step=04999.ckpt", "checkpoints", "https://huggingface.co/zhendongw/prompt-diffusion"
)
CLIP_VISION = ModelFile(
    "clip_vision_h.safetensors",
    "clip_vision",
    "https://huggingface.co/Comfy-Org/Wan_2.1_ComfyUI_repackaged",
    "split_files/clip_vision/",
)
VISION_LANGUAGE = ModelFile(
    "qwen3vl_4b_fp8_scaled.safetensors",
    "text_encoders",
    "https://huggingface.co/Comfy-Org/Qwen3-VL",
    "text_encoders/",
)
MODELS = {
    file.name: file
    for file in (
        *(INPAINTING, SDXL_INPAINTING, SDXL_INPAINTING_UNET, SDXL_BASE, ANY_SDXL, SD2_INPAINTING),
        *(PROMPT_DIFFUSION, CLIP_VISION, VISION_LANGUAGE),
    )
}


def properties(kind: str, widgets: list[Any]) -> dict[str, Any]:
    """Which pack a node is from and which model files it names, for ComfyUI to offer what is missing."""
    if kind == "MarkdownNote":
        return {}
    ours = kind.startswith("Analogist")
    known: dict[str, Any] = {
        "Node name for S&R": kind,
        "cnr_id": PACK if ours else HOST,
        "ver": PACK_VERSION if ours else HOST_VERSION,
    }
    files = [MODELS[value] for value in widgets if isinstance(value, str) and value in MODELS]
    if files:
        known["models"] = [{"name": file.name, "url": file.url, "directory": file.folder} for file in files]
    return known
