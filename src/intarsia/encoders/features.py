"""What an encoder's body says of its features, in the words of timm's feature extractors."""

from typing import NamedTuple


class FeatureInfo(NamedTuple):
    """Widths and strides of the features that a body returns, finest first."""

    widths: tuple[int, ...]
    strides: tuple[int, ...]

    def channels(self) -> list[int]:
        """Return the number of channels of each feature."""
        return list(self.widths)

    def reduction(self) -> list[int]:
        """Return how many pixels of the image lie between two pixels of each feature."""
        return list(self.strides)
