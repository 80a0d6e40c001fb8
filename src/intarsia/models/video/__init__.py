"""Architectures that follow objects from frame to frame."""
