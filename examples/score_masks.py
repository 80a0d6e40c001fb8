"""Score label maps of any program: two folders of index PNGs with the same names.

python examples/score_masks.py TRUTH PREDICTED NUM_CLASSES
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import intarsia


def main(truth: str, predicted: str, num_classes: int) -> float:
    """Print IoU by class and the mean; returns the mIoU."""
    confusion = intarsia.ConfusionMatrix(num_classes, ignore_index=255)
    for path in sorted(Path(truth).glob("*.png")):
        confusion.update(np.asarray(Image.open(Path(predicted) / path.name)), np.asarray(Image.open(path)))
    scores = confusion.compute()
    for number, iou in enumerate(scores.iou):
        print(f"class {number}: IoU {iou:.3f}")
    print(f"mIoU {scores.miou:.3f}, {scores.ignored:.1%} of the pixels ignored, protocol {scores.protocol!r}")
    return scores.miou


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
