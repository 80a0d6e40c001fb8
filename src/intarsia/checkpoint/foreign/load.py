"""A network of ours with the weights of another library's, and a report of what became of each tensor."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import CheckpointError, IntarsiaError
from ...labels import LabelSpace
from ..record import Checkpoint, Unfilled, whole
from . import (
    bisenet,
    classifiers,
    ddrnet,
    dpt,
    fc_densenet,
    hierarchical,
    hrnet,
    imgclsmob,
    mmseg_attention,
    mmseg_realtime,
    mmsegmentation,
    paddleseg,
    segformer,
    segmentation_models_pytorch,
    segnet,
    torchvision,
    torchvision_detection,
)
from .names import STRANGE, Found, fold_biases, reason_for, rename
from .pipeline import AS_IT_IS, IMAGENET, Pipeline
from .tensors import prefixes, read
from .variants import NETWORKS, VARIANTS, build, output_of

COUNTER = ".num_batches_tracked"  # of a batch norm: frozen ones have none, and no answer depends on it
PEERS = (
    torchvision, torchvision_detection, segmentation_models_pytorch, segformer, dpt, mmseg_realtime, mmseg_attention, mmsegmentation, hrnet, ddrnet,
    hierarchical, bisenet, fc_densenet, segnet, imgclsmob, paddleseg, classifiers,
)  # fmt: skip
KNOWN = (
    "torchvision's FCN, DeepLabV3, LRASPP, Mask R-CNN and Faster R-CNN; segmentation-models-pytorch's networks; "
    "mmsegmentation's FCN, PSPNet, DeepLabV3, DeepLabV3+, UPerNet, Semantic FPN, OCRNet, EncNet, PSANet, DANet, CCNet, EMANet, "
    "APCNet, SegFormer, BiSeNet, BiSeNet v2, Fast-SCNN, DDRNet and ERFNet; transformers' SegFormer, DPT, "
    "and UPerNet on ConvNeXt; NVIDIA's SegFormer, hierarchical attention and OCR; the authors' HRNet, OCR, DDRNet and DPT; CoinCheung's BiSeNet and BiSeNet v2; bfortuner's FC-DenseNet; delta-onera's SegNet; "
    "imgclsmob's FCN8sd, PSPNet, DeepLabV3 and DANet; PaddleSeg's SegFormer and SegNet; "
    f"and as encoders {classifiers.KNOWN}"
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
        part: whether its encoder alone has the peer's weights, to train on from.
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
    part: bool = False

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
        encoder: Any = getattr(self.network, "encoder", None)
        usual = getattr(encoder, "mean", IMAGENET["mean"]), getattr(encoder, "std", IMAGENET["std"])
        prepared = self.pipeline
        return Checkpoint(
            model=self.model,
            options=self.options,
            labels=labels,
            in_channels=self.in_channels,
            mean=usual[0] if prepared.mean is None else prepared.mean,
            std=usual[1] if prepared.std is None else prepared.std,
            weights={key: t for key, t in self.network.state_dict().items() if key not in self.report.missing},
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
    found, tensors, beside = _recognized(path, tensors, settings)
    chosen = {**found.options, **options}
    if "encoder" not in chosen and _takes_encoder(found.model):
        raise CheckpointError(
            f"{path}: the file does not say which network of timm its encoder is; name it, as in "
            "load_foreign(path, encoder='regnetx_004')"
        )
    classes = num_classes or found.num_classes
    found = found._replace(assumed=tuple(key for key in found.assumed if key not in options))
    network, report = _filled(path, tensors, found, classes, chosen, strict)
    report = replace(report, left={**report.left, **beside})
    known = found.classes if len(found.classes) == classes else ()
    named = found.labels if classes == found.num_classes else None
    return Foreign(
        network.eval(),
        found.model,
        classes,
        found.in_channels,
        chosen,
        report,
        known,
        named,
        found.pipeline,
        found.part,
    )


def _takes_encoder(model: str) -> bool:
    built = (VARIANTS[model].model if model in VARIANTS else model, model)
    return any("encoder" in inspect.signature(NETWORKS[name]).parameters for name in built)


def _recognized(
    path: Path, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]
) -> tuple[Found, dict[str, Tensor], dict[str, str]]:
    """The network, its tensors without what wrappers put before their names, and why the others are left.

    Raises: CheckpointError where no peer's network is among them.
    """
    for prefix in prefixes(tensors):
        inner = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        if found := _of_a_peer(path, inner, settings):
            beside = {
                key: f"beside the network, which stands under {prefix!r}"
                for key in tensors
                if not key.startswith(prefix)
            }
            return found, inner, beside
    if any(key.startswith("weights/") for key in tensors):
        raise CheckpointError(f"{path}: is a checkpoint of intarsia itself; give it to intarsia.Predictor.load")
    raise CheckpointError(
        f"{path}: {len(tensors)} tensors ({_few(tuple(tensors))}) of no network that is known here; known are {KNOWN}"
    )


def _of_a_peer(path: Path, tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    for peer in PEERS:
        try:
            if found := peer.recognize(tensors, settings):
                return found
        except CheckpointError as error:
            raise CheckpointError(f"{path}: {error}") from None
        except Exception as error:  # whatever becomes of shapes and names that no writer of such files leaves
            library = peer.__name__.rpartition(".")[2].replace("_", "-")
            raise CheckpointError(
                f"{path}: begins like a network of {library}, but tensors are missing or have other shapes than there "
                f"({type(error).__name__}: {str(error)[:200]}); get the file again"
            ) from error
    return None


def _filled(
    path: Path, tensors: Mapping[str, Tensor], found: Found, classes: int, options: Mapping[str, Any], strict: bool
) -> tuple[nn.Module, Report]:
    """Build the network with the tensors in it; without a second copy of them where they fill it.

    Raises: CheckpointError if `strict` and any tensor has no place, another shape, or is missing.
    """

    def make() -> nn.Module:
        return build(found.model, classes, in_channels=found.in_channels, **options)

    try:
        with torch.device("meta"), Unfilled():
            network = make()
    except IntarsiaError as error:
        if not isinstance(error.__cause__, RuntimeError):
            raise CheckpointError(f"{path}: taken for {found.peer}, but {error}") from error
        network = make()
    except RuntimeError:
        network = make()  # it reads numbers while it is built
    except Exception as error:  # whatever a constructor makes of widths that no peer has
        raise CheckpointError(
            f"{path}: taken for {found.peer}, but no such network can be built of it ({str(error)[:200]}); get the file again"
        ) from error
    ours, report = _fitted(path, tensors, found, network.state_dict(keep_vars=True), strict)
    if next(iter(network.state_dict().values())).is_meta:
        if whole(network) and not report.missing:
            _assign(network, ours)
            return network, report
        network = make()
    network.load_state_dict(ours, strict=False)
    return network, report


def _assign(network: nn.Module, ours: Mapping[str, Tensor]) -> None:
    """Let a network on the meta device keep these very tensors, each in memory of its own."""
    held: dict[str, Tensor] = {}
    memories: set[int] = set()
    for name, empty in network.state_dict().items():
        tensor = ours.get(name)
        if tensor is None:  # a counter of batches
            held[name] = torch.zeros(empty.shape, dtype=empty.dtype)
            continue
        tensor = tensor.detach().to(empty.dtype).contiguous()
        storage = tensor.untyped_storage()
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in memories:
            tensor = tensor.clone()
        memories.add(tensor.untyped_storage().data_ptr())
        held[name] = tensor
    network.load_state_dict(held, assign=True)
    trained = dict(network.named_parameters())
    for parameter in trained.values():
        parameter.requires_grad_(parameter.is_floating_point())


def _fitted(
    path: Path, tensors: Mapping[str, Tensor], found: Found, needed: Mapping[str, Any], strict: bool
) -> tuple[dict[str, Tensor], Report]:
    """The tensors under our names, as far as they fit, and what became of each.

    Raises: CheckpointError if `strict` and any tensor has no place, another shape, or is missing.
    """
    try:
        renamed = rename(tensors, found)
        fold_biases(renamed, needed)
    except Exception as error:  # as of a kernel that cannot be cut in halves
        raise CheckpointError(
            f"{path}: taken for {found.peer}, but its tensors have other shapes ({str(error)[:200]}); get the file again"
        ) from error
    for key, name in list(renamed.taken.items()):
        have, need = tuple(tensors[key].shape), tuple(needed[name].shape) if name in needed else None
        if need is None:
            renamed.left[key] = reason_for(key, found.spare) or STRANGE
        elif name not in renamed.ours:  # taken out with the first of two that stand for it
            renamed.left[key] = f"stands for {name}, and so does another tensor, which does not fit"
        elif tensors[key].is_complex():
            renamed.left[key] = f"holds complex numbers, and {name} needs real ones"
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
        needed_here = tuple(name for name in missing if not (found.part and name.startswith("classify.")))
        _refuse_misfit(replace(report, missing=needed_here), found, path)
    return renamed.ours, report


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
