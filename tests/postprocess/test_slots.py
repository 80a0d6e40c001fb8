"""Queries whose masks compete: the authors' rules one query and one pixel at a time, and what their options are."""

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.errors import ModelError
from intarsia.inference.gather import gathered
from intarsia.inference.poses import View
from intarsia.labels import LabelSpace
from intarsia.postprocess import decide, usual_task
from intarsia.structures import CompetingMasks, Labels, Objects, Segments

SPACE = LabelSpace(tuple("abcde"), things=("c", "d", "e"))
H, W, K, Q = 24, 32, 5, 10


def output(seed: int) -> CompetingMasks:
    random = torch.Generator().manual_seed(seed)
    classes, masks = 3 * torch.randn(1, Q, K + 1, generator=random), 4 * torch.randn(1, Q, 3, 4, generator=random)
    classes[..., K] -= 1
    return CompetingMasks(classes, masks, (H, W))


def shares(drawn: CompetingMasks) -> Tensor:
    return torch.nn.functional.interpolate(drawn.masks, (H, W), mode="bilinear")[0].softmax(0)


def masks_by_rule(drawn: CompetingMasks, overlap: float) -> tuple[np.ndarray, dict[int, int]]:
    """kMaX-DeepLab's panoptic_inference, as written in its paper; compared with the authors' code on 30 random maps."""
    share, classes = shares(drawn), drawn.classes[0].softmax(1)[:, :K]
    score, label = classes.max(1)
    own = share > 0.4
    rank = [float(score[n] * (share[n][own[n]].mean() if own[n].any() else 0)) for n in range(Q)]
    ids, found, stuff = torch.zeros(H, W, dtype=torch.long), {}, {}
    for n in sorted(range(Q), key=lambda n: -rank[n]):
        kind = int(label[n])
        free = own[n] & (ids == 0)
        if float(score[n]) <= (0.7 if kind >= 2 else 0.5) or int(free.sum()) <= overlap * int(own[n].sum()):
            continue
        if kind < 2 and kind in stuff:
            ids[free] = stuff[kind]
            continue
        found[len(found) + 1] = kind
        ids[free] = len(found)
        stuff[kind] = len(found)
    return ids.numpy(), found


@pytest.mark.parametrize("seed", range(6))
def test_masks_are_laid_down_from_the_surest_on(seed: int) -> None:
    drawn, overlap = output(seed), 0.8 if seed % 2 else 0.3
    (found,) = decide(drawn, SPACE, "panoptic", overlap=overlap)
    ids, classes = masks_by_rule(drawn, overlap)
    assert isinstance(found, Segments) and np.array_equal(found.ids, ids) and found.classes == classes


@pytest.mark.parametrize("seed", range(3))
def test_pixels_go_to_the_query_that_has_most_of_them_if_it_is_sure(seed: int) -> None:
    """MaX-DeepLab's rule: unsure queries are left out of the softmax, but what was theirs is void."""
    drawn = output(seed)
    (found,) = decide(drawn, SPACE, "panoptic", by="pixels", threshold=0.6)
    score, label = drawn.classes[0].softmax(1)[:, :K].max(1)
    logits = torch.nn.functional.interpolate(drawn.masks, (H, W), mode="bilinear")[0]
    sure = [n for n in range(Q) if score[n] >= 0.6]
    assert isinstance(found, Segments) and sure
    for y in range(0, H, 3):
        for x in range(0, W, 3):
            query = int(logits[:, y, x].argmax())
            among = logits[sure, y, x].softmax(0)
            given = query in sure and float(among[sure.index(query)]) > 0.4
            number = int(found.ids[y, x])
            assert (number > 0) == given and (not given or found.classes[number] == int(label[query]))
    (none,) = decide(drawn, SPACE, "panoptic", by="pixels", threshold=1.0)
    assert isinstance(none, Segments) and not none.ids.any() and not none.classes


def test_objects_score_their_class_times_their_share() -> None:
    drawn = output(1)
    (found,) = decide(drawn, SPACE, "instance", threshold=0.2)
    share, classes = shares(drawn), drawn.classes[0].softmax(1)[:, :K]
    wanted = sorted(
        (
            float(classes[n, kind] * share[n][share[n] > 0.4].mean())
            for n in range(Q) for kind in (2, 3, 4) if (share[n] > 0.4).any()
        ),
        reverse=True,
    )  # fmt: skip
    assert isinstance(found, Objects) and found.scores is not None
    assert torch.as_tensor(found.scores).tolist() == pytest.approx([score for score in wanted if score >= 0.2])


def test_classes_of_pixels_are_those_of_all_queries_together() -> None:
    drawn = output(2)
    (found,) = decide(drawn, SPACE, "semantic")
    wanted = torch.einsum("qk,qhw->khw", drawn.classes[0].softmax(1)[:, :K], shares(drawn)).argmax(0)
    assert isinstance(found, Labels) and torch.equal(found.classes.long(), wanted)


def test_views_are_joined_without_dividing_a_pixel_among_equals() -> None:
    drawn = output(3)
    (alone,) = decide(gathered([(drawn, View((H, W)), 1.0)], (H, W)), SPACE, "panoptic")
    (once,) = decide(drawn, SPACE, "panoptic")
    assert isinstance(alone, Segments) and isinstance(once, Segments) and np.array_equal(alone.ids, once.ids)
    masks = torch.full((1, 2, 3, 4), -9.0)
    masks[0, 0, :, :2], masks[0, 1, :, 2:] = 9, 9
    classes = torch.full((1, 2, K + 1), -9.0)
    classes[0, 0, 3], classes[0, 1, 1] = 9, 9
    clear = CompetingMasks(classes, masks, (H, W))
    flipped = clear._replace(masks=masks.flip(3))
    both = gathered([(clear, View((H, W)), 1.0), (flipped, View((H, W), mirrored=True), 1.0)], (H, W))
    (joined,), (single,) = decide(both, SPACE, "panoptic"), decide(clear, SPACE, "panoptic")
    assert isinstance(joined, Segments) and isinstance(single, Segments)
    assert joined.classes == single.classes and (joined.ids == single.ids).all()


def test_errors() -> None:
    assert usual_task(CompetingMasks, SPACE) == "panoptic"
    with pytest.raises(ModelError, match="by is 'pixel'; did you mean 'pixels'"):
        decide(output(0), SPACE, "panoptic", by="pixel")
    with pytest.raises(ModelError, match="pixel_threshold is 2; it is a share, 0 to 1"):
        decide(output(0), SPACE, "panoptic", pixel_threshold=2)
    with pytest.raises(ModelError, match="objects are asked for, and no class has any"):
        decide(output(0), LabelSpace(tuple("abcde")), "instance")
