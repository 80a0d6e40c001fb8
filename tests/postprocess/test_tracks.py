"""Objects keep their number: by centers that move, by pixels that point into the frame before, and over cameras."""

import numpy as np
import pytest
import torch

from intarsia.errors import LabelError, ModelError
from intarsia.labels import LabelSpace
from intarsia.postprocess.panorama import Panorama, coverage
from intarsia.postprocess.tracks import CenterTracks, PairTracks, most_alike, renamed
from intarsia.structures import PanopticLogits, Segments

SPACE = LabelSpace(("floor", "car", "person"), things=("car", "person"))
CAR, PERSON = 1, 2
H, W = 40, 60
Block = tuple[int, int, int, int]  # class, y, x, side


def frame(*blocks: Block, moved: tuple[int, int] = (0, 0)) -> PanopticLogits:
    """What a network says that sees squares exactly, all of which moved by (dy, dx) since the frame before."""
    labels, centers, offsets = torch.zeros(H, W, dtype=torch.long), torch.zeros(1, 1, H, W), torch.zeros(1, 2, H, W)
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    for kind, top, left, side in blocks:
        place = slice(top, top + side), slice(left, left + side)
        at = top + side // 2, left + side // 2
        labels[place], centers[0, 0, at[0], at[1]] = kind, 1.0
        offsets[0, 0][place], offsets[0, 1][place] = (at[0] - y[place]).float(), (at[1] - x[place]).float()
    semantic = 9.0 * torch.nn.functional.one_hot(labels, 3).permute(2, 0, 1)[None].float()
    motion = offsets - torch.tensor(moved).float()[None, :, None, None]
    return PanopticLogits(semantic, centers, offsets, motion=motion)


def at(answer: Segments, *block: Block) -> list[int]:
    return [int(answer.ids[top + side // 2, left + side // 2]) for _, top, left, side in block]


def test_a_track_goes_with_its_motion_and_another_class_never_takes_it() -> None:
    tracks = CenterTracks(SPACE)
    first = (CAR, 10, 10, 9), (PERSON, 10, 40, 9)
    assert at(tracks(frame(*first)), *first) == [4, 5]
    # both went 12 pixels, further than a side of 8: without motion neither would be found again
    then = (CAR, 10, 22, 9), (PERSON, 10, 28 + 24, 7)
    assert at(tracks(frame(*then, moved=(0, 12))), *then) == [4, 5]
    swapped = (PERSON, 10, 22, 9), (CAR, 10, 44, 9)
    assert at(tracks(frame(*swapped)), *swapped) == [6, 7]
    still = CenterTracks(SPACE)
    still(frame(*first))
    assert sorted(at(still(frame(*then)), *then)) == [6, 7]


@pytest.mark.parametrize(("missed", "number"), [(5, 4), (6, 5)])
def test_a_track_outlives_five_frames_without_being_seen(missed: int, number: int) -> None:
    """As the authors' code, which drops a center whose count of frames reaches 7, its own frame counted."""
    tracks, block = CenterTracks(SPACE), (CAR, 10, 10, 9)
    tracks(frame(block))
    for _ in range(missed):
        tracks(frame())
    assert at(tracks(frame(block)), block) == [number]


def test_the_heatmap_shows_the_last_frame_alone() -> None:
    tracks = CenterTracks(SPACE)
    assert not tracks.heat((H, W)).any()
    tracks(frame((CAR, 10, 10, 9)))
    heat = tracks.heat((H, W))
    assert heat[14, 14] == 1 and heat.argmax() == 14 * W + 14 and heat[14, 16] == pytest.approx(np.exp(-0.5), abs=1e-6)
    tracks(frame())
    assert not tracks.heat((H, W)).any()  # the track is remembered, and no network is told that it was seen


@pytest.mark.parametrize("kind", [CenterTracks, PairTracks])
def test_stuff_has_one_number_and_an_output_without_motion_is_refused(kind: type) -> None:
    tracks = kind(SPACE)
    for shift in (0, 2):
        answer = tracks(frame((CAR, 10, 10 + shift, 9), moved=(0, shift)))
        assert answer.classes == {1: 0, 4: CAR} and answer.ids[0, 0] == 1
    with pytest.raises(ModelError, match="one frame at a time, whose network says where its objects were before"):
        tracks(frame()._replace(motion=None))


def test_pairs_of_frames_share_numbers_through_the_frame_between() -> None:
    tracks = PairTracks(SPACE)
    for step in range(4):
        blocks = (CAR, 5, 5 + 12 * step, 9), (CAR, 25, 45 - 12 * step, 9)
        moved = torch.zeros(1, 2, H, W)
        moved[:, 1, :20], moved[:, 1, 20:] = 12, -12
        seen = frame(*blocks)
        answer = tracks(seen._replace(motion=seen.offsets - moved))
        assert at(answer, *blocks) == [4, 5]
    with pytest.raises(ModelError, match="a frame of 50x40 pixels follows one of 60x40"):
        tracks(PanopticLogits(*(part[..., :50] for part in seen[:3]), motion=seen.motion[..., :50]))


def test_a_track_of_pairs_keeps_its_class_where_both_frames_together_are_of_another() -> None:
    """The car of the first frame is small, and what stands there next is a large person, whose pixels outvote it."""
    tracks = PairTracks(SPACE)
    car, person = (CAR, 10, 10, 7), (PERSON, 8, 8, 11)  # around one center
    assert at(tracks(frame(car)), car) == [4]
    assert at(tracks(frame(person)), person) == [5]


def test_the_authors_example_of_stitching() -> None:
    """The worked example of google-research/deeplab2's vip_deeplab_test: numbers of the joined frame go to the next one."""
    kinds = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 2, 2, 0], [2, 2, 3, 3]])
    joined = kinds * 1000 + np.array([[1, 1, 2, 2], [1, 0, 0, 2], [1, 1, 1, 2], [2, 2, 1, 1]])
    after = np.array([[0, 1, 1, 0], [0, 1, 1, 0], [0, 2, 2, 0], [2, 2, 3, 3]])
    fresh = after * 1000 + np.array([[2, 0, 0, 1], [2, 0, 0, 1], [2, 4, 4, 1], [5, 5, 3, 3]])
    named = [{int(n): int(n) // 1000 for n in np.unique(ids) if n % 1000} for ids in (joined, fresh)]
    assert most_alike(joined, named[0], fresh, named[1]) == {2: 1, 1: 2, 2004: 2001, 2005: 2002, 3003: 3001}


def two_cameras(shift: int = 0) -> tuple[dict[str, Segments], dict[str, np.ndarray]]:
    """Two cameras of 6 x 8 pixels that share 3 columns; a car stands there, and each sees one more alone."""
    wide = np.ones((6, 13), np.int64)
    wide[1:4, 5 + shift : 8 + shift], wide[1:4, 0:2], wide[1:4, 11:13] = 4, 5, 6
    place = np.arange(6 * 13).reshape(6, 13)
    left = renamed(Segments(wide[:, :8], {1: 0, 4: CAR, 5: CAR}), {4: 4, 5: 5}, SPACE)
    right = renamed(Segments(wide[:, 5:], {1: 0, 4: CAR, 6: CAR}), {4: 5, 6: 4}, SPACE)  # its own numbers
    return {"left": left, "right": right}, {"left": place[:, :8], "right": place[:, 5:]}


def test_an_object_that_two_cameras_see_gets_one_number_for_good() -> None:
    panorama = Panorama(SPACE)
    answers, cells = two_cameras()
    joined = panorama(answers, cells)
    left, right = joined["left"].ids, joined["right"].ids
    assert left[2, 6] == right[2, 1] and len({*left[2], *right[2]} - {1}) == 3
    assert (left[:, 5:] == right[:, :3]).all()
    alone = {camera: one._replace(classes=dict(one.classes)) for camera, one in answers.items()}
    again = panorama(alone, {"left": cells["left"], "right": cells["right"] + 1000})  # they overlap no more
    assert (again["right"].ids == right).all()
    with pytest.raises(LabelError, match="the camera 'right' is not calibrated"):
        panorama(answers, {"left": cells["left"]})


def test_cameras_are_counted_by_place() -> None:
    _, cells = two_cameras()
    cells["left"] = np.where(cells["left"] == 0, -1, cells["left"])
    seen = coverage(cells)
    assert (seen["left"][:, :5] == 1).all() and (seen["left"][:, 5:] == 2).all() and (seen["right"][:, :3] == 2).all()
