"""Temperature, risk-coverage and label sets: worked examples, brute force, and a coverage that holds on unseen images."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from intarsia.errors import DataError
from intarsia.evaluation.reliance import SetFitter, fit_sets, fit_temperature
from intarsia.evaluation.risk import RiskCoverage
from intarsia.inference import Predictor
from intarsia.inference.sets import scores
from intarsia.labels import LabelSpace
from intarsia.structures import Sample

SPACE = LabelSpace(("a", "b", "c"))


class Overconfident(nn.Module):
    """Scores that are `factor` times the true log-odds of `Draws`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, image: Tensor) -> Tensor:
        return self.factor * image * 3


class Draws:
    """Noise, and labels drawn with the probabilities softmax(3 x noise): calibrated at temperature 1."""

    labels = SPACE

    def __init__(self, count: int, first: int = 0) -> None:
        self.count, self.first = count, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        random = np.random.default_rng(self.first + index)
        image = random.integers(0, 256, (3, 24, 24), dtype=np.uint8)
        p = np.exp(image / 255 * 3)
        p /= p.sum(0)
        labels = (random.random((24, 24)) > p.cumsum(0)).sum(0).clip(0, 2).astype(np.uint8)
        labels[:2] = 255
        return Sample(torch.from_numpy(image), torch.from_numpy(labels), str(index))


def predictor(factor: float = 1.0) -> Predictor:
    return Predictor.of_network(Overconfident(factor), SPACE, (0.0,) * 3, (1.0,) * 3)


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_the_temperature_undoes_what_was_done_to_the_scores(factor: float) -> None:
    found = fit_temperature(predictor(factor), Draws(20))
    assert found.value == pytest.approx(factor, rel=0.1)
    assert found.images == (10, 10)
    assert found.nll[1] <= found.nll[0] + 1e-3
    if factor == 4:
        assert found.ece[1] < 0.25 * found.ece[0]


def test_a_temperature_that_makes_other_images_less_likely_is_not_kept() -> None:
    """Every other image, those that are fitted on, has labels that follow from nothing; the others are calibrated as they are."""

    class Unlike(Draws):
        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            if index % 2:
                return sample
            flat = torch.from_numpy(np.random.default_rng(index).integers(0, 3, (24, 24), dtype=np.uint8))
            return sample._replace(labels=flat)

    found = fit_temperature(predictor(), Unlike(20))
    assert found.value == 1.0 and found.nll[0] == found.nll[1] and found.ece[0] == found.ece[1]
    assert found.refused is not None and found.refused[0] > 2 and found.refused[1] > found.nll[0]
    assert found.to_dict()["temperature"] == 1.0 and found.to_dict()["refused"]["nll"] == found.refused[1]
    assert "refused" not in fit_temperature(predictor(4.0), Draws(20)).to_dict()


def test_what_is_not_kept_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    from intarsia.cli.calibrate import show
    from intarsia.evaluation.reliance import Temperature

    show(Temperature(1.0, (0.588, 0.588), (0.1, 0.1), (1, 2), (2.5, 0.619)), "2 others")
    told = capsys.readouterr().out
    assert "temperature 1, as before: 2.500, fitted on 1 image, makes 2 others no likelier" in told
    assert "(negative log-likelihood 0.5880 without it, 0.6190 with it)" in told


def test_one_image_fits_and_measures() -> None:
    assert fit_temperature(predictor(), Draws(1)).images == (1, 1)


def test_a_sigmoid_map_has_a_temperature_too() -> None:
    space = LabelSpace(("no", "yes"), activation="sigmoid")

    class Sharp(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return 5 * (image[:, :1] * 4 - 2)

    class Coins:
        labels = space

        def __len__(self) -> int:
            return 8

        def __getitem__(self, index: int) -> Sample:
            random = np.random.default_rng(index)
            image = random.integers(0, 256, (3, 30, 30), dtype=np.uint8)
            p = 1 / (1 + np.exp(-(image[0] / 255 * 4 - 2)))
            labels = (random.random((30, 30)) < p).astype(np.uint8)
            return Sample(torch.from_numpy(image), torch.from_numpy(labels), str(index))

    model = Predictor.of_network(Sharp(), space, (0.0,) * 3, (1.0,) * 3)
    assert fit_temperature(model, Coins()).value == pytest.approx(5, rel=0.15)


def test_without_labels_there_is_nothing_to_calibrate_on() -> None:
    class Void(Draws):
        def __getitem__(self, index: int) -> Sample:
            sample = super().__getitem__(index)
            return sample._replace(labels=torch.full_like(sample.labels, 255))

    with pytest.raises(DataError, match="no pixel of the data set has a label"):
        fit_temperature(predictor(), Void(3))


def test_risk_and_coverage_by_hand() -> None:
    curve = RiskCoverage()
    curve.update([0.95, 0.85, 0.75, 0.65], [True, True, False, True])
    found = curve.compute()
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert found.risk.tolist() == pytest.approx([0, 0, 1 / 3, 1 / 4])
    assert found.area == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)
    assert found.at(1.0) == 0.25
    assert math.isnan(RiskCoverage().compute().area)


def test_scores_by_hand() -> None:
    p = torch.tensor([0.2, 0.7, 0.1]).view(1, 3, 1, 1)
    assert scores(p, "lac").flatten().tolist() == pytest.approx([0.8, 0.3, 0.9])
    assert scores(p, "aps").flatten().tolist() == pytest.approx([0.9, 0.7, 1.0])


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
def test_the_stated_coverage_holds_on_unseen_images_whatever_the_network(score: str, factor: float) -> None:
    """The promise takes nothing of the network: an overconfident one only gets larger sets."""
    model = predictor(factor)
    sets = fit_sets(model, Draws(60), 0.9, score=score)
    shares = []
    for n in range(60):
        sample = Draws(60, first=1000)[n]
        held = sample.labels != 255
        inside = sets(model.probabilities(sample.image[None]))[0]
        truth = sample.labels.long().masked_fill(~held, 0)
        shares.append(float(inside.gather(0, truth[None])[0][held].float().mean()))
    assert np.mean(shares) >= 0.9 - 3 * np.std(shares) / math.sqrt(60)
    if score == "lac":
        assert np.mean(shares) <= 0.9 + 1 / 61 + 0.02  # and it is not bought with needless classes


def test_images_that_differ_as_wholes_are_covered_on_average() -> None:
    """Whole images are easy or hard: a quantile over pixels would take each pixel for independent evidence."""
    random = np.random.default_rng(0)
    missed = []
    for _ in range(200):
        fitter = SetFitter()
        draw = lambda: torch.full((1, 2, 4, 4), 0.0).index_fill(1, torch.tensor([0]), float(random.random()))  # noqa: E731
        images = [draw() for _ in range(20)]
        for p in images[:19]:
            p[:, 1] = 1 - p[:, 0]
            fitter.update(p[0], torch.zeros(4, 4, dtype=torch.uint8))
        last = images[19]
        last[:, 1] = 1 - last[:, 0]
        missed.append(1 - float(fitter.fit(0.8)(last)[0, 0].float().mean()))
    assert np.mean(missed) <= 0.2 + 3 * np.std(missed) / math.sqrt(200)


def test_the_threshold_is_the_smallest_that_keeps_the_promise() -> None:
    """Brute force over every threshold of the grid."""
    random, fitter, held = torch.Generator().manual_seed(0), SetFitter(bins=50), []
    for _ in range(12):
        p = torch.rand(3, 5, 5, generator=random).softmax(0)
        labels = torch.randint(0, 3, (5, 5), generator=random)
        fitter.update(p, labels)
        held.append((p, labels))
    found = fitter.fit(0.8)
    for place in range(51):
        threshold = place / 50
        missed = []
        for p, labels in held:
            own = p.gather(0, labels[None])[0]
            missed.append(float(((1 - own.double() > threshold) & (p.argmax(0) != labels)).double().mean()))
        keeps = 12 / 13 * np.mean(missed) + 1 / 13 <= 0.2 + 1e-12
        assert keeps == (threshold >= found.threshold - 1e-9)


def test_too_few_images_cannot_promise() -> None:
    with pytest.raises(DataError, match="a coverage of 0.99 takes 99 held-out images at least, and there are 5"):
        fit_sets(predictor(), Draws(5), 0.99)
    with pytest.raises(DataError, match="did you mean 'lac'"):
        SetFitter("lacc")


def test_calibrate_on_the_command_line(run_cli, tmp_path) -> None:
    import json

    import intarsia

    changes = (
        "train.steps=1 train.batch_size=2 train.workers=0 train.cache=false data.count=24 data.size=32 model.channels=8"
    )
    run = tmp_path / "run"
    intarsia.train("shapes", *changes.split(), out=run, quiet=True)
    before = intarsia.Predictor.load(run)
    code, out, err = run_cli("calibrate", run, "--coverage", "0.8")
    assert code == 0, err
    assert "temperature" in out and "expected calibration error" in out and "label sets: threshold" in out
    after = intarsia.Predictor.load(run)
    image = torch.zeros(1, 3, 20, 20, dtype=torch.uint8)
    assert before.temperature == 1 and after.temperature != 1
    assert torch.equal(before.run(image)[0].classes, after.run(image)[0].classes)
    stored = intarsia.checkpoint.load(run, state=True)
    assert stored.calibration["sets"]["coverage"] == 0.8
    assert stored.state and stored.progress["step"] == 1  # it can still be resumed
    picture = tmp_path / "picture.png"
    from PIL import Image

    Image.fromarray(np.zeros((21, 34, 3), np.uint8)).save(picture)
    for kind in ("entropy", "tta", "sets"):
        code, _, err = run_cli("predict", run, picture, "--out", tmp_path / kind, "--uncertainty", kind)
        assert code == 0, err
        found = np.load(tmp_path / kind / "uncertainty" / "picture.npy")
        assert found.shape == (21, 34) and found.dtype == np.float32
        with Image.open(tmp_path / kind / "uncertainty" / "picture.png") as seen:
            assert seen.size == (34, 21)
    code, out, _ = run_cli("calibrate", run, "--json")
    assert code == 0 and json.loads(out)["temperature"] == pytest.approx(after.temperature)
    code, _, err = run_cli("predict", run, picture, "--out", tmp_path / "no", "--uncertainty", "mc-dropout")
    assert code == 2 and "has no dropout" in err
