"""Architectures that answer with a set of masks, each with a class or with none."""
