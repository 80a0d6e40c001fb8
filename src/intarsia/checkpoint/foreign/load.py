"""A network of ours with the weights of another library's, and a report of what became of each tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...errors import CheckpointError
from ...labels import LabelSpace
from ..record import Checkpoint
from . import segmentation_models_pytorch, torchvision, torchvision_detection
from .names import STRANGE, Found, fold_biases, rename
from .pipeline import AS_IT_IS, Pipeline
from .tensors import read
from .variants import build, output_of

COUNTER = ".num_batches_tracked"  # of a batch norm: frozen ones have none, and no answer depends on it
PEERS = (torchvision, torchvision_detection, segmentation_models_pytorch)
KNOWN = (
    "torchvision's FCN, DeepLabV3, LRASPP, Mask R-CNN and Faster R-CNN; segmentation-models-pytorch's Unet, UnetPlusPlus, Linknet, FPN, PSPNet, "
    "DeepLabV3, DeepLabV3Plus and UPerNet"
)


@dataclass(frozen=True)
class Report:
    """What became of each tensor of a file, and of our network.

    Args:
        peer: what the file was taken for: "torchvision's DeepLab v3".
        taken: the file's name -> ours.
        left: the file's name -> why it is of no use.
        missing: ours that the file has not; they are as the constructor made them.
        assumed: options that no tensor tells, at the peer's defaults. If the network was built otherwise, its answer is
            another one: give the option to `load_foreign`.
    """

    peer: str
    taken: Mapping[str, str]
    left: Mapping[str, str]
    missing: tuple[str, ...]
    assumed: Mapping[str, Any]

    def __str__(self) -> str:
        lines = [f"{self.peer}: {len(self.taken)} tensors taken"]
        lines += [f"  {count} left: {reason}" for reason, count in Counter(self.left.values()).items()]
        lines += [f"  {len(self.missing)} not in the file, and untrained: {_few(self.missing)}"] if self.missing else []
        if self.assumed:
            given = ", ".join(f"{key}={value!r}" for key, value in self.assumed.items())
            lines += [f"  assumed, because no tensor tells: {given}; if it was built otherwise, say so to load_foreign"]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Foreign:
    """A network of our catalogue with the weights of another library's.

    Args:
        network: in eval mode, on the CPU.
        model, num_classes, in_channels, options: what `build` was given; the model is one of the catalogue, or a peer's
            variant of one, such as "smp_pspnet".
        report: what became of each tensor.
        classes: their names, where so many are a known data set's: 90 of torchvision's detectors are COCO's.
        labels: the classes with their colors, where the file names them.
        pipeline: what the peer does with a picture first: mean, deviation, size, windows.
    """

    network: nn.Module
    model: str
    num_classes: int
    in_channels: int
    options: Mapping[str, Any]
    report: Report
    classes: tuple[str, ...] = ()
    labels: LabelSpace | None = None
    pipeline: Pipeline = AS_IT_IS

    def checkpoint(self, labels: LabelSpace | None = None) -> Checkpoint:
        """A checkpoint of ours, for `save`, and then for `Predictor.load`, `intarsia evaluate` and `train --from`.

        Args:
            labels: names of the classes, in the order of the network's maps; None: as the file names them, or `classes`,
                each of which is a thing.

        Raises: CheckpointError if they are not as many as the network draws, or nobody knows them.
        """
        labels = labels or self.labels
        if labels is None:
            if not self.classes:
                raise CheckpointError(f"the file does not name its {self.num_classes} classes; give labels")
            labels = LabelSpace(self.classes, things=self.classes)
        if (needed := labels.maps(output_of(self.model))) != self.num_classes:
            raise CheckpointError(
                f"the network draws {self.num_classes} maps, and the labels need {needed}; name as many classes"
            )
        encoder: Any = self.network.encoder
        prepared = self.pipeline
        return Checkpoint(
            model=self.model,
            options=self.options,
            labels=labels,
            in_channels=self.in_channels,
            mean=encoder.mean if prepared.mean is None else prepared.mean,
            std=encoder.std if prepared.std is None else prepared.std,
            weights=self.network.state_dict(),
            recipe={"predict": dict(prepared.predict)} if prepared.predict else {},
            resize=prepared.resize.to_dict() if prepared.resize else {},
            notes={"weights": self.report.peer, "assumed": dict(self.report.assumed)},
        )


def load_foreign(path: str | Path, *, num_classes: int | None = None, strict: bool = True, **options: Any) -> Foreign:
    """A network of ours with the weights of torchvision's or segmentation-models-pytorch's, and their answer.

    Args:
        path: a .pth, .pt or .safetensors file, or a folder that save_pretrained wrote. Nothing in it is executed.
        num_classes: null: as the file has; another number makes a new, untrained head, and needs `strict=False`.
        strict: refuse a file whose tensors do not all fit, or do not fill the network; false takes what fits.
        options: of our constructor, where the file cannot tell: `encoder`, if it is one of timm's, or what the peer was
            given that leaves no trace in its tensors, such as `rates`, `output_stride` and `upsample`. Without them the
            peer's defaults are taken, and the report lists them as `assumed`.

    Raises: CheckpointError that says what the file holds instead, or which tensor does not fit.
    """
    path = Path(path)
    tensors, settings = read(path)
    found = _recognized(path, tensors, settings)
    chosen = {**found.options, **options}
    if "encoder" not in chosen:
        raise CheckpointError(
            f"{path}: the file does not say which network of timm its encoder is; name it, as in "
            "load_foreign(path, encoder='regnetx_004')"
        )
    classes = num_classes or found.num_classes
    network = build(found.model, classes, in_channels=found.in_channels, **chosen)
    found = found._replace(assumed=tuple(key for key in found.assumed if key not in options))
    report = _fill(network, tensors, found, path, strict)
    known = found.classes if len(found.classes) == classes else ()
    named = found.labels if classes == found.num_classes else None
    return Foreign(
        network.eval(), found.model, classes, found.in_channels, chosen, report, known, named, found.pipeline
    )


def _recognized(path: Path, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found:
    try:
        found = next((f for peer in PEERS if (f := peer.recognize(tensors, settings))), None)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    if found is not None:
        return found
    if any(key.startswith("weights/") for key in tensors):
        raise CheckpointError(f"{path}: is a checkpoint of intarsia itself; give it to intarsia.Predictor.load")
    raise CheckpointError(
        f"{path}: {len(tensors)} tensors ({_few(tuple(tensors))}) of no network that is known here; known are {KNOWN}"
    )


def _fill(network: nn.Module, tensors: Mapping[str, Tensor], found: Found, path: Path, strict: bool) -> Report:
    """Put the tensors into the network.

    Raises: CheckpointError if `strict` and any tensor has no place, another shape, or is missing.
    """
    needed = network.state_dict()
    renamed = rename(tensors, found)
    fold_biases(renamed, needed)
    for key, name in list(renamed.taken.items()):
        have, need = tuple(tensors[key].shape), tuple(needed[name].shape) if name in needed else None
        if need is None:
            renamed.left[key] = STRANGE
        elif tuple(renamed.ours[name].shape) != need:
            renamed.left[key] = f"has shape {list(have)}, and {name} needs {list(need)}"
        else:
            continue
        del renamed.taken[key]
        renamed.ours.pop(name, None)
    missing = tuple(name for name in needed if name not in renamed.ours and not name.endswith(COUNTER))
    assumed = {key: found.options[key] for key in found.assumed}
    report = Report(found.peer, renamed.taken, renamed.left, missing, assumed)
    if strict:
        _refuse_misfit(report, found, path)
    network.load_state_dict(renamed.ours, strict=False)
    return report


def _refuse_misfit(report: Report, found: Found, path: Path) -> None:
    shapes = [f"{key} {why}" for key, why in report.left.items() if why.startswith("has shape")]
    strange = tuple(key for key, why in report.left.items() if why == STRANGE)
    faults = shapes[:1] + ([f"{len(shapes) - 1} more differ in shape"] if len(shapes) > 1 else [])
    faults += [f"{_few(strange)} have no place in {found.model}"] if strange else []
    faults += [f"{_few(report.missing)} of {found.model} are not in it"] if report.missing and not shapes else []
    if faults:
        raise CheckpointError(
            f"{path}: taken for {found.peer}, but {'; '.join(faults)}; name the options it was built with, "
            "or take what fits with strict=False"
        )


def _few(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
