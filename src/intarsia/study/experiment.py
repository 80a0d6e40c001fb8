"""A study: several networks trained under one budget, scored on the same images, and told apart where that can be.

    models x encoders x seeds --train--> out/<network>-seed<n>/last.safetensors    a finished run is not trained again
                              --score--> out/<network>-seed<n>/images.safetensors  counts of each validation image
                              --pairs--> which differences are real, with Holm's correction over all pairs

The seeds of one network are counted together: its IoU is that of all its predictions of the same images. The paired
test says whether these trained networks differ on images of this kind; that training again would give the same order
is another question, and with two seeds and more a difference is only called real if, besides, no run of the worse
network reaches one of the better.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from .. import config, report
from ..config import Recipe
from ..errors import DataError, ModelError, RecipeError, TrainingError, nearest
from ..evaluation import judge, score
from ..evaluation.verdict import holm, sentence, told_apart
from ..inference import Predictor
from ..metrics import ImageCounts, bootstrap, latency, over_seeds
from ..metrics.significance import Interval, Seeds
from ..models import count_flops
from ..models.catalogue import CONSTRUCTORS
from ..training import train
from ..training.recipe import SHORT, load, names

RESULT = "result.json"
COUNTS = "images.safetensors"
USUAL = {  # what a data set without a packaged recipe is trained with
    "augment": {
        "crop": [256, 256],
        "scale": [0.5, 2.0],
        "flip": True,
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.2,
    },
    "loss": {"name": "cross_entropy"},
    "optimizer": {"name": "adamw", "lr": 1e-3, "weight_decay": 1e-2},
    "schedule": {"name": "poly", "power": 0.9, "warmup": 0.05},
    "train": {"batch_size": 8, "ema": 0.99},
}


class Entry(NamedTuple):
    """One network of a study: its score over its seeds, and what it costs.

    Args:
        miou: of all its predictions together, with the interval over images.
        seeds: mean and deviation of its runs' own mIoU; `runs`: those.
        classes: IoU of each class.
        parameters, gflops: of the network, the latter at the size of the first validation image.
        speed: images a second, one image at a time, on this machine.
        steps: optimizer steps of each run within the budget.
    """

    name: str
    model: str
    encoder: str | None
    miou: Interval
    seeds: Seeds
    runs: tuple[float, ...]
    classes: dict[str, float]
    parameters: int
    gflops: float
    speed: float
    steps: tuple[int, ...]


class Pair(NamedTuple):
    """Two networks: B - A, its p after Holm, and the verdict: "real", "these runs only" or "not told apart"."""

    a: str
    b: str
    value: Interval
    p: float
    verdict: str
    says: str


@dataclass(frozen=True, eq=False)
class Study:
    """What a study has found, the best network first."""

    entries: list[Entry]
    pairs: list[Pair]
    images: int
    size: tuple[int, int]
    budget: str
    data: str
    protocol: str
    trained: int  # runs trained in this call; the others were finished before

    @property
    def answer(self) -> str:
        """The result in one or two sentences."""
        best = self.entries[0]
        told = f"{best.name} scores highest, mIoU {best.miou}"
        if len(self.entries) == 1:
            return told
        mine = [p for p in self.pairs if best.name in (p.a, p.b)]
        beaten = [p.a if p.b == best.name else p.b for p in mine if p.verdict == "real"]
        others = [p.a if p.b == best.name else p.b for p in mine if p.verdict != "real"]
        if not beaten:
            return f"{told}, but no other network can be told from it on {self.images} images"
        once = "; one seed each, so training again may turn it" if len(best.runs) == 1 else ""
        if not others:
            return f"{told}, and every difference from it is real{once}"
        return f"{told}; it is really better than {_listed(beaten)}, and cannot be told from {_listed(others)}{once}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data for JSON; None where there is no number."""
        tree = {
            "answer": self.answer,
            "entries": [
                {**e._asdict(), "miou": list(e.miou), "seeds": e.seeds._asdict(), "runs": list(e.runs), "steps": list(e.steps)}
                for e in self.entries
            ],
            "pairs": [{**p._asdict(), "value": list(p.value)} for p in self.pairs],
            "images": self.images,
            "size": list(self.size),
            "budget": self.budget,
            "data": self.data,
            "protocol": self.protocol,
            "trained": self.trained,
        }  # fmt: skip
        plain: dict[str, Any] = _plain(tree)
        return plain


def study(
    models: Sequence[str],
    encoders: Sequence[str] = (),
    *overrides: str,
    minutes: float = 5.0,
    seeds: int = 1,
    data: str = "shapes",
    root: str | Path | None = None,
    out: str | Path = "runs/study",
    command: str = "",
    say: Callable[[str], None] | None = None,
) -> Study:
    """Train each network under one budget, and tell them apart.

    Args:
        models, encoders: names; a network that takes an encoder is trained with each, any other once.
        overrides: "train.steps=100" and its like, for every run; a budget among them replaces `minutes`.
        minutes: of training, for each run.
        seeds: runs of each network, with seeds 0, 1, ...
        data: a data set's name or a recipe, whose network is replaced.
        root: where a data set given by name lies.
        out: folder of the study; runs that are finished there are not trained again.
        say: is told what happens, a line at a time.

    Raises: RecipeError, ModelError, DataError or TrainingError, before the first run is trained wherever that is possible.
    """
    tell = say or (lambda line: None)
    folder = Path(out)
    if seeds < 1:
        raise RecipeError(f"{seeds} seeds; each network is trained with one seed at least")
    plans = {
        name: [_recipe(data, root, model, encoder, minutes, seed, overrides) for seed in range(seeds)]
        for name, model, encoder in _networks(models, encoders)
    }
    for name, recipes in plans.items():
        for seed, recipe in enumerate(recipes):
            _unspoiled(_home(folder, name, seed), recipe)
    trained = 0
    total = sum(map(len, plans.values()))
    for n, (name, seed, recipe) in enumerate(
        (name, seed, r) for name, rs in plans.items() for seed, r in enumerate(rs)
    ):
        home = _home(folder, name, seed)
        if (home / RESULT).is_file():
            tell(f"{n + 1}/{total}  {name}, seed {seed}: finished before")
            continue
        tell(f"{n + 1}/{total}  {name}, seed {seed}: train, into {home}")
        started = time.monotonic()
        train(recipe, out=home, resume=(home / "last.safetensors").exists(), quiet=True)
        _score(home, recipe)
        trained += 1
        tell(f"      mIoU {100 * _result(home)['miou']:.1f} after {time.monotonic() - started:.0f} s")
    found = _answered(folder, plans, trained)
    text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False)
    (folder / "study.json").write_text(text + "\n", encoding="utf-8")
    report.write_study(folder / "study.html", study=found, command=command)
    return found


def _networks(models: Sequence[str], encoders: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """(what it is called, model, encoder) of every run.

    Raises: ModelError for an unknown name, or an encoder that no network takes.
    """
    found: list[tuple[str, str, str | None]] = []
    if not models:
        raise ModelError("a study needs a network; name one or more with --model")
    for model in models:
        if model not in CONSTRUCTORS:
            raise ModelError(f"there is no architecture {model!r}{nearest(model, CONSTRUCTORS)}")
        takes = "encoder" in config.signature(CONSTRUCTORS[model])[0]
        found += [(f"{model}-{e}", model, e) for e in encoders] if takes and encoders else [(model, model, None)]
    if encoders and all(encoder is None for _, _, encoder in found):
        raise ModelError(f"{_listed(list(models))} takes no encoder; leave --encoder out")
    called = [name for name, _, _ in found]
    if twice := {name for name in called if called.count(name) > 1}:
        raise ModelError(f"{sorted(twice)[0]} is listed twice; a study trains each network once for each seed")
    return found


def _recipe(
    data: str, root: Any, model: str, encoder: str | None, minutes: float, seed: int, overrides: Sequence[str]
) -> Recipe:
    from ..data.datasets.catalogue import DATASETS

    if data in SHORT or data in names() or data.endswith((".yaml", ".yml")):
        tree: Mapping[str, Any] = load(data).to_dict()
    elif data in DATASETS:
        tree = {**USUAL, "data": {"name": data, "train": "train", "val": "val"}}
    else:
        raise DataError(f"there is no data set or recipe {data!r}{nearest(data, [*DATASETS, *names()])}")
    changes = [f"model.name={model}", f"seed={seed}"]
    changes += [f"model.encoder={encoder}"] if encoder else []
    changes += [f"data.root={json.dumps(str(root))}"] if root is not None else []
    keys = [item.partition("=")[0].strip() for item in overrides]
    if not {"train.steps", "train.epochs", "train.minutes"} & set(keys):
        changes.append(f"train.minutes={minutes}")
    if fixed := {"seed", "model.name", "model.encoder", "model"} & set(keys):
        raise RecipeError(f"{sorted(fixed)[0]} is what the study itself changes; use --model, --encoder and --seeds")
    recipe = load(tree, [*changes, *overrides])
    if recipe.data is None or recipe.data.val is None:
        raise RecipeError("a study compares on validation images; give the recipe data.val")
    return recipe


def _home(folder: Path, name: str, seed: int) -> Path:
    return folder / f"{name.replace('/', '_')}-seed{seed}"


def _unspoiled(home: Path, recipe: Recipe) -> None:
    """See that a finished run is the run that is asked for.

    Raises: TrainingError when it was trained otherwise.
    """
    if (home / RESULT).is_file() and _result(home).get("recipe") != _plain(recipe.to_dict()):
        raise TrainingError(
            f"{home} holds a finished run of another recipe; study into another --out, or remove that folder"
        )


def _result(home: Path) -> dict[str, Any]:
    try:
        tree = json.loads((home / RESULT).read_text(encoding="utf-8"))
    except ValueError:
        tree = None
    if not isinstance(tree, dict):
        raise TrainingError(f"{home / RESULT} is damaged; remove it, and the run is scored again")
    return tree


def _score(home: Path, recipe: Recipe) -> None:
    """Score a trained run, and write down what the study's page needs of it; the result comes last, so it means "finished"."""
    from .. import data as sets
    from ..labels import LabelSpace

    predictor = Predictor.load(home)
    assert recipe.data is not None and recipe.data.val is not None and predictor.checkpoint is not None
    labels = LabelSpace.from_dict(recipe.labels.model_dump()) if recipe.labels else None
    dataset = sets.open(recipe.data.name, recipe.data.root, recipe.data.val, labels, **recipe.data.options)
    found = score(predictor, dataset, batch_size=recipe.evaluate.batch_size)
    assert found.counts is not None
    found.counts.save(home / COUNTS)
    image = torch.as_tensor(dataset[0].image)[None]
    speed = latency(lambda: predictor.run(image), runs=10, warmup=2, device=predictor.device, seconds=3.0)
    height, width = image.shape[2:]
    result = {
        "recipe": recipe.to_dict(),
        "miou": found.under(recipe.evaluate.protocol).miou,
        "iou": found.iou,
        "steps": int(predictor.checkpoint.notes.get("step", 0)),
        "parameters": sum(p.numel() for p in predictor.model.parameters()),
        "flops": count_flops(predictor.model, height, width, predictor.in_channels),
        "images_per_second": speed.fps,
        "size": [height, width],
    }
    (home / RESULT).write_text(json.dumps(_plain(result), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _answered(folder: Path, plans: Mapping[str, Sequence[Recipe]], trained: int) -> Study:
    entries, pooled = [], {}
    protocol = next(iter(plans.values()))[0].evaluate.protocol
    for name, recipes in plans.items():
        homes = [_home(folder, name, seed) for seed in range(len(recipes))]
        results = [_result(home) for home in homes]
        pooled[name] = _together([ImageCounts.load(home / COUNTS) for home in homes])
        whole = bootstrap(pooled[name], protocol)
        runs = tuple(_number(result["miou"]) for result in results)
        model = recipes[0].model
        assert model is not None
        entries.append(
            Entry(
                name,
                model.name,
                model.options.get("encoder"),
                whole.mean,
                over_seeds(runs),
                runs,
                {key: interval.value for key, interval in whole.classes.items()},
                results[0]["parameters"],
                results[0]["flops"] / 1e9,
                max(result["images_per_second"] for result in results),
                tuple(result["steps"] for result in results),
            )
        )
    entries.sort(key=lambda entry: -entry.miou.value if not math.isnan(entry.miou.value) else 1.0)
    first = next(iter(plans.values()))[0]
    assert first.data is not None
    budget = next(
        f"{getattr(first.train, key):g} {key}"
        for key in ("minutes", "epochs", "steps")
        if getattr(first.train, key) is not None
    )
    images = len(next(iter(pooled.values())))
    return Study(
        entries,
        _pairs(entries, pooled, protocol),
        images,
        tuple(results[0]["size"]),
        budget,
        f"{first.data.name} {first.data.val}",
        protocol,
        trained,
    )


def _together(counts: Sequence[ImageCounts]) -> ImageCounts:
    """Several predictions of the same images, counted together, image by image."""
    first = counts[0]
    total = sum((other.rows for other in counts[1:]), start=first.rows.copy())
    return ImageCounts.of(total[:, 0], total[:, 1], total[:, 2], first.names, first.classes)


def _pairs(entries: Sequence[Entry], pooled: Mapping[str, ImageCounts], protocol: str) -> list[Pair]:
    couples = [(a, b) for n, b in enumerate(entries) for a in entries[n + 1 :]]  # b is the better one
    verdicts = [judge(pooled[a.name], pooled[b.name], names=(a.name, b.name), protocol=protocol) for a, b in couples]
    found = []
    for (a, b), verdict, p in zip(couples, verdicts, holm([v.mean.p for v in verdicts]), strict=True):
        change = told_apart(verdict.mean.value, p, verdict.mean.needed, verdict.level, len(verdict.images))
        apart = min(b.runs) > max(a.runs)
        word = "not told apart" if not change.real else "real" if apart else "these runs only"
        says = sentence(a.name, b.name, change, len(verdict.images), alike=verdict.alike)
        if word == "these runs only":
            says += ", but its seeds overlap with the other's"
        found.append(Pair(a.name, b.name, change.value, p, word, says))
    return found


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _plain(tree: Any) -> Any:
    """What JSON gives back of it: tuples are lists, NaN is None."""
    if isinstance(tree, Mapping):
        return {str(key): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_plain(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
