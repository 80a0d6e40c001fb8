"""Counts of each image: what they hold, weigh, and survive."""

from pathlib import Path

import numpy as np
import pytest

from intarsia.errors import DataError, LabelError
from intarsia.metrics import ConfusionMatrix, ImageCounts


def filled(images: int = 5, count: int = 3, seed: int = 0) -> tuple[ImageCounts, ConfusionMatrix]:
    random = np.random.default_rng(seed)
    counts, whole = ImageCounts(count, [f"class {k}" for k in range(count)]), ConfusionMatrix(count)
    for n in range(images):
        own = ConfusionMatrix(count)
        labels = random.integers(0, count, (6, 7))
        labels[0, :n] = 255
        own.update(random.integers(0, count, (6, 7)), labels)
        counts.update(f"{n}.png", own.matrix, own.ignored)
        whole.merge(own)
    return counts, whole


def test_adds_up_to_the_confusion_matrix() -> None:
    counts, whole = filled()
    assert (counts.hit.sum(0) == whole.matrix.diagonal()).all()
    assert (counts.truth.sum(0) == whole.matrix.sum(1)).all()
    assert (counts.predicted.sum(0) == whole.matrix.sum(0)).all()
    assert counts.ignored.tolist() == [0, 1, 2, 3, 4]
    assert counts.hit.dtype == np.int64 and counts.hit.shape == (5, 3)
    assert counts.names == [f"{n}.png" for n in range(5)]


def test_takes_24_bytes_a_class_and_image() -> None:
    zeros = np.zeros((1000, 150), np.int64)
    counts = ImageCounts.of(zeros, zeros, zeros)
    assert counts.nbytes == 1000 * (24 * 150 + 8)


def test_merged_parts_are_the_whole() -> None:
    whole, _ = filled(40)
    one, two = whole.take(range(17)), whole.take(range(17, 40))
    one.merge(two)
    assert (one.rows == whole.rows).all() and one.names == whole.names and (one.ignored == whole.ignored).all()


def test_survives_a_file(tmp_path: Path) -> None:
    counts, _ = filled()
    counts.save(tmp_path / "images.safetensors")
    back = ImageCounts.load(tmp_path / "images.safetensors")
    assert (back.rows == counts.rows).all() and (back.ignored == counts.ignored).all()
    assert (back.names, back.classes) == (counts.names, counts.classes)
    back.merge(counts)  # what was read can grow
    assert len(back) == 10


def test_mistakes_are_named(tmp_path: Path) -> None:
    counts, _ = filled()
    with pytest.raises(LabelError, match="a.png: a confusion matrix of 4 classes among 3"):
        counts.update("a.png", ConfusionMatrix(4).matrix)
    with pytest.raises(LabelError, match="cannot merge counts of 4 classes into those of 3"):
        counts.merge(ImageCounts(4))
    with pytest.raises(LabelError, match="2 class names for counts of 3"):
        ImageCounts(3, ("a", "b"))
    with pytest.raises(LabelError, match="more pixels are right"):
        ImageCounts.of([[3]], [[2]], [[5]])
    with pytest.raises(LabelError, match="whole numbers"):
        ImageCounts.of([[0.5]], [[1.0]], [[1.0]])
    with pytest.raises(DataError, match="no such file"):
        ImageCounts.load(tmp_path / "gone.safetensors")
    (tmp_path / "junk").write_bytes(b"no tensors here")
    with pytest.raises(DataError, match="cannot be read as image counts"):
        ImageCounts.load(tmp_path / "junk")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="holds no image counts"):
        ImageCounts.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    "told",
    [
        {"names": "[" * 50_000}, {"names": "5"}, {"names": "{}"}, {"names": "[]"}, {"classes": "[1]"},
        {"classes": "1" * 5000}, {"classes": "nul"}, {"ignored": np.zeros(9, np.int64)}, {"ignored": np.zeros(2)},
        {"counts": np.zeros((2, 3), np.int64)}, {"counts": np.zeros((2, 1, 2), np.int64)}, {"counts": np.zeros((2, 3, 2))},
        {"counts": np.int64(5)},
    ],
    ids=lambda told: next(iter(told)),
)  # fmt: skip
def test_counts_that_somebody_else_wrote(told, tmp_path):
    from safetensors.numpy import save_file

    arrays = {"counts": np.zeros((2, 3, 2), np.int64), "ignored": np.zeros(2, np.int64)}
    whole = {"kind": "intarsia image counts", "names": '["a", "b"]', "classes": '["x", "y"]'}
    path = tmp_path / "images.safetensors"
    ImageCounts.of(*np.zeros((3, 2, 2), np.int64), ["a", "b"], ["x", "y"]).save(path)
    whole["kind"] = _kind(path)
    arrays.update({k: np.asarray(v) for k, v in told.items() if not isinstance(v, str)})
    whole.update({k: v for k, v in told.items() if isinstance(v, str)})
    save_file(arrays, path, whole)
    with pytest.raises(DataError):
        ImageCounts.load(path)


def _kind(path):
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        return file.metadata()["kind"]
