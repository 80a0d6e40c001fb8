"""Slips that tools and people make when they write masks, names and lists: each is told with its file, and mended or left out."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from planted import NAMES, colored, folder, images, load, masks, of, save

from intarsia.doctor.diagnose import diagnose
from intarsia.doctor.diagnosis import Diagnosis
from intarsia.doctor.finding import Finding
from intarsia.doctor.mend import mend
from intarsia.errors import DataError

Random = np.random.Generator


@pytest.fixture
def random() -> Random:
    return np.random.default_rng(3)


@pytest.fixture
def root(tmp_path: Path, random: Random) -> Path:
    return folder(tmp_path / "set", random)


def only(found: Diagnosis, kind: str, severity: str) -> Finding:
    (hit,) = [f for f in found.audit.findings if f.kind == kind]
    assert hit.severity == severity
    return hit


def mended(found: Diagnosis, out: Path) -> dict[str, str]:
    steps = {s["file"]: s["action"] for s in mend(found, out)}
    assert not diagnose(out).audit.errors
    return steps


def named_colors(root: Path, random: Random) -> list[tuple[int, int, int]]:
    """Color masks with a truthful file of names; the colors in the order of the classes."""
    index = [load(path) for path in masks(root)]
    colored(root, random)
    seen = {int(k): tuple(load(p)[m == k][0]) for p, m in zip(masks(root), index, strict=True) for k in np.unique(m)}
    rows = [{"name": n, "color": "#{:02x}{:02x}{:02x}".format(*seen[k])} for k, n in enumerate(NAMES)]
    (root / "classes.json").write_text(json.dumps(rows))
    return [seen[k] for k in range(4)]


def test_nineteen_ids_and_255_are_not_two_classes_with_grays_between_them(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = load(path)
        for k in range(19):  # as in a street: many small things, and no label at the lower rim
            mask[3 * k : 3 * k + 3, : 20 + k] = k
        mask[-4:] = 255
        save(path, mask)
    found = diagnose(root)
    assert not [f for f in found.audit.findings if f.kind == "smeared"]
    assert found.labels.num_classes == 19 and found.labels.values[255] == "ignore"


def test_a_jpeg_under_the_name_of_a_png_is_told(root: Path, tmp_path: Path) -> None:
    for path in masks(root):
        save(path, (load(path) > 0).astype(np.uint8))
    hit = masks(root)[4]
    Image.open(hit).save(hit, format="JPEG", quality=60)
    found = diagnose(root)
    assert only(found, "smeared", "error").places == (str(hit),)
    assert mended(found, tmp_path / "out")[str(of(hit))].startswith("left out: ")


@pytest.mark.parametrize("count", [1, 4])
def test_a_color_that_the_file_of_names_lacks_is_no_class(
    root: Path, random: Random, tmp_path: Path, count: int
) -> None:
    named_colors(root, random)
    hit = masks(root)[:count]
    for path in hit:
        mask = load(path)
        mask[20:40, 20:40] = 17, 200, 40
        save(path, mask)
    found = diagnose(root)
    told = only(found, "stray", "error")
    assert f"{count} of the 18 masks hold colors that are no class in classes.json, {400 * count} px" in told.message
    assert told.places == tuple(map(str, hit)) and found.audit.names == NAMES
    mended(found, tmp_path / "out")
    copy = load(tmp_path / "out/masks/train" / hit[0].name)
    assert (copy[20:40, 20:40] == 255).all() and (copy == 255).sum() == 400


def test_a_color_one_step_off_is_the_color(root: Path, random: Random, tmp_path: Path) -> None:
    index = {p.name: load(p) for p in masks(root)}
    colors = [np.array([60, 16, 152]), np.array([132, 41, 246]), np.array([110, 193, 228]), np.array([254, 221, 58])]
    for path in masks(root):
        save(path, np.array(colors, np.uint8)[load(path)])
    hit = masks(root)[2]
    mask = load(hit)
    mask[index[hit.name] == 0] = 61, 15, 153
    save(hit, mask)
    found = diagnose(root)
    assert only(found, "stray", "warning").places == (str(hit),)
    mended(found, tmp_path / "out")
    table = {tuple(c): k for k, c in enumerate(map(tuple, np.array(colors).tolist()))}
    order = [
        table[int(v) >> 16, int(v) >> 8 & 255, int(v) & 255]
        for v in sorted(int(f"{r:02x}{g:02x}{b:02x}", 16) for r, g, b in table)
    ]
    assert (np.array([*order, *[9] * 252])[load(tmp_path / "out/masks/train" / hit.name)] == index[hit.name]).all()


@pytest.mark.parametrize("blend", [0.0, 0.5])
def test_a_picture_in_the_place_of_a_color_mask_is_left_out(
    root: Path, tmp_path: Path, blend: float, random: Random
) -> None:
    colored(root, random)
    hit = masks(root)[1]
    save(hit, (load(of(hit)) * (1 - blend) + load(hit) * blend).astype(np.uint8))
    found = diagnose(root)
    assert only(found, "picture", "error").places == (str(hit),)
    assert "as a picture does" in mended(found, tmp_path / "out")[str(of(hit))]


def test_a_mask_that_was_cut_is_not_stretched(root: Path, tmp_path: Path) -> None:
    cut, small = masks(root)[3], masks(root)[5]
    save(cut, load(cut)[:54, :75])  # 100 x 72 before: of the same shape
    whole = load(small)
    save(small, whole.repeat(2, 0).repeat(2, 1))
    steps = mended(diagnose(root), tmp_path / "out")
    assert "seems to be cut" in steps[str(of(cut))]
    assert (load(tmp_path / "out/masks/train" / small.name) == whole).all()


def test_masks_without_a_single_label_are_told(root: Path) -> None:
    for path in masks(root):
        mask = load(path)
        mask[:2] = 255
        save(path, mask)
    hit = masks(root, "train")[6]
    save(hit, np.full_like(load(hit), 255))
    assert only(diagnose(root), "all_ignored", "warning").places == (str(hit),)


def test_an_id_beyond_a_row_in_one_mask_is_told(root: Path) -> None:
    hit = masks(root, "train")[6]
    mask = load(hit)
    mask[10:40, 10:40] = 9
    save(hit, mask)
    told = only(diagnose(root), "scarce", "warning")
    assert told.places == (str(hit),) and "9 in 1 of them (900 px)" in told.message


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize(
    "spell",
    [str.upper, lambda n: f"{n} ", lambda n: n.replace("_", "-")],
    ids=["case", "space", "hyphen"],
)
def test_names_that_differ_to_a_computer_only_are_pairs(
    tmp_path: Path, random: Random, spell: object, beside: bool
) -> None:
    root = folder(tmp_path / "set", random, 8, 4)
    for n, path in enumerate(masks(root)):
        name = f"größe_é_{n}"
        image, mask = (
            (root / f"{name}.png", root / f"{name}_mask.png")
            if beside
            else (of(path).with_stem(name), path.with_stem(name))
        )
        of(path).rename(image)
        path.rename(mask)
        if n == 2:
            odd = image.rename(image.with_stem(spell(name)))  # type: ignore[operator]
            partner = mask
    if beside:
        for place in sorted(root.rglob("*"), reverse=True):
            if place.is_dir():
                place.rmdir()
    found = diagnose(root)
    told = only(found, "spelling", "warning")
    assert told.places == (str(odd), str(partner))
    assert not [f for f in found.audit.findings if f.kind == "unmatched"]
    before = load(partner)
    assert mended(found, tmp_path / "out")[str(partner)] == f"named {odd.stem.strip()}, as its image is"
    assert len(list((tmp_path / "out/masks").rglob("*.png"))) == 12
    (copy,) = [p for p in (tmp_path / "out/masks").rglob("*.png") if p.stem == odd.stem.strip()]
    assert (load(copy) == before).all()


def test_names_of_which_two_read_alike_stay_apart(root: Path) -> None:
    first = images(root, "train")[0]
    for name in (first.stem.upper(), f"{first.stem} "):
        save(first.with_stem(name), load(first)[::-1].copy())
    first.unlink()
    found = diagnose(root)
    assert not [f for f in found.audit.findings if f.kind == "spelling"]
    assert "2 images without a mask" in only(found, "unmatched", "warning").message


def test_a_picture_moved_by_a_pixel_is_a_copy(root: Path, random: Random) -> None:
    hit = images(root, "train")[4]
    copy = images(root, "train")[0].with_stem("zz")
    save(copy, np.clip(np.roll(load(hit), 1, 0) + random.normal(0, 3, load(hit).shape), 0, 255).astype(np.uint8))
    mask = masks(root, "train")[4]
    save(mask.with_stem("zz"), np.roll(load(mask), 1, 0))
    assert f"train/{hit.stem} = train/zz" in only(diagnose(root), "near_duplicates", "warning").places


def test_ids_one_too_high_are_seen_by_how_the_classes_look(root: Path, random: Random, tmp_path: Path) -> None:
    shades = random.permutation(np.linspace(0, 255, 11).astype(np.uint8))
    for path in masks(root):  # eleven stripes of their own gray each; ids 0 to 9 and, at the end of the row, one more
        mask = np.repeat(random.permutation(10), 10)[None].repeat(72, 0).astype(np.uint8)
        save(path, mask)
        save(of(path), np.clip(shades[mask][..., None] + random.normal(0, 6, (72, 100, 3)), 0, 255).astype(np.uint8))
    for path in masks(root, "val"):
        mask = load(path)
        save(path, np.where(mask == 3, np.uint8(10), mask))
    hit = masks(root, "train")[5]
    whole = load(hit)
    save(hit, whole + np.uint8(1))
    found = diagnose(root)
    assert only(found, "off_by_one", "warning").places == (str(hit),)  # how classes look is no error
    assert not found.audit.errors
    mended(found, tmp_path / "out")  # and changes nothing,
    assert (load(tmp_path / "out/masks/train" / hit.name) == whole + 1).all()
    mend(found, tmp_path / "accepted", ["off_by_one"])  # until a person accepts it
    assert (load(tmp_path / "accepted/masks/train" / hit.name) == whole).all()
    with pytest.raises(DataError, match="no finding 'offbyone' to accept; did you mean 'off_by_one'"):
        mend(found, tmp_path / "other", ["offbyone"])


def test_planes_are_told_by_their_files_and_by_those_that_are_missing(root: Path, tmp_path: Path) -> None:
    for path in masks(root, "train"):
        for k, name in enumerate(NAMES[1:], 1):
            save(tmp_path / "planes/masks" / name / path.name, (load(path) == k).astype(np.uint8) * np.uint8(255))
        save(tmp_path / "planes/images" / path.name, load(of(path)))
    files = sorted((tmp_path / "planes/masks/disk").iterdir())
    files[3].unlink()
    for plane in (tmp_path / "planes/masks").rglob(files[5].name):
        save(plane, load(plane)[:, ::-1].copy())
    images = sorted((tmp_path / "planes/images").iterdir())
    for path in images[-2:]:
        path.unlink()  # now the masks of two classes make more pairs than images and masks do
    found = diagnose(tmp_path / "planes")
    assert found.audit.names == ("background", "bar", "box", "disk")
    (place,) = only(found, "lacking", "warning").places
    assert Path(place).name == files[3].name
    (place,) = only(found, "misplaced", "warning").places
    assert Path(place).name == files[5].name and Path(place).is_file()
    assert "2 masks without an image" in only(found, "unmatched", "warning").message


def test_one_palette_of_another_order_leaves_the_ids_as_they_are(root: Path, tmp_path: Path) -> None:
    paint = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
    order = np.array([2, 0, 3, 1], np.uint8)
    hit = masks(root, "train")[7]
    before = load(hit)
    for path in masks(root):
        mask = load(path)
        mask[-3:] = 255
        picture = Image.fromarray(mask)
        colors = np.zeros((256, 3), np.uint8)
        colors[:4], colors[255] = np.reshape(paint, (4, 3)), (224, 224, 192)
        if path == hit:
            picture = Image.fromarray(np.where(mask == 255, 255, order[mask % 4]).astype(np.uint8))
            colors[order] = colors[:4].copy()
        picture.putpalette(colors.ravel().tolist())
        picture.save(path)
    found = diagnose(root)
    assert only(found, "palette_order", "warning").places == (str(hit),)
    assert not found.labels.by_color and found.labels.values[255] == "ignore"
    mended(found, tmp_path / "out")
    before[-3:] = 255
    assert (load(tmp_path / "out/masks/train" / hit.name) == before).all()


def test_frames_of_a_lively_video_on_both_sides_of_a_split_are_told(tmp_path: Path, random: Random) -> None:
    """A camera that pans over rough ground: neighbors differ by more than pictures of a calm scene do."""
    ground = np.asarray(
        Image.fromarray(random.integers(0, 256, (18, 55)).astype(np.uint8)).resize((440, 144), Image.Resampling.BICUBIC)
    )
    for n in range(12):
        frame = ground[:, 2 * n : 2 * n + 240]
        split = "val" if n in (4, 5) else "train"
        save(tmp_path / "images" / split / f"pan_{n:03d}.png", np.dstack([frame] * 3))
        save(tmp_path / "masks" / split / f"pan_{n:03d}.png", (frame > 128).astype(np.uint8))
    told = only(diagnose(tmp_path), "frames", "warning")
    assert told.places == ("train/pan_003 = val/pan_004", "val/pan_005 = train/pan_006")


@pytest.mark.parametrize(("gap", "told"), [(4, True), (9, False)])
def test_an_outline_is_open_where_a_gap_is_small(root: Path, gap: int, told: bool) -> None:
    for path in masks(root):
        save(path, (load(path) == 1).astype(np.uint8))
    hit = masks(root, "train")[3]
    mask = np.zeros((72, 100), np.uint8)
    mask[20:50, 30:70] = 1
    mask[22:48, 32:68] = 0
    mask[20:22, 44 : 44 + gap] = 0
    save(hit, mask)
    found = [f for f in diagnose(root).audit.findings if f.kind == "unclosed"]
    assert [f.places for f in found] == ([(f"{hit} (1)",)] if told else [])
