"""A clean copy of a data set: what a rule can mend is mended, what none can is left out, and both are written down.

images/SPLIT/NAME.jpg   as they came, or as PNG where the file had to change; folders in NAME stay
masks/SPLIT/NAME.png    class numbers in the classes' colors; 255 (65535 beyond 255 classes) is ignored
masks/SPLIT/CLASS/NAME.png   of several labels a pixel: 0 or 255; what does not count lies in a folder "ignore"
objects/SPLIT/NAME.png, depth/SPLIT/NAME.npy   object numbers, and meters, where a data set knows them
objects/SPLIT/NAME.npz   instead of numbers, where objects overlap: the mask and class of each
labels.yaml             the label space
fixed.json              of each file: what was done

The source is only read.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import yaml

from ..data.dataset import Fault
from ..data.faults import of as faults_of
from ..data.files.ahead import ahead
from ..errors import DataError, LabelError, nearest
from ..output import check_renewable, renewed
from .clean_pair import Step, step_of, write_pair
from .clean_plan import Key, Plan, planned
from .diagnosis import Diagnosis
from .exam.reading import Case

ACCEPTABLE = ("off_by_one",)  # kinds of findings that rest on how classes look: mended where a person accepts them
_KIND, _TAKEN = "clean copy", "is there already; name a new folder for the clean copy"


def mend(found: Diagnosis, out: str | Path, accept: Collection[str] = ()) -> list[Step]:
    """Write the clean copy of what a `visit` looked at.

    Args:
        out: a new folder, or one that holds nothing but an earlier clean copy, which is replaced.
        accept: kinds of findings that rest on how classes look, and are mended because a person says so: "off_by_one".

    Returns: what was done to each file that is not an untouched image or mask, as in fixed.json.

    Raises: DataError when `out` holds anything but an earlier clean copy, lies within the source, or nothing would be left, for a
        data set that is not made of files, and for a kind that cannot be accepted or was not found.
    """
    acceptable(accept)
    out = Path(out)
    plan = planned(found, out, accept)
    if plan.root.resolve() == out.resolve() or plan.root.resolve() in out.resolve().parents:
        raise DataError(f"{out}: lies within {plan.root}, which is never written to; name a folder elsewhere")
    with renewed(out, _KIND, _TAKEN) as place:
        return _copy(found, plan._replace(out=place))


def _copy(found: Diagnosis, plan: Plan) -> list[Step]:
    """Write the clean copy into a folder that is empty."""
    out = plan.out
    steps = [_fault(fault) for fault in faults_of(found.splits)]
    steps += [step_of(i.mask, f"named {i.name}, as its image is") for i in found.spelled]
    for split in found.splits:
        for folder in ("images", "masks"):
            (out / folder / plan.folders[split.name]).mkdir(parents=True, exist_ok=True)
        for side, what in zip(split.notes.unmatched, ("no mask belongs to it", "no image belongs to it"), strict=True):
            steps += [_left(plan.root / name, what) for name in side]
    keyed = [((split.name, case.item.name), case) for split in found.splits for case in split.cases]
    for done in ahead(lambda pair: _mended(pair[0], pair[1], plan), keyed):
        steps += done
    if not any((out / "masks").rglob("*.png")):
        raise DataError(f"{plan.root}: nothing can be mended by a rule; {steps[0]['file']}: {steps[0]['action']}")
    for place in [*(out / "images").iterdir(), *(out / "masks").iterdir()]:
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    tree = {**plan.space.to_dict(), "values": dict(plan.plain.values)}
    (out / "labels.yaml").write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), encoding="utf-8")
    (out / "fixed.json").write_text(json.dumps(steps, indent=1, ensure_ascii=False), encoding="utf-8")
    return steps


def acceptable(kinds: Collection[str]) -> None:
    """Refuse kinds of findings that nobody needs to accept.

    Raises: DataError with the nearest name.
    """
    for kind in kinds:
        if kind not in ACCEPTABLE:
            raise DataError(f"there is no finding {kind!r} to accept{nearest(kind, ACCEPTABLE)}")


def vacant(out: Path) -> None:
    """Refuse a place for the clean copy where anything but an earlier one is.

    Raises: DataError.
    """
    check_renewable(out, _KIND, _TAKEN)


def _left(file: object, why: str) -> Step:
    return {"file": str(file), "action": f"left out: {why}", "left_out": "file"}


def _fault(fault: Fault) -> Step:
    """An annotation that cannot be used, or a picture with all that was drawn on it."""
    start = "annotation left out" if fault.annotation else "left out"
    action = ": ".join(part for part in (start, fault.place, fault.why) if part)
    return {"file": str(fault.file), "action": action, "left_out": "annotation" if fault.annotation else "file"}


def _mended(key: Key, case: Case, plan: Plan) -> list[Step]:
    """Write one pair, unless it is left out, and say what was done."""
    if key in plan.left:
        return [_left(case.item.image, plan.left[key])]
    try:
        done = write_pair(case, plan.names[key], plan)
    except (DataError, LabelError) as error:
        return [_left(case.item.image, str(error))]
    told = f"written as {plan.names[key]}, since another is called so on some disks"
    return [*done, step_of(case.item.image, told)] if key in plan.renamed else done
