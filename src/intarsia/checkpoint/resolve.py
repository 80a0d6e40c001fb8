"""One name for a model, wherever a MODEL is asked for.

runs/a                              the folder of a run
runs/a/best.safetensors             a checkpoint
model.onnx, model.xml               what `intarsia export` wrote
torchvision:deeplabv3_resnet50      a public model (`intarsia models --pretrained`)
torchvision:resnet50                an encoder's weights, to train on from
smp:someone/network, hf:...         any repository of the hub that a loader reads, or that `intarsia publish` made
classical:otsu                      a method from before deep learning, which learns nothing (`classical`)
x.pth, x.safetensors, a folder      another library's file, or what its save_pretrained wrote
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from .. import classical
from ..characters import one_line
from ..errors import CheckpointError, nearest
from ..labels import LabelSpace
from ..limits import ANSWER
from ..output import cache_folder, replaced
from .download import FOLDERS, Tell, from_address, from_hub
from .file import KEY, LAST, load
from .foreign.load import Foreign, load_foreign
from .foreign.pipeline import AS_IT_IS
from .foreign.public import PUBLIC, SOURCES, Public
from .foreign.public.labels import LABELS
from .foreign.variants import output_of
from .graphs import graph_checkpoint, is_graph
from .hub import published
from .record import Checkpoint

Say = Callable[[str], None]
HUBS = ("smp", "hf")  # whose names are repositories of the hub
PART = (
    "a network for whole pictures, of which the encoder serves here: start from it with `intarsia train RECIPE --from`"
)
FILES = (".pth", ".pt", ".bin", ".ckpt", ".tar", ".pdparams")  # endings of what torch.save wrote, or Paddle


def aloud(sentence: str) -> None:
    """Print a sentence on standard error."""
    sys.stderr.write(f"{one_line(sentence)}\n")


def resolve(
    model: str | Path,
    *,
    state: bool = False,
    labels: LabelSpace | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
    say: Say = aloud,
    tell: Tell | None = None,
    part: bool = False,
    graphs: bool = False,
) -> Checkpoint:
    """Open what a name means, and download it first where it is a public model that is not here yet.

    Args:
        model: a checkpoint, the folder of a run, a public model's name, a classical method's name with its parameters, a
            foreign file or folder.
        state: as for `load`, of a checkpoint of ours.
        labels: the classes of a foreign network; None: as its source names them, else "class 0", "class 1", ...
        options: of a foreign network: what its tensors do not tell, as for `load_foreign`.
        say: hears what was assumed, and what a licence forbids at the first use.
        tell: hears how much of a download has arrived.
        part: whether an encoder's weights will do, to train on from; otherwise a network must be able to answer.
        graphs: whether an exported file will do, which is described and has its weights in its graph alone.

    Raises: CheckpointError saying what there is instead, with the nearest name; ModelError for a classical method or a
        parameter that there is not.
    """
    path = published(Path(model))
    if not path.exists() and classical.is_method(str(model)):
        return _classical(str(model))
    if is_graph(path) and (path.is_file() or not _is_public(str(model))):
        if not graphs:
            raise CheckpointError(
                f"{path}: is an exported file, whose weights stay in its graph; give the checkpoint that it was made of, and "
                "export that again afterwards"
            )
        return graph_checkpoint(path)
    if path.exists() or not _is_public(str(model)):
        if not is_foreign(path):
            return load(_or_public(model) if path == Path(model) else path, state)
        return _named(load_foreign(path, **options), str(model), labels, say, part)
    return _public(str(model), labels, options, say, tell, part)


def _classical(name: str) -> Checkpoint:
    """A method that learns nothing, described as a network is, without weights."""
    method, options, foreground = classical.parsed(name)
    return Checkpoint(
        model=f"{classical.PREFIX}{method}",
        options=options,
        labels=LabelSpace(("background", foreground)),
        in_channels=3,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        weights={},
    )


def is_foreign(path: Path) -> bool:
    """Whether a path that is there is another library's: a file of torch.save's, a folder of save_pretrained's, or a
    safetensors file without our description."""
    if path.is_dir():
        return (
            not (path / LAST).is_file() and published(path) == path and any((path / name).is_file() for name in FOLDERS)
        )
    if not path.is_file():
        return False
    if path.suffix in FILES:
        return True
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if 2 <= length <= ANSWER else {}
    except (OSError, ValueError, RecursionError):
        return False  # `load` says what is wrong with it
    known = header.get("__metadata__") if isinstance(header, dict) else None
    return bool(header) and isinstance(header, dict) and KEY not in (known if isinstance(known, dict) else {})


def _is_public(name: str) -> bool:
    source, colon, rest = name.partition(":")
    return bool(colon and rest) and source in SOURCES


def _or_public(model: str | Path) -> str | Path:
    """A path as it is; a word that is none but nearly a public model's name is asked about."""
    name = str(model)
    if Path(model).exists() or "/" in name or "\\" in name or name.endswith(".safetensors"):
        return model
    short = {public.partition(":")[2]: public for public in PUBLIC}
    if name in short:
        raise CheckpointError(f"there is no checkpoint {name!r}; did you mean the public model {short[name]!r}?")
    if ":" in name and not Path(name).parent.name:
        raise CheckpointError(f"there is no checkpoint or public model {name!r}{_near(name)}")
    return model


def _near(name: str) -> str:
    found = nearest(name, PUBLIC)
    return found if "did you mean" in found else "; `intarsia models --pretrained` lists the public models"


def _public(
    name: str, labels: LabelSpace | None, options: Mapping[str, Any], say: Say, tell: Tell | None, part: bool
) -> Checkpoint:
    source, _, rest = name.partition(":")
    row = PUBLIC.get(name)
    if row is None and source == "torchvision" and (address := _classifier(rest)):
        if not part:
            raise CheckpointError(f"{name}: {PART}")
        digest = address.removesuffix(".pth").rpartition("-")[2]
        return _named(load_foreign(from_address(address, digest, tell), **options), name, labels, say, part)
    if row is None and (source not in HUBS or rest.count("/") != 1):
        raise CheckpointError(f"there is no public model {name!r}{_near(name)}")
    if row is not None and not row.commercial:
        _licence(name, row, say)
    if row is None:
        place = published(from_hub(rest))
        if not is_foreign(place):
            return _ours(place, name, labels, options)
        return _named(load_foreign(place, **options), name, labels, say, part)
    place = from_hub(rest, row.file) if source in HUBS else from_address(row.file, row.digest, tell)
    found = load_foreign(place, **{**row.options, **options})
    space = labels or LABELS[row.labels]()
    named = found if row.pipeline == AS_IT_IS else replace(found, pipeline=row.pipeline)
    made = named.checkpoint(space)
    facts = {"public": name, "data": row.data, "licence": row.licence, "task": row.task}
    recipe = {**made.recipe, "task": row.task} if row.task != "semantic" else made.recipe
    return replace(made, recipe=recipe, notes={**made.notes, **facts})


def _ours(path: Path, name: str, labels: LabelSpace | None, options: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint of ours that somebody published.

    Raises: CheckpointError for options and classes, which it has itself.
    """
    if labels is not None or options:
        raise CheckpointError(
            f"{name}: is a checkpoint of intarsia, which knows its classes and options; leave them out"
        )
    made = load(path)
    return replace(made, notes={**made.notes, "public": name})


def _classifier(name: str) -> str:
    """The address of torchvision's newest weights of a network that names whole pictures; "" for a name that is none."""
    from torchvision import models

    if name not in models.list_models(module=models):
        return ""
    return str(models.get_model_weights(name).DEFAULT.url)


def _named(found: Foreign, name: str, labels: LabelSpace | None, say: Say, part: bool) -> Checkpoint:
    """A foreign network's checkpoint; what nobody knows of it is assumed and told in one sentence.

    Raises: CheckpointError for an encoder alone, where a whole network is wanted.
    """
    if found.part:
        if not part:
            raise CheckpointError(f"{name}: {found.report.peer}: {PART}")
        return found.checkpoint(LabelSpace(("a picture",)))
    guessed = [f"{key}={value!r}" for key, value in found.report.assumed.items()]
    if labels is None and found.labels is None and not found.classes:
        labels = _numbered(found)
        guessed.append(f"the names of its {labels.num_classes} classes")
    if guessed:
        say(
            f"{name}: {found.report.peer}; its tensors do not tell {', '.join(guessed)}: if that is not right, give it "
            "with `intarsia import`"
        )
    return found.checkpoint(labels)


def _numbered(found: Foreign) -> LabelSpace:
    """Classes that nobody named, as many as the network draws maps of."""
    if found.num_classes == 1:
        return LabelSpace(("background", "class 1"), activation="sigmoid")
    names = tuple(f"class {n}" for n in range(found.num_classes))
    space = LabelSpace(names)
    if space.maps(output_of(found.model)) == found.num_classes:
        return space
    return LabelSpace(names, things=names)


def _licence(name: str, row: Public, say: Say) -> None:
    """Say once on each machine that a licence forbids commercial use."""
    told = cache_folder() / "licences" / quote(name, safe="")
    try:
        if told.is_file() and told.read_text(encoding="utf-8") == row.licence:
            return
        told.parent.mkdir(parents=True, exist_ok=True)
        with replaced(told) as file:
            file.write_text(row.licence, encoding="utf-8")
    except OSError:
        pass  # told again next time
    say(f"{name}: the licence of these weights forbids commercial use ({row.licence})")
