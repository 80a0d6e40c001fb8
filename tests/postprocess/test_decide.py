"""From outputs to answers: the table, and the answers that look at pixels one by one."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.labels import LabelSpace
from intarsia.postprocess import checked, decide, options_of, usual_task
from intarsia.structures import ClassLogits, Depth, DepthMap, Labels, PanopticLogits, Planes, SemanticLogits, Tags

THREE = LabelSpace(("sky", "road", "car"))
PLANES = LabelSpace(("lung", "lesion"), planes=True)


def test_each_pixel_gets_its_most_probable_class() -> None:
    logits = torch.randn(2, 3, 4, 5)
    answers = decide(SemanticLogits(logits), THREE)
    assert all(type(answer) is Labels for answer in answers)
    assert torch.equal(torch.stack([answer.classes for answer in answers]).long(), logits.argmax(1))


def test_planes_have_a_threshold_each() -> None:
    logits = torch.tensor([0.0, 1.0, -1.0]).expand(2, 1, 3)[None]  # sigmoid 0.5, 0.73, 0.27
    (usual,) = decide(SemanticLogits(logits), PLANES)
    (own,) = decide(SemanticLogits(logits), PLANES, threshold=[0.2, 0.8])
    (warm,) = decide(SemanticLogits(logits), PLANES, threshold=0.55, temperature=10.0)
    assert type(usual) is Planes and usual.planes.dtype == torch.bool
    assert usual.planes[:, 0].tolist() == [[False, True, False]] * 2
    assert own.planes[:, 0].tolist() == [[True, True, True], [False, False, False]]
    assert not warm.planes.any(), "a temperature of ten brings 0.73 to 0.525"


@pytest.mark.parametrize("limit", [1.5, [0.5], [0.1, 0.2, 0.3]])
def test_thresholds_that_do_not_fit_are_refused(limit: object) -> None:
    with pytest.raises(ModelError, match="give one number of 0 to 1, or 2 of them, one a class"):
        decide(SemanticLogits(torch.zeros(1, 2, 1, 1)), PLANES, threshold=limit)


def test_tags_are_the_best_class_or_all_that_are_on() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    (one,) = decide(ClassLogits(logits), THREE)
    assert type(one) is Tags and one.classes.tolist() == [1]
    torch.testing.assert_close(one.scores, logits[0].softmax(0))
    (many,) = decide(ClassLogits(torch.tensor([[1.0, 3.0]])), PLANES)
    (none,) = decide(ClassLogits(torch.tensor([[-1.0, -3.0]])), PLANES)
    assert many.classes.tolist() == [1, 0] and none.classes.tolist() == []
    sigmoid = LabelSpace(("sound", "ill"), activation="sigmoid")
    (ill,) = decide(ClassLogits(torch.tensor([[2.0]])), sigmoid)
    assert ill.classes.tolist() == [1] and ill.scores[1] == torch.tensor(2.0).sigmoid()


def test_depth_is_handed_out() -> None:
    (answer,) = decide(DepthMap(torch.full((1, 1, 2, 3), 7.0)), THREE)
    assert type(answer) is Depth and answer.meters.tolist() == [[7.0] * 3] * 2


def test_a_task_that_cannot_be_answered_says_which_can() -> None:
    with pytest.raises(
        ModelError, match="'panoptic' cannot be answered by a network that returns SemanticLogits; it answers semantic"
    ):
        decide(SemanticLogits(torch.zeros(1, 3, 1, 1)), THREE, "panoptic")
    with pytest.raises(ModelError, match="did you mean 'semantic'"):
        decide(SemanticLogits(torch.zeros(1, 3, 1, 1)), THREE, "semantics")
    with pytest.raises(ModelError, match="takes no option 'treshold'; did you mean 'threshold'"):
        decide(SemanticLogits(torch.zeros(1, 3, 1, 1)), THREE, treshold=0.3)
    assert options_of("semantic", SemanticLogits) == {"threshold": 0.5, "temperature": 1.0}
    assert usual_task(ClassLogits, THREE) == "classification"


def test_shapes_are_checked_by_one_table() -> None:
    image = torch.zeros(2, 3, 4, 5)
    assert type(checked(torch.zeros(2, 3, 4, 5), image, THREE)) is SemanticLogits
    assert type(checked({"out": torch.zeros(2, 3, 4, 5)}, image, THREE)) is SemanticLogits
    with pytest.raises(ModelError, match=r"Net returned scores of shape \[2, 4, 4, 5\] where \[2, 3, 4, 5\] is needed"):
        checked(torch.zeros(2, 4, 4, 5), image, THREE, "Net")
    with pytest.raises(ModelError, match=r"returned offsets of shape \[2, 1, 4, 5\] where \[2, 2, 4, 5\] is needed"):
        checked(PanopticLogits(torch.zeros(2, 3, 4, 5), torch.zeros(2, 1, 4, 5), torch.zeros(2, 1, 4, 5)), image, THREE)
    with pytest.raises(ModelError, match="returned a str"):
        checked("logits", image, THREE)
