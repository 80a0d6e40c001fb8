"""DAVIS: moving objects in video, one mask for each frame.

Perazzi et al. "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation." CVPR 2016.
Pont-Tuset et al. "The 2017 DAVIS Challenge on Video Object Segmentation." arXiv:1704.00675

    JPEGImages/480p/bear/00000.jpg  Annotations/480p/bear/00000.png  ImageSets/2017/train.txt (sequences, one a line)
                                                                     ImageSets/480p/train.txt (2016: frame and mask, a line)

2016 paints objects 255; 2017 numbers them in a palette. The semantic classes are background and object; which object it is
stands in the sample. Frames stay in the order of their sequences, which `name` begins with.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from ..data.files.codecs import decode_mask
from ..data.pairs import Pair, Pairs, Raw
from ..data.things import with_things
from ..data.videos import Previous
from ..documents import read_text
from ..errors import DataError, nearest
from ..labels import LabelSpace
from ..naming import climbs
from .frames import check_whole, followed, read_frame, shots_by

LABELS = LabelSpace(
    ("background", "object"), ((0, 0, 0), (128, 0, 0)), {0: "background", "1..254": "object", 255: "object"}
)


def davis(
    root: str | Path, split: str, *, labels: LabelSpace | None = None, year: Literal[2016, 2017] = 2017, resolution: str = "480p",
    previous: Previous = False,
) -> Pairs:  # fmt: skip
    """DAVIS, frame by frame, with object numbers.

    Args:
        split: a list in ImageSets/<year>, such as "train" or "val"; "all" for every sequence that is there.
        resolution: folder below JPEGImages and Annotations.
        previous: the objects of the frame before as well (`Sample.previous`); frame: its pixels too, as further channels of
            the image; centers: these, and a heatmap of the centers of its objects.
    """
    root = _home(root)
    frames, masks = root / "JPEGImages" / resolution, root / "Annotations" / resolution
    if not frames.is_dir():
        raise DataError(f"{root}: holds no JPEGImages/{resolution}; set data.root to the folder of DAVIS")
    if split == "all":
        sequences = sorted(folder.name for folder in frames.iterdir() if folder.is_dir())
    else:
        file = _lists(root, year) / f"{split}.txt"
        if not file.is_file():
            known = dict.fromkeys([*splits(root, year=year), "all"])
            raise DataError(f"{file}: there is no such list{nearest(split, known)}")
        lines = read_text(file).split()  # those of 2016 begin with a slash: only the name of a frame's folder is taken
        if odd := next((line for line in lines if climbs(line.removeprefix("/"))), None):
            raise DataError(f"{file}: lists {odd[:80]!r}, which leads out of the data set's folder; correct the list")
        sequences = list(
            dict.fromkeys(Path(line).parent.name if line.endswith((".jpg", ".png")) else line for line in lines)
        )
    items = []
    for sequence in sequences:
        found = sorted((frames / sequence).glob("*.jpg"))
        if not found:
            raise DataError(f"{frames / sequence}: holds no frame, but {split!r} lists the sequence")
        for frame in found:
            mask = masks / sequence / f"{frame.stem}.png"
            items.append(Pair(f"{sequence}/{frame.stem}", frame, mask if mask.is_file() else None))
    space = with_things(labels or LABELS, ("object",))
    shots = shots_by(items, _sequence)
    if not previous:
        return Pairs(items, space, name="davis", split=split, decode=_decode, shots=shots)
    check_whole(items, _sequence)
    read = read_frame if isinstance(previous, str) else None
    centers = space if previous == "centers" else None
    items, decode, image = followed(items, _decode, "davis", _sequence, read, centers)
    return Pairs(items, space, name="davis", split=split, image=image, decode=decode, shots=shots)


def _sequence(item: Pair) -> str:
    return item.image.parent.name


def splits(root: str | Path, *, year: int = 2017) -> tuple[str, ...]:
    """The splits that have a list; "all" where there are sequences without any."""
    home = _home(root)
    listed = tuple(sorted(path.stem for path in _lists(home, year).glob("*.txt")))
    return listed or (("all",) if any(home.glob("JPEGImages/*/*/*.jpg")) else ())


def _home(root: str | Path) -> Path:
    """The folder with JPEGImages: the archive holds it in one called DAVIS."""
    root = Path(root)
    return root / "DAVIS" if (root / "DAVIS" / "JPEGImages").is_dir() else root


def _lists(root: Path, year: int) -> Path:
    """Where the lists lie: in the release of 2016 below the resolution, later below the year."""
    home = root / "ImageSets" / str(year)
    return root / "ImageSets" / "480p" if year == 2016 and not home.is_dir() else home


def _decode(item: Pair) -> Raw:
    """An object keeps its number through all frames of its sequence."""
    assert item.mask is not None
    stored = decode_mask(item.mask)[0]
    numbers = stored[..., 0] if stored.ndim == 3 else stored
    return Raw(numbers, np.where(numbers == 255, 1, numbers), kept=True)
