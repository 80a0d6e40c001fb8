"""Answers of overlapping windows, put together, are those of the whole picture: on real objects and real panoptic maps."""

import json
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia.postprocess.stitch import STITCHED, Placed, objects, segments
from intarsia.structures import CroppedMask, Objects, Segments


def placed(size: tuple[int, int], side: int, step: int, answer) -> list[Placed]:
    """Windows over a picture, and what `answer` says of each."""

    def along(length: int) -> list[tuple[int, int, int, int]]:
        begin = [*range(0, max(1, length - side), step), max(0, length - side)] if length > side else [0]
        borders = [0, *((a + min(side, length) + b) // 2 for a, b in pairwise(begin)), length]
        return [(start, min(start + side, length), *borders[n : n + 2]) for n, start in enumerate(begin)]

    parts = []
    for (top, bottom, y0, y1), (left, right, x0, x1) in product(along(size[0]), along(size[1])):
        box = (top, left, bottom, right)
        parts.append(Placed(box, (y0, x0, y1, x1), answer(slice(top, bottom), slice(left, right))))
    return parts


def drawn(found: Objects) -> list[bytes]:
    masks = []
    for shape in found.shapes:
        assert isinstance(shape, CroppedMask)
        mask = np.zeros(shape.size, bool)
        mask[shape.box] = shape.inside
        masks.append(np.packbits(mask).tobytes())
    return sorted(masks)


def test_real_nuclei_across_the_borders_of_windows_come_out_once_and_whole(shared_data) -> None:
    """Masks of the truth, cut by windows; many nuclei touch, and hundreds are cut."""
    folders = sorted(Path(shared_data / "dsb2018_110/stage1_train").iterdir())
    cut = checked = 0
    for folder in folders[:6]:
        masks = np.stack([np.array(Image.open(file).convert("L")) > 0 for file in sorted((folder / "masks").iterdir())])
        masks = masks[masks.any(axis=(1, 2))]

        def answer(rows: slice, columns: slice, masks: np.ndarray = masks) -> Objects:
            seen = masks[:, rows, columns]
            seen = seen[seen.any(axis=(1, 2))]
            return Objects(torch.from_numpy(seen), torch.zeros(len(seen)), torch.full((len(seen),), 0.5))

        parts = placed(masks.shape[1:], 128, 64, answer)
        found = objects(masks.shape[1:], parts)
        cut += sum(len(part.answer.classes) for part in parts) - len(masks)
        checked += len(masks)
        assert drawn(found) == sorted(np.packbits(mask).tobytes() for mask in masks)
    assert checked > 50 and cut > checked


def test_real_panoptic_maps_across_the_borders_of_windows_are_put_together(shared_data) -> None:
    root = Path(shared_data / "panopticapi_sample")
    tree = json.loads((root / "sample_data/panoptic_examples.json").read_text(encoding="utf-8"))
    things = {c["id"] for c in json.loads((root / "panoptic_coco_categories.json").read_text()) if c["isthing"]}
    for picture in tree["annotations"]:
        rgb = np.array(Image.open(root / "sample_data/panoptic_examples" / picture["file_name"])).astype(np.int32)
        ids = rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2]
        classes = {one["id"]: one["category_id"] for one in picture["segments_info"]}

        def answer(rows: slice, columns: slice, ids=ids, classes=classes) -> Segments:
            present, local = np.unique(ids[rows, columns], return_inverse=True)
            first = 0 if present[0] == 0 else 1  # each window has numbers of its own
            numbers = local.reshape(ids[rows, columns].shape) + first
            return Segments(numbers, {n + first: classes[i] for n, i in enumerate(present.tolist()) if i})

        found = segments(ids.shape, placed(ids.shape, 256, 96, answer), things)
        assert ((found.ids == 0) == (ids == 0)).all()
        whole = 0
        for number, label in classes.items():
            mine = np.unique(found.ids[ids == number])
            assert {found.classes[n] for n in mine.tolist()} == {label}
            whole += len(mine) == 1 and ((found.ids == mine[0]) == (ids == number)).all()
        merged_stuff = [label for label in classes.values() if label not in things]
        assert len(set(merged_stuff)) == len(merged_stuff)
        assert whole >= 0.9 * len(classes)  # what comes in two pieces without a window in between stays in two


def test_the_edge_of_an_object_that_another_window_sees_better_is_left_out() -> None:
    """A detector that finds only a corner of what reaches into its window."""
    large, corner, apart = np.zeros((3, 40, 60), bool)
    large[5:35, 5:60], corner[5:15, :10], apart[:4, :10] = True, True, True  # the right window begins at column 20
    left = Placed((0, 0, 40, 60), (0, 0, 40, 50), Objects(torch.from_numpy(large[None]), [1], [0.9]))
    right = Placed(
        (0, 20, 40, 80), (0, 50, 40, 80), Objects(torch.from_numpy(np.stack([corner, apart])), [1, 1], [0.4, 0.3])
    )
    found = objects((40, 80), [left, right])
    assert [shape.inside.sum() for shape in found.shapes] == [large.sum(), apart.sum()]
    other = right._replace(answer=right.answer._replace(classes=[2, 2]))
    assert len(objects((40, 80), [left, other]).classes) == 3  # of another class it is another object


def test_two_windows_that_disagree_leave_void_to_whoever_knows_and_pixels_to_their_owner() -> None:
    left, right = np.zeros((4, 6), np.int32), np.zeros((4, 6), np.int32)
    left[:, :5], right[:, 3:] = 1, 1  # columns 0 to 4, and 5 to 7 of the picture: both know columns 2 to 5
    parts = [
        Placed((0, 0, 4, 6), (0, 0, 4, 4), Segments(left, {1: 7}, scores={1: 0.3})),
        Placed((0, 2, 4, 8), (0, 4, 4, 8), Segments(right, {1: 8}, scores={1: 0.6})),
    ]
    found = segments((4, 8), parts, things=(7, 8))
    assert [found.classes[n] for n in found.ids[0].tolist()] == [7, 7, 7, 7, 7, 8, 8, 8]
    assert sorted(found.scores.values()) == [0.3, 0.6]


def test_every_answer_of_a_part_of_a_picture_can_be_put_together() -> None:
    assert {kind.__name__ for kind in STITCHED} == {"Labels", "Planes", "Depth", "Segments", "Objects"}


@pytest.mark.parametrize("side", [2, 3, 5])
def test_parts_that_own_each_pixel_once_are_pasted(side: int) -> None:
    from intarsia.structures import Depth, Labels, Planes

    image = torch.arange(7 * 9).reshape(7, 9)
    for kind, values in ((Labels, image), (Planes, image[None] % 2 == 0), (Depth, image.float())):
        parts = placed((7, 9), side, max(1, side - 1), lambda rows, columns, k=kind, v=values: k(v[..., rows, columns]))
        assert torch.equal(STITCHED[kind]((7, 9), parts)[0], values)
