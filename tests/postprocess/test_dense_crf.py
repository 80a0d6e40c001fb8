"""A dense CRF against sums over all pairs of points, against pydensecrf2, and in what must not change its answer."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from intarsia.blocks.permutohedral import Lattice
from intarsia.errors import ModelError
from intarsia.labels import LabelSpace
from intarsia.postprocess.dense_crf import check_crf, colors, dense_crf, places, refined
from intarsia.postprocess.mean_field import Kernel, mean_field
from intarsia.structures import ClassLogits, PanopticLogits, SemanticLogits

ENGINES = ("numba", "torch")
STORED = Path(__file__).parent / "pydensecrf2.npz"


def scene(height: int = 20, width: int = 26, classes: int = 4) -> tuple[Tensor, Tensor]:
    """Scores and a picture of a few smooth regions, with noise."""
    random = torch.Generator().manual_seed(3)
    coarse = torch.randn(1, classes, 4, 5, generator=random) * 2
    scores = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    flat = torch.randint(0, 256, (3, 3, 4), generator=random).float()
    image = torch.nn.functional.interpolate(flat[None], (height, width), mode="nearest")[0]
    return scores, (image + 8 * torch.randn(image.shape, generator=random)).clamp(0, 255).round()


def exact(features: Tensor, values: Tensor) -> Tensor:
    """Filter by the Gaussian itself, over all N^2 pairs."""
    return (-torch.cdist(features.double(), features.double()).square() / 2).exp() @ values.double()


def brute(scores: Tensor, kernels: list[Kernel], iterations: int) -> Tensor:
    """The mean field with exact filters, [K, N] float64."""
    q = scores.double().softmax(0)
    for _ in range(iterations):
        total = scores.double()
        for kernel in kernels:
            norm = exact(kernel.features, torch.ones(scores.shape[1], 1)).T
            before, after = {
                "symmetric": (norm**-0.5, norm**-0.5), "before": (1 / norm, 1), "after": (1, 1 / norm), "none": (1, 1),
            }[kernel.normalization]  # fmt: skip
            seen = exact(kernel.features, (q * before).T).T * after
            weight = torch.as_tensor(kernel.weight).double()
            total = total + (-weight @ seen if weight.ndim == 2 else weight.reshape(-1, 1) * seen)
        q = total.softmax(0)
    return q


def kernels_of(image: Tensor, **how) -> list[Kernel]:
    height, width = image.shape[1:]
    near, far = places(height, width, 3, image), places(height, width, 8, image)
    return [Kernel(torch.cat([far, colors(image, 40)], 1), 2.0, **how), Kernel(near, 2.0, **how)]


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 7])
def test_the_lattice_filters_as_a_gaussian_does(dimensions: int) -> None:
    """Normalized, the mean error is a few percent of the values' deviation, whatever the number of features."""
    random = torch.Generator().manual_seed(dimensions)
    points, values = torch.rand(400, dimensions, generator=random) * 2, torch.rand(400, 2, generator=random)
    lattice = Lattice(points)
    assert torch.allclose(lattice.weights.sum(1), torch.ones(400), atol=1e-5) and bool((lattice.weights > -1e-5).all())
    mine = lattice.filter(values) / lattice.filter(torch.ones(400, 1))
    truth = exact(points, values) / exact(points, torch.ones(400, 1))
    assert float((mine - truth).abs().mean()) < 0.05 * float(values.std())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("normalization", ["symmetric", "before", "after"])
def test_within_five_percent_of_exact_filtering(engine: str, normalization: str) -> None:
    scores, image = scene()
    kernels = kernels_of(image, normalization=normalization)
    q = mean_field(scores.flatten(1), kernels, 5, engine)
    truth = brute(scores.flatten(1), kernels, 5)
    assert torch.allclose(q.sum(0), torch.ones(q.shape[1]), atol=1e-5)
    assert float((q - truth).abs().mean()) < 0.01 and float((q - truth).abs().max()) < 0.1
    assert float((q.argmax(0) == truth.argmax(0)).float().mean()) > 0.95


@pytest.mark.parametrize("engine", ENGINES)
def test_what_classes_pay_for_each_other(engine: str) -> None:
    """A Potts model as a number, as K numbers and as a matrix is the same; a matrix pays what it says."""
    scores, image = scene()
    near = places(20, 26, 2, image)
    potts = [Kernel(near, 2.0), Kernel(near, [2.0] * 4), Kernel(near, 2.0 * (1 - torch.eye(4)))]
    one, *others = (mean_field(scores.flatten(1), [kernel], 4, engine) for kernel in potts)
    for other in others:
        torch.testing.assert_close(other, one, atol=1e-5, rtol=0)
    free = torch.tensor([[0, 0, 3, 3], [0, 0, 3, 3], [1, 1, 0, 0], [1.0, 1, 0, 0]])  # 0 and 1 do not mind each other
    kernel = Kernel(near, free)
    q, truth = mean_field(scores.flatten(1), [kernel], 4, engine), brute(scores.flatten(1), [kernel], 4)
    assert float((q - truth).abs().mean()) < 0.02 and float((q - one).abs().max()) > 0.1


def test_engines_agree_in_any_number_of_features_and_classes() -> None:
    random = torch.Generator().manual_seed(0)
    for dimensions, classes, normalization in ((1, 2, "none"), (3, 5, "before"), (6, 9, "after"), (8, 3, "symmetric")):
        features = torch.rand(300, dimensions, generator=random) * 4
        scores = torch.randn(classes, 300, generator=random)
        one, other = (mean_field(scores, [Kernel(features, 0.3, normalization)], 3, engine) for engine in ENGINES)
        torch.testing.assert_close(one, other, atol=2e-5, rtol=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_pydensecrf(engine: str) -> None:
    """Its stored output for a piece of a street scene (DenseCRF2D of pydensecrf2 1.1: Gaussian, bilateral, 10 iterations)."""
    stored = np.load(STORED)
    scores, image = (torch.from_numpy(stored[name]).float() for name in ("scores", "image"))
    q = dense_crf(scores, image, bilateral=10, place=40, color=13, spatial=3, near=3, iterations=10, engine=engine)
    assert float((q - torch.from_numpy(stored["q"])).abs().max()) < 1e-4
    kernel = Kernel(places(*image.shape[1:], 4, image), torch.from_numpy(stored["costs"]), "none")
    other = mean_field(scores.flatten(1), [kernel], 5, engine)
    assert float((other - torch.from_numpy(stored["costly"])).abs().max()) < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
def test_what_must_not_change_the_answer(engine: str) -> None:
    scores, image = scene()
    q = dense_crf(scores, image, engine=engine)
    assert float((q - scores.softmax(0)).abs().max()) > 0.1
    order = torch.tensor([2, 0, 3, 1])
    assert torch.allclose(dense_crf(scores[order], image, engine=engine), q[order], atol=1e-5)
    layout = scores.permute(1, 2, 0).contiguous().permute(2, 0, 1), image.to(torch.uint8).mT.contiguous().mT
    assert torch.allclose(dense_crf(*layout, engine=engine), q, atol=1e-6)
    assert torch.allclose(dense_crf(scores + 7, image, engine=engine), q, atol=1e-4)
    even = dense_crf(torch.zeros_like(scores), image, engine=engine)
    assert torch.allclose(even, torch.full_like(even, 0.25), atol=1e-5)
    assert torch.equal(dense_crf(scores, image, iterations=0, bilateral=0, spatial=0), scores.softmax(0))


def test_the_number_of_threads_does_not_change_the_answer() -> None:
    scores, image = scene(96, 128)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(dense_crf(scores, image, engine="numba"))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_without_numba_it_runs_in_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    scores, image = scene()
    q = dense_crf(scores, image)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    torch.testing.assert_close(dense_crf(scores, image), q, atol=1e-4, rtol=0)


def test_outputs_of_networks_are_refined() -> None:
    scores, image = scene()
    space, two = LabelSpace(("a", "b", "c", "d")), LabelSpace(("a", "b"), activation="sigmoid")
    q = dense_crf(scores / 2, image, place=9)
    whole = refined(SemanticLogits(scores[None]), image[None], space, {"place": 9}, temperature=2.0)
    assert torch.allclose(whole.logits[0].exp(), q, atol=1e-6)
    centers, offsets = torch.zeros(1, 1, 20, 26), torch.zeros(1, 2, 20, 26)
    panoptic = refined(PanopticLogits(scores[None], centers, offsets), image[None], space, {"place": 9}, 2.0)
    assert torch.equal(panoptic.semantic, whole.logits) and panoptic.centers is centers
    single = refined(SemanticLogits(scores[None, :1]), image[None], two, {})
    pair = dense_crf(torch.stack([torch.zeros(20, 26), scores[0]]), image)
    assert torch.allclose(single.logits[0, 0].sigmoid(), pair[1], atol=1e-4)
    with pytest.raises(ModelError, match="returns ClassLogits, which has none; leave it out"):
        refined(ClassLogits(torch.zeros(1, 4)), image[None], space, {})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"colour": 3}, "takes no option 'colour'; did you mean 'color'"),
        ({"place": 0}, "place of the CRF is 0; give a number, 0.01 or more"),
        ({"bilateral": -1}, "bilateral of the CRF is -1; give a number, 0 or more"),
        ({"spatial": float("nan")}, "spatial of the CRF is nan; give a number"),
        ({"iterations": 2.5}, "iterations of the CRF is 2.5; give a whole number"),
    ],
)
def test_options_that_are_none(options: dict, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        check_crf(options)


def test_scores_and_features_that_are_none() -> None:
    scores, image = scene()
    with pytest.raises(ModelError, match="hold numbers that are none"):
        dense_crf(scores * float("nan"), image)
    with pytest.raises(ModelError, match=r"give \[K, H, W\] and \[C, H, W\]"):
        dense_crf(scores, image[:, :5])
    for engine in ENGINES:  # a lattice of float32 lost its way there, and the compiled loops wrote beyond their arrays
        with pytest.raises(
            ModelError, match=r"reach 2.55e\+11 deviations, and a lattice tells points apart up to 1,000,000"
        ):
            dense_crf(scores, torch.full_like(image, 2.55e9), color=0.01, engine=engine)
    with pytest.raises(ModelError, match="a weight of shape"):
        mean_field(scores.flatten(1), [Kernel(places(20, 26, 3, image), [1.0, 2.0])])
    with pytest.raises(ModelError, match="no engine 'numb' of a dense CRF; did you mean 'numba'"):
        mean_field(scores.flatten(1), [], engine="numb")
    with pytest.raises(ModelError, match="no normalization 'symetric'; did you mean 'symmetric'"):
        mean_field(scores.flatten(1), [Kernel(places(20, 26, 3, image), 1, "symetric")])
