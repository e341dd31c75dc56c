"""The shipped workflows: `python -m tools.workflows` writes every graph and its thumbnail."""
