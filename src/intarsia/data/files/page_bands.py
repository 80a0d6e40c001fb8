"""A TIFF whose gray pages are the channels of one picture, as programs for cameras and satellites write them."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from ...limits import check_decoded
from .tags import pages

MOST_BANDS = 16  # pages: such cameras have four to thirteen channels; longer files are slices of a volume or frames
_IN_ORDER = re.compile(r"^(?:slices|frames)=|\bSize[ZT]=\"(?!1\")", re.MULTILINE)  # as ImageJ and OME-TIFF say it
_DESCRIPTION = 270


def read_bands(path: Path, image: Any) -> np.ndarray | None:
    """The pages of an open TIFF as channels, [H, W, C]; None where they are none.

    They are when there are 2 to 16 of them, all gray and of one size and depth, and the file does not say that they are
    slices or frames.
    """
    kept = [page for page in pages(path, MOST_BANDS + 1) if not page.reduced]
    alike = {(page.width, page.height, page.samples, page.bits, page.orientation) for page in kept}
    if not 1 < len(kept) <= MOST_BANDS or len(alike) > 1 or kept[0].samples != 1 or image.mode == "P":
        return None
    if _IN_ORDER.search(str(image.tag_v2.get(_DESCRIPTION, ""))):
        return None
    check_decoded(kept[0].width * kept[0].height * max(kept[0].bits, 8) // 8 * len(kept), path)
    made = []
    for number, page in enumerate(pages(path, MOST_BANDS + 1)):
        if not page.reduced:
            image.seek(number)
            image.load()
            made.append(np.asarray(image))
    return np.stack(made, axis=2)
