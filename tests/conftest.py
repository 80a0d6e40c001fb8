"""What every test stands on: one thread, no network, and the real data beside the checkout where it lies."""

import gc
import os
import socket
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # two threads on two busy cores are slower than one; read when torch is imported
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # the hub client says so at once instead of trying
os.environ.pop("COLUMNS", None)

import hypothesis
import pytest

hypothesis.settings.register_profile("suite", deadline=None, derandomize=True)  # the same examples on every machine
hypothesis.settings.load_profile("suite")

gc.set_threshold(50_000, 20, 20)  # an eighth of the time of an export went into looking for garbage
if "torch" in sys.modules:  # a plugin was faster
    sys.modules["torch"].set_num_threads(1)

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
LOCAL = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are named after their argument: an archive holds the second it was made, and two workers must agree."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


class RealData:
    """The folder of third-party data sets: whatever asks for a set that is not there is skipped, and says so.

    A file that is missing from a set that is there is a mistake of the test, and fails.
    """

    def __truediv__(self, name: str) -> Path:
        if not (SHARED_DATA / Path(name).parts[0]).exists():
            pytest.skip(f"needs the real data of {SHARED_DATA / name}, which is not there")
        return SHARED_DATA / name

    def __fspath__(self) -> str:
        return str(SHARED_DATA)

    __str__ = __fspath__


@pytest.fixture(scope="session")
def shared_data() -> RealData:
    """The third-party data sets beside the checkout; the test is skipped where what it needs is not there."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real data sets of {SHARED_DATA}, which is not there")
    return RealData()


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Connections to other machines fail: a test that downloads is no test."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOCAL:
            raise RuntimeError(f"a test tried to reach {address[0]}:{address[1]}; tests use no network")
        return real(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign]
    yield
    socket.socket.connect = real  # type: ignore[method-assign]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written to the user's own cache folder."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(autouse=True)
def seeded(request: pytest.FixtureRequest) -> None:
    """Every test draws the same random tensors in any order, on any worker; INTARSIA_TEST_SEED=7 draws others."""
    if "torch" in sys.modules:
        shift = int(os.environ.get("INTARSIA_TEST_SEED", "0"))
        sys.modules["torch"].manual_seed(zlib.crc32(request.node.nodeid.encode()) + shift)


@pytest.fixture
def run_cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`intarsia ARGUMENTS` in this process: (exit code, standard output, standard error)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        from intarsia.cli import main

        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run
