"""The videos of `shapes`: frozen, numbered for good, seen by one camera or by five, and read with the frame before."""

import hashlib

import numpy as np
import pytest
import torch

from intarsia.data.augment.pipeline import Augmentation
from intarsia.data.clips import form_of, heat_of
from intarsia.data.dataset import Shot, cells_of, shots_of
from intarsia.data.videos import check_numbers
from intarsia.datasets.moving_shapes import VERSION
from intarsia.datasets.shapes import shapes
from intarsia.errors import DataError
from intarsia.structures import Sample

VIDEOS = shapes(split="val", size=48, count=2, frames=4, previous="centers")
FIVE = shapes(split="val", size=48, count=1, frames=2, cameras=5)


def fingerprint(sample: Sample) -> str:
    parts = [part.contiguous().numpy().tobytes() for part in sample if isinstance(part, torch.Tensor)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def test_the_videos_are_frozen() -> None:
    assert VERSION == 1, "a new version needs new fingerprints"
    assert fingerprint(VIDEOS[6]) == "1c00ff3c541b80a1" and fingerprint(FIVE[7]) == "b6f8574ccb1ac4c8"


def test_numbers_mean_one_object_of_one_class_and_things_move() -> None:
    first, *rest = [VIDEOS[n] for n in range(4)]
    kinds: dict[int, int] = {}
    for sample in (first, *rest):
        for number in sample.objects.unique().tolist():
            (kind,) = sample.labels[sample.objects == number].unique().tolist()
            assert kinds.setdefault(number, kind) == kind and (kind == 0) == (number == 0)
    assert len(kinds) >= 7 and (first.objects != rest[-1].objects).float().mean() > 0.05
    for before, after in zip([first, *rest], rest, strict=False):
        assert torch.equal(after.previous, before.objects) and torch.equal(after.image[3:6], before.image[:3])
        assert torch.equal(after.image[6:], heat_of(before.objects, before.image)) and after.image[6].max() == 255
    assert not first.previous.any() and torch.equal(first.image[:3], first.image[3:6]) and not first.image[6].any()
    assert [VIDEOS[n].name for n in (0, 5)] == ["val_00000/0000", "val_00001/0001"]
    assert shots_of(VIDEOS)[3:5] == [Shot("val_00000"), Shot("val_00001")]
    assert float(first.depth.min()) > 2 and float(first.depth.max()) < 28


def test_five_cameras_see_the_same_where_they_overlap() -> None:
    places: dict[int, tuple] = {}
    shared = 0
    for n in range(5):
        sample, cells = FIVE[n], cells_of(FIVE, n)
        seen = np.stack([*sample.image.numpy(), sample.labels.numpy(), sample.objects.numpy()]).reshape(5, -1).T
        for cell, pixel in zip(cells.ravel().tolist(), map(tuple, seen.tolist()), strict=True):
            shared += cell in places
            assert places.setdefault(cell, pixel) == pixel
    assert shared == 4 * 48 * 12 and len(places) == 48 * 4 * 48
    assert [shot.camera for shot in shots_of(FIVE)[:6]] == [
        "side_left", "front_left", "front", "front_right", "side_right", "side_left",
    ]  # fmt: skip


def test_training_draws_the_heatmap_anew_behind_place_and_color() -> None:
    change, sample = Augmentation(255, crop=(32, 32), flip=True, brightness=0.3, noise=0.1), VIDEOS[2]
    made = [change(sample, np.random.default_rng(seed)) for seed in range(3)]
    for one in made:
        assert one.image.shape == (7, 32, 32) and one.image[6].max() == 255  # noise of colors leaves it alone
        quiet = heat_of(one.previous, one.image)[0]
        assert not torch.equal(one.image[6], quiet) and (one.image[6].float() - quiet.float()).abs().mean() < 20
    assert not torch.equal(made[0].image[6], made[1].image[6])


@pytest.mark.parametrize(
    ("channels", "form"), [(1, (1, False)), (3, (3, False)), (4, (4, False)), (6, (3, False)), (7, (3, True))]
)
def test_channels_say_what_an_image_of_a_video_holds(channels: int, form: tuple[int, bool]) -> None:
    assert form_of(channels) == form


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"previous": True}, "previous is of videos, and these scenes stand still; set data.frames to 2 or more"),
        ({"frames": 0}, "0 frames make no video; choose 1 to 1000"),
        ({"frames": 2, "overlaps": True}, "leave out overlaps, or frames and cameras"),
        ({"cameras": 3}, "3 cameras were asked for; the scenes are seen by 1 or by 5"),
    ],
)
def test_what_no_video_can_be_is_refused(options: dict, told: str) -> None:
    with pytest.raises(DataError, match=told):
        shapes(split="val", **options)


def test_a_video_without_one_of_its_frames_is_refused() -> None:
    check_numbers(["a.png", "b.png", "d.png"], "v")  # names without numbers say nothing
    check_numbers(["f0.png", "f5.png", "f10.png"], "v")
    check_numbers([f"{time}.png" for time in (1552440195462591, 1552440195562599, 1552440195962540)], "v")
    with pytest.raises(DataError, match=r"v: 1 frame between f001.png and f003.png is missing; objects are followed"):
        check_numbers(["f000.png", "f001.png", "f003.png"], "v")
    for first in (0, 7):
        check_numbers([f"f{first + n:03}.png" for n in range(4)], "v")  # a video may begin anywhere
    check_numbers(["f5.png"], "v")
    check_numbers(["12-00-58.png", "12-00-59.png", "12-01-00.png"], "v")  # a later minute
    with pytest.raises(DataError, match=r"v: f2.png comes after f10.png, for their names are sorted letter by letter"):
        check_numbers(["f1.png", "f10.png", "f2.png", "f3.png"], "v")
