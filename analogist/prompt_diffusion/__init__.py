"""Prompt Diffusion without a host: its tasks, its inputs, the names of its tensors, and converting its checkpoints."""
