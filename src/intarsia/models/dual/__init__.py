"""Architectures that learn from less than a mask: from the picture itself, from tags, from boxes."""
