"""How much the label doctor looks at before the first step: everything, or of large sets what is quick to see."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import intarsia
from intarsia.config import Recipe
from intarsia.errors import RecipeError, TrainingError
from intarsia.training import material
from intarsia.training.recipe import load
from intarsia.training.usual import init

from ..doctor import planted
from ..doctor.planted import folder, images, masks, save

MODEL = {"name": "fpn", "encoder": "mobilenetv3_small_050", "channels": 16}


def recipe(root: Path, cache: Path, **train: Any) -> Recipe:
    tree, _ = init(root)
    usual = {"steps": 1, "batch_size": 2, "workers": 0, "precision": "float32", "cache_dir": str(cache)}
    return load({"data": tree["data"], "labels": tree["labels"], "model": MODEL, "train": {**usual, **train}})


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """A set in which a picture to train on was saved again, with its mask, to validate on: only a full audit sees it."""
    root = folder(tmp_path / "set", np.random.default_rng(4))
    one, two = images(root, "train")[0], images(root, "val")[0]
    save(two, (planted.load(one) * 0.8 + 6).astype(np.uint8))
    save(masks(root, "val")[0], planted.load(masks(root, "train")[0]))
    return root


def test_large_sets_are_audited_quickly_and_fully_on_request(
    twice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit, wish, quick in (
        (18, True, ""),
        (17, True, "more than 17"),
        (18, "quick", "train.audit=quick"),
        (1, "full", ""),
    ):
        monkeypatch.setattr(material, "AUDITED_FULLY", limit)
        wanted = recipe(twice, tmp_path / f"kept{limit}{wish}", audit=wish)
        if quick:
            found = material.collect(wanted)
            assert quick in found.quick and found.audit is not None and len(found.audit.hash) > 8
            assert material.collect(wanted).remembered
        else:
            with pytest.raises(TrainingError, match="more than one split"):
                material.collect(wanted)


def test_a_full_audit_that_is_remembered_is_taken_for_a_quick_one(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", np.random.default_rng(5))
    quick, full = (material.collect(recipe(root, tmp_path / "kept", audit=how)) for how in ("quick", "full"))
    assert not quick.remembered and not full.remembered
    again = material.collect(recipe(root, tmp_path / "kept", audit="quick"))
    assert again.remembered and again.audit is not None and full.audit is not None
    assert again.audit.objects.any() and np.array_equal(again.audit.objects, full.audit.objects)


def test_the_log_says_that_an_audit_was_quick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder(tmp_path / "set", np.random.default_rng(6))
    intarsia.train(recipe(root, tmp_path / "kept", audit="quick"), out=tmp_path / "run")
    said = " ".join("".join(capsys.readouterr()).split())
    assert "exact copies only (train.audit=quick); train.audit=full looks at everything" in said


@pytest.mark.parametrize(("given", "kept"), [("off", False), ("on", True), (False, False), ("quick", "quick")])
def test_off_is_what_false_is(given: Any, kept: Any) -> None:
    assert load({"model": MODEL, "train": {"steps": 1, "audit": given}}).train.audit == kept


def test_another_word_is_refused() -> None:
    with pytest.raises(RecipeError, match="audit"):
        load({"model": MODEL, "train": {"steps": 1, "audit": "fast"}})
