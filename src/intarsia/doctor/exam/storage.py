"""How one mask file is stored, and its pixels as one whole number each, in the view that suits the file."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...data.files.formats import loses
from ...labels import pack_colors
from ...labels.colors import CLEAR

NEUTRAL = 24  # steps between red, green and blue up to which a JPEG's gray is still gray


class Form(NamedTuple):
    """How a mask is stored."""

    kind: str  # "png palette", as a report says it
    colored: bool  # raw values are packed colors, otherwise ids
    palette: np.ndarray | None = None  # [256] packed colors of a palette file's indices
    alpha: bool = False  # ids are those of the alpha channel: nothing else varies
    deep: bool = False  # 16 bits and more
    channels: int = 1  # of the file's pixels; ids may be stored in three
    lossy: bool = False  # JPEG, and WebP or JPEG 2000 saved with loss
    exact: bool = True  # a data set reads the same: no gray that JPEG colored, and nothing half transparent
    one_hot: bool = False  # an array of one map for each class
    veil: int | None = None  # the one alpha of a mask of one color, which may be its label too


def natural(stored: np.ndarray, palette: np.ndarray | None, path: Path) -> tuple[np.ndarray, Form]:
    """What `decode_mask` gave, as ids where the file has any, as packed colors otherwise."""
    lossy = loses(path)  # as it is, whatever its name says
    suffix = (
        "jpg" if lossy and path.suffix.lower() not in (".webp", ".avif", ".jp2", ".j2k") else path.suffix[1:].lower()
    )
    if stored.ndim == 2:
        kind = "index" if palette is None else "palette"
        colors = None if palette is None else pack_hard(palette)
        deep = stored.dtype.itemsize > 1
        return stored, Form(
            f"{suffix} {f'{8 * stored.dtype.itemsize}-bit ' if deep else ''}{kind}",
            False,
            colors,
            deep=deep,
            lossy=lossy,
        )
    kind = f"{suffix} {({2: 'gray with alpha', 3: 'RGB', 4: 'RGBA'})[stored.shape[2]]}"
    if stored.shape[2] in (2, 4):
        alpha, rest = stored[..., -1], stored[..., :-1]
        if (alpha != alpha.flat[0]).any() and ((rest == rest[:1, :1]).all() or _photo(rest[alpha > 127])):
            return alpha, Form(kind, False, alpha=True, channels=stored.shape[2])
        if stored.shape[2] == 2:
            return stored[..., 0], Form(kind, False, channels=2, exact=bool((alpha == 255).all()))
    veil = int(stored[0, 0, -1]) if stored.shape[2] == 4 and (stored == stored[:1, :1]).all() else None
    solid = stored.shape[2] == 3 or bool((stored[..., -1] == 255).all())
    color = stored[..., :3]
    spread = int((color.max(axis=2) - color.min(axis=2)).max()) if color.size else 0
    if spread == 0 or (lossy and spread <= NEUTRAL):
        return np.ascontiguousarray(color[..., 1]), Form(
            kind, False, channels=stored.shape[2], lossy=lossy, exact=solid and spread == 0, veil=veil
        )
    solid = stored.shape[2] == 3 or bool(((stored[..., -1] == 255) | (stored[..., -1] == 0)).all())
    return pack_hard(stored), Form(kind, True, channels=stored.shape[2], lossy=lossy, exact=solid, veil=veil)


def _photo(colors: np.ndarray) -> bool:
    """Whether what is not transparent is a picture rather than a few classes' colors."""
    some = colors[:: max(1, len(colors) // 4096)]
    return len(np.unique(some, axis=0)) > 256


def pack_hard(colors: np.ndarray) -> np.ndarray:
    """[..., 3 or 4] colors as one number each; pixels that are half transparent and more count as transparent."""
    flat = colors.reshape(1, -1, colors.shape[-1])
    if flat.shape[-1] == 4:
        flat = np.concatenate([flat[..., :3], np.where(flat[..., 3:] < 128, 0, 255).astype(np.uint8)], axis=2)
    return pack_colors(flat).reshape(colors.shape[:-1])


def as_colors(values: dict[int, int], form: Form) -> dict[int, int]:
    """Counts of raw values as counts of colors: through the palette, or as grays."""
    if form.colored:
        return values
    found: dict[int, int] = {}
    for value, count in values.items():
        color = recolored(value, form)
        found[color] = found.get(color, 0) + count
    return found


def recolored(value: int, form: Form) -> int:
    """One id as a packed color."""
    if form.palette is not None:
        return int(form.palette[value])
    return CLEAR if not 0 <= value <= 255 else value * 0x010101
