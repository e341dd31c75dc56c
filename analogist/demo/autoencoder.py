"""The demo model's autoencoder: 8x8 pixels to 4 numbers, computed on patches and so quick on a CPU.

It stands where Stable Diffusion 1.x has AutoencoderKL: the same factor, the same number of channels and the same scale
of the latents, but no layer ever sees the image at its full size, and encoding draws no random numbers. The encoder
encodes one patch at a time: the same patch has the same latents at every position.
"""

from torch import Tensor, nn

FACTOR = 8
"""Pixels to a latent, along each side."""
CHANNELS = 4
SCALING_FACTOR = 0.18215
"""Latents times this have unit variance, as in Stable Diffusion 1.x."""


class ResidualBlock(nn.Module):
    """Two convolutions beside a way past them; without normalization, so that a color stays what it is."""

    def __init__(self, width: int, kernel: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.SiLU(),
            nn.Conv2d(width, width, kernel, padding=kernel // 2),
            nn.SiLU(),
            nn.Conv2d(width, width, kernel, padding=kernel // 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class PatchAutoencoder(nn.Module):
    """Pixels (B, 3, H, W) in [-1, 1] <-> latents (B, 4, H / 8, W / 8); H and W must be multiples of 8."""

    def __init__(self, width: int = 96, encoder_blocks: int = 3, decoder_blocks: int = 4) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(FACTOR),
            nn.Conv2d(3 * FACTOR**2, width, 1),
            *(ResidualBlock(width, kernel=1) for _ in range(encoder_blocks)),
            nn.Conv2d(width, CHANNELS, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(CHANNELS, width, 3, padding=1),
            *(ResidualBlock(width) for _ in range(decoder_blocks)),
            nn.Conv2d(width, 2 * width, 1),
            nn.PixelShuffle(2),  # The last block works at 4x4 pixels, across the borders of the patches.
            ResidualBlock(width // 2),
            nn.Conv2d(width // 2, 3 * (FACTOR // 2) ** 2, 3, padding=1),
            nn.PixelShuffle(FACTOR // 2),
        )

    def encode(self, pixels: Tensor) -> Tensor:
        latents: Tensor = self.encoder(pixels)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        pixels: Tensor = self.decoder(latents)
        return pixels
