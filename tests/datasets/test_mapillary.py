"""Mapillary Vistas: both versions, objects, the release's own config, and real thumbnails."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia.datasets import splits
from intarsia.datasets.mapillary import known, label_space, mapillary
from intarsia.errors import DataError, LabelError


def put(path: Path, array: object, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(array, dtype)).save(path)
    return path


def photo(path: Path, height: int, width: int) -> Path:
    return put(path, np.full((height, width, 3), 90))


def test_both_versions_count_as_their_papers_say(tmp_path: Path) -> None:
    old, new = known(tmp_path, "v1.2"), known(tmp_path, "v2.0")
    assert (len(old), sum(e.evaluated for e in old), sum(e.thing for e in old)) == (66, 65, 37)
    assert len(new) == 124 and sum(e.evaluated and e.thing for e in new) == 70  # 46 of stuff, 8 that do not count
    assert sum(e.evaluated and not e.thing for e in new) == 46
    assert old[13].name == "construction--flat--road" and old[55].name == "object--vehicle--car"
    assert new[21].name == "construction--flat--road" and new[90].name == "object--traffic-light--general-single"
    assert new[108].name == "object--vehicle--car" and old[-1].name == new[-1].name == "void--unlabeled"
    assert label_space(old, True).values[65] == "ignore" and label_space(old, False).num_classes == 66


@pytest.fixture
def root(tmp_path: Path) -> Path:
    photo(tmp_path / "training/images/a-b_C.jpg", 1, 5)
    put(tmp_path / "training/v1.2/labels/a-b_C.png", [[0, 13, 55, 55, 65]])
    codes = [[0, 13 << 8, 55 << 8, 55 << 8 | 1, 65 << 8]]
    put(tmp_path / "training/v1.2/instances/a-b_C.png", codes, np.uint16)
    put(tmp_path / "training/v2.0/labels/a-b_C.png", [[0, 21, 108, 31, 123]])
    return tmp_path


def test_labels_and_what_is_not_evaluated(root: Path) -> None:
    dataset = mapillary(root, "train")
    assert dataset[0].labels.tolist() == [[0, 13, 55, 55, 255]] and dataset.labels.num_classes == 65
    assert mapillary(root, "train", evaluated=False)[0].labels.tolist() == [[0, 13, 55, 55, 65]]
    newer = mapillary(root, "train", version="v2.0")
    assert newer.labels.num_classes == 116 and splits("mapillary", root) == ("train",)
    assert [newer.labels.names[n] if n < 255 else "" for n in newer[0].labels[0].tolist()] == [
        "animal--bird", "construction--flat--road", "object--vehicle--car", "", "",
    ]  # fmt: skip


def test_every_number_of_a_thing_is_an_object(root: Path) -> None:
    sample = mapillary(root, "train", objects=True)[0]
    assert sample.objects is not None
    assert sample.objects.tolist() == [[1, 0, 2, 3, 0]]  # numbers start at 0; roads have none


def test_what_is_wrong_is_said(root: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder; expected\n    config_v1.2.json"):
        mapillary(root / "x", "train")
    with pytest.raises(DataError, match="no split 'val'; choose from 'train'; expected"):
        mapillary(root, "val")
    with pytest.raises(DataError, match="version is 'v3'; choose from 'v1.2', 'v2.0'"):
        mapillary(root, "train", version="v3")  # type: ignore[arg-type]
    put(root / "training/v1.2/labels/a-b_C.png", [[0, 13, 66, 55, 65]])
    with pytest.raises(LabelError, match=r"a-b_C.png: the mask holds 66 \(1 px\)"):
        mapillary(root, "train")[0]


def test_the_config_beside_the_data_is_believed(root: Path) -> None:
    entries = [{"name": f"a--{n}", "color": [n, 0, 0], "evaluate": n != 65, "instances": n == 13} for n in range(66)]
    (root / "config_v1.2.json").write_text(json.dumps({"labels": entries}))
    dataset = mapillary(root, "train", objects=True)
    assert dataset.labels.names[13] == "a--13" and dataset[0].objects.tolist() == [[0, 1, 0, 0, 0]]


def test_tiny_and_real_samples(shared_data: Path, tmp_path: Path) -> None:
    tiny = shared_data / "datumaro_assets/tests/assets/mapillary_vistas_dataset"  # three labels in its config
    sample = mapillary(tiny, "val", objects=True)[1]
    assert sample.labels[0].tolist() == [2, 2, 1, 2, 2] and sample.objects is not None
    assert sample.objects[0].tolist() == [2, 2, 1, 3, 3] and splits("mapillary", tiny) == ("train", "val")
    real = shared_data / "mmseg_fixtures/tests/data/pseudo_mapillary_dataset"
    for version in ("v1.2", "v2.0"):
        (tmp_path / "validation" / version).mkdir(parents=True)
        (tmp_path / "validation" / version / "labels").symlink_to(real / version)
    (tmp_path / "validation/images").symlink_to(real / "images")
    seen = []
    for version in ("v1.2", "v2.0"):
        dataset = mapillary(tmp_path, "val", version=version)
        palette = np.array(Image.open(dataset.items[0].mask).getpalette()).reshape(-1, 3)
        for n in dataset[0].labels.unique().tolist():  # the palette of the file has our colors
            raw = next(v for v, name in dataset.labels.values.items() if name == dataset.labels.names[n])
            assert tuple(palette[raw].tolist()) == dataset.labels.colors[n]
        seen.append({dataset.labels.names[n] for n in dataset[0].labels.unique().tolist()})
    assert seen[0] == seen[1] == {"construction--structure--building", "object--street-light", "object--support--pole"}
