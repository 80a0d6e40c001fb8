"""Architectures that follow objects through a video: one paper, one file."""
