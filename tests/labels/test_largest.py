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
    together = torch.cat([scores, scores], dim=2).contiguous(memory_format=torch.channels_last)
    for threads, dtype in ((1, torch.uint8), (3, torch.int64)):  # laid one behind the other, and torch's own
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        for one, right in (
            (together, torch.cat([wanted, wanted], dim=1)),
            (together[:, :, 3:13, 2:19], wanted[:, 3:, 2:19]),
        ):
            found = largest(one)
            assert found.dtype == dtype and torch.equal(found.long(), right)
    monkeypatch.undo()
    scores[1, 3, 12, 19] = torch.nan
    assert torch.equal(largest(scores.contiguous(memory_format=torch.channels_last)), scores.argmax(dim=1))
    assert torch.equal(largest(scores), scores.argmax(dim=1)) and largest(scores)[1, 12, 19] == 3
    assert torch.equal(largest(-torch.full((1, 2, 1, 1), torch.inf)).long(), torch.zeros(1, 1, 1).long())
