"""Models that come with the pack, built of the host's own classes."""
