"""What the tests share: golden data, a ComfyUI, and a tiny model for it."""
