"""Objects by their centers: a worked example, and the same answers as a loop over pixels."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.labels import LabelSpace
from intarsia.postprocess import decide, options_of, usual_task
from intarsia.postprocess.centers import grouped, peaks_of
from intarsia.structures import CroppedMask, Labels, Objects, PanopticLogits, Segments

SPACE = LabelSpace(("road", "car", "sky", "person"), things=("car", "person"))


def one_hot(labels: Tensor, sure: float = 20.0) -> Tensor:
    return sure * torch.nn.functional.one_hot(labels, 4).permute(2, 0, 1)[None].float()


def whole(mask: CroppedMask) -> np.ndarray:
    drawn = np.zeros(mask.size, bool)
    drawn[mask.box] = mask.inside
    return drawn


def worked() -> PanopticLogits:
    """Two cars side by side on a road under a sky; the right one is half a person to those who look at its pixels."""
    labels = torch.zeros(6, 12, dtype=torch.long)
    labels[:2] = 2
    labels[3:5, 1:5] = 1
    labels[3:5, 5:11] = 1
    labels[3, 5:7] = 3  # two of the right car's twelve pixels
    centers = torch.zeros(1, 1, 6, 12)
    centers[0, 0, 4, 2], centers[0, 0, 4, 8] = 0.5, 0.9
    centers[0, 0, 0, 5] = 0.05  # below the threshold
    offsets = torch.zeros(1, 2, 6, 12)
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(12.0), indexing="ij")
    offsets[0, 0] = 4 - y
    offsets[0, 1] = torch.where(x < 5, 2 - x, 8 - x)
    return PanopticLogits(one_hot(labels), centers, offsets)


def test_a_worked_example() -> None:
    (answer,) = decide(worked(), SPACE, stuff_area=1)
    assert type(answer) is Segments
    assert answer.ids.tolist() == [
        [4] * 12,
        [4] * 12,
        [3] * 12,
        [3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 3],
        [3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 3],
        [3] * 12,
    ]
    assert dict(answer.classes) == {1: 1, 2: 1, 3: 0, 4: 2}, "the highest peak first, then stuff by class"
    assert answer.scores[2] == pytest.approx(0.5, abs=1e-3)
    assert answer.scores[1] == pytest.approx(0.9 * 10 / 12, abs=1e-3), "two pixels are not sure that it is a car"
    assert answer.scores[4] == pytest.approx(1.0, abs=1e-3)
    assert answer.depth is None


def test_one_network_answers_three_tasks() -> None:
    output = worked()
    (labels,) = decide(output, SPACE, "semantic")
    (objects,) = decide(output, SPACE, "instance")
    (segments,) = decide(output, SPACE, "panoptic", stuff_area=1)
    assert type(labels) is Labels and type(objects) is Objects and type(segments) is Segments
    assert torch.equal(labels.classes.long(), output.semantic[0].argmax(0)) and labels.classes.dtype == torch.uint8
    assert objects.classes.tolist() == [1, 1]
    for mask, number, score in zip(objects.shapes, (1, 2), objects.scores, strict=True):
        assert np.array_equal(whole(mask), segments.ids == number)
        assert float(score) == pytest.approx(segments.scores[number])
    assert usual_task(PanopticLogits, SPACE) == "panoptic"
    assert usual_task(PanopticLogits, LabelSpace(("car", "person"), things=("car", "person"))) == "instance"
    assert usual_task(PanopticLogits, LabelSpace(("road", "sky"))) == "semantic"


def test_small_stuff_is_void_in_proportion_to_the_picture() -> None:
    output = worked()
    (some,) = decide(output, SPACE, stuff_area=25)
    assert set(some.classes.values()) == {0, 1} and (some.ids[:2] == 0).all(), "24 pixels of sky are too few"
    assert options_of("panoptic", PanopticLogits)["stuff_area"] is None
    labels = torch.zeros(64, 64, dtype=torch.long)
    labels[0, :3] = 2
    nothing = PanopticLogits(one_hot(labels), torch.zeros(1, 1, 64, 64), torch.zeros(1, 2, 64, 64))
    (three,) = decide(nothing, SPACE)
    labels[0, 3] = 2
    (four,) = decide(PanopticLogits(one_hot(labels), *nothing[1:3]), SPACE)
    assert 2 not in three.classes.values() and 2 in four.classes.values(), "4 of 4096 pixels are a 1024th"


def test_things_without_a_center_are_void() -> None:
    output = worked()
    output.centers.zero_()
    (answer,) = decide(output, SPACE, stuff_area=1)
    assert (answer.ids[3:5, 1:11] == 0).all() and set(answer.classes.values()) == {0, 2}
    (objects,) = decide(output, SPACE, "instance")
    assert len(objects.shapes) == len(objects.classes) == 0


def test_a_flat_top_is_one_center() -> None:
    heat = torch.zeros(20, 40)
    heat[3:9, 4:20], heat[15, 30], heat[15, 36] = 0.5, 0.8, 0.8
    places, heights = peaks_of(heat, 0.1, 7, 200)
    assert places.tolist() == [[15, 30], [15, 36], [3, 4]], "six pixels apart, no window of seven holds both"
    assert heights.tolist() == pytest.approx([0.8, 0.8, 0.5])
    assert len(peaks_of(heat, 0.1, 13, 200)[0]) == 2
    assert len(peaks_of(heat, 0.6, 7, 200)[0]) == 2
    assert peaks_of(heat, 0.1, 7, 1)[0].tolist() == [[15, 30]]


def by_pixels(
    output: PanopticLogits, things: tuple[int, ...], kernel: int, top: int, least: int
) -> tuple[Tensor, dict]:
    """The paper's algorithm, one pixel at a time."""
    heat, semantic = output.centers[0, 0], output.semantic[0]
    k, h, w = semantic.shape
    reach = kernel // 2
    peaks = []
    for y in range(h):
        for x in range(w):
            window = heat[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            if heat[y, x] > 0.1 and heat[y, x] == window.max():
                peaks.append((-float(heat[y, x]), y, x))
    peaks = sorted(peaks)[:top]
    label = [[max(range(k), key=lambda c: float(semantic[c, y, x])) for x in range(w)] for y in range(h)]
    members: dict[int, list[tuple[int, int]]] = {}
    for y in range(h):
        for x in range(w):
            if label[y][x] in things and peaks:
                dy, dx = (float(v) for v in output.offsets[0, :, y, x])
                far = [math.hypot(y + dy - py, x + dx - px) for _, py, px in peaks]
                members.setdefault(far.index(min(far)), []).append((y, x))
    ids, classes = torch.zeros(h, w, dtype=torch.long), {}
    for peak in sorted(members):
        votes = [label[y][x] for y, x in members[peak]]
        classes[len(classes) + 1] = max(sorted(set(votes)), key=votes.count)
        for y, x in members[peak]:
            ids[y, x] = len(classes)
    for c in range(k):
        places = [(y, x) for y in range(h) for x in range(w) if label[y][x] == c]
        if c not in things and len(places) >= least:
            classes[len(classes) + 1] = c
            for y, x in places:
                ids[y, x] = len(classes)
    return ids, classes


@pytest.mark.parametrize("seed", range(4))
def test_equals_a_loop_over_pixels(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    output = PanopticLogits(
        torch.randn(1, 4, 17, 23, generator=random),
        torch.rand(1, 1, 17, 23, generator=random) * 0.5,
        torch.randn(1, 2, 17, 23, generator=random) * 6,
    )
    for kernel, top, least in ((7, 200, 1), (3, 5, 105)):
        ids, classes = by_pixels(output, (1, 3), kernel, top, least)
        (answer,) = decide(output, SPACE, kernel=kernel, top_k=top, stuff_area=least)
        assert dict(answer.classes) == classes
        assert np.array_equal(answer.ids, ids.numpy())


def test_pixels_are_grouped_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    output = worked()
    whole = grouped(output, 0, SPACE)
    monkeypatch.setattr("intarsia.postprocess.centers.AT_ONCE", 6)
    for one, other in zip(grouped(output, 0, SPACE), whole, strict=True):
        assert torch.equal(one, other)


def test_half_precision_and_depth() -> None:
    output = worked()
    half = PanopticLogits(*(part.bfloat16() for part in output[:3]), depth=torch.full((1, 1, 6, 12), 3.5).bfloat16())
    (answer,) = decide(half, SPACE, stuff_area=1)
    assert np.array_equal(answer.ids, decide(output, SPACE, stuff_area=1)[0].ids)
    assert answer.depth.dtype == np.float32 and (answer.depth == 3.5).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 2}, "threshold is 2; it is a height of the heatmap, 0 to 1"),
        ({"kernel": 4}, "kernel is 4; it is the side of a window around a pixel"),
        ({"top_k": 0}, "top_k is 0; it is a number of centers, 1 or more"),
        ({"stuffarea": 3}, "takes no option 'stuffarea'; did you mean 'stuff_area'"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        decide(worked(), SPACE, "panoptic", **options)


def test_objects_need_things() -> None:
    plain = LabelSpace(SPACE.names)
    with pytest.raises(ModelError, match=r"name the classes that have under labels\.things"):
        decide(worked(), plain, "instance")
    (answer,) = decide(worked(), plain, "panoptic", stuff_area=1)
    assert sorted(answer.classes.values()) == [0, 1, 2, 3], "without things all is stuff"
