"""A study: several networks trained under one budget, scored on the same images, and told apart where that can be.

models x encoders x seeds --train--> out/<network>-seed<n>/last.safetensors    a finished run is not trained again
                          --score--> out/<network>-seed<n>/images.safetensors  counts of each validation image
                          --pairs--> which differences are real, with Holm's correction over all pairs
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import config, report
from ..checkpoint import NETWORKS
from ..config import Recipe
from ..doctor.describe import describe
from ..errors import DataError, ModelError, RecipeError, TrainingError, nearest
from ..evaluation import Score, score
from ..inference import Predictor
from ..metrics import bootstrap, latency, over_seeds
from ..metrics.stored import load as load_records
from ..models import count_flops
from ..output import Output
from ..training import train
from ..training.packaged import SHORT, names
from ..training.recipe import load
from ..training.usual import init, usual
from .answer import Entry, Study, listed, pairs, plain_json, together

RESULTS = ("study.json", "study.html")
RESULT = "result.json"
COUNTS = "images.safetensors"


def study(
    models: Sequence[str],
    encoders: Sequence[str] = (),
    *overrides: str,
    minutes: float = 5.0,
    seeds: int = 1,
    data: str = "shapes",
    root: str | Path | None = None,
    vary: str = "",
    out: str | Path = "runs/study",
    command: str = "",
    say: Callable[[str], None] | None = None,
    overwrite: bool = False,
) -> Study:
    """Train each network under one budget, and tell them apart.

    Args:
        models, encoders: names; a network that takes an encoder is trained with each, any other once.
        overrides: "train.steps=100" and its like, for every run; a budget among them replaces `minutes`.
        minutes: of training, for each run.
        seeds: runs of each network, with seeds 0, 1, ...
        data: a data set's name, a folder of images and masks, an export, or a recipe, whose network is replaced.
        root: where a data set given by name lies.
        vary: one key and its values, such as "model.roi=pool,warp,align": each network is trained with each value.
        out: folder of the study; runs that are finished there are not trained again.
        say: gets what happens, a line at a time.
        overwrite: also replace files of `out` that this program did not write, or that were changed since.

    Raises: RecipeError, ModelError, DataError or TrainingError, before the first run is trained wherever that is possible.
    """
    tell = say or (lambda line: None)
    folder = Path(out)
    if seeds < 1:
        raise RecipeError(f"{seeds} seeds; each network is trained with one seed at least")
    plans = {
        name + value: [
            _recipe(data, root, model, encoder, minutes, seed, [*overrides, *change]) for seed in range(seeds)
        ]
        for name, model, encoder in _networks(models, encoders)
        for value, change in _varied(vary, overrides)
    }
    for name, recipes in plans.items():
        for seed, recipe in enumerate(recipes):
            home = _home(folder, name, seed)
            _unspoiled(home, recipe)
            if home.is_dir() and not (home / RESULT).is_file():
                Output(home, (COUNTS, RESULT), overwrite=overwrite)  # before an hour of training, not after it
    results = Output(folder, RESULTS, overwrite=overwrite)
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
        _score(home, recipe, overwrite)
        trained += 1
        result = _result(home)
        tell(
            f"      {result.get('measure', 'mIoU')} {100 * _score_of(result):.1f} after {time.monotonic() - started:.0f} s"
        )
    found = _answered(folder, plans, trained)
    results.text("study.json", json.dumps(found.to_dict(), indent=1, ensure_ascii=False) + "\n")
    with results.file("study.html") as file:
        report.write_study(file, study=found, command=command)
    return found


def _networks(models: Sequence[str], encoders: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """(what it is called, model, encoder) of every run.

    Raises: ModelError for an unknown name, or an encoder that no network takes.
    """
    found: list[tuple[str, str, str | None]] = []
    if not models:
        raise ModelError("a study needs a network; name one or more with --model")
    for model in models:
        if model not in NETWORKS:
            raise ModelError(f"there is no architecture {model!r}{nearest(model, NETWORKS)}")
        takes = "encoder" in config.signature(NETWORKS[model])[0]
        found += [(f"{model}-{e}", model, e) for e in encoders] if takes and encoders else [(model, model, None)]
    if encoders and all(encoder is None for _, _, encoder in found):
        raise ModelError(f"{listed(list(models))} takes no encoder; leave --encoder out")
    called = [name for name, _, _ in found]
    if twice := {name for name in called if called.count(name) > 1}:
        raise ModelError(f"{sorted(twice)[0]} is listed twice; a study trains each network once for each seed")
    return found


def _varied(vary: str, overrides: Sequence[str]) -> list[tuple[str, list[str]]]:
    """(what it adds to a run's name, what it changes in the recipe) of each value; one of nothing where nothing is varied.

    Raises: RecipeError for less than two values, or a key that is set for all runs.
    """
    if not vary:
        return [("", [])]
    key, _, values = vary.partition("=")
    each = [value.strip() for value in values.split(",") if value.strip()]
    if len(set(each)) < 2 or len(set(each)) < len(each):
        raise RecipeError(
            f"--vary {vary}: name a key and two or more values of it, each once, such as model.roi=pool,align"
        )
    if key.strip() in {item.partition("=")[0].strip() for item in overrides}:
        raise RecipeError(f"{key} is varied and set for all runs at once; leave one of the two out")
    return [(f"-{value}", [f"{key.strip()}={value}"]) for value in each]


def _recipe(
    data: str, root: Any, model: str, encoder: str | None, minutes: float, seed: int, overrides: Sequence[str]
) -> Recipe:
    from ..datasets.catalogue import DATASETS

    if data in SHORT or data in names() or data.endswith((".yaml", ".yml")):
        tree: Mapping[str, Any] = load(data).to_dict()
    elif data in DATASETS:
        tree = usual(describe(data, root))
    elif Path(data).exists():
        tree = init(data)[0]
    else:
        raise DataError(f"there is no folder, data set or recipe {data!r}{nearest(data, [*DATASETS, *names()])}")
    changes = [f"model.name={model}", f"seed={seed}", "train.until=null"]  # one budget for all, spent to its end
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
    if (home / RESULT).is_file() and _result(home).get("recipe") != plain_json(recipe.to_dict()):
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


def _score(home: Path, recipe: Recipe, overwrite: bool) -> None:
    """Score a trained run, and write down what the study's page needs of it; the result comes last, so it means "finished"."""
    from .. import datasets as sets
    from ..labels import LabelSpace

    predictor = Predictor.load(home)
    assert recipe.data is not None and recipe.data.val is not None and predictor.checkpoint is not None
    labels = LabelSpace.from_dict(recipe.labels.model_dump()) if recipe.labels else None
    dataset = sets.open(recipe.data.name, recipe.data.root, recipe.data.val, labels, **recipe.data.options)
    found = score(predictor, dataset, batch_size=recipe.evaluate.batch_size)
    results = Output(home, (COUNTS, RESULT), overwrite=overwrite)
    with results.file(COUNTS) as file:
        found.counts.save(file)
    image = torch.as_tensor(dataset[0].image)[None]
    speed = latency(lambda: predictor.run(image), runs=10, warmup=2, device=predictor.device, seconds=3.0)
    height, width = image.shape[2:]
    result = {
        "recipe": recipe.to_dict(),
        **_measured(found, recipe.evaluate.protocol),
        "steps": int(predictor.checkpoint.notes.get("step", 0)),
        "parameters": sum(p.numel() for p in predictor.model.parameters()),
        "flops": count_flops(predictor.model, height, width, predictor.in_channels),
        "images_per_second": speed.fps,
        "size": [height, width],
    }
    results.text(RESULT, json.dumps(plain_json(result), indent=1, ensure_ascii=False) + "\n")


def _measured(found: Score, protocol: str) -> dict[str, Any]:
    """The main measure of a run, and that of each class."""
    trust = bootstrap(found.counts, protocol, resamples=2)  # for its values alone
    each = {name: interval.value for name, interval in trust.classes.items()}
    value = trust.mean.value
    named = {"miou": value, "iou": each} if found.measure == "mIoU" else {}
    return {"measure": found.measure, "score": value, "each": each, **named}


def _score_of(result: Mapping[str, Any]) -> float:
    """The main measure of a finished run, of an earlier version as well."""
    return _number(result.get("score", result.get("miou")))


def _answered(folder: Path, plans: Mapping[str, Sequence[Recipe]], trained: int) -> Study:
    entries, pooled = [], {}
    protocol = next(iter(plans.values()))[0].evaluate.protocol
    for name, recipes in plans.items():
        homes = [_home(folder, name, seed) for seed in range(len(recipes))]
        results = [_result(home) for home in homes]
        pooled[name] = together([load_records(home / COUNTS) for home in homes])
        whole = bootstrap(pooled[name], protocol)
        runs = tuple(map(_score_of, results))
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
    column = next(iter(pooled.values())).columns[-1]
    sign = 1 if column.lower else -1
    entries.sort(key=lambda entry: sign * entry.score.value if not math.isnan(entry.score.value) else math.inf)
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
        pairs(entries, pooled, protocol),
        images,
        tuple(results[0]["size"]),
        budget,
        f"{first.data.name} {first.data.val}",
        protocol,
        trained,
        column,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
