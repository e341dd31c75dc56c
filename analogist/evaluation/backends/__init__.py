"""Where an evaluation renders: in this process on diffusers, on a running ComfyUI, or spread by Ray."""
