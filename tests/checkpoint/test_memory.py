"""A large foreign file is loaded in little more memory than it has bytes."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys, torch
from torchvision.models import wide_resnet101_2
from torchvision.models.segmentation.fcn import _fcn_resnet
import intarsia, timm
from intarsia.checkpoint import resolve
from intarsia.inference import Predictor

path = sys.argv[1]
if sys.argv[2] == "write":
    with torch.device("meta"):
        state = _fcn_resnet(wide_resnet101_2(replace_stride_with_dilation=[False, True, True]), 21, True).state_dict()
    torch.save({key: torch.ones(tensor.shape, dtype=tensor.dtype) for key, tensor in state.items()}, path)
    raise SystemExit

def told(key):
    return int(next(line for line in open("/proc/self/status") if line.startswith(key)).split()[1]) << 10

before = told("VmRSS")
if sys.argv[2] == "foreign":
    found = intarsia.load_foreign(path)
else:
    found = Predictor.load(path, device="cpu")
print(told("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from /proc")
@pytest.mark.parametrize("how", ["foreign", "predictor"])
def test_the_peak_of_loading_is_little_more_than_the_file(how: str, tmp_path: Path) -> None:
    path = tmp_path / "wide.pth"
    for step in ("write", how):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path), step], capture_output=True, text=True, check=True
        )
    assert path.stat().st_size > 400 << 20
    assert int(done.stdout) <= 1.3 * path.stat().st_size
