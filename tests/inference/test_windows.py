"""Windows: exact where the network sees no farther, sums that are right to the pixel, memory that is bounded, one answer."""

import itertools

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from intarsia.errors import ModelError
from intarsia.inference import windows as module
from intarsia.inference.engine import Torch
from intarsia.inference.spans import spans, starts
from intarsia.inference.windows import BLENDS, Windowed
from intarsia.labels import LabelSpace
from intarsia.postprocess import decide
from intarsia.structures import (
    Answer,
    ClassLogits,
    CroppedMask,
    DepthMap,
    Labels,
    MaskQueries,
    Objects,
    Output,
    PanopticLogits,
    Segments,
    SemanticLogits,
    Tags,
)

SPACE = LabelSpace(("a", "b", "c", "d"))


def picture(height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.randint(0, 256, (1, channels, height, width), dtype=torch.uint8, generator=generator)


class Convolutions(nn.Module):
    """A small network whose reach is known: 1 + 2 pixels, and with a stride of 4 four times as far, on a grid of 4."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stride = stride
        self.near = nn.Conv2d(3, 8, 3, padding=1)
        self.far = nn.Conv2d(8, 4, 3, padding=2, dilation=2)

    def forward(self, image: Tensor) -> SemanticLogits:
        x = nn.functional.avg_pool2d(image, self.stride) if self.stride > 1 else image
        x = self.far(self.near(x).relu())
        return SemanticLogits(x.repeat_interleave(self.stride, 2).repeat_interleave(self.stride, 3))


def network(stride: int = 1) -> Torch:
    return Torch(Convolutions(stride), (0.5,) * 3, (0.25,) * 3)


@torch.inference_mode()
def margin_of(engine: Torch, side: int, start: int) -> int:
    """How far from its borders inside of a picture a window differs from the whole picture."""
    image = picture(3 * side, 3 * side)
    whole = engine(image).logits[..., start : start + side, start : start + side]
    window = engine(image[..., start : start + side, start : start + side]).logits
    wrong = (whole - window).abs().amax(dim=(0, 1)) > 1e-5
    rows, columns = wrong.nonzero(as_tuple=True)
    deep = torch.minimum(torch.minimum(rows, side - 1 - rows), torch.minimum(columns, side - 1 - columns))
    return int(deep.max()) + 1


@pytest.mark.parametrize("length", [1, 7, 64, 65, 100, 257])
@pytest.mark.parametrize("side", [8, 33, 64])
@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.7])
def test_windows_cover_every_pixel_and_their_weights_add_up_to_one(length: int, side: int, overlap: float) -> None:
    for blend in BLENDS:
        total, owners = torch.zeros(length, dtype=torch.float64), torch.zeros(length)
        found = spans(length, side, overlap, blend)
        for span in found:
            assert 0 <= span.start < span.stop <= length and span.stop - span.start == min(side, length)
            total[span.start : span.stop] += span.weights
            owners[span.first : span.last] += 1
        assert (total - 1).abs().max() < 1e-6 and (owners == 1).all()
        assert found[-1].stop == length and found[-1].ready == length


def test_windows_begin_on_the_grid_and_the_last_is_shifted_inward() -> None:
    assert starts(1000, 256, 0.25) == [0, 192, 384, 576, 744]
    assert starts(1030, 256, 0.25) == [0, 160, 320, 480, 640, 774]  # spread evenly: no two overlap by nearly all
    assert starts(256, 256, 0.25) == [0] and starts(100, 256, 0.25) == [0]
    assert starts(40, 16, 0.5) == [0, 8, 16, 24]  # steps below the grid stay as they are


@pytest.mark.parametrize(("stride", "reach"), [(1, 3), (4, 12)])
def test_equal_to_the_whole_picture_where_the_network_sees_no_farther_than_the_overlap(stride: int, reach: int) -> None:
    engine, side = network(stride), 64
    margin = margin_of(engine, side, side)
    assert margin == reach
    image = picture(160, 224)
    whole = engine(image).logits
    enough = Windowed(engine, side, overlap=0.5, blend="none")  # 32 pixels are seen twice, 2 x 12 at most are needed
    torch.testing.assert_close(enough(image).logits, whole, atol=1e-5, rtol=1e-5)
    assert (Windowed(engine, side, overlap=0, blend="none")(image).logits - whole).abs().max() > 1e-3


@pytest.mark.parametrize("blend", BLENDS[:2])
def test_blended_windows_equal_the_whole_picture_beyond_the_margin_of_each(blend: str) -> None:
    engine, side, image = network(), 64, picture(160, 224)
    difference = (Windowed(engine, side, 0.5, blend)(image).logits - engine(image).logits).abs().amax(dim=(0, 1))
    near = torch.zeros(160, 224, dtype=torch.bool)
    for length, axis in ((160, 0), (224, 1)):
        for start in starts(length, side, 0.5):
            for border in (start, start + side):
                if 0 < border < length:
                    near.index_fill_(axis, torch.arange(border - 3, border + 3), True)
    assert difference[~near].max() < 1e-5 and 1e-4 < difference[near].max() < 0.2


@pytest.mark.parametrize("overlap", [0, 0.25, 0.6, 0.8])
@pytest.mark.parametrize("size", [(70, 90), (32, 200), (200, 32), (33, 33), (20, 20)])
def test_sums_handed_out_part_by_part_equal_those_over_the_whole_picture(overlap: float, size: tuple[int, int]) -> None:
    height, width = size

    def told_apart(image: Tensor) -> Output:  # what is said of a pixel depends on its window
        ramp = torch.linspace(0, 1, image.shape[2])[:, None] + torch.linspace(0, 2, image.shape[3])
        return SemanticLogits(image.float() / 255 + ramp)

    image = torch.cat([picture(height, width), picture(height, width).flip(3)])
    for blend in BLENDS:
        brute, total = torch.zeros(2, 3, height, width), torch.zeros(height, width)
        for row, column in itertools.product(spans(height, 32, overlap, blend), spans(width, 32, overlap, blend)):
            weights = row.weights[:, None] * column.weights
            place = (..., slice(row.start, row.stop), slice(column.start, column.stop))
            brute[place] += told_apart(image[place]).logits * weights
            total[place] += weights
        assert (total - 1).abs().max() < 1e-5
        windowed = Windowed(told_apart, 32, overlap, blend)
        torch.testing.assert_close(windowed(image).logits, brute, atol=1e-5, rtol=1e-5)
        parts = []

        def decided(output: Output, part: Tensor, parts: list[tuple[int, ...]] = parts) -> list[Answer]:
            assert output.logits.shape[2:] == part.shape[2:]
            parts.append(tuple(part.shape[2:]))
            return decide(output, LabelSpace(("a", "b", "c")))

        found = windowed.answers(image, decided)
        assert all(torch.equal(one.classes.long(), labels) for one, labels in zip(found, brute.argmax(1), strict=True))
        assert all(h <= 32 and w <= 32 for h, w in parts) or max(size) <= 32


def test_several_maps_are_blended_each_by_itself() -> None:
    def panoptic(image: Tensor) -> Output:
        x = image.float()
        return PanopticLogits(x, x[:, :1] / 2, torch.cat([x[:, :1], -x[:, :1]], dim=1), depth=x[:, 1:2] + 1)

    image = picture(50, 70)
    for found, wanted in zip(Windowed(panoptic, 32)(image), panoptic(image), strict=True):
        assert (found is None) == (wanted is None)
        if found is not None:
            torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-5)
    depth = Windowed(lambda image: DepthMap(image[:, :1].float()), 32)(image).depth
    torch.testing.assert_close(depth, image[:, :1].float(), atol=1e-4, rtol=1e-5)


def test_a_small_picture_is_seen_whole_and_a_large_one_in_windows_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def engine(image: Tensor) -> Output:
        seen.append(tuple(image.shape[2:]))
        return SemanticLogits(image.float())

    monkeypatch.setattr(module, "WHOLE", 100 * 100)
    monkeypatch.setattr(module, "LARGEST", 128)
    windowed = Windowed(engine)
    windowed(picture(100, 100))
    assert seen == [(100, 100)] and windowed.note(100, 100) == "" and windowed.side(100, 100) is None
    seen.clear()
    windowed(picture(100, 300))
    assert seen == [(100, 128)] * 3
    assert windowed.note(100, 300) == "predicted in 3 windows of 128x128 pixels that overlap by at least 25 %"
    seen.clear()
    Windowed(engine, "whole")(picture(100, 300))
    assert seen == [(100, 300)]


def test_windows_leave_room_for_the_scores_of_many_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_memory", lambda device: 4 << 30)
    engine = lambda image: SemanticLogits(image.float())  # noqa: E731
    few, many = Windowed(engine, classes=11).side(4000, 5000), Windowed(engine, classes=1000).side(4000, 5000)
    assert few == 960 and many == 160
    monkeypatch.setattr(module, "free_memory", lambda device: 1 << 20)
    assert Windowed(engine).side(4000, 5000) == module.SMALLEST  # and never below


def test_memory_that_does_not_suffice_is_tried_again_with_smaller_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def narrow(image: Tensor) -> Output:
        seen.append(tuple(image.shape[2:]))
        if image.shape[2] * image.shape[3] > 300 * 300:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return SemanticLogits(image.float())

    monkeypatch.setattr(module, "free_memory", lambda device: 64 << 30)
    image = picture(600, 700)
    torch.testing.assert_close(Windowed(narrow)(image).logits, image.float(), atol=1e-3, rtol=1e-4)
    assert seen[:2] == [(600, 700), (512, 512)] and seen[2] == (256, 256)
    with pytest.raises(RuntimeError, match="allocate memory"):  # a size that somebody chose stays
        Windowed(narrow, 512)(image)

    def broken(image: Tensor) -> Output:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        Windowed(broken)(image)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"overlap": 1.0}, "overlap is 1.0; give the share"),
        ({"overlap": -0.1}, "overlap is -0.1"),
        ({"overlap": float("nan")}, "overlap is nan"),
        ({"blend": "gausian"}, "did you mean 'gaussian'"),
        ({"size": "large"}, "window is 'large'; give the side of windows in pixels, such as 512, or auto, or whole"),
        ({"size": 0}, "windows of 0 pixels are smaller than .* works on; give at least 1"),
    ],
)
def test_what_is_no_window_is_refused(options: dict, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        Windowed(lambda image: SemanticLogits(image.float()), **options)


def test_windows_below_the_minimum_of_the_network_are_refused() -> None:
    model = Convolutions()
    model.near.minimum = 64  # as encoders say it
    engine = Torch(model, (0.5,) * 3, (0.25,) * 3)
    with pytest.raises(
        ModelError, match="windows of 32 pixels are smaller than Convolutions works on; give at least 64"
    ):
        Windowed(engine, 32)
    Windowed(engine, 64)


def test_maps_of_another_size_and_answers_of_the_whole_picture_are_refused() -> None:
    with pytest.raises(ModelError, match=r"returned maps of \[16, 16\] for a window of \[32, 32\]"):
        Windowed(lambda image: SemanticLogits(image[..., ::2, ::2].float()), 32)(picture(40, 40))
    tags = Windowed(lambda image: ClassLogits(image.float().mean(dim=(2, 3))), 32)
    with pytest.raises(ModelError, match="Tags say something of the whole picture, which windows do not see"):
        tags.answers(picture(40, 40), lambda output, part: [Tags(torch.tensor([0]), output.logits[0])])
    with pytest.raises(ModelError, match="no output in common"):
        tags(picture(40, 40))


def blobs(height: int = 150, width: int = 210) -> Tensor:
    """Disks of the gray values 1 and 2 on 0, [1, 1, H, W]; some are larger than what two windows share, two touch."""
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width), np.uint8)
    for cy, cx, radius, value in (
        (30, 30, 9, 1), (64, 64, 22, 1), (20, 110, 12, 2), (64, 130, 9, 1), (110, 32, 14, 2), (112, 100, 30, 2),
        (96, 160, 12, 1), (70, 180, 12, 2), (130, 190, 7, 1), (20, 190, 5, 1), (64, 96, 9, 2),
    ):  # fmt: skip
        image[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = value
    return torch.from_numpy(image)[None, None]


def components(image: np.ndarray) -> tuple[np.ndarray, list[int]]:
    numbers, classes = np.zeros(image.shape, np.int32), []
    for value in (1, 2):
        found, count = ndimage.label(image == value)
        numbers[found > 0] = found[found > 0] + len(classes)
        classes += [value] * count
    return numbers, classes


def queries(image: Tensor) -> Output:
    return MaskQueries(torch.zeros(1, 1, 3), torch.zeros(1, 1, 2, 2), (image.shape[2], image.shape[3]))


def as_objects(output: Output, part: Tensor) -> list[Answer]:
    numbers, classes = components(part[0, 0].numpy())
    masks = torch.from_numpy(numbers == np.arange(1, len(classes) + 1)[:, None, None])
    scores = masks.flatten(1).sum(1) / 10_000
    return [Objects(masks, torch.tensor(classes, dtype=torch.int64), scores)]


def as_boxes(output: Output, part: Tensor) -> list[Answer]:
    masks, classes, scores = as_objects(output, part)[0][:3]
    boxes = [(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) for ys, xs in (m.nonzero(as_tuple=True) for m in masks)]
    return [Objects(torch.tensor(boxes).reshape(-1, 4).float(), classes, scores)]


def as_segments(output: Output, part: Tensor) -> list[Answer]:
    numbers, classes = components(part[0, 0].numpy())
    numbers[numbers == 0] = len(classes) + 1
    return [Segments(numbers, dict(enumerate([*classes, 0], start=1)), scores={1: 0.5})]


@pytest.mark.parametrize("overlap", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("side", [64, 100])
def test_an_object_across_the_border_of_windows_comes_out_once_and_whole(side: int, overlap: float) -> None:
    image = blobs()
    wanted = as_objects(queries(image), image)[0]
    (found,) = Windowed(queries, side, overlap).answers(image, as_objects)
    assert len(found.classes) == len(wanted.classes) == 11
    drawn = {}
    for shape, label, box in zip(found.shapes, found.classes.tolist(), found.boxes.tolist(), strict=True):
        assert isinstance(shape, CroppedMask) and shape.size == (150, 210)
        whole = np.zeros(shape.size, bool)
        whole[shape.box] = shape.inside
        drawn[whole.tobytes()] = label
        assert box == [shape.box[1].start, shape.box[0].start, shape.box[1].stop, shape.box[0].stop]
    assert drawn == {m.numpy().tobytes(): c for m, c in zip(wanted.shapes, wanted.classes.tolist(), strict=True)}
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_boxes_alone_across_the_border_of_windows_come_out_once(overlap: float) -> None:
    image = blobs()
    wanted = as_boxes(queries(image), image)[0]
    (found,) = Windowed(queries, 64, overlap).answers(image, as_boxes)
    key = lambda objects: sorted(map(tuple, torch.cat([objects.shapes, objects.classes[:, None]], 1).tolist()))  # noqa: E731
    assert key(found) == key(wanted)


@pytest.mark.parametrize("overlap", [0.25, 0.5])
def test_segments_across_the_border_of_windows_come_out_once_and_stuff_is_one(overlap: float) -> None:
    image = blobs()
    (found,) = Windowed(queries, 64, overlap).answers(image, as_segments, things=(1, 2))
    numbers, classes = components(image[0, 0].numpy())
    assert sorted(found.classes.values()) == [0, *sorted(classes)] and set(found.ids.ravel().tolist()) == set(
        found.classes
    )
    for n, label in enumerate(classes, start=1):
        mine = np.unique(found.ids[numbers == n])
        assert len(mine) == 1 and found.classes[int(mine[0])] == label
        assert (found.ids == mine[0]).sum() == (numbers == n).sum()
    assert set(found.scores.values()) == {0.5}


def test_pictures_without_any_object_have_none_and_pixels_without_a_segment_are_void() -> None:
    empty = torch.zeros(1, 1, 80, 80, dtype=torch.uint8)
    (found,) = Windowed(queries, 32).answers(empty, as_objects)
    assert len(found.shapes) == len(found.classes) == len(found.scores) == 0
    void = lambda output, part: [Segments(np.zeros(part.shape[2:], np.int32), {})]  # noqa: E731
    (nothing,) = Windowed(queries, 32).answers(empty, void)
    assert not nothing.ids.any() and not nothing.classes


def test_touching_objects_of_one_class_stay_apart() -> None:
    halves = lambda left, right: torch.stack([left, right])  # noqa: E731

    def two(output: Output, part: Tensor) -> list[Answer]:
        masks = halves(part[0, 0] == 1, part[0, 0] == 2)
        kept = masks.flatten(1).any(1)
        return [Objects(masks[kept], torch.zeros(int(kept.sum()), dtype=torch.int64), torch.ones(int(kept.sum())))]

    image = torch.zeros(1, 1, 64, 160, dtype=torch.uint8)
    image[..., 10:50, 20:80], image[..., 10:50, 80:150] = 1, 2
    (found,) = Windowed(queries, 64, 0.5).answers(image, two)
    assert sorted(shape.inside.sum() for shape in found.shapes) == [40 * 60, 40 * 70]


def test_labels_that_queries_give_are_taken_from_the_window_whose_middle_is_nearest() -> None:
    image = picture(90, 130, 1) // 64
    (found,) = Windowed(queries, 32, 0.5).answers(image, lambda output, part: [Labels(part[0, 0])])
    assert torch.equal(found.classes, image[0, 0])
