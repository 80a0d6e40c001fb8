"""Folders of drawn scenes with one fault planted in each, at random places."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

Random = np.random.Generator
NAMES = ("ground", "disk", "bar", "box")
_PAINT = np.array([[96, 120, 84], [206, 84, 62], [64, 92, 200], [222, 196, 90]])
_COLORS = np.array([[60, 16, 152], [132, 41, 246], [110, 193, 228], [254, 221, 58]], np.uint8)


def scene(random: Random, height: int = 72, width: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """An RGB picture of a disk, a bar and a box under a slope of light, and its classes."""
    y, x = np.mgrid[:height, :width]
    labels = np.zeros((height, width), np.uint8)
    left = int(random.integers(2, width - 12))
    labels[:, left : left + int(random.integers(6, 10))] = 2
    top, side = int(random.integers(2, height - 24)), int(random.integers(2, width - 30))
    labels[top : top + int(random.integers(12, 22)), side : side + int(random.integers(14, 28))] = 3
    middle = random.integers(16, height - 16), random.integers(16, width - 16)
    labels[(y - middle[0]) ** 2 + (x - middle[1]) ** 2 < random.integers(100, 190)] = 1
    slope = random.uniform(-0.5, 0.5, 2)
    light = 1 + slope[0] * (y / height - 0.5) + slope[1] * (x / width - 0.5)
    clouds = np.asarray(
        Image.fromarray(random.integers(60, 196, (5, 6)).astype(np.uint8)).resize(
            (width, height), Image.Resampling.BICUBIC
        )
    )
    image = (
        _PAINT[labels] * light[..., None] + (clouds[..., None] - 128.0) * 0.35 + random.normal(0, 3, (height, width, 1))
    )
    return image.clip(0, 255).astype(np.uint8), labels


def folder(root: Path, random: Random, train: int = 12, val: int = 6) -> Path:
    """images/ and masks/ with train and val below: index PNGs, 0 to 3."""
    for split, count in (("train", train), ("val", val)):
        for _ in range(count):
            name = "".join(random.choice(list("abcdefghijklmnop"), 9))
            image, labels = scene(random)
            save(root / "images" / split / f"{name}.png", image)
            save(root / "masks" / split / f"{name}.png", labels)
    return root


def save(path: Path, array: np.ndarray, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **how)
    return path


def load(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def masks(root: Path, split: str = "*") -> list[Path]:
    return sorted(root.glob(f"masks/{split}/*"))


def images(root: Path, split: str = "*") -> list[Path]:
    return sorted(root.glob(f"images/{split}/*"))


def pick(random: Random, paths: list[Path], count: int = 1) -> list[Path]:
    return [paths[n] for n in random.choice(len(paths), count, replace=False)]


def of(mask: Path) -> Path:
    """The image of a mask."""
    return Path(str(mask).replace("/masks/", "/images/"))


class Fault(NamedTuple):
    """A fault, what must be found, and whether it makes training wrong."""

    plant: Callable[[Path, Random], object]
    kinds: tuple[str, ...]
    severity: str


def stray(root: Path, random: Random) -> None:
    for path in pick(random, masks(root), int(random.integers(1, 3))):
        mask = load(path)
        y, x = random.integers(0, 60), random.integers(0, 90)
        mask[y : y + 4, x : x + 4] = random.integers(9, 250)
        save(path, mask)


def named(plant: Callable[[Path, Random], object]) -> Callable[[Path, Random], None]:
    """The same beside a file of class names."""

    def planted(root: Path, random: Random) -> None:
        (root / "classes.txt").write_text("\n".join(NAMES))
        plant(root, random)

    return planted


def next_id(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    mask = load(path)
    mask[10:14, 10:15] = 4
    save(path, mask)


def empty_file(root: Path, random: Random) -> None:
    pick(random, masks(root) + images(root))[0].write_bytes(b"")


def truncated(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root) + images(root))
    path.write_bytes(path.read_bytes()[: int(random.integers(40, 120))])


def text(root: Path, random: Random) -> None:
    pick(random, masks(root) + images(root))[0].write_text("<html>404 not found</html>")


def no_mask(root: Path, random: Random) -> None:
    pick(random, masks(root))[0].unlink()


def no_image(root: Path, random: Random) -> None:
    pick(random, images(root))[0].unlink()


def renamed(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    path.rename(path.with_name("Copy of " + path.name))


def resized(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    Image.open(path).resize((50, 36), Image.Resampling.NEAREST).save(path)


def cropped(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, load(path)[: -int(random.integers(1, 20))])


def rotated(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, np.rot90(load(path), int(random.choice([1, 3]))).copy())


def flipped(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, load(path)[:, ::-1].copy())


def upside_down(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, load(path)[::-1].copy())


def one_flipped(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, load(path)[::-1, ::-1].copy())


def borrowed(root: Path, random: Random) -> None:
    """A mask stands beside a second image, too."""
    one, other = pick(random, masks(root), 2)
    save(other, load(one))


def swapped_masks(root: Path, random: Random) -> None:
    one, two = pick(random, masks(root), 2)
    a, b = load(one), load(two)
    save(one, b)
    save(two, a)


def all_from_one(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, load(path) + np.uint8(1))


def one_from_one(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, load(path) + np.uint8(1))


def void_is_k(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = load(path)
        mask[: random.integers(3, 9)] = 4
        save(path, mask)


def full_and_one(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, (load(path) > 0).astype(np.uint8))
    for path in pick(random, masks(root), int(random.integers(1, 5))):
        save(path, load(path) * np.uint8(255))


def wide(root: Path, random: Random) -> None:
    for path in pick(random, masks(root), int(random.choice([1, 18]))):
        save(path, load(path).astype(np.uint16) * np.uint16(256))


def alpha(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = load(path)
        save(path, np.dstack([np.full((*mask.shape, 3), 255, np.uint8), mask]))


def cutout(root: Path, random: Random) -> None:
    """The object cut out of its image, with all else transparent."""
    for path in masks(root):
        opaque = (load(path) > 0).astype(np.uint8) * np.uint8(255)
        save(path, np.dstack([load(of(path)), opaque]))


def jpeg_two(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = (load(path) > 0).astype(np.uint8) * np.uint8(255)
        path.unlink()
        save(path.with_suffix(".jpg"), np.dstack([mask] * 3), quality=int(random.integers(60, 95)))


def smooth_two(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = Image.fromarray((load(path) > 0).astype(np.uint8) * np.uint8(255))
        mask.resize((61, 47), Image.Resampling.BILINEAR).resize(mask.size, Image.Resampling.BILINEAR).save(path)


def jpeg_colors(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = load(path)
        path.unlink()
        save(path.with_suffix(".jpg"), _COLORS[mask], quality=int(random.integers(75, 95)))


def jpeg_some_colors(root: Path, random: Random) -> None:
    colored(root, random)
    for path in pick(random, masks(root), 2):
        mask = load(path)
        path.unlink()
        save(path.with_suffix(".jpg"), mask, quality=85)


def smooth_colors(root: Path, random: Random) -> None:
    colored(root, random)
    for path in pick(random, masks(root), int(random.integers(1, 4))):
        picture = Image.open(path)
        picture.resize((61, 47), Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BILINEAR).save(path)


def smooth_ids(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, load(path) * np.uint8(60))
    for path in pick(random, masks(root), int(random.integers(1, 4))):
        picture = Image.open(path)
        picture.resize((61, 47), Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BILINEAR).save(path)


def jpeg_ids(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, load(path) * np.uint8(40))
    (path,) = pick(random, masks(root))
    mask = load(path)
    path.unlink()
    save(path.with_suffix(".jpg"), mask, quality=80)


def colored(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, _COLORS[load(path)])


def some_colored(root: Path, random: Random) -> None:
    for path in pick(random, masks(root), 2):
        save(path, _COLORS[load(path)])


def some_ids(root: Path, random: Random) -> None:
    colored(root, random)
    (path,) = pick(random, masks(root))
    mask = load(path)
    save(path, np.array([(mask == color).all(axis=2) for color in _COLORS]).argmax(axis=0).astype(np.uint8))


def palettes(root: Path, random: Random) -> None:
    for path in masks(root):
        order = random.permutation(4)
        picture = Image.fromarray(np.argsort(order)[load(path)].astype(np.uint8))
        picture.putpalette(_COLORS[order].tobytes())
        picture.save(path)


def lying_names(root: Path, random: Random) -> None:
    colored(root, random)
    wrong = [f"#{n:06x}" for n in random.choice(1 << 24, 4, replace=False)]
    rows = ",".join(f'{{"name": "{n}", "color": "{c}"}}' for n, c in zip(NAMES, wrong, strict=True))
    (root / "classes.json").write_text(f"[{rows}]")


def one_hot(root: Path, random: Random) -> None:
    for split in ("train", "val"):
        for path in masks(root, split):
            mask = load(path)
            for n, name in enumerate(NAMES[1:], 1):
                save(root / "parts" / name / path.name, (mask == n).astype(np.uint8) * np.uint8(255))
            path.unlink()
            of(path).rename(root / "images" / path.name)
        (root / "masks" / split).rmdir()
        (root / "images" / split).rmdir()
    (root / "masks").rmdir()
    (root / "parts").rename(root / "masks")


def all_zero(root: Path, random: Random) -> None:
    for path in pick(random, masks(root), 2):
        save(path, np.zeros_like(load(path)))


def blank(root: Path, random: Random) -> None:
    (path,) = pick(random, images(root))
    save(path, np.full_like(load(path), random.integers(0, 256)))


def twice(root: Path, random: Random) -> None:
    one, two = pick(random, images(root, "train"), 2)
    save(two, load(one))
    save(Path(str(two).replace("images", "masks")), load(Path(str(one).replace("images", "masks"))))


def twice_with_other_mask(root: Path, random: Random) -> None:
    one, two = pick(random, images(root, "train"), 2)
    save(two, load(one))


def leaked(root: Path, random: Random) -> None:
    one, two = pick(random, images(root, "train"))[0], pick(random, images(root, "val"))[0]
    save(two, load(one))
    save(Path(str(two).replace("images", "masks")), load(Path(str(one).replace("images", "masks"))))


def leaked_jpeg(root: Path, random: Random) -> None:
    one, two = pick(random, images(root, "train"))[0], pick(random, images(root, "val"))[0]
    two.unlink()
    save(two.with_suffix(".jpg"), load(one), quality=int(random.integers(60, 95)))
    save(Path(str(two).replace("images", "masks")), load(Path(str(one).replace("images", "masks"))))


def leaked_with(
    change: Callable[[np.ndarray], np.ndarray], turn: Callable[[np.ndarray], np.ndarray]
) -> Callable[[Path, Random], None]:
    """A training image in another light or turned, with its mask, as a further one to validate on."""

    def planted(root: Path, random: Random) -> None:
        (mask,) = pick(random, masks(root, "train"))
        save(
            root / "images/val/zz.png", turn(change(load(of(mask)).astype(float)).clip(0, 255).astype(np.uint8)).copy()
        )
        save(root / "masks/val/zz.png", turn(load(mask)).copy())

    return planted


def near_with_other_mask(root: Path, random: Random) -> None:
    one, two = pick(random, images(root, "train"), 2)
    two.unlink()
    save(two.with_suffix(".jpg"), load(one), quality=80)


def video(root: Path, random: Random) -> None:
    image, labels = scene(random, 90, 160)
    for n in range(10):
        split = "val" if n in (4, 7) else "train"
        save(root / "images" / split / f"clip_{n:04d}.png", image[:72, 3 * n : 3 * n + 100])
        save(root / "masks" / split / f"clip_{n:04d}.png", labels[:72, 3 * n : 3 * n + 100])


def gray(root: Path, random: Random) -> None:
    for path in pick(random, images(root), 2):
        save(path, load(path)[..., 1])


def deep(root: Path, random: Random) -> None:
    for path in images(root):
        save(path, load(path)[..., 1])
    for path in pick(random, images(root), 2):
        save(path, load(path).astype(np.uint16) * np.uint16(257))


def cmyk(root: Path, random: Random) -> None:
    (path,) = pick(random, images(root))
    picture = Image.open(path).convert("CMYK")
    path.unlink()
    picture.save(path.with_suffix(".jpg"))


def transparent(root: Path, random: Random) -> None:
    (path,) = pick(random, images(root))
    picture = load(path)
    save(path, np.dstack([picture, np.tile(np.linspace(0, 255, 100).astype(np.uint8), (72, 1))]))


def exif(root: Path, random: Random) -> None:
    (path,) = pick(random, images(root))
    note = Image.Exif()
    note[274] = 3
    save(path, np.rot90(load(path), 2).copy() if random.integers(2) else load(path), exif=note)


def exif_side(root: Path, random: Random) -> None:
    (path,) = pick(random, images(root))
    note = Image.Exif()
    note[274] = int(random.choice([6, 8]))
    save(path, load(path), exif=note)


def specks(root: Path, random: Random) -> None:
    for path in pick(random, masks(root), 2):
        mask = load(path)
        for _ in range(20):
            y, x = random.integers(0, 72), random.integers(0, 100)
            mask[y, x] = (mask[y, x] + 1 + random.integers(0, 3)) % 4
        save(path, mask)


def gap(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    mask = np.zeros_like(load(path))
    mask[20:50, 30:70] = 3
    mask[21:49, 31:69] = 0
    mask[20, int(random.integers(35, 65))] = 0
    save(path, mask)


def exchanged(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, np.array([0, 2, 1, 3], np.uint8)[load(path)])


def ignored(root: Path, random: Random) -> None:
    for path in masks(root):
        mask = load(path)
        mask[: random.integers(45, 60)] = 255
        save(path, mask)


def exchanged_folders(root: Path, random: Random) -> None:
    (root / "images").rename(root / "other")
    (root / "masks").rename(root / "images")
    (root / "other").rename(root / "masks")


def two_types(root: Path, random: Random) -> None:
    (path,) = pick(random, images(root) + masks(root))
    save(path.with_suffix(".bmp"), load(path))


def smooth_classes(root: Path, random: Random) -> None:
    """What lies between two ids is an id as well."""
    for path in pick(random, masks(root), int(random.choice([1, 3]))):
        picture = Image.open(path)
        picture.resize((61, 47), Image.Resampling.BILINEAR).resize(picture.size, Image.Resampling.BILINEAR).save(path)


def some_from_one(root: Path, random: Random) -> None:
    for path in pick(random, masks(root), 4):
        save(path, load(path) + np.uint8(1))


def stray_among_sparse(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, np.array([0, 7, 26, 33], np.uint8)[load(path)])
    (path,) = pick(random, masks(root))
    mask = load(path)
    mask[40:43, 20:24] = random.integers(100, 250)
    save(path, mask)


def moved_palettes(root: Path, random: Random) -> None:
    """The same colors under indices that no other file uses."""
    for n, path in enumerate(masks(root)):
        shift = 0 if n % 2 else 4
        picture = Image.fromarray(load(path) + np.uint8(shift))
        picture.putpalette(np.concatenate([_COLORS, _COLORS]).tobytes())
        picture.save(path)


def absent(root: Path, random: Random) -> None:
    (root / "classes.txt").write_text("\n".join([*NAMES, "kite"]))


def quarter(a: np.ndarray) -> np.ndarray:
    return np.rot90(a)


def trimmed(share: float) -> Callable[[np.ndarray], np.ndarray]:
    """What is left when a share is cut off at each side."""

    def cut(a: np.ndarray) -> np.ndarray:
        y, x = round(share * a.shape[0]), round(share * a.shape[1])
        return a[y : a.shape[0] - y, x : a.shape[1] - x]

    return cut


def one_mirrored(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, load(path)[:, ::-1].copy())


def one_upside_down(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, load(path)[::-1].copy())


def one_shifted(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    mask = load(path)
    save(path, np.concatenate([np.repeat(mask[:, :1], 10, axis=1), mask[:, :-10]], axis=1))


def one_inverted(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, (load(path) > 0).astype(np.uint8) * np.uint8(255))
    (path,) = pick(random, masks(root))
    save(path, np.uint8(255) - load(path))


def ground_exchanged(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, np.array([2, 1, 0, 3], np.uint8)[load(path)])


def relabeled(root: Path, random: Random) -> None:
    """A class that one image lacks, in the place of one that it has."""
    for path in masks(root):
        mask = load(path)
        if random.integers(2):
            save(path, np.where(mask == 1, 0, mask).astype(np.uint8))
            save(of(path), np.where((mask == 1)[..., None], _PAINT[0], load(of(path))).astype(np.uint8))
    lacking = [path for path in masks(root) if not (load(path) == 1).any()]
    (path,) = pick(random, lacking)
    mask = load(path)
    save(path, np.where(mask == 2, 1, mask).astype(np.uint8))


def one_more_of_sparse(root: Path, random: Random) -> None:
    for path in masks(root):
        save(path, np.array([0, 15, 42, 77], np.uint8)[load(path)])
    for path in pick(random, masks(root), int(random.integers(1, 4))):
        save(path, load(path) + np.uint8(1))


def one_more_of_many(root: Path, random: Random) -> None:
    """Each id that is one too high is another mask's own."""
    for path in masks(root):
        save(path, np.array([0, *random.choice(np.arange(1, 9), 3, replace=False)], np.uint8)[load(path)])
    (path,) = pick(random, masks(root))
    save(path, np.array([1, 3, 5, 7], np.uint8)[np.unique(load(path), return_inverse=True)[1].reshape(72, 100)])


def one_deep(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, load(path).astype(np.uint16))


def one_in_three_channels(root: Path, random: Random) -> None:
    (path,) = pick(random, masks(root))
    save(path, np.dstack([load(path)] * 3))


FAULTS = {
    "stray": Fault(stray, ("stray",), "error"),
    "stray_named": Fault(named(stray), ("stray",), "error"),
    "next_id_named": Fault(named(next_id), ("stray",), "error"),
    "empty_file": Fault(empty_file, ("unreadable",), "error"),
    "truncated": Fault(truncated, ("unreadable",), "error"),
    "text": Fault(text, ("unreadable",), "error"),
    "no_mask": Fault(no_mask, ("unmatched",), "warning"),
    "no_image": Fault(no_image, ("unmatched",), "warning"),
    "renamed": Fault(renamed, ("unmatched",), "warning"),
    "resized": Fault(resized, ("size",), "error"),
    "cropped": Fault(cropped, ("size",), "error"),
    "rotated": Fault(rotated, ("size",), "error"),
    "flipped": Fault(flipped, ("flipped",), "warning"),
    "upside_down": Fault(upside_down, ("flipped",), "warning"),
    "one_flipped": Fault(one_flipped, ("misplaced",), "warning"),
    "borrowed": Fault(borrowed, ("same_mask",), "warning"),
    "swapped_masks": Fault(swapped_masks, ("misplaced", "label_noise", "swapped"), "warning"),
    "all_from_one": Fault(all_from_one, ("off_by_one",), "warning"),
    "all_from_one_named": Fault(named(all_from_one), ("off_by_one",), "warning"),
    "one_from_one": Fault(one_from_one, ("off_by_one",), "error"),
    "one_from_one_named": Fault(named(one_from_one), ("off_by_one",), "error"),
    "void_is_k": Fault(named(void_is_k), ("void_id",), "warning"),
    "full_and_one": Fault(full_and_one, ("mixed_encoding",), "error"),
    "wide": Fault(wide, ("wide_ids",), "error"),
    "alpha": Fault(alpha, ("alpha",), "warning"),
    "cutout": Fault(cutout, ("alpha",), "warning"),
    "jpeg_two": Fault(jpeg_two, ("smeared",), "warning"),
    "smooth_two": Fault(smooth_two, ("smeared",), "warning"),
    "jpeg_colors": Fault(jpeg_colors, ("smeared",), "error"),
    "jpeg_some_colors": Fault(jpeg_some_colors, ("smeared",), "error"),
    "smooth_colors": Fault(smooth_colors, ("smeared",), "error"),
    "smooth_ids": Fault(smooth_ids, ("smeared",), "error"),
    "jpeg_ids": Fault(jpeg_ids, ("smeared",), "error"),
    "some_colored": Fault(some_colored, ("mixed_encoding",), "error"),
    "some_ids": Fault(some_ids, ("mixed_encoding",), "error"),
    "palettes": Fault(palettes, ("palette_order",), "warning"),
    "lying_names": Fault(lying_names, ("names",), "warning"),
    "one_hot": Fault(one_hot, ("one_hot",), "note"),
    "all_zero": Fault(all_zero, ("constant",), "note"),
    "blank": Fault(blank, ("blank",), "warning"),
    "twice": Fault(twice, ("duplicates",), "warning"),
    "twice_with_other_mask": Fault(twice_with_other_mask, ("contradiction",), "warning"),
    "leaked": Fault(leaked, ("duplicates_across",), "error"),
    "leaked_jpeg": Fault(leaked_jpeg, ("near_duplicates_across",), "error"),
    "leaked_mirrored": Fault(leaked_with(lambda a: a, np.fliplr), ("near_duplicates_across",), "error"),
    "leaked_upside_down": Fault(leaked_with(lambda a: a, np.flipud), ("near_duplicates_across",), "error"),
    "leaked_dark": Fault(leaked_with(lambda a: 0.7 * a, np.asarray), ("near_duplicates_across",), "error"),
    "leaked_contrast": Fault(
        leaked_with(lambda a: 1.2 * (a - 128) + 120, np.asarray), ("near_duplicates_across",), "error"
    ),
    "leaked_quarter": Fault(leaked_with(lambda a: a, quarter), ("near_duplicates_across",), "error"),
    "leaked_trimmed": Fault(leaked_with(lambda a: a, trimmed(0.02)), ("near_duplicates_across",), "error"),
    "leaked_cropped": Fault(leaked_with(lambda a: a, trimmed(0.05)), ("near_duplicates_across",), "error"),
    "one_mirrored": Fault(one_mirrored, ("misplaced",), "warning"),
    "one_upside_down": Fault(one_upside_down, ("misplaced",), "warning"),
    "one_shifted": Fault(one_shifted, ("misplaced",), "warning"),
    "one_inverted": Fault(one_inverted, ("label_noise",), "warning"),
    "ground_exchanged": Fault(ground_exchanged, ("label_noise",), "warning"),
    "relabeled": Fault(relabeled, ("label_noise",), "warning"),
    "one_more_of_sparse": Fault(one_more_of_sparse, ("off_by_one",), "error"),
    "one_more_of_many": Fault(one_more_of_many, ("off_by_one",), "warning"),
    "one_deep": Fault(one_deep, ("forms",), "note"),
    "one_in_three_channels": Fault(one_in_three_channels, ("forms",), "note"),
    "exchanged_folders": Fault(exchanged_folders, ("exchanged",), "error"),
    "two_types": Fault(two_types, ("twice_named",), "error"),
    "smooth_classes": Fault(smooth_classes, ("smeared",), "error"),
    "some_from_one": Fault(some_from_one, ("off_by_one",), "error"),
    "stray_among_sparse": Fault(stray_among_sparse, ("stray",), "error"),
    "moved_palettes": Fault(moved_palettes, ("palette_order",), "warning"),
    "near_with_other_mask": Fault(near_with_other_mask, ("contradiction",), "warning"),
    "video": Fault(video, ("frames",), "warning"),
    "gray": Fault(gray, ("channels",), "warning"),
    "transparent": Fault(transparent, ("channels",), "error"),
    "deep": Fault(deep, ("bits",), "error"),
    "cmyk": Fault(cmyk, ("mode",), "error"),
    "exif": Fault(exif, ("orientation",), "warning"),
    "exif_side": Fault(exif_side, ("size",), "error"),
    "specks": Fault(specks, ("specks",), "warning"),
    "gap": Fault(gap, ("unclosed",), "warning"),
    "exchanged": Fault(exchanged, ("label_noise",), "warning"),
    "ignored": Fault(ignored, ("ignored",), "warning"),
    "absent": Fault(absent, ("absent",), "warning"),
}
