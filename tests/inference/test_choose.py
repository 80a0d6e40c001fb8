"""Which backend a job is computed by: measured where that pays, held against float32, remembered."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import intarsia
from intarsia.errors import ModelError
from intarsia.inference import Ensemble, Predictor, Torch, Windowed, backends, choose
from intarsia.structures import SemanticLogits

LABELS = intarsia.LabelSpace(("ground", "disk", "bar"))
PHOTO = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


@pytest.fixture
def predictor() -> Predictor:
    """A small network in windows."""
    torch.manual_seed(0)
    engine = Torch(intarsia.build("unet", 3, channels=(4, 8)), (0.5,) * 3, (0.25,) * 3)
    return Predictor(Windowed(engine, 16), LABELS)


def took(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> list[list[str]]:
    """Let passes take so long; returns the backends of each measurement."""
    asked: list[list[str]] = []

    def timed(engines: dict, *_: object) -> dict[str, float]:
        asked.append(list(engines))
        return {name: seconds[name] for name in engines}

    monkeypatch.setattr(choose, "_timed", timed)
    monkeypatch.setattr(choose, "usual", lambda _: list(seconds))
    return asked


def test_few_pictures_are_not_measured_and_many_are_once(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two backends take six passes, which are a twentieth of 120 pictures; later a single picture uses what was found."""
    asked = took(monkeypatch, eager=0.1, channels_last=0.2)
    same, why = choose.choose(predictor, [PHOTO] * 119, 119, tmp_path)
    assert same is predictor and not why and not asked and not any(tmp_path.iterdir())
    made, why = choose.choose(predictor, [PHOTO] * 120, 120, tmp_path)
    assert why == "computed in eager: 100.0 ms for 24x32 (channels_last 200.0)" and asked == [
        ["eager", "channels_last"]
    ]
    assert made is not predictor and isinstance(made.engine, Windowed) and made.engine.size == 16
    _, why = choose.choose(predictor, [PHOTO], 1, tmp_path)
    assert why.endswith("(remembered)") and len(asked) == 1
    image = torch.from_numpy(PHOTO).permute(2, 0, 1)[None].contiguous()
    assert torch.allclose(made.logits(image), predictor.logits(image), atol=1e-5)


def test_what_was_remembered_is_of_these_weights_on_this_machine(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = took(monkeypatch, eager=0.1, channels_last=0.2)
    choose.choose(predictor, [PHOTO], 1000, tmp_path)
    with torch.no_grad():
        next(predictor.model.parameters()).mul_(2)
    choose.choose(predictor, [PHOTO], 1000, tmp_path)
    assert len(asked) == 2, "other weights are another network"
    (tmp_path / choose.FILE).write_text("{]")
    choose.choose(predictor, [PHOTO], 1000, tmp_path)
    assert len(asked) == 3 and len(json.loads((tmp_path / choose.FILE).read_text())) == 1, (
        "a damaged file is written anew"
    )


def test_what_was_remembered_is_of_this_size_version_and_threads(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = took(monkeypatch, eager=0.1, channels_last=0.2)
    for count in (1, 2):  # measured, then remembered
        choose.choose(predictor, [PHOTO], 1000, tmp_path)
        choose.choose(predictor, [PHOTO[:16]], 1000, tmp_path)
        assert len(asked) == 2, count
    assert choose.choose(predictor, [PHOTO[:20]], 1, tmp_path) == (predictor, ""), "of no other size"
    with monkeypatch.context() as other:
        other.setattr(torch, "get_num_threads", lambda: 77)
        choose.choose(predictor, [PHOTO], 1000, tmp_path)
    with monkeypatch.context() as other:
        other.setattr(torch, "__version__", "9.9")
        choose.choose(predictor, [PHOTO], 1000, tmp_path)
    assert len(asked) == 4


def test_the_usual_one_stays_unless_another_is_clearly_faster(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took(monkeypatch, eager=0.100, channels_last=0.104)
    assert "computed in channels_last: 104.0 ms" in choose.choose(predictor, [PHOTO], 1000, tmp_path)[1]


def test_another_precision_is_taken_only_where_its_answers_hold(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """bfloat16 of a fresh network, whose scores lie close together, changes pixels; the bounds decide."""
    took(monkeypatch, channels_last=0.2, bfloat16=0.1)
    monkeypatch.setattr(choose, "changes", lambda *_: "1 % of the pixels change, and 0.5 % may")
    made, why = choose.choose(predictor, [PHOTO], 1000, tmp_path / "a")
    assert "computed in channels_last" in why and "bfloat16 was left out: 1 % of the pixels change" in why
    assert made.precision == "float32"
    monkeypatch.setattr(choose, "changes", lambda *_: "")
    made, why = choose.choose(predictor, [PHOTO], 1000, tmp_path / "b")
    assert "computed in bfloat16" in why and made.precision == "bfloat16" and predictor.precision == "float32"


def test_a_remembered_precision_is_held_against_float32_on_each_job(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its speed is remembered; whether its answers hold is of the pictures."""
    took(monkeypatch, channels_last=0.2, bfloat16=0.1)
    looked: list[list[Tensor]] = []
    faults = ["", "1 % of the pixels change, and 0.5 % may", ""]

    def changes(old: Torch, new: Torch, images: list[Tensor], *_: object) -> str:
        looked.append(list(images))
        return faults[len(looked) - 1]

    monkeypatch.setattr(choose, "changes", changes)
    choose.choose(predictor, [PHOTO] * 3, 1000, tmp_path)
    assert choose.choose(predictor, [PHOTO], 11, tmp_path) == (predictor, "") and len(looked) == 1
    other = 255 - PHOTO
    made, why = choose.choose(predictor, [other] * 4, 12, tmp_path)
    assert made is predictor and why == f"bfloat16 was left out on these pictures: {faults[1]}"
    assert len(looked[1]) == 3 and torch.equal(looked[1][0][0], torch.from_numpy(other).permute(2, 0, 1))
    made, why = choose.choose(predictor, [PHOTO] * 4, 12, tmp_path)
    assert made.precision == "bfloat16" and why.endswith("(remembered; held against float32 on 3 pictures of this job)")


def test_answers_are_held_against_float32(predictor: Predictor) -> None:
    """Worked: one of 100 pixels changed is 1 %; probabilities a hundredth apart; scores that are no numbers."""
    old = predictor.pytorch
    image = torch.randint(0, 256, (1, 3, 10, 10), dtype=torch.uint8)
    true = torch.tensor([4.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 10, 10)

    def engine(scores: Tensor):
        return lambda _: SemanticLogits(scores)

    other = true.clone()
    other[0, :, 0, 0] = torch.tensor([0.0, 4.0, 0.0])
    held = engine(true)
    assert not choose.changes(held, engine(true + 1e-3), [image], LABELS)
    assert choose.changes(held, engine(other), [image], LABELS) == "1 % of the pixels change, and 0.5 % may"
    assert not choose.changes(held, engine(other), [image], LABELS, choose.Bounds(0.02, 0.02))
    assert "probabilities differ by" in choose.changes(held, engine(true / 2), [image], LABELS)
    assert choose.changes(held, engine(true * torch.nan), [image], LABELS) == "its scores are no numbers"
    fast = backends.BACKENDS["bfloat16"].prepare(choose._copied(old))
    assert fast.precision == "bfloat16" and old.precision == "float32"
    assert not choose.changes(old, fast, [image], LABELS, choose.Bounds(1.0, 0.05)), "it runs, whatever the processor"


def test_a_backend_by_name(predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose.by_name(predictor, "eager").precision == "float32"
    with pytest.raises(ModelError, match="there is no backend 'eagr'; did you mean 'eager'"):
        choose.by_name(predictor, "eagr")
    monkeypatch.setattr(backends, "bfloat16_unit", lambda _: "")
    with pytest.raises(
        ModelError, match=r"'bfloat16' cannot be had: this machine's cpu has no units .* choose eager or channels_last"
    ):
        choose.by_name(predictor, "bfloat16")
    with pytest.raises(ModelError, match="this needs a network in PyTorch"):
        choose.by_name(Predictor.load("classical:otsu"), "eager")
    several = Predictor(Ensemble([predictor.pytorch, choose._copied(predictor.pytorch)]), LABELS)
    both = choose.by_name(several, "eager").engine
    assert isinstance(both, Ensemble) and not {id(one) for one in both.engines} & {
        id(one) for one in several.engine.engines
    }


def test_predict_says_what_it_chose(predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from intarsia.inference import job

    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    told: list[str] = []
    monkeypatch.setattr(job, "choose", lambda one, pictures, count: (one, f"computed in eager, of {count}"))
    intarsia.predict(predictor, tmp_path / "a.png", tmp_path / "out", say=told.append, backend="auto")
    assert told == ["computed in eager, of 1"]
    intarsia.predict(predictor, tmp_path / "a.png", tmp_path / "out", say=told.append)
    assert len(told) == 1, "a predictor that was handed over is left as it is"
    with pytest.raises(ModelError, match="there is no backend"):
        intarsia.predict(predictor, tmp_path / "a.png", tmp_path / "out", backend="fast")


def test_a_single_photo_does_not_wait_for_a_preparation(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took(monkeypatch, channels_last=0.2, folded=0.1)
    made, why = choose.choose(predictor, [PHOTO], 1000, tmp_path)
    assert "computed in folded" in why
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in made.pytorch.model.modules())
    image = torch.from_numpy(PHOTO).permute(2, 0, 1)[None].contiguous()
    assert torch.allclose(made.logits(image), predictor.logits(image), atol=1e-4)
    assert choose.choose(predictor, [PHOTO], 9, tmp_path) == (predictor, "")
    assert "computed in folded" in choose.choose(predictor, [PHOTO], 10, tmp_path)[1]


class Demanding(torch.nn.Module):
    """A network that computes pictures of one size alone."""

    def __init__(self, height: int) -> None:
        super().__init__()
        self.conv, self.norm, self.height = torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3), height

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] != self.height:
            raise RuntimeError(f"height {self.height} only")
        return self.norm(self.conv(x))


def test_a_backend_that_fails_does_not_end_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folding looks at 128 x 128 pixels, which a network of one size refuses; a picture it refuses is the job's to report."""
    took(monkeypatch, channels_last=0.2, folded=0.1)
    own = Predictor(Torch(Demanding(24), (0.5,) * 3, (0.25,) * 3), LABELS)
    made, why = choose.choose(own, [PHOTO], 1000, tmp_path)
    assert (
        "computed in channels_last" in why and "folded was left out: it fails here (Demanding cannot be folded" in why
    )
    assert made.logits(torch.zeros(1, 3, 24, 8, dtype=torch.uint8)).shape == (1, 3, 24, 8)
    with pytest.raises(ModelError, match=r"fails on an image of 128x128 pixels \(height 24 only\); choose another"):
        choose.by_name(own, "folded")
    other = Predictor(Torch(Demanding(25), (0.5,) * 3, (0.25,) * 3), LABELS)
    assert choose.choose(other, [PHOTO], 1000, tmp_path) == (other, "")


def test_dropout_is_drawn_from_the_network_that_was_loaded(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No backend is chosen where dropout is switched on, and what has none is refused before the first picture."""
    from PIL import Image

    from intarsia.inference import job

    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    with pytest.raises(ModelError, match="has no dropout"):
        intarsia.predict(predictor, tmp_path / "a.png", tmp_path / "out", uncertainty="mc-dropout")
    assert not (tmp_path / "out").exists()
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Dropout(0.5), torch.nn.BatchNorm2d(3))
    dropping = Predictor(Torch(network, (0.5,) * 3, (0.25,) * 3), LABELS)
    monkeypatch.setattr(job, "choose", lambda *_: pytest.fail("a backend was chosen"))
    done = intarsia.predict(dropping, tmp_path / "a.png", tmp_path / "out", uncertainty="mc-dropout", backend="auto")
    assert not done.failed
