"""Architectures that find objects and name what is between them, in one answer."""
