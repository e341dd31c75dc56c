"""Analogist (Gu et al., SIGGRAPH 2024, arXiv 2405.10316) as a library that knows no ComfyUI.

A 2x2 grid holds an analogy A : A' :: B : B'; an inpainting diffusion model renders the missing cell.

    A   A'      A   the example            A'  the example, transformed
    B   B'      B   the query              B'  the result

Names used everywhere below: ``q, k, v`` are (batch, heads, tokens, dim); ``grid_size`` is the token
grid (h, w), its tokens in row-major order; ``s`` is the scale of Self-Attention Cloning.
"""

__version__ = "0.1.0"
