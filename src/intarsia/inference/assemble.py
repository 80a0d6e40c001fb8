"""Engines put around each other, as a recipe's `predict` asks for it.

    network - ensemble (several models) - views (flip, scales, rotations) - dense CRF - windows

All others are inside of windows, so that no map is ever larger than a window, whatever the number of classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .. import classical
from ..config import Predict, predict_settings
from ..errors import CheckpointError, ModelError, counted
from ..labels import LabelSpace
from ..models.catalogue import ARCHITECTURES
from ..postprocess import VIEWS
from ..structures import ClassLogits
from .engine import Engine, name_of, networks_of
from .ensemble import Ensemble
from .refined import Refined
from .resized import Resized
from .views import Averaged
from .windows import Windowed

USUAL = Predict()


def models_in(given: str | Path | Sequence[str | Path]) -> list[str | Path]:
    """List the models that "a,b" or a sequence names; a path that is there is one model, commas and all.

    Raises: ModelError for none, and an empty name.
    """
    if isinstance(given, Path) or (isinstance(given, str) and ("," not in given or Path(given).exists())):
        return [given]
    names: list[str | Path] = [one.strip() for one in given.split(",")] if isinstance(given, str) else list(given)
    if not names or not all(str(name) for name in names):
        raise ModelError(f"{given!r} names an empty model; write MODEL,MODEL without spaces between")
    return names


def settings_of(recipe: Mapping[str, Any], given: Mapping[str, Any] | Predict | None = None) -> Predict:
    """Read how a checkpoint's pictures are predicted: as its recipe says, and over that as given.

    Args:
        recipe: of the checkpoint.
        given: keys of a recipe's `predict`; all of them: a `Predict`.

    Raises: CheckpointError for a recipe that cannot be read; RecipeError for keys and values that are none.
    """
    if isinstance(given, Predict):
        return given
    stored = recipe.get("predict") or {}
    if not isinstance(stored, Mapping):
        raise CheckpointError("the checkpoint's recipe has a predict that is no mapping")
    base = predict_settings(stored, "the checkpoint: predict")
    return predict_settings({**base.model_dump(), **given}, "predict") if given else base


def assembled(
    engines: Sequence[Engine],
    labels: LabelSpace,
    settings: Predict,
    *,
    temperatures: Sequence[float] = (1.0,),
    network: str | None = None,
    fitted: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Engine, float]:
    """Put what settings ask for around one engine, or around several whose mean is taken.

    Args:
        engines: of the same classes.
        temperatures: that the scores of each are divided by before they are probabilities.
        network: its name in the catalogue, where it has one.
        fitted: options of a dense CRF, under those of the settings.

    Returns: the engine, and the temperature for its scores.

    Raises: ModelError for what does not go together.
    """
    sigmoid, temperature = labels.activation == "sigmoid", temperatures[0]
    engine = engines[0]
    if len(engines) > 1:
        engine, temperature = Ensemble(engines, sigmoid=sigmoid, temperatures=temperatures), 1.0
    if settings.flip or settings.rotations or tuple(settings.scales) != (1.0,):
        engine = Averaged(
            engine,
            scales=settings.scales,
            flip=settings.flip,
            rotations=settings.rotations,
            how=settings.views,
            sigmoid=sigmoid,
        )
    if settings.crf is not False:
        if network in ARCHITECTURES and ARCHITECTURES[network].output not in VIEWS:
            raise ModelError(
                f"a CRF refines class scores of pixels, and {network} returns {ARCHITECTURES[network].output.__name__}, which "
                "has none; leave the CRF out"
            )
        options = {**fitted, **(settings.crf if isinstance(settings.crf, dict) else {})}
        engine, temperature = Refined(engine, labels, options, temperature), 1.0
    if network in ARCHITECTURES and ARCHITECTURES[network].output is ClassLogits:
        if not isinstance(settings.window, str):
            raise ModelError(
                f"{network} answers of whole pictures, which windows do not see; leave the window out, or make it whole"
            )
        return engine, temperature
    if whole := [one for one in engines if isinstance(one, classical.Unlearned)]:  # whose rules are of whole pictures
        if not isinstance(settings.window, str):
            raise ModelError(
                f"{whole[0].__name__} goes by the whole picture, which windows do not see; leave the window out, or make it whole"
            )
        return engine, temperature
    windowed = Windowed(engine, settings.window, settings.overlap, settings.blend, classes=labels.num_classes)
    return windowed, temperature


def described(engine: Engine) -> str:
    """Say in which windows and views, and with how many models, an engine predicts; "" for one pass over each picture."""
    told = []
    if isinstance(engine, Resized):
        told.append(f"pictures resized ({', '.join(f'{k} {v}' for k, v in engine.rule.to_dict().items())})")
        engine = engine.engine
    if isinstance(engine, Windowed):
        if not isinstance(engine.size, str):
            share = f"{engine.overlap:.0%}".replace("%", " %")
            told.append(f"windows of {engine.size}x{engine.size} pixels that overlap by {share} ({engine.blend})")
        engine = engine.engine
    if isinstance(engine, Refined):
        told.append(f"refined by a dense CRF ({', '.join(f'{k} {v:g}' for k, v in engine.options.items())})")
        engine = engine.engine
    if isinstance(engine, Averaged):
        parts = [f"scales {', '.join(f'{factor:g}' for factor in engine.scales)}"] if engine.scales != (1.0,) else []
        parts += ["mirrored"] if engine.flip else []
        parts += [f"turned by {', '.join(map(str, engine.rotations))} degrees"] if engine.rotations else []
        count = len(engine.scales) * (1 + engine.flip) * (1 + len(engine.rotations))
        told.append(f"{engine.how} of {count} views ({'; '.join(parts)})")
        engine = engine.engine
    if isinstance(engine, Ensemble):
        told.append(f"{engine.how} of {len(engine.engines)} models")
    return "; ".join(told)


def summary(engine: Engine, labels: LabelSpace, task: str, in_channels: int) -> str:
    """Say in one line what a predictor is: network, size, task, classes, channels, device and precision, windows and views."""
    names, networks = labels.names, networks_of(engine)
    classes = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    size = sum(p.numel() for network in networks for p in network.model.parameters())
    parts = [
        name_of(networks[0] if networks else engine),
        f"{size / 1e6:.1f} M parameters" if size >= 50_000 else f"{size:,} parameters" if networks else "",
        task or "its usual task",
        f"{counted(len(names), 'class') if len(names) == 1 else f'{len(names)} classes'}: {classes}",
        counted(in_channels, "channel"),
        f"{networks[0].device}, {networks[0].precision}" if networks else "cpu, float32",
        described(engine),
    ]
    return "; ".join(filter(None, parts))
