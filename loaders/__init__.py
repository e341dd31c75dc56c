"""Models included in the pack, built from the host's classes."""
