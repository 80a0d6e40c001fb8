"""The class of the largest score is torch's argmax, in every layout, with ties and without numbers."""

import numpy as np
import pytest
import torch

from intarsia.labels.largest import largest


def test_it_is_the_first_of_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intarsia.labels.largest.BLOCK", 50)
    scores = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (2, 7, 13, 20)).astype(np.float32))  # many ties
    wanted = torch.from_numpy(scores.numpy().argmax(axis=1))
    for one in (scores, torch.cat([scores, scores], dim=3)[..., :20]):  # alone, and a part of wider maps
        found = largest(one)
        assert found.dtype == torch.uint8 and torch.equal(found.long(), wanted)
    assert torch.equal(largest(scores.contiguous(memory_format=torch.channels_last)).long(), wanted)
    scores[1, 3, 12, 19] = torch.nan
    assert torch.equal(largest(scores), scores.argmax(dim=1)) and largest(scores)[1, 12, 19] == 3
    assert torch.equal(largest(-torch.full((1, 2, 1, 1), torch.inf)).long(), torch.zeros(1, 1, 1).long())
