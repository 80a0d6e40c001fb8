"""Architectures that find objects by their centers, and let each pixel point to the center of its own."""
