"""Methods that learn nothing on a data set: which of its two classes is the foreground that they find."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .. import classical
from ..data.dataset import labels_of
from ..data.samples import as_sample
from ..errors import ModelError
from ..inference import Predictor
from ..inference.engine import Engine
from ..labels import LabelSpace
from ..structures import Output, SemanticLogits


class Exchanged:
    """An engine whose two classes change places."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __call__(self, image: Tensor) -> Output:
        """Run the engine on raw integers [B, C, H, W]; returns [B, 2, H, W] with class 1 first."""
        output = self.engine(image)
        assert isinstance(output, SemanticLogits)
        return SemanticLogits(output.logits.flip(1))


def on_classes_of(predictor: Predictor, dataset: Any) -> tuple[Predictor, str]:
    """Name what a method that learns nothing finds by the classes of a data set.

    Args:
        predictor: any; one that has learned its classes stays as it is.
        dataset: whose second class is the foreground, unless the method's `foreground` names one of its two classes. Which
            pixels the method takes for the foreground is its own affair, `polarity`: the truth is not looked at.

    Returns: the predictor, and a few words on which class is the foreground, empty where that is no question.

    Raises: ModelError for a data set of other than two classes, or one without a class of the name that was given.
    """
    stored = predictor.checkpoint
    if stored is None or stored.model is None or not classical.is_method(stored.model) or not len(dataset):
        return predictor, ""
    space = labels_of(dataset) or predictor.labels
    finds, name = predictor.labels.names[1], stored.model
    if space.num_classes != 2 or space.planes:
        raise ModelError(
            f"{name} tells a foreground from a background, and the data set has {space.num_classes} classes "
            f"({', '.join(space.names[:5])}{', ...' if space.num_classes > 5 else ''}); train a method that learns them, "
            "such as random_forest"
        )
    if finds not in (*space.names, classical.FOREGROUND):
        raise ModelError(
            f"{name}: foreground is {finds!r}, and the classes of the data set are {space.names[0]!r} and {space.names[1]!r}"
        )
    exchanged = finds == space.names[0]
    channels = as_sample(dataset[0], 0).image.shape[0]
    engine = Exchanged(predictor.engine) if exchanged else predictor.engine
    plain = LabelSpace(space.names, space.colors)  # two maps, whatever the activation of networks on these data
    made = Predictor(
        engine,
        plain,
        task=predictor.task,
        in_channels=channels,
        decide=predictor.decide,
        temperature=predictor.temperature,
    )
    made.checkpoint, made.returns = stored, predictor.returns
    return made, f"the foreground is the class {space.names[0 if exchanged else 1]!r}"
