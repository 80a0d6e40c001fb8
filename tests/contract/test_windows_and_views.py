"""Every network that answers otherwise than with a map of logits is predicted in windows and in views, in each of its tasks."""

import pytest
import torch
from miniatures import miniature

from intarsia.errors import ModelError
from intarsia.inference import Averaged, Predictor, Torch, Windowed
from intarsia.labels import LabelSpace
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.postprocess import DECISIONS
from intarsia.structures import ClassLogits, CroppedMask, Depth, Labels, Objects, Segments, SemanticLogits

SPACE = LabelSpace(("sky", "road", "car"), things=("car",))
OTHERS = {name: entry for name, entry in ARCHITECTURES.items() if entry.output is not SemanticLogits}
HEIGHT, WIDTH = 72, 104


@pytest.mark.parametrize("name", OTHERS)
def test_windows_and_views_of_every_kind_of_network(name: str) -> None:
    entry = OTHERS[name]
    torch.manual_seed(0)
    network = build(name, SPACE.maps(entry.output), **miniature(name, entry.smallest))
    engine = Torch(network, (0.5,) * 3, (0.25,) * 3)
    image = torch.randint(0, 256, (1, 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    tasks = [task for task, kind in DECISIONS if kind is entry.output]
    averaged = Averaged(engine, flip=True)
    for task in tasks:
        plain = Predictor(averaged, SPACE, task=task).run(image)[0]
        windowed = Predictor(Windowed(averaged, max(64, Windowed(engine).minimum)), SPACE, task=task)
        if entry.output is ClassLogits:
            with pytest.raises(ModelError, match="Tags say something of the whole picture, which windows do not see"):
                windowed.run(image)
            continue
        found = windowed.run(image)[0]
        assert type(found) is type(plain)
        if isinstance(found, Objects):
            shapes = found.shapes
            assert len(shapes) == len(found.classes) == len(found.scores)
            assert all(shape.size == (HEIGHT, WIDTH) for shape in shapes if isinstance(shape, CroppedMask))
        elif isinstance(found, Segments):
            assert found.ids.shape == (HEIGHT, WIDTH) and set(found.ids.ravel().tolist()) <= {0, *found.classes}
        else:
            assert isinstance(found, Labels | Depth) and tuple(found[0].shape) == (HEIGHT, WIDTH)
