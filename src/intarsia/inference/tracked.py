"""A predictor that follows objects: it hands a network the frame before and what was found there, and keeps the tracks.

    frame, frame before, centers found there - engine - output - tracks - Segments whose numbers last

Frames are those of one folder in the order of their names, or of one file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data.clips import form_of
from ..data.dataset import Shot
from ..data.normalize import full_scale
from ..data.videos import check_numbers
from ..errors import DataError, IntarsiaError
from ..models.catalogue import ARCHITECTURES
from ..postprocess.panorama import Panorama
from ..postprocess.tracks import CenterTracks, PairTracks
from ..structures import PanopticLogits, Segments
from .frames import Frame
from .inputs import to_tensor
from .prediction import Prediction
from .reading import read_ahead

if TYPE_CHECKING:
    from .predictor import Predictor

FAMILY = "video"  # of the architectures that say where objects were one frame before


class Tracked:
    """The memory of a predictor over the frames of videos.

    Args:
        predictor: of a network whose output has motion.
        shots: the video and camera of every frame that will come, so that what is not needed any more is forgotten.
    """

    def __init__(self, predictor: Predictor, shots: Iterable[Shot]) -> None:
        self.predictor = predictor
        self.channels, self.heated = form_of(predictor.in_channels)
        self.left = Counter(shots)
        self.videos: dict[Shot, tuple[CenterTracks | PairTracks, Tensor]] = {}
        self.panoramas: dict[str, Panorama] = {}

    def answer(self, frame: Tensor, shot: Shot) -> Segments:
        """Answer the next frame of a video.

        Args:
            frame: [C, H, W] raw integers; channels behind those of the frame itself are left out.
            shot: whose next frame it is.

        Raises: DataError for a frame of another size than the one before, or with fewer channels than a frame has.
        """
        if len(frame) < self.channels:
            raise DataError(
                f"the frame has {len(frame)} channels, and the network was trained on frames of {self.channels}"
            )
        frame = frame[: self.channels]
        tracks, before = self.videos.get(shot) or (self._fresh(), frame)
        if before.shape != frame.shape:
            raise DataError(
                f"{shot.video}: a frame of {frame.shape[2]}x{frame.shape[1]} pixels follows one of "
                f"{before.shape[2]}x{before.shape[1]}; the frames of a video have one size"
            )
        output = self.predictor.output(self._image(frame, before, tracks)[None])
        assert isinstance(output, PanopticLogits)
        answer = tracks(output)
        self.videos[shot] = tracks, frame
        self.left[shot] -= 1
        if self.left[shot] == 0:
            del self.videos[shot]
        return answer

    def joined(
        self, video: str, answers: Mapping[str, Segments], cells: Mapping[str, np.ndarray]
    ) -> dict[str, Segments]:
        """Give the objects of all cameras at one time numbers that they share; see `Panorama`."""
        panorama = self.panoramas.setdefault(video, Panorama(self.predictor.labels))
        return panorama(answers, cells)

    def _fresh(self) -> CenterTracks | PairTracks:
        predictor, options = self.predictor, dict[str, Any](self.predictor.decide)
        pairs = form_of(predictor.in_channels)[0] * 2 == predictor.in_channels
        return (
            PairTracks(predictor.labels, options=options) if pairs else CenterTracks(predictor.labels, options=options)
        )

    def _image(self, frame: Tensor, before: Tensor, tracks: CenterTracks | PairTracks) -> Tensor:
        """The channels that the network was trained on."""
        if self.predictor.in_channels == self.channels:
            return frame
        parts = [frame, before]
        if self.heated and isinstance(tracks, CenterTracks):
            heat = tracks.heat((frame.shape[1], frame.shape[2])) * full_scale(frame)
            parts.append(heat.round().to(frame.dtype)[None])
        return torch.cat(parts).permute(1, 2, 0).contiguous().permute(2, 0, 1)


def follows(predictor: Predictor) -> bool:
    """Whether a predictor runs a network of videos of the catalogue, and answers with segments."""
    name = predictor.checkpoint.model if predictor.checkpoint is not None else None
    video = name in ARCHITECTURES and ARCHITECTURES[name].family == FAMILY
    return video and predictor.task in ("", "panoptic")


def moves(predictor: Predictor, frame: Tensor) -> bool:
    """Whether what a predictor says of a frame tells where its objects were one frame before.

    Args:
        frame: [C, H, W] raw integers, with all that the network sees.
    """
    if predictor.task not in ("", "panoptic") or predictor.returns not in (None, PanopticLogits):
        return False
    if not predictor.labels.things:
        return False
    if follows(predictor):
        return True
    output = predictor.output(frame[None])
    return isinstance(output, PanopticLogits) and output.motion is not None


def shots_of_files(items: Sequence[Path | Frame]) -> list[Shot]:
    """Say which video each picture is a frame of: that of its file or of its folder.

    Raises: DataError for a folder in whose numbered frames some are missing.
    """
    shots, names = [], dict[str, list[str]]()
    for item in items:
        shots.append(Shot(str(item.stack.path if isinstance(item, Frame) else item.parent)))
        if isinstance(item, Path):
            names.setdefault(str(item.parent), []).append(item.name)
    for folder, frames in names.items():
        check_numbers(frames, folder)
    return shots


def stream(
    predictor: Predictor,
    items: Sequence[Path | Frame],
    workers: int = 1,
    failed: Callable[[str, IntarsiaError], None] | None = None,
) -> Iterator[Prediction]:
    """Answer the frames of videos in order; as `Predictor.stream`, with segments whose numbers last through a video.

    Raises: as `shots_of_files`.
    """
    shots = shots_of_files(items)
    tracked = Tracked(predictor, shots)
    with closing(read_ahead(items, tracked.channels, workers)) as source:
        for (name, job), shot in zip(source, shots, strict=True):
            try:
                picture = job.result()
                answer = tracked.answer(to_tensor(picture.fitted)[0], shot)
            except IntarsiaError as error:
                if failed is None:
                    raise
                failed(name, error)
                continue
            yield Prediction(
                answer,
                predictor.labels,
                picture.pixels,
                picture.name,
                picture.path,
                picture.note,
                None,
                picture.spacing,
            )
