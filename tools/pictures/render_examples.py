"""Make the images of the shipped examples.

python -m tools.pictures.render_examples

The photographs are crops of those inside the scikit-image wheel, so nothing is downloaded; the drawings are made here.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter
from PIL.Image import Resampling
from skimage import data, transform

from analogist.cells import Cell
from analogist.demo import analogies
from analogist.demo.model import load
from analogist.layers import LayerRange
from analogist.pipelines.edits import Edit
from analogist.pipelines.inpainting import Settings
from tools.demo_model.world import Scene, render
from tools.workflows.parts import NO_PROMPT
from tools.workflows.thumbnails import WORKFLOWS

Color = tuple[int, int, int]
Field = npt.NDArray[np.float64]
Images = tuple[Image.Image, Image.Image, Image.Image, Image.Image]
"""A, A', B, and B' as it has to be."""

PHOTO_SIZE = 320
"""The photographs hold no more detail than this."""
DRAWING_SIZE = 512
FINE = 4
"""Drawings are made this many times larger and then reduced, for smooth edges."""


def photo(name: str, left: int, top: int, side: int) -> Image.Image:
    """A square of one of scikit-image's photographs."""
    picture = Image.fromarray(getattr(data, name)()).crop((left, top, left + side, top + side))
    return picture.resize((PHOTO_SIZE, PHOTO_SIZE), Resampling.LANCZOS)


def colorization() -> Images:
    coffee, cat = photo("coffee", 85, 0, 400), cat_face()
    return coffee.convert("L"), coffee, cat.convert("L"), cat


def cat_face() -> Image.Image:
    return photo("chelsea", 66, 0, 300)


def caricature() -> Images:
    cat = cat_face()
    eyes = [((117, 125), 112, 2.3), ((268, 148), 92, 2.3)]
    nose = ((212, 262), 66, 0.68)
    astronaut = photo("astronaut", 105, 0, 230)
    her_eyes = [((138, 140), 52, 1.9), ((202, 140), 52, 1.9)]
    her_nose = ((171, 172), 34, 0.68)
    return cat, magnified(cat, [*eyes, nose]), astronaut, magnified(astronaut, [*her_eyes, her_nose])


def magnified(picture: Image.Image, lenses: Sequence[tuple[tuple[int, int], int, float]]) -> Image.Image:
    """Each lens (centre, radius, factor) enlarges what lies under its middle and leaves its rim where it was."""

    def source(points: Field) -> Field:
        shift = np.zeros_like(points)
        for centre, radius, factor in lenses:
            away = points - centre
            distance = np.clip(np.hypot(*away.T) / radius, 0, 1)[:, None]
            shift += away * (1 / factor - 1) * (1 - distance**2) ** 2
        return points + shift

    pixels = transform.warp(np.asarray(picture), source, order=3, mode="edge")
    return Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8))


DAY: dict[str, Color] = {
    "sky": (188, 224, 244),
    "sky_low": (238, 246, 246),
    "hill_far": (166, 205, 150),
    "hill": (124, 181, 104),
    "light": (255, 213, 92),
    "wall": (246, 232, 206),
    "wall_dark": (226, 206, 174),
    "roof": (204, 84, 66),
    "wood": (128, 84, 58),
    "window": (120, 168, 196),
    "sail": (240, 176, 104),
}
NIGHT: dict[str, Color] = {
    "sky": (16, 28, 84),
    "sky_low": (64, 104, 172),
    "hill_far": (22, 62, 84),
    "hill": (16, 44, 56),
    "light": (255, 226, 130),
    "wall": (98, 108, 156),
    "wall_dark": (66, 74, 124),
    "roof": (128, 48, 72),
    "wood": (52, 34, 52),
    "window": (255, 206, 84),
    "sail": (150, 96, 92),
}


class Drawing:
    """A landscape with one building. Coordinates go from 0 to 1; the building's own are placed by `at` and `scale`."""

    def __init__(self, colors: dict[str, Color], at: tuple[float, float], scale: float) -> None:
        self.colors, self.at, self.scale = colors, at, scale
        self.side = DRAWING_SIZE * FINE
        self.image = Image.new("RGB", (self.side, self.side))
        self.draw = ImageDraw.Draw(self.image)

    def finished(self) -> Image.Image:
        return self.image.resize((DRAWING_SIZE, DRAWING_SIZE), Resampling.LANCZOS)

    def landscape(self, light: tuple[float, float], horizon: float) -> None:
        """Sky, sun or moon, and two hills."""
        high, low = (np.array(self.colors[name], dtype=float) for name in ("sky", "sky_low"))
        down = np.linspace(0, 1 / horizon, self.side).clip(0, 1)[:, None, None]
        sky = np.broadcast_to(high + (low - high) * down, (self.side, self.side, 3))
        self.image.paste(Image.fromarray(sky.round().astype(np.uint8)))
        self.disc(light, 0.075, "light")
        x = np.linspace(0, 1, 200)
        self.ground(x, horizon + 0.03 - 0.05 * np.sin(5.2 * x + 0.4), "hill_far")
        self.ground(x, horizon + 0.12 - 0.035 * np.sin(3.6 * x - 0.5), "hill")

    def ground(self, x: Field, y: Field, color: str) -> None:
        line = [(px * self.side, py * self.side) for px, py in zip(x, y, strict=True)]
        self.draw.polygon([*line, (self.side, self.side), (0, self.side)], self.colors[color])

    def disc(self, centre: tuple[float, float], radius: float, color: str) -> None:
        x, y = centre
        box = [value * self.side for value in (x - radius, y - radius, x + radius, y + radius)]
        self.draw.ellipse(box, self.colors[color])

    def stars(self, places: Sequence[tuple[float, float]]) -> None:
        for place in places:
            self.disc(place, 0.021, "light")

    def shape(self, color: str, *points: tuple[float, float]) -> None:
        """A polygon of the building: x to the right and y upwards from the middle of its foot."""
        self.draw.polygon([self.placed(point) for point in points], self.colors[color])

    def placed(self, point: tuple[float, float]) -> tuple[float, float]:
        (x, y), (foot_x, foot_y) = point, self.at
        return (foot_x + x * self.scale) * self.side, (foot_y - y * self.scale) * self.side

    def box(self, color: str, left: float, bottom: float, right: float, top: float) -> None:
        self.shape(color, (left, bottom), (right, bottom), (right, top), (left, top))

    def house(self) -> None:
        self.box("wood", 0.17, 0.3, 0.24, 0.56)  # The chimney, behind the roof.
        self.box("wall", -0.3, 0, 0.3, 0.3)
        self.box("wall_dark", 0.14, 0, 0.3, 0.3)
        self.shape("roof", (-0.37, 0.28), (0.37, 0.28), (0.2, 0.52), (-0.2, 0.52))
        self.box("wood", -0.065, 0, 0.065, 0.19)
        for left in (-0.235, 0.135):
            self.box("window", left, 0.1, left + 0.105, 0.21)

    def windmill(self) -> None:
        self.shape("wall", (-0.2, 0), (0.2, 0), (0.12, 0.5), (-0.12, 0.5))
        self.shape("wall_dark", (0.07, 0), (0.2, 0), (0.12, 0.5), (0.05, 0.5))
        self.shape("roof", (-0.16, 0.48), (0.16, 0.48), (0.0, 0.68))
        self.box("wood", -0.06, 0, 0.06, 0.17)
        self.box("window", -0.045, 0.26, 0.045, 0.36)
        for angle in np.deg2rad([28, 118, 208, 298]):
            self.sail(np.array([np.cos(angle), np.sin(angle)]))

    def sail(self, out: Field) -> None:
        hub, side = np.array([0, 0.52]), np.array([-out[1], out[0]])
        for color, start, end, low, high in (("wood", 0, 0.42, -0.012, 0.012), ("sail", 0.1, 0.4, 0.012, 0.1)):
            ends = [(start, low), (end, low), (end, high), (start, high)]
            self.shape(color, *[tuple(hub + along * out + across * side) for along, across in ends])


def aligned_with_b() -> Images:
    sun, moon = (0.84, 0.16), (0.2, 0.2)
    house, windmill = (Drawing(DAY, at=(0.42, 0.8), scale=0.8) for _ in range(2))
    for drawing in (house, windmill):
        drawing.landscape(light=sun, horizon=0.62)
    house.house()
    windmill.windmill()

    night = Drawing(NIGHT, at=(0.6, 0.9), scale=1.08)
    night.landscape(light=moon, horizon=0.66)
    night.stars([(0.42, 0.09), (0.6, 0.22), (0.78, 0.1), (0.93, 0.25), (0.1, 0.47)])
    night.house()

    truth = Drawing(NIGHT, at=(0.42, 0.8), scale=0.8)
    truth.landscape(light=sun, horizon=0.62)
    truth.stars([(0.12, 0.1), (0.34, 0.22), (0.56, 0.08), (0.68, 0.26), (0.1, 0.42)])
    truth.windmill()
    return (
        house.finished(),
        painted(night.finished(), moon),
        windmill.finished(),
        painted(truth.finished(), sun),
    )


def painted(picture: Image.Image, light: tuple[float, float]) -> Image.Image:
    """The image again in brush strokes, round the light in circles: broad ones first, finer ones where it has edges."""
    chance = np.random.default_rng(7)
    colors = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.5)), dtype=float)
    directions, edges = strokes_along(picture, light)
    side = picture.width
    canvas = picture.resize((2 * side, 2 * side))
    draw = ImageDraw.Draw(canvas)
    for brush, length, least_edge in ((20, 40, 0.0), (11, 26, 0.0), (6, 14, 0.12), (4, 8, 0.3)):
        spots = np.stack(np.meshgrid(*[np.arange(0, side, brush * 0.45)] * 2), axis=-1).reshape(-1, 2)
        spots = chance.permutation(spots + chance.uniform(-brush / 3, brush / 3, spots.shape))
        for spot in spots:
            x, y = spot.round().astype(int).clip(0, side - 1)
            if edges[y, x] < least_edge:
                continue
            color = colors[y, x] * chance.normal(1, 0.09) + chance.normal(0, 7, 3)
            stroke(draw, spot, directions, brush, length, color)
    return canvas.resize((side, side), Resampling.LANCZOS)


def stroke(
    draw: ImageDraw.ImageDraw, start: Field, directions: Field, brush: float, length: float, color: Field
) -> None:
    """One stroke that follows the directions; the canvas is twice as large as they are."""
    side, step, points = len(directions), length / 5, [start]
    for _ in range(5):
        x, y = points[-1].round().astype(int).clip(0, side - 1)
        points.append(points[-1] + step * np.array([np.cos(directions[y, x]), np.sin(directions[y, x])]))
    fill = tuple(color.round().clip(0, 255).astype(int).tolist())
    draw.line([(2 * x, 2 * y) for x, y in points], fill=fill, width=round(brush), joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((2 * x - brush / 2, 2 * y - brush / 2, 2 * x + brush / 2, 2 * y + brush / 2), fill=fill)


def strokes_along(picture: Image.Image, light: tuple[float, float]) -> tuple[Field, Field]:
    """Angles along the edges, and in swirls where there are none; and how strong the edges are, from 0 to 1."""
    grey = np.asarray(picture.convert("L").filter(ImageFilter.GaussianBlur(2)), dtype=float)
    down, right = np.gradient(grey)
    edges = (np.hypot(right, down) / 12).clip(0, 1)
    y, x = np.mgrid[0 : len(grey), 0 : len(grey)] / len(grey)
    swirls = 0.5 * np.sin(7 * x + 2) + 0.6 * np.cos(9 * y + 4 * x)
    right_of, below = x - light[0], y - light[1]
    swirls = np.where(np.hypot(right_of, below) < 0.2, np.arctan2(below, right_of) + np.pi / 2, swirls)
    return np.where(edges > 0.12, np.arctan2(right, -down), swirls), edges


def first_template(layers: LayerRange) -> Settings:
    """The settings of the first template, with SAC and CAM in `layers`."""
    setting = NO_PROMPT.setting
    return replace(analogies.DRAWINGS_SETTINGS, guidance=setting.guidance, edit=Edit(layers, layers, setting.scale))


def shapes() -> Images:
    """Drawings of the demo model's world, at the size of its tiles; B' is what the first template renders."""
    a = Scene("house", "black", "white")
    b = Scene("fish", "black", "yellow", pattern="striped")
    images = {Cell.A: render(a), Cell.A_PRIME: render(replace(a, color="red")), Cell.B: render(b)}
    drawing = analogies.Drawing("color", images, NO_PROMPT.prompt)
    settings = first_template(NO_PROMPT.setting.layers)
    (solved,) = analogies.solve(load(), [drawing], settings, NO_PROMPT.seed)
    return images[Cell.A], images[Cell.A_PRIME], images[Cell.B], solved.rendered


RENDERERS = {"colorization": colorization, "caricature": caricature, "aligned_with_b": aligned_with_b, "shapes": shapes}


def main() -> None:
    for example, render_images in RENDERERS.items():
        folder = WORKFLOWS / "examples" / example
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in zip(("a", "a_prime", "b", "b_prime"), render_images(), strict=True):
            picture.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
