"""Files that hold several pictures: frames of GIF, APNG, WebP and videos, pages of TIFFs, slices of NIfTI, frames of DICOM.

Each is answered by itself and called NAME_0000, NAME_0001, ...; the slices of a volume are put together again in a label
volume of the same place in space (`volumes/NAME.nii.gz`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..data.files.formats import kind_of
from ..data.files.page_bands import read_bands
from ..data.files.tags import pages
from ..errors import DataError, extra
from ..limits import FRAMES, check_decoded, check_pixels
from ..output import Output
from .inputs import DICOM, VOLUMES
from .writing import Made

_MILLIMETER = 1000.0  # micrometers
FILMS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")  # read and written with OpenCV
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF", "TIFF")
Range = tuple[float, float]


class Frame(NamedTuple):
    """One picture of a file.

    Args:
        stack: the file.
        number: of the picture in it, from 0.
    """

    stack: Stack
    number: int

    @property
    def name(self) -> str:
        """Name of its results."""
        return f"{self.stack.name}_{self.number:04}"

    def __str__(self) -> str:
        return f"{self.stack.path}, frame {self.number}"

    def read(self) -> np.ndarray:
        """Read its pixels, [H, W, C] uint8 or uint16.

        Raises: DataError where they cannot be read, or are no numbers of 8 or 16 bits.
        """
        return self.stack.read(self.number)


class Stack:
    """A file of several pictures, read one after the other.

    Args:
        path: the file.
        intensity: values that become black and white of 8 bits, for volumes whose numbers are no picture's.

    Raises: DataError for a file that cannot be read; MissingExtra without the library that reads it.
    """

    def __init__(self, path: Path, intensity: Range | None = None) -> None:
        self.path, self.name, self.intensity = path, stem_of(path), intensity
        self.spacing: tuple[float, float] | None = None  # micrometers a pixel (down, across)
        self.affine: Any = None  # of a volume
        self._lock = threading.Lock()
        self._file: Any = None
        self._values: Any = None
        self._film: Any = None
        self._at = 0  # the frame of a film that is decoded next
        self.rate = 0.0  # frames a second of a film
        self._unread: set[int] = set()
        try:
            self.count = self._opened()
        except DataError:
            raise
        except Exception as error:  # whatever a decoder makes of a damaged file
            if isinstance(error, ImportError):
                raise
            raise DataError(
                f"{path}: the file is truncated or damaged ({str(error)[:200]}); copy it again from its source"
            ) from None
        self._unread = set(range(self.count))
        if self.count > FRAMES:
            raise DataError(f"{path}: holds {self.count:,} pictures; at most {FRAMES:,} are read, so split the file")

    def read(self, number: int) -> np.ndarray:
        """Read one picture, see `Frame.read`."""
        with self._lock:
            try:
                pixels = self._pixels(number)
            except DataError:
                raise
            except Exception as error:
                raise DataError(
                    f"{self.path}: frame {number} is damaged ({str(error)[:200]}); copy the file again from its source"
                ) from None
            self._unread.discard(number)
            if not self._unread and self._file is not None:
                self._file.close()
                self._file = None
        return self._fitting(pixels[..., None] if pixels.ndim == 2 else pixels)

    def close(self) -> None:
        """Let go of the file before all of its pictures are read."""
        with self._lock:
            self._unread = set()
            if self._file is not None:
                self._file.close()
                self._file = None

    def _opened(self) -> int:
        """Open the file and count its pictures."""
        if self.path.name.lower().endswith(VOLUMES):
            image = extra("nibabel", "medical").load(self.path)
            shape = [int(n) for n in image.shape if n != 1] if len(image.shape) > 3 else [int(n) for n in image.shape]
            if len(shape) != 3:
                raise DataError(f"{self.path}: a volume of shape {tuple(image.shape)}; three axes are read")
            check_decoded(int(np.prod(shape, dtype=object)) * 8, self.path)
            self._values, self.affine = image.dataobj, image.affine
            across, down = (float(size) * _MILLIMETER for size in image.header.get_zooms()[:2])
            self.spacing = (down, across)
            return shape[2]
        if is_dicom(self.path):
            data = extra("pydicom", "medical").dcmread(self.path)
            array = np.asarray(data.pixel_array)
            self._values = array if int(data.get("NumberOfFrames") or 1) > 1 else array[None]
            if sizes := data.get("PixelSpacing"):
                self.spacing = (float(sizes[0]) * _MILLIMETER, float(sizes[1]) * _MILLIMETER)
            return len(self._values)
        if self.path.suffix.lower() in FILMS:
            return self._opened_film()
        self._file = Image.open(self.path)
        check_pixels(self._file.width, self._file.height, self.path)
        return int(getattr(self._file, "n_frames", 1))

    def _opened_film(self) -> int:
        """Open a video file; the number of frames that it says it has."""
        cv2: Any = extra("cv2", "video")
        self._film = cv2.VideoCapture(str(self.path))
        count, width, height, self.rate = (
            self._film.get(what)
            for what in (
                cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS,
            )
        )  # fmt: skip
        if not self._film.isOpened() or count < 1:
            raise DataError(
                f"{self.path}: no video that OpenCV can read; convert it, for instance to H.264 in an .mp4, or to a folder of "
                "frames"
            )
        check_pixels(int(width), int(height), self.path)
        return int(count)

    def _film_pixels(self, number: int) -> np.ndarray:
        """Decode a frame of a video file."""
        cv2: Any = extra("cv2", "video")
        if number != self._at:
            self._film.set(cv2.CAP_PROP_POS_FRAMES, number)
        read, pixels = self._film.read()
        self._at = number + 1
        if not read:
            raise DataError(
                f"{self.path}: frame {number} of {self.count} cannot be read; the video is cut off or damaged"
            )
        colors: np.ndarray = np.ascontiguousarray(pixels[..., ::-1])
        return colors

    def _pixels(self, number: int) -> np.ndarray:
        if self._film is not None:
            return self._film_pixels(number)
        if self.affine is not None:
            values = np.squeeze(np.asanyarray(self._values)) if self._values.ndim > 3 else self._values
            return np.asarray(values[..., number]).T
        if self._values is not None:
            return np.asarray(self._values[number])
        if self._file is None:  # all were read once
            self._file, self._unread = Image.open(self.path), set(range(self.count))
        self._file.seek(number)
        image = self._file
        if image.mode in ("P", "PA"):
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
            if image.mode == "RGBA" and image.getextrema()[3][0] == 255:
                image = image.convert("RGB")
        elif image.mode == "1":
            image = image.convert("L")
        return np.array(image)

    def _fitting(self, values: np.ndarray) -> np.ndarray:
        """Numbers of 8 or 16 bits."""
        if self.intensity is not None:
            low, high = self.intensity
            return np.round((values.astype(np.float64) - low).clip(0, high - low) * (255 / (high - low))).astype(
                np.uint8
            )
        if values.dtype in (np.uint8, np.uint16):
            return values
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        whole = values.dtype.kind in "iu" or bool((values == np.round(values)).all())
        if whole and low >= 0 and high <= 65535:
            return values.astype(np.uint16)
        raise DataError(
            f"{self.path}: holds {values.dtype} numbers of {low:g}..{high:g}, and a network takes 8 or 16 bits; give the values that "
            "are black and white in its training images with --intensity LOW..HIGH, such as -1000..1000"
        )


def frames_of(path: Path, intensity: Range | None = None) -> list[Frame]:
    """List the pictures of a file that holds several, or is a volume; none for a file of one picture.

    Args:
        intensity: as for `Stack`.

    Raises: as `Stack`.
    """
    if not path.is_file():
        return []
    if not path.name.lower().endswith((*VOLUMES, *FILMS)) and not is_dicom(path) and not _several(path):
        return []
    stack = Stack(path, intensity)
    return [Frame(stack, number) for number in range(stack.count)]


def range_of(text: str) -> Range | None:
    """Read "LOW..HIGH"; None for nothing.

    Raises: DataError for what is no range.
    """
    if not text:
        return None
    low, dots, high = text.partition("..")
    with suppress(ValueError):
        if dots and float(low) < float(high):
            return float(low), float(high)
    raise DataError(f"intensity is {text!r}; give the values of black and white, LOW..HIGH, such as -1000..1000")


class Labeled:
    """The answers to the slices of volumes, put together again and written as volumes.

    Args:
        results: the folder.
        frames: by the name of their results.
    """

    def __init__(self, results: Output, frames: Mapping[str, Frame]) -> None:
        self.results, self.frames = results, frames
        self._slices: dict[Path, dict[int, np.ndarray]] = {}

    def __call__(self, made: Made) -> None:
        """Add a slice; the last one writes the volume."""
        frame = self.frames.get(made.name)
        if frame is None or frame.stack.affine is None or not hasattr(made.answer, "classes"):
            return
        classes = np.asarray(made.answer.classes)
        if classes.ndim != 2:
            return
        held = self._slices.setdefault(frame.stack.path, {})
        held[frame.number] = classes.astype(made.space.dtype).T
        if len(held) == frame.stack.count:
            nibabel = extra("nibabel", "medical")
            volume = np.stack([held[number] for number in range(frame.stack.count)], axis=2)
            with self.results.file(volume_file(frame.stack)) as file:
                nibabel.save(nibabel.Nifti1Image(volume, frame.stack.affine), file)
            del self._slices[frame.stack.path]


def volume_file(stack: Stack) -> str:
    """Name the label volume of a stack, below the folder of the results."""
    return f"volumes/{stack.name}.nii.gz"


def volume_files(frames: Sequence[Frame]) -> list[str]:
    """List the label volumes that are written of frames."""
    return list(dict.fromkeys(volume_file(frame.stack) for frame in frames if frame.stack.affine is not None))


def stem_of(path: Path) -> str:
    """Name a file without its ending, of which .nii.gz is one."""
    return path.name[: -len(".nii.gz")] if path.name.lower().endswith(".nii.gz") else path.stem


def is_dicom(path: Path) -> bool:
    """Tell whether a file is DICOM, by its ending or the mark behind its first 128 bytes."""
    if path.suffix.lower() in DICOM:
        return True
    with suppress(OSError), path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"
    return False


def _several(path: Path) -> bool:
    """Whether a file that Pillow reads holds several pictures, and not channels or smaller copies of one."""
    try:
        with path.open("rb") as file:
            kind = kind_of(file.read(512))
        if kind not in _ANIMATED:
            return False
        if kind == "TIFF":
            full = [page for page in pages(path) if not page.reduced]
            if len(full) < 2 or len({(page.width, page.height, page.samples, page.bits) for page in full}) > 1:
                return False
            with Image.open(path) as image:
                return full[0].samples * full[0].bits in (8, 16, 24, 32) and read_bands(path, image) is None
        with Image.open(path) as image:
            return int(getattr(image, "n_frames", 1)) > 1
    except Exception:  # whoever reads it says what is wrong with it
        return False
