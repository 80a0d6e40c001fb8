"""Architectures that answer in a few milliseconds: few channels, few layers at full size, cheap convolutions."""
