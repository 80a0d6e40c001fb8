"""Cross-validation: one recipe trained several times, each time without a part of the pictures, which is then scored.

pictures of data.train and data.val --shuffled by the seed--> parts 1 .. k
    for each part: train on the others -> fold-n/last.safetensors, score the part, write the answers into out-of-fold/

Every picture is answered once, by a network that has not seen it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import Subset

from ..config import Recipe
from ..data.dataset import names_of
from ..data.joined import Joined
from ..errors import RecipeError, TrainingError
from ..evaluation import score
from ..inference import Predictor
from ..labels import LabelSpace
from ..metrics import bootstrap, over_seeds
from ..metrics.significance import Interval, Seeds
from ..metrics.stored import load as load_records
from ..naming import distinct
from ..output import Output
from ..structures import Depth, Labels, Planes, Segments
from ..training import train
from ..training.material import opened, sample_of
from ..training.recipe import planned
from .answer import plain_json

RESULT, COUNTS, ANSWERS = "folds.json", "images.safetensors", "out-of-fold"
ENDINGS: dict[type, str] = {Labels: ".png", Segments: ".png", Depth: ".png", Planes: ".npy"}  # tags and objects: .json


class Folds(NamedTuple):
    """What cross-validation has found.

    Args:
        measure: what the scores are called.
        values: the score of each fold, by the network that was trained without it.
        mean: of these, with Student's interval.
        whole: the score of all answers together, with the interval over images.
        classes: the same of each class.
        images: how many.
        trained: folds that were trained in this call; the others were finished before.
    """

    measure: str
    values: tuple[float, ...]
    mean: Seeds
    whole: Interval
    classes: dict[str, float]
    images: int
    trained: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; None where there is no number."""
        tree = {**self._asdict(), "mean": self.mean._asdict(), "whole": list(self.whole)}
        plain: dict[str, Any] = plain_json(tree)
        return plain


def folds(
    recipe: str | Path | Mapping[str, Any] | Recipe,
    *overrides: str,
    count: int = 5,
    out: str | Path = "runs/folds",
    say: Callable[[str], None] | None = None,
    overwrite: bool = False,
    model: Any = None,
) -> Folds:
    """Train a recipe `count` times, each time without another part of its pictures, and score the parts.

    Nothing of a part is seen while the network that answers it is trained: `evaluate.every`, `train.until` and
    `train.patience` are left out, and the last weights are scored.

    Args:
        recipe, overrides: as for `train`.
        count: of folds, 2 and above.
        out: folder; folds that are finished there are not trained again.
        say: gets what happens, a line at a time.
        overwrite: also replace files of `out` that this program did not write, or that were changed since.
        model: a function that makes a network of your own, one for each fold, instead of the recipe's.

    Raises: RecipeError, DataError, ModelError or TrainingError, before the first fold is trained wherever that is possible.
    """
    tell, folder = say or (lambda line: None), Path(out)
    blind = ("evaluate.every=null", "train.until=null", "train.patience=null")
    plan, _ = planned(recipe, [*overrides, *blind])
    if plan.data is None:
        raise RecipeError(
            "cross-validation divides the recipe's pictures, and it names no data set; write data: {name: ...}"
        )
    train_set, val_set = opened(plan.data, LabelSpace.from_dict(plan.labels.model_dump()) if plan.labels else None)
    pool: Any = train_set if val_set is None else Joined([train_set, val_set])
    if not 2 <= count <= len(pool):
        raise RecipeError(f"{count} folds of {len(pool)} pictures; give from 2 to as many folds as there are pictures")
    parts = parts_of(len(pool), count, plan.seed)
    called = names_of(pool) or [sample_of(pool, n).name for n in range(len(pool))]
    names = distinct([name.replace("/", "_") for name in called])
    results = Output(folder, (RESULT,), overwrite=overwrite)
    trained, found = 0, []
    for number, part in enumerate(parts, 1):
        home = folder / f"fold-{number}"
        if not _finished(home, plan, part):
            tell(
                f"fold {number} of {count}: train on {len(pool) - len(part)} pictures, answer {len(part)}, into {home}"
            )
            rest = [n for n in range(len(pool)) if n not in set(part)]
            again = (home / "last.safetensors").exists()
            own = None if model is None else model()
            train(plan, data=(Subset(pool, rest), None), model=own, out=home, resume=again, quiet=True)
            _answer(home, plan, pool, part, names, folder / ANSWERS, own, overwrite)
            trained += 1
        else:
            tell(f"fold {number} of {count}: finished before")
        found.append(load_records(home / COUNTS))
    protocol = plan.evaluate.protocol
    values = tuple(bootstrap(counts, protocol, resamples=2).mean.value for counts in found)
    together = _together([load_records(folder / f"fold-{n}" / COUNTS) for n in range(1, count + 1)])
    trust = bootstrap(together, protocol)
    classes = {name: span.value for name, span in trust.classes.items()}
    known = over_seeds([value for value in values if not math.isnan(value)] or [math.nan])
    answer = Folds(found[0].columns[-1].name, values, known, trust.mean, classes, len(pool), trained)
    results.text(RESULT, json.dumps(answer.to_dict(), indent=1, ensure_ascii=False) + "\n")
    return answer


def parts_of(samples: int, count: int, seed: int) -> list[list[int]]:
    """Divide samples into parts whose sizes differ by one at most; the same for the same seed."""
    order = np.random.default_rng((seed, samples, count)).permutation(samples)
    return [sorted(map(int, order[n::count])) for n in range(count)]


def _finished(home: Path, plan: Recipe, part: list[int]) -> bool:
    """Whether a fold was trained and scored before.

    Raises: TrainingError when it was another recipe's, or had other pictures.
    """
    if not (home / RESULT).is_file():
        return False
    if json.loads((home / RESULT).read_text(encoding="utf-8")) != plain_json({"recipe": plan.to_dict(), "part": part}):
        raise TrainingError(
            f"{home} holds a finished fold of another recipe, or of other pictures; write into another --out, or remove that "
            "folder"
        )
    return True


def _answer(
    home: Path, plan: Recipe, pool: Any, part: list[int], names: list[str], answers: Path, model: Any, overwrite: bool
) -> None:
    """Score a fold's part, write its answers, and last the file that says that the fold is finished."""
    predictor = Predictor.load(home / "last.safetensors", model=model)
    found = score(predictor, Subset(pool, part), protocol=plan.evaluate.protocol, batch_size=plan.evaluate.batch_size)
    results = Output(home, (COUNTS, RESULT), overwrite=overwrite)
    with results.file(COUNTS) as file:
        found.counts.save(file)
    for index in part:
        prediction = predictor(sample_of(pool, index).image)
        name = f"{names[index]}{ENDINGS.get(type(prediction.answer), '.json')}"
        with Output(answers, (name,), overwrite=overwrite).file(name) as file:
            prediction.save(file)
    results.text(RESULT, json.dumps(plain_json({"recipe": plan.to_dict(), "part": part}), indent=1) + "\n")


def _together(counts: list[Any]) -> Any:
    """The records of all folds' images."""
    first, *others = counts
    for other in others:
        if hasattr(first, "merge"):
            first.merge(other)
        else:
            first = first.joined(other)
    return first
