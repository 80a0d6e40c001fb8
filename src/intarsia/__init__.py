"""Intarsia: image segmentation in PyTorch, from a folder of labeled images to masks, scores and a report.

    import intarsia

    net = intarsia.build("fpn", num_classes=11, encoder="resnet18")  # an nn.Module; net(image).logits
    last = intarsia.train("shapes", "train.steps=100", out="runs/shapes")  # a recipe in, a checkpoint out
    score = intarsia.evaluate(last)  # score.miou, score.iou["disk"]
    predictor = intarsia.Predictor.load(last)
    predictor("photo.jpg").overlay().save("overlay.png")
    intarsia.predict(last, "day*/*.jpg", out="masks")  # label maps and overlays of many pictures

Every name below is imported when it is first used, so that `import intarsia` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING

from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import annotations as annotations
    from . import blocks as blocks
    from . import checkpoint as checkpoint
    from . import data as data
    from . import datasets as datasets
    from . import doctor as doctor
    from . import draw as draw
    from . import encoders as encoders
    from . import errors as errors
    from . import evaluation as evaluation
    from . import inference as inference
    from . import lab as lab
    from . import labels as labels
    from . import losses as losses
    from . import metrics as metrics
    from . import models as models
    from . import report as report
    from . import study as study
    from . import training as training
    from .checkpoint import Checkpoint as Checkpoint
    from .checkpoint import build as build
    from .checkpoint import load_foreign as load_foreign
    from .config import Recipe as Recipe
    from .encoders import Encoder as Encoder
    from .errors import IntarsiaError as IntarsiaError
    from .evaluation import Score as Score
    from .evaluation import compare as compare
    from .evaluation import evaluate as evaluate
    from .evaluation import from_pretrained as from_pretrained
    from .evaluation import push_to_hub as push_to_hub
    from .evaluation import save_pretrained as save_pretrained
    from .inference import Prediction as Prediction
    from .inference import Predictor as Predictor
    from .inference import predict as predict
    from .labels import LabelSpace as LabelSpace
    from .metrics import ConfusionMatrix as ConfusionMatrix
    from .structures import Sample as Sample
    from .structures import SemanticLogits as SemanticLogits
    from .training import train as train

_ROOM_OF = {  # name -> the room it is imported from when it is first used
    "build": "checkpoint",
    "train": "training",
    "evaluate": "evaluation",
    "compare": "evaluation",
    "predict": "inference",
    "Predictor": "inference",
    "Prediction": "inference",
    "Score": "evaluation",
    "LabelSpace": "labels",
    "Recipe": "config",
    "Checkpoint": "checkpoint",
    "load_foreign": "checkpoint",
    "ConfusionMatrix": "metrics",
    "Encoder": "encoders",
    "Sample": "structures",
    "SemanticLogits": "structures",
    "save_pretrained": "evaluation",
    "from_pretrained": "evaluation",
    "push_to_hub": "evaluation",
    "IntarsiaError": "errors",
}
_ROOMS = (
    "annotations blocks checkpoint data datasets doctor draw encoders errors evaluation inference lab labels losses metrics models report study training"
).split()

__all__ = [*_ROOM_OF, *_ROOMS]


def __getattr__(name: str) -> object:
    if name in _ROOM_OF:
        value: object = getattr(importlib.import_module(f".{_ROOM_OF[name]}", __name__), name)
    elif name in _ROOMS:
        value = importlib.import_module(f".{name}", __name__)
    else:
        from .errors import nearest

        raise AttributeError(f"module 'intarsia' has no attribute {name!r}{nearest(name, __all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
