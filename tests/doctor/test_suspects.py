"""What seems wrong in sound sets as often as in others: told on request, and not otherwise."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from intarsia.doctor import audit, visit

from .planted import FAULTS, folder, load, masks, of, save, scene


def kinds(root: Path, suspect: bool) -> dict[str, str]:
    return {f.kind: f.severity for f in visit(root, suspect=suspect).audit.findings}


def test_a_line_that_nearly_closes_is_a_note_and_a_warning_to_those_who_ask(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    FAULTS["gap"].plant(folder(tmp_path, random), random)
    assert kinds(tmp_path, suspect=False)["unclosed"] == "note"
    assert kinds(tmp_path, suspect=True)["unclosed"] == "warning"
    assert {f.kind: f.severity for f in audit(tmp_path, suspect=True).findings} == kinds(tmp_path, suspect=True)


@pytest.mark.parametrize(("share", "severity"), [(0.1, "warning"), (0.5, "note")])
def test_specks_are_slips_where_few_masks_hold_them(tmp_path: Path, share: float, severity: str) -> None:
    random = np.random.default_rng(1)
    root = tmp_path
    for number in range(30):
        image, labels = scene(random)
        labels = ndimage.median_filter(labels, 5)
        if number < 30 * share:
            labels[3:60:6, 4:90:9] = (labels[3:60:6, 4:90:9] + 1) % 4
        save(root / "images" / f"{number}.png", image)
        save(root / "masks" / f"{number}.png", labels)
    assert kinds(root, suspect=False)["specks"] == severity


def nested(random: np.random.Generator) -> np.ndarray:
    """A rectangle of 2 within one of 1 that is a pixel larger."""
    labels = np.zeros((72, 100), np.uint8)
    top, left = random.integers(4, 30, 2)
    labels[top : top + 24, left : left + 40] = 1
    labels[top + 1 : top + 23, left + 1 : left + 39] = 2
    return labels


@pytest.mark.parametrize(("count", "told"), [(1, False), (3, True)])
def test_a_rectangle_a_pixel_within_another_is_no_smoothing(tmp_path: Path, count: int, told: bool) -> None:
    """Three among thirty are: where two sides differ by two, smoothing always leaves one id."""
    random = np.random.default_rng(2)
    for number in range(30):
        image, labels = scene(random)
        labels = nested(random) if number < count else np.minimum(labels, 2)
        save(tmp_path / "images" / f"{number}.png", image)
        save(tmp_path / "masks" / f"{number}.png", labels)
    assert ("smeared" in kinds(tmp_path, suspect=False)) is told


def outlined(root: Path) -> None:
    for path in masks(root):
        mask = load(path)
        edge = np.zeros(mask.shape, bool)
        edge[1:] |= mask[1:] != mask[:-1]
        edge[:, 1:] |= mask[:, 1:] != mask[:, :-1]
        save(path, ndimage.binary_dilation(edge).astype(np.uint8))


def blurred(root: Path) -> None:
    """Images in which nothing has an edge: no mask lies on them better than another."""
    random = np.random.default_rng(9)
    for path in masks(root):
        image = load(of(path))
        save(of(path), random.integers(90, 160, image.shape).astype(np.uint8))


@pytest.mark.parametrize("change", [outlined, blurred])
def test_masks_that_no_edge_speaks_for_are_not_called_misplaced(tmp_path: Path, change: Callable[[Path], None]) -> None:
    root = folder(tmp_path, np.random.default_rng(3), train=24)
    change(root)
    assert not {"misplaced", "swapped", "flipped"} & kinds(root, suspect=False).keys()


def test_the_command_line_asks_for_suspects_and_for_little(tmp_path: Path, run_cli: Callable[..., tuple[int, str, str]]) -> None:  # fmt: skip
    random = np.random.default_rng(4)
    FAULTS["gap"].plant(folder(tmp_path, random), random)

    def told(*flags: str) -> dict[str, str]:
        found = json.loads(run_cli("data", "audit", tmp_path, "--json", *flags)[1])
        return {f["kind"]: f["severity"] for f in found["findings"]}

    assert (told()["unclosed"], told("--suspect")["unclosed"]) == ("note", "warning")
    assert "unclosed" not in told("--quick")
    code, _, err = run_cli("data", "audit", tmp_path, "--quick", "--fix", tmp_path.parent / "clean")
    assert code == 2 and "--quick looks at too little for --fix" in " ".join(err.split())
