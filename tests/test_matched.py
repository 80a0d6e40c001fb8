"""What detectors hand their losses: each loss reads that of its own network, and refuses any other in one sentence."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.losses import LOSSES
from intarsia.matched import AnchorMatches, PointMatches, WindowMatches
from intarsia.structures import Batch, Detections, Matches

NONE, BOXES, KINDS = torch.zeros(0), torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
FOUND = {
    "detection": Matches(NONE, NONE, BOXES, BOXES, torch.zeros(0, 3), KINDS, BOXES, BOXES, None, None),
    "centermask": PointMatches(torch.zeros(0, 2), KINDS, BOXES, BOXES, NONE, None, None, None, None),
    "sharpmask": WindowMatches(NONE, NONE, torch.zeros(0, 4, 4), torch.zeros(0, 4, 4)),
    "shapemask": AnchorMatches(torch.zeros(0, 2), KINDS, BOXES, BOXES),
}
TRUTH = Batch(torch.zeros(1, 3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8), ("a",))


@pytest.mark.parametrize("name", FOUND)
def test_a_loss_reads_its_own_networks_answers_alone(name: str) -> None:
    loss = LOSSES[name]()
    for whose, found in FOUND.items():
        output = Detections(NONE[None], KINDS[None], BOXES[None], None, (8, 8), found)
        if whose == name:
            assert all(term == 0 for term in loss(output, TRUTH).values()), "nothing was found, and nothing was wanted"
        else:
            with pytest.raises(ModelError, match=r"call network\(image, truth\) in training mode"):
                loss(output, TRUTH)
