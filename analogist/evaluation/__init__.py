"""Whole data sets: every analogy painted, scored and shown, in runs that may be killed at any time and resumed.

`settings` reads the one configuration file, `dataset` finds the analogies, `jobs` makes one ready to be painted and
says how painters are told, `store` keeps what is finished, `runner` puts these together; `table`, `plots` and `report`
show what the store holds. `diffusers_painter`, `comfyui_painter` and `ray_crew` are where the painting is done.
"""
