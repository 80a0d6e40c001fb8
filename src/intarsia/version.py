"""The version of the package, which caches, checkpoints and the command line name."""

__version__ = "0.1.0"
