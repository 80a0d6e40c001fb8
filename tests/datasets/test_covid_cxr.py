"""COVID-19 chest X-rays: classes that overlap, pasted from crops."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets.covid_cxr import CLASSES, covid_cxr, planes
from intarsia.errors import DataError

HEAD = ["Template Name", "Filename", "Mask", "Resolution", "Top", "Left"]


@pytest.fixture
def root(tmp_path: Path, put, noise) -> Path:
    crop = np.zeros((2, 3, 4), np.uint8)
    crop[..., 3] = 255
    crop[:, 1:, 0] = 200
    put(tmp_path / "masks/a.png", crop)
    put(tmp_path / "masks/b.png", crop)
    rows = []
    for name in ("x.png", "y.png"):
        put(tmp_path / "images" / name, noise(6, 8))
        rows += [["Consolidation", name, "masks/b.png", "8x6", 3, 4], ["Left Lung", name, "masks/a.png", "8x6", 2, 4]]
    with (tmp_path / "structure.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, *rows])
    return tmp_path


def test_classes_by_themselves_and_drawn_over_each_other(root: Path, sound, run_cli) -> None:
    dataset = covid_cxr(root, "all")
    lung, spot = CLASSES.index("Left Lung"), CLASSES.index("Consolidation")
    every = planes(dataset.items[0])
    assert every.shape == (14, 6, 8) and every[lung, 3, 5] and every[spot, 3, 5] and not every[lung, 2, 4]
    assert every.sum(axis=(1, 2))[[lung, spot]].tolist() == [4, 4] and every.sum() == 8
    labels = dataset[0].labels
    assert dataset.labels.names[labels[2, 5]] == "Left Lung" and dataset.labels.names[labels[3, 5]] == "Consolidation"
    alone = covid_cxr(root, "all", only="Left Lung")
    assert alone[0].labels.sum() == 4 and alone.labels.names == ("background", "Left Lung")
    assert dataset[0].image.shape == (3, 6, 8)
    sound(dataset)
    sound(alone)
    assert run_cli("data", "audit", "covid_cxr", "--root", root)[0] == 0


def test_what_is_wrong_is_named(root: Path) -> None:
    table = root / "structure.csv"
    text = table.read_text()
    table.write_text(text.replace("8x6,3,4", "8x6,5,4", 1))
    with pytest.raises(DataError, match=r"b\.png is 3x2 pixels and does not fit at 4, 5 into .*x\.png, which is 8x6"):
        covid_cxr(root, "all")[0]
    table.write_text(text.replace("Left Lung", "Left Lugn", 1))
    with pytest.raises(
        DataError, match=r"structure\.csv, line 3: there is no class 'Left Lugn'; did you mean 'Left Lung'"
    ):
        covid_cxr(root, "all")
    table.write_text(text.replace("8x6,3,4", "8x6,three,4", 1))
    with pytest.raises(DataError, match=r"structure\.csv, line 2: expected"):
        covid_cxr(root, "all")
    table.write_text(text)
    (root / "masks/b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png: there is no such file, but structure\.csv lists it"):
        covid_cxr(root, "all")
    with pytest.raises(DataError, match=r"data\.only is 'Hart'"):
        covid_cxr(root, "all", only="Hart")
    table.unlink()
    with pytest.raises(DataError, match=r"structure\.csv: there is no such file"):
        covid_cxr(root, "all")


def test_the_real_x_rays(shared_data: Path) -> None:
    root = shared_data / "covid_cxr_multilabel"
    dataset = covid_cxr(root, "all")
    assert len(dataset) == 28
    with (root / "structure.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    overlapping = 0
    for item in dataset.items[:6]:
        every = planes(item)
        mine = [row for row in rows if row["Filename"] == item.name and row["Mask"]]
        assert {CLASSES[n] for n in np.flatnonzero(every.any(axis=(1, 2)))} == {row["Template Name"] for row in mine}
        for row in mine:
            on = np.asarray(Image.open(root / row["Mask"]))[..., :3].any(axis=2).sum()
            assert every[CLASSES.index(row["Template Name"])].sum() == on
        overlapping += int((every.sum(axis=0) > 1).sum())
    assert overlapping > 0
    labels = dataset[0].labels
    assert labels.shape == dataset[0].image.shape[1:] and len(labels.unique()) > 3
