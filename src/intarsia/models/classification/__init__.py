"""Architectures that name the picture as a whole, and what becomes of such a network when it names every place."""
