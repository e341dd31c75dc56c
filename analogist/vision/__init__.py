"""Asking a vision language model for the prompt: strings and HTTP, no torch."""
