"""What the tests of data sets share: writing pictures, and what must hold of every data set of files."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import intarsia.data
from intarsia.data.loader import Loader


@pytest.fixture
def put() -> Callable[..., Path]:
    """Write an array as a picture; folders are made."""

    def write(path: Path, array: np.ndarray, **options: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path, **options)
        return path

    return write


@pytest.fixture
def noise() -> Callable[..., np.ndarray]:
    """Random pixels, so that no two pictures are alike."""
    rng = np.random.default_rng(0)
    return lambda *shape, high=255: rng.integers(0, high, shape).astype(np.uint8 if high < 256 else np.uint16)


@pytest.fixture
def sound() -> Callable[[Any], None]:
    """A data set of files can be sent to a process that was not forked, is batched, and passes the audit."""

    def check(dataset: Any) -> None:
        again = pickle.loads(pickle.dumps(dataset))
        for mine, theirs in zip(dataset[0], again[0], strict=True):
            if isinstance(mine, torch.Tensor):
                assert torch.equal(mine.nan_to_num(), theirs.nan_to_num())
        batch = next(Loader(dataset, batch_size=1, seed=0).stream())
        assert batch.labels.shape[1:] == batch.image.shape[2:]
        assert [finding.message for finding in intarsia.doctor.audit(dataset).errors] == []

    return check
