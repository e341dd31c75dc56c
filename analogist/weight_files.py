"""The families of Stable Diffusion that are not 1.x, told apart by the width of the text that their UNet reads."""

OTHER_FAMILIES = {1024: "Stable Diffusion 2.x", 1280: "SDXL refiner", 2048: "SDXL"}
