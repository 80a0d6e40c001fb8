"""What a checkpoint knows, and the network it stands for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.overrides import TorchFunctionMode

from .. import classical
from ..errors import CheckpointError, IntarsiaError
from ..labels import LabelSpace
from ..limits import MEMBER, OPTION, OPTIONS, PARTS
from .resizing import resizing_of
from .wrapped import fitted

FILLING = {"normal_", "uniform_", "trunc_normal_", "constant_", "fill_", "zero_", "mul_", "add_", "clamp_", "erfinv_",
           "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_", "copy_"}  # fmt: skip
REMOTE = ("hf-hub:", "hf_hub:", "local-dir:", "http:", "https:")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network, and what is needed to use it, to judge it and to train on.

    Args:
        model: a name of the catalogue, of a peer's variant of it, or of a method of `classical`; None for a network of the user's own.
        options: the keyword arguments of its constructor, all but `num_classes`; plain data.
        in_channels: channels of the images it was trained on.
        mean, std: one number for each channel, in units of the full scale (255 or 65535).
        weights: what `state_dict()` of the network gives, under the names of the network without torch.compile or
            DataParallel around it (`state_of`).
        recipe: the complete recipe of the run, as `Recipe.to_dict` gives it.
        protocol: the name of the protocol its scores follow.
        data_hash: of the training data, as the audit computes it.
        calibration: what was fitted on held-out images after training: "temperature", and "sets" for label sets.
        notes: anything a person or a tool wants to keep with it; plain data.
        state: further tensors needed to train on: of optimizer, moving average and random generators.
        progress: further plain data needed to train on.
        resize: the size in which the network wants its pictures, as `Resizing.to_dict` gives it; empty: their own.
    """

    model: str | None
    options: Mapping[str, Any]
    labels: LabelSpace
    in_channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: Mapping[str, Tensor]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    protocol: str = "dataset"
    data_hash: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Tensor] = field(default_factory=dict)
    progress: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    resize: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", tuple(float(m) for m in self.mean))
        object.__setattr__(self, "std", tuple(float(s) for s in self.std))
        if self.in_channels < 1:
            raise CheckpointError(f"in_channels is {self.in_channels}; an image has at least one channel")
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) != self.in_channels:
                raise CheckpointError(
                    f"{name} holds {len(numbers)} numbers for images of {self.in_channels} channels; give one for each"
                )
        if not all(s > 0 for s in self.std):
            raise CheckpointError(f"std is {list(self.std)}; each must be above 0, or images cannot be normalized")
        resizing_of(self.resize)
        if not 0 < self.temperature < float("inf"):
            raise CheckpointError(f"calibration.temperature is {self.temperature}; it must be a number above 0")

    @property
    def temperature(self) -> float:
        """What logits are divided by before they become probabilities; 1 for a network that was never calibrated."""
        return float(self.calibration.get("temperature", 1.0))

    def build(self, model: nn.Module | None = None, *, share: bool = False) -> nn.Module:
        """The network with these weights, in eval mode, on the CPU.

        Args:
            model: a network of the user's own to put the weights into, which may be compiled; None builds the one named in
                the checkpoint.
            share: the network may keep the checkpoint's own tensors, for one that nobody uses afterwards.

        Raises: CheckpointError when there is no network to build, or the weights do not fit it.
        """
        if model is None:
            model = self._on_paper()
            if model is not None and whole(model):
                weights, wanted = self._fitted(model), model.state_dict()
                copies = {name: weights[name].to(held.dtype, copy=not share) for name, held in wanted.items()}
                model.load_state_dict(copies, assign=True)
                return model.eval()
            model = self._architecture()  # it computes numbers that no file holds
        model.load_state_dict(self._fitted(model))
        return model.eval()

    def _on_paper(self) -> nn.Module | None:
        """The network with shapes alone, which are those of the weights; None for one that reads numbers while it is built.

        Options that do not fit allocate nothing large here.
        """
        try:
            with torch.device("meta"), Unfilled():
                model = self._architecture()
        except CheckpointError as error:
            if isinstance(error.__cause__, RuntimeError):  # as `item()` of a tensor without numbers
                return None
            raise
        self._fitted(model)
        if (size := sum(tensor.nbytes for tensor in computed(model))) > MEMBER:
            raise CheckpointError(
                f"the network of the checkpoint computes {size:,} bytes beside its weights; at most {MEMBER:,} are allowed"
            )
        return model

    def _architecture(self) -> nn.Module:
        from .foreign.variants import build, output_of  # here, because that room makes checkpoints itself

        if self.model is not None and classical.is_classical(self.model):
            raise CheckpointError(
                f"{self.model} is a method from before deep learning and no network; predict, evaluate, compare and road take it"
            )
        if self.model is None:
            raise CheckpointError(
                "the checkpoint holds weights of a network of the user's own, which it cannot build; "
                "hand the network over, as in Predictor.load(path, model=MyNet(...))"
            )
        options = {**self.options, "in_channels": self.in_channels}
        if "pretrained" in options:
            options["pretrained"] = False  # its weights are here; nothing is downloaded
        check_options(options)
        try:
            with _counted(self.weights):
                return build(self.model, self.labels.maps(output_of(self.model)), **options)
        except CheckpointError:
            raise
        except IntarsiaError as error:
            raise CheckpointError(f"the network of the checkpoint cannot be built: {error}") from error
        except Exception as error:  # whatever a constructor makes of options that were tampered with
            raise CheckpointError(
                f"the network of the checkpoint, {self.model} with {dict(options)}, cannot be built ({str(error)[:200]})"
            ) from error

    def _fitted(self, model: nn.Module) -> dict[str, Tensor]:
        """The weights under the names that the network's `state_dict` has.

        Raises: CheckpointError naming what does not fit.
        """
        weights = fitted(self.weights, model)
        have = {name: tuple(t.shape) for name, t in weights.items()}
        want = {name: tuple(t.shape) for name, t in model.state_dict().items() if isinstance(t, Tensor)}
        missing, foreign = sorted(want.keys() - have.keys()), sorted(have.keys() - want.keys())
        shapes = [name for name in want if name in have and want[name] != have[name]]
        faults = []
        if shapes:
            faults += [
                f"{_few(shapes)} differ in shape ({list(have[shapes[0]])} in the checkpoint, {list(want[shapes[0]])} in the network)"
            ]
        if missing:
            faults += [f"{_few(missing)} of the network are missing from it"]
        if foreign:
            faults += [f"{_few(foreign)} of it are unknown to the network"]
        if faults:
            called = self.model or type(model).__name__
            raise CheckpointError(
                f"the weights of the checkpoint do not fit {called}: {'; '.join(faults)}; "
                f"build the network as it was trained, with {self.labels.num_classes} classes, {self.in_channels} channels and its own options"
            )
        return weights


class Unfilled(TorchFunctionMode):
    """Skip the first weights of a network that is built on the meta device: nothing is drawn or computed for them.

    What a network computes of an image stays as it is, because encoders are asked, while they are built, for which sizes
    they work and which of their parts are used: a shortcut that is added in place is one of them.
    """

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") in FILLING and args and isinstance(args[0], Tensor) and args[0].is_meta:
            from_others = any(isinstance(value, Tensor) for value in args[1:])
            if not from_others and not (torch.is_grad_enabled() and args[0].requires_grad):
                return args[0]
        return function(*args, **(kwargs or {}))


def whole(model: nn.Module) -> bool:
    """Whether a network on the meta device is complete once its `state_dict` is given values.

    It is not when it keeps numbers beside it, which its constructor computed: buffers that are not saved, or plain
    tensors; or when one parameter has two names, which would come apart.
    """
    held = [tensor for tensor in model.state_dict(keep_vars=True).values() if isinstance(tensor, Tensor)]
    return len(set(map(id, held))) == len(held) and not computed(model)


def computed(model: nn.Module) -> list[Tensor]:
    """The tensors without values, of a network on the meta device, that its `state_dict` does not hold."""
    saved = {id(tensor) for tensor in model.state_dict(keep_vars=True).values()}
    kept = (
        value
        for module in model.modules()
        for value in (*module._buffers.values(), *module._parameters.values(), *vars(module).values())
    )
    return [value for value in kept if isinstance(value, Tensor) and value.is_meta and id(value) not in saved]


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that no network can be meant by, or that fetch something: numbers and lists beyond all reason, lists
    in lists without end, and addresses.

    Raises: CheckpointError.
    """
    waiting: list[tuple[str, Any, int]] = [(key, value, 0) for key, value in options.items()]
    seen = 0
    while waiting:
        where, value, depth = waiting.pop()
        seen += 1
        if isinstance(value, int | float) and not abs(value) <= OPTION:
            given = value if abs(value) < 1e15 else "a number of more than 15 digits"
            raise CheckpointError(
                f"the checkpoint asks for {where}={given}; at most {OPTION:,} makes sense in a network"
            )
        if seen > OPTIONS or depth > 8 or (isinstance(value, str) and len(value) > OPTIONS):
            raise CheckpointError(f"the checkpoint asks for {where} with more values than a network's options have")
        if isinstance(value, str) and value.lower().startswith(REMOTE):
            raise CheckpointError(
                f"the checkpoint asks for {where}={value!r}, which is fetched from elsewhere; networks are built from the catalogue only"
            )
        if isinstance(value, Mapping):
            waiting += [(f"{where}.{key}", item, depth + 1) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            waiting += [(where, item, depth + 1) for item in value[: OPTIONS + 1]]


@contextlib.contextmanager
def _counted(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop the building of a network that is far larger than a file: options can ask for millions of parts, or gigabytes.

    A parameter is counted when its module gets it, before numbers are drawn for it, so that it has taken no memory yet.

    Raises: CheckpointError.
    """
    thread, count, size = threading.get_ident(), 0, 0
    most = 20 * len(weights) + PARTS
    largest = 4 * sum(tensor.nbytes for tensor in weights.values()) + MEMBER

    def one_more(module: nn.Module, name: str, part: object) -> None:
        nonlocal count, size
        if threading.get_ident() != thread:
            return
        count += 1
        if isinstance(part, Tensor) and not part.is_meta:
            size += part.nbytes
        if count > most or size > largest:
            raise CheckpointError(
                f"the network that the checkpoint asks for has more than {most:,} parts or {largest:,} bytes, and the file "
                f"{len(weights)} tensors; the two do not belong together"
            )

    hooks = [register_module_module_registration_hook(one_more), register_module_parameter_registration_hook(one_more)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
