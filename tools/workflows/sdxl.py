"""Analogies on SDXL and SD 2: the same subgraph with other models."""

from dataclasses import replace

from . import parts
from .catalogue import (
    ANY_SDXL,
    SD2_INPAINTING,
    SDXL_BASE,
    SDXL_INPAINTING,
    SDXL_INPAINTING_UNET,
    ModelFile,
)
from .graph import Graph
from .image_analogy import analogy
from .parts import COLORIZATION, Example, Loaded

CARICATURE = Example("caricature", "caricature, woman with large eyes", cell=512, preset="SDXL")
COLORED = replace(COLORIZATION, cell=512, preset="SDXL")


def single_file() -> Graph:
    """SDXL inpainting as one checkpoint."""
    graph = Graph()
    return _rest(graph, "sdxl", CARICATURE, parts.checkpoint(graph, SDXL_INPAINTING), SINGLE_FILE)


def unet_file() -> Graph:
    """The UNet as it was published, with the text encoders and the VAE of any SDXL checkpoint."""
    graph = Graph()
    unet = graph.add("UNETLoader", [SDXL_INPAINTING_UNET.name, "default"])["MODEL"]
    loaded = replace(parts.checkpoint(graph, SDXL_BASE, "Text encoders and VAE"), model=unet)
    graph.column()
    return _rest(graph, "sdxl unet", CARICATURE, loaded, UNET_FILE)


def any_checkpoint() -> Graph:
    """Inpainting model - base + checkpoint: what SDXL learned of inpainting, added to any other checkpoint."""
    graph = Graph()
    inpainting = parts.checkpoint(graph, SDXL_INPAINTING, "Inpainting model")
    base = parts.checkpoint(graph, SDXL_BASE, "Base model of the inpainting model")
    chosen = parts.checkpoint(graph, ANY_SDXL, "Your checkpoint")
    difference = graph.add("ModelMergeSubtract", [1.0], model1=inpainting.model, model2=base.model)["MODEL"]
    merged = graph.add("ModelMergeAdd", model1=difference, model2=chosen.model)["MODEL"]
    graph.column()
    return _rest(graph, "any sdxl", COLORED, replace(chosen, model=merged), ANY_CHECKPOINT)


def sd2() -> Graph:
    """SD 2 inpainting: the layers and the size of SD 1.5."""
    graph = Graph()
    return _rest(graph, "sd 2", COLORIZATION, parts.checkpoint(graph, SD2_INPAINTING), SD2)


def _rest(graph: Graph, key: str, example: Example, loaded: Loaded, text: str) -> Graph:
    """The images, the node that holds the method, and what is saved."""
    given = parts.images(graph, example.name)
    graph.note(text, (260, 180))
    graph.column()
    made = analogy(graph, key, example, given, loaded)
    graph.column()
    parts.saved(graph, "B'", key.replace(" ", "_"), made["B'"], (400, 440))
    return graph


def _links(*files: ModelFile) -> str:
    return ", ".join(f"[{file.name}]({file.url})" for file in files)


SINGLE_FILE = f"""
Cells of 512, layers 4-8 as in SD 1.5. The preset *SDXL* has not been measured: compare SAC scales from 1.0 to 1.3.

CAM is partial on SDXL: the pooled text embedding also affects A, A' and B.

Model: {_links(SDXL_INPAINTING)}
"""
UNET_FILE = f"""
The published UNet, with the text encoders and VAE of any SDXL checkpoint.

The preset *SDXL* has not been measured: compare SAC scales from 1.0 to 1.3.

Models: {_links(SDXL_INPAINTING_UNET, SDXL_BASE)}
"""
ANY_CHECKPOINT = f"""
Inpainting model - its base model + your checkpoint. The log warns that the first convolution is not merged. This is \
expected, because only the inpainting model has the mask channels.

Models: {_links(SDXL_INPAINTING, SDXL_BASE)}, yours
"""
SD2 = f"""
SD 2 has the same layers and image size as SD 1.5, so the paper's settings apply. They have not been measured on SD 2.

Model: {_links(SD2_INPAINTING)}
"""
