"""Architectures that model how labels and parts of a picture depend on each other."""
