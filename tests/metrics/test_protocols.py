"""Each protocol against an independent reading of its peer's rule, on maps; and the table that they all differ by."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intarsia.errors import RecipeError
from intarsia.metrics import PROTOCOLS, ConfusionMatrix, ImageCounts, Scores

Maps = list[tuple[np.ndarray, np.ndarray]]


def masks(maps: Maps, k: int) -> tuple[int, int, int]:
    """(intersection, union, truth) of a class over the pixels that are not ignored, counted mask by mask."""
    both = either = there = 0
    for predicted, labels in maps:
        held = labels != 255
        p, t = (predicted == k) & held, (labels == k) & held
        both, either, there = both + int((p & t).sum()), either + int((p | t).sum()), there + int(t.sum())
    return both, either, there


def nan_mean(maps: Maps, count: int) -> float:
    """mmsegmentation: ratios with NaN, then nanmean."""
    found = [i / u for i, u, _ in (masks(maps, k) for k in range(count)) if u]
    return sum(found) / len(found) if found else math.nan


def truth_only(maps: Maps, count: int) -> float:
    """detectron2: classes whose truth is not empty."""
    found = [i / u for i, u, t in (masks(maps, k) for k in range(count)) if t]
    return sum(found) / len(found) if found else math.nan


def filled(value: float) -> Callable[[Maps, int], float]:
    """paddleseg (1), csail (0), torchvision (0 / 0): every class counts."""

    def mean(maps: Maps, count: int) -> float:
        return sum(i / u if u else value for i, u, _ in (masks(maps, k) for k in range(count))) / count

    return mean


def each_image(maps: Maps, count: int) -> float:
    """monai: NaN where the image's truth lacks the class, a mean over classes, then a mean over images."""
    found = [truth_only([pair], count) for pair in maps]
    held = [value for value in found if not math.isnan(value)]
    return sum(held) / len(held) if held else math.nan


def together(maps: Maps, count: int) -> float:
    """micro: one ratio of all classes' sums."""
    counts = [masks(maps, k) for k in range(count)]
    union = sum(u for _, u, _ in counts)
    return sum(i for i, _, _ in counts) / union if union else math.nan


RULES: dict[str, Callable[[Maps, int], float]] = {
    "dataset": nan_mean,
    "mmsegmentation": nan_mean,
    "detectron2": truth_only,
    "paddleseg": filled(1.0),
    "monai": each_image,
    "micro": together,
    "torchvision": filled(math.nan),
    "csail": filled(0.0),
}


def counted(maps: Maps, count: int) -> tuple[ConfusionMatrix, ImageCounts]:
    whole, images = ConfusionMatrix(count), ImageCounts(count)
    for n, (predicted, labels) in enumerate(maps):
        own = ConfusionMatrix(count)
        own.update(predicted, labels)
        whole.merge(own)
        images.update(str(n), own.matrix, own.ignored)
    return whole, images


def drawn(seed: int, count: int, images: int) -> Maps:
    """Random maps; some classes are missing from images, from the truth, or from both."""
    random = np.random.default_rng(seed)
    maps = []
    for _ in range(images):
        there, called = (random.choice(count, random.integers(1, count + 1), replace=False) for _ in range(2))
        labels = random.choice(there, (7, 9))
        predicted = np.where(random.random(labels.shape) < 0.6, labels, random.choice(called, labels.shape))
        labels[random.random(labels.shape) < random.choice([0.05, 0.05, 1.0])] = 255
        maps.append((predicted, labels))
    return maps


def test_every_protocol_has_a_rule_to_be_held_against() -> None:
    assert set(RULES) == set(PROTOCOLS)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 7), st.integers(1, 4))
@pytest.mark.parametrize("name", RULES)
def test_equals_the_peers_rule_on_random_maps(name: str, seed: int, count: int, images: int) -> None:
    maps = drawn(seed, count, images)
    whole, parts = counted(maps, count)
    expected = RULES[name](maps, count)
    assert parts.miou(name) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert whole.compute(name, images=parts).miou == pytest.approx(expected, abs=1e-12, nan_ok=True)
    if not PROTOCOLS[name].needs_images:
        assert whole.compute(name).miou == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**20))
@pytest.mark.parametrize("name", RULES)
def test_the_order_of_images_and_the_numbers_of_classes_change_nothing(name: str, seed: int) -> None:
    maps = drawn(seed, 5, 4)
    random = np.random.default_rng(seed)
    order, names = random.permutation(4), random.permutation(5)
    table = np.arange(256)
    table[:5] = names
    shuffled = [(table[maps[n][0]], table[maps[n][1]]) for n in order]
    before, after = counted(maps, 5)[1], counted(shuffled, 5)[1]
    assert after.miou(name) == pytest.approx(before.miou(name), abs=1e-12, nan_ok=True)
    np.testing.assert_allclose(after.each(name), before.each(name)[order])


def test_one_image_by_itself() -> None:
    maps = drawn(3, 5, 6)
    _, images = counted(maps, 5)
    for name, rule in RULES.items():
        assert images.each(name) == pytest.approx([rule([pair], 5) for pair in maps], nan_ok=True)


# The published toy case (docs/metrics.md): pixels of (truth, prediction) in two images of 800; 255 is ignored.
# Class 4 is predicted a little and never there, class 5 is nowhere, 5 % of the pixels are ignored.
TOY: tuple[dict[tuple[int, int], int], ...] = (
    {(0, 0): 423, (0, 1): 24, (1, 0): 24, (1, 1): 289, (255, 0): 40},
    {(0, 0): 301, (0, 2): 63, (0, 3): 90, (1, 0): 2, (1, 1): 161, (2, 2): 95, (2, 4): 18, (3, 2): 14, (3, 3): 16, (255, 3): 40},
)  # fmt: skip
TABLE = {
    "csail": "38.6", "mmsegmentation": "46.3", "paddleseg": "55.2", "detectron2": "57.9", "monai": "72.4", "micro": "73.2",
    "torchvision": "nan", "dataset": "46.3",
}  # fmt: skip


def toy() -> Maps:
    maps = []
    for image in TOY:
        pixels = list(image.values())
        labels = np.repeat([t for t, _ in image], pixels).reshape(20, 40)
        maps.append((np.repeat([p for _, p in image], pixels).reshape(20, 40), labels))
    return maps


def test_the_published_table() -> None:
    maps = toy()
    labels, predicted = (np.stack([pair[n] for pair in maps]) for n in (1, 0))
    assert set(np.unique(labels)) == {0, 1, 2, 3, 255} and set(np.unique(predicted)) == {0, 1, 2, 3, 4}
    assert (labels == 255).mean() == 0.05
    assert 0 < (predicted[labels != 255] == 4).mean() < 0.05
    _, images = counted(maps, 6)
    assert {name: f"{100 * images.miou(name):.1f}" for name in TABLE} == TABLE
    assert {name: f"{100 * RULES[name](maps, 6):.1f}" for name in TABLE} == TABLE


def test_the_page_on_metrics_shows_what_its_code_prints(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (root / "docs" / "metrics.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "metrics.md", "exec"), names)
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    shown = dict(re.findall(r"^\| `(\w+)`.*\| ([\d.]+|nan) \|$", page, re.MULTILINE))
    assert printed == shown == TABLE
    assert names["case"] == TOY


def test_paddleseg_gives_an_absent_class_one_in_iou_and_nought_in_dice() -> None:
    scores = Scores(np.diag([4, 0]), protocol="paddleseg")
    assert (scores.miou, scores.mean_dice) == (1.0, 0.5)
    assert Scores(np.diag([4, 0]), protocol="csail").miou == 0.5
    assert math.isnan(Scores(np.diag([4, 0]), protocol="torchvision").mean_dice)


def test_dice_follows_the_protocol() -> None:
    maps = drawn(11, 5, 3)
    whole, images = counted(maps, 5)
    f1 = [2 * i / (2 * i + (u - i)) for i, u, _ in (masks(maps, k) for k in range(5)) if u]
    assert whole.compute().mean_dice == pytest.approx(sum(f1) / len(f1))
    own = []
    for pair in maps:
        found = [2 * i / (i + u) for i, u, t in (masks([pair], k) for k in range(5)) if t]
        own += [sum(found) / len(found)] if found else []
    assert whole.compute("monai", images=images).mean_dice == pytest.approx(sum(own) / len(own))


def test_a_protocol_over_images_needs_them() -> None:
    with pytest.raises(RecipeError, match="'monai' averages over images, and a confusion matrix has lost them"):
        ConfusionMatrix(3).compute("monai")


def test_every_protocol_is_stored_in_words() -> None:
    for name, way in PROTOCOLS.items():
        assert way.to_dict().keys() == {"name", "absent", "averaging", "ignored", "resizing"}
        assert way.to_dict()["name"] == name and all(way.to_dict().values())
