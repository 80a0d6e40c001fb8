"""The sliding window: what is said of a patch is said of its middle pixel."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from intarsia.blocks.sliding import classify_by_sliding
from intarsia.errors import ModelError


def middle(patches: Tensor) -> Tensor:
    return patches[..., patches.shape[-1] // 2, patches.shape[-1] // 2]


@pytest.mark.parametrize("patch", [1, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 5])
def test_a_classifier_that_repeats_the_middle_pixel_gives_the_image(patch: int, stride: int) -> None:
    image = torch.randn(2, 3, 6, 11)
    assert torch.equal(classify_by_sliding(middle, image, patch, stride), image[..., ::stride, ::stride])


def test_a_classifier_that_averages_blurs_the_image_and_repeats_its_border() -> None:
    image = torch.randn(1, 4, 9, 5)
    blurred = F.avg_pool2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    torch.testing.assert_close(classify_by_sliding(lambda x: x.mean((2, 3)), image, 5), blurred)


def test_it_cuts_one_patch_for_every_pixel_and_the_batch_size_changes_nothing() -> None:
    seen: list[int] = []

    def count(patches: Tensor) -> Tensor:
        assert patches.shape[1:] == (3, 3, 3)
        seen.append(len(patches))
        return middle(patches)

    image = torch.randn(2, 3, 4, 5)
    assert torch.equal(classify_by_sliding(count, image, 3, batch_size=3), classify_by_sliding(middle, image, 3))
    assert sum(seen) == 2 * 4 * 5 and max(seen) == 3


@pytest.mark.parametrize(
    ("options", "words"), [({"patch": 4}, "needs a pixel in its middle"), ({"patch": 3, "stride": 0}, "stride is 0")]
)
def test_errors_say_what_is_allowed(options: dict[str, int], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        classify_by_sliding(middle, torch.zeros(1, 1, 2, 2), **options)
