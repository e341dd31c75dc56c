"""The demo model, small enough to come with the pack, and the analogies that it solves."""
