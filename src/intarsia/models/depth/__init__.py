"""Architectures that say how far away each pixel is."""
