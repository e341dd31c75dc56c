"""Scores of results, the networks they need, and the strips in which results are saved."""
