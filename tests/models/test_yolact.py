"""What YOLACT's paper claims and code can check; Fast NMS, masks and the loss as in the authors' code."""

import pytest
import torch
from torch import Tensor, nn

from intarsia.blocks.boxes import box_iou
from intarsia.blocks.fast_nms import fast_nms
from intarsia.blocks.matching import BETWEEN, NOTHING, match_each
from intarsia.blocks.prototypes import Prototyped, inside
from intarsia.data.loader import collate
from intarsia.datasets.shapes import shapes
from intarsia.errors import ModelError
from intarsia.labels import LabelSpace
from intarsia.losses import Detection, Yolact
from intarsia.metrics import AveragePrecision
from intarsia.models import build
from intarsia.postprocess import decide
from intarsia.postprocess.objects import enlarged
from intarsia.structures import Batch, CroppedMask, Detections, Objects, boxes_of, objects_in
from intarsia.training.recipe import load

SMALL = {"encoder": "resnet10t", "channels": 16, "prototypes": 4, "limit": 12}


def network(num_classes: int = 3, **options) -> nn.Module:
    torch.manual_seed(0)
    return build("yolact", num_classes, **{**SMALL, **options})


def batch(objects: bool = True, h: int = 64, w: int = 96) -> Batch:
    numbers = torch.zeros(2, h, w, dtype=torch.int32)
    if objects:
        numbers[0, 8:30, 10:40], numbers[0, 20:50, 35:70], numbers[1, 4:60, 30:60] = 1, 2, 1
    image = torch.randn(2, 3, h, w, generator=torch.Generator().manual_seed(3))
    return Batch(image, (numbers % 3).to(torch.uint8), ("a", "b"), numbers)


def wave(*shape: int, step: float) -> Tensor:
    return torch.sin(torch.arange(torch.Size(shape).numel()) * step).view(shape)


def test_fast_nms_drops_what_overlaps_anything_better_of_its_class() -> None:
    """Also what overlaps only a box that is dropped itself, which stays under NMS (section 3.4)."""
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(2, 60, 2, generator=generator) * 20
    boxes = torch.cat([corner, corner + 5 + 10 * torch.rand(2, 60, 2, generator=generator)], dim=2)
    scores = torch.rand(2, 3, 60, generator=generator)
    kept = fast_nms(boxes, scores, 0.5, top=40, limit=30)
    for n in range(2):
        wanted = []
        for k in range(3):
            order = scores[n, k].argsort(descending=True)[:40].tolist()
            for place, row in enumerate(order):
                better = boxes[n, order[:place]]
                if not (box_iou(better, boxes[n, row][None]) > 0.5).any():
                    wanted.append((float(scores[n, k, row]), k, row))
        best = sorted(wanted, reverse=True)[:30]
        found = zip(*(part[n].tolist() for part in kept), strict=True)
        assert [one for one in found if one[0] > 0] == best and len(best) > 10


def test_each_object_keeps_an_anchor_and_no_two_the_same() -> None:
    iou = torch.tensor([[0.3, 0.6, 0.1, 0.45], [0.2, 0.5, 0.05, 0.1]])
    assert match_each(iou, 0.4, 0.5).tolist() == [1, 0, NOTHING, BETWEEN]
    assert match_each(iou[:0], 0.4, 0.5).tolist() == [NOTHING] * 4


def test_a_mask_reaches_one_pixel_beyond_its_box() -> None:
    seen = inside(torch.tensor([[8.0, 4, 16, 12]]), (32, 64), (8, 16))
    assert seen[0].nonzero().amin(0).tolist() == [0, 1] and seen[0].nonzero().amax(0).tolist() == [3, 4]


def test_the_loss_is_the_authors() -> None:
    """The numbers are those of MultiBoxLoss (dbolya/yolact) on the same tensors."""
    sides = torch.tensor([12.0, 24, 48])
    center = torch.stack(torch.meshgrid(torch.arange(4, 64, 8), torch.arange(4, 96, 8), indexing="xy"), 2).float()
    anchors = torch.cat([center[:, :, None] - sides[:, None] / 2, center[:, :, None] + sides[:, None] / 2], 3).view(
        -1, 4
    )
    a = len(anchors)
    found = Prototyped(
        3 * wave(2, a, 4, step=0.37), wave(2, a, 4, step=0.61), anchors, wave(2, a, 4, step=0.83),
        1 + wave(2, 4, 16, 24, step=0.29), 2 * wave(2, 3, 8, 12, step=0.53),
    )  # fmt: skip
    none = torch.zeros(2, 0)
    output = Detections(none, none.long(), torch.zeros(2, 0, 4), None, (64, 96), found)
    terms = {name: float(term) for name, term in Yolact()(output, batch()).items()}
    assert terms == pytest.approx(AUTHORS, rel=1e-5)
    few = Yolact(masks=5)(output, batch())
    assert few["mask"] > 0 and float(few["box"]) == terms["box"]


AUTHORS = {"class": 12.39468, "box": 4.46386, "mask": 10.30645, "semantic": 2.93304}


def test_masks_are_enlarged_to_the_picture_before_they_are_decided() -> None:
    masks = torch.zeros(2, 4, 6)
    masks[0, 1, 2], masks[0, 1, 3] = 0.9, 0.6
    found = enlarged(masks, (16, 24), 0.5)
    assert all(isinstance(mask, CroppedMask) and mask.size == (16, 24) for mask in found)
    whole = torch.nn.functional.interpolate(masks[None, :1], (16, 24), mode="bilinear")[0, 0] > 0.5
    assert found[0].box == (slice(4, 8), slice(9, 14)) and found[0].inside.sum() == whole.sum() > 0
    assert found[1].inside.size == 0


@pytest.mark.parametrize("size", [(1, 1), (31, 37), (97, 33)], ids=str)
@torch.no_grad()
def test_any_size_in_and_a_fixed_number_of_rows_out(size: tuple[int, int]) -> None:
    output = network().eval()(torch.randn(2, 3, *size))
    assert type(output) is Detections and output.size == size and output.found_by is None and output.masks is None
    assert output.scores.shape == (2, 12) and output.whole.shape[:2] == (2, 12)
    assert (output.scores.diff(dim=1) <= 0).all(), "best first"
    for part in (*output[:3], output.whole):
        assert part[output.scores == 0].eq(0).all(), "padding is zeros"
    space = LabelSpace(("a", "b", "c"))
    assert len(decide(output, space, "instance")) == len(decide(output, space, "detection")) == 2


def test_pictures_without_objects_teach_the_semantic_map_alone() -> None:
    net, data = network(), batch(objects=False)
    terms = Yolact()(net(data.image), data)
    assert terms["semantic"] > 0 and terms["class"] == terms["box"] == terms["mask"] == 0
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_detections_that_the_loss_cannot_read_are_refused() -> None:
    net, data = network(), batch()
    with pytest.raises(ModelError, match="the yolact loss reads what the network yolact says"):
        Yolact()(net.eval()(data.image), data)
    with pytest.raises(ModelError, match="no loss"):
        Detection()(net.train()(data.image), data)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"sizes": (24, 48)}, "each of the 5 levels"), ({"ratios": ()}, "at least one ratio of width over height")],
)
def test_options_that_make_no_network_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        network(**options)


def test_anchors_of_three_strides_reach_the_shapes_and_those_of_the_objects_own_sizes_do_not() -> None:
    """Where anchors lie farther apart than a third of their size, objects between two of them are no anchor's."""

    def reached(**sizes: list[float]) -> float:
        scenes = shapes(split="train", size=96, count=12, objects=True)
        with torch.no_grad():
            anchors = network(**sizes)(torch.zeros(2, 3, 96, 96)).found_by.anchors
        best = torch.cat([box_iou(boxes_of(scenes[n].objects), anchors).amax(1) for n in range(12)])
        return float((best >= 0.5).float().mean())

    assert "sizes" not in load("shapes/yolact").model.options
    assert reached() > 0.95 > 0.6 > reached(sizes=[14, 24, 36, 56, 80])


@pytest.mark.slow  # half a minute: a hundred steps
def test_it_learns_the_masks_of_four_scenes_by_heart() -> None:
    """Masks come after boxes: of boxes nearly all are found after a third of the steps, of masks half."""
    scenes = shapes(split="train", size=96, count=4, objects=True)
    data = collate([scenes[n] for n in range(4)])
    image, classes = data.image.float() / 64 - 1.8, scenes.labels.num_classes
    torch.manual_seed(0)
    net = build("yolact", classes, encoder="resnet10t", channels=32, limit=20)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=100)
    for _ in range(100):
        optimizer.zero_grad()
        sum(Yolact()(net(image), data).values()).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step(), schedule.step()
    tally = AveragePrecision(classes)
    with torch.no_grad():
        found = decide(net.eval()(image), scenes.labels, "instance")
    for n, objects in enumerate(found):
        masks, kinds, *_ = objects_in(data.sample(n), -1)
        tally.update(objects, Objects(masks, kinds))
    assert tally.compute().ap50 > 0.75
