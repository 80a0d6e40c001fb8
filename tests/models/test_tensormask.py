"""What TensorMask's paper claims and code can check: the four-axis tensors, the match of windows, masks in the picture."""

from math import ceil, floor

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intarsia.blocks.anchors import anchors_at
from intarsia.blocks.dense_head import Picked
from intarsia.blocks.matching import NOTHING
from intarsia.blocks.natural_masks import PAD, Windows, natural_at, swap_align2nat
from intarsia.errors import ModelError
from intarsia.labels import LabelSpace
from intarsia.losses import Detection, TensorMask
from intarsia.models import build
from intarsia.postprocess import decide
from intarsia.postprocess.objects import placed
from intarsia.structures import Batch, Detections

SMALL = {"encoder": "resnet10t", "channels": 16, "width": 8, "sizes": (12, 20), "candidates": 60, "limit": 8}


def network(num_classes: int = 3, **options) -> nn.Module:
    torch.manual_seed(0)
    return build("tensormask", num_classes, **{**SMALL, **options})


def batch(objects: bool = True, h: int = 64, w: int = 96) -> Batch:
    numbers = torch.zeros(2, h, w, dtype=torch.int32)
    if objects:
        numbers[0, 8:30, 10:40], numbers[0, 20:50, 35:70], numbers[1, 4:60, 30:60] = 1, 2, 1
    image = torch.randn(2, 3, h, w, generator=torch.Generator().manual_seed(3))
    return Batch(image, (numbers % 3).to(torch.uint8), ("a", "b"), numbers)


def by_hand(x: Tensor, scale: int) -> Tensor:
    """The kernel of the authors' code, SwapAlign2NatForwardFeat, number by number."""
    b, channels, h, w = x.shape
    v = round(channels**0.5)
    tensor, side = x.view(b, v, v, h, w), v * scale
    out = torch.zeros(b, side, side, ceil(h / scale), ceil(w / scale))
    for n, i, j, y, z in torch.cartesian_prod(*map(torch.arange, out.shape)).tolist():
        total = 0.0
        ends = [
            (at, axis)
            for at, axis in (
                (y * scale + i - side / 2 + 0.5, h),
                (z * scale + j - side / 2 + 0.5, w),
                ((i + 0.5) / scale - 0.5, v),
                ((j + 0.5) / scale - 0.5, v),
            )
        ]
        for corner in torch.cartesian_prod(*[torch.tensor([0, 1])] * 4).tolist():
            weight, where, known = 1.0, [], True
            for (at, count), up in zip(ends, corner, strict=True):
                share = at - floor(at)
                weight *= share if up else 1 - share
                where.append(ceil(at) if up else floor(at))
                known &= 0 <= where[-1] < count
            yy, zz, ii, jj = where
            total += weight * (float(tensor[n, ii, jj, yy, zz]) if known else PAD)
        out[n, i, j, y, z] = total
    return out.flatten(1, 2)


@pytest.mark.parametrize("scale", [1, 2])
def test_aligned_masks_are_read_as_the_authors_kernel_reads_them(scale: int) -> None:
    x = torch.randn(1, 4, 3, 4, generator=torch.Generator().manual_seed(0))
    natural = swap_align2nat(x, scale)
    torch.testing.assert_close(natural, by_hand(x, scale), atol=1e-5, rtol=1e-5)
    y = 2 // scale
    places = Windows(torch.tensor([0]), torch.tensor([y]), torch.tensor([1]))
    few = natural_at(x, places, scale, torch.tensor([[1, 0]]), (2 * scale - 1, 2))
    torch.testing.assert_close(few[0], natural.unflatten(1, (2 * scale, -1))[0, 1:, :2, y, 1])


def test_windows_fit_objects_by_the_papers_three_rules() -> None:
    """A window contains the box, is at most twice as large, and is centered on it; two objects make it nothing."""
    boxes = torch.tensor([[10.0, 10, 50, 40]])
    anchors = torch.tensor([
        [8.0, 3, 52, 47],  # 44 wide around (30, 25)
        [12, 3, 56, 47],  # does not contain it
        [6, 1, 58, 53],  # its middle is (32, 27), within one unit
        [3, 3, 63, 63],  # its middle is (33, 33), too far
        [-60, -65, 120, 115],  # too large
    ])  # fmt: skip
    units = torch.full((5,), 4.0)
    loss = TensorMask()
    assert loss.match(boxes, anchors, units, 40).tolist() == [0, NOTHING, 0, NOTHING, NOTHING]
    assert loss.match(boxes.repeat(2, 1), anchors, units, 40).tolist() == [NOTHING] * 5
    assert loss.match(boxes[:0], anchors, units, 40).tolist() == [NOTHING] * 5
    small = torch.tensor([[28.0, 23, 32, 27]])
    assert loss.match(small, anchors, units, 40).tolist() == [0, 0, NOTHING, NOTHING, NOTHING]


def test_a_mask_is_placed_where_its_window_is() -> None:
    mask = torch.zeros(1, 4, 6)
    mask[0, 1:3, 2:5] = 1
    (found,) = placed(mask, torch.tensor([[-8.0, 4, 40, 36]]), (40, 30), 0.5)
    whole = torch.zeros(40, 30, dtype=torch.bool)
    whole[found.box] = torch.from_numpy(found.inside)
    wanted = torch.zeros(40, 30, dtype=torch.bool)
    wanted[12:28, 8:30] = True  # corners are rounded, edges are not
    assert (whole != wanted).sum() == 14 and torch.equal(whole[:, 15], wanted[:, 15])


@pytest.mark.parametrize("options", [{}, {"bipyramid": False}, {"bipyramid": False, "aligned": False}], ids=str)
@torch.no_grad()
def test_masks_that_are_read_are_those_of_their_windows(options: dict) -> None:
    """Of windows of all levels, inside of the picture and across its border; cells that the picture does not show may be cut."""
    net, image = network(**options).eval(), batch().image[:1, :, :40, :56]
    for module in (net.look, net.fuse, *net.draw):
        for conv in module.modules() if module is not None else ():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight)
    levels = net.pyramid(net.encoder(image))
    tensors = net.drawn(levels)
    anchors = [
        anchors_at(x, 4 * 2**n, [(size * 2**n,) * 2 for size in (12, 20)], middle=False) for n, x in enumerate(levels)
    ]
    starts = [sum(map(len, anchors[:n])) for n in range(len(anchors))]
    rows = torch.tensor([[0, 31, starts[1] + 9, starts[2] + 3, starts[5]]])
    found = Picked(torch.ones(1, 5), torch.zeros(1, 5).long(), torch.zeros(1, 5, 4), rows)
    masks, windows = net.read(found, tensors, anchors, levels)
    for n, row in enumerate(rows[0].tolist()):
        level = max(k for k, start in enumerate(starts) if start <= row)
        kind, place = (row - starts[level]) % 2, (row - starts[level]) // 2
        scale, x, wide = net.scales[level], tensors[level][kind], levels[level].shape[3]
        natural = swap_align2nat(x, scale) if net.aligned else x
        side = round(natural.shape[1] ** 0.5)
        whole = natural[0, :, place // wide, place % wide].view(side, side)
        cell, window = 4 * 2**level / scale, torch.cat(anchors)[row]
        left, top = ((windows[0, n, :2] - window[:2]) / cell).round().int().tolist()
        h, w = min(masks.shape[2], side - top), min(masks.shape[3], side - left)
        torch.testing.assert_close(masks[0, n, :h, :w], whole[top : top + h, left : left + w])
        assert (masks[0, n, h:] < -50).all() and (masks[0, n, :, w:] < -50).all(), "beyond the window"
        torch.testing.assert_close(windows[0, n, 2:] - windows[0, n, :2], cell * torch.tensor(masks.shape[:1:-1]))
        assert (windows[0, n, :2] <= window[:2].clamp(min=0)).all(), "nothing that the picture shows is cut"
        end = windows[0, n, :2] + cell * torch.tensor([w, h])
        assert (end >= torch.minimum(window[2:], torch.tensor([56.0, 40.0]))).all()


@pytest.mark.parametrize("options", [{}, {"bipyramid": False}, {"bipyramid": False, "aligned": False}], ids=str)
def test_every_parameter_gets_a_gradient(options: dict) -> None:
    net, data = network(**options), batch()
    terms = TensorMask()(net(data.image), data)
    assert set(terms) == {"class", "box", "mask"} and all(term > 0 for term in terms.values())
    sum(terms.values()).backward()
    assert [key for key, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []
    assert net.draw[0].weight.grad.any() and net.look[0].weight.grad.any()


def test_images_without_objects_train() -> None:
    net, data = network(), batch(objects=False)
    terms = TensorMask()(net(data.image), data)
    assert terms["class"] > 0 and terms["box"] == terms["mask"] == 0
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@torch.no_grad()
def test_any_size_in_and_a_fixed_number_of_rows_out() -> None:
    net = network().eval()
    nn.init.zeros_(net.judge.classify.bias)
    for size in [(1, 1), (97, 33)]:
        output = net(torch.randn(2, 3, *size))
        assert type(output) is Detections and output.scores.shape == (2, 8) and output.masks.shape[:2] == (2, 8)
        assert (output.scores.diff(dim=1) <= 0).all() and (output.scores[:, 0] > 0).all()
        for part in (*output[:4], output.windows):
            assert part[output.scores == 0].eq(0).all(), "padding is zeros"
        assert len(decide(output, LabelSpace(("a", "b", "c")), "instance")) == 2


def test_detections_that_the_loss_cannot_read_are_refused() -> None:
    net, data = network(), batch()
    with pytest.raises(ModelError, match="the tensormask loss reads what the network tensormask says"):
        TensorMask()(net.eval()(data.image), data)
    with pytest.raises(ModelError, match="no loss"):
        Detection()(net.train()(data.image), data)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"sizes": (30,)}, "windows of whole cells of 4 pixels"), ({"aligned": False}, "set bipyramid to false, too")],
)
def test_options_that_make_no_network_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        network(**options)


def test_the_starred_focal_loss_and_the_boxes_are_the_authors() -> None:
    """Of one window of one object: -log sigmoid(3 x) / 3, at 0.3 and 0.7; L1 of codes weighted by 1.5 and 0.75."""
    net, data = network(), batch()
    with torch.no_grad():
        output = net(data.image)
        terms = TensorMask()(output, data)
    found = output.found_by
    loss, anchors = TensorMask(), torch.cat(found.anchors)
    units = torch.cat([torch.full((len(a),), float(u)) for a, u in zip(found.anchors, found.strides, strict=True)])
    boxes = [torch.tensor([[10.0, 8, 40, 30], [35, 20, 70, 50]]), torch.tensor([[30.0, 4, 60, 60]])]
    classes, focal, box, count = [torch.tensor([1, 2]), torch.tensor([1])], 0.0, 0.0, 0
    for n in range(2):
        matched = loss.match(boxes[n], anchors, units, 8)
        hit = matched >= 0
        wanted = torch.zeros(len(anchors), 3)
        wanted[hit, classes[n][matched[hit]]] = 1
        x = torch.cat(found.logits, 1)[n] * (2 * wanted - 1)
        focal += float((-F.logsigmoid(3 * x) / 3 * torch.where(wanted > 0, 0.3, 0.7)).sum())
        true, window = boxes[n][matched[hit]], anchors[hit]
        side, old = true[:, 2:] - true[:, :2], window[:, 2:] - window[:, :2]
        moved = ((true[:, 2:] + true[:, :2]) - (window[:, 2:] + window[:, :2])) / 2 / old * 1.5
        box += float((torch.cat(found.codes, 1)[n, hit] - torch.cat([moved, (side / old).log() * 0.75], 1)).abs().sum())
        count += int(hit.sum())
    assert count >= 2
    assert float(terms["class"]) == pytest.approx(focal / count, rel=1e-4)
    assert float(terms["box"]) == pytest.approx(box / count, rel=1e-4)
