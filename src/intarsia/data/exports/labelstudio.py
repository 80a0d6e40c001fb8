"""Label Studio: a JSON list of tasks, coordinates in percent of the image, brush strokes in its own run lengths.

Results read: polygonlabels, rectanglelabels (turned around their upper left corner), ellipselabels, brushlabels and
their unlabeled kinds with a separate `labels`; of several annotations of a task the first that was not cancelled
counts. Brush run lengths are those of the thi.ng format: four bytes a pixel, of which the last, alpha, is the mask.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from .files import Beside, counted, read_json, unique, write_json
from .record import Bitmap, Picture, Project, Region

_KINDS = ("polygon", "rectangle", "ellipse", "brush")


def recognize(root: Path) -> bool:
    """A JSON list of tasks with `annotations` and `data`, or a folder that holds exactly one."""
    return len(_files(root)) == 1


def read(root: Path) -> Project:
    """One file of tasks.

    Raises: DataError that names task and result.
    """
    files = _files(root)
    if len(files) != 1:
        raise DataError(f"{root}: holds {counted(len(files), 'file')} of Label Studio's tasks; name one of them")
    path = files[0]
    beside = Beside(path.parent)
    pictures, labels, passed, more, taken = [], dict[str, None](), 0, 0, set[str]()
    for number, task in enumerate(read_json(path)):
        done = [a for a in task.get("annotations") or task.get("completions") or () if not a.get("was_cancelled")]
        more += max(len(done) - 1, 0)
        called = next(
            (str(v) for v in (task.get("data") or {}).values() if isinstance(v, str)), f"task-{task.get('id', number)}"
        )
        regions, size = [], None
        words = _words(done[0]["result"]) if done else {}
        for result in done[0]["result"] if done else ():
            kind = result.get("type", "").removesuffix("labels")
            if kind not in _KINDS:
                passed += result.get("type") != "labels"
                continue
            where = f"{path}: task {task.get('id', number)}, result {result.get('id')}"
            size = (int(result["original_height"]), int(result["original_width"]))
            names = result["value"].get(f"{kind}labels") or words.get(result.get("id"), ())
            if not names:
                raise DataError(f"{where}: a {kind} without a label")
            region = _region(result, kind, names[0], *size, where)
            regions.append(region)
            labels[region.label] = None
        image = beside.find(_file(called))
        if size is None:
            if image is None:
                continue
            from .files import size_of

            size = size_of(image)
        pictures.append(Picture(unique(Path(_file(called)).stem, taken), image, *size, tuple(regions)))
    remarks = []
    if passed:
        remarks.append(f"{counted(passed, 'result')} left out: choices, key points and texts have no area")
    if more:
        remarks.append(f"{counted(more, 'further annotation')} of tasks that were annotated more than once left out")
    return Project(tuple(labels), tuple(pictures), "labelstudio", remarks=tuple(remarks))


def write(project: Project, out: Path) -> None:
    """`tasks.json` to import: polygons without holes stay polygons, all else becomes brush strokes."""
    tasks = []
    for number, picture in enumerate(project, 1):
        file = picture.name.replace("/", "_") + (picture.image.suffix if picture.image else ".png")
        results: list[dict[str, Any]] = []
        for region in picture.regions:
            about = {"original_width": picture.width, "original_height": picture.height, "image_rotation": 0,
                     "from_name": "label", "to_name": "image", "id": f"r{len(results)}"}  # fmt: skip
            if region.object or region.crowd:
                about["meta"] = {"text": [f"object={region.object}", *(["crowd"] if region.crowd else [])]}
            if region.bitmap is None and len(region.parts) == 1 and len(region.parts[0]) == 1:
                points = (region.parts[0][0] * 100 / (picture.width, picture.height)).tolist()
                value: dict[str, Any] = {"points": points, "closed": True, "polygonlabels": [region.label]}
                results.append({**about, "type": "polygonlabels", "value": value})
            else:
                rle = encode(region.mask(picture.height, picture.width))
                value = {"format": "rle", "rle": rle, "brushlabels": [region.label]}
                results.append({**about, "type": "brushlabels", "value": value})
        image = (
            f"/data/local-files/?d={'images/' if picture.image else ''}{picture.image.name if picture.image else file}"
        )
        tasks.append(
            {
                "id": number,
                "data": {"image": image},
                "annotations": [{"id": number, "was_cancelled": False, "result": results}],
            }
        )
    write_json(out / "tasks.json", tasks)


def decode(numbers: list[int], height: int, width: int) -> np.ndarray:
    """The mask [height, width] of a brush's run lengths.

    Raises: DataError when they are of another size.
    """
    bits = np.unpackbits(np.asarray(numbers, np.uint8))
    place = 0

    def take(count: int) -> int:
        nonlocal place
        word = bits[place : place + count]
        place += count
        return int(word @ (1 << np.arange(count - 1, -1, -1))) if count else 0

    total = take(32)
    if total != 4 * height * width:
        raise DataError(f"brush run lengths of {total // 4} pixels for an image of {width}x{height}")
    word, sizes = take(5) + 1, [take(4) + 1 for _ in range(4)]
    values = np.zeros(total, np.uint8)
    n = 0
    while n < total:
        if place >= len(bits):
            raise DataError("brush run lengths end too early")
        repeated = take(1)
        last = n + 1 + take(sizes[take(2)])
        if repeated:
            values[n:last] = take(word)
        else:
            values[n:last] = [take(word) for _ in range(last - n)]
        n = last
    return values.reshape(height, width, 4)[..., 3] > 0


def encode(mask: np.ndarray) -> list[int]:
    """A mask as a brush's run lengths: runs of full and of empty pixels, four equal bytes each."""
    flat = np.repeat(np.asarray(mask, bool).ravel(), 4)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    sizes = (4, 8, 12, 16)
    text = [f"{flat.size:032b}", f"{7:05b}", *(f"{size - 1:04b}" for size in sizes)]
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        left = end - start
        while left:
            run = min(left, 1 << 16)
            kind = next(n for n, size in enumerate(sizes) if run <= 1 << size)
            text.append(f"1{kind:02b}{run - 1:0{sizes[kind]}b}{255 * int(flat[start]):08b}")
            left -= run
    joined = "".join(text)
    joined += "0" * (-len(joined) % 8)
    return [int(joined[n : n + 8], 2) for n in range(0, len(joined), 8)]


def _files(root: Path) -> list[Path]:
    found = []
    for path in sorted(root.glob("*.json")) if root.is_dir() else [root] if root.suffix == ".json" else []:
        try:
            tree = read_json(path)
        except DataError:
            continue
        if isinstance(tree, list) and tree and all(
            isinstance(t, dict) and "data" in t and ("annotations" in t or "completions" in t) for t in tree
        ):  # fmt: skip
            found.append(path)
    return found


def _file(called: str) -> str:
    return called.split("?d=")[-1].split("?")[0]


def _words(results: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Labels that stand in a result of their own, by the region's id."""
    return {r["id"]: r["value"]["labels"] for r in results if r.get("type") == "labels" and r["value"].get("labels")}


def _region(result: dict[str, Any], kind: str, label: str, height: int, width: int, where: str) -> Region:
    value, scale = result["value"], np.array([width, height]) / 100
    notes = (result.get("meta") or {}).get("text") or []
    about: dict[str, Any] = {
        "object": next((n.removeprefix("object=") for n in notes if n.startswith("object=")), ""), "crowd": "crowd" in notes,
    }  # fmt: skip
    try:
        if kind == "brush":
            return Region(label, bitmap=Bitmap(0, 0, decode(value["rle"], height, width)), **about)
        if kind == "polygon":
            ring = np.asarray(value["points"], np.float64).reshape(-1, 2) * scale
            ring = np.where(abs(ring - np.round(ring)) < 1e-6, np.round(ring), ring)
            return Region(label, ((ring,),), **about)
        angle = np.radians(float(value.get("rotation") or 0))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        corner = np.array([value["x"], value["y"]]) * scale
        if kind == "rectangle":
            w, h = value["width"] * scale[0], value["height"] * scale[1]
            return Region(label, ((np.array([(0, 0), (w, 0), (w, h), (0, h)]) @ turn + corner,),), **about)
        t = np.linspace(0, 2 * np.pi, 256, endpoint=False)
        around = np.stack([value["radiusX"] * scale[0] * np.cos(t), value["radiusY"] * scale[1] * np.sin(t)], axis=1)
        return Region(label, ((around @ turn + corner,),), **about)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{where}: a {kind} that cannot be drawn ({error})") from None
