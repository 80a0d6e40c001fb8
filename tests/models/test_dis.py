"""What Luo et al. claim: label maps that give back image and tags, also where only tags are known."""

import torch
import torch.nn.functional as F
from torch import nn

from intarsia.losses import Auxiliary, CrossEntropy
from intarsia.models import build


def small(**options: float) -> nn.Module:
    torch.manual_seed(0)
    return build("dis", 3, encoder="resnet18", channels=8, narrow=2, dropout=0.0, **options)


def test_training_has_tags_and_a_penalty_and_evaluation_a_map() -> None:
    net, image = small(weight=0.3), torch.randn(2, 3, 32, 48)
    output = net.train()(image)
    assert output.presence.shape == (2, 3) and output.penalty.shape == (2,)
    terms = Auxiliary(CrossEntropy())(output, torch.zeros(2, 32, 48, dtype=torch.long))
    torch.testing.assert_close(terms["penalty"], output.penalty.mean())
    output = net.eval()(image)
    assert output.presence is None and output.penalty is None and output.logits.shape == (2, 3, 32, 48)


@torch.no_grad()
def test_the_penalty_is_the_error_of_the_image_and_of_the_tags() -> None:
    net, image = small().eval(), torch.randn(2, 3, 32, 48)
    x = net.reduce(*net.encoder(image))
    scores, tags = net.classify(x), torch.tensor([[1.0, 0, 1], [0, 1, 1]])
    shares = scores.softmax(dim=1)
    again, tags_again = net.back(shares, x)
    for n in range(2):
        error = 0.0
        for i in range(4):
            for j in range(6):
                cell = image[n, :, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8].mean(dim=(1, 2))
                error += (again[n, :, i, j] - cell).square().mean() / 24
        expected = error + F.binary_cross_entropy_with_logits(tags_again[n], tags[n])
        torch.testing.assert_close(net.duality(scores, x, image, tags)[n], expected)


def test_the_way_back_is_learned_without_any_label() -> None:
    net, image = small(weight=1.0).train(), torch.rand(2, 3, 32, 48)
    optimizer, seen = torch.optim.Adam(net.parameters(), 1e-2), []
    for _ in range(8):
        penalty = net(image).penalty.mean()
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
        seen.append(penalty.item())
    assert seen[-1] < 0.9 * seen[0]


def test_search_moves_a_label_map_to_its_tags_and_leaves_the_network_alone() -> None:
    net, image = small().train(), torch.randn(2, 3, 32, 48)
    with torch.no_grad():  # the tags given back are the shares of the classes themselves
        net.back.tag.weight.copy_(20 * torch.eye(3))
        net.back.tag.bias.fill_(-3.0)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    tags = torch.tensor([[0.0, 1, 0], [1, 0, 1]])
    found = net.search(image, tags, steps=20, rate=3.0).softmax(dim=1).mean(dim=(2, 3))
    start = net.eval()(image).logits.softmax(dim=1).mean(dim=(2, 3))
    net.train()
    assert ((found - start) * (2 * tags - 1) > 0).all(), "tags that hold grow, and others shrink"
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items() if "num_batches" not in key)
    assert net.training and all(p.requires_grad for p in net.parameters())
