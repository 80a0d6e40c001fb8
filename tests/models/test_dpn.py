"""What Liu et al. claim: one step of mean field as layers, with a triple penalty and a mixture of label contexts."""

import pytest
import torch

from intarsia.errors import ModelError
from intarsia.models import build
from intarsia.models.structured.dpn import TriplePenalty

TINY = {"channels": (4, 4, 4, 8, 8, 8), "window": 5, "context": 3}


@torch.no_grad()
def test_the_triple_penalty_equals_a_slow_loop_over_neighbors() -> None:
    torch.manual_seed(0)
    q, image = torch.rand(1, 2, 6, 7, dtype=torch.float64), torch.randn(1, 3, 6, 7, dtype=torch.float64)
    penalty = TriplePenalty(5).double()
    penalty.weights.copy_(torch.tensor([0.7, 1.9]))
    expected = torch.zeros_like(q)
    for i in range(6):
        for j in range(7):
            for y in range(max(0, i - 2), min(6, i + 3)):
                for x in range(max(0, j - 2), min(7, j + 3)):
                    color = (image[0, :, i, j] - image[0, :, y, x]).square().sum()
                    place = ((i - y) / 2) ** 2 + ((j - x) / 2) ** 2
                    expected[0, :, i, j] += (0.7 * color + 1.9 * place) * q[0, :, i, j] * q[0, :, y, x] / 25
    torch.testing.assert_close(penalty(q, image), expected, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_the_answer_is_one_step_of_mean_field_in_which_the_best_context_counts() -> None:
    torch.manual_seed(0)
    net, image = build("dpn", 3, mixtures=2, **TINY).eval(), torch.randn(1, 3, 24, 32)
    net.context.weight.normal_()
    seen: dict[str, torch.Tensor] = {}
    net.neighbors.register_forward_hook(lambda _, inputs, out: seen.update(q=inputs[0], near=out))
    answer = net(image).logits.softmax(dim=1)
    mu = net.context.weight.unflatten(0, (3, 2))  # of label u and context k, from label v at an offset
    i, j = 11, 17
    patch = seen["near"][0, :, i - 1 : i + 2, j - 1 : j + 2]
    energy = torch.stack([min((mu[u, k] * patch).sum() for k in range(2)) for u in range(3)])
    expected = seen["q"][0, :, i, j] * torch.exp(-energy)
    torch.testing.assert_close(answer[0, :, i, j], expected / expected.sum())


@torch.no_grad()
def test_a_label_that_the_neighbors_speak_for_wins_an_undecided_pixel() -> None:
    """With contexts in which a label's neighbors lower its own price, isolated answers are smoothed away."""
    net = build("dpn", 2, mixtures=1, **TINY).eval()
    net.context.weight.zero_()
    for label in range(2):
        net.context.weight[label, label] = -10.0
    scores = torch.zeros(1, 2, 16, 16)
    scores[:, 0] = 1.0
    scores[:, :, 8, 8] = torch.tensor([0.0, 0.2])
    net.encoder.forward = lambda image: [image]
    net.classify.forward = lambda x: scores
    found = net(torch.rand(1, 3, 16, 16)).logits.argmax(dim=1)
    assert not found.any() and scores.argmax(dim=1).sum() == 1


def test_the_published_form() -> None:
    """fc6 sees 25x25 cells, b12 about 50x50 pixels, b13 is 9x9 with five maps a label (Table 2)."""
    with torch.device("meta"):
        net = build("dpn", 21)
    assert (net.classify[0].kernel_size, net.classify[0].dilation, net.classify[0].out_channels) == (
        (7, 7),
        (4, 4),
        4096,
    )
    assert net.neighbors.box.numel() == 51
    assert tuple(net.context.weight.shape) == (5 * 21, 21, 9, 9)
    with pytest.raises(ModelError, match="window and context are odd sides"):
        build("dpn", 3, window=50)
    with pytest.raises(ModelError, match="mixtures is 0; give how many contexts a label has"):
        build("dpn", 3, mixtures=0)
