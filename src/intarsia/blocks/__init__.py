"""Bricks that two or more architectures need."""
