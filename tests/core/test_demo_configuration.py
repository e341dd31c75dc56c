"""The demo model's configuration: torch-free, and what both hosts make of it."""

import subprocess
import sys

import pytest

from analogist.demo.configuration import DEMO, DemoConfiguration
from analogist.demo.model import unet_config


def test_it_needs_no_torch() -> None:
    code = "import sys, analogist.demo.configuration; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_shipped_widths_are_those_of_the_weights() -> None:
    assert DEMO.widths == (64, 64, 96, 64)
    assert unet_config(DEMO)["block_out_channels"] == DEMO.widths


@pytest.mark.parametrize("width", [64, 96])
def test_the_text_encoder_follows_its_width(width: int) -> None:
    made = DemoConfiguration(text_width=width)
    assert made.text_encoder["hidden_size"] == made.text_encoder["projection_dim"] == width
    assert made.text_encoder["intermediate_size"] == 4 * width
    assert unet_config(made)["cross_attention_dim"] == width
