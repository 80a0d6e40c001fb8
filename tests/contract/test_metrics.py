"""What metrics owe: exact counts whatever the type, the engine, the parts and the order; no id dropped in silence."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import LabelError
from intarsia.metrics import BoundaryF, BoundaryIoU, Calibration, ConfusionMatrix, SurfaceDistances, TopK, TrimapIoU

ENGINES = ("plain", "numba")
INTEGERS = (np.uint8, np.int16, np.int32, np.int64, np.uint16, np.uint32)


def loop(predicted: np.ndarray, labels: np.ndarray, count: int, ignore: int | None = 255) -> tuple[np.ndarray, int]:
    """The count, as one would do it by hand."""
    matrix, ignored = np.zeros((count, count), np.int64), 0
    for p, t in zip(predicted.ravel().tolist(), labels.ravel().tolist(), strict=True):
        if t == ignore:
            ignored += 1
        else:
            matrix[t, p] += 1
    return matrix, ignored


def pair(count: int, shape: tuple[int, ...], seed: int, ignore: int = 255) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, count, shape)
    predicted = np.where(random.random(shape) < 0.5, labels, random.integers(0, count, shape))
    labels[random.random(shape) < 0.2] = ignore
    return predicted, labels


def engine(name: str) -> str:
    if name == "numba":
        pytest.importorskip("numba", reason="numba is not installed")
    return name


@pytest.mark.parametrize("by", ENGINES)
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("count", [1, 2, 19, 128, 200, 255])
def test_equals_the_loop_for_every_integer_type(by: str, dtype: type, count: int) -> None:
    predicted, labels = pair(count, (13, 17), count)
    confusion = ConfusionMatrix(count, engine=engine(by))
    confusion.update(predicted.astype(dtype), labels.astype(dtype))
    matrix, ignored = loop(predicted, labels, count)
    assert np.array_equal(confusion.matrix, matrix)
    assert confusion.ignored == ignored > 0


@settings(max_examples=60, deadline=None)
@given(
    count=st.sampled_from([2, 3, 11, 300]),
    sizes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_parts_are_the_whole_in_any_order(count: int, sizes: list[tuple[int, int]], seed: int) -> None:
    ignore = 255 if count <= 255 else 65535
    pairs = [pair(count, size, seed + n, ignore) for n, size in enumerate(sizes)]
    whole, parts, merged = (ConfusionMatrix(count, ignore) for _ in range(3))
    whole.update(np.concatenate([p.ravel() for p, _ in pairs]), np.concatenate([t.ravel() for _, t in pairs]))
    for predicted, labels in reversed(pairs):
        parts.update(predicted, labels)
        own = ConfusionMatrix(count, ignore)
        own.update(torch.from_numpy(predicted), torch.from_numpy(labels))
        merged.merge(own)
    matrices = [loop(p, t, count, ignore) for p, t in pairs]
    for confusion in (whole, parts, merged):
        assert np.array_equal(confusion.matrix, sum(m for m, _ in matrices))
        assert confusion.ignored == sum(i for _, i in matrices)


@pytest.mark.parametrize("by", ENGINES)
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 1000])
def test_every_pixel_is_counted_once(by: str, size: int) -> None:
    confusion = ConfusionMatrix(3, engine=engine(by))
    labels = np.arange(size) // 11 % 3  # runs, as inside objects
    confusion.update(labels, labels)
    assert confusion.matrix.sum() == confusion.matrix.trace() == size


@pytest.mark.parametrize("by", ENGINES)
@pytest.mark.parametrize("stray", [11, 37, 254, 256, 300, 65536, 2**32, 2**32 + 3, -1, -255, -(2**40)])
def test_an_id_outside_is_an_error_and_counts_nothing(by: str, stray: int) -> None:
    for side, what in ((0, "the prediction holds"), (1, "the labels hold")):
        arrays = [np.zeros((5, 7), np.int64), np.zeros((5, 7), np.int64)]
        arrays[side][2, 3:5] = stray
        confusion = ConfusionMatrix(11, engine=engine(by))
        with pytest.raises(
            LabelError, match=rf"{what} {stray} \(2 px\), outside the 11 classes \(0\.\.10\) and the ignore index 255"
        ):
            confusion.update(*arrays)
        assert confusion.matrix.sum() == 0


@pytest.mark.parametrize("by", ENGINES)
def test_a_prediction_may_be_ignored_only_where_the_truth_is(by: str) -> None:
    labels = np.array([[0, 1, 255, 255]])
    confusion = ConfusionMatrix(2, engine=engine(by))
    confusion.update(labels, labels)
    assert (confusion.matrix.tolist(), confusion.ignored) == ([[1, 0], [0, 1]], 2)
    with pytest.raises(LabelError, match=r"the prediction holds 255 \(1 px\)"):
        confusion.update(np.array([[0, 255, 255, 0]]), labels)
    with pytest.raises(LabelError, match=r"the prediction holds 9 \(1 px\)"):
        confusion.update(np.array([[0, 1, 255, 9]]), labels)


@pytest.mark.parametrize("ignore", [-100, -1, 255, 254, 0, 1000, None])
@pytest.mark.parametrize("by", ENGINES)
def test_any_ignore_index(by: str, ignore: int | None) -> None:
    predicted, labels = pair(5, (9, 9), 3)
    labels[labels == 255] = 3 if ignore is None else ignore
    confusion = ConfusionMatrix(5, ignore, engine=engine(by))
    confusion.update(predicted, labels)
    matrix, ignored = loop(predicted, labels, 5, ignore)
    assert (confusion.matrix.tolist(), confusion.ignored) == (matrix.tolist(), ignored)


def test_class_255_of_300_does_not_vanish() -> None:
    labels = np.full((4, 4), 255, np.uint16)
    labels[0, 0] = 65535
    confusion = ConfusionMatrix(300, 65535)
    confusion.update(np.full((4, 4), 255, np.int32), labels)
    assert (confusion.matrix[255, 255], confusion.matrix.sum(), confusion.ignored) == (15, 15, 1)


@pytest.mark.parametrize("layout", ["read-only", "strided", "big-endian", "bool", "int8"])
@pytest.mark.parametrize("by", ENGINES)
def test_arrays_of_any_layout(by: str, layout: str) -> None:
    predicted, labels = pair(2, (8, 10), 1)
    labels[labels == 255] = 0
    matrix, _ = loop(predicted, labels, 2)
    if layout == "read-only":
        predicted.flags.writeable = labels.flags.writeable = False
    elif layout == "strided":
        predicted, labels = np.repeat(predicted, 2, axis=1)[:, ::2], np.asfortranarray(labels)
    else:
        kind = {"big-endian": ">u2", "bool": bool, "int8": np.int8}[layout]
        predicted, labels = predicted.astype(kind), labels.astype(kind)
    confusion = ConfusionMatrix(2, engine=engine(by))
    confusion.update(predicted, labels)
    assert np.array_equal(confusion.matrix, matrix)
    wide = ConfusionMatrix(2, -100, engine=engine(by))
    wide.update(predicted, labels)
    assert np.array_equal(wide.matrix, matrix)


def test_int8_keeps_its_sign() -> None:
    with pytest.raises(LabelError, match=r"labels hold -1 \(1 px\)"):
        ConfusionMatrix(2).update(np.zeros(3, np.int8), np.array([0, -1, 1], np.int8))


def test_other_mistakes_are_named() -> None:
    confusion = ConfusionMatrix(3)
    with pytest.raises(LabelError, match="the prediction is 2 x 3, but its labels are 3 x 2"):
        confusion.update(np.zeros((2, 3), int), np.zeros((3, 2), int))
    for kind in (np.zeros(3), torch.zeros(3)):
        with pytest.raises(LabelError, match=r"the prediction holds float\d\d, .*argmax"):
            confusion.update(kind, np.zeros(3, int))
    with pytest.raises(LabelError, match=r"cannot merge counts of 4 classes"):
        confusion.merge(ConfusionMatrix(4))
    with pytest.raises(LabelError, match="at least one class, not 0"):
        ConfusionMatrix(0)
    with pytest.raises(LabelError, match="did you mean 'numba'"):
        ConfusionMatrix(2, engine="numbaa")


def test_large_images_take_the_fast_way_and_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from intarsia.metrics import confusion as room

    engine("numba")
    monkeypatch.setattr(room, "_LARGE", 64)
    called = []
    fast = room._loop()
    monkeypatch.setattr(room, "_loop", lambda: lambda p, t, bits: called.append(p.size) or fast(p, t, bits))
    predicted, labels = pair(7, (16, 16), 2)
    confusion = ConfusionMatrix(7)
    confusion.update(predicted[:4, :8], labels[:4, :8])
    confusion.update(predicted, labels)
    assert called == [256]
    assert np.array_equal(
        confusion.matrix, loop(predicted, labels, 7)[0] + loop(predicted[:4, :8], labels[:4, :8], 7)[0]
    )


def flat(found: object) -> list[float]:
    """Every number of what a metric computed, in order."""
    if isinstance(found, dict):
        return [n for value in found.values() for n in flat(value)]
    if isinstance(found, list | tuple):
        return [n for value in found for n in flat(value)]
    return flat(found.to_dict()) if hasattr(found, "to_dict") else [found] if isinstance(found, int | float) else []


OF_LABELS = (ConfusionMatrix, BoundaryIoU, TrimapIoU, BoundaryF, SurfaceDistances)
OF_SCORES = (Calibration, TopK)


@pytest.mark.parametrize("make", OF_LABELS + OF_SCORES, ids=lambda make: make.__name__)
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.data())
def test_batches_merges_and_order_change_nothing(make: type, seed: int, data: st.DataObject) -> None:
    """A batch is its images, processes are merged, images come in any order, and the class numbers are only names."""
    predicted, labels = pair(4, (6, 9, 8), seed)
    scores = torch.rand((6, 4, 9, 8), generator=torch.Generator().manual_seed(seed)).softmax(dim=1)
    given_ = scores if make in OF_SCORES else predicted
    order = data.draw(st.permutations(range(6)))
    cut = data.draw(st.integers(1, 5))
    whole, single, one, two = (make(4) for _ in range(4))
    whole.update(given_, labels)
    for n in order:
        single.update(given_[n : n + 1], labels[n : n + 1])
    one.update(given_[order[:cut]], labels[order[:cut]])
    two.update(given_[order[cut:]], labels[order[cut:]])
    two.merge(one)
    expected = flat(whole.compute())
    assert len(expected) > 2
    assert flat(single.compute()) == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert flat(two.compute()) == pytest.approx(expected, abs=1e-9, nan_ok=True)

    names = np.array(data.draw(st.permutations(range(4))))
    table = np.arange(256)
    table[:4] = names
    renamed = make(4)
    renamed.update(scores[:, np.argsort(names)] if make in OF_SCORES else table[predicted], table[labels])
    found, before = renamed.compute(), whole.compute()
    if make is Calibration:
        assert flat(found) == pytest.approx(expected, abs=1e-9, nan_ok=True)
    elif make is TopK:
        assert found.accuracy == pytest.approx(before.accuracy)
    else:
        for field in ("iou", "f", "hausdorff", "average"):
            if hasattr(before, field):
                assert np.array(getattr(found, field))[names] == pytest.approx(
                    getattr(before, field), abs=1e-9, nan_ok=True
                )


@pytest.mark.parametrize("make", OF_LABELS + OF_SCORES, ids=lambda make: make.__name__)
@pytest.mark.parametrize(("ignore", "stray"), [(255, 4), (255, -1), (255, 254), (None, 255), (-100, 255), (0, 300)])
def test_no_metric_drops_an_id(make: type, ignore: int | None, stray: int) -> None:
    predicted, labels = np.ones((1, 5, 6), int), np.ones((1, 5, 6), int)
    labels[0, 2, 1:4] = stray
    metric = make(4, ignore)
    with pytest.raises(LabelError, match=rf"the labels hold {stray} \(3 px\), outside the 4 classes"):
        metric.update(torch.full((1, 4, 5, 6), 0.25) if make in OF_SCORES else predicted, labels)
    if make not in OF_SCORES:
        with pytest.raises(LabelError, match=rf"the prediction holds {stray} \(3 px\), outside the 4 classes"):
            make(4, ignore).update(labels, predicted)


@pytest.mark.parametrize("make", OF_LABELS + OF_SCORES, ids=lambda make: make.__name__)
def test_every_integer_type_and_255_classes(make: type) -> None:
    for count, ignore in ((3, 255), (255, 255), (300, 65535)):
        found = []
        for kind in (np.uint8, np.int16, np.int32, np.int64, np.uint16) if count < 300 else (np.int32, np.uint16):
            labels = (np.arange(48).reshape(1, 6, 8) // 12 % 3).astype(kind)
            if not (kind is np.int16 and ignore > 32767):
                labels[0, 0, 0] = ignore
            metric = make(count, ignore)
            scores = torch.eye(count)[torch.from_numpy(np.minimum(labels, 2).astype(int))].movedim(-1, 1)
            metric.update(scores if make in OF_SCORES else labels, labels)
            found.append(flat(metric.compute()))
        assert all(f == pytest.approx(found[0], nan_ok=True) for f in found)


@pytest.mark.parametrize("make", OF_LABELS + OF_SCORES, ids=lambda make: make.__name__)
def test_what_is_computed_of_nothing_is_no_number(make: type) -> None:
    metric = make(3)
    labels = np.full((2, 4, 5), 255)
    metric.update(torch.full((2, 3, 4, 5), 1 / 3) if make in OF_SCORES else labels, labels)
    for found in (metric.compute(), make(3).compute()):
        values = flat(found)
        assert all(v is None or np.isnan(v) or v == int(v) or 0 <= v <= 1 for v in values)
        mean = next(
            (getattr(found, key) for key in ("miou", "mean", "mean_average", "ece") if hasattr(found, key)),
            float("nan"),
        )
        assert np.isnan(mean)
