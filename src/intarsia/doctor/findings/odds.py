"""How much likelier a mask is wrong in a certain way than right, judged by what is usual among the masks of its set.

A hypothesis (this mask is mirrored, these two are exchanged) gains something: its borders would lie on steeper edges,
its classes would divide the colors better. In sound masks it loses, by so much and so differently from mask to mask.
Were it true, it would gain as much. So each measure says little or much by itself, and needs no limit of its own.
"""

from collections.abc import Sequence

import numpy as np

_LEAST = 0.55  # widths, as a share of the usual loss: no measure is surer than that
_MOST = 1.0  # usual gains: what is beyond says no more


def odds(gains: Sequence[np.ndarray], least: Sequence[float]) -> np.ndarray:
    """[N] log odds, without the prior, that a hypothesis holds.

    Args:
        gains: of each measure, [N] what the hypothesis would gain in each sample; most samples are sound.
        least: of each measure, the smallest width to believe in.
    """
    total = np.zeros(len(gains[0]))
    for gain, floor in zip(gains, least, strict=True):
        loss = -float(np.median(gain))
        if loss <= 0:
            continue  # a measure that does not tell right from wrong in this set
        width = max(1.48 * float(np.median(np.abs(gain + loss))), floor, _LEAST * loss)
        total += 2 * loss * np.clip(gain, -_MOST * loss, _MOST * loss) / width**2
    return total
