"""A trained network as a function from pictures to labels."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .. import checkpoint as checkpoints
from ..checkpoint import Checkpoint, bare
from ..data.normalize import normalize
from ..errors import DataError, IntarsiaError, ModelError, nearest
from ..labels import LabelSpace
from .inputs import fit_channels, read, to_tensor
from .outputs import ALLOWED, semantic, spelled
from .prediction import Prediction

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Predictor:
    """A trained network, its classes, and how its images are normalized.

    Args:
        model: a network that maps [B, in_channels, H, W] to SemanticLogits, to a plain tensor [B, K, H, W], or to a
            mapping or tuple that holds one (see `outputs.py`). It is put into eval mode whenever it is used; its memory
            layout stays as it is.
        labels: what the numbers of its classes mean.
        mean, std: one number for each channel, in units of the full scale (255 or 65535).
        device: "cpu", "cuda", "cuda:1", "mps"; "auto" leaves the network where it is.
        precision: "float32"; "bfloat16" or "float16" trade equality for speed.

    Raises: ModelError when these do not fit together.
    """

    def __init__(
        self,
        model: nn.Module,
        labels: LabelSpace,
        mean: Sequence[float],
        std: Sequence[float],
        *,
        in_channels: int = 3,
        device: str | torch.device = "auto",
        precision: str = "float32",
    ) -> None:
        if precision not in PRECISIONS:
            raise ModelError(f"precision is {precision!r}{nearest(precision, PRECISIONS)}")
        if not len(mean) == len(std) == in_channels:
            raise ModelError(
                f"mean holds {len(mean)} numbers and std {len(std)} for images of {in_channels} channels; give one for each channel"
            )
        weight = next(model.parameters(), torch.empty(0))
        self.device = weight.device if device == "auto" else _device(device)
        self.model = model.to(self.device).eval()
        self.labels = labels
        self.mean, self.std = tuple(mean), tuple(std)
        self.in_channels = in_channels
        self.precision = precision
        self.temperature = 1.0  # logits are divided by it before they become probabilities; no class changes
        self.checkpoint: Checkpoint | None = None  # what it was loaded from, without tensors

    @classmethod
    def load(
        cls,
        path: str | Path,
        model: nn.Module | None = None,
        device: str | torch.device = "auto",
        precision: str = "float32",
    ) -> Predictor:
        """The network of a checkpoint, ready for use.

        Args:
            path: a checkpoint, or the folder of a run.
            model: a network of the user's own, which gets the weights; needed where the catalogue does not have it.
            device: "auto" takes a GPU where there is one.

        Raises: CheckpointError when the file is no checkpoint or does not fit; ModelError for an unknown device.
        """
        stored = checkpoints.load(path)
        network = stored.build(model)
        place = (
            _device("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
            if device == "auto"
            else _device(device)
        )
        if model is None and place.type == "cpu":
            network = network.to(memory_format=torch.channels_last)  # 1.1 to 1.7 times as fast there, equal to rounding
        predictor = cls(
            network,
            stored.labels,
            stored.mean,
            stored.std,
            in_channels=stored.in_channels,
            device=place,
            precision=precision,
        )
        predictor.checkpoint = replace(stored, weights={}, state={})
        predictor.temperature = stored.temperature
        return predictor

    def __call__(self, image: str | Path | Image.Image | np.ndarray | Tensor) -> Prediction:
        """Name every pixel of one picture.

        Args:
            image: a file, an image of PIL's, an array [H, W] or [H, W, C], or a tensor [C, H, W]; raw values.

        Raises: DataError when it cannot be read, or has other channels than the network was trained on.
        """
        return self._predict(*self._read(image))

    def stream(
        self,
        images: Iterable[str | Path | Image.Image | np.ndarray | Tensor],
        workers: int = 1,
        failed: Callable[[str, IntarsiaError], None] | None = None,
    ) -> Iterator[Prediction]:
        """Name every pixel of many pictures, in order, reading ahead; at most `workers` + 1 pictures wait in memory.

        Args:
            images: what a call takes; drawn one by one, so that it may be endless.
            workers: threads that read ahead; 0 reads each picture when its turn comes.
            failed: called with the path and the error of each picture that cannot be used, which is then left out; without
                it, the first such picture raises its error once the pictures before it have been handed out.
        """
        with ThreadPoolExecutor(max(1, workers)) as pool:
            ahead: deque[tuple[str, Future[tuple[np.ndarray, np.ndarray, str, Path | None, str]]]] = deque()
            source = iter(images)
            try:
                while True:
                    while len(ahead) <= workers:
                        try:
                            image = next(source)
                        except StopIteration:
                            break
                        ahead.append((_called(image), pool.submit(self._read, image)))
                    if not ahead:
                        return
                    name, job = ahead.popleft()
                    try:
                        prediction = self._predict(*job.result())
                    except IntarsiaError as error:
                        if failed is None:
                            raise
                        failed(name, error)
                        continue
                    finally:
                        del job  # or its picture would stay while the next one is read
                    yield prediction
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    @torch.inference_mode()
    def run(self, image: Tensor) -> Tensor:
        """The classes of a batch's pixels.

        Args:
            image: [B, C, H, W] raw integers, uint8 or int32 (16-bit values).

        Returns: [B, H, W] class numbers on the CPU, uint8, or int32 beyond 255 classes.
        """
        return self.labels.decide(self.logits(image)).cpu()

    @torch.inference_mode()
    def logits(self, image: Tensor) -> Tensor:
        """The scores of a batch's pixels.

        Args:
            image: [B, C, H, W] raw integers, uint8 or int32 (16-bit values).

        Returns: [B, K, H, W] float32 on the predictor's device; K is 1 for one sigmoid map.

        Raises: DataError for other images, or images that do not fit into memory; ModelError when the network's output
            is no such scores.
        """
        if image.ndim != 4 or image.shape[1] != self.in_channels or not image.numel():
            raise DataError(f"images of shape {tuple(image.shape)}; give [B, {self.in_channels}, H, W], not empty")
        if image.dtype not in (torch.uint8, torch.int32):
            raise DataError(
                f"images of {image.dtype}; give raw integers, uint8 or (16-bit values) int32: the predictor normalizes them itself"
            )
        if self.model.training:
            self.model.eval()
        with _memory_told(image, self.device):
            x = normalize(image.to(self.device), self.mean, self.std)
            x = x.contiguous(memory_format=_layout(self.model))
            dtype = PRECISIONS[self.precision]
            with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
                output = self.model(x)
            return self._scores(output, image).float()

    def probabilities(self, image: Tensor) -> Tensor:
        """How probable each class is, under the temperature that `intarsia calibrate` fitted.

        Args:
            image: [B, C, H, W] raw integers, uint8 or int32 (16-bit values).

        Returns: [B, K, H, W] float32 on the predictor's device; K is the number of classes, also for one sigmoid map.
        """
        return self.scaled(self.logits(image))

    @torch.inference_mode()
    def scaled(self, logits: Tensor) -> Tensor:
        """The probabilities [B, K, H, W] of logits, under the predictor's temperature."""
        return self.labels.probabilities(logits / self.temperature)

    def _scores(self, output: object, image: Tensor) -> Tensor:
        network, found = type(bare(self.model)).__name__, semantic(output)
        if found is None:
            raise ModelError(f"{network} returned {spelled(output)}; {ALLOWED}")
        logits = found.logits
        want = (image.shape[0], self.labels.head_size, *image.shape[2:])
        if tuple(logits.shape) != want:
            raise ModelError(
                f"{network} returned scores of shape {list(logits.shape)} where {list(want)} is needed: images, maps "
                f"({self.labels.num_classes} classes, {self.labels.activation}), and the image's own height and width"
            )
        if logits.amax().isnan():
            other = (
                ""
                if self.precision == "float32"
                else f"; {self.precision} may be too narrow for it: use precision='float32'"
            )
            raise ModelError(
                f"{network} returned scores that are no numbers (NaN){other or '; its weights are broken: use an earlier checkpoint'}"
            )
        return logits

    def _read(
        self, image: str | Path | Image.Image | np.ndarray | Tensor
    ) -> tuple[np.ndarray, np.ndarray, str, Path | None, str]:
        """(the picture as it is, in the network's channels, its name, its path, what was done to its channels)."""
        path = Path(image) if isinstance(image, str | Path) else None
        try:
            pixels = read(image)
        except MemoryError:
            raise DataError(
                f"{_called(image)}: the picture does not fit into memory; cut it into tiles, or make it smaller"
            ) from None
        try:
            fitted, note = fit_channels(pixels, self.in_channels)
        except DataError as error:
            if path is None:
                raise
            raise DataError(f"{path}: {error}") from None
        return pixels, fitted, path.stem if path else "image", path, note

    def _predict(self, pixels: np.ndarray, fitted: np.ndarray, name: str, path: Path | None, note: str) -> Prediction:
        try:
            labels = self.run(to_tensor(fitted))[0].numpy().astype(self.labels.dtype, copy=False)
        except DataError as error:
            if path is None:
                raise
            raise DataError(f"{path}: {error}") from None
        return Prediction(labels, self.labels, pixels, name, path, note)


def _called(image: object) -> str:
    return str(image) if isinstance(image, str | Path) else "image"


def _layout(model: nn.Module) -> torch.memory_format:
    """The memory layout that a network's convolutions are stored in: images follow it."""
    for weight in model.parameters():
        if weight.ndim == 4 and weight.shape[1] > 1 and weight[0, 0].numel() > 1:
            last = weight.is_contiguous(memory_format=torch.channels_last)
            return torch.channels_last if last else torch.contiguous_format
    return torch.contiguous_format


def _device(name: str | torch.device) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelError(f"there is no device {str(name)!r}{nearest(name, ('auto', 'cpu', 'cuda', 'mps'))}") from None
    here: dict[str, Callable[[], bool]] = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if device.type in here and not here[device.type]():
        raise ModelError(
            f"device {str(name)!r} was asked for, and this machine has none that torch can use; use device='cpu'"
        )
    if device.type == "cuda" and device.index is not None and device.index >= torch.cuda.device_count():
        raise ModelError(
            f"device {str(name)!r} was asked for, and this machine has {torch.cuda.device_count()} GPUs, counted from cuda:0"
        )
    return device


@contextmanager
def _memory_told(image: Tensor, device: torch.device) -> Iterator[None]:
    """Turn the several ways of saying "out of memory" into one sentence."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if (
            not isinstance(error, MemoryError | torch.OutOfMemoryError)
            and "not enough memory" not in str(error)
            and "allocate memory" not in str(error)
        ):
            raise
        count, _, height, width = image.shape
        many = f"{count} pictures" if count > 1 else "a picture"
        raise DataError(
            f"{many} of {width} x {height} pixels {'do' if count > 1 else 'does'} not fit into the memory of {device} with this network; "
            "cut it into tiles, make it smaller, or use a device with more memory"
        ) from None
