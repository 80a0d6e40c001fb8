"""Objects that several cameras see at once: one number for each, found where their pictures overlap.

Mei et al. "Waymo Open Dataset: Panoramic Video Panoptic Segmentation." ECCV 2022. arXiv:2206.07704, section 5

Each camera has tracks of its own. Two of them are one object where most of what either shows in the overlap of two cameras
is what the other shows there; once found, that holds for all later frames.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import LabelError
from ..labels import LabelSpace
from ..structures import Segments
from .centers import things_of
from .tracks import most_alike, renamed

LEAST = 0.1  # IoU in the overlap that joins two tracks


class Panorama:
    """The tracks of several cameras as one.

    Args:
        least: IoU in the overlap of two cameras, 0..1, that two tracks need to be one object.
    """

    def __init__(self, space: LabelSpace, *, least: float = LEAST) -> None:
        self.space, self.least = space, least
        self.names: dict[tuple[str, int], int] = {}  # (camera, its track) -> number
        self.next = space.num_classes + 1

    def __call__(self, answers: Mapping[str, Segments], cells: Mapping[str, np.ndarray]) -> dict[str, Segments]:
        """Number the objects of all cameras at one time.

        Args:
            answers: camera -> its segments, with the numbers of its own tracks; the first camera names what it shares.
            cells: camera -> [H, W] numbers of the places that its pixels show, -1 for none.

        Raises: LabelError for a camera whose places are not known.
        """
        if lost := [camera for camera in answers if camera not in cells]:
            raise LabelError(
                f"the camera {lost[0]!r} is not calibrated: nobody knows which of its pixels another camera sees too, so that no "
                "object can be joined; leave the camera out, or give its calibration"
            )
        things, done = set(things_of(self.space)), list[str]()
        for camera, answer in answers.items():
            own = {n: kind for n, kind in answer.classes.items() if kind in things}
            for other in done:
                fresh = {n: kind for n, kind in own.items() if (camera, n) not in self.names}
                theirs = {n: kind for n, kind in answers[other].classes.items() if kind in things}
                ids, others = overlap(answers[other].ids, cells[other], answer.ids, cells[camera])
                for n, same in most_alike(ids, theirs, others, fresh, self.least).items():
                    name = self.names[other, same]
                    if all(self.names.get((camera, one)) != name for one in own):
                        self.names[camera, n] = name
            for n in own:
                if (camera, n) not in self.names:
                    self.names[camera, n], self.next = self.next, self.next + 1
            done.append(camera)
        return {
            camera: renamed(
                answer, {n: self.names[camera, n] for n in answer.classes if (camera, n) in self.names}, self.space
            )
            for camera, answer in answers.items()
        }


def overlap(
    ids: np.ndarray, cells: np.ndarray, others: np.ndarray, their_cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lay two maps beside each other at the places that both show, one pixel a place: [N] and [N]."""
    (mine, first), (theirs, second) = (np.unique(c, return_index=True) for c in (cells, their_cells))
    shared, a, b = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    a, b = a[shared >= 0], b[shared >= 0]
    return ids.ravel()[first[a]], others.ravel()[second[b]]


def coverage(cells: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Count the cameras that see each pixel's place, camera -> [H, W]; 1 where no other does."""
    seen = np.concatenate([np.unique(c) for c in cells.values()])
    places, counts = np.unique(seen, return_counts=True)
    return {camera: np.where(c < 0, 1, counts[np.searchsorted(places, c)]) for camera, c in cells.items()}
