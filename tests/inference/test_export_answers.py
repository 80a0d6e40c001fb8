"""What a graph answers in tensors of fixed rows is what `decide` answers; sizes by arithmetic are those by decisions."""

import itertools

import numpy as np
import pytest
import torch

from intarsia.checkpoint import Resizing
from intarsia.errors import ModelError
from intarsia.inference.resized import resized
from intarsia.inference.runtime.asked import ANSWERS
from intarsia.inference.runtime.compared import answers_of, changed
from intarsia.inference.runtime.stages import Prepare, parts_of, rebuilt, seen
from intarsia.labels import LabelSpace
from intarsia.postprocess import decide
from intarsia.structures import ClassLogits, Detections, MaskQueries, Objects, PanopticLogits, Segments, SemanticLogits

SIZE = (40, 56)
SPACE = LabelSpace(("sky", "road", "car", "man"), things=("car", "man"))
IMAGES = torch.zeros(2, 3, *SIZE, dtype=torch.uint8)


def queries(seed: int) -> MaskQueries:
    """Twelve queries of blobs, most of them sure, several of one class of stuff."""
    random = torch.Generator().manual_seed(seed)
    classes = torch.randn(2, 12, 5, generator=random) * 6
    rows, columns = torch.arange(10).view(-1, 1), torch.arange(14).view(1, -1)
    middle = torch.rand(2, 2, 12, 1, 1, generator=random) * torch.tensor([10.0, 14.0]).view(2, 1, 1, 1, 1)
    masks = 6 - 1.5 * ((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2).sqrt()
    return MaskQueries(classes, masks, SIZE)


def compared(answer: str, output: object, space: LabelSpace, task: str, **options: object) -> list:
    made = ANSWERS[answer, type(output)](output, space, options, 1.0)
    true = decide(output, space, task, **options)
    given = answers_of(answer, {name: tensor.numpy() for name, tensor in made.items()}, space, IMAGES)
    assert len(true) == len(given) == 2 and all(
        type(one) is type(other) for one, other in zip(true, given, strict=True)
    )
    assert [changed(one, other) for one, other in zip(true, given, strict=True)] == [0, 0]
    return list(zip(true, given, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_answers_of_queries(seed: int) -> None:
    output = queries(seed)
    compared("labels", output, SPACE, "semantic")
    for options in ({}, {"threshold": 0.3, "overlap": 0.5}):
        for true, given in compared("segments", output, SPACE, "panoptic", **options):
            assert isinstance(true, Segments) and isinstance(given, Segments)
            assert sorted(true.classes.values()) == sorted(given.classes.values())
            assert sorted(true.scores.values()) == pytest.approx(sorted(given.scores.values()))
    for true, given in compared("objects", output, SPACE, "instance"):
        assert isinstance(true, Objects) and isinstance(given, Objects) and len(true.shapes) > 1
        assert true.scores.tolist() == pytest.approx(given.scores.tolist())
        assert true.classes.tolist() == given.classes.tolist()


def centers(seed: int) -> PanopticLogits:
    """Maps of blocks, heatmaps of six flat peaks, offsets that point about."""
    random = torch.Generator().manual_seed(seed)
    blocks = torch.nn.functional.interpolate(3 * torch.randn(2, 4, 5, 7, generator=random), SIZE, mode="nearest")
    heat = torch.zeros(2, 1, *SIZE)
    for n in range(12):
        y, x = (int(torch.randint(3, side - 3, (1,), generator=random)) for side in SIZE)
        heat[n % 2, 0, y - 1 : y + 2, x : x + 2] = 0.05 + n // 4 / 2 + n / 100  # too low, middle and above 1
    offsets = 4 * torch.randn(2, 2, *SIZE, generator=random)
    return PanopticLogits(blocks + 0.1 * torch.randn(2, 4, *SIZE, generator=random), heat, offsets)


@pytest.mark.parametrize("seed", range(3))
def test_answers_of_centers(seed: int) -> None:
    output = centers(seed)
    for options in ({}, {"threshold": 0.6, "kernel": 3, "top_k": 2, "stuff_area": 300}, {"threshold": 1.0, "top_k": 1}):
        for true, given in compared("segments", output._replace(depth=output.centers), SPACE, "panoptic", **options):
            assert isinstance(true, Segments) and isinstance(given, Segments) and (given.depth == true.depth).all()
            assert sorted(true.classes.values()) == sorted(given.classes.values())
            assert sorted(true.scores.values()) == pytest.approx(sorted(given.scores.values()), rel=1e-5)
        options.pop("stuff_area", None)
        for true, given in compared("objects", output, SPACE, "instance", **options):
            assert isinstance(true, Objects) and isinstance(given, Objects)
            assert true.scores.tolist() == pytest.approx(given.scores.tolist(), rel=1e-5)
            assert sorted(true.classes.tolist()) == sorted(given.classes.tolist())
            assert sorted(m.inside.sum() for m in true.shapes) == sorted(m.inside.sum() for m in given.shapes)


def test_answers_of_centers_where_there_are_none() -> None:
    output = centers(0)
    compared("segments", output._replace(centers=0 * output.centers), SPACE, "panoptic")
    compared("segments", output, LabelSpace(SPACE.names), "panoptic")  # no class has objects
    with pytest.raises(ModelError, match="no class has any; ask for labels"):
        ANSWERS["objects", PanopticLogits](output, LabelSpace(SPACE.names), {}, 1.0)


def test_answers_of_maps_pictures_and_boxes() -> None:
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 4, *SIZE, generator=random)
    compared("labels", SemanticLogits(maps), SPACE, "semantic")
    compared("labels", PanopticLogits(maps, maps[:, :1], maps[:, :2]), SPACE, "semantic")
    compared("labels", ClassLogits(maps[:, :, 0, 0]), SPACE, "classification")
    two, one = LabelSpace(("a", "b")), LabelSpace(("a", "b"), activation="sigmoid")
    compared("labels", SemanticLogits(maps[:, :2]), two, "semantic", threshold=0.3)
    compared("labels", SemanticLogits(maps[:, :1]), one, "semantic", threshold=0.7)
    planes = LabelSpace(SPACE.names, planes=True)
    compared("planes", SemanticLogits(maps), planes, "semantic", threshold=[0.2, 0.5, 0.6, 0.9])
    corners = torch.rand(2, 6, 2, generator=random) * 20
    boxes = torch.cat([corners, corners + 5 + 15 * torch.rand(2, 6, 2, generator=random)], dim=2)
    scores = torch.tensor([[0.9, 0.8, 0.5, 0.3, 0.01, 0.0]]).expand(2, -1)
    masks = torch.randn(2, 6, 7, 7, generator=random)
    found = Detections(scores, torch.tensor([[2, 3, 2, 3, 2, 0]] * 2), boxes, masks, SIZE)
    for true, given in compared("objects", found, SPACE, "instance"):
        assert len(true.scores) == len(given.scores) == 4
    compared("objects", found._replace(masks=None), SPACE, "detection", threshold=0.4)
    windows = torch.cat([corners - 4, corners + 24], dim=2)
    elsewhere = found._replace(masks=torch.randn(2, 6, 7, 9, generator=random), windows=windows)
    whole = found._replace(masks=None, whole=torch.rand(2, 6, 10, 14, generator=random))
    for output in (elsewhere, whole, whole._replace(agnostic=True)):
        for true, _ in compared("objects", output, SPACE, "instance"):
            assert sum(int(mask.inside.sum()) for mask in true.shapes) > 100
        back = rebuilt(Detections, parts_of(output), SIZE, output.agnostic)
        assert all(one is other for one, other in zip(back, output, strict=True)), "nothing of it is lost on the way"


RULES = [
    Resizing(shorter=52),
    Resizing(shorter=52, longest=80),
    Resizing(shorter=51, longest=204, nearest=True, antialias=False),
    Resizing(size=(48, 64)),
    Resizing(multiple=32),
    Resizing(shorter=52, multiple=14, longest=90),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_sizes_by_arithmetic(rule: Resizing) -> None:
    for height, width in itertools.product((1, 7, 31, 52, 53, 80, 97, 205, 640), repeat=2):
        assert tuple(seen(rule, height, width)) == rule.of(height, width), (height, width)


@pytest.mark.parametrize(
    ("rule", "few"), [(Resizing(shorter=52), 0.02), (Resizing(size=(30, 64)), 0.02), (RULES[2], 0.15)], ids=str
)
def test_resizing_inside_of_a_graph(rule: Resizing, few: float) -> None:
    """At most one gray level from Pillow's whole numbers for few pixels, from OpenCV's, of eleven bits, for some more."""
    y, x = np.mgrid[:70, :90]
    image = torch.from_numpy((np.sin(y / 3) * np.cos(x / 4) * 100 + 128 + (x * 7 + y * 5) % 23).astype(np.uint8))
    image = image.expand(1, 3, -1, -1).contiguous()
    given = Prepare((0.0,) * 3, (1 / 255,) * 3, 8, rule)(image)
    apart = (given - resized(image, rule).float()).abs()
    assert apart.max() <= 1.001 and (apart > 0.5).float().mean() < few
