"""Make the images of the Prompt Diffusion examples: two drawn landscapes and their exact maps.

python -m tools.pictures.render_landscapes

Photographs with maps would need a network for each map, and their licences; a drawn landscape knows its own depth,
parts and outlines. The maps are as in training: near is white in a depth map, HED edges are soft and white on black,
parts have the colors of ADE20K.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

EXAMPLES = Path(__file__).parents[2] / "workflows" / "examples"
SIDE, FINE = 512, 3
"""Side of an image, and how much larger it is drawn before it is reduced, for smooth edges."""

Color = tuple[int, int, int]
Points = Sequence[tuple[float, float]]
Field = npt.NDArray[np.float64]

ADE20K: dict[str, Color] = {
    "sky": (6, 230, 230),
    "mountain": (143, 255, 140),
    "grass": (4, 250, 7),
    "tree": (4, 200, 3),
    "building": (180, 120, 120),
    "path": (120, 120, 70),
}


@dataclass(frozen=True)
class Part:
    """One outlined area of a landscape, drawn over those before it.

    Attributes:
        outline: points in an image of side 1, y downwards.
        kind: a part of ADE20K.
        color: of its upper and of its lower edge.
        near: how near its upper and its lower edge are, 0 to 1.
    """

    outline: Points
    kind: str
    color: tuple[Color, Color]
    near: tuple[float, float]

    def area(self) -> Image.Image:
        mask = Image.new("L", (SIDE * FINE, SIDE * FINE))
        ImageDraw.Draw(mask).polygon([(x * SIDE * FINE, y * SIDE * FINE) for x, y in self.outline], fill=255)
        return mask

    def ramp(self, ends: tuple[Color, Color]) -> Image.Image:
        """From the upper to the lower edge."""
        ys = np.clip((np.arange(SIDE * FINE) / (SIDE * FINE) - self.top) / (self.bottom - self.top), 0, 1)
        rows = np.outer(1 - ys, ends[0]) + np.outer(ys, ends[1])
        pixels = np.broadcast_to(rows[:, None].round().astype(np.uint8), (SIDE * FINE, SIDE * FINE, 3))
        return Image.fromarray(np.ascontiguousarray(pixels))

    @property
    def top(self) -> float:
        return min(y for _, y in self.outline)

    @property
    def bottom(self) -> float:
        return max(y for _, y in self.outline)


def ridge(heights: Sequence[float], bottom: float) -> Points:
    """A mountain range: heights at equal distances, then down to `bottom`."""
    top = [(number / (len(heights) - 1), height) for number, height in enumerate(heights)]
    return [*top, (1, bottom), (0, bottom)]


def wave(level: float, swing: float, phase: float) -> Points:
    """A meadow that begins at a gently curved line and reaches the lower edge."""
    line = [(x, level + swing * np.sin(4 * x + phase)) for x in np.linspace(0, 1, 40)]
    return [*line, (1, 1), (0, 1)]


def flat(color: Color) -> tuple[Color, Color]:
    return color, color


def fir(x: float, foot: float, height: float, near: float, color: Color) -> list[Part]:
    """Three triangles on a trunk."""
    dark: Color = (color[0] // 2, color[1] // 2, color[2] // 2)
    trunk = [(x - 0.015, foot - 0.1 * height), (x + 0.015, foot - 0.1 * height), (x + 0.015, foot), (x - 0.015, foot)]
    parts = [Part(trunk, "tree", flat((92, 64, 44)), (near, near))]
    for step in range(3):
        low, wide = foot - height * (0.1 + 0.25 * step), height * (0.24 - 0.05 * step)
        cone = [(x, low - 0.42 * height), (x + wide, low), (x - wide, low)]
        parts.append(Part(cone, "tree", (color, dark), (near, near)))
    return parts


def house(x: float, foot: float, size: float, near: float) -> list[Part]:
    """A gable front with a door, and a roof seen from the side."""
    eaves, top = foot - 0.6 * size, foot - 1.1 * size
    wall = [(x, foot), (x, eaves), (x + 0.3 * size, top), (x + 0.6 * size, eaves), (x + 0.6 * size, foot)]
    side = [(x + 0.6 * size, foot), (x + 0.6 * size, eaves), (x + 1.5 * size, eaves), (x + 1.5 * size, foot)]
    roof = [(x + 0.3 * size, top), (x + 1.2 * size, top), (x + 1.55 * size, eaves), (x + 0.6 * size, eaves)]
    door = [(x + 0.22 * size, foot), (x + 0.22 * size, foot - 0.35 * size), (x + 0.38 * size, foot - 0.35 * size)]
    door.append((x + 0.38 * size, foot))
    far = near - 0.08
    return [
        Part(side, "building", ((198, 178, 150), (170, 150, 124)), (far, far)),
        Part(wall, "building", ((236, 220, 190), (214, 196, 164)), (near, near)),
        Part(roof, "building", ((176, 74, 54), (136, 52, 40)), (far, near)),
        Part(door, "building", flat((96, 66, 46)), (near, near)),
    ]


SKY = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
DAY: tuple[Color, Color] = ((86, 148, 220), (214, 232, 246))
DUSK: tuple[Color, Color] = ((92, 96, 168), (248, 208, 172))
FIRST = [
    Part(SKY, "sky", DAY, (0, 0)),
    Part(
        ridge([0.42, 0.26, 0.36, 0.2, 0.38, 0.3, 0.44], 0.7),
        "mountain",
        ((176, 190, 212), (120, 146, 150)),
        (0.1, 0.15),
    ),
    Part(
        ridge([0.5, 0.46, 0.4, 0.47, 0.43, 0.36, 0.42], 0.7), "mountain", ((112, 142, 130), (98, 136, 98)), (0.2, 0.25)
    ),
    Part(wave(0.56, 0.02, 0.5), "grass", ((146, 186, 84), (70, 124, 44)), (0.25, 1.0)),
    Part([(0.44, 0.66), (0.5, 0.66), (0.86, 1.0), (0.4, 1.0)], "path", ((206, 186, 142), (172, 148, 104)), (0.35, 1.0)),
    *house(0.3, 0.7, 0.2, 0.45),
    *fir(0.14, 0.76, 0.36, 0.55, (66, 122, 62)),
    *fir(0.88, 0.84, 0.5, 0.75, (54, 108, 54)),
]
SECOND = [
    Part(SKY, "sky", DUSK, (0, 0)),
    Part(
        ridge([0.34, 0.44, 0.3, 0.4, 0.22, 0.34, 0.28], 0.7),
        "mountain",
        ((186, 164, 190), (140, 120, 150)),
        (0.1, 0.15),
    ),
    Part(wave(0.6, 0.025, 2.6), "grass", ((168, 164, 92), (96, 102, 52)), (0.25, 1.0)),
    Part([(0.56, 0.7), (0.6, 0.7), (0.5, 1.0), (0.2, 1.0)], "path", ((206, 176, 142), (162, 128, 100)), (0.4, 1.0)),
    *house(0.5, 0.74, 0.26, 0.55),
    *fir(0.3, 0.72, 0.3, 0.42, (92, 116, 70)),
    *fir(0.12, 0.88, 0.56, 0.8, (76, 100, 58)),
]


def picture(parts: Sequence[Part]) -> Image.Image:
    return layered([(part, part.ramp(part.color)) for part in parts])


def depth(parts: Sequence[Part]) -> Image.Image:
    shades = [tuple(flat_grey(near) for near in part.near) for part in parts]
    return layered([(part, part.ramp((shade[0], shade[1]))) for part, shade in zip(parts, shades, strict=True)])


def segmentation(parts: Sequence[Part]) -> Image.Image:
    """Hard edges: a color in between would be another part."""
    return layered([(part, part.ramp(flat(ADE20K[part.kind]))) for part in parts], Image.Resampling.NEAREST)


def hed(parts: Sequence[Part]) -> Image.Image:
    """The outlines as a network draws them: soft, brighter where they are clear, white on black."""
    lines = outlines(parts, 5).filter(ImageFilter.GaussianBlur(1.6 * FINE))
    grey = np.clip(np.asarray(lines.resize((SIDE, SIDE), Image.Resampling.LANCZOS), dtype=np.float64) * 1.7, 0, 255)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def scribble(parts: Sequence[Part], seed: int) -> Image.Image:
    """The outlines from an unsteady hand: white on black, each line slightly bent."""
    generator = np.random.default_rng(seed)
    lines = np.asarray(outlines(parts, 7))
    coarse = generator.normal(size=(2, 14, 14)) * 5 * FINE
    shifts = [np.asarray(Image.fromarray(field).resize(lines.shape, Image.Resampling.BICUBIC)) for field in coarse]
    ys, xs = np.indices(lines.shape)
    moved = lines[
        tuple(np.clip(at + shift, 0, len(lines) - 1).astype(int) for at, shift in zip((ys, xs), shifts, strict=True))
    ]
    return Image.fromarray(moved).resize((SIDE, SIDE), Image.Resampling.LANCZOS).convert("RGB")


def outlines(parts: Sequence[Part], width: int) -> Image.Image:
    """Lines between parts that can be seen, `width` fine pixels wide."""
    numbers: Field = np.zeros((SIDE * FINE, SIDE * FINE))
    for number, part in enumerate(parts):
        numbers[np.asarray(part.area()) > 0] = number
    edges = np.zeros(numbers.shape, dtype=bool)
    edges[:, 1:] |= numbers[:, 1:] != numbers[:, :-1]
    edges[1:] |= numbers[1:] != numbers[:-1]
    return Image.fromarray(edges).convert("L").filter(ImageFilter.MaxFilter(width))


def layered(
    parts: Sequence[tuple[Part, Image.Image]], smooth: Image.Resampling = Image.Resampling.LANCZOS
) -> Image.Image:
    image = Image.new("RGB", (SIDE * FINE, SIDE * FINE))
    for part, content in parts:
        image.paste(content, mask=part.area())
    return image.resize((SIDE, SIDE), smooth)


def flat_grey(near: float) -> Color:
    grey = round(255 * near)
    return grey, grey, grey


def analogies() -> dict[str, tuple[Image.Image, Image.Image, Image.Image, Image.Image]]:
    """A, A', B and the true B' of each example."""
    first, second = picture(FIRST), picture(SECOND)
    return {
        "depth_to_picture": (depth(FIRST), first, depth(SECOND), second),
        "hed_to_picture": (hed(FIRST), first, hed(SECOND), second),
        "segmentation_to_picture": (segmentation(FIRST), first, segmentation(SECOND), second),
        "scribble_to_picture": (scribble(FIRST, 1), first, scribble(SECOND, 2), second),
        "picture_to_depth": (first, depth(FIRST), second, depth(SECOND)),
        "colorization_landscape": (first.convert("L"), first, second.convert("L"), second),
    }


def main() -> None:
    for name, pictures in analogies().items():
        folder = EXAMPLES / name
        folder.mkdir(exist_ok=True)
        for file, image in zip(("a", "a_prime", "b", "b_prime"), pictures, strict=True):
            image.save(folder / f"{file}.png", optimize=True)


if __name__ == "__main__":
    main()
