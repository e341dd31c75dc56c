"""The demo model, which is included in the pack, and its analogies."""
