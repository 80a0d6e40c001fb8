"""Masks beside the wrong image: found among real ones, and not where all stand right."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from intarsia.data.doctor.folder import diagnose
from intarsia.data.doctor.placing import exchanged


def told(root: Path) -> dict[str, tuple[str, ...]]:
    return {f.kind: f.places for f in diagnose(root).audit.findings if f.kind in ("swapped", "misplaced", "flipped")}


@pytest.fixture
def some(shared_data: Path, tmp_path: Path) -> Path:
    """Twenty frames of CamVid, as a folder that nobody described."""
    if not (shared_data / "camvid").is_dir():
        pytest.skip("needs camvid, which is not there")
    for place, source in (("images", "train"), ("masks", "trainannot")):
        (tmp_path / place).mkdir()
        for path in sorted((shared_data / "camvid" / source).iterdir())[::18][:20]:
            shutil.copyfile(path, tmp_path / place / path.name)
    return tmp_path


def test_two_masks_that_were_exchanged_are_named(some: Path) -> None:
    assert not told(some)
    one, two = (sorted((some / "masks").iterdir())[n] for n in (3, 15))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    (place,) = told(some)["swapped"]
    assert one.name in place and two.name in place


def test_masks_that_all_stand_one_file_further_are_told(some: Path) -> None:
    files = sorted((some / "masks").iterdir())
    held = [path.read_bytes() for path in files]
    for path, other in zip(files, held[1:] + held[:1], strict=True):
        path.write_bytes(other)
    assert "misplaced" in told(some)


def test_exchanged_pairs_are_the_ones_that_gain_most() -> None:
    suits = np.random.default_rng(0).normal(0, 1, (30, 30))
    np.fill_diagonal(suits, 4.0)
    assert exchanged(suits) == []
    order = np.arange(30)
    order[[4, 20, 7, 9]] = order[[20, 4, 9, 7]]
    assert {(a, b) for _, a, b in exchanged(suits[:, order])} == {(4, 20), (7, 9)}
