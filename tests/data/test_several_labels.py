"""Several labels a pixel: a label space of planes, from the files to the batch, cache, shards, audit and clean copy."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from intarsia.annotations.from_datasets import project
from intarsia.cli import main
from intarsia.config import Recipe
from intarsia.data import Pair, Pairs, Raw
from intarsia.data.augment.pipeline import Augmentation
from intarsia.data.bits import packed, unpacked
from intarsia.data.cache import Cached
from intarsia.data.loader import Loader
from intarsia.data.samples import shown_labels
from intarsia.data.shards import shards
from intarsia.data.write_shards import shard
from intarsia.datasets import open as open_dataset
from intarsia.datasets.covid_cxr import CLASSES, covid_cxr
from intarsia.datasets.folder import folder
from intarsia.doctor import audit, mend, visit
from intarsia.errors import DataError, LabelError, TrainingError
from intarsia.evaluation.scoring import same_classes
from intarsia.labels import LabelSpace
from intarsia.structures import Sample
from intarsia.training.material import collect
from intarsia.training.usual import init

SPACE = LabelSpace(("lung", "heart", "tube"), planes=True)
HEIGHT, WIDTH = 40, 60


def planes_of(number: int) -> tuple[np.ndarray, np.ndarray]:
    """The planes of a picture, of which the first two overlap, and what is ignored; the second picture has none."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    lung = (y - 20) ** 2 + (x - 20 - number) ** 2 < 150
    heart = (y - 20) ** 2 + (x - 30) ** 2 < 150
    tube = np.abs(x - y - number) < 2
    planes = np.stack([lung, heart, tube & (number % 2 == 0)])
    ignored = (y < 4) & (number == 3)
    return (planes & (number != 1)) & ~ignored, ignored


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four pictures; the masks of each class in a folder of its own."""
    place = tmp_path / "data"
    rng = np.random.default_rng(0)
    (place / "images").mkdir(parents=True)
    for number in range(4):
        image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        Image.fromarray(image).save(place / "images" / f"p{number}.png")
        planes, ignored = planes_of(number)
        for name, plane in zip((*SPACE.names, "ignore"), (*planes, ignored), strict=True):
            if plane.any() or (number == 1 and name == "lung"):
                (place / "masks" / name).mkdir(parents=True, exist_ok=True)
                Image.fromarray(plane.astype(np.uint8) * np.uint8(255)).save(place / "masks" / name / f"p{number}.png")
    return place


def opened(place: Path, labels: LabelSpace = SPACE) -> Pairs:
    return folder(place, "all", labels=labels, images="images", masks="masks/{class}")


def same(one, other) -> None:
    """Two data sets hold the same samples."""
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert mine.name.rpartition("/")[2] == theirs.name.rpartition("/")[2]
        assert torch.equal(mine.image, theirs.image) and torch.equal(mine.labels, theirs.labels)
        assert mine.planes is not None and torch.equal(mine.planes, theirs.planes) and mine.planes.dtype == torch.bool


def test_a_label_space_of_planes_says_so_wherever_it_is_kept() -> None:
    assert (SPACE.head_size, SPACE.num_classes, SPACE.activation) == (3, 3, "sigmoid")
    again = LabelSpace.from_dict(json.loads(json.dumps(SPACE.to_dict())))
    assert again == SPACE and again.planes and SPACE.plain == SPACE and SPACE.ignoring(7) is SPACE
    assert not LabelSpace(SPACE.names).planes and "planes" not in LabelSpace(SPACE.names).to_dict()
    assert LabelSpace(SPACE.names) != SPACE
    recipe = Recipe.model_validate(
        {"labels": {"classes": ["a", "b"], "planes": True}, "loss": {"name": "dice"}, "train": {"steps": 1}}
    )
    assert LabelSpace.from_dict(recipe.labels.model_dump()) == LabelSpace(("a", "b"), planes=True)
    scores = SPACE.probabilities(torch.zeros(2, 3, 4, 5))
    assert scores.shape == (2, 3, 4, 5) and (scores == 0.5).all()
    with pytest.raises(
        LabelError, match=r"labels\.values says what the values of one mask mean, but with labels\.planes"
    ):
        LabelSpace(("a", "b"), values={0: "b", 1: "a"}, planes=True)
    with pytest.raises(LabelError, match=r"labels\.planes is 'yes'; write true"):
        LabelSpace.from_dict({"classes": ["a"], "planes": "yes"})
    with pytest.raises(LabelError, match="one mask says one label a pixel, but labels.planes asks for 3 planes"):
        SPACE.encode(np.zeros((4, 5), np.uint8))
    with pytest.raises(LabelError, match="no one class can be chosen"):
        SPACE.decide(torch.zeros(1, 3, 4, 5))
    with pytest.raises(LabelError, match=r"planes of shape \[2, 4, 5\] for 3 class"):
        SPACE.encode_planes(np.zeros((2, 4, 5), bool))
    with pytest.raises(LabelError, match="uint8 values other than 0 and 1"):
        SPACE.encode_planes(np.full((3, 4, 5), 255, np.uint8))


def test_folders_of_classes_are_read_as_planes(root: Path) -> None:
    """Each class keeps what another covers; what a folder "ignore" marks counts in no plane."""
    data = opened(root)
    for number, sample in enumerate(data):
        planes, ignored = planes_of(number)
        assert torch.equal(sample.planes, torch.from_numpy(planes))
        assert torch.equal(sample.labels, torch.from_numpy(ignored).to(torch.uint8) * 255)
    assert (data[0].planes[0] & data[0].planes[1]).any()
    flat = opened(root, LabelSpace(("background", *SPACE.names)))
    assert flat[0].planes is None and (flat[3].labels[:4] == 255).all()
    shown = shown_labels(data[0], SPACE).numpy()
    planes, _ = planes_of(0)
    assert np.array_equal(shown, np.select([planes[2], planes[1], planes[0]], [2, 1, 0], 255))


def test_planes_in_one_array_are_read(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "arrays"
    for part in ("images", "masks"):
        (place / part).mkdir(parents=True)
    for number in range(2):
        (place / "images" / f"p{number}.png").write_bytes((root / "images" / f"p{number}.png").read_bytes())
        np.save(place / "masks" / f"p{number}.npy", planes_of(number)[0].astype(np.uint8))
    data = folder(place, "all", labels=SPACE, images="images", masks="masks")
    assert torch.equal(data[0].planes, torch.from_numpy(planes_of(0)[0])) and not data[1].planes.any()
    two = folder(place, "all", labels=LabelSpace(("a", "b"), planes=True), images="images", masks="masks")
    with pytest.raises(DataError, match=r"p0\.npy: 3 planes, but 2 classes are listed"):
        two[0]
    np.save(place / "masks" / "p0.npy", planes_of(0)[0][0].astype(np.uint8))
    with pytest.raises(DataError, match=r"p0\.npy: holds one map, but labels\.planes asks for 3, one a class"):
        data[0]
    unknown = planes_of(0)[0].astype(np.uint8)
    unknown[1, :3] = 255
    np.save(place / "masks" / "p0.npy", unknown)
    with pytest.raises(DataError, match=r"planes hold 255 beside 0 and 1; .* cannot be unknown for one class alone"):
        data[0]


def test_cache_and_shards_give_back_what_was_read(root: Path, tmp_path: Path) -> None:
    data = opened(root)
    same(Cached(data, tmp_path / "cache"), data)
    shard([data], tmp_path / "tars", size=3)
    read = shards(tmp_path / "tars", "all")
    assert read.labels == SPACE
    same(read, data)
    shard([opened(root, LabelSpace(("background", *SPACE.names)))], tmp_path / "flat")
    with pytest.raises(DataError, match="p0: has one mask and no planes, but labels.planes asks for 3, one a class"):
        shards(tmp_path / "flat", "all", labels=SPACE)[0]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 14])
def test_a_bit_each_holds_any_number_of_planes(count: int) -> None:
    planes = np.random.default_rng(count).random((count, 5, 6)) > 0.5
    bits = packed(planes)
    assert bits.shape == (-(-count // 8), 5, 6) and np.array_equal(unpacked(bits, count), planes)


def test_batches_of_planes_repeat_themselves_whatever_reads_them(root: Path) -> None:
    data = opened(root)
    change = Augmentation(
        255, crop=(32, 32), scale=(0.5, 2.0), flip=True, rotate=15, max_share=0.6, cutmix=0.5, classmix=0.5
    )
    loaders = [Loader(data, batch_size=2, change=change, mix=change.mix, seed=3, workers=w) for w in (0, 2)]
    first, second = ([next(stream) for _ in range(3)] for stream in (loader.stream(1) for loader in loaders))
    for mine, theirs in zip(first, second, strict=True):
        assert mine.planes.shape == (2, 3, 32, 32) and torch.equal(mine.planes, theirs.planes)
        assert torch.equal(mine.labels, theirs.labels) and set(mine.labels.unique().tolist()) <= {0, 255}
        assert not (mine.planes & (mine.labels == 255)[:, None]).any()


def test_the_audit_counts_each_plane_by_itself(root: Path) -> None:
    found = audit(opened(root))
    expected = sum(planes_of(number)[0].sum(axis=(1, 2)) for number in range(4))
    assert found.counts.tolist() == expected.tolist()
    assert found.ignored == pytest.approx(4 * WIDTH / (4 * HEIGHT * WIDTH))
    assert found.presence.tolist() == [list(planes_of(n)[0].any(axis=(1, 2))) for n in range(4)]
    assert not found.errors and not any(f.kind in ("covered", "all_ignored", "ignored") for f in found.findings)
    samples = audit(list(opened(root)), labels=SPACE)
    assert samples.counts.tolist() == expected.tolist() and samples.ignored == found.ignored


def spoil(root: Path, kind: str) -> None:
    place = root / "masks" / "heart" / "p2.png"
    if kind == "size":
        Image.fromarray(np.zeros((HEIGHT, WIDTH - 1), np.uint8)).save(place)
    elif kind == "smoothed":
        Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)).save(place)
    elif kind == "all":
        for name in SPACE.names:
            Image.fromarray(np.zeros((HEIGHT, WIDTH + 2), np.uint8)).save(root / "masks" / name / "p2.png")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "size",
            r"heart.p2\.png: the plane of 'heart' is 59x40 pixels, but .*p2\.png is 60x40; the planes of an image",
        ),
        (
            "smoothed",
            r"heart.p2\.png: holds 256 values \(0, 1, 2, 3, 4, \.\.\.\), but the mask of one class is on or off",
        ),
        ("all", r"p2\.png is 60x40 pixels, but its planes .* are 62x40"),
    ],
)
def test_a_plane_that_does_not_fit_is_one_sentence(root: Path, tmp_path: Path, kind: str, told: str) -> None:
    """Reading says it, the audit lists it, and the clean copy leaves the picture out and says so."""
    spoil(root, kind)
    data = opened(root)
    with pytest.raises(DataError, match=told):
        data[2]
    found = audit(data)
    assert len(found.errors) == 1
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(found.errors[0].message)
    steps = mend(visit(data), tmp_path / "clean")
    assert sum("left out" in step["action"] for step in steps) == 1
    same(opened(tmp_path / "clean"), [opened(root)[n] for n in (0, 1, 3)])


def test_an_unknown_class_is_refused_with_the_nearest(root: Path) -> None:
    with pytest.raises(LabelError, match=r"masks: holds masks of 'heart', .*did you mean 'hearts'\?"):
        opened(root, LabelSpace(("lung", "hearts", "tube"), planes=True))


def test_a_clean_copy_keeps_planes(root: Path, tmp_path: Path) -> None:
    data = opened(root)
    mend(visit(data), tmp_path / "clean")
    labels = LabelSpace.from_dict(yaml.safe_load((tmp_path / "clean" / "labels.yaml").read_text()))
    assert labels == SPACE
    same(opened(tmp_path / "clean", labels), data)
    again = visit(tmp_path / "clean")  # what the copy says of itself is enough for every verb
    assert again.labels == SPACE and not again.audit.errors
    mend(again, tmp_path / "twice")
    same(opened(tmp_path / "twice"), data)
    tree, told = init(tmp_path / "clean")
    assert LabelSpace.from_dict(tree["labels"]) == SPACE and "a pixel may have several labels" in told
    odd = Pairs(data.items, LabelSpace(("a/b", "heart", "tube"), planes=True), name="x", split="all", decode=_zeros)
    with pytest.raises(DataError, match="the masks of 'a/b' cannot lie in a folder of that name"):
        mend(visit(odd), tmp_path / "odd")


def _zeros(item: Pair) -> Raw:
    return Raw(np.zeros((HEIGHT, WIDTH), np.uint8), planes=np.zeros((3, HEIGHT, WIDTH), bool))


def test_annotation_tools_get_regions_that_overlap(root: Path) -> None:
    """What goes into a tool covers each class's own pixels."""
    data = opened(root)
    picture = project([data]).pictures[0]
    assert [region.label for region in picture.regions] == list(SPACE.names)
    for region, plane in zip(picture.regions, planes_of(0)[0], strict=True):
        drawn = np.zeros((HEIGHT, WIDTH), bool)
        top, left, pixels = region.bitmap
        drawn[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        assert np.array_equal(drawn, plane)


def test_training_takes_planes_where_the_label_space_says_so(root: Path) -> None:
    recipe = Recipe.model_validate({"loss": {"name": "dice"}, "train": {"steps": 1}})
    assert collect(recipe, opened(root)).labels == SPACE
    for options in ({}, {"audit": False}):
        recipe = Recipe.model_validate(
            {"loss": {"name": "dice"}, "train": {"steps": 1, **options}, "labels": {"classes": ["a", "b"]}}
        )
        with pytest.raises(
            TrainingError, match="p0: has planes, several labels a pixel, but the data set's label space says"
        ):
            collect(recipe, list(opened(root)))
    with pytest.raises(LabelError, match="the data set has several labels a pixel .* and the model has one"):
        same_classes(LabelSpace(SPACE.names), SPACE)


def test_a_picture_without_a_mask_has_empty_planes_that_do_not_count(root: Path) -> None:
    image = root / "images" / "p0.png"
    data = Pairs([Pair("bare", image, None)], SPACE, name="x", split="all")
    sample = data[0]
    assert (sample.labels == 255).all() and sample.planes.shape == (3, HEIGHT, WIDTH) and not sample.planes.any()
    assert isinstance(sample, Sample)


def test_chest_x_rays_keep_every_class(shared_data: Path) -> None:
    """Real masks that overlap: as one map, pixels of ten classes vanish under others; as planes all are there."""
    place = shared_data / "covid_cxr_multilabel"
    data = covid_cxr(place, "all", planes=True)
    sample = data[0]
    assert data.labels.names == CLASSES and sample.planes.shape[0] == 14 and (sample.planes.sum(dim=0) > 1).any()
    flat = covid_cxr(place, "all")[0].labels
    for number, plane in enumerate(sample.planes):
        assert torch.equal(plane, covid_cxr(place, "all", only=CLASSES[number])[0].labels == 1)
        assert not (~plane & (flat == number + 1)).any()
    some = covid_cxr(place, "all", labels=LabelSpace(("Airways", "Left Lung"), planes=True))
    assert torch.equal(some[0].planes, sample.planes[[CLASSES.index("Airways"), CLASSES.index("Left Lung")]])
    with pytest.raises(DataError, match="labels.classes lists 'Left Lungs', of which there are no masks; did you mean"):
        covid_cxr(place, "all", labels=LabelSpace(("Left Lungs",), planes=True))
    with pytest.raises(DataError, match=r"data\.only asks for 'Airways' alone, and planes for all"):
        covid_cxr(place, "all", only="Airways", planes=True)


def coco(place: Path) -> Path:
    """Two pictures; on the first a box of each of two classes, which overlap, and a crowd of the first."""
    place.mkdir()
    for number in range(2):
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).save(place / f"p{number}.png")
    boxes = [(1, 1, (5, 5, 25, 20), 0), (2, 2, (15, 10, 30, 20), 0), (3, 1, (40, 0, 10, 10), 1)]
    tree = {
        "images": [{"id": n, "file_name": f"p{n}.png", "height": HEIGHT, "width": WIDTH} for n in range(2)],
        "categories": [{"id": 1, "name": "lung"}, {"id": 2, "name": "heart"}],
        "annotations": [
            {
                "id": number, "image_id": 0, "category_id": category, "iscrowd": 0, "bbox": [x, y, w, h],
                "area": w * h, "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
            }
            for number, category, (x, y, w, h), _ in boxes
        ],
    }  # fmt: skip
    (place / "instances.json").write_text(json.dumps(tree))
    return place / "instances.json"


def test_an_export_with_overlaps_keeps_them_as_planes(tmp_path: Path) -> None:
    """Flat, the second box covers the first; as planes each has all of its pixels, from Python and from a recipe."""
    place = coco(tmp_path / "export")
    lung, heart = np.zeros((2, HEIGHT, WIDTH), bool)
    lung[5:25, 5:30], lung[0:10, 40:50], heart[10:30, 15:45] = True, True, True
    data = open_dataset("export", place, "all", None, planes=True)
    assert data.labels == LabelSpace(("lung", "heart"), data.labels.colors, planes=True)
    assert np.array_equal(data[0].planes.numpy(), [lung, heart]) and not data[1].planes.any()
    assert (data[0].labels == 0).all() and data[0].objects is None
    flat = open_dataset("export", place, "all", None)
    assert int((flat[0].labels == 1).sum()) == int((lung & ~heart).sum()) < int(lung.sum())
    other = open_dataset("export", place, "all", LabelSpace(("heart", "lung", "tube"), planes=True))
    assert np.array_equal(other[0].planes.numpy(), [heart, lung, np.zeros_like(lung)])
    same(Cached(data, tmp_path / "cache"), data)
    with pytest.raises(
        LabelError, match="holds regions of 'lung', which labels.classes does not name; did you mean 'lungs'"
    ):
        open_dataset("export", place, "all", LabelSpace(("heart", "lungs"), planes=True))
    with pytest.raises(LabelError, match="data.planes asks for several labels a pixel"):
        open_dataset("export", place, "all", LabelSpace(("background", "lung", "heart")), planes=True)


def test_verbs_show_shard_and_audit_several_labels(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A recipe that says planes is shown, written as shards and audited by the command line, and trained on."""
    recipe = {
        "data": {"name": "folder", "root": str(root), "images": "images", "masks": "masks/{class}", "holdout": 0.3},
        "labels": {"classes": list(SPACE.names), "planes": True},
        "model": {"name": "fcn_resnet", "encoder": "resnet18"},
        "loss": {"name": "bce"},
        "train": {"steps": 1, "batch_size": 2, "workers": 0, "cache_dir": str(tmp_path / "cache")},
        "augment": {"crop": [32, 32], "flip": True},
    }
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))

    def run(*words: object) -> tuple[int, str]:
        code = main([str(word) for word in words])
        return code, " ".join(capsys.readouterr().err.split())

    assert run("data", "show", file, "--count", 2, "--times", 1, "--out", tmp_path / "sheet.png")[0] == 0
    assert run("data", "audit", file)[0] in (0, 1)
    assert run("data", "shard", file, "--out", tmp_path / "tars")[0] == 0
    assert shards(tmp_path / "tars", "train").labels == SPACE
    assert run("train", file, "data.val=null", "--out", tmp_path / "run")[0] == 0
