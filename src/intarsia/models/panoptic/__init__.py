"""Networks that find objects by their centers: classes of pixels, and where the center of its object lies from each."""
