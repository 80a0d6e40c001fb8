"""What Chen et al. claim: table 2's four variants, one field of view for a fraction of the parameters, stride 8."""

import pytest
import torch
from torch import nn

from intarsia.errors import ModelError
from intarsia.models import build, count_parameters

TINY = (4, 4, 8, 8, 8, 16)
VARIANTS = [
    ("DeepLab-CRF-4x4", 4, 4, 4096, 65.1),
    ("DeepLab-CRF", 7, 4, 4096, 134.3),
    ("DeepLab-CRF-4x4, input stride 8", 4, 8, 4096, 65.1),
    ("DeepLab-CRF-LargeFOV", 3, 12, 1024, 20.5),
]


@pytest.mark.parametrize(("name", "kernel", "rate", "wide", "millions"), VARIANTS, ids=[v[0] for v in VARIANTS])
def test_table_2_counts_the_parameters_of_four_variants(
    name: str, kernel: int, rate: int, wide: int, millions: float
) -> None:
    channels = (64, 128, 256, 512, 512, wide)
    assert round(count_parameters("deeplabv1", kernel=kernel, rate=rate, channels=channels) / 1e6, 1) == millions


def reach(kernel: int, rate: int) -> tuple[int, int]:
    """(width of what fc6 sees, how many cells of that it looks at)."""
    fc6 = build("deeplabv1", 2, channels=TINY, kernel=kernel, rate=rate).classify[0]
    x = torch.zeros(1, 8, 61, 61, requires_grad=True)
    nn.init.ones_(fc6.weight)
    fc6(x)[0, 0, 30, 30].backward()
    seen = x.grad[0, 0].nonzero()
    assert fc6(x).shape[-2:] == (61, 61)
    return int(seen[:, 0].max() - seen[:, 0].min()) + 1, len(seen)


def test_a_large_field_of_view_takes_nine_taps() -> None:
    """7x7 at rate 4, 4x4 at rate 8 and 3x3 at rate 12 span the same 25 cells; 4x4 at rate 4 spans about half."""
    assert [reach(k, r) for k, r in [(7, 4), (4, 8), (3, 12), (4, 4)]] == [(25, 49), (25, 16), (25, 9), (13, 16)]


@torch.no_grad()
def test_the_last_two_poolings_keep_the_size_and_conv5_has_holes() -> None:
    encoder = build("deeplabv1", 2, channels=TINY).encoder
    assert [f.shape[-2:] for f in encoder(torch.zeros(1, 3, 64, 96))] == [(8, 12)]
    rates = [{c.dilation[0] for c in stage if isinstance(c, nn.Conv2d)} for stage in encoder.stages]
    assert rates == [{1}, {1}, {1}, {1}, {2}]
    assert [stage[-1].stride for stage in encoder.stages] == [2, 2, 2, 1, 1]


def test_a_kernel_without_a_middle_is_refused() -> None:
    with pytest.raises(ModelError, match="a kernel of 4 at rate 3 has no pixel in its middle; use an odd kernel"):
        build("deeplabv1", 2, channels=TINY, kernel=4, rate=3)
