"""SAC and CAM as patches of a ComfyUI MODEL: clone it, keep the previous owner of each attention, install."""
