"""Which classes are things, and how many maps a network is built for."""

import pytest

from intarsia.errors import LabelError
from intarsia.labels import LabelSpace
from intarsia.structures import MaskQueries, SemanticLogits


def test_things_are_kept_in_the_order_of_the_classes() -> None:
    space = LabelSpace(("sky", "car", "person"), things=("person", "car"))
    assert space.things == ("car", "person")
    assert LabelSpace.from_dict(space.to_dict()) == space and space.plain.things == space.things
    assert space.ignoring(9).things == space.things
    with pytest.raises(LabelError, match="labels.things names 'cra', which is no class; did you mean 'car'"):
        LabelSpace(("sky", "car"), things=("cra",))
    with pytest.raises(LabelError, match="labels.things is a list of class names"):
        LabelSpace(("sky", "car"), things="car")


def test_a_head_has_a_map_less_only_where_logits_are_drawn() -> None:
    space = LabelSpace(("background", "cell"), activation="sigmoid")
    assert (space.maps(SemanticLogits), space.maps(MaskQueries)) == (1, 2)
