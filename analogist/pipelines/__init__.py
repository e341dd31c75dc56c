"""The method on diffusers, for scripts and as a second host: models, loading, edits and the two pipelines."""
