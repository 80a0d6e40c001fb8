"""Large sets: what is near is found without comparing all, little is held in memory, and a quick audit looks at less."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from intarsia.doctor import audit, visit
from intarsia.doctor.diagnose import diagnose
from intarsia.doctor.exam.fingerprints import gray, thumbnail
from intarsia.doctor.exam.views import Filed, Spool, Views
from intarsia.doctor.findings import bands
from intarsia.doctor.findings.bands import Bands
from intarsia.doctor.findings.near_duplicates import BITS, pairs
from intarsia.structures import Sample

from .planted import folder, images, load, masks, of, save, scene


def brute(codes: np.ndarray, others: np.ndarray, after: bool) -> set[tuple[int, int]]:
    return {
        (a, b)
        for a, one in enumerate(others.tolist())
        for b, two in enumerate(codes.tolist())
        if (b > a if after else b != a) and (one ^ two).bit_count() <= BITS
    }


def fingerprints(random: np.random.Generator, count: int, crowd: int) -> np.ndarray:
    """Random ones, some with relatives of 1 to 12 bits that differ, and a crowd of nearly one."""
    codes = random.integers(0, 1 << 63, count).astype(np.uint64)
    codes[:crowd] = codes[0] ^ np.uint64(1) << random.integers(0, 64, crowd).astype(np.uint64)
    for place in range(crowd, count, 3):
        flips = random.choice(64, int(random.integers(1, 13)), replace=False)
        other = int(random.integers(crowd, count))
        codes[other] = codes[place] ^ np.uint64(sum(1 << int(bit) for bit in flips))
    return random.permutation(codes)


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize(("count", "crowd"), [(40, 0), (900, 0), (900, 120), (700, 650)])
def test_bands_find_what_a_comparison_of_all_finds(
    count: int, crowd: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(count + crowd)
    codes, others = fingerprints(random, count, crowd), fingerprints(random, count, crowd)
    others[::2] = codes[::2][::-1] ^ (np.uint64(255) << random.integers(0, 64, len(codes[::2])).astype(np.uint64))
    monkeypatch.setattr(bands, "_AT_ONCE", 5000)  # in many parts
    found = [
        pair
        for one, two in Bands(codes, BITS).near(others, after)
        for pair in zip(one.tolist(), two.tolist(), strict=True)
    ]
    assert len(found) == len(set(found)) and sorted(found) == found
    assert set(found) == brute(codes, others, after)
    assert len(found) >= 10


def test_eight_flips_in_any_place_leave_three_bands_of_a_group() -> None:
    random = np.random.default_rng(0)
    codes = np.zeros(20000, np.uint64)
    for _ in range(BITS):
        codes |= np.uint64(1) << random.integers(0, 64, len(codes)).astype(np.uint64)
    target = np.zeros(1, np.uint64)
    found = np.concatenate([two for _, two in Bands(np.concatenate([target, codes]), BITS).near(target, True)])
    assert len(found) == 20000


def test_more_bits_than_bands_can_find_are_refused() -> None:
    with pytest.raises(AssertionError, match="0 to 8"):
        Bands(np.zeros(3, np.uint64), 9)


def test_twins_are_the_same_with_bands_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    held = [scene(np.random.default_rng(n), 64, 64)[0] for n in range(150)]
    held += [np.ascontiguousarray(held[n][::-1]) for n in range(0, 150, 7)]
    held += [(held[n] * 0.8 + 9).astype(np.uint8) for n in range(3, 150, 11)]
    held += [np.roll(held[n], 1, 1) for n in range(5, 150, 13)]
    held = [held[n] for n in random.permutation(len(held))]
    thumbs, prints = zip(*(thumbnail(gray(image)) for image in held), strict=True)
    plain = pairs(prints, thumbs)
    monkeypatch.setattr(bands, "_FEW", 0)
    monkeypatch.setattr(bands, "_DEAR", 0)
    assert pairs(prints, thumbs) == plain and len(plain) >= 40


def test_views_in_a_file_are_those_that_were_put_there() -> None:
    random = np.random.default_rng(0)
    made = [
        Views(
            random.integers(0, 256, (64, 64), np.uint8),
            *(random.integers(0, 256, (2, 48, 48), np.uint8) if n % 3 else ()),
            *([random.integers(0, 256, (24, 24, 3), np.uint8)] if n % 3 else ()),
        )
        for n in range(20)
    ]
    spool = Spool(in_memory=5)
    kept = [spool.keep(views) for views in [*made, Views()]]
    assert [isinstance(views, Filed) for views in kept] == [False] * 5 + [True] * 15 + [False]
    for views, filed in zip(made, kept, strict=False):
        for name in Views._fields:
            assert np.array_equal(getattr(views, name), getattr(filed, name)), name


def test_an_audit_finds_the_same_with_its_pictures_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path, np.random.default_rng(1))
    one, two = images(root, "train")[:2]
    save(two.with_name("again.png"), load(one))
    save(
        Path(str(two.with_name("again.png")).replace("/images/", "/masks/")),
        load(two.parents[2] / "masks/train" / one.name),
    )
    save(masks(root, "val")[0], load(masks(root, "val")[0])[::-1].copy())
    plain = diagnose(root).audit
    from intarsia.doctor import diagnose as room

    monkeypatch.setattr("intarsia.doctor.diagnose.Spool", lambda: Spool(in_memory=0))
    assert room.__name__ and diagnose(root).audit.to_dict() == plain.to_dict()


def test_a_quick_audit_tells_values_sizes_files_and_exact_copies_only(tmp_path: Path) -> None:
    root = folder(tmp_path, np.random.default_rng(2))
    (root / "classes.txt").write_text("ground\ndisk\nbar\nbox")
    train = masks(root, "train")
    stray = load(train[0])
    stray[3:9, 3:9] = 9
    save(train[0], stray)
    of(train[1]).write_bytes(b"")
    save(train[2], load(train[2])[:-3])
    save(of(masks(root, "val")[0]), load(of(train[3])))
    save(masks(root, "val")[0], load(train[3]))
    save(train[4], load(train[4])[::-1].copy())  # only how it lies on its image tells
    whole, quick = diagnose(root).audit, audit(root, quick=True)
    kinds = {"stray", "unreadable", "size", "duplicates_across"}
    assert {f.kind for f in quick.errors} == kinds == {f.kind for f in whole.errors}
    assert "misplaced" in {f.kind for f in whole.findings} - {f.kind for f in quick.findings}
    assert quick.hash == whole.hash and quick.mean == whole.mean
    assert np.array_equal(quick.counts, whole.counts) and np.array_equal(quick.presence, whole.presence)


def test_a_quick_exam_holds_no_pictures() -> None:
    class Made:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, place: int) -> Sample:
            image, labels = (torch.from_numpy(part) for part in scene(np.random.default_rng(place), 64, 64))
            return Sample(image.permute(2, 0, 1), labels, f"n{place}")

    for quick in (True, False):
        for exam in visit(Made(), quick=quick).splits[0].exams:
            held = sum(view.nbytes for view in (exam.thumb, exam.edges, exam.borders, exam.colors)) + exam.grid.nbytes
            assert (held == 0) is quick and exam.closely is not quick


def test_an_audit_of_files_needs_no_torch(tmp_path: Path) -> None:
    """Its maps would be most of what an audit takes of memory: of a folder and of an export alike."""
    root = folder(tmp_path / "loose", np.random.default_rng(3), 4, 2)
    shapes = [{"label": "disk", "shape_type": "polygon", "points": [[2, 2], [30, 4], [20, 30]]}]
    for image in images(root, "train"):
        save(tmp_path / "export" / image.name, load(image))
        document = {"imagePath": image.name, "imageHeight": 64, "imageWidth": 64, "shapes": shapes, "imageData": None}
        (tmp_path / "export" / f"{image.stem}.json").write_text(json.dumps(document))
    code = (
        "import sys; from intarsia.doctor import visit; "
        "print([len(visit(root).splits) for root in sys.argv[1:]], 'torch' in sys.modules)"
    )
    ask = [sys.executable, "-c", code, str(root), str(tmp_path / "export")]
    done = subprocess.run(ask, check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[0] == "[2, 2] False"
