"""The label doctor finds each planted fault, says it in its sentence, and finds none in what is sound."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia.datasets import open as open_dataset
from intarsia.datasets.folder import folder
from intarsia.doctor import Audit, Finding, audit
from intarsia.errors import DataError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

SPACE = LabelSpace(("a", "b", "c"), values={0: "a", 1: "b", 2: "c", 254: "ignore", 255: "ignore"})


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four training and two validation pairs, all sound."""
    rng = np.random.default_rng(0)
    for n in range(6):
        split = "train" if n < 4 else "val"
        put(tmp_path / split / f"images/s{n}.png", rng.integers(0, 256, (6, 8, 3)).astype(np.uint8))
        put(tmp_path / split / f"masks/s{n}.png", rng.choice([0, 1, 2, 255], (6, 8)).astype(np.uint8))
    return tmp_path


def examined(root: Path, space: LabelSpace = SPACE) -> Audit:
    return audit(*(folder(root, split, labels=space) for split in ("train", "val")))


def only(found: Audit, kind: str, severity: str = "error") -> Finding:
    hits = [f for f in found.findings if f.kind == kind]
    assert len(hits) == 1, found.findings
    assert hits[0].severity == severity and hits[0].message.endswith(".") and len(hits[0].places) <= 5
    return hits[0]


def test_sound_data_has_no_findings_and_exact_statistics(root: Path) -> None:
    found = examined(root)
    assert found.findings == () and found.images == {"train": 4, "val": 2} and found.sizes == {(6, 8): 6}
    images = np.stack([np.asarray(Image.open(p)) for p in sorted((root / "train/images").iterdir())]) / 255
    masks = np.stack([np.asarray(Image.open(p)) for p in sorted((root / "train/masks").iterdir())])
    assert np.allclose(found.mean, images.mean((0, 1, 2))) and np.allclose(found.std, images.std((0, 1, 2)))
    assert found.counts.tolist() == [int((masks == n).sum()) for n in range(3)] and found.counts.dtype == np.int64
    assert found.ignored == pytest.approx((masks == 255).mean()) and (found.channels, found.bits) == (3, 8)
    tree = json.loads(json.dumps(found.to_dict()))
    assert tree["images"] == {"train": 4, "val": 2} and sum(
        c["share"] for c in tree["classes"].values()
    ) == pytest.approx(1)


def test_the_hash_is_of_the_contents_not_of_the_files(root: Path, tmp_path: Path) -> None:
    before = examined(root).hash
    picture = np.asarray(Image.open(root / "train/images/s0.png")).copy()
    (root / "train/images/s0.png").unlink()
    put(root / "train/images/s0.bmp", picture)
    assert examined(root).hash == before
    picture[0, 0, 0] ^= 1
    put(root / "train/images/s0.bmp", picture)
    assert examined(root).hash != before


def test_stray_values_are_told_with_file_count_and_proposal(root: Path) -> None:
    bad = np.zeros((6, 8), np.uint8)
    bad[0, :5] = 37
    put(root / "train/masks/s1.png", bad)
    bad[0, 3:] = 0
    put(root / "train/masks/s2.png", bad)
    finding = only(examined(root), "stray")
    assert (
        "masks/s1.png: the mask holds 37 (5 px), outside the 3 classes (values 0..2, 254..255); add `37: <class or ignore>`"
        in finding.message
    )
    assert "; 2 of the 4 masks of train hold such values, 8 px in all" in finding.message
    assert [p.rsplit("/", 1)[1] for p in finding.places] == ["s1.png (5 px)", "s2.png (3 px)"]


def test_smoothed_masks_get_a_proposal_that_works(root: Path) -> None:
    rng = np.random.default_rng(1)
    for path in root.glob("*/masks/*.png"):
        put(path, rng.integers(0, 256, (6, 8)).astype(np.uint8))
    finding = next(
        f for f in examined(root, LabelSpace(("a", "b"), values={0: "a", 255: "b"})).errors if f.kind == "stray"
    )
    assert 'write labels.values: {"0..127": a, "128..255": b}' in finding.fix
    assert not examined(root, LabelSpace(("a", "b"), values={"0..127": "a", "128..255": "b"})).errors


def test_unreadable_files(root: Path) -> None:
    (root / "train/images/s0.png").write_text("not an image")
    (root / "val/masks/s5.png").write_bytes((root / "val/masks/s5.png").read_bytes()[:60])
    finding = only(examined(root), "unreadable")
    assert "s0.png: a text file, not an image" in finding.message and "and 1 more like it" in finding.message
    assert [Path(p).name for p in finding.places] == ["s0.png", "s5.png"]


def test_sizes_that_differ(root: Path) -> None:
    put(root / "train/masks/s3.png", np.zeros((5, 8), np.uint8))
    assert "s3.png is 8x6 pixels, but its mask" in only(examined(root), "size").message


def test_color_masks_for_ids(root: Path) -> None:
    put(root / "train/masks/s3.png", np.dstack([np.full((6, 8), v, np.uint8) for v in (1, 2, 3)]))
    assert "color image" in only(examined(root), "encoding").message


def test_duplicates_across_splits_and_within(root: Path) -> None:
    copied = np.asarray(Image.open(root / "train/images/s0.png"))
    put(root / "val/images/s5.png", copied)
    finding = only(examined(root), "duplicates_across")
    assert "1 image stands in more than one split (the first: train/s0 = val/s5)" in finding.message
    put(root / "val/images/s5.png", np.asarray(Image.open(root / "val/images/s4.png")))
    finding = only(examined(root), "duplicates", "warning")
    assert "val/s4 = val/s5" in finding.message and "1 of them with different masks" in finding.message


def test_empty_tiles_are_no_leak(root: Path) -> None:
    for name in ("train/images/s0.png", "val/images/s4.png"):
        put(root / name, np.zeros((6, 8, 3), np.uint8))
    assert not examined(root).errors


def test_mixed_kinds_of_images(root: Path) -> None:
    put(root / "train/images/s0.png", np.zeros((6, 8), np.uint8))
    finding = only(examined(root), "channels")
    assert (
        "5 of 3 channels and 1 of 1 channel" in finding.message
        and finding.places == ("s0",)
        and "data.channels" in finding.fix
    )
    put(root / "train/images/s0.png", np.zeros((6, 8), np.uint16))
    assert {f.kind for f in examined(root).errors} == {"channels", "bits"}


def test_absent_classes_constant_masks_and_ignored_pixels(root: Path) -> None:
    for path in root.glob("train/masks/*.png"):
        put(path, np.full((6, 8), 0 if path.stem == "s0" else 255, np.uint8))
    found = examined(root)
    absent = only(found, "absent", "warning")
    assert "train holds no pixel of b, c, which cannot be learned" in absent.message and absent.places == ("b", "c")
    assert (
        "75.0% of the pixels of train are ignored" in only(found, "ignored", "warning").message
        and found.ignored == 0.75
    )
    assert "4 of the 4 masks of train hold one value only" in only(found, "constant", "warning").message
    put(root / "train/masks/s0.png", np.full((6, 8), 255, np.uint8))
    assert "Every pixel of train is ignored" in next(f for f in examined(root).errors if f.kind == "ignored").message


def test_unmatched_names_five_of_each_side(root: Path) -> None:
    for n in range(7):
        put(root / f"train/images/left{n}.png", np.full((6, 8, 3), n, np.uint8))
        put(root / f"train/masks/right{n}.png", np.zeros((6, 8), np.uint8))
    message = only(examined(root), "unmatched", "warning").message
    assert "7 images without a mask" in message and "7 masks without an image" in message
    assert all(f"{side}{n}.png" in message for side in ("left", "right") for n in range(5)) and "left5" not in message


def test_some_masks_0_and_1_others_0_and_255(root: Path) -> None:
    for n, path in enumerate(sorted(root.glob("*/masks/*.png"))):
        put(path, np.random.default_rng(n).choice([0, 255 if n < 2 else 1], (6, 8)).astype(np.uint8))
    found = examined(root, LabelSpace(("a", "b")))
    assert not found.errors and found.ignored == 0
    told = [f.message for f in found.findings if f.kind == "inferred"]
    assert len(told) == 2 and all("1 and 255 are both 'b', and none is ignored" in line for line in told)
    found = examined(root, LabelSpace(("a", "b"), values={0: "a", 1: "b", 255: "ignore"}))
    finding = only(found, "mixed_encoding", "warning")
    assert (
        "2 masks of train hold 0 and 1, 2 hold 0 and 255, where 255 is ignored" in finding.message
        and "255: b" in finding.fix
    )


def test_images_turned_by_exif_beside_masks_that_are_not(root: Path) -> None:
    exif = Image.Exif()
    exif[274] = 3
    Image.open(root / "train/images/s0.png").save(root / "train/images/s0.png", exif=exif)
    assert (
        "1 image is turned by EXIF data in another way than the mask"
        in only(examined(root), "orientation", "warning").message
    )


class _Made:
    """A data set of a user's own."""

    def __init__(self, count: int, top: int = 3, bits: int = 8) -> None:
        self.count, self.top, self.bits = count, top, bits

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        stream = torch.Generator().manual_seed(index)
        image = torch.randint(0, 2**self.bits, (4, 5, 6), generator=stream, dtype=torch.int32)
        return Sample(
            image.to(torch.uint8) if self.bits == 8 else image,
            torch.randint(0, self.top, (5, 6), generator=stream, dtype=torch.uint8),
            f"n{index}",
        )


def test_data_sets_that_are_no_files() -> None:
    found = audit(_Made(5), labels=LabelSpace(("a", "b", "c")))
    assert not found.findings and found.channels == 4 and found.counts.sum() == 5 * 30 and found.images == {"data": 5}
    deep = audit(_Made(5, bits=16), labels=LabelSpace(("a", "b", "c")))
    values = torch.stack([_Made(5, bits=16)[n].image for n in range(5)]).double() / 65535
    assert (
        deep.bits == 16
        and np.allclose(deep.mean, values.mean((0, 2, 3)))
        and np.allclose(deep.std, values.std((0, 2, 3), correction=0))
    )
    assert audit(_Made(3)).counts.shape == (3,)  # no label space: as many classes as occur
    finding = only(audit(_Made(3, top=5), labels=LabelSpace(("a", "b", "c"))), "stray")
    assert "outside the 3 classes" in finding.message and finding.places[0].startswith("n0 (")


def test_errors_of_a_users_own_code_are_findings() -> None:
    class Broken(_Made):
        def __getitem__(self, index: int) -> Sample:
            if index == 1:
                raise KeyError("no such row")
            return super().__getitem__(index)

    assert (
        "item 1 of the data set raised KeyError: 'no such row'"
        in only(audit(Broken(3), labels=LabelSpace(("a", "b", "c"))), "unreadable").message
    )


def test_the_same_samples_in_both_splits_of_a_users_own() -> None:
    found = audit(_Made(3), _Made(2), labels=LabelSpace(("a", "b", "c")))
    assert (
        "2 images stand in more than one split (the first: set 1/n0 = set 2/n0)"
        in only(found, "duplicates_across").message
    )
    with pytest.raises(DataError, match="at least one data set"):
        audit()


def test_camvid_has_no_errors(shared_data: Path) -> None:
    found = audit(open_dataset("camvid", shared_data / "camvid", "val"))
    assert not found.errors and {f.kind for f in found.findings} <= {"specks", "unclosed", "label_noise", "misplaced"}
    assert found.sizes == {(360, 480): 101} and found.counts.argmax() == 3  # road


@pytest.mark.slow
def test_camvid_has_no_errors_and_is_quickly_told(shared_data: Path) -> None:
    started = time.process_time()  # of all threads, so that a busy machine does not count
    found = audit(*(open_dataset("camvid", shared_data / "camvid", split) for split in ("train", "val")))
    assert time.process_time() - started < 20
    # its specks and a few open outlines are real: a pole behind leaves, a sign of four pixels
    assert not found.errors and {f.kind for f in found.findings} <= {"specks", "unclosed", "label_noise", "misplaced"}
    assert found.images == {"train": 367, "val": 101} and found.sizes == {(360, 480): 468}
    assert found.counts.sum() + round(found.ignored * 367 * 360 * 480) == 367 * 360 * 480
    assert found.counts.argmax() == 3  # road


def test_an_audit_prints_what_it_found_and_no_arrays(root: Path) -> None:
    found = examined(root)
    first, *lines = str(found).split("\n")
    assert first.startswith("4 train, ") and len(lines) == len(found.findings) and "array" not in str(found)
