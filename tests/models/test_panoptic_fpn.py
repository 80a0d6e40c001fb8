"""What Kirillov et al. claim: Mask R-CNN untouched, and a branch of few parameters on the same pyramid."""

import torch

from intarsia.models import build, count_parameters
from intarsia.structures import DetectionsAndStuff

SMALL = {"encoder": "resnet18", "channels": 32, "width": 64}


def test_the_branch_is_all_that_it_adds_to_mask_rcnn() -> None:
    """Seven 3x3 convolutions with group norm, the first of each level from 256 channels, and a classifier."""
    convolutions = 4 * 256 * 128 * 9 + 3 * 128 * 128 * 9 + 7 * 2 * 128
    assert count_parameters("panoptic_fpn", 80) - count_parameters("maskrcnn", 80) == convolutions + 80 * 129


def test_each_level_takes_as_many_steps_as_it_is_far_from_a_quarter() -> None:
    with torch.device("meta"):
        net = build("panoptic_fpn", 54)
    assert [len(branch.convolve) for branch in net.branches] == [1, 1, 2, 3]
    assert all(type(layer.norm) is torch.nn.GroupNorm for branch in net.branches for layer in branch.convolve)
    assert (net.classify.score.in_channels, net.classify.score.out_channels) == (128, 54)


@torch.no_grad()
def test_it_detects_what_mask_rcnn_detects_with_the_same_weights() -> None:
    torch.manual_seed(0)
    both, alone = build("panoptic_fpn", 4, **SMALL).eval(), build("maskrcnn", 4, **SMALL).eval()
    both.judge.classify.weight.mul_(100)  # as sure of some as if it had learned
    alone.load_state_dict({key: both.state_dict()[key] for key in alone.state_dict()})
    image = torch.randn(1, 3, 64, 96)
    output, wanted = both(image), alone(image)
    assert type(output) is DetectionsAndStuff and output.semantic.shape == (1, 4, 64, 96)
    assert (wanted.scores > 0).any()
    for part in ("scores", "classes", "boxes", "masks"):
        assert torch.equal(getattr(output.objects, part), getattr(wanted, part)), part
