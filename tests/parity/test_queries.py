"""Loss, matching and answers of queries against transformers' MaskFormer, where that is installed."""

import numpy as np
import pytest
import torch

from intarsia.labels import LabelSpace
from intarsia.losses.set_prediction import SetPrediction
from intarsia.postprocess import decide
from intarsia.structures import Batch, MaskQueries

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

SPACE = LabelSpace(("road", "car", "sky", "person"), things=("car", "person"))
Q, H, W = 9, 24, 32


def network_output(seed: int, layers: int = 2) -> MaskQueries:
    random = torch.Generator().manual_seed(seed)

    def one(auxiliary: tuple[MaskQueries, ...] = ()) -> MaskQueries:
        classes = 2 * torch.randn(2, Q, 5, generator=random)
        return MaskQueries(classes, 3 * torch.randn(2, Q, 6, 8, generator=random), (H, W), auxiliary)

    return one(tuple(one() for _ in range(layers)))


def truth(seed: int) -> Batch:
    random = torch.Generator().manual_seed(seed)
    labels = 2 * torch.randint(0, 2, (2, 6, 8), generator=random).repeat_interleave(4, 1).repeat_interleave(4, 2)
    objects = torch.zeros(2, H, W, dtype=torch.int32)
    for n in range(2):
        for number, (y, x) in enumerate(torch.randint(0, 16, (3, 2), generator=random).tolist(), 1):
            objects[n, y : y + 8, x : x + 9] = number
            labels[n, y : y + 8, x : x + 9] = 1 + 2 * (number % 2)
    return Batch(torch.zeros(2, 3, H, W), labels, ("a", "b"), objects)


def theirs(no_object: float = 0.1) -> torch.nn.Module:
    from transformers.models.maskformer.modeling_maskformer import MaskFormerHungarianMatcher, MaskFormerLoss

    matcher = MaskFormerHungarianMatcher(cost_class=1.0, cost_dice=1.0, cost_mask=20.0)
    weights = {"loss_cross_entropy": 1.0, "loss_mask": 20.0, "loss_dice": 1.0}
    return MaskFormerLoss(num_labels=4, matcher=matcher, weight_dict=weights, eos_coef=no_object)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_and_its_gradients_are_theirs(seed: int) -> None:
    from intarsia.losses.set_prediction import segments_of

    output, batch = network_output(seed), truth(seed)
    parts = [t.requires_grad_() for layer in (output, *output.auxiliary) for t in (layer.classes, layer.masks)]
    targets = [segments_of(batch.sample(n), 255) for n in range(2)]
    others = {f"aux_{n}": a for n, a in enumerate(output.auxiliary)}
    given = [{"class_queries_logits": a.classes, "masks_queries_logits": a.masks} for a in others.values()]
    found = theirs()(
        output.masks, output.classes, [t.masks.float() for t in targets], [t.classes for t in targets], given
    )
    scale = {"loss_cross_entropy": 1, "loss_mask": 20, "loss_dice": 1}
    expected = sum(scale[key.rsplit("_", 1)[0] if key[-1].isdigit() else key] * value for key, value in found.items())
    wanted = torch.autograd.grad(expected, parts, retain_graph=True)
    terms = SetPrediction()(output, batch)
    total = sum(terms.values())
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(terms["class"], found["loss_cross_entropy"])
    torch.testing.assert_close(terms["focal"], 20 * found["loss_mask"])
    torch.testing.assert_close(terms["dice"], found["loss_dice"])
    for ours, their in zip(torch.autograd.grad(total, parts), wanted, strict=True):
        torch.testing.assert_close(ours, their, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_semantic_and_panoptic_answers_are_theirs(seed: int) -> None:
    from transformers.models.maskformer.modeling_maskformer import MaskFormerForInstanceSegmentationOutput

    try:
        from transformers import MaskFormerImageProcessorPil as Processor
    except ImportError:
        from transformers import MaskFormerImageProcessor as Processor
    output = network_output(seed)._replace(auxiliary=())
    output.classes[:, :6, :4] *= (
        40  # six queries are sure: theirs counts a mask where p(class) * p(mask) is above a half
    )
    held = MaskFormerForInstanceSegmentationOutput(
        class_queries_logits=output.classes, masks_queries_logits=output.masks
    )
    processor = Processor()
    # theirs resizes sums of classes, or probabilities, ours logits, as the authors': equal where nothing is resized
    small = output._replace(size=(6, 8))
    for answer, other in zip(
        decide(small, SPACE, "semantic"), processor.post_process_semantic_segmentation(held, [(6, 8)] * 2), strict=True
    ):
        assert torch.equal(answer.classes.long(), other.long())
    panoptic = processor.post_process_panoptic_segmentation(
        held, threshold=0.5, overlap_mask_area_threshold=0.4, label_ids_to_fuse={0, 2}, target_sizes=[(6, 8)] * 2
    )
    for answer, other in zip(decide(small, SPACE, "panoptic", threshold=0.5, overlap=0.4), panoptic, strict=True):
        names = {s["id"]: s["label_id"] for s in other["segments_info"]}
        assert len(names) == len(answer.classes) > 0
        for number, kind in names.items():
            mask = (other["segmentation"] == number).numpy()
            assert mask.any()
            (ours,) = np.unique(answer.ids[mask])
            assert np.array_equal(answer.ids == ours, mask) and answer.classes[int(ours)] == kind
