"""The way of one pair through the audit of a folder: which files it enters, from Python and on the command line alike."""

import shutil
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType

import numpy as np
from planted import folder, images, masks

import intarsia
from intarsia.doctor import mend, visit

HOME = f"{Path(intarsia.__file__).parent}/"


def entered(root: Path) -> Counter[tuple[str, str]]:
    """How often each function of ours is called from the first exam on: (file, function); comprehensions are no functions."""
    calls: Counter[tuple[str, str]] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(HOME) and not code.co_name.startswith("<"):
            place = code.co_filename.removeprefix(HOME), code.co_name
            if calls or place == ("doctor/diagnose.py", "_examined"):  # which files are pairs is found before
                calls[place] += 1

    threading.setprofile(count)
    sys.setprofile(count)
    try:
        visit(root)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return calls


def test_one_pair_enters_few_files(tmp_path: Path) -> None:
    """One pair more in a folder means more calls in so many files: that is where it is read, examined and judged."""
    root = folder(tmp_path / "set", np.random.default_rng(0))
    less = Path(shutil.copytree(root, tmp_path / "less"))
    images(less, "train")[3].unlink()
    masks(less, "train")[3].unlink()
    visit(less)  # what is imported or remembered once is so before it is counted
    before, after = entered(less), entered(root)
    files = {file for (file, name), count in after.items() if count > before[file, name]}
    assert len(files) <= 20, sorted(files)
    assert {"doctor/exam/examine.py", "data/files/codecs.py"} <= files


def test_a_pair_is_looked_at_once(tmp_path: Path) -> None:
    """Copies are found in the visit, and the clean copy asks for them again no more."""
    root = folder(tmp_path / "set", np.random.default_rng(1))
    for path in (images(root, "train")[0], masks(root, "train")[0]):
        shutil.copy(path, path.parent.parent / "val" / path.name)
    calls = entered(root)
    assert calls["doctor/findings/duplicates.py", "copies"] == calls["doctor/findings/near_duplicates.py", "pairs"] == 1
    found = visit(root)
    assert [len(group) for group in found.copies.same] == [2]
    steps = mend(found, tmp_path / "out")
    assert [step["left_out"] for step in steps] == ["file"]
    assert "the same image is val/" in steps[0]["action"]
