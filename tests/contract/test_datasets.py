"""Every kind of data set goes every way: through the cache on disk, through shards, through the audit, its page and its clean copy."""

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kinds import KINDS

import intarsia.data
from intarsia.data.cache import Cached
from intarsia.data.loader import Loader
from intarsia.data.write_shards import shard
from intarsia.doctor import mend, visit
from intarsia.doctor.finding import Sight
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

OBJECTS = {"nuclei", "davis", "cityscapes", "coco_panoptic", "export", "coco_export", "zipped", "waymo", "shards"}
_opened: list[str] | None = None


def _listen(event: str, given: Any) -> None:
    if _opened is not None and event == "open" and isinstance(given[0], str | bytes | os.PathLike):
        _opened.append(os.path.realpath(os.fsdecode(given[0])))


sys.addaudithook(_listen)


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def samples(dataset: Any) -> list[Sample]:
    return [dataset[n] for n in range(len(dataset))]


def same(mine: Any, theirs: Any) -> None:
    assert len(mine) == len(theirs) == 4
    for one, two in zip(samples(mine), samples(theirs), strict=True):
        assert one.name == two.name
        for what in set(one._fields) - {"name"}:
            a, b = getattr(one, what), getattr(two, what)
            assert (a is None) == (b is None), what
            if a is not None:
                assert a.dtype == b.dtype and torch.equal(a.nan_to_num(-1), b.nan_to_num(-1)), what


def test_through_the_cache(kind: str, root: Path, tmp_path: Path) -> None:
    dataset = KINDS[kind](root)
    found = samples(dataset)
    assert any(s.objects is not None and s.objects.max() > 0 for s in found) == (kind in OBJECTS)
    assert any(s.depth is not None and s.depth.nanmean() > 1 for s in found) == (kind == "nyu_depth")
    kept = Cached(dataset, tmp_path / "cache")
    same(pickle.loads(pickle.dumps(kept)), dataset)
    assert kept.built and not Cached(pickle.loads(pickle.dumps(dataset)), tmp_path / "cache").built


def test_through_shards(kind: str, root: Path, tmp_path: Path) -> None:
    dataset = KINDS[kind](root)
    shard([dataset], tmp_path / "tars", size=3)
    same(intarsia.datasets.open("shards", tmp_path / "tars", dataset.split), dataset)


def test_through_the_loader(kind: str, root: Path) -> None:
    dataset = KINDS[kind](root)
    batch = next(Loader(pickle.loads(pickle.dumps(dataset)), batch_size=4, seed=1).stream())
    held = {sample.name: sample for sample in samples(dataset)}
    assert sorted(batch.names) == sorted(held)
    for n, name in enumerate(batch.names):
        assert torch.equal(batch.labels[n], held[name].labels) and torch.equal(batch.image[n], held[name].image)


def test_through_the_audit(kind: str, root: Path) -> None:
    """What the audit counts in raw values is what the samples hold; what its page shows is what they look like."""
    dataset = KINDS[kind](root)
    seen = visit(dataset)
    found = seen.audit
    assert [finding.message for finding in found.errors] == []
    every = np.concatenate([sample.labels.numpy().ravel() for sample in samples(dataset)])
    counts = np.bincount(every, minlength=256)
    assert found.counts.tolist() == counts[: dataset.labels.num_classes].tolist()
    unlabeled = sum(
        int(s.labels.numel()) for s, i in zip(samples(dataset), dataset.items, strict=True) if i.mask is None
    )
    assert found.ignored == pytest.approx((counts[255] - unlabeled) / (every.size - unlabeled))
    read = seen.reader()
    for item, sample in zip(dataset.items, samples(dataset), strict=True):
        image, labels = read(Sight(item.name, item.image, item.mask))
        assert image is not None and image.shape[:2] == sample.labels.shape
        assert labels is None if item.mask is None else np.array_equal(labels, sample.labels)


def test_through_a_clean_copy(kind: str, root: Path, tmp_path: Path) -> None:
    dataset = KINDS[kind](root)
    steps = mend(visit(dataset), tmp_path / "clean")
    out = [step for step in steps if step["left_out"]]
    labeled = [s for s, i in zip(samples(dataset), dataset.items, strict=True) if i.mask is not None]
    assert [step["action"] for step in out] == ["left out: it has no mask"] * (4 - len(labeled))
    masks = "masks" if dataset.split == "all" else f"masks/{dataset.split}"
    masks += "/*" if all("/" in sample.name for sample in labeled) else ""  # folders stay where all names have one
    copy = intarsia.datasets.open(
        "folder", tmp_path / "clean", "all", type(dataset.labels)(dataset.labels.names), images=masks.replace("masks", "images"), masks=masks
    )  # fmt: skip
    held = {sample.name.replace("/", "_"): sample for sample in labeled}
    for sample in samples(copy):
        assert torch.equal(sample.labels, held[sample.name].labels) and torch.equal(
            sample.image, held[sample.name].image
        )
    assert len(copy) == len(held)


@pytest.fixture
def listening() -> Iterator[list[str]]:
    global _opened
    _opened = []
    yield _opened
    _opened = None


def test_every_file_that_is_read_counts_for_the_cache(
    kind: str, root: Path, tmp_path: Path, listening: list[str]
) -> None:
    """Python tells which files were opened while the samples were read; each of them, changed, is another cache."""
    dataset = KINDS[kind](root)
    del listening[:]
    samples(dataset)
    seen = {Path(name) for name in listening if Path(name).is_relative_to(root.resolve())}
    assert seen or kind in ("waymo", "zipped")  # Arrow opens files by itself, and a zip is unpacked elsewhere
    seen |= {path for path in root.rglob("*") if path.suffix in (".parquet", ".zip")}
    assert Cached(dataset, tmp_path / "cache").built
    for path in seen:
        was = path.stat()
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns + 1_000_000_000))
        assert Cached(dataset, tmp_path / "cache").built, path
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        assert not Cached(dataset, tmp_path / "cache").built, path


def test_options_count_for_the_cache(root: Path, tmp_path: Path) -> None:
    KINDS["nyu_depth"](root / "n")
    KINDS["planes"](_made(root / "p"))
    KINDS["cityscapes"](root / "c")
    KINDS["export"](_made(root / "e"))
    ways = [
        ("nyu_depth", "n", "train", {"fused": True}), ("nyu_depth", "n", "train", {"fused": False}),
        ("covid_cxr", "p", "all", {}), ("covid_cxr", "p", "all", {"only": "Left Lung"}),
        ("covid_cxr", "p", "all", {"only": "Consolidation"}),
        ("cityscapes", "c", "train", {}), ("cityscapes", "c", "train", {"objects": True}),
        ("cityscapes", "c", "train", {"classes": 34}),
        ("export", "e", "all", {}), ("export", "e", "all", {"uncovered": "ignore"}),
    ]  # fmt: skip
    for name, place, split, options in ways:
        assert Cached(intarsia.datasets.open(name, root / place, split, **options), tmp_path / "cache").built, options
    for name, place, split, options in ways:
        assert not Cached(intarsia.datasets.open(name, root / place, split, **options), tmp_path / "cache").built, (
            options
        )


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def test_what_an_export_leaves_out_is_told(root: Path) -> None:
    found = visit(KINDS["export"](root)).audit
    assert "the whole set: 4 shapes left out: points and lines have no area." in [
        finding.message for finding in found.findings
    ]


def test_splits_of_several_meanings_are_no_shards_of_one_folder(root: Path, tmp_path: Path) -> None:
    KINDS["cityscapes"](root)
    both = [intarsia.datasets.open("cityscapes", root, "train", classes=k) for k in (19, 34)]
    with pytest.raises(DataError, match="train has other labels than train; write them into folders of their own"):
        shard(both, tmp_path / "tars")


def test_samples_that_others_made_hold_class_numbers_whatever_their_files_held() -> None:
    class Own(list):
        labels = LabelSpace(("ground", "roof"), values={7: "ground", 9: "roof"})

    rng = np.random.default_rng(0)
    made = [rng.integers(0, 2, (20, 28), np.uint8) for _ in range(3)]
    image = [rng.integers(0, 255, (3, 20, 28), np.uint8) for _ in made]
    own = Own(Sample(torch.from_numpy(i), torch.from_numpy(m), str(n)) for n, (i, m) in enumerate(zip(image, made, strict=True)))  # fmt: skip
    found = intarsia.doctor.audit(own)
    assert not found.errors and found.counts.tolist() == np.bincount(np.stack(made).ravel()).tolist()
