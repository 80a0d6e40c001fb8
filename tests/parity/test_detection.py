"""torchvision's Mask R-CNN and Faster R-CNN, versions 1 and 2: their weights, loaded, give their answer and their losses.

Compared on tensors as they come out of torchvision's own resizing, which is not a part of our network.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import intarsia
from intarsia.checkpoint.foreign.torchvision_detection import COCO
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace
from intarsia.losses.detection import Detection
from intarsia.models.instances.maskrcnn import MaskRCNN
from intarsia.structures import Batch

H, W, K = 64, 96, 3
FEW = 60, 8, 24  # proposals, objects, and proposals that training judges: a tenth of the time
NAMES = ("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2", "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2")
TERMS = {
    "objectness": "loss_objectness",
    "rpn_box": "loss_rpn_box_reg",
    "class": "loss_classifier",
    "box": "loss_box_reg",
    "mask": "loss_mask",
}


@pytest.fixture(scope="module", params=NAMES)
def pair(request, torchvision, at_random, tmp_path_factory) -> tuple[MaskRCNN, Any]:
    """(ours with their weights, theirs), in float64, so that no two scores change places."""
    return loaded(request.param, torchvision, at_random, tmp_path_factory.mktemp("peer") / "peer.pth")


def loaded(name: str, torchvision, at_random, path: Path, classes: int = K + 1) -> tuple[MaskRCNN, Any]:
    theirs = getattr(torchvision.models.detection, name)(weights=None, weights_backbone=None, num_classes=classes)
    torch.manual_seed(3)  # of the module, whichever test comes first
    at_random(theirs)
    head = theirs.roi_heads
    for layer in (head.box_predictor.cls_score, head.box_predictor.bbox_pred, theirs.rpn.head.cls_logits):
        nn.init.normal_(layer.weight, std=0.02)
    for module in theirs.backbone.body.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.constant_(module.weight, 0.3)  # or scores of a deep network at random grow to thousands
    torch.save(theirs.state_dict(), path)
    found = intarsia.load_foreign(path)
    assert found.report.missing == () and not found.report.left
    assert found.num_classes == classes - 1
    ours, (most, objects, judged) = found.network, FEW
    ours.propose.keep, ours.limit, ours.samples = (most, most), objects, judged
    theirs.rpn._pre_nms_top_n = theirs.rpn._post_nms_top_n = {"training": most, "testing": most}
    head.detections_per_img, head.fg_bg_sampler.batch_size_per_image = objects, judged
    return ours.double().eval(), theirs.double().eval()


def pictures() -> Tensor:
    return torch.rand(2, 3, H, W, generator=torch.Generator().manual_seed(1)).double() * 2 - 1


def listed(image: Tensor) -> Any:
    from torchvision.models.detection.image_list import ImageList

    return ImageList(image, [(H, W)] * len(image))


@torch.no_grad()
def test_proposals_boxes_and_masks(pair) -> None:
    ours, theirs = pair
    image = pictures()
    features = theirs.backbone(image)
    proposals, _ = theirs.rpn(listed(image), features)
    wanted, _ = theirs.roi_heads(features, proposals, [(H, W)] * 2)
    pyramid = ours.pyramid(ours.encoder(image))
    for mine, peers in zip(pyramid, features.values(), strict=True):
        torch.testing.assert_close(mine, peers, atol=1e-4, rtol=1e-4)
    proposed = ours.propose(pyramid, (H, W))
    for mine, peers in zip(proposed.boxes, proposals, strict=True):
        assert len(peers) > 20
        torch.testing.assert_close(mine, peers, atol=1e-4, rtol=1e-4)
    found = ours(image)
    for n, peers in enumerate(wanted):
        count = len(peers["scores"])
        assert count == FEW[1] == found.scores.shape[1]
        torch.testing.assert_close(found.scores[n, :count], peers["scores"], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(found.boxes[n, :count], peers["boxes"], atol=1e-4, rtol=1e-4)
        assert torch.equal(found.classes[n, :count], peers["labels"] - 1)
        if "masks" in peers:
            torch.testing.assert_close(found.masks[n, :count].sigmoid(), peers["masks"][:, 0], atol=1e-4, rtol=1e-4)
        else:
            assert found.masks is None


def truth() -> tuple[Batch, list[dict[str, Tensor]]]:
    """Two objects in the first picture, which overlap, and one in the second."""
    objects = torch.zeros(2, H, W, dtype=torch.int32)
    objects[0, 8:45, 10:50], objects[0, 30:60, 40:80], objects[1, 5:30, 30:75] = 1, 2, 1
    labels = torch.zeros(2, H, W, dtype=torch.uint8)
    labels[0][objects[0] == 1], labels[0][objects[0] == 2], labels[1][objects[1] == 1] = 1, 2, 2
    masks = [objects[0] == torch.tensor([1, 2])[:, None, None], objects[1][None] == 1]
    boxes = [torch.tensor([[10, 8, 50, 45], [40, 30, 80, 60]]), torch.tensor([[30, 5, 75, 30]])]
    classes = [torch.tensor([2, 3]), torch.tensor([3])]
    targets = [
        {"boxes": b.double(), "labels": c, "masks": m.to(torch.uint8)}
        for b, c, m in zip(boxes, classes, masks, strict=True)
    ]
    return Batch(pictures(), labels, ("a", "b"), objects), targets


def without_objects() -> tuple[Batch, list[dict[str, Tensor]]]:
    batch, targets = truth()
    batch.objects[1] = 0
    empty = {key: value[:0] for key, value in targets[1].items()}
    return batch, [targets[0], empty]


@pytest.mark.parametrize("make", [truth, without_objects])
def test_each_loss_in_training(pair, make) -> None:
    ours, theirs = pair
    batch, targets = make()
    ours.training = ours.propose.training = theirs.training = theirs.rpn.training = theirs.roi_heads.training = True
    try:
        torch.manual_seed(7)
        terms = Detection()(ours(batch.image, batch), batch)
        torch.manual_seed(7)
        features = theirs.backbone(batch.image)
        proposals, losses = theirs.rpn(listed(batch.image), features, targets)
        losses |= theirs.roi_heads(features, proposals, [(H, W)] * 2, targets)[1]
    finally:
        ours.eval(), theirs.eval()
    assert set(terms) == {ours_ for ours_, peers in TERMS.items() if peers in losses}
    for name, term in terms.items():
        assert losses[TERMS[name]] > 1e-4
        torch.testing.assert_close(term.float(), losses[TERMS[name]].float(), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_released_file_is_read(torchvision, at_random, tmp_path: Path) -> None:
    """It has the names of an older version, frozen norms with an epsilon of 0, and 91 classes, of which one is none."""
    from torchvision.models.detection._utils import overwrite_eps
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.models.detection.mask_rcnn import MaskRCNN as Peer

    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=3)
    theirs = at_random(Peer(backbone, num_classes=91))
    overwrite_eps(theirs, 0.0)
    old = {}
    for key, tensor in theirs.state_dict().items():
        for new, name in (("fpn.inner_blocks.", ".0."), ("fpn.layer_blocks.", ".0."), ("rpn.head.conv.", "0.0.")):
            if new in key:
                head, tail = key.split(new)
                key = head + new + tail.replace(name, "." if name == ".0." else "", 1)
        if "mask_head." in key:
            number = int(key.split(".")[2])
            key = key.replace(f"mask_head.{number}.0.", f"mask_head.mask_fcn{number + 1}.")
        old[key] = tensor
    assert "rpn.head.conv.weight" in old and "roi_heads.mask_head.mask_fcn4.bias" in old
    assert "backbone.fpn.inner_blocks.3.bias" in old and "backbone.body.bn1.num_batches_tracked" not in old
    torch.save(old, tmp_path / "peer.pth")
    found = intarsia.load_foreign(tmp_path / "peer.pth")
    assert found.report.missing == () and found.num_classes == len(COCO) == 90
    assert found.report.assumed == {"epsilon": 0.0}
    image = pictures().float()
    features = theirs.eval().backbone(image)
    for mine, peers in zip(found.network.pyramid(found.network.encoder(image)), features.values(), strict=True):
        torch.testing.assert_close(mine, peers, atol=1e-4, rtol=1e-4)


def test_coco_s_classes_have_their_names(torchvision, tmp_path: Path) -> None:
    """Our class n is COCO's category id n + 1; "no object" is none of them."""
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_V2_Weights as Weights

    categories = Weights.COCO_V1.meta["categories"]
    assert [name for name in COCO if not name.startswith("unused ")] == [n for n in categories[1:] if n != "N/A"]
    assert all(COCO[n - 1] == f"unused {n}" for n in range(1, 91) if categories[n] == "N/A")
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    backbone = resnet_fpn_backbone(backbone_name="resnet18", weights=None)
    torch.save(torchvision.models.detection.FasterRCNN(backbone, 91).state_dict(), tmp_path / "peer.pth")
    known = intarsia.load_foreign(tmp_path / "peer.pth").checkpoint()
    assert known.labels.names == COCO and len(known.labels.things) == 90
    torch.save(torchvision.models.detection.FasterRCNN(backbone, 3).state_dict(), tmp_path / "peer.pth")
    found = intarsia.load_foreign(tmp_path / "peer.pth")
    with pytest.raises(CheckpointError, match="does not name its 2 classes; give labels"):
        found.checkpoint()
    two = LabelSpace(("cat", "dog"))  # softmax of two names is one map of a network of maps, and here two classes
    assert found.checkpoint(two).build().num_classes == 2
    with pytest.raises(CheckpointError, match="draws 2 maps, and the labels need 3"):
        found.checkpoint(LabelSpace(("cat", "dog", "cow")))
