"""Video panoptic quality, and its depth-aware form: panoptic quality of tubes over short windows of frames.

Dahun Kim, Sanghyun Woo, Joon-Young Lee, In So Kweon. "Video Panoptic Segmentation." CVPR 2020. arXiv:2006.11339 (VPQ)
Siyuan Qiao, Yukun Zhu, Hartwig Adam, Alan Yuille, Liang-Chieh Chen. "ViP-DeepLab: Learning Visual Perception with
Depth-aware Video Panoptic Segmentation." CVPR 2021. arXiv:2012.05258 (DVPQ)

    VPQ^k     PQ of all windows of k consecutive frames, where a segment is its tube: its pixels in all k frames
    VPQ       mean of VPQ^k over k
    DVPQ_l^k  VPQ^k after predicted pixels with |p - t| / t > l became void
    DVPQ      mean over l and k

A tube that matches for more than half has kept its number through the window: numbers must mean the same in all frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ..errors import LabelError
from ..structures import Segments
from .depth import inliers
from .ids import mean
from .panoptic import PanopticQuality, PanopticScores

WINDOWS = (1, 2, 3, 4)  # frames, as for Cityscapes-DVPS; Cityscapes-VPS counts 1, 2, 3, 4 labeled frames as well
TOLERANCES = (0.1, 0.25, 0.5)  # relative errors of depth, section 4.2 of ViP-DeepLab


class VideoPanopticScores(NamedTuple):
    """VPQ, of things and of stuff, each the mean over windows (and tolerances of depth, where there are any)."""

    all: float
    things: float
    stuff: float
    each: dict[tuple[int, float | None], PanopticScores]  # (frames, tolerance of depth or None) -> panoptic scores


class VideoPanopticQuality:
    """VPQ, or DVPQ where tolerances of depth are given, of any number of videos, fed frame by frame.

    Args:
        things: the classes that are things; the others are stuff.
        windows: numbers of frames.
        tolerances: relative errors of depth; empty: VPQ.
    """

    def __init__(
        self,
        num_classes: int,
        things: Collection[int],
        *,
        windows: Sequence[int] = WINDOWS,
        tolerances: Sequence[float] = (),
    ) -> None:
        if not windows or min(windows) < 1:
            raise LabelError(f"windows are {tuple(windows)}; give numbers of frames, such as (1, 2, 3, 4)")
        if any(not t > 0 for t in tolerances):
            raise LabelError(f"tolerances are {tuple(tolerances)}; give relative errors of depth, such as (0.1, 0.25)")
        self.num_classes = num_classes
        self.things = frozenset(things)
        self.windows = tuple(windows)
        self.tolerances: tuple[float | None, ...] = tuple(tolerances) or (None,)
        self.quality = {(k, t): PanopticQuality(num_classes, things) for k in self.windows for t in self.tolerances}
        self._sequence: str | None = None
        self._frames: dict[float | None, deque[tuple[Segments, Segments]]] = {}

    def update(
        self,
        predicted: Segments,
        labels: Segments,
        sequence: str = "",
        predicted_depth: np.ndarray | Tensor | None = None,
        depth: np.ndarray | Tensor | None = None,
    ) -> None:
        """Count one frame, and with it each window that ends here; the frames of a sequence come in order of time.

        Args:
            sequence: the video's name; another name begins another video.
            predicted_depth, depth: [H, W] meters, where tolerances are given; 0 or NaN where the true one is not known.

        Raises: LabelError when depth is missing or of another size, a number changes its class within a window, or as
            `PanopticQuality.update`.
        """
        if self._sequence != sequence:
            self._sequence = sequence
            self._frames = {t: deque(maxlen=max(self.windows)) for t in self.tolerances}
        for tolerance in self.tolerances:
            kept = predicted if tolerance is None else _near(predicted, predicted_depth, depth, tolerance)
            frames = self._frames[tolerance]
            frames.append((kept, labels))
            for k in self.windows:
                if len(frames) >= k:
                    ours, theirs = zip(*list(frames)[-k:], strict=True)
                    self.quality[k, tolerance].update(_tubes(ours, "prediction"), _tubes(theirs, "truth"))

    def merge(self, other: VideoPanopticQuality) -> None:
        """Add the counts of another, of whole videos.

        Raises: LabelError when it counts otherwise.
        """
        for name in ("num_classes", "things", "windows", "tolerances"):
            if getattr(self, name) != getattr(other, name):
                raise LabelError(f"cannot merge: {name} is {getattr(self, name)} here and {getattr(other, name)} there")
        for key, quality in self.quality.items():
            quality.merge(other.quality[key])

    def compute(self) -> VideoPanopticScores:
        """The scores of what was counted so far; NaN where no window was long enough."""
        each = {key: quality.compute() for key, quality in self.quality.items()}
        every, things, stuff = (
            mean(np.array([getattr(s, part).pq for s in each.values()])) for part in ("all", "things", "stuff")
        )
        return VideoPanopticScores(every, things, stuff, each)


def _near(predicted: Segments, called: object, depth: object, tolerance: float) -> Segments:
    """The prediction without the pixels whose depth is wrong by more than the tolerance."""
    if called is None or depth is None:
        raise LabelError("tolerances of depth are given, but a frame has no depth; give predicted_depth and depth")
    p, t, ids = (np.asarray(x.cpu() if isinstance(x, Tensor) else x) for x in (called, depth, predicted.ids))
    if not p.shape == t.shape == ids.shape:
        raise LabelError(f"predicted depth {list(p.shape)}, true depth {list(t.shape)} and segments {list(ids.shape)}")
    ids = np.where(inliers(p.astype(np.float64), t.astype(np.float64), tolerance), ids, 0)
    left = set(np.unique(ids).tolist())
    return Segments(ids, {s: k for s, k in predicted.classes.items() if s in left}, predicted.crowd)


def _tubes(frames: Sequence[Segments], what: str) -> Segments:
    """Frames side by side, as one picture in which a tube is a segment."""
    if len(frames) == 1:
        return frames[0]
    classes: dict[int, int] = {}
    for frame in frames:
        for segment, kind in frame.classes.items():
            if classes.setdefault(segment, kind) != kind:
                raise LabelError(
                    f"segment {segment} of the {what} is of class {classes[segment]} in one frame and of {kind} in another; "
                    "numbers mean one object through all frames, so give the new one another number"
                )
    ids = [np.asarray(f.ids.cpu() if isinstance(f.ids, Tensor) else f.ids) for f in frames]
    if len({a.shape for a in ids}) > 1:
        raise LabelError(f"the {what} has frames of several sizes: {sorted({a.shape for a in ids})}")
    return Segments(np.concatenate(ids, axis=1), classes, {s for f in frames for s in f.crowd})
