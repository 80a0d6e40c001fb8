"""Augmentation on raw integers: each sample is a function of its seed."""
