"""Spoiled files: a fixed slice of them in every run, and all that ever did harm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVE = Path(__file__).with_name("drive.py")
pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="bounds the memory of a process by resource limits, which Windows lacks"
)


def drive(*arguments: str, seconds: int = 250) -> str:
    """What the driver prints, with the package that is tested here."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(DRIVE), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=seconds,
        check=False,
    )
    assert not done.returncode, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_files_that_did_harm_before_do_none() -> None:
    kept = len(list(DRIVE.with_name("corpus").glob("*.zip")))
    assert f"{kept} cases, 0 findings" in drive("--replay")


def test_three_hundred_spoiled_files() -> None:
    assert "300 cases, 0 findings" in drive("--count", "300", "--seed", "1")


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_five_thousand_spoiled_files() -> None:
    assert "5000 cases, 0 findings" in drive("--count", "5000", "--seed", "2", seconds=2300)
