"""GrabCut: two mixtures of colors, one of each side, and the cheapest cut between the pixels, in turns.

C. Rother, V. Kolmogorov, A. Blake. "GrabCut: Interactive Foreground Extraction Using Iterated Graph Cuts." SIGGRAPH 2004
"""

from __future__ import annotations

import numpy as np

from .picture import eight_bits, opencv
from .thresholds import otsu


def grabcut(
    image: np.ndarray, *, start: str = "rectangle", margin: float = 0.05, rounds: int = 5, polarity: str = "auto"
) -> np.ndarray:
    """Separate what lies in a rectangle from what looks like its outside, or refine Otsu's mask by color.

    Start "rectangle" takes all of the picture but a margin, as the paper's user would draw it; "otsu" takes Otsu's
    foreground, whose polarity counts, as probable.
    """
    cv2 = opencv()
    height, width = image.shape[:2]
    cv2.setRNGSeed(0)  # its mixtures start from a random draw
    models = np.zeros((1, 65)), np.zeros((1, 65))
    if start == "otsu":
        inside = otsu(image, polarity=polarity)
        if inside.all() or not inside.any():
            return inside
        mask = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        cv2.grabCut(eight_bits(image), mask, None, *models, rounds, cv2.GC_INIT_WITH_MASK)
    else:
        y, x = max(1, round(margin * height)), max(1, round(margin * width))
        if height <= 2 * y or width <= 2 * x:
            return np.zeros((height, width), bool)  # a picture that is all margin
        mask = np.zeros((height, width), np.uint8)
        box = (x, y, width - 2 * x, height - 2 * y)
        cv2.grabCut(eight_bits(image), mask, box, *models, rounds, cv2.GC_INIT_WITH_RECT)
    return (mask == cv2.GC_FGD) | (mask == cv2.GC_PR_FGD)
