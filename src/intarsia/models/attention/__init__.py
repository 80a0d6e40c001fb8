"""Architectures in which pixels choose what they look at."""
