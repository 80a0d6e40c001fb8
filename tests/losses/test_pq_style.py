"""The PQ-style loss: the authors' numbers on made-up maps, the matching, silence about ignored pixels."""

import itertools

import pytest
import torch
from torch import Tensor

from intarsia.errors import LabelError, ModelError
from intarsia.losses import LOSSES
from intarsia.losses.pq_style import PQStyle
from intarsia.structures import Batch, CompetingMasks, MaskQueries

B, K, Q, H, W, h, w = 2, 5, 9, 32, 48, 8, 12


def scene(*, ignored: bool = False) -> Batch:
    """Objects of classes 3 and 4 on two kinds of ground, of which the right edge may be ignored."""
    objects, labels = torch.zeros(B, H, W, dtype=torch.int32), torch.zeros(B, H, W, dtype=torch.long)
    labels[:, 16:] = 1
    objects[0, 4:20, 4:20], objects[0, 12:28, 24:44], objects[1, 0:16, 8:24] = 1, 2, 1
    labels[objects == 1], labels[objects == 2] = 3, 4
    if ignored:
        labels[:, :, 40:] = 255
    return Batch(torch.zeros(B, 3, H, W), labels, ("a", "b"), objects=objects)


def waves(*shape: int, phase: float) -> Tensor:
    """Numbers in closed form, so that no random generator decides."""
    return torch.sin(torch.arange(torch.Size(shape).numel(), dtype=torch.float64) * 0.7 + phase).view(shape)


def layer(phase: float, auxiliary: tuple[CompetingMasks, ...] = ()) -> CompetingMasks:
    unit = torch.nn.functional.normalize(waves(B, 16, h, w, phase=phase + 2), dim=1)
    semantic = waves(B, K, h, w, phase=phase + 3)
    return CompetingMasks(
        2 * waves(B, Q, K + 1, phase=phase), 3 * waves(B, Q, h, w, phase=phase + 1), (H, W), unit, semantic, auxiliary
    )


PINNED = {
    "class": 0.15416767482223395,
    "dice": 0.25956179816830455,
    "mask_id": 1.145271534945203,
    "pixels": 6.375683200112901,
    "semantic": 1.807775361098011,
    "earlier": 16.113337187722692,
}


def test_the_authors_numbers() -> None:
    """bytedance/kmax-deeplab's criterion.py and matcher.py on the same maps, every pixel drawn; its matcher is in float32."""
    terms = LOSSES["pq_style"](things=(3, 4))(layer(0.3, (layer(1.3), layer(2.1))), scene())
    assert {name: float(term) for name, term in terms.items()} == pytest.approx(PINNED, rel=1e-6)


def test_the_matching_has_the_largest_sum_of_class_times_overlap() -> None:
    random = torch.Generator().manual_seed(0)
    logits, masks = (torch.randn(*shape, generator=random, dtype=torch.float64) for shape in ((4, 4), (4, 30)))
    classes, true = torch.tensor([1, 0, 2]), torch.zeros(3, 30, dtype=torch.float64)
    true[0, :8], true[1, 8:20], true[2, 20:26] = 1, 1, 1
    wanted = PQStyle().want(logits, masks, classes, true)
    known = true.any(0)
    share = masks.softmax(0)
    inside = share * known

    def fit(query: int, row: int) -> float:
        overlap = 2 * inside[query] @ true[row] / (inside[query].sum() + true[row].sum() + 2e-5)
        return float(overlap * logits.softmax(1)[query, classes[row]])

    best = max(itertools.permutations(range(4), 3), key=lambda order: sum(map(fit, order, range(3))))
    assert [int(wanted.classes[query]) for query in best] == classes.tolist()
    (left,) = set(range(4)) - set(best)
    assert int(wanted.classes[left]) == 3 and not wanted.masks[left].any() and wanted.of_mask[left] == 0
    void = (share[left] * ~known).sum() / share[left].sum()
    assert float(wanted.of_class[left]) == pytest.approx(float(void), rel=1e-4), "what it has of no segment"


def test_ignored_pixels_have_no_say() -> None:
    drawn = layer(0.3)
    masks, pixels, semantic = (part.clone().requires_grad_() for part in (drawn.masks, drawn.pixels, drawn.semantic))
    terms = LOSSES["pq_style"](things=(3, 4))(
        drawn._replace(masks=masks, pixels=pixels, semantic=semantic), scene(ignored=True)
    )
    sum(terms.values()).backward()
    for part in (masks, pixels, semantic):
        assert part.grad is not None and not part.grad[..., 10:].any() and part.grad[..., :10].any()


def test_a_picture_without_segments() -> None:
    empty = scene()._replace(labels=torch.full((B, H, W), 255), objects=torch.zeros(B, H, W, dtype=torch.int32))
    terms = LOSSES["pq_style"](things=(3, 4))(layer(0.3), empty)
    assert all(term.isfinite() for term in terms.values()) and terms["dice"] == terms["mask_id"] == 0


def test_errors() -> None:
    loss = LOSSES["pq_style"]()
    queries = MaskQueries(torch.zeros(B, Q, K + 1), torch.zeros(B, Q, h, w), (H, W))
    with pytest.raises(ModelError, match="compares CompetingMasks, and the network returned MaskQueries; use the loss"):
        loss(queries, scene())
    few = layer(0.3)
    with pytest.raises(LabelError, match="4 segments and the network 2 queries"):
        loss(few._replace(classes=few.classes[:, :2], masks=few.masks[:, :2]), scene())
