"""The tensors of Prompt Diffusion's control network: which files hold them, and under which names.

The network is the ControlNet of Stable Diffusion 1.5 with a second encoder of images. Its tensors go by two sets of
names, the published ones and those of diffusers; both name the same modules, and one table tells which is which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..files.weights import OTHER_FAMILIES

Shapes = Mapping[str, Sequence[int]]
"""The shape of every tensor in a file, by its name."""

PAIR, QUERY = "input_hint_block", "input_cond_block"
"""The two encoders: of the pair A, A' in 6 channels, and of the query B in 3."""
CHANNELS = {PAIR: 6, QUERY: 3}
HEADS = 8
"""Of each attention, at every level."""
DIFFUSERS_ENCODERS = {PAIR: "controlnet_cond_embedding", QUERY: "controlnet_query_cond_embedding"}
"""What diffusers calls the two."""
ENCODER_WIDTH = 16
CONTROL_PREFIX = "control_model."
MODEL_PREFIX = "model.diffusion_model."
CHECKPOINT_PREFIXES = (CONTROL_PREFIX, MODEL_PREFIX, "first_stage_model.", "cond_stage_model.")
"""The parts of a whole checkpoint; what else is in there served the training."""

LEVELS, RESNETS = 4, 2
"""Stages of the encoder of Stable Diffusion 1.x and residual blocks in each."""

_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}


@dataclass(frozen=True)
class Architecture:
    """What the shapes of a control network say; the rest is that of Stable Diffusion 1.x.

    Attributes:
        channels: of each level, the finest first; (320, 640, 1280, 1280) in Stable Diffusion 1.x.
        text_width: numbers for each token of the text; 768 there.
    """

    channels: tuple[int, ...]
    text_width: int


def control_names(shapes: Shapes, source: str) -> dict[str, str]:
    """Stored name -> published name without prefix, for every tensor of the control network in a file.

    Recognised are the published checkpoint, whole or its control part; the bare names; and those of diffusers.

    Args:
        source: the file, for the messages.

    Raises:
        ValueError: one sentence that says what the file holds instead.
    """
    for query, prefix, table in (
        (f"{CONTROL_PREFIX}{QUERY}.0.weight", CONTROL_PREFIX, {}),
        (f"{QUERY}.0.weight", "", {}),
        (f"{_encoder_modules()[f'{QUERY}.0']}.weight", "", {theirs: ours for ours, theirs in modules().items()}),
    ):
        if query in shapes:
            inside = (name for name in shapes if name.startswith(prefix))
            names = {name: renamed(name.removeprefix(prefix), table) for name in inside}
            _check({bare: shapes[name] for name, bare in names.items()}, source)
            return names
    raise ValueError(f"{source} {_instead(shapes)}")


def architecture(shapes: Shapes) -> Architecture:
    """Of a control network, its tensors under the published names without prefix."""
    first_of_level = (level * (RESNETS + 1) + 1 for level in range(LEVELS))
    channels = tuple(shapes[f"input_blocks.{block}.0.out_layers.3.weight"][0] for block in first_of_level)
    return Architecture(channels, shapes["input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"][1])


def renamed(name: str, table: Mapping[str, str]) -> str:
    """A tensor's name, with the longest part of it that names a module in `table` replaced."""
    module, rest = name, ""
    while module:
        if module in table:
            return table[module] + rest
        module, _, last = module.rpartition(".")
        rest = f".{last}{rest}"
    return name


def modules() -> dict[str, str]:
    """Published name -> diffusers name of the modules, as far down as the two sets of names differ.

    The coarsest level has neither attention nor downsampler; their rows are simply never looked up.
    """
    table = {
        "time_embed.0": "time_embedding.linear_1",
        "time_embed.2": "time_embedding.linear_2",
        "input_blocks.0.0": "conv_in",
        "middle_block.1": "mid_block.attentions.0",
        "middle_block_out.0": "controlnet_mid_block",
        **_resnet("middle_block.0", "mid_block.resnets.0"),
        **_resnet("middle_block.2", "mid_block.resnets.1"),
        **_encoder_modules(),
    }
    for level in range(LEVELS):
        first = level * (RESNETS + 1) + 1
        for number in range(RESNETS):
            table |= _resnet(f"input_blocks.{first + number}.0", f"down_blocks.{level}.resnets.{number}")
            table[f"input_blocks.{first + number}.1"] = f"down_blocks.{level}.attentions.{number}"
        table[f"input_blocks.{first + RESNETS}.0.op"] = f"down_blocks.{level}.downsamplers.0.conv"
    outputs = range(LEVELS * (RESNETS + 1))
    return table | {f"zero_convs.{number}.0": f"controlnet_down_blocks.{number}" for number in outputs}


def _encoder_modules() -> dict[str, str]:
    """The eight convolutions of each encoder; the odd numbers are activations."""
    theirs = ["conv_in", *(f"blocks.{number}" for number in range(6)), "conv_out"]
    return {
        f"{ours}.{2 * number}": f"{encoder}.{name}"
        for ours, encoder in DIFFUSERS_ENCODERS.items()
        for number, name in enumerate(theirs)
    }


def _resnet(ours: str, theirs: str) -> dict[str, str]:
    return {f"{ours}.{inner}": f"{theirs}.{name}" for inner, name in _RESNET.items()}


def _check(shapes: Shapes, source: str) -> None:
    """Refuse what has the names of Prompt Diffusion but not its shapes."""
    for encoder, channels in CHANNELS.items():
        came, wanted = tuple(shapes.get(f"{encoder}.0.weight", ())), (ENCODER_WIDTH, channels, 3, 3)
        if came != wanted:
            raise ValueError(
                f"{source} is not a ControlNet of Prompt Diffusion, or is damaged: expected the shape {wanted} for "
                f"{encoder}.0.weight, got {came}."
            )
    try:
        width = architecture(shapes).text_width
    except KeyError as missing:
        raise ValueError(f"{source} is incomplete: the tensor {missing} of the ControlNet is missing.") from None
    if width in OTHER_FAMILIES:
        raise ValueError(f"{source} is for {OTHER_FAMILIES[width]}; Prompt Diffusion requires Stable Diffusion 1.x.")


def _instead(shapes: Shapes) -> str:
    """What a file without the query's encoder is."""
    controls = (f"{CONTROL_PREFIX}zero_convs.0.0.weight", "zero_convs.0.0.weight", "controlnet_down_blocks.0.weight")
    if any(name in shapes for name in controls):
        return "is a ControlNet, but not one of Prompt Diffusion: it has no encoder for the query B."
    if any(name.startswith(MODEL_PREFIX) for name in shapes):
        return "is a checkpoint of a model without the ControlNet of Prompt Diffusion."
    return "contains no ControlNet of Prompt Diffusion."
