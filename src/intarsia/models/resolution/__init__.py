"""Architectures that win back the resolution that the encoder gave up."""
