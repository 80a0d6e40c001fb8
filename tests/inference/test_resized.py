"""Pictures in the size that weights were trained for, and answers in the picture's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from intarsia.checkpoint import Resizing, resizing_of
from intarsia.errors import CheckpointError
from intarsia.inference import Predictor, resized
from intarsia.labels import LabelSpace
from intarsia.structures import (
    ClassLogits,
    CompetingMasks,
    DepthMap,
    Detections,
    MaskQueries,
    PanopticLogits,
    SemanticLogits,
)


@pytest.mark.parametrize(
    ("rule", "size", "expected"),
    [
        (Resizing(shorter=520), (480, 640), (520, 693)),  # torchvision: int(520 * 640 / 480)
        (Resizing(shorter=520), (640, 480), (693, 520)),
        (Resizing(shorter=800, longest=1333), (480, 640), (800, 1066)),
        (Resizing(shorter=800, longest=1333), (300, 900), (444, 1333)),
        (Resizing(shorter=512, longest=2048, nearest=True), (512, 683), (512, 683)),
        (Resizing(shorter=512, longest=2048, nearest=True), (375, 500), (512, 683)),  # mmcv: int(682.67 + 0.5)
        (Resizing(shorter=512, longest=2048, nearest=True), (100, 1000), (205, 2048)),
        (Resizing(size=(512, 1024)), (3, 5), (512, 1024)),
        (Resizing(shorter=512, multiple=32), (512, 683), (512, 704)),
        (Resizing(multiple=32), (33, 64), (64, 64)),
    ],
)
def test_sizes(rule: Resizing, size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert rule.of(*size) == expected
    assert resizing_of(rule.to_dict()) == rule


@pytest.mark.parametrize(
    "tree",
    [{"side": 3}, {"shorter": -1}, {"shorter": "a"}, {"size": [3]}, {"size": [0, 3]}, {"method": "x"}, {"multiple": 0}],
)
def test_what_is_no_rule(tree: dict) -> None:
    with pytest.raises(CheckpointError):
        resizing_of(tree)


def test_bytes_are_resized_as_pillow_does() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 61, 3), dtype=np.uint8)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    for method, how in (("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)):
        for size in ((17, 23), (80, 90)):
            want = np.asarray(Image.fromarray(pixels).resize(size[::-1], how))
            got = resized.resized(image, Resizing(size=size, method=method))
            assert (got[0].permute(1, 2, 0).numpy() == want).all()
            four = resized.resized(torch.cat([image, image[:, :1]], 1), Resizing(size=size, method=method))
            assert (four[:, :3] == got).all() and (four[:, 3] == got[:, 0]).all()


def test_other_images_are_rounded_or_keep_fractions() -> None:
    image = torch.tensor([[[[0, 255], [10, 20]]]], dtype=torch.uint8)
    smooth = F.interpolate(image.float(), (3, 3), mode="bilinear")
    plain = resized.resized(image, Resizing(size=(3, 3), antialias=False))
    assert plain.dtype == torch.uint8 and (plain - smooth).abs().max() <= 1  # OpenCV's whole numbers: tests/parity
    parts = resized.resized(image, Resizing(size=(3, 3), antialias=False, fractions=True))
    assert torch.allclose(parts, smooth / 255)
    wide = resized.resized(image.int() * 257, Resizing(size=(3, 3)))
    assert wide.dtype == torch.int32 and wide.max() == 65535
    assert resized.resized(image, Resizing(size=(2, 2))) is image


def test_outputs_are_brought_back() -> None:
    size = (6, 9)
    back = resized.restored(SemanticLogits(torch.rand(1, 2, 3, 3)), size)
    assert back.logits.shape == (1, 2, 6, 9)
    boxes = resized.restored(
        Detections(torch.ones(1, 1), torch.zeros(1, 1).long(), torch.tensor([[[0.0, 1, 3, 2]]]), None, (3, 3)), size
    )
    assert boxes.boxes.tolist() == [[[0, 2, 9, 4]]] and boxes.size == size
    for kind in (MaskQueries, CompetingMasks):
        assert resized.restored(kind(torch.ones(1, 1, 2), torch.ones(1, 1, 2, 2), (3, 3)), size).size == size
    assert resized.restored(DepthMap(torch.ones(1, 1, 3, 3)), size).depth.shape == (1, 1, 6, 9)
    objects = PanopticLogits(torch.ones(1, 2, 3, 3), torch.ones(1, 1, 3, 3), torch.ones(1, 2, 3, 3))
    offsets = resized.restored(objects, size).offsets
    assert offsets[0, :, 0, 0].tolist() == [2, 3], "an offset counts pixels of the picture"
    whole = ClassLogits(torch.ones(1, 2))
    assert resized.restored(whole, size) is whole


@pytest.mark.parametrize("size", [(37, 53), (5, 4), (9, 13), (101, 7)])
def test_bands_are_the_rows_of_the_whole(size: tuple[int, int]) -> None:
    maps = torch.rand(2, 3, 9, 13)
    want = F.interpolate(maps, size, mode="bilinear")
    bands = list(resized.bands_of(maps, size, 4))
    assert [top for top, _ in bands] == list(range(0, size[0], 4))
    assert torch.allclose(torch.cat([band for _, band in bands], 2), want, atol=1e-6)


def test_a_picture_is_decided_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    def engine(image: Tensor) -> SemanticLogits:
        assert image.shape[2:] == (16, 24)
        x = image.float()
        return SemanticLogits(torch.cat([x[:, :1], x[:, 1:2], x.mean(1, keepdim=True)], 1))

    photo = np.random.default_rng(1).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    made = Predictor(resized.Resized(engine, Resizing(shorter=16)), LabelSpace(("a", "b", "c")))
    whole = made(photo).labels
    assert whole.shape == (32, 48) and len(np.unique(whole)) == 3
    assert made.way == "pictures resized (shorter 16)"
    monkeypatch.setattr(resized, "BAND", 4 * 3 * 48 * 5)
    assert (made(photo).labels == whole).all()
    want = made.logits(torch.from_numpy(photo).permute(2, 0, 1)[None]).argmax(1)[0]
    assert (whole == want.numpy()).all()
