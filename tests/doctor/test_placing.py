"""Masks beside the wrong image: found among real ones, and not where all stand right."""

import shutil
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from intarsia.doctor.diagnose import diagnose
from intarsia.doctor.exam.views import Views
from intarsia.doctor.findings.placement import coloring, exchanged, suiting


def told(root: Path) -> dict[str, tuple[str, ...]]:
    return {f.kind: f.places for f in diagnose(root).audit.findings if f.kind in ("swapped", "misplaced", "flipped")}


@pytest.fixture
def some(shared_data: Path, tmp_path: Path) -> Path:
    """Twenty frames of CamVid, as a folder that nobody described."""
    for place, source in (("images", "train"), ("masks", "trainannot")):
        (tmp_path / place).mkdir()
        for path in sorted((shared_data / "camvid" / source).iterdir())[::18][:20]:
            shutil.copyfile(path, tmp_path / place / path.name)
    return tmp_path


def test_most_pairs_of_masks_that_were_exchanged_are_named_and_no_other(some: Path) -> None:
    found = diagnose(some)
    assert not {"swapped", "misplaced", "flipped"} & {f.kind for f in found.audit.findings}
    exams = [case.exam for case in found.splits[0].cases]
    hit = wrong = 0
    for one, two in combinations(range(20), 2):
        order = [two if n == one else one if n == two else n for n in range(20)]
        moved = [
            replace(e, views=Views(e.thumb, e.edges, exams[n].borders, e.colors), grid=exams[n].grid)
            for e, n in zip(exams, order, strict=True)
        ]
        suits = suiting(moved)
        assert suits is not None
        named = {(a, b) for _, a, b in exchanged(suits, coloring(moved))}
        hit += (one, two) in named
        wrong += len(named - {(one, two)})
    assert hit >= 0.85 * 190 and wrong <= 2, (hit, wrong)


def test_exchanged_masks_are_a_finding(some: Path) -> None:
    exams = [case.exam for case in diagnose(some).splits[0].cases]
    suits = suiting(exams)
    assert suits is not None
    gain = suits - np.diag(suits)[:, None]
    one, two = np.unravel_index(np.argmin(gain + gain.T), gain.shape)  # the two that suit each other's images least
    first, second = exams[one].mask_path, exams[two].mask_path
    assert first is not None and second is not None
    held = first.read_bytes(), second.read_bytes()
    first.write_bytes(held[1])
    second.write_bytes(held[0])
    (place,) = told(some)["swapped"]
    assert first.name in place and second.name in place


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
