"""Architectures that find objects, each with a box, a class and a mask of its own."""
