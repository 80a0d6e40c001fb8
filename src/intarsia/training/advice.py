"""What a validation's numbers say besides themselves: a class that is never predicted, a score that an empty answer beats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..config import Recipe
from ..evaluation import LabelScore


def advice(score: Any, recipe: Recipe) -> list[str]:
    """Sentences about a validation; none where there is nothing to say, or no map of classes is answered.

    Args:
        recipe: of the run; what it does already is not proposed.
    """
    if not isinstance(score, LabelScore) or score.counts is None or not len(score.counts):
        return []
    truth, predicted = score.counts.truth.sum(axis=0), score.counts.predicted.sum(axis=0)
    names = score.space.names
    told = []
    never = [name for name, there, found in zip(names, truth, predicted, strict=True) if there and not found]
    if never:
        several = len(never) > 1
        which = ", ".join(never[:5]) + (f" and {len(never) - 5} more" if len(never) > 5 else "")
        told.append(f"{which} {'were' if several else 'was'} never predicted; {_remedy(recipe)}")
    number = int(truth.argmax())
    constant = float(truth[number] / truth.sum() / (truth > 0).sum()) if truth.any() else 0.0
    if score.standing < constant:
        told.append(
            f"mIoU {100 * score.standing:.1f} is below the {100 * constant:.1f} of calling everything {names[number]}: train longer, "
            "with a lower optimizer.lr, or look at the masks (intarsia data audit)"
        )
    return told


def _remedy(recipe: Recipe) -> str:
    """What to try for a class that is never predicted."""
    if recipe.loss.class_weights != "median":
        return "try loss.class_weights=median"
    return "try train.balance=0.5" if not recipe.train.balance else "train longer, or add pictures that show it"


def sizes_of(out: Path) -> str:
    """Say what the two checkpoints of a run are for, and how large they are."""
    last, best = out / "last.safetensors", out / "best.safetensors"
    if not (last.is_file() and best.is_file()):
        return ""
    return f"{last.name} ({size_of(last)}) resumes the run, {best.name} ({size_of(best)}) is the one to ship"


def size_of(path: Path) -> str:
    """The size of a file for people."""
    size = path.stat().st_size
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"
