"""imgclsmob's networks for segmentation (its package pytorchcv), known by the names of their tensors.

    FCN8sd  PSPNet  DeepLabV3  DANet      on ResNetD-50b, 101b and 152b, which are timm's resnet50s, 101s and 152s

Every map that they enlarge is enlarged so that its corners meet. The parts of the backbone have names (`init_block`, `stage1`),
or, since torch counts anew what `del` leaves of a sequence, numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ...errors import CheckpointError
from .mmsegmentation import BODY, pairs
from .names import Found, Row, numbers
from .pipeline import IMAGENET, Pipeline

RESNETS = {(3, 4, 6, 3): "resnet50s", (3, 4, 23, 3): "resnet101s", (3, 8, 36, 3): "resnet152s"}
PARTS = (
    ("init_block", "stage"),
    ("0", ""),
)  # the name of the backbone's first part, and what stands before the number of others
SECOND: list[Row] = [*pairs("aux_block.conv1", "auxiliary.0"), ("aux_block.conv2.*", "auxiliary.1.score.*")]
SCORE: Row = ("final_block.conv2.*", "classify.score.*")
LEFT: Row = ("aux_block.*", "a head for training that ours has not")


def body(first: str, stage: str, depths: Sequence[int]) -> list[Row]:
    """The rows of a backbone of that many units a stage."""
    stem = (("conv1.0", "conv1.1"), ("conv1.3", "conv1.4"), ("conv1.6", "bn1"))
    rows: list[Row] = []
    for n, (conv, norm) in enumerate(stem, 1):
        rows.append((f"backbone.{first}.conv{n}.conv.*", f"{BODY}{conv}.*"))
        rows.append((f"backbone.{first}.conv{n}.bn.*", f"{BODY}{norm}.*"))
    for s, depth in enumerate(depths, 1):
        for u in range(1, depth + 1):
            theirs, ours = f"backbone.{stage}{s}.unit{u}", f"{BODY}layer{s}.{u - 1}"
            for c in (1, 2, 3):
                rows.append((f"{theirs}.body.conv{c}.conv.*", f"{ours}.conv{c}.*"))
                rows.append((f"{theirs}.body.conv{c}.bn.*", f"{ours}.bn{c}.*"))
            rows.append((f"{theirs}.identity_conv.conv.*", f"{ours}.downsample.0.*"))
            rows.append((f"{theirs}.identity_conv.bn.*", f"{ours}.downsample.1.*"))
    return rows


def branch(theirs: str, ours: str, head: str) -> list[Row]:
    """The rows of one of DANet's branches."""
    return [
        *pairs(f"{theirs}.conv1", f"{ours}.0"), (f"{theirs}.att.query_conv.*", f"{ours}.1.ask.*"),
        (f"{theirs}.att.key_conv.*", f"{ours}.1.answer.*"), (f"{theirs}.att.value_conv.*", f"{ours}.1.tell.*"),
        (f"{theirs}.att.scale.alpha", f"{ours}.1.gain"), *pairs(f"{theirs}.conv2", f"{ours}.2"),
        (f"{theirs}.conv3.*", f"{head}.score.*"),
    ]  # fmt: skip


class Kind(NamedTuple):
    """One of its networks."""

    peer: str
    marker: str  # a tensor that only it has, of those further down in `KINDS`
    score: str
    model: str
    rows: Sequence[Row]


KINDS: tuple[Kind, ...] = (
    Kind("DANet", "head.branch_pa.att.query_conv.weight", "head.conv.weight", "mmseg_danet", [
        *branch("head.branch_pa", "places", "auxiliary.0"), *branch("head.branch_ca", "kinds", "auxiliary.1"),
        ("head.conv.*", "classify.score.*"),
    ]),
    Kind("DeepLabV3", "pool.conv.conv.weight", "final_block.conv2.weight", "imgclsmob_deeplabv3", []),
    Kind("PSPNet", "pool.branches.branch2.conv.conv.weight", "final_block.conv2.weight", "mmseg_pspnet", [
        *(row for n in range(4) for row in pairs(f"pool.branches.branch{n + 2}.conv", f"pool.squeeze.{n}")),
        *pairs("final_block.conv1", "fuse"), SCORE, *SECOND,
    ]),
    Kind("FCN8sd", "final_block.conv1.conv.weight", "final_block.conv2.weight", "imgclsmob_fcn", [
        *pairs("final_block.conv1", "convolve"), SCORE, *SECOND,
    ]),
)  # fmt: skip
DEEPLABV3: list[Row] = [
    *(row for n in range(4) for row in pairs(f"pool.branches.branch{n + 1}", f"pyramid.look.{n}")),
    *pairs("pool.branches.branch5.conv", "pyramid.glance"), *pairs("pool.conv", "pyramid.fuse.0"),
    *pairs("final_block.conv1", "classify.0"), ("final_block.conv2.*", "classify.1.score.*"),
    *pairs("aux_block.conv1", "auxiliary.0.0"), ("aux_block.conv2.*", "auxiliary.0.1.score.*"),
]  # fmt: skip


def recognize(tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Found | None:
    """The network of imgclsmob that these tensors are of; None if they are of another library's.

    Args:
        settings: a config.json's; the library writes none.

    Raises: CheckpointError for a backbone that is not known here.
    """
    kind = next((kind for kind in KINDS if kind.marker in tensors), None)
    found = next((parts for parts in PARTS if f"backbone.{parts[0]}.conv1.conv.weight" in tensors), None)
    if kind is None or found is None or kind.score not in tensors:
        return None
    first, stage = found
    stages = tuple(len(numbers(tensors, f"backbone.{stage}{s}.unit{{n}}.body.conv3.conv.weight")) for s in (1, 2, 3, 4))
    encoder = RESNETS.get(stages)  # type: ignore[arg-type]
    if encoder is None:
        raise CheckpointError(
            f"imgclsmob's {kind.peer} on a backbone that is not known here; known are ResNetD-50b, 101b and 152b"
        )
    auxiliary = "aux_block.conv2.weight" in tensors
    options: dict[str, Any] = {"encoder": encoder, "align_corners": True, "auxiliary": auxiliary}
    match kind.peer:
        case "DANet":
            query = tensors["head.branch_pa.att.query_conv.weight"]
            del options["auxiliary"]
            options |= {"channels": query.shape[1], "narrow": query.shape[1] // query.shape[0]}
        case "DeepLabV3":
            options |= {"channels": len(tensors["pool.conv.conv.weight"]), "rates": (12, 24, 36)}
        case _:
            options["channels"] = len(tensors["final_block.conv1.conv.weight"])
    return Found(
        peer=f"imgclsmob's {kind.peer}",
        model=kind.model,
        num_classes=len(tensors[kind.score]),
        in_channels=tensors[f"backbone.{first}.conv1.conv.weight"].shape[1],
        options=options,
        names=[*(kind.rows or DEEPLABV3), *body(first, stage, stages)],
        left=[] if auxiliary else [LEFT],
        pipeline=Pipeline(**IMAGENET),
    )
