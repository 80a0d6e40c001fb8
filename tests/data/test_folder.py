"""A folder of one's own in every layout, the sentences when it does not fit, and the real folders beside the checkout."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia.data
from intarsia.data import Pairs
from intarsia.data.folders.find import find
from intarsia.datasets.folder import folder, splits
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

TWO = LabelSpace(("background", "thing"), values={0: "background", 1: "thing"})


def put(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array) if path.suffix == ".npy" else Image.fromarray(array).save(path)


def scene(seed: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (6, 8, channels)).astype(np.uint8)


def mask(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (6, 8)).astype(np.uint8)


def names(dataset: Pairs) -> list[str]:
    return [item.name for item in dataset.items]


def two_folders(root: Path, count: int = 10) -> None:
    for n in range(count):
        put(root / f"images/s{n}.png", scene(n))
        put(root / f"masks/s{n}.png", mask(n))


def test_items_are_samples_of_raw_integers(tmp_path: Path) -> None:
    two_folders(tmp_path)
    sample = folder(tmp_path, "all", labels=TWO)[3]
    assert isinstance(sample, Sample) and sample.name == "s3"
    assert sample.image.dtype == sample.labels.dtype == torch.uint8
    assert (sample.image.permute(1, 2, 0).numpy() == scene(3)).all() and (sample.labels.numpy() == mask(3)).all()
    assert sample.image.permute(1, 2, 0).is_contiguous()  # a channels-last view of the decoded file


def test_two_folders_are_found_or_named(tmp_path: Path) -> None:
    two_folders(tmp_path)
    assert names(folder(tmp_path, "all", labels=TWO)) == names(
        folder(tmp_path, "all", labels=TWO, images="images", masks="masks")
    )
    assert splits(tmp_path) == ("all",) and splits(tmp_path, holdout=0.2) == ("train", "val")


def test_one_folder_with_suffixes(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"s{n}_sat.png", scene(n))
        put(tmp_path / f"s{n}_sat_mask.png", mask(n))
    assert names(folder(tmp_path, "all", labels=TWO)) == [f"s{n}_sat" for n in range(4)]
    named = folder(tmp_path, "all", labels=TWO, images=".", masks=".", image_suffix="_sat", mask_suffix="_sat_mask")
    assert names(named) == [f"s{n}" for n in range(4)] and (named[2].labels.numpy() == mask(2)).all()


def test_one_folder_with_two_file_types(tmp_path: Path) -> None:
    for n in range(4):
        put(tmp_path / f"s{n}.jpg", scene(n))
        put(tmp_path / f"s{n}.png", mask(n))
    assert (folder(tmp_path, "all", labels=TWO)[1].labels.numpy() == mask(1)).all()


def test_a_list_of_pairs_and_a_list_of_names_with_foreign_prefixes(tmp_path: Path) -> None:
    two_folders(tmp_path)
    (tmp_path / "train.txt").write_text(
        "/home/me/set/images/s1.png /home/me/set/masks/s1.png\n\n# note\nC:\\set\\images\\s4.png,C:\\set\\masks\\s4.png\n"
    )
    (tmp_path / "val.txt").write_text("images/s0.png\tmasks/s0.png\n")
    (tmp_path / "names.txt").write_text("s2 1 1 1\ns3.png\nelsewhere/s5.png\n")
    assert names(folder(tmp_path, "train", labels=TWO, list="{split}.txt")) == ["s1", "s4"]
    assert names(folder(tmp_path, "val", labels=TWO, list="{split}.txt")) == ["s0"]
    assert names(folder(tmp_path, "x", labels=TWO, list="names.txt", images="images", masks="masks")) == [
        "s2",
        "s3",
        "s5",
    ]
    assert splits(tmp_path, list="{split}.txt") == ("names", "train", "val")
    with pytest.raises(DataError, match=r"tran\.txt: there is no such list; did you mean 'train'"):
        folder(tmp_path, "tran", labels=TWO, list="{split}.txt")
    (tmp_path / "bad.txt").write_text("images/s1.png masks/s1.png\nimages/s1.png masks/gone.png\n")
    with pytest.raises(
        DataError, match=r"bad\.txt, line 2: 'masks/gone\.png' is not below .*; correct the list, or add the file"
    ):
        folder(tmp_path, "x", labels=TWO, list="bad.txt")
    (tmp_path / "bad.txt").write_text("s77\n")
    with pytest.raises(DataError, match="line 1: no image for 's77'"):
        folder(tmp_path, "x", labels=TWO, list="bad.txt", images="images", masks="masks")


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("{split}/images", "{split}/masks"),
        ("images/{split}", "labels/{split}"),
        ("{split}", "{split}annot"),
        ("{split}_images", "{split}_masks"),
    ],
)
def test_subfolders_by_split(tmp_path: Path, images: str, masks: str) -> None:
    for n in range(6):
        split = "train" if n < 4 else "val"
        put(tmp_path / images.replace("{split}", split) / f"s{n}.png", scene(n))
        put(tmp_path / masks.replace("{split}", split) / f"s{n}.png", mask(n))
    for given in ({}, {"images": images, "masks": masks}):
        assert names(folder(tmp_path, "train", labels=TWO, **given)) == ["s0", "s1", "s2", "s3"]
        assert names(folder(tmp_path, "val", labels=TWO, **given)) == ["s4", "s5"]
        with pytest.raises(DataError, match="no split 'tain'.*did you mean 'train'"):
            folder(tmp_path, "tain", labels=TWO, **given)
    assert set(splits(tmp_path)) == {"train", "val"} == set(splits(tmp_path, images=images, masks=masks))
    with pytest.raises(DataError, match="has splits of its own"):
        folder(tmp_path, "train", labels=TWO, holdout=0.5)


def test_a_star_stands_for_any_folder_and_joins_the_name(tmp_path: Path) -> None:
    for place in ("a", "b"):
        for n in range(2):
            put(tmp_path / place / "images" / f"s{n}.png", scene(n))
            put(tmp_path / place / "masks" / f"s{n}.png", mask(n))
    assert names(folder(tmp_path, "all", labels=TWO)) == ["a_s0", "a_s1", "b_s0", "b_s1"]


def test_holdout_is_exact_disjoint_and_the_same_every_time(tmp_path: Path) -> None:
    two_folders(tmp_path)
    train, val = (folder(tmp_path, split, labels=TWO, holdout=0.3) for split in ("train", "val"))
    assert len(val) == 3 and len(train) == 7 and not set(names(train)) & set(names(val))
    assert names(val) == names(folder(tmp_path, "val", labels=TWO, holdout=0.3)) != ["s0", "s1", "s2"]
    assert len(folder(tmp_path, "all", labels=TWO, holdout=0.3)) == 10
    assert len(folder(tmp_path, "val", labels=TWO, holdout=0.001)) == 1  # never empty
    with pytest.raises(DataError, match="no split 'test' of a holdout"):
        folder(tmp_path, "test", labels=TWO, holdout=0.3)
    with pytest.raises(DataError, match="holdout is 1.5; give the share"):
        folder(tmp_path, "val", labels=TWO, holdout=1.5)


def test_without_splits_train_and_val_would_be_the_same(tmp_path: Path) -> None:
    two_folders(tmp_path)
    with pytest.raises(DataError, match="has no splits, so 'val' is unknown; set data.holdout: 0.2"):
        folder(tmp_path, "val", labels=TWO)


def test_missing_folder_and_zero_pairs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        folder(tmp_path / "nowhere", "all", labels=TWO)
    with pytest.raises(DataError, match="no images below this folder; allowed are png, jpg"):
        folder(tmp_path, "all", labels=TWO)
    for n in range(7):
        put(tmp_path / f"images/left{n}.png", scene(n))
        put(tmp_path / f"masks/right{n}.png", mask(n))
    for given in ({}, {"images": "images", "masks": "masks"}):
        with pytest.raises(DataError) as told:
            folder(tmp_path, "all", labels=TWO, **given)
        assert "no image has a mask of its name" in str(told.value)
        assert all(f"{side}{n}.png" in str(told.value) for side in ("left", "right") for n in range(5))
        assert "left5" not in str(told.value) and "right5" not in str(told.value)
    with pytest.raises(DataError, match="there is no such folder of masks"):
        folder(tmp_path, "all", labels=TWO, images="images", masks="mask")


def test_options_that_contradict_each_other(tmp_path: Path) -> None:
    two_folders(tmp_path)
    with pytest.raises(DataError, match="images and masks are one folder; say how the masks' names end"):
        folder(tmp_path, "all", labels=TWO, images="images", masks="images")
    with pytest.raises(DataError, match="give `images` and `masks` both"):
        folder(tmp_path, "all", labels=TWO, images="images")
    with pytest.raises(DataError, match=r"write \{split\} in both or in neither"):
        folder(tmp_path, "all", labels=TWO, images="{split}", masks="masks")
    with pytest.raises(DataError, match="no class names yet; list them under labels.classes"):
        folder(tmp_path, "all")


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    two_folders(tmp_path, 2)
    put(tmp_path / "images/s0.bmp", scene(9))
    with pytest.raises(DataError, match=r"s0\.bmp and .*s0\.png are both images named 's0'"):
        folder(tmp_path, "all", labels=TWO, images="images", masks="masks")


def test_leftovers_are_kept_in_mind(tmp_path: Path) -> None:
    two_folders(tmp_path, 3)
    put(tmp_path / "images/lonely.png", scene(0))
    put(tmp_path / "masks/orphan.png", mask(0))
    assert folder(tmp_path, "all", labels=TWO).unmatched == (("images/lonely.png",), ("masks/orphan.png",))


def test_sizes_that_differ_name_both_files(tmp_path: Path) -> None:
    two_folders(tmp_path, 2)
    put(tmp_path / "masks/s1.png", mask(0)[:4])
    with pytest.raises(
        DataError, match=r"images/s1\.png is 8x6 pixels, but its mask .*masks/s1\.png is 8x4; they must be of one size"
    ):
        folder(tmp_path, "all", labels=TWO)[1]
    put(tmp_path / "masks/s1.png", np.ascontiguousarray(mask(0).T))
    with pytest.raises(DataError, match="is one of them turned"):
        folder(tmp_path, "all", labels=TWO)[1]


def test_a_stray_value_names_the_file(tmp_path: Path) -> None:
    two_folders(tmp_path, 2)
    put(tmp_path / "masks/s1.png", np.full((6, 8), 37, np.uint8))
    with pytest.raises(LabelError, match=r"masks/s1\.png: the mask holds 37 \(48 px\)"):
        folder(tmp_path, "all", labels=TWO)[1]


class TestInferredLabels:
    def test_zero_and_255_mean_the_same_in_every_split(self, tmp_path: Path) -> None:
        for n in range(6):
            split = "train" if n < 4 else "val"
            put(tmp_path / split / "images" / f"s{n}.png", scene(n))
            put(
                tmp_path / split / "masks" / f"s{n}.png",
                mask(n) * 255 if split == "train" else np.zeros((6, 8), np.uint8),
            )
        for split in ("train", "val"):
            dataset = folder(tmp_path, split, labels=LabelSpace(("background", "polyp"), ((1, 2, 3), (4, 5, 6))))
            assert (
                dataset.labels.values == {0: "background", 255: "polyp"}
                and "255 is 'polyp', not ignore" in dataset.inferred
            )
            assert dataset.labels.colors == ((1, 2, 3), (4, 5, 6))
        assert set(
            folder(tmp_path, "train", labels=LabelSpace(("background", "polyp")))[0].labels.unique().tolist()
        ) == {0, 1}

    def test_a_rare_one_among_0_and_255_is_not_overlooked(self, tmp_path: Path) -> None:
        two_folders(tmp_path, 40)
        for n in range(39):
            put(tmp_path / f"masks/s{n}.png", mask(n) * 255)
        dataset = folder(tmp_path, "all", labels=LabelSpace(("a", "b")))
        assert dataset.labels.values == {0: "a", 1: "b", 255: "b"} and "1 and 255 are both 'b'" in dataset.inferred
        assert all((dataset[n].labels.numpy() == mask(int(dataset[n].name[1:]))).all() for n in range(40))
        put(tmp_path / "masks/s0.png", np.array([[0, 1, 255, 0, 0, 0, 0, 0]] * 6, np.uint8))
        assert (
            "255 is ignored" in folder(tmp_path, "all", labels=LabelSpace(("a", "b"))).inferred
        )  # beside 1 in one mask

    def test_ids_from_one_and_colors_are_refused_with_the_mending(self, tmp_path: Path) -> None:
        two_folders(tmp_path, 3)
        for n in range(3):
            put(tmp_path / f"masks/s{n}.png", mask(n) + 1)
        with pytest.raises(LabelError, match="ids seem to start at 1; write labels.values"):
            folder(tmp_path, "all", labels=LabelSpace(("a", "b")))
        with pytest.raises(LabelError, match="only the class 'polyp' is listed; name the rest as well"):
            folder(tmp_path, "all", labels=LabelSpace(("polyp",)))

    def test_single_stray_values_and_colors_are_left_to_the_reading_which_names_the_file(self, tmp_path: Path) -> None:
        two_folders(tmp_path, 3)
        put(tmp_path / "masks/s1.png", np.array([[0, 1, 37, 0, 0, 0, 0, 0]] * 6, np.uint8))
        put(tmp_path / "masks/s2.png", scene(0))
        dataset = folder(tmp_path, "all", labels=LabelSpace(("a", "b")))
        assert (dataset[0].labels.numpy() == mask(0)).all()
        with pytest.raises(LabelError, match=r"s1\.png: the mask holds 37 \(6 px\)"):
            dataset[1]
        with pytest.raises(LabelError, match=r"s2\.png: the mask is a color image, but the labels are ids"):
            dataset[2]

    def test_written_values_are_not_guessed_about(self, tmp_path: Path) -> None:
        two_folders(tmp_path, 2)
        assert folder(tmp_path, "all", labels=TWO).inferred == "" and folder(tmp_path, "all", labels=TWO).labels is TWO


def test_channels_are_changed_only_without_loss(tmp_path: Path) -> None:
    two_folders(tmp_path, 2)
    gray = scene(5, 1)[..., 0]
    put(tmp_path / "images/s0.png", gray)
    put(tmp_path / "images/s1.png", np.dstack([scene(6), np.full((6, 8), 255, np.uint8)]))
    dataset = folder(tmp_path, "all", labels=TWO, channels=3)
    assert (dataset[0].image.numpy() == gray).all() and dataset[0].image.shape[0] == dataset[1].image.shape[0] == 3
    assert folder(tmp_path, "all", labels=TWO)[1].image.shape[0] == 4
    put(tmp_path / "images/s1.png", np.dstack([scene(6), np.full((6, 8), 254, np.uint8)]))
    with pytest.raises(DataError, match=r"s1\.png: 4 channels cannot become 3 without loss"):
        folder(tmp_path, "all", labels=TWO, channels=3)[1]
    with pytest.raises(DataError, match=r"cannot become 1 without loss"):
        folder(tmp_path, "all", labels=TWO, channels=1)[1]


def test_many_channels_and_16_bit_become_int32(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 65536, (6, 8, 5)).astype(np.uint16)
    put(tmp_path / "images/a.npy", image)
    put(tmp_path / "masks/a.png", mask(0))
    sample = folder(tmp_path, "all", labels=TWO)[0]
    assert sample.image.dtype == torch.int32 and (sample.image.permute(1, 2, 0).numpy() == image).all()


def test_labels_beyond_255_classes_are_int32(tmp_path: Path) -> None:
    put(tmp_path / "images/a.png", scene(0))
    put(tmp_path / "masks/a.png", np.full((6, 8), 255, np.uint16))
    sample = folder(tmp_path, "all", labels=LabelSpace(tuple(f"c{n}" for n in range(300))))[0]
    assert sample.labels.dtype == torch.int32 and sample.labels.unique().tolist() == [255]


def test_a_pair_without_a_mask_is_ignored_everywhere(tmp_path: Path) -> None:
    put(tmp_path / "a.png", scene(0))
    dataset = Pairs([intarsia.data.Pair("a", tmp_path / "a.png", None)], TWO, name="x", split="test")
    assert dataset[0].labels.unique().tolist() == [255]


def test_open_names_what_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no data set 'camvit'; did you mean 'camvid'"):
        intarsia.datasets.open("camvit", tmp_path, "train")
    with pytest.raises(DataError, match="folder takes no option 'mask'; did you mean 'masks'"):
        intarsia.datasets.open("folder", tmp_path, "train", TWO, mask="x")
    with pytest.raises(DataError, match="voc needs data.root \\(--root"):
        intarsia.datasets.open("voc", None, "train")


class TestRealFolders:
    def test_whales_share_a_folder_with_json_and_unlabeled_images(self, shared_data: Path) -> None:
        dataset = folder(shared_data / "whales", "all", labels=LabelSpace(("background", "whale")))
        assert len(dataset) == 148 and len(dataset.unmatched[0]) == 40 and dataset.unmatched[1] == ()
        for index in (0, 70, 147):
            truth = np.asarray(Image.open(dataset.items[index].mask))
            assert dataset[index].image.shape == (3, 400, 400) and (dataset[index].labels.numpy() == truth).all()

    def test_pets_trimaps_have_no_zero(self, shared_data: Path) -> None:
        space = LabelSpace(("pet", "background"), values={1: "pet", 2: "background", 3: "ignore"})
        dataset = folder(
            shared_data / "oxford_pets", "val", labels=space, images="images", masks="annotations/trimaps", holdout=0.25
        )
        assert len(dataset) == 20
        for sample in (dataset[0], dataset[19]):
            assert set(sample.labels.unique().tolist()) == {0, 1, 255}
        listed = folder(
            shared_data / "oxford_pets",
            "test",
            labels=space,
            images="images",
            masks="annotations/trimaps",
            list="annotations/{split}.txt",
        )
        assert len(listed) == 28

    def test_drive_endings_of_both_sides(self, shared_data: Path) -> None:
        space = LabelSpace(("background", "vessel"))
        given = {
            "images": "training/images",
            "masks": "training/1st_manual",
            "image_suffix": "_training",
            "mask_suffix": "_manual1",
        }
        dataset = folder(shared_data / "drive", "all", labels=space, **given)
        assert names(dataset)[:2] == ["21", "22"] and len(dataset) == 12
        assert 0.05 < float(dataset[0].labels.float().mean()) < 0.2


def test_values_that_are_written_out_are_not_inferred(tmp_path: Path) -> None:
    """Masks of 0 and 255 under `255: ignore`: what the user wrote holds, even where it is what would be the default."""
    import numpy as np
    from PIL import Image

    from intarsia.datasets.folder import folder
    from intarsia.labels import LabelSpace

    for name in "ab":
        for kind in ("images", "masks"):
            (tmp_path / kind).mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), ord(name), np.uint8)).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8).repeat(2, 0).repeat(2, 1)).save(
            tmp_path / "masks" / f"{name}.png"
        )
    written = LabelSpace(("ground", "thing"), values={0: "ground", 1: "thing", 255: "ignore"})
    assert set(folder(tmp_path, "all", labels=written)[0].labels.unique().tolist()) == {0, 255}
    guessed = folder(tmp_path, "all", labels=LabelSpace(("ground", "thing")))
    assert set(guessed[0].labels.unique().tolist()) == {0, 1}
    assert "255 is 'thing'" in guessed.inferred


def test_a_field_of_view_gives_way_to_masks_that_differ_and_to_nothing_else(tmp_path: Path) -> None:
    view, drawn = np.pad(np.full((4, 6), 255, np.uint8), 1), np.random.default_rng(9)
    for n in range(4):
        put(tmp_path / f"a/images/{n}.png", scene(n))
        put(tmp_path / f"a/masks/{n}.png", view)
        put(tmp_path / f"a/vessels/{n}.png", mask(n))
        put(tmp_path / f"b/images/{n}.png", scene(n))
        put(tmp_path / f"b/masks/{n}.png", drawn.integers(1, 5, (6, 8)).astype(np.uint8))  # a class everywhere
        put(tmp_path / f"b/regions/{n}.png", mask(n))
        put(tmp_path / f"c/images/{n}.png", scene(n))
        put(tmp_path / f"c/masks/{n}.png", view)
        put(tmp_path / f"c/previews/{n}.png", scene(n))  # which are no masks
    put(tmp_path / "c/vessels/0.png", mask(0))  # of one image in four
    assert find(tmp_path / "a").masks == "vessels"
    assert find(tmp_path / "b").masks == "masks"
    assert find(tmp_path / "c").masks == "masks"
