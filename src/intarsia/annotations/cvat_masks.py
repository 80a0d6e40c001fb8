"""CVAT's "Segmentation mask 1.1": classes and objects by color, one picture one mask.

labelmap.txt                          name:R,G,B:parts:actions, a line each; background is what no region covers
SegmentationClass/NAME.png            each pixel in its class's color
SegmentationObject/NAME.png           each pixel in a color of its object's own
ImageSets/Segmentation/default.txt    the names; a list for each split where there are any
JPEGImages/NAME.jpg                   the images, where they are exported too
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..data.files.codecs import decode_mask
from ..documents import read_lines
from ..errors import DataError, counted
from ..labels import Color
from .beside import Beside
from .faults import Fault, recording
from .inside import inside
from .project import Picture, Project, Region, colors_of, paint, pieces
from .remarks import Covered, lost
from .splits import image_sets, write_image_sets

_BACKGROUND = "background"
_MOST = 65535  # objects of a picture: so many fit into a mask of 16 bits
_SPREAD = 0x9E3779  # odd, so that number * _SPREAD mod 2**24 is a color of its own for each object


def recognize(root: Path) -> bool:
    """A folder with labelmap.txt and SegmentationClass/."""
    return root.is_dir() and (root / "labelmap.txt").is_file() and (root / "SegmentationClass").is_dir()


def read(root: Path) -> Project:
    """The masks of such a folder; without objects of their own, the pixels of a class are one region.

    A mask with a color that labelmap.txt does not name, or of another size than its objects, is a fault.
    """
    colors = _labelmap(root / "labelmap.txt")
    names = {_code(color): name for name, color in colors.items()}
    pictures, loose = [], list[Fault]()
    beside = Beside(next((f for f in (root / "JPEGImages", root / "images") if f.is_dir()), root))
    for path in sorted((root / "SegmentationClass").rglob("*.png")):
        if not inside(path, root):
            continue
        name = path.relative_to(root / "SegmentationClass").with_suffix("").as_posix()
        with recording(loose, path, name, "", "CVAT"):
            pictures.append(_picture(path, root / "SegmentationObject" / f"{name}.png", name, names, beside))
    classes = tuple(name for name in colors if name != _BACKGROUND)
    splits, remarks = image_sets(root, [picture.name for picture in pictures])
    held = tuple(picture._replace(split=splits.get(picture.name, "")) for picture in pictures)
    return Project(classes, held, "cvat_masks", colors, tuple(remarks), tuple(loose))


def _picture(path: Path, objects: Path, name: str, names: dict[int, str], beside: Beside) -> Picture:
    """The picture of a mask; a color that labelmap.txt does not name is a fault of it, and its pixels are left out.

    Raises: DataError where the file cannot be read, or the one of objects does not fit.
    """
    codes = _codes(path)
    numbers = _codes(objects) if objects.is_file() else codes
    if numbers.shape != codes.shape:
        raise DataError(f"{objects}: is not of the size of {path}; export them again")
    drawn = pieces(codes.astype(np.int64) << 24 | numbers)
    if len(drawn) > _MOST:
        raise DataError(
            f"{objects}: tells {len(drawn):,} objects apart; at most {_MOST:,} are read, so export it again"
        )
    faults = []
    if stray := sorted({key >> 24 for key, _ in drawn if key >> 24 not in names}):
        what = f"the color #{stray[0]:06x}" + (f" and {len(stray) - 1} more" if len(stray) > 1 else "")
        faults.append(Fault(path, name, what, f"labelmap.txt does not name {'it' if len(stray) == 1 else 'them'}"))
    regions = [
        Region(names[key >> 24], bitmap=pixels, object=f"#{key & 0xFFFFFF:06x}" if numbers is not codes else "")
        for key, pixels in drawn
        if names.get(key >> 24, _BACKGROUND) != _BACKGROUND
    ]
    height, width = codes.shape
    return Picture(name, beside.stem(name), height, width, tuple(regions), faults=tuple(faults))


def write(project: Project, out: Path) -> tuple[str, ...]:
    """The folder that CVAT imports as a zip; a class whose color another has, or background's black, gets its own."""
    colors, changed = _distinct(project)
    table = np.array([colors[_BACKGROUND], *(colors[name] for name in project.classes)], np.uint8)
    covered, names = Covered(), dict[str, list[str]]()
    for picture in project:
        drawn = paint(picture, project.classes)
        covered.add(picture, drawn)
        numbers = drawn.objects.astype(np.int64) * _SPREAD & 0xFFFFFF
        painted = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=2).astype(np.uint8)
        sheets = {"SegmentationClass": table[drawn.values], "SegmentationObject": painted}
        for folder, sheet in sheets.items():
            path = out / folder / f"{picture.name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(sheet).save(path)
        names.setdefault(picture.split or "default", []).append(picture.name)
    write_image_sets(out / "ImageSets" / "Segmentation", names)
    rows = [f"{name}:{','.join(map(str, color))}::" for name, color in colors.items()]
    (out / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *rows, ""]), encoding="utf-8")
    said = [f"{counted(changed, 'color')} changed: this format tells classes by color"] if changed else []
    return (*said, *covered.said(), *lost(project, classes=True, colors=True, objects=True))


def place(name: str) -> str:
    """Where a picture's image lies."""
    return f"JPEGImages/{name}"


def _labelmap(path: Path) -> dict[str, Color]:
    """Colors by name. Raises: DataError that names the line."""
    colors: dict[str, Color] = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip() or line.startswith("# label:"):
            continue
        name, *rest = line.rsplit(":", 3) if line.count(":") >= 3 else line.split(":")
        try:
            red, green, blue = (int(word) for word in rest[0].split(","))
        except (IndexError, ValueError):
            raise DataError(f"{path}, line {number}: {line[:40]!r} is no name:R,G,B:parts:actions") from None
        if (red, green, blue) in colors.values():
            raise DataError(f"{path}, line {number}: the color {rest[0]} has two names; give each class its own")
        colors[name] = (red, green, blue)
    if not colors:
        raise DataError(f"{path}: gives no class a color; each line is name:R,G,B:parts:actions")
    return colors


def _distinct(project: Project) -> tuple[dict[str, Color], int]:
    """A color for background, black, and for each class one that no other has; and how many had to change."""
    wished = colors_of(project)
    colors: dict[str, Color] = {_BACKGROUND: (0, 0, 0)}
    changed = 0
    for name in project.classes:
        color, spare = wished[name], 0
        while name != _BACKGROUND and color in colors.values():
            spare += 1
            code = (len(colors) + 256 * spare) * _SPREAD & 0xFFFFFF
            color = code >> 16, code >> 8 & 255, code & 255
        changed += spare > 0
        colors.setdefault(name, color)
    return colors, changed


def _code(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]


def _codes(path: Path) -> np.ndarray:
    """The colors of a mask as numbers, [H, W] int32."""
    stored, palette = decode_mask(path)
    if stored.ndim == 2:
        stored = np.stack([stored] * 3, axis=2) if palette is None else palette[stored]
    color = stored[..., :3].astype(np.int32)
    return color[..., 0] << 16 | color[..., 1] << 8 | color[..., 2]
