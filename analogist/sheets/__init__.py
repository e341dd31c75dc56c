"""Contact sheets and parameter sweeps, as images."""
