"""Augmentation moves image, labels, objects, depth and planes together, to a fraction of a pixel, and repeats itself."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.data.augment.degrade import blur, cutout, noise
from intarsia.data.augment.foreign import borrowed
from intarsia.data.augment.geometry import flipped, place
from intarsia.data.augment.mix import classmix, copy_paste, cutmix, mosaic
from intarsia.data.augment.pipeline import Augmentation
from intarsia.data.cache import Cached
from intarsia.data.loader import Loader
from intarsia.data.samples import as_sample
from intarsia.datasets.folder import folder
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample, boxes_of

IGNORE = 255


def ramp(height: int = 90, width: int = 120, name: str = "ramp") -> Sample:
    """The image says where each of its pixels comes from, in hundredths; labels, objects and depth say so in whole pixels."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([100 * x + 50, 100 * y + 50, 0 * x], dim=0).to(torch.int32)
    objects = ((x // 30) + 4 * (y // 30) + 1).to(torch.int32)
    masks = torch.stack([objects == n for n in range(1, 13)])
    return Sample(
        image, x.to(torch.uint8), name, objects, y.float(), planes_at(x, y), masks,
        classes=torch.arange(12) % 3, tags=torch.tensor([True, False, True]), previous=before_at(x, y),
    )  # fmt: skip


def before_at(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The objects one frame before: each half as wide as now."""
    return torch.where(x % 30 < 15, x // 30 + 4 * (y // 30) + 1, 0).int()


def planes_at(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The three planes of a ramp at its pixels (x, y): stripes, rows and a triangle, which overlap."""
    return torch.stack([(x // 7) % 2 == 1, (y // 11) % 2 == 1, x > y])


def check_together(made: Sample) -> None:
    """Wherever something is seen, object, depth and planes are those of the pixel that the label names; else nothing is."""
    inside = made.labels != IGNORE
    x, y = made.labels.int(), made.depth.nan_to_num().int()
    assert torch.equal(made.objects[inside], (x // 30 + 4 * (y // 30) + 1)[inside].int())
    assert torch.equal(made.planes[:, inside], planes_at(x, y)[:, inside])
    assert torch.equal(made.masks, torch.stack([made.objects == n for n in range(1, 13)]))
    assert torch.equal(made.classes, torch.arange(12) % 3) and made.tags.tolist() == [True, False, True]
    assert torch.equal(made.previous[inside], before_at(x, y)[inside])
    assert (
        (made.objects[~inside] == 0).all() and made.depth[~inside].isnan().all() and not made.planes[:, ~inside].any()
    )


@pytest.mark.parametrize("rotate", [0.0, 25.0])
@pytest.mark.parametrize("seed", range(6))
def test_all_of_a_sample_moves_together_to_a_fraction_of_a_pixel(rotate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = place(ramp(), rng, ignore_index=IGNORE, crop=(64, 80), scale=(0.8, 2.0), flip=True, rotate=rotate)
    inside = made.labels != IGNORE
    middle = torch.zeros_like(inside)
    middle[2:-2, 2:-2] = True
    # away from the picture's own border, where the image fades into its mean
    keep = inside & middle & (made.labels > 3) & (made.labels < 116) & (made.depth > 3) & (made.depth < 86)
    assert keep.float().mean() > 0.3
    x, y = made.image[0] / 100, made.image[1] / 100
    assert (x - (made.labels + 0.5))[keep].abs().max() <= 0.52 + 0.01
    assert (y - (made.depth + 0.5))[keep].abs().max() <= 0.52 + 0.01
    assert ((x - (made.labels + 0.5))[keep].mean()).abs() < 0.05  # no bias by half a pixel anywhere
    check_together(made)


@given(
    size=st.tuples(st.integers(9, 90), st.integers(9, 120)),
    low=st.floats(0.3, 1.5),
    grown=st.floats(1.0, 3.0),
    flip=st.booleans(),
    flip_vertical=st.booleans(),
    rotate=st.sampled_from([0.0, 3.0, 30.0, 180.0]),
    hole=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_labels_objects_depth_and_planes_are_of_one_pixel_whatever_is_drawn(
    size, low, grown, flip, flip_vertical, rotate, hole, seed
) -> None:
    """Crops, zooms, turns, flips and holes: each pixel of the result is one pixel of the source, or shows nothing."""
    change = Augmentation(
        IGNORE, crop=size, scale=(low, low * grown), flip=flip, flip_vertical=flip_vertical, rotate=rotate, cutout=hole
    )
    made = change(ramp(), np.random.default_rng(seed))
    assert made.labels.shape == size and made.planes.shape == (3, *size)
    assert made.objects.dtype == torch.int32 and made.depth.dtype == torch.float32 and made.planes.dtype == torch.bool
    check_together(made)


@pytest.mark.parametrize("zoom", [1, 2, 3])
def test_a_whole_zoom_repeats_every_pixel_and_keeps_meters(zoom: int) -> None:
    """Zoomed by n, each pixel stands n x n times; depth is not divided by the zoom."""
    crop = (90 * zoom, 120 * zoom)
    made = place(ramp(), np.random.default_rng(0), ignore_index=IGNORE, crop=crop, scale=(zoom, zoom))
    for what in ("labels", "objects", "depth", "planes"):
        whole = getattr(ramp(), what)
        grown = whole.repeat_interleave(zoom, -1).repeat_interleave(zoom, -2)
        assert torch.equal(getattr(made, what), grown), what


def test_boxes_follow_from_objects() -> None:
    """Each box holds all pixels of its object and no row or column more, by brute force."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        made = place(ramp(), rng, ignore_index=IGNORE, crop=(64, 80), scale=(0.5, 3.0), flip=True, rotate=30)
        boxes = boxes_of(made.objects, 12)
        for number, box in enumerate(boxes.tolist(), 1):
            rows, columns = (made.objects == number).nonzero(as_tuple=True)
            held = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else [0, 0, 0, 0]
            assert box == [float(side) for side in held]
    assert boxes_of(torch.zeros(4, 5, dtype=torch.int32)).shape == (0, 4)


def test_flipping_twice_changes_nothing() -> None:
    sample = ramp()
    for vertical in (False, True):
        once = flipped(sample, vertical=vertical)
        for mine, theirs in zip(flipped(once, vertical=vertical), sample, strict=True):
            assert mine == theirs if isinstance(mine, str) else torch.equal(mine, theirs)
        assert torch.equal(once.planes, ramp().planes.flip(-2 if vertical else -1))


def gray(value: int, label: int, name: str = "a") -> Sample:
    return Sample(
        torch.full((3, 40, 60), value, dtype=torch.uint8), torch.full((40, 60), label, dtype=torch.uint8), name
    )


def test_blur_keeps_the_mean_and_spreads_a_point_as_a_gaussian_does() -> None:
    image = torch.zeros(1, 61, 61, dtype=torch.int32)
    image[0, 30, 30] = 60000

    class Fixed:
        def uniform(self, low: float, high: float) -> float:
            return high

    soft = blur(image, Fixed(), sigma=2.5)[0].double()
    assert abs(soft.sum() - 60000) < 300
    at = torch.arange(61) - 30.0
    assert abs((soft.sum(0) * at**2).sum() / soft.sum() - 2.5**2) < 0.2
    assert torch.equal(blur(gray(7, 0).image, np.random.default_rng(0), sigma=3), gray(7, 0).image)


def test_noise_has_the_deviation_it_was_drawn_with_and_stays_in_range() -> None:
    class Fixed:
        def __init__(self) -> None:
            self.rng = np.random.default_rng(0)

        def uniform(self, low: float, high: float) -> float:
            return high

        def standard_normal(self, *given):
            return self.rng.standard_normal(*given)

    made = noise(torch.full((3, 100, 100), 128, dtype=torch.uint8), Fixed(), amount=0.05).double()
    assert abs(made.mean() - 128) < 0.3 and abs(made.std() - 0.05 * 255) < 0.3
    bright = noise(torch.full((3, 50, 50), 254, dtype=torch.uint8), Fixed(), amount=0.5)
    assert bright.dtype == torch.uint8 and bright.min() >= 0 and (bright == 255).float().mean() > 0.4


def test_cutout_leaves_no_label_where_it_painted() -> None:
    sample = ramp()
    made = cutout(sample, np.random.default_rng(3), share=0.5, ignore_index=IGNORE)
    changed = (made.image != sample.image).any(0)
    assert changed.any() and (made.labels[changed] == IGNORE).all()
    assert torch.equal(made.labels[made.labels != IGNORE], sample.labels[made.labels != IGNORE])
    check_together(made)  # nor an object, a depth or a plane


@pytest.mark.parametrize("kind", ["cutmix", "classmix", "mosaic"])
def test_mixing_moves_pixels_and_labels_together(kind: str) -> None:
    rng = np.random.default_rng(1)
    samples = [gray(10 * n, n, str(n)) for n in range(1, 5)]
    if kind == "classmix":
        samples[1].labels[:, 30:], samples[1].image[:, :, 30:] = 7, 70
    for _ in range(5):
        if kind == "mosaic":
            made = mosaic(samples, rng)
            assert len(made.labels.unique()) == 4
        elif kind == "cutmix":
            made = cutmix(samples[0], samples[1], rng)
        else:
            made = classmix(samples[0], samples[1], rng, ignore_index=IGNORE)
            assert made.labels.unique().tolist() in ([1, 2], [1, 7])
        assert torch.equal(made.image, (10 * made.labels.int()).to(torch.uint8).expand(3, -1, -1))
        assert made.name == "1"


@pytest.mark.parametrize("kind", ["cutmix", "classmix", "copy_paste", "mosaic"])
def test_mixing_moves_objects_depth_and_planes_with_the_labels(kind: str) -> None:
    """Each pixel of a mix is a pixel of one of the samples, in all of its parts."""
    rng = np.random.default_rng(3)
    bare = ramp()._replace(tags=None)
    samples = [place(bare, rng, ignore_index=IGNORE, crop=(64, 80), flip=True, rotate=20) for _ in range(4)]
    change = Augmentation(IGNORE, **{kind: 1.0})
    others = iter(samples[1:])
    made = change.mix(samples[0], rng, lambda: next(others))
    inside = made.labels != IGNORE
    x, y = made.labels.int(), made.depth.nan_to_num().int()
    assert not torch.equal(made.labels, samples[0].labels)
    expected = (x // 30 + 4 * (y // 30) + 1)[inside]
    for number in made.objects[inside].unique():  # each new number is one object of one sample
        assert number > 0 and len(expected[made.objects[inside] == number].unique()) == 1
    assert torch.equal(made.planes[:, inside], planes_at(x, y)[:, inside])
    assert torch.equal(made.masks, torch.stack([made.objects == n for n in range(1, len(made.masks) + 1)]))
    assert len(made.classes) == len(made.masks) == (48 if kind == "mosaic" else 24)
    assert torch.equal(made.classes[made.objects[inside].long() - 1], (expected - 1) % 3)
    was = made.previous > 0  # one frame before, an object has the number that it has now
    assert torch.equal(was[inside], (x % 30 < 15)[inside]) and torch.equal(made.previous[was], made.objects[was])
    assert made.depth[~inside].isnan().all() and not made.planes[:, ~inside].any()


@pytest.mark.parametrize("kind", ["cutmix", "classmix", "copy_paste", "mosaic"])
def test_tags_of_whole_pictures_cannot_be_mixed(kind: str) -> None:
    change = Augmentation(IGNORE, **{kind: 1.0})
    with pytest.raises(DataError, match="cannot be mixed: their tags are of whole pictures.*mosaic to 0"):
        change.mix(ramp(), np.random.default_rng(0), ramp)


def test_what_lies_hidden_under_a_pasted_object_stays_behind() -> None:
    """Object 1 of the other picture lies half under its object 2; where only 2 is pasted, 1 is no object of the mix."""
    masks = torch.zeros(2, 40, 60, dtype=torch.bool)
    masks[0, 5:20, 5:30], masks[1, 10:30, 10:40] = True, True
    objects = masks[0].int().where(~masks[1], 2 * masks[1].int())
    other = gray(9, 0)._replace(objects=objects, masks=masks, classes=torch.tensor([3, 4]))
    below = gray(1, 0)._replace(objects=objects, masks=masks, classes=torch.tensor([5, 6]))
    seen = set()
    for seed in range(20):
        made = copy_paste(below, other, np.random.default_rng(seed))
        shown = tuple(int(n) for n in made.objects.unique() if n)
        assert tuple(n + 1 for n in range(4) if made.masks[n].any()) == shown
        assert made.classes.tolist() == [5, 6, 3, 4]
        seen.add(shown)
    assert seen == {(1, 2), (1, 4), (2, 3), (3, 4)}, "the same places: a pasted object covers its like"


def test_classmix_of_planes_moves_whole_classes() -> None:
    """Where a pixel may have several labels, what is laid over is all of the chosen planes and nothing else."""
    below, above = (gray(value, 0)._replace(planes=torch.zeros(3, 40, 60, dtype=torch.bool)) for value in (1, 9))
    above.planes[0, :20], above.planes[2, 10:30] = True, True
    seen = set()
    for seed in range(20):
        made = classmix(below, above, np.random.default_rng(seed), ignore_index=IGNORE)
        covered = made.image[0] == 9
        assert any(torch.equal(covered, above.planes[k]) for k in (0, 2))
        assert torch.equal(made.planes, above.planes & covered)
        seen.add(bool(covered[0, 0]))
    assert seen == {True, False}


def test_a_sample_without_labels_goes_with_the_others_and_one_with_labels_must_have_their_parts() -> None:
    """Nothing is known of a picture without a mask, so it has no objects, unknown depth, empty planes."""
    full = ramp()._replace(image=torch.zeros(3, 90, 120, dtype=torch.uint8), tags=None)
    bare = Sample(full.image, torch.full((90, 120), IGNORE, dtype=torch.uint8), "bare")
    batch = next(Loader([full, bare], batch_size=2, ignore_index=IGNORE).stream())
    own, other = batch.names.index("ramp"), batch.names.index("bare")
    assert torch.equal(batch.objects[own], full.objects) and torch.equal(batch.depth[own], full.depth)
    assert torch.equal(batch.planes[own], full.planes)
    assert not batch.objects[other].any() and batch.depth[other].isnan().all() and not batch.planes[other].any()
    assert batch.masks[other].shape == (0, 90, 120) and not len(batch.classes[other])
    assert torch.equal(batch.masks[own], full.masks) and torch.equal(batch.classes[own], full.classes)
    assert torch.equal(batch.previous[own], full.previous) and not batch.previous[other].any()

    class Known(list):
        labels = LabelSpace(("a", "b"))

    assert next(Loader(Known([full, bare]), batch_size=2).stream()).objects is not None
    mixed = Augmentation(IGNORE, cutmix=1.0).mix(full, np.random.default_rng(0), lambda: bare)
    assert mixed.objects is not None and mixed.depth is not None and mixed.planes is not None
    for what in ("objects", "depth", "planes"):
        lacking = full._replace(name="lacking", **{what: None})
        told = rf"has {what} and lacking has none: they fit into no batch; give every sample of the data set its {what}"
        with pytest.raises(DataError, match=told):
            next(Loader([full, lacking], batch_size=2, ignore_index=IGNORE).stream())
        with pytest.raises(DataError, match=told):
            cutmix(full, lacking, np.random.default_rng(0))
    with pytest.raises(
        DataError, match="has 3 planes and few has 2: they fit into no batch|has 2 planes and ramp has 3"
    ):
        next(Loader([full, full._replace(name="few", planes=full.planes[:2])], batch_size=2).stream())


def test_a_batch_has_what_its_samples_have() -> None:
    plain = next(Loader([gray(1, 1), gray(2, 0)], batch_size=2).stream())
    assert plain.objects is None and plain.depth is None and plain.planes is None
    full = ramp()._replace(image=torch.zeros(3, 90, 120, dtype=torch.uint8))
    batch = next(Loader([full] * 3, batch_size=3).stream()).to(torch.device("cpu"))
    assert batch.objects.shape == batch.depth.shape == (3, 90, 120) and batch.planes.shape == (3, 3, 90, 120)
    assert (batch.objects.dtype, batch.depth.dtype, batch.planes.dtype) == (torch.int32, torch.float32, torch.bool)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"objects": torch.zeros(3, 4)}, r"objects of float32 \[3, 4\] .* give whole numbers \[H, W\]"),
        ({"depth": torch.zeros(40, 60, dtype=torch.int32)}, r"depth of int32 .* give floating-point meters"),
        ({"depth": torch.zeros(1, 40, 60)}, r"depth of float32 \[1, 40, 60\]"),
        ({"planes": torch.zeros(2, 40, 61, dtype=torch.bool)}, r"planes of bool \[2, 40, 61\] for an image of 40x60"),
        ({"planes": torch.zeros(2, 40, 60)}, r"give bool \[K, H, W\], one plane a class"),
    ],
)
def test_parts_that_do_not_fit_are_one_sentence(part: dict, told: str) -> None:
    with pytest.raises(DataError, match=told):
        as_sample(gray(1, 1)._replace(**part), 0)


def test_copy_paste_keeps_both_numberings_apart() -> None:
    below, above = (ramp(name=name)._replace(tags=None) for name in ("below", "above"))
    made = copy_paste(below, above._replace(image=above.image + 1), np.random.default_rng(0))
    pasted = made.objects > 12
    assert pasted.any() and not pasted.all()
    assert torch.equal(pasted, made.image[2] == 1)
    assert torch.equal(made.objects[pasted] - 12, above.objects[pasted])
    assert torch.equal(made.planes, ramp().planes) and torch.equal(made.depth, ramp().depth)  # of the same pixels
    with pytest.raises(DataError, match="a: augment.copy_paste moves objects, but the data set knows none"):
        copy_paste(gray(1, 1), gray(2, 2), np.random.default_rng(0))


def test_a_batch_with_everything_on_repeats_itself_and_ignores_the_workers() -> None:
    data = [gray(10 * n, n, str(n)) for n in range(1, 9)]
    change = Augmentation(
        IGNORE, crop=(32, 32), scale=(0.5, 2.0), flip=True, flip_vertical=True, rotate=10, brightness=0.2, blur=1.0,
        noise=0.02, cutout=0.3, cutmix=0.25, classmix=0.25, mosaic=0.25,
    )  # fmt: skip
    loaders = [Loader(data, batch_size=4, change=change, mix=change.mix, seed=5, workers=w) for w in (0, 2)]
    first, second = ([next(stream) for _ in range(3)] for stream in (loader.stream(2) for loader in loaders))
    for mine, theirs in zip(first, second, strict=True):
        assert torch.equal(mine.image, theirs.image) and torch.equal(mine.labels, theirs.labels)


def test_samples_of_two_sizes_cannot_be_mixed() -> None:
    mix = Augmentation(IGNORE, cutmix=1.0).mix
    small = Sample(torch.zeros(3, 8, 9, dtype=torch.uint8), torch.zeros(8, 9, dtype=torch.uint8), "small")
    with pytest.raises(
        DataError, match="a and small cannot be mixed: one is 60x40 with 3 channels of uint8, the other 9x8"
    ):
        mix(gray(1, 1), np.random.default_rng(0), lambda: small)


def test_a_balanced_order_shows_rare_classes_often_and_is_drawn_from_the_seed() -> None:
    presence = np.zeros((100, 2), bool)
    presence[:, 0], presence[7, 1] = True, True
    data = [gray(0, 0, str(n)) for n in range(100)]
    plain = Loader(data, batch_size=10)
    even = Loader(data, batch_size=10, presence=presence, balance=0.5)
    assert sorted(plain.order(0)) == list(range(100))
    counts = [int((even.order(epoch) == 7).sum()) for epoch in range(20)]
    assert 20 < np.mean(counts) < 30  # half of the places, half of them for the class that only one sample holds
    assert np.array_equal(even.order(3), even.order(3)) and not np.array_equal(even.order(3), even.order(4))
    with pytest.raises(DataError, match="needs to know which classes each sample holds; let the audit run"):
        Loader(data, batch_size=10, balance=0.5)


class Compose:
    """What albumentations' Compose looks like from outside."""

    def __init__(self, *transforms) -> None:
        self.transforms, self.seed = transforms, None

    def set_random_seed(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, *args, force_apply: bool = False, **data):
        shift = self.seed % 3
        return {"image": data["image"][:, ::-1] + shift, "mask": data["mask"][:, ::-1]}


class PadIfNeeded:
    fill_mask = 0


def test_a_compose_by_its_looks() -> None:
    sample = ramp()._replace(
        image=ramp().image.to(torch.uint8),
        objects=None,
        depth=None,
        planes=None,
        masks=None,
        classes=None,
        tags=None,
        previous=None,
    )
    change = borrowed(Compose(), IGNORE)
    made, again = (change(sample, np.random.default_rng(2)) for _ in range(2))
    assert torch.equal(made.labels, sample.labels.flip(-1)) and torch.equal(made.image, again.image)
    with pytest.raises(DataError, match="PadIfNeeded fills masks with 0, which names a class .* give it fill_mask=255"):
        borrowed(Compose(PadIfNeeded()), IGNORE)
    with pytest.raises(DataError, match="ramp: has objects, depth or planes"):
        change(ramp(), np.random.default_rng(0))  # it returns no masks for them
    with pytest.raises(DataError, match=r"augment is called as augment\(sample, generator\)"):
        borrowed(lambda sample: sample, IGNORE)
    with pytest.raises(DataError, match="not a list; put a list into Compose"):
        borrowed([Compose()], IGNORE)  # type: ignore[arg-type]


def test_a_compose_that_takes_more_masks_moves_objects_and_depth() -> None:
    class Pads(Compose):
        """Moves to the right by ten and fills as albumentations does, in every mask alike."""

        def __call__(self, *args, force_apply: bool = False, **data):
            def moved(array, fill):
                made = np.full_like(array, fill)
                made[:, 10:] = array[:, :-10]
                return made

            masks = [moved(mask, IGNORE) for mask in data["masks"]]
            return {"image": moved(data["image"], 0), "mask": moved(data["mask"], IGNORE), "masks": masks}

    sample = ramp()
    made = borrowed(Pads(), IGNORE)(sample, np.random.default_rng(0))
    assert made.objects is not None and made.depth is not None and made.planes is not None
    assert torch.equal(made.objects[:, 10:], sample.objects[:, :-10]) and (made.objects[:, :10] == 0).all()
    assert torch.equal(made.depth[:, 10:], sample.depth[:, :-10]) and made.depth[:, :10].isnan().all()
    assert torch.equal(made.planes[:, :, 10:], sample.planes[:, :, :-10]) and not made.planes[:, :, :10].any()
    alone = sample._replace(objects=None, depth=None)
    assert torch.equal(borrowed(Pads(), IGNORE)(alone, np.random.default_rng(0)).planes, made.planes)

    class Forgets(Pads):
        def __call__(self, *args, force_apply: bool = False, **data):
            made = super().__call__(**data)
            return {**made, "masks": made["masks"][:1]}

    with pytest.raises(DataError, match="has objects, depth or planes"):
        borrowed(Forgets(), IGNORE)(sample, np.random.default_rng(0))


def test_albumentations_itself_moves_objects_and_depth_with_the_labels() -> None:
    """Turned by 20 degrees: wherever something is seen, object and depth are those of the pixel that the label names."""
    albumentations = pytest.importorskip("albumentations")
    turn = albumentations.Compose(
        [albumentations.Rotate(limit=(20, 20), border_mode=0, fill=0, fill_mask=IGNORE, p=1, interpolation=0)]
    )
    sample = ramp()._replace(image=ramp().image.clamp(max=65535).to(torch.uint8))
    made = borrowed(turn, IGNORE)(sample, np.random.default_rng(0))
    seen = made.labels != IGNORE
    assert 0.6 < seen.float().mean() < 0.95
    check_together(made)


def test_a_function_of_ones_own_sees_the_sample_first() -> None:
    own = borrowed(lambda sample, rng: sample._replace(image=sample.image + 1), IGNORE)
    change = replace(Augmentation(IGNORE), own=own)
    assert (change(gray(4, 0), np.random.default_rng(0)).image == 5).all()


def test_normalized_floats_are_refused() -> None:
    class Floats(Compose):
        def __call__(self, *args, force_apply: bool = False, **data):
            return {"image": data["image"] / 255, "mask": data["mask"]}

    with pytest.raises(DataError, match=r"a: augment made an image of float64 .* raw integers as they came, uint8"):
        borrowed(Floats(), IGNORE)(gray(4, 0), np.random.default_rng(0))


@pytest.fixture
def pairs(tmp_path):
    from PIL import Image

    root = tmp_path / "data"
    for part in ("images", "masks"):
        (root / part).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(4):
        Image.fromarray(rng.integers(0, 255, (20 + n, 30, 3), np.uint8)).save(root / "images" / f"{n}.png")
        Image.fromarray(rng.integers(0, 2, (20 + n, 30), np.uint8)).save(root / "masks" / f"{n}.png")
    return root


def opened(root):
    return folder(root, "all", labels=LabelSpace(("a", "b")))


def test_a_disk_cache_gives_what_the_files_hold_and_is_built_once(pairs, tmp_path) -> None:
    told: list[tuple[int, int]] = []
    cached = Cached(opened(pairs), tmp_path / "cache", tell=lambda *given: told.append(given))
    assert cached.built and told[-1] == (4, 4) and cached.bytes == sum((20 + n) * 30 * 4 for n in range(4))
    for mine, theirs in zip(cached, opened(pairs), strict=True):
        assert torch.equal(mine.image, theirs.image) and torch.equal(mine.labels, theirs.labels)
        assert mine.name == theirs.name and mine.image.dtype == theirs.image.dtype
    assert not Cached(opened(pairs), tmp_path / "cache").built


def test_a_changed_file_or_another_label_space_builds_the_cache_again(pairs, tmp_path) -> None:
    Cached(opened(pairs), tmp_path / "cache")
    other = folder(pairs, "all", labels=LabelSpace(("a", "b"), values={0: "b", 1: "a"}))
    assert Cached(other, tmp_path / "cache").built
    path = pairs / "masks" / "0.png"
    path.write_bytes((pairs / "masks" / "0.png").read_bytes() + b"\0")
    assert Cached(opened(pairs), tmp_path / "cache").built


def test_a_broken_file_leaves_no_half_cache(pairs, tmp_path) -> None:
    (pairs / "images" / "2.png").write_bytes(b"no image")
    for _ in range(2):
        with pytest.raises(DataError, match=r"2\.png"):
            Cached(opened(pairs), tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    with pytest.raises(DataError, match="only data sets of image and mask files are cached on disk, not list"):
        Cached([gray(0, 0)], tmp_path / "cache")


def test_depth_that_is_unknown_stays_so() -> None:
    sample = ramp()
    sample.depth[10:20] = math.nan
    made = place(sample, np.random.default_rng(0), ignore_index=IGNORE, flip=True)
    assert int(made.depth.isnan().sum()) == 10 * 120
