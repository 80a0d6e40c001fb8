"""What a checkpoint knows, and the network it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from ..errors import CheckpointError, IntarsiaError
from ..labels import LabelSpace
from ..models import build
from .wrapped import fitted

REMOTE = ("hf-hub:", "hf_hub:", "local-dir:", "http:", "https:")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network, and what is needed to use it, to judge it and to train on.

    Args:
        model: a name of the catalogue; None for a network of the user's own.
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
        if not 0 < self.temperature < float("inf"):
            raise CheckpointError(f"calibration.temperature is {self.temperature}; it must be a number above 0")

    @property
    def temperature(self) -> float:
        """What logits are divided by before they become probabilities; 1 for a network that was never calibrated."""
        return float(self.calibration.get("temperature", 1.0))

    def build(self, model: nn.Module | None = None) -> nn.Module:
        """The network with these weights, in eval mode, on the CPU.

        Args:
            model: a network of the user's own to put the weights into, which may be compiled; None builds the one named in
                the checkpoint.

        Raises: CheckpointError when there is no network to build, or the weights do not fit it.
        """
        if model is None:
            model = self._architecture()
        weights = fitted(self.weights, model)
        self._refuse_misfit(model, weights)
        model.load_state_dict(weights)
        return model.eval()

    def _architecture(self) -> nn.Module:
        if self.model is None:
            raise CheckpointError(
                "the checkpoint holds weights of a network of the user's own, which it cannot build; "
                "hand the network over, as in Predictor.load(path, model=MyNet(...))"
            )
        options = {**self.options, "in_channels": self.in_channels}
        if "pretrained" in options:
            options["pretrained"] = False  # its weights are here; nothing is downloaded
        for key, value in options.items():
            if isinstance(value, str) and value.lower().startswith(REMOTE):
                raise CheckpointError(
                    f"the checkpoint asks for {key}={value!r}, which is fetched from elsewhere; networks are built from the catalogue only"
                )
        try:
            return build(self.model, self.labels.head_size, **options)
        except IntarsiaError as error:
            raise CheckpointError(f"the network of the checkpoint cannot be built: {error}") from error
        except Exception as error:  # whatever a constructor makes of options that were tampered with
            raise CheckpointError(
                f"the network of the checkpoint, {self.model} with {dict(options)}, cannot be built ({error})"
            ) from error

    def _refuse_misfit(self, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
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
                f"build the network as it was trained, with {self.labels.head_size} classes, {self.in_channels} channels and its own options"
            )


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
