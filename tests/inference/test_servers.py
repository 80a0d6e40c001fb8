"""Files of servers: worked examples of what each of them takes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from intarsia.annotations.regions import mask_of
from intarsia.errors import DataError, ModelError
from intarsia.inference import Predictor, predict
from intarsia.inference.servers import rle_of
from intarsia.labels import LabelSpace
from intarsia.structures import Output, SemanticLogits


class Gray(nn.Module):
    """The class whose number a pixel's red holds."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, image: Tensor) -> Output:
        number = (image[:, :1] * 255).round()
        return SemanticLogits(-(number - torch.arange(self.classes).view(1, -1, 1, 1)).abs())


def answered(names: tuple[str, ...], labels: np.ndarray, server: str, tmp_path: Path) -> Path:
    Image.fromarray(np.repeat(labels[..., None].astype(np.uint8), 3, axis=2)).save(tmp_path / "frame_10.png")
    predictor = Predictor.of_network(Gray(len(names)), LabelSpace(names), (0.0,) * 3, (1.0,) * 3)
    predict(predictor, tmp_path / "frame_10.png", tmp_path / "out", server=server)
    return tmp_path / "out"


LABELS = np.array([[0, 0, 1], [2, 2, 1]])


@pytest.mark.parametrize(
    ("server", "file", "names", "values"),
    [
        ("cityscapes", "cityscapes/frame_10.png", ("road", "car", "sky"), (7, 26, 23)),
        ("kitti", "kitti/frame_10.png", ("bicycle", "train", "road"), (33, 31, 7)),
        ("ade20k", "ade20k/frame_10.png", ("wall", "flag", "sky"), (1, 150, 3)),
        (
            "voc",
            "results/VOC2012/Segmentation/comp6_test_cls/frame_10.png",
            ("background", "tvmonitor", "cat"),
            (0, 20, 8),
        ),
    ],
)
def test_label_ids_of_the_servers(
    tmp_path: Path, server: str, file: str, names: tuple[str, ...], values: tuple[int, ...]
) -> None:
    with Image.open(answered(names, LABELS, server, tmp_path) / file) as image:
        assert np.array_equal(np.asarray(image), np.array(values)[LABELS])
        assert image.mode == ("P" if server == "voc" else "L")
        if server == "voc":
            assert image.getpalette()[3 * 8 : 3 * 9] == [64, 0, 0]  # a cat, in VOC's colors


def test_runs_go_down_the_columns_from_one(tmp_path: Path) -> None:
    """Kaggle's own example: '1 3 10 5' are the pixels 1, 2, 3, 10, 11, 12, 13, 14."""
    mask = np.zeros(16, bool)
    mask[[0, 1, 2, 9, 10, 11, 12, 13]] = True
    assert rle_of(mask.reshape(4, 4, order="F")) == "1 3 10 5"
    assert rle_of(np.zeros((4, 4), bool)) == "" and rle_of(np.ones((2, 3), bool)) == "1 6"
    out = answered(("background", "salt"), np.array([[0, 0, 1], [1, 0, 1]]), "rle-csv", tmp_path)
    assert (out / "submission.csv").read_text() == "ImageId,EncodedPixels\nframe_10,2 1 5 2\n"


def test_several_classes_are_a_line_each(tmp_path: Path) -> None:
    out = answered(("background", "ship", "isle"), LABELS, "rle-csv", tmp_path)
    wanted = "ImageId,Class,EncodedPixels\nframe_10,ship,5 2\nframe_10,isle,2 1 4 1\n"
    assert (out / "submission.csv").read_text() == wanted


def test_coco_takes_a_run_length_for_each_class(tmp_path: Path) -> None:
    entries = json.loads((answered(("a", "b", "c"), LABELS, "coco", tmp_path) / "coco_results.json").read_text())
    assert [entry["category_id"] for entry in entries] == [0, 1, 2] and entries[0]["image_id"] == "frame_10"
    for number, entry in enumerate(entries):
        assert np.array_equal(mask_of(entry["segmentation"]["counts"], 2, 3), number == LABELS)


def test_what_a_server_does_not_take_is_refused_before_the_first_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cityscapes does not know class 'cars'; did you mean 'car'"):
        answered(("road", "cars"), LABELS % 2, "cityscapes", tmp_path)
    with pytest.raises(DataError, match="there is no server 'kaggle'; choose from 'cityscapes'"):
        answered(("road", "car"), LABELS % 2, "kaggle", tmp_path)
    planes = Predictor.of_network(Gray(2), LabelSpace(("a", "b"), planes=True), (0.0,) * 3, (1.0,) * 3)
    with pytest.raises(ModelError, match="voc takes labels, and this model answers planes"):
        predict(planes, tmp_path / "frame_10.png", tmp_path / "out", server="voc")
