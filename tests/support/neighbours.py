"""What people use beside SAC and CAM: a list for the composition tests and for the table in the docs.

Nothing here imports the host until a neighbour is asked to act, so that the table can be made without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BEHIND = "Place the patch after that node"
SAME, NOWHERE = "the same", "it does nothing: SDXL has no attention at the latent's full size"
"""On SDXL."""


@dataclass(frozen=True)
class Neighbour:
    """One thing beside the patches.

    Attributes:
        name: what people call it.
        how: what it does to the model, for the table.
        model: puts it into a MODEL.
        run: of the model, arguments for `sample` that it needs instead, or besides.
        before, after: what comes of it when it stands before or after our patches: an empty text when both work,
            else the sentence with which one of us says that they cannot be combined. The same on every UNet.
        outermost: it acts at the latent's full size alone, where SDXL has no attention: there it does nothing.
        slow: the host takes many seconds for it, so that it is left to the slow tests.
    """

    name: str
    how: str
    model: Callable[[Any], Any] = lambda model: model
    run: Callable[[Any], dict[str, Any]] = lambda model: {}
    before: str = ""
    after: str = ""
    outermost: bool = False
    slow: bool = False


def lora(model: Any) -> Any:
    import comfy.sd
    import torch

    generator = torch.Generator().manual_seed(5)
    weights = model.model.state_dict()
    matrices = {}
    for key in weights:
        if key.endswith(("attn1.to_q.weight", "attn2.to_v.weight")):
            out, width = weights[key].shape
            name = key.removesuffix(".weight")
            matrices[f"{name}.lora_up.weight"] = torch.randn(out, 2, generator=generator)
            matrices[f"{name}.lora_down.weight"] = torch.randn(2, width, generator=generator)
    return comfy.sd.load_lora_for_models(model, None, matrices, 0.2, 0.0)[0]


def stock(module: str, node: str, **inputs: Any) -> Callable[[Any], Any]:
    """A stock node that takes a MODEL and gives one."""

    def apply(model: Any) -> Any:
        from importlib import import_module

        result = getattr(import_module(f"comfy_extras.{module}"), node).execute(model=model, **inputs)
        return result[0] if isinstance(result, tuple) else result.args[0]

    return apply


def plain_attention(q: Any, k: Any, v: Any, options: dict[str, Any]) -> Any:
    from comfy.ldm.modules.attention import optimized_attention

    return optimized_attention(q, k, v, options["n_heads"], transformer_options=options)


def louder(q: Any, k: Any, v: Any, options: dict[str, Any]) -> Any:
    """Somebody's replacement of an attention, one that can be seen."""
    return 1.5 * plain_attention(q, k, v, options)


def replaced(kind: str, *address: str | int) -> Callable[[Any], Any]:
    """Somebody's replacement in the slot of one attention."""

    def apply(model: Any) -> Any:
        patched = model.clone()
        patched.set_model_patch_replace(louder, kind, *address)
        return patched

    return apply


def wrapping(*address: str | int) -> Callable[[Any], Any]:
    """Somebody's replacement that calls who was there before, as well-behaved packs do."""

    def apply(model: Any) -> Any:
        patched = model.clone()
        slots = patched.model_options["transformer_options"].get("patches_replace", {}).get("attn2", {})
        previous = slots.get(address, slots.get(address[:2], plain_attention))
        patched.set_model_patch_replace(lambda q, k, v, o: 1.5 * previous(q, k, v, o), "attn2", *address)
        return patched

    return apply


class Joinable:
    """An adapter's object that others add themselves to, as widely used adapter packs have it."""

    def __init__(self, callback: Callable[..., Any]):
        self.callbacks = [callback]

    def add(self, callback: Callable[..., Any]) -> None:
        self.callbacks.append(callback)

    def __call__(self, q: Any, k: Any, v: Any, options: dict[str, Any]) -> Any:
        out = plain_attention(q, k, v, options)
        for callback in self.callbacks:
            out = out + callback(q, k, v, options)
        return out


def adapter(*addresses: tuple[str | int, ...]) -> Callable[[Any], Any]:
    """Join who is in the slot, else take it."""

    def image_prompt(q: Any, k: Any, v: Any, options: dict[str, Any]) -> Any:
        return 0.3 * plain_attention(q, k[:, :4], v[:, :4], options)

    def apply(model: Any) -> Any:
        patched = model.clone()
        slots = patched.model_options["transformer_options"].get("patches_replace", {}).get("attn2", {})
        for address in addresses:
            if address in slots:
                slots[address].add(image_prompt)
            else:
                patched.set_model_attn2_replace(Joinable(image_prompt), *address)
        return patched

    return apply


def listed(setter: str, patch: Callable[..., Any]) -> Callable[[Any], Any]:
    """A patch of the kinds that the host keeps in lists."""

    def apply(model: Any) -> Any:
        patched = model.clone()
        getattr(patched, setter)(patch)
        return patched

    return apply


def override(model: Any) -> Any:
    def attention(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return 1.2 * function(*args, **kwargs)

    patched = model.clone()
    patched.model_options["transformer_options"]["optimized_attention_override"] = attention
    return patched


def merged(model: Any) -> Any:
    from comfy_extras.nodes_model_merging import ModelMergeSimple

    from .tiny_pack.tiny import another

    return ModelMergeSimple().merge(model, another(model, seed=9), 0.7)[0]


WIDE = (1, 2, 4, 4)
"""Channels as in Stable Diffusion: FreeU knows its blocks by them."""


def changed(**values: Any) -> Callable[[Any], dict[str, Any]]:
    """The positive conditioning with more values."""

    def run(model: Any) -> dict[str, Any]:
        import node_helpers

        return {"edit": lambda positive, negative: (node_helpers.conditioning_set_values(positive, values), negative)}

    return run


def masked_conditioning(model: Any) -> dict[str, Any]:
    import torch

    mask = torch.zeros(1, 16, 16)
    mask[:, :, 8:] = 1
    return changed(mask=mask, mask_strength=0.8, set_area_to_bounds=False)(model)


def second_prompt(tokens: int) -> Callable[[Any], dict[str, Any]]:
    def run(model: Any) -> dict[str, Any]:
        import torch

        from .graph import encoded

        ((text, _),) = encoded(model, tokens, torch.Generator().manual_seed(8))
        return {"edit": lambda positive, negative: ([*positive, [text, dict(positive[0][1])]], negative)}

    return run


def hooked(model: Any) -> dict[str, Any]:
    """A conditioning whose own hook replaces an attention, for that conditioning alone."""
    import comfy.hooks

    patches = {"patches": {"attn2_output_patch": [lambda out, options: 1.5 * out]}}
    group = comfy.hooks.HookGroup()
    group.add(comfy.hooks.TransformerOptionsHook(patches, comfy.hooks.EnumHookScope.HookedOnly))
    return {
        "edit": lambda positive, negative: (comfy.hooks.set_hooks_for_conditioning(positive, group), negative),
    }


def controlled(model: Any) -> dict[str, Any]:
    import comfy.cldm.cldm
    import comfy.controlnet
    import torch

    from nodes import ControlNetApplyAdvanced

    from .tiny_pack.tiny import randomise

    config = {**model.model.model_config.unet_config, "in_channels": 4, "hint_channels": 3, "device": "cpu"}
    config.pop("out_channels")
    config.pop("transformer_depth_output")
    network = comfy.cldm.cldm.ControlNet(**config).eval()
    randomise(network, seed=6)
    control = comfy.controlnet.ControlNet(network, load_device=torch.device("cpu"))
    hint = torch.rand(1, 128, 128, 3, generator=torch.Generator().manual_seed(7))

    def edit(positive: list, negative: list) -> tuple[list, list]:
        return ControlNetApplyAdvanced().apply_controlnet(positive, negative, control, hint, 0.5, 0.0, 1.0)

    return {"edit": edit}


def noise_mask(model: Any) -> dict[str, Any]:
    import torch

    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 8:, 8:] = torch.linspace(0.2, 1, 8)
    return {"mask": mask}


FREEU = {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2}
HYPERTILE = {"tile_size": 64, "swap_size": 1, "max_depth": 0, "scale_depth": False}

NEIGHBOURS = (
    Neighbour("LoRA", "changes weights", model=lora),
    Neighbour("model merging", "changes weights", model=merged, slow=True),
    Neighbour("ControlNet", "adds to the UNet's features", run=controlled),
    Neighbour("FreeU", "scales the UNet's features", model=stock("nodes_freelunch", "FreeU", **FREEU)),
    Neighbour(
        "FreeU V2",
        "scales the UNet's features",
        model=stock("nodes_freelunch", "FreeU_V2", **FREEU),
    ),
    Neighbour(
        "Perturbed-Attention Guidance (PAG)",
        "replaces self-attention in a pass of its own",
        model=stock("nodes_pag", "PerturbedAttentionGuidance", scale=3.0),
    ),
    Neighbour(
        "Self-Attention Guidance (SAG)",
        "replaces the middle block's self-attention",
        model=stock("nodes_sag", "SelfAttentionGuidance", scale=0.5, blur_sigma=2.0),
    ),
    Neighbour(
        "Normalized Attention Guidance (NAG)",
        "patches the output of self-attention",
        model=stock("nodes_nag", "NAGuidance", nag_scale=5.0, nag_alpha=0.5, nag_tau=1.5),
    ),
    Neighbour(
        "another replacement of self-attention",
        "takes a block's slot",
        model=replaced("attn1", "middle", 0),
    ),
    Neighbour("the same, for one transformer block", "takes its slot", model=replaced("attn1", "middle", 0, 0)),
    Neighbour(
        "another replacement of cross-attention",
        "takes a block's slot",
        model=replaced("attn2", "middle", 0),
    ),
    Neighbour("a replacement that calls its predecessor", "takes the slot and calls", model=wrapping("middle", 0)),
    Neighbour(
        "the same, for one transformer block",
        "takes the slot and calls",
        model=wrapping("middle", 0, 0),
    ),
    Neighbour(
        "an adapter that others can join",
        "takes the slot, or joins it",
        model=adapter(("middle", 0), ("output", 3)),
        after=BEHIND,
    ),
    Neighbour(
        "the same, for each transformer block",
        "takes the slot, or joins it",
        model=adapter(("middle", 0, 0), ("middle", 0, 1), ("output", 3, 0), ("output", 3, 1)),
    ),
    Neighbour(
        "a patch of self-attention's input",
        "list of patches",
        model=listed("set_model_attn1_patch", lambda n, context, value, options: (n * 1.1, context, value)),
    ),
    Neighbour(
        "a patch of cross-attention's input",
        "list of patches",
        model=listed("set_model_attn2_patch", lambda n, context, value, options: (n, context * 1.1, value * 1.1)),
    ),
    Neighbour(
        "patches of the outputs of attention",
        "list of patches",
        model=lambda model: listed("set_model_attn2_output_patch", lambda out, options: 1.2 * out)(
            listed("set_model_attn1_output_patch", lambda out, options: 1.2 * out)(model)
        ),
    ),
    Neighbour("another attention function", "optimized_attention_override", model=override),
    Neighbour(
        "HyperTile",
        "tiles the outermost layers",
        model=stock("nodes_hypertile", "HyperTile", **HYPERTILE),
        outermost=True,
    ),
    Neighbour(
        "token merging (ToMe)",
        "merges outermost tokens",
        model=stock("nodes_tomesd", "TomePatchModel", ratio=0.3),
        outermost=True,
    ),
    Neighbour(
        "differential diffusion, a noise mask",
        "keeps parts of the latent",
        model=stock("nodes_differential_diffusion", "DifferentialDiffusion"),
        run=noise_mask,
    ),
    Neighbour("a second prompt of another length", "more chunks in the batch", run=second_prompt(154)),
    Neighbour("masked conditioning", "more chunks in the batch", run=masked_conditioning),
    Neighbour(
        "conditioning for an area",
        "shows the UNet a part of the latent",
        run=changed(area=(8, 8, 0, 8), strength=1.0),
        before="Use masks instead of areas",
        after="Use masks instead of areas",
    ),
    Neighbour("hooks of a conditioning", "patches for one prompt alone", run=hooked),
)

APART = (
    ("torch.compile", "compiles the UNet", "both act, and the UNet is not compiled: its graphs would go stale", SAME),
    ("token merging in the layers of SAC", "merges tokens", "refused: *256 tokens, but …*", NOWHERE),
    ("shared keys in the layers of SAC", "more keys than queries", "refused: *expected as many keys …*", SAME),
    ("cfg 1", "leaves the negative prompt out", "both act", SAME),
    ("a guider of three prompts (dual CFG)", "more chunks in the batch", "both act", SAME),
    ("a batch that the host splits for lack of memory", "one chunk at a time", "the same images", SAME),
    ("a batch of several grids", "more images in a chunk", "the same images as one by one", SAME),
    ("two samplers with one patched model", "run one after the other", "each as if it were alone", SAME),
    ("SAC or CAM once more", "other layers, or another part of the sampling", "they add up", SAME),
    ("SAC or CAM on both sides of a neighbour", "the neighbour stands between two patches", "all act", SAME),
)
"""What has a test of its own: name, what it does, what comes of it in either order, and on SDXL."""
