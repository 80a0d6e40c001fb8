"""How a predictor runs: an image through its engine to an output, an output to answers, a picture to a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError, ModelError
from ..postprocess import checked, decide, finite, options_of, semantic_view, usual_task
from ..structures import Answer, Output
from .engine import memory_explained, name_of
from .inputs import fit_channels, to_tensor
from .prediction import Prediction
from .reading import Picture
from .resized import Resized
from .windows import Windowed

if TYPE_CHECKING:
    from .predictor import Predictor


def output_of(predictor: Predictor, image: Tensor) -> Output:
    """What the engine returns for a batch, checked and in float32; see `Predictor.output`."""
    check_image(image, predictor.in_channels)
    with memory_explained(image, predictor.device):
        return sound(predictor, predictor.engine(image), image)


def answers_of(predictor: Predictor, output: Output) -> list[Answer]:
    """Decide the answers of a batch, on the CPU; see `Predictor.answers`."""
    labels, task = predictor.labels, predictor.task
    known = options_of(task or usual_task(type(output), labels), type(output))
    warmth = {"temperature": predictor.temperature} if "temperature" in known else {}
    return [_on_cpu(answer) for answer in decide(output, labels, task, **predictor.decide, **warmth)]


def run(predictor: Predictor, image: Tensor) -> list[Answer]:
    """Answer a batch, window by window where the engine sees it so; see `Predictor.run`."""
    engine = predictor.engine
    if isinstance(engine, Resized):
        check_image(image, predictor.in_channels)
        with memory_explained(image, predictor.device):
            return engine.answers(image, lambda output, part: predictor.answers(sound(predictor, output, part)))
    if not isinstance(engine, Windowed) or engine.side(image.shape[-2], image.shape[-1]) is None:
        return predictor.answers(predictor.output(image))
    check_image(image, predictor.in_channels)
    things = [predictor.labels.names.index(name) for name in predictor.labels.things]
    with memory_explained(image, predictor.device):
        return engine.answers(image, lambda output, part: predictor.answers(sound(predictor, output, part)), things)


def scores_of(predictor: Predictor, output: Output) -> Tensor:
    """The scores of pixels in an output, [B, K or 1, H, W].

    Raises: ModelError where it has none.
    """
    found = semantic_view(output)
    if found is None:
        raise ModelError(
            f"{name_of(predictor.engine)} returns {type(output).__name__}, which has no scores of each pixel's classes; "
            "use run or output"
        )
    return found.logits


def predicted(predictor: Predictor, picture: Picture, keep: bool = False) -> Prediction:
    """Answer one picture.

    Args:
        keep: its probabilities stay with the prediction, instead of being computed when they are asked for.
    """
    pixels, path, note = picture.pixels, picture.path, picture.note

    def again() -> np.ndarray:
        return predictor.probabilities(to_tensor(fit_channels(pixels, predictor.in_channels)[0]))[0].cpu().numpy()

    sure: np.ndarray | None = None
    try:
        if keep:
            output = predictor.output(to_tensor(picture.fitted))
            sure = predictor.scaled(scores_of(predictor, output))[0].cpu().numpy()
            answer = predictor.answers(output)[0]
        else:
            answer = predictor.run(to_tensor(picture.fitted))[0]
    except DataError as error:
        if path is None:
            raise
        raise DataError(f"{path}: {error}") from None
    if isinstance(predictor.engine, Windowed | Resized):
        note = "; ".join(filter(None, (note, predictor.engine.note(*pixels.shape[:2]))))
    compute = again if sure is None else lambda: sure
    return Prediction(answer, predictor.labels, pixels, picture.name, path, note, compute, picture.spacing)


def check_image(image: Tensor, channels: int) -> None:
    """Raises: DataError for what is no batch of raw integers [B, channels, H, W]."""
    if image.ndim != 4 or image.shape[1] != channels or not image.numel():
        raise DataError(f"images of shape {tuple(image.shape)}; give [B, {channels}, H, W], not empty")
    if image.dtype not in (torch.uint8, torch.int32):
        raise DataError(
            f"images of {image.dtype}; give raw integers, uint8 or (16-bit values) int32: the predictor normalizes them itself"
        )


def sound(predictor: Predictor, output: Output, image: Tensor) -> Output:
    """Check what an engine returned for images, or blended for a part of one; returns it in float32.

    Raises: ModelError for maps of other shapes, and scores that are no numbers.
    """
    network, narrow = name_of(predictor.engine), predictor.precision
    hint = "" if narrow == "float32" else f"; {narrow} may be too narrow for it: use precision='float32'"
    output = checked(output, image, predictor.labels, network)
    finite(output, network, hint)
    kind: Any = type(output)
    wide: Output = kind(*map(_wide, output))
    return wide


def _wide(part: Any) -> Any:
    return part.float() if isinstance(part, Tensor) and part.is_floating_point() else part


def _on_cpu(answer: Answer) -> Answer:
    kind: Any = type(answer)
    moved: Answer = kind(*(part.cpu() if isinstance(part, Tensor) else part for part in answer))
    return moved
