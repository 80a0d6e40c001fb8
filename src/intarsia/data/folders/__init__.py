"""Which files of a folder are pairs of an image and its masks."""
