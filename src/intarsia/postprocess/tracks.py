"""Tracks: objects that keep their number from frame to frame. Networks remember nothing; what is remembered is here.

CenterTracks   each center goes to where its motion points, and takes the nearest track there, the surest first
               Weber et al. "STEP: Segmenting and Tracking Every Pixel." 2021. arXiv:2102.11859, section 5
PairTracks     pixels of this frame join the centers of the frame before, and objects take the track that they overlap most
               Qiao et al. "ViP-DeepLab." CVPR 2021. arXiv:2012.05258, section 3.2

Both answer each frame with `Segments` whose numbers mean the same in all frames: 1 to K are the classes of stuff, and what is
above is a track. A track never changes its class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..blocks.heatmap import centers_of, draw_centers, sigma_of
from ..errors import ModelError
from ..labels import LabelSpace
from ..labels.meetings import meetings
from ..structures import PanopticLogits, Segments
from .centers import grouped, segments_of_centers, things_of

MEMORY = 5  # frames that a track outlives without being seen


class Track(NamedTuple):
    """Where an object was seen last."""

    number: int
    kind: int  # class
    y: int
    x: int
    area: int  # of the box around it, in pixels: its root is how far the object may have moved
    missed: int = 0  # frames since


class CenterTracks:
    """The tracks of Motion-DeepLab.

    Args:
        memory: frames that a track outlives without being seen.
        options: of `segments_of_centers`, such as `threshold`.
    """

    def __init__(self, space: LabelSpace, *, memory: int = MEMORY, options: Mapping[str, Any] | None = None) -> None:
        if memory < 0:
            raise ModelError(f"memory is {memory}; give the frames that a track outlives without being seen, 0 or more")
        self.space, self.memory, self.options = space, memory, dict(options or {})
        self.tracks: list[Track] = []
        self.seen: Tensor | None = None  # [M, 2] where the centers of the last frame are
        self.next = space.num_classes + 1

    def heat(self, size: tuple[int, int]) -> Tensor:
        """Draw the centers of the last frame for the next one, [H, W] of 0..1; zeros before the first."""
        centers = torch.zeros(0, 2, dtype=torch.long) if self.seen is None else self.seen.cpu()
        return draw_centers(centers, size, sigma_of(size[0]))

    def __call__(self, output: PanopticLogits) -> Segments:
        """Number the objects of the next frame.

        Args:
            output: of one picture, with motion.

        Raises: ModelError for an output without motion.
        """
        motion = _motion(output)[0].float().cpu()
        found = segments_of_centers(output, self.space, **self.options)[0]
        assert isinstance(found, Segments)
        return self.follow(found, motion)

    def follow(self, found: Segments, motion: Tensor) -> Segments:
        """Give the objects of the next frame, which are cut already, the numbers of their tracks.

        Args:
            found: segments with scores.
            motion: [2, H, W] (dy, dx) from a pixel to its object's center one frame before.
        """
        things = set(things_of(self.space))
        objects = torch.from_numpy(
            np.where(np.isin(found.ids, [s for s, k in found.classes.items() if k in things]), found.ids, 0)
        )
        numbers, means, sides = centers_of(objects)
        centers = means.round().long()
        pointed = centers.double() + motion[:, centers[:, 0], centers[:, 1]].T.double()
        names: dict[int, int] = {}
        now, left = dict[int, Track](), list(self.tracks)
        order = sorted(range(len(numbers)), key=lambda row: -found.scores[int(numbers[row])])
        for row in order:
            segment, (y, x) = int(numbers[row]), pointed[row].tolist()
            kind = found.classes[segment]
            near = min(
                (track for track in left if track.kind == kind),
                key=lambda track: (track.y - y) ** 2 + (track.x - x) ** 2,
                default=None,
            )
            if near is not None and (near.y - y) ** 2 + (near.x - x) ** 2 < near.area:
                names[segment] = near.number
                left.remove(near)
            else:
                names[segment], self.next = self.next, self.next + 1
            down, across = (int(place) for place in centers[row])
            now[row] = Track(names[segment], kind, down, across, int(sides[row].prod()))
        older = [track._replace(missed=track.missed + 1) for track in left if track.missed < self.memory]
        self.tracks = [*(now[row] for row in range(len(numbers))), *older]
        self.seen = centers
        return renamed(found, names, self.space)


class PairTracks:
    """The tracks of ViP-DeepLab: each frame is cut together with the one before.

    Args:
        options: of `segments_of_centers`, such as `threshold`.
    """

    def __init__(self, space: LabelSpace, *, options: Mapping[str, Any] | None = None) -> None:
        self.space, self.options = space, dict(options or {})
        self.last: tuple[PanopticLogits, Segments] | None = None
        self.next = space.num_classes + 1

    def __call__(self, output: PanopticLogits) -> Segments:
        """Number the objects of the next frame.

        Args:
            output: of one picture, with motion.

        Raises: ModelError for an output without motion, or of another size than the frame before.
        """
        _motion(output)
        found = segments_of_centers(output, self.space, **self.options)[0]
        assert isinstance(found, Segments)
        things = set(things_of(self.space))
        own = {segment: kind for segment, kind in found.classes.items() if kind in things}
        names: dict[int, int] = {}
        if self.last is not None:
            ids, kinds, tracks = self._continued(output, *self.last)
            names = {
                segment: tracks[old] for segment, old in most_alike(ids, kinds, found.ids, own).items() if old in tracks
            }
        for segment in own:
            if segment not in names:
                names[segment], self.next = self.next, self.next + 1
        answer = renamed(found, names, self.space)
        self.last = output, answer
        return answer

    def _continued(
        self, output: PanopticLogits, before: PanopticLogits, cut: Segments
    ) -> tuple[np.ndarray, dict[int, int], dict[int, int]]:
        """Let the pixels of a frame join the objects of the frame before.

        Returns: [H, W] which object each pixel joins, 0 for none; the class of each; and the tracks of those that were seen.
        """
        motion, width = _motion(output), output.semantic.shape[3]
        if before.semantic.shape != output.semantic.shape:
            sizes = [f"{o.semantic.shape[3]}x{o.semantic.shape[2]}" for o in (before, output)]
            raise ModelError(
                f"a frame of {sizes[1]} pixels follows one of {sizes[0]}; the frames of a video have one size, so resize "
                "them, or predict them as two videos"
            )
        shift = motion.new_tensor([0.0, width])[None, :, None, None]  # the two frames lie side by side
        both = PanopticLogits(
            torch.cat([before.semantic, output.semantic], dim=3),
            torch.cat([before.centers, torch.zeros_like(output.centers)], dim=3),
            torch.cat([before.offsets, motion - shift], dim=3),
        )
        options = {key: value for key, value in self.options.items() if key != "stuff_area"}
        joined = grouped(both, 0, self.space, **options)
        number = joined.number.cpu().numpy()
        tracks: dict[int, int] = {}
        for old in range(1, len(joined.classes) + 1):
            seen = cut.ids[number[:, :width] == old]
            if len(seen) and (track := int(np.bincount(seen).argmax())) > self.space.num_classes:
                tracks[old] = track
        # the class of its track, which both frames together would have outvoted
        return number[:, width:], {old: cut.classes[track] for old, track in tracks.items()}, tracks


def renamed(found: Segments, names: dict[int, int], space: LabelSpace) -> Segments:
    """Give segments the numbers of their tracks, and stuff those of its classes from 1.

    Args:
        names: segment -> number of its track, of all segments of things.
    """
    new = {segment: names.get(segment, kind + 1) for segment, kind in found.classes.items()}
    table = np.zeros(max(new, default=0) + 1, np.int64)
    table[list(new)] = list(new.values())
    return Segments(
        table[found.ids],
        {new[segment]: kind for segment, kind in found.classes.items()},
        scores={new[segment]: score for segment, score in found.scores.items()},
        depth=found.depth,
    )


def most_alike(
    ids: np.ndarray, kinds: dict[int, int], others: np.ndarray, other_kinds: dict[int, int], least: float = 0.0
) -> dict[int, int]:
    """Pair the objects of two maps that overlap most, each of the other: of one class, by IoU.

    Args:
        ids, others: numbers of objects, of one shape.
        kinds, other_kinds: number -> class; other numbers are no objects.
        least: IoU that a pair needs more than.

    Returns: {number in `others`: number in `ids`}.
    """
    pairs, counts = meetings(ids, others)
    areas, other_areas = Counter[int](), Counter[int]()
    for (a, b), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        areas[a] += count
        other_areas[b] += count
    found = []
    for (a, b), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        if a in kinds and b in other_kinds and kinds[a] == other_kinds[b]:
            iou = count / (areas[a] + other_areas[b] - count)
            if iou > least:
                found.append((iou, a, b))
    found.sort(key=lambda pair: pair[0])
    there, back = {a: b for _, a, b in found}, {b: a for _, a, b in found}
    return {b: a for b, a in back.items() if there[a] == b}


def _motion(output: PanopticLogits) -> Tensor:
    if output.motion is None or len(output.semantic) != 1:
        raise ModelError(
            "tracks are made of one frame at a time, whose network says where its objects were before (motion); use one such "
            "as motion_deeplab"
        )
    return output.motion
