"""The model card of a checkpoint: what it is, what it was trained on, what it scores and how sure that is, and its limits."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..characters import one_line
from ..checkpoint import Checkpoint
from ..metrics import PROTOCOLS
from ..metrics.significance import Bootstrap
from .machine import versions

TAG = "image-segmentation"  # the hub's name of the task
TASKS = {"classification": "image-classification", "detection": "object-detection", "depth": "depth-estimation"}
BUDGETS = ("minutes", "epochs", "steps")


class Scored(NamedTuple):
    """What a model scored.

    Args:
        measure: what the main number is called.
        trust: the intervals over images.
        source: what was scored, as scores.json has it: data, split, pairs, predicted.
    """

    measure: str
    trust: Bootstrap
    source: Mapping[str, Any]


def card(
    checkpoint: Checkpoint, name: str, licence: str, scored: Scored | None = None, validated: str = "", task: str = ""
) -> str:
    """Write the model card of a checkpoint, as the README.md of its repository.

    Args:
        name: what the model is called: "owner/name", or a title.
        licence: of the weights, as an SPDX identifier.
        scored: what an evaluation has found; None: the card says that there is none.
        validated: the last validation of the training in brief; "" where it is not known.
        task: what the model answers.
    """
    parts = [
        _front(checkpoint, name, licence, scored, task),
        f"# {one_line(name)}\n",
        _opening(checkpoint, task),
        _use(name),
        _scores(scored, validated),
        _classes(checkpoint, scored),
        _training(checkpoint),
        _limits(checkpoint, scored, task),
        f"## License\n\n{licence}{_before(checkpoint)}\n",
        f"Made with {', '.join(f'{key} {value}' for key, value in versions().items())}.\n",
    ]
    return "\n".join(part for part in parts if part)


def _front(checkpoint: Checkpoint, name: str, licence: str, scored: Scored | None, task: str) -> str:
    import yaml

    tag = TASKS.get(task, TAG)
    tree: dict[str, Any] = {
        "license": licence,
        "library_name": "intarsia",
        "pipeline_tag": tag,
        "tags": ["intarsia", *filter(None, [checkpoint.model, task])],
    }
    value = math.nan if scored is None else scored.trust.mean.value
    if scored is not None and not math.isnan(value):
        data = str(scored.source.get("data", "")) or "unknown"
        tree["model-index"] = [
            {
                "name": name,
                "results": [
                    {
                        "task": {"type": tag},
                        "dataset": {"name": data, "type": data, "split": str(scored.source.get("split", "")) or "all"},
                        "metrics": [{"name": scored.measure, "type": scored.measure.lower(), "value": round(value, 6)}],
                    }
                ],
            }
        ]
    return f"---\n{yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)}---\n"


def _opening(checkpoint: Checkpoint, task: str) -> str:
    options = ", ".join(f"{k}={v}" for k, v in checkpoint.options.items() if k not in ("pretrained", "in_channels"))
    size = sum(tensor.numel() for tensor in checkpoint.weights.values())
    kind = f" for the task {task!r}" if task else ""
    return (
        f"`{checkpoint.model or 'a network of its author'}`{f' ({options})' if options else ''}{kind}, {size / 1e6:.2f} million "
        f"numbers, for images of {checkpoint.in_channels} channels and {len(checkpoint.labels.names)} classes.\n"
    )


def _use(name: str) -> str:
    model = f"hf:{name}" if "/" in name else name
    return (
        "## Use\n\n```console\n$ pip install intarsia\n"
        f"$ intarsia predict {model} photo.jpg --out masks\n```\n\n```python\nimport intarsia\n\n"
        f'predictor = intarsia.from_pretrained("{name}")\npredictor("photo.jpg").overlay().save("overlay.png")\n```\n'
    )


def _scores(scored: Scored | None, validated: str) -> str:
    if scored is None:
        known = f" The last validation of its training said: {one_line(validated)}." if validated else ""
        return f"## Scores\n\nNo evaluation with intervals was published with this model.{known}\n"
    trust, source = scored.trust, scored.source
    where = " ".join(str(source[key]) for key in ("data", "split") if source.get(key))
    told = PROTOCOLS.get(trust.protocol)
    protocol = f"\n\nProtocol `{trust.protocol}`: {told.says}" if told else ""
    lines = [f"{_percent(trust.mean.value)} | {_percent(trust.mean.low)} to {_percent(trust.mean.high)}"]
    more = "".join(
        f" {label}: {one_line(str(source[key]))}."
        for key, label in (("pairs", "Scored"), ("predicted", "Predicted"))
        if source.get(key)
    )
    return (
        f"## Scores\n\n| measure | on | value, % | interval |\n|---|---|---:|---:|\n"
        f"| {scored.measure} | {_cell(where) or '-'}, {trust.images} images | {lines[0]} |\n\n"
        f"The interval is the middle {100 * trust.level:.0f} % of a bootstrap over the images, drawn {trust.resamples} times: it "
        f"says how far another draw of such images could move the score, not another training.{more}{protocol}\n"
    )


def _classes(checkpoint: Checkpoint, scored: Scored | None) -> str:
    names = checkpoint.labels.names
    each = scored.trust.classes if scored is not None else {}
    head = "| number | class |" + (f" {scored.measure}, % | interval |" if scored is not None and each else "")
    rule = "|---:|---|" + ("---:|---:|" if each else "")
    rows = []
    for number, name in enumerate(names):
        row = f"| {number} | {_cell(name)} |"
        if each:
            span = each.get(name)
            row += f" {_percent(span.value)} | {_percent(span.low)} to {_percent(span.high)} |" if span else " - | - |"
        rows.append(row)
    return "## Classes\n\n" + "\n".join([head, rule, *rows]) + "\n"


def _training(checkpoint: Checkpoint) -> str:
    recipe = checkpoint.recipe
    data, train = _section(recipe, "data"), _section(recipe, "train")
    lines = {
        "data": " ".join(str(data[key]) for key in ("name", "train") if data.get(key)),
        "validation": str(data.get("val") or ""),
        "hash of the data": checkpoint.data_hash,
        "budget": ", ".join(f"{train[key]} {key}" for key in BUDGETS if train.get(key) is not None),
        "steps": str(checkpoint.notes.get("step", "")),
        "batch": str(train.get("batch_size", "")),
        "crop": " x ".join(map(str, _section(recipe, "augment").get("crop") or ())),
        "loss": str(_section(recipe, "loss").get("name", "")),
        "optimizer": str(_section(recipe, "optimizer").get("name", "")),
        "mean and deviation of images": f"{_numbers(checkpoint.mean)}; {_numbers(checkpoint.std)}",
        "weights came from": str(checkpoint.notes.get("public", "")),
    }
    told = "\n".join(f"- {key}: {one_line(value)}" for key, value in lines.items() if value)
    whole = json.dumps(
        {key: value for key, value in recipe.items() if value}, ensure_ascii=False, indent=1, default=str
    )
    fence = (
        f"\n\n<details><summary>The complete recipe</summary>\n\n```json\n{whole}\n```\n\n</details>" if recipe else ""
    )
    return f"## Training\n\n{told}{fence}\n"


def _limits(checkpoint: Checkpoint, scored: Scored | None, task: str) -> str:
    names = checkpoint.labels.names
    found = [
        _knows(len(names), checkpoint.labels.planes, task),
        f"It was trained on images of {checkpoint.in_channels} channels like those of its data; of others nothing is known.",
    ]
    if scored is None:
        found.append("Nobody has published how well it does on images that it was not trained on.")
    else:
        found.append(
            "Images are taken to be independent; frames of one video are not, and with them the interval is too small."
        )
        each = {name: span for name, span in scored.trust.classes.items() if name in names}  # and no errors of depth
        weak = [name for name, span in each.items() if not math.isnan(span.value) and span.value < 0.3]
        absent = [name for name, span in each.items() if math.isnan(span.value)]
        if weak:
            found.append(f"It does poorly (below 30 %) on: {_listed(weak)}.")
        if absent:
            found.append(f"Nothing is known of its {_listed(absent)}, which no scored image shows.")
    if "temperature" not in checkpoint.calibration:
        found.append("Its probabilities were not calibrated; take them as an order, not as frequencies.")
    return "## Limits\n\n" + "\n".join(f"- {one_line(sentence)}" for sentence in found) + "\n"


def _knows(classes: int, planes: bool, task: str) -> str:
    """What it can say of a picture, and what it cannot."""
    if task == "depth":
        return "It gives every pixel a distance, also pixels without any, such as the sky."
    if task in ("detection", "instance"):
        return f"It looks for objects of {classes} classes, and finds none of others or takes them for one of these."
    whole = f"It knows {classes} classes"
    if planes:
        return f"{whole}, of which a {'picture' if task == 'classification' else 'pixel'} may have several or none."
    what = {"classification": "picture", "panoptic": "segment"}.get(task, "pixel")
    return f"{whole} and gives every {what} one of them, also a {what} that shows none of them."


def _before(checkpoint: Checkpoint) -> str:
    licence = checkpoint.notes.get("licence")
    return f". The weights that its training began with: {one_line(str(licence))}" if licence else ""


def _section(recipe: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = recipe.get(key)
    return value if isinstance(value, Mapping) else {}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"
