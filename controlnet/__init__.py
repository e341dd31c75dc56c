"""Prompt Diffusion as a ControlNet of ComfyUI: load it, recognise it, apply it to a conditioning."""
