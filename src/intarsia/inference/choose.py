"""Choose the backend that answers pictures quickest on this machine, and remember it.

    many pictures - each backend on a few of them - the quickest whose answers hold - remembered: network, machine, size
    few pictures  - what was remembered, else the usual one: choosing must cost less than it saves

A backend that equals float32 to rounding may be taken for its speed alone. Another is held against float32 on the first
pictures of each job, also where its speed is remembered, and taken only within `Bounds`.
"""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..checkpoint import state_of
from ..errors import IntarsiaError, counted
from ..labels import LabelSpace
from ..postprocess import semantic_view
from .backends import BACKENDS, backend_of, exchanged, usual
from .engine import Engine, Torch, networks_of
from .inputs import to_tensor
from .predictor import Predictor
from .reading import Given, read_picture
from .remembered import circumstances, recalled, remember

FILE = "backends.json"
SHARE = 0.05  # of a job that choosing may take at most
TIMED = 2  # passes of each backend that are timed, after one that is not
SEEN = 3  # pictures that a backend's answers are held against float32 on
SIDE = 512  # pixels: of larger pictures the middle is taken
GAIN = 1.05  # times as fast as the usual backend that another must be


class Bounds(NamedTuple):
    """What the answers of a backend that does not equal float32 may differ by at most.

    Args:
        pixels: share of the pixels whose class changes, 0..1.
        probability: mean difference of all probabilities, 0..1.
    """

    pixels: float = 0.005
    probability: float = 0.005


BOUNDS = Bounds()


def choose(
    predictor: Predictor, pictures: Iterable[Given], count: int, folder: Path | None = None
) -> tuple[Predictor, str]:
    """Choose how a predictor computes a job.

    Args:
        pictures: of the job, the first of which are looked at where choosing pays.
        count: how many there are.
        folder: where choices are remembered, each under the processor, PyTorch's version, the number of threads, the network
            with its weights and the size of the first picture; None: the user's cache folder.

    Returns: a predictor that computes so, and in one sentence which backend that is and why; "" where nothing was chosen, and
        the predictor stays as it is.
    """
    networks = networks_of(predictor.engine)
    if len(networks) != 1 or networks[0].precision != "float32" or networks[0].device.type == "mps":
        return predictor, ""
    old, names = networks[0], usual(networks[0].device)
    key, measurable = f"{circumstances(old.device)}; {fingerprint(old.model)}", passes(names) <= SHARE * count
    known = _sound(recalled(FILE, key, folder), names)
    if not known and not measurable:
        return predictor, ""
    images = _samples(pictures, predictor.in_channels)
    if not images:
        return predictor, ""
    size = "x".join(str(side) for side in images[0].shape[2:])
    if size in known:
        return _remembered(predictor, old, known[size], count, images)
    if not measurable:
        return predictor, ""
    backend, says = quickest(old, names, images, predictor.labels)
    if not backend:
        return predictor, ""
    remember(FILE, key, {**known, size: {"backend": backend, "says": says}}, folder)
    return _with(predictor, old, backend), says


def passes(names: Sequence[str]) -> int:
    """How many passes over a picture choosing among backends takes."""
    judged = sum(not BACKENDS[name].equal for name in names)
    return (1 + TIMED) * len(names) + 2 * SEEN * judged


def by_name(predictor: Predictor, name: str) -> Predictor:
    """The same predictor, computed by a backend of that name.

    Raises: ModelError where there is none, it cannot be had here, or the predictor runs no network in PyTorch.
    """
    networks, made = networks_of(predictor.engine) or [predictor.pytorch], predictor
    backend_of(name, networks[0].device)
    for network in networks:
        made = _with(made, network, name)
    return made


def quickest(old: Torch, names: Sequence[str], images: Sequence[Tensor], labels: LabelSpace) -> tuple[str, str]:
    """The backend that is quickest on images, of those whose answers hold; and why, in a sentence.

    Args:
        images: [1, C, H, W] raw integers.

    Returns: "" where the usual one cannot compute the first image: the job says why when that picture's turn comes.
    """
    usually = "channels_last" if "channels_last" in names and old.device.type == "cpu" else names[0]
    left, why = {}, []
    for name in names:
        engine, fault = _tried(old, name, images, labels)
        if fault:
            why.append(f"{name} was left out: {fault}")
        else:
            left[name] = engine
    if usually not in left:
        return "", ""
    took = _timed(left, images[0], old.device)
    best = min(took, key=lambda name: took[name])
    if best != usually and took[usually] < GAIN * took[best]:
        best = usually
    height, width = images[0].shape[2:]
    others = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in took.items() if name != best)
    told = f"computed in {best}: {1000 * took[best]:.1f} ms for {height}x{width}" + (f" ({others})" if others else "")
    return best, "; ".join([told, *why])


@torch.inference_mode()
def changes(old: Torch, new: Engine, images: Sequence[Tensor], labels: LabelSpace, bounds: Bounds = BOUNDS) -> str:
    """What about an engine's answers lies outside of the bounds, in a clause; "" where nothing does.

    Args:
        old: the network in float32, which they are held against.
        images: [1, C, H, W] raw integers.
    """
    wrong, apart, pixels = 0.0, 0.0, 0
    for image in images:
        mine, its = semantic_view(old(image)), semantic_view(new(image))
        if mine is None or its is None:
            return "it does not equal float32, and only class scores of pixels can be held against it"
        sure, other = (labels.probabilities(one.logits.float()) for one in (mine, its))
        if not bool(torch.isfinite(other).all()):
            return "its scores are no numbers"
        decided, judged = ((one > 0.5) if labels.planes else one.argmax(1, keepdim=True) for one in (sure, other))
        count = decided[:, 0].numel()
        wrong += float((decided != judged).any(1).sum())
        apart += float((sure - other).abs().mean()) * count
        pixels += count
    if wrong / pixels > bounds.pixels:
        return f"{100 * wrong / pixels:.2g} % of the pixels change, and {100 * bounds.pixels:g} % may"
    if apart / pixels > bounds.probability:
        return f"probabilities differ by {apart / pixels:.2g} on average, and {bounds.probability:g} is allowed"
    return ""


def fingerprint(model: nn.Module) -> str:
    """A short text that another network, or the same one with other weights, does not have: of some numbers of each tensor."""
    digest = hashlib.sha256(repr(model).encode())  # which shows strides and dilations, that no tensor does
    for name, tensor in state_of(model).items():
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        numbers = tensor.detach().flatten()
        some = numbers[:: max(1, numbers.numel() // 64)][:64]
        digest.update(some.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.inference_mode()
def _tried(old: Torch, name: str, images: Sequence[Tensor], labels: LabelSpace) -> tuple[Engine, str]:
    """The engine of a backend after its first pass, and why it cannot be taken; "" where it can."""
    try:
        engine = BACKENDS[name].prepare(_copied(old))
        engine(images[0])
        return engine, "" if BACKENDS[name].equal else changes(old, engine, images, labels)
    except (IntarsiaError, RuntimeError, ValueError, IndexError, MemoryError) as error:
        return old, f"it fails here ({(str(error).splitlines() or [type(error).__name__])[0][:200]})"


@torch.inference_mode()
def _timed(engines: dict[str, Engine], image: Tensor, device: torch.device) -> dict[str, float]:
    """Seconds of the best pass of each, which have their turns one after the other and have computed the image before."""
    best: dict[str, float] = {}
    for _ in range(TIMED):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine(image)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            best[name] = min(time.perf_counter() - start, best.get(name, float("inf")))
    return best


def _samples(pictures: Iterable[Given], channels: int) -> list[Tensor]:
    """The middles of the first pictures that can be read, [1, C, H, W] of at most `SIDE` pixels a side."""
    found: list[Tensor] = []
    for picture in pictures:
        try:
            image = to_tensor(read_picture(picture, channels).fitted)
        except IntarsiaError:
            continue  # said when its turn comes
        top, left = (max(0, side - SIDE) // 2 for side in image.shape[2:])
        found.append(image[:, :, top : top + SIDE, left : left + SIDE])
        if len(found) == SEEN:
            break
    return found


def _copied(engine: Torch) -> Torch:
    return Torch(copy.deepcopy(engine.model), engine.mean, engine.std, device=engine.device)


def _with(predictor: Predictor, old: Torch, name: str) -> Predictor:
    """The predictor with a backend in the place of its network's engine; it stays as it was, with its own precision."""
    fresh = Torch(old.model, old.mean, old.std, device=old.device)
    made = copy.copy(predictor)
    made.engine = exchanged(predictor.engine, old, BACKENDS[name].prepare(fresh))
    return made


def _remembered(
    predictor: Predictor, old: Torch, found: dict[str, str], count: int, images: Sequence[Tensor]
) -> tuple[Predictor, str]:
    """The predictor with the backend that was quickest, if that pays and its answers hold on pictures of this job."""
    name = found["backend"]
    if count < BACKENDS[name].least:
        return predictor, ""
    if BACKENDS[name].equal:
        return _with(predictor, old, name), f"{found['says']} (remembered)"
    _, fault = _tried(old, name, images, predictor.labels)
    if fault:
        return predictor, f"{name} was left out on these pictures: {fault}"
    held = f"held against float32 on {counted(len(images), 'picture')} of this job"
    return _with(predictor, old, name), f"{found['says']} (remembered; {held})"


def _sound(known: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of what was remembered, size -> choice, the choices of backends that are still here."""
    choices = known.items() if isinstance(known, dict) else ()
    return {
        size: one
        for size, one in choices
        if isinstance(one, dict) and one.get("backend") in names and isinstance(one.get("says"), str)
    }
