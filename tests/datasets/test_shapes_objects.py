"""The built-in scenes with objects: frozen, crowded, and not to be told apart by components, by colors or by a mean depth."""

import hashlib

import numpy as np
import pytest
import torch
from scipy import ndimage

from intarsia.data.loader import Loader
from intarsia.datasets import open as open_dataset
from intarsia.datasets.scenes import LEAST
from intarsia.datasets.shapes import KINDS, NAMES, SCENES, shapes
from intarsia.errors import DataError
from intarsia.evaluation.baseline import pixel_baseline
from intarsia.labels import LabelSpace
from intarsia.metrics.average_precision import AveragePrecision
from intarsia.structures import Objects, Sample, objects_in

FROZEN = {
    ("train", 0, "objects"): "73282ac0d0a7c043",
    ("val", 99, "objects"): "7de853ffdc82886a",
    ("val", 5, "overlaps"): "13c4fddc68c90213",
    ("val", 5, "planes"): "b040c2186380769f",
}


def fingerprint(sample: Sample) -> str:
    parts = [part.contiguous().numpy().tobytes() for part in sample if isinstance(part, torch.Tensor)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


@pytest.fixture(scope="module")
def scenes() -> list[Sample]:
    dataset = shapes(split="val", objects=True, overlaps=True, count=60)
    return [dataset[n] for n in range(60)]


@pytest.mark.parametrize(("split", "index", "what"), FROZEN)
def test_the_scenes_are_frozen(split: str, index: int, what: str) -> None:
    assert SCENES == 2, "a new version needs new fingerprints"
    assert fingerprint(shapes(split=split, **{what: True})[index]) == FROZEN[split, index, what]


def test_every_scene_has_six_objects_a_third_partly_covered_and_neighbors_of_one_class(scenes: list[Sample]) -> None:
    for sample in scenes:
        objects, masks, classes = sample.objects, sample.masks, sample.classes
        assert objects is not None and masks is not None and classes is not None
        assert 6 <= len(masks) <= 7 and len(classes) == len(masks)
        assert objects.unique().tolist() == list(range(len(masks) + 1))  # each is seen
        seen = torch.stack([objects == n for n in range(1, len(masks) + 1)])
        assert not (seen & ~masks).any()
        share = seen.flatten(1).sum(1) / masks.flatten(1).sum(1)
        assert share.min() >= LEAST and (share < 0.96).sum() * 3 >= len(masks)
        for mask, kind in zip(seen, classes, strict=True):
            assert (sample.labels[mask] == kind).all()
        assert ((objects == 0) == (sample.labels == 0)).all()
        grown = [ndimage.binary_dilation(mask.numpy()) for mask in seen]
        assert any(
            (grown[a] & seen[b].numpy()).any() for a in range(len(seen)) for b in range(a) if classes[a] == classes[b]
        )


def test_components_of_the_true_classes_find_few_objects(scenes: list[Sample]) -> None:
    """Whoever only labels pixels, perfectly, gets no more than this; a method of objects has to get 0.80."""
    precision = AveragePrecision(len(NAMES))
    for sample in scenes:
        truth = objects_in(sample._replace(masks=None, classes=None), 255)
        found = [
            (components == n, kind)
            for kind in range(1, len(NAMES))
            for components, count in [ndimage.label(sample.labels.numpy() == kind)]
            for n in range(1, count + 1)
        ]
        guess = Objects(np.stack([mask for mask, _ in found]), [kind for _, kind in found], [1.0] * len(found))
        precision.update(guess, Objects(truth.shapes.numpy(), truth.classes))  # type: ignore[union-attr]
    assert 0.2 < precision.compute().ap50 <= 0.60


def test_one_number_for_all_distances_is_far_off_and_size_shows_them(scenes: list[Sample]) -> None:
    depth = torch.stack([sample.depth for sample in scenes])  # type: ignore[misc]
    assert depth.dtype == torch.float32 and depth.min() > 4 and depth.max() < 28
    assert ((depth.mean() - depth).abs() / depth).mean() >= 0.35
    best = min(float(((guess - depth).abs() / depth).mean()) for guess in torch.linspace(3, 25, 45))
    assert best >= 0.35  # nor does another number
    for sample in scenes:
        assert sample.depth is not None and sample.masks is not None and sample.objects is not None
        assert sample.depth[sample.objects > 0].max() < sample.depth[sample.objects == 0].min()
        for number, mask in enumerate(sample.masks, 1):
            meters = sample.depth[sample.objects == number].unique()
            whole = not (mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
            assert len(meters) == 1
            if whole:  # area is about 2.9 radius^2, and the radius 0.9 m
                guess = 0.9 * 96 * (2.9 / float(mask.sum())) ** 0.5
                assert guess == pytest.approx(float(meters), rel=0.15)


def test_haze_shows_the_distance(scenes: list[Sample]) -> None:
    """The darkest channel of what is seen follows the distance: r of at least 0.9 over all pixels."""
    dark = torch.stack([sample.image.amin(0) for sample in scenes]).double().flatten()
    depth = torch.stack([sample.depth for sample in scenes]).double().flatten()  # type: ignore[misc]
    assert torch.corrcoef(torch.stack([dark, depth]))[0, 1] > 0.9


def test_single_pixels_do_not_tell_the_kinds() -> None:
    baseline = pixel_baseline(shapes(count=200, objects=True), shapes(split="val", count=50, objects=True), len(NAMES))
    assert 0.05 < baseline <= 0.45


def test_several_labels_a_pixel() -> None:
    by_option, by_labels = shapes(planes=True), shapes(labels=LabelSpace(KINDS, planes=True))
    whole = shapes(overlaps=True)
    both = 0
    for n in range(10):
        sample, twin, objects = by_option[n], by_labels[n], whole[n]
        assert sample.planes is not None and twin.planes is not None and objects.masks is not None
        assert sample.planes.shape == (4, 96, 96) and sample.planes.dtype == torch.bool and not sample.labels.any()
        assert sample.planes.equal(twin.planes) and sample.image.equal(objects.image)  # things of glass, both
        for kind in range(4):
            assert objects.classes is not None
            assert sample.planes[kind].equal(objects.masks[objects.classes == kind + 1].any(0))
        both += int((sample.planes.sum(0) > 1).sum())
    assert both > 0 and by_option.labels.planes and by_option.labels.names == KINDS
    batch = next(Loader(by_option, batch_size=3, seed=0).stream())
    assert batch.planes is not None and batch.planes.shape == (3, 4, 96, 96)


def test_some_things_alone() -> None:
    space = LabelSpace(NAMES, things=("disk", "ring"))
    some, every = shapes(labels=space, overlaps=True), shapes(overlaps=True)
    for n in range(8):
        sample, full = some[n], every[n]
        assert sample.classes is not None and full.classes is not None and sample.masks is not None
        assert full.masks is not None and sample.objects is not None
        kept = (full.classes == 1) | (full.classes == 4)
        assert sample.classes.equal(full.classes[kept]) and sample.masks.equal(full.masks[kept])
        assert sample.labels.equal(full.labels)
        assert ((sample.objects > 0) == ((full.labels == 1) | (full.labels == 4))).all()
        for number, mask in enumerate(sample.masks, 1):
            assert mask[sample.objects == number].all()
    assert every.labels.things == KINDS and shapes().labels.things == ()
    assert shapes(labels=LabelSpace(NAMES), objects=True).labels.things == KINDS


def test_what_scenes_with_objects_do_not_take() -> None:
    with pytest.raises(DataError, match="planes show classes, without the numbers of objects"):
        shapes(planes=True, objects=True)
    with pytest.raises(DataError, match="draws disk, square, triangle, ring, and no other classes"):
        shapes(labels=LabelSpace(("a", "b"), planes=True))
    with pytest.raises(DataError, match="write labels.planes: true too"):
        shapes(labels=LabelSpace(NAMES), planes=True)
    with pytest.raises(DataError, match="add data.objects: true"):
        shapes(labels=LabelSpace(NAMES, things=("disk",)))
    assert open_dataset("shapes", None, "val", objects=True, count=2)[1].objects is not None
