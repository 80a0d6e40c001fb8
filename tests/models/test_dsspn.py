"""What Liang et al. claim: a tree of classes is the network, and an image trains the ways to its labels alone."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intarsia.blocks.class_tree import branches, tree_graph
from intarsia.datasets.cityscapes import CATEGORIES, NAMES
from intarsia.errors import LabelError, ModelError
from intarsia.labels import class_tree
from intarsia.models import build

TREE = ((0, 1), (2, (3, 4)), 5)


def small(tree: tuple = TREE, classes: int = 6) -> nn.Module:
    torch.manual_seed(0)
    net = build("dsspn", classes, encoder="resnet18", tree=tree, channels=8, width=8)
    for neuron in net.neurons:
        nn.init.normal_(neuron.score.score.weight, std=0.5)
    return net


@torch.no_grad()
def test_a_class_has_the_product_of_the_probabilities_on_its_way() -> None:
    net, image = small().eval(), torch.randn(1, 3, 24, 40)
    scores: list[torch.Tensor] = []
    for neuron in net.neurons:
        neuron.register_forward_hook(lambda _, __, out: scores.append(out[1]))
    logits = net(image).logits
    root, pair, three, deep = (F.interpolate(s, (24, 40), mode="bilinear").softmax(dim=1) for s in scores)
    ways = [
        root[:, 0] * pair[:, 0], root[:, 0] * pair[:, 1], root[:, 1] * three[:, 0],
        root[:, 1] * three[:, 1] * deep[:, 0], root[:, 1] * three[:, 1] * deep[:, 1], root[:, 2],
    ]  # fmt: skip
    torch.testing.assert_close(logits.exp(), torch.stack(ways, dim=1))
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(1, 24, 40))


def test_only_the_branches_on_the_ways_to_its_labels_learn_from_an_image() -> None:
    net = small().eval()
    labels = torch.randint(0, 2, (1, 32, 32))  # classes 0 and 1 alone
    F.cross_entropy(net(torch.randn(1, 3, 32, 32)).logits, labels).backward()
    root, pair, three, deep = (neuron.score.score.weight.grad.abs().max().item() for neuron in net.neurons)
    assert min(root, pair) > 1e-3
    assert max(three, deep) < 1e-6


def test_every_branch_learns_from_an_image_that_has_all_classes() -> None:
    net = small().train()
    labels = torch.arange(6).repeat(2, 64, 16)
    F.cross_entropy(net(torch.randn(2, 3, 64, 96)).logits, labels).backward()
    assert [key for key, p in net.neurons.named_parameters() if p.grad is None or not p.grad.any()] == []


@torch.no_grad()
def test_a_branch_sees_what_its_ancestors_found_out_and_no_others() -> None:
    net, image = small().eval(), torch.randn(1, 3, 32, 32)
    before = net(image).logits
    net.neurons[1].see[1].norm.bias += 1.0  # of classes 0 and 1
    change = (net(image).logits - before).abs().amax(dim=(0, 2, 3))
    assert change[:2].min() > 0 and change[2:].max() == 0
    net.neurons[0].see[1].norm.bias += 1.0
    assert (net(image).logits - before).abs().amax(dim=(0, 2, 3)).min() > 0


@torch.no_grad()
def test_without_a_tree_it_is_one_classifier() -> None:
    net, image = small((), 4).eval(), torch.randn(1, 3, 32, 32)
    (c5,) = net.encoder(image)
    _, scores = net.neurons[0](net.reduce(c5))
    flat = F.interpolate(scores, (32, 32), mode="bilinear").log_softmax(dim=1)
    torch.testing.assert_close(net(image).logits, flat)


def test_groups_of_names_become_a_tree() -> None:
    names = ("sky", "car", "bus", "cat", "dog", "road")
    tree = class_tree(names, {"thing": {"vehicle": ["car", "bus"], "animal": ["cat", "dog"]}, "flat": ["road"]})
    assert tree == (((1, 2), (3, 4)), 5, 0)
    found = branches(tree, 6)
    assert [(b.parent, b.slot, b.children) for b in found] == [
        (-1, -1, (-1, 5, 0)), (0, 0, (-1, -1)), (1, 0, (1, 2)), (1, 1, (3, 4)),
    ]  # fmt: skip
    graph = tree_graph(tree, 6)
    assert graph.shape == (10, 10) and torch.equal(graph, graph.T) and graph.sum() == 2 * 9  # a tree of ten nodes
    assert len(branches(class_tree(NAMES, CATEGORIES), 19)) == 7  # sky is a category of one class


def test_groups_that_leave_no_choice_are_no_branches() -> None:
    """One group of all classes is the root; one without members is none; a name alone is one member."""
    assert class_tree(("a", "b", "c"), {"all": {"one": ["a", "b"], "none": [], "other": "c"}}) == ((0, 1), 2)
    assert class_tree(("a", "b"), {"all": ["b", "a"]}) == (1, 0)
    assert class_tree(("a", "b"), {"none": {"nor": []}}) == (0, 1) and class_tree(("a",), {}) == (0,)


@pytest.mark.parametrize("wrong", ["car", 1.5, None, {"vehicle": [0, 1]}])
def test_what_is_no_class_number_is_named(wrong: object) -> None:
    with pytest.raises(ModelError, match="the tree holds .*; give class numbers, and lists of them"):
        branches(((0, 1), (2, wrong)), 3)


def test_faults_of_trees_and_groups_are_named() -> None:
    with pytest.raises(ModelError, match="the tree lacks class 2; each class number, 0 to 2, is in it once"):
        build("dsspn", 3, encoder="resnet18", tree=(0, 1))
    with pytest.raises(ModelError, match="has class 1 once too often"):
        branches((0, 1, (1, 2)), 3)
    with pytest.raises(ModelError, match="has no choice"):
        branches((0, (1,)), 2)
    with pytest.raises(LabelError, match="'bus' is in two groups"):
        class_tree(("car", "bus"), {"a": ["bus"], "b": ["bus"]})
    with pytest.raises(LabelError, match=r"which is no class.*did you mean 'car'"):
        class_tree(("car", "bus"), {"a": ["cat"]})
