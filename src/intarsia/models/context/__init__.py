"""Architectures that look at a pixel's surroundings before they name it."""
