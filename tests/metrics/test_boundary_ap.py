"""Boundary AP: the paper's IoU from an erosion, under the official matching; and what it sees that mask AP does not."""

import math

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from intarsia.errors import DataError, LabelError
from intarsia.metrics import AveragePrecision, Objects

SIZE = (60, 80)


def ellipse(y: float, x: float, height: float, width: float) -> np.ndarray:
    rows, columns = np.ogrid[: SIZE[0], : SIZE[1]]
    return np.asarray(((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1)


def edge(mask: np.ndarray, width: int) -> np.ndarray:
    """By the definition: what an erosion by a square takes away, with the outside of the image as background."""
    return mask & ~binary_erosion(mask, np.ones((2 * width + 1, 2 * width + 1), bool))


def images(seed: int, count: int) -> list[tuple[Objects, Objects]]:
    random, out = np.random.default_rng(seed), []
    for _ in range(count):
        masks, kinds, crowd, found, called = [], [], [], [], []
        for _ in range(random.integers(1, 7)):
            place, size = random.uniform((0, 0), SIZE), np.exp(random.uniform(0.5, 3.5, 2))
            mask = ellipse(*place, *size)
            if not mask.any():
                continue
            masks.append(mask)
            kinds.append(int(random.integers(0, 3)))
            crowd.append(bool(random.random() < 0.15))
            for _ in range(random.integers(0, 3)):
                other = ellipse(*(place + random.normal(0, 1, 2)), *(size * random.uniform(0.8, 1.2, 2)))
                if other.any():
                    found.append(other)
                    called.append(kinds[-1] if random.random() < 0.9 else int(random.integers(0, 3)))
        scores = random.integers(0, 10, len(called)) / 10
        out.append((Objects(np.array(found).reshape(-1, *SIZE), called, scores), Objects(masks, kinds, crowd=crowd)))
    return out


def official(pairs: list[tuple[Objects, Objects]], width: int) -> list[float]:
    """pycocotools' matching and averaging over the paper's IoU."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    from pycocotools import mask as coding
    from pycocotools.cocoeval import COCOeval

    def described(objects: Objects, n: int, m: int) -> dict:
        mask = np.asarray(objects.shapes[m])
        code = coding.encode(np.asfortranarray(mask.astype(np.uint8)))
        kind = int(objects.classes[m]) + 1
        return {"image_id": n + 1, "category_id": kind, "segmentation": code, "area": int(mask.sum()), "mask": mask}

    truth, results = [], []
    for n, (found, labels) in enumerate(pairs):
        for m in range(len(labels.classes)):
            more = {"id": len(truth) + 1, "iscrowd": int(labels.crowd[m]), "bbox": [0, 0, 1, 1]}  # type: ignore[index]
            truth.append({**described(labels, n, m), **more})
        for m in range(len(found.classes)):
            more = {"id": len(results) + 1, "score": float(found.scores[m]), "iscrowd": 0}  # type: ignore[index]
            results.append({**described(found, n, m), **more})

    class Boundary(COCOeval):
        def computeIoU(self, image: int, kind: int) -> np.ndarray | list:
            d = sorted(self._dts[image, kind], key=lambda one: -one["score"])[:100]
            g = self._gts[image, kind]
            if not d and not g:
                return []
            iou = np.zeros((len(d), len(g)))
            for i, mine in enumerate(d):
                for j, real in enumerate(g):
                    a, b = mine["mask"], real["mask"]
                    union = a.sum() if real["iscrowd"] else (a | b).sum()
                    iou[i, j] = (a & b).sum() / union
                    if not real["iscrowd"]:
                        a, b = edge(a, width), edge(b, width)
                        iou[i, j] = min(iou[i, j], (a & b).sum() / (a | b).sum())
            return iou

    sets = [coco.COCO(), coco.COCO()]
    for one, listed in zip(sets, (truth, results), strict=True):
        one.dataset = {
            "images": [{"id": n + 1, "height": SIZE[0], "width": SIZE[1]} for n in range(len(pairs))],
            "categories": [{"id": k} for k in (1, 2, 3)],
            "annotations": listed,
        }
        one.createIndex()
    run = Boundary(*sets, "segm")
    run.evaluate()
    run.accumulate()
    run.summarize()
    return [float(v) for v in run.stats]


@pytest.mark.parametrize("ratio", [0.02, 0.05])
def test_equals_the_definition_under_the_official_matching(ratio: float) -> None:
    pairs = images(round(100 * ratio), 15)
    metric, half = (AveragePrecision(3, dilation_ratio=ratio) for _ in range(2))
    for n, pair in enumerate(pairs):
        (metric if n < 8 else half).update(*pair)
    metric.merge(half)
    ours = metric.compute()
    for mine, theirs in zip(ours[:12], official(pairs, max(1, round(ratio * math.hypot(*SIZE)))), strict=True):
        assert (math.isnan(mine) and theirs == -1) or mine == pytest.approx(theirs, abs=1e-12)


def test_a_large_object_must_be_right_at_its_outline() -> None:
    """Two pixels too small all around: IoU of the mask 0.87, of its boundary of 2 pixels 0."""
    whole, less = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    whole[5:55, 10:70], less[7:53, 12:68] = True, True
    plain, edges = AveragePrecision(1), AveragePrecision(1, dilation_ratio=0.02)
    for metric in (plain, edges):
        metric.update(Objects([less], [0], [1.0]), Objects([whole], [0]))
    assert (plain.compute().ap, edges.compute().ap) == (pytest.approx(0.8), 0.0)


def test_what_is_refused() -> None:
    boxes = Objects(np.array([[0.0, 0, 5, 5]]), [0], [1.0])
    with pytest.raises(DataError, match="boxes have no boundary"):
        AveragePrecision(1, dilation_ratio=0.02).update(boxes, boxes._replace(scores=None))
    with pytest.raises(LabelError, match="dilation_ratio is 2"):
        AveragePrecision(1, dilation_ratio=2)
    with pytest.raises(LabelError, match=r"dilation_ratio is 0\.02 here and 0\.0 there"):
        AveragePrecision(1, dilation_ratio=0.02).merge(AveragePrecision(1))
