"""Files of every loader, damaged in many ways: each loads or is refused in one sentence, and nothing in it is executed."""

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from intarsia.checkpoint import load_foreign
from intarsia.errors import CheckpointError

from ..parity import pinned

State = dict[str, Tensor]


def of_torchvision(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from torchvision import models

        return models.get_model(name, weights=None, weights_backbone=None, **options)

    return make


def of_classifier(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from torchvision import models

        return models.get_model(name, weights=None)

    return make


def of_smp(name: str, encoder: str = "resnet18", **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        import segmentation_models_pytorch as smp

        return getattr(smp, name)(encoder, encoder_weights=None, classes=4, **options)

    return make


def of_keys(peer: str, *sections: str, body: str = "") -> Callable[[], nn.Module]:
    """A module with a tensor for each of a pinned list of names, as a network that cannot be imported here writes."""

    class Pinned(nn.Module):
        def state_dict(self, *args: Any, **kwargs: Any) -> Any:
            trunk = pinned.shapes("mmsegmentation", body) if body else {}
            if not sections[0].startswith("nvidia"):  # others write it without a word before
                trunk = {key.removeprefix("backbone."): shape for key, shape in trunk.items()}
            named = pinned.shapes(peer, *sections) | trunk
            return {key: torch.empty(shape) for key, shape in named.items()}

    return Pinned


MMSEGMENTATION = {  # backbone: networks
    "resnet50_v1c": (
        "fcn", "pspnet", "deeplabv3", "deeplabv3plus", "upernet", "sem_fpn", "encnet", "psanet", "danet", "ccnet", "emanet",
        "apcnet",
    ),
    "hrnet_w18s": ("fcn_hr18s", "ocrnet_hr18s"),
    "mit_b0": ("segformer",),
    "bisenetv1_body": ("bisenetv1",),
    "bisenetv2_body": ("bisenetv2",),
    "fast_scnn_body": ("fast_scnn",),
    "ddrnet_body": ("ddrnet",),
    "erfnet_body": ("erfnet",),
}  # fmt: skip
WRITERS: dict[str, Callable[[], nn.Module]] = {  # one network for each loader's way through its code
    "torchvision FCN": of_torchvision("fcn_resnet50"),
    "torchvision DeepLabV3": of_torchvision("deeplabv3_resnet50", aux_loss=True),
    "torchvision LR-ASPP": of_torchvision("lraspp_mobilenet_v3_large"),
    "torchvision Mask R-CNN": of_torchvision("maskrcnn_resnet50_fpn"),
    "torchvision Mask R-CNN v2": of_torchvision("maskrcnn_resnet50_fpn_v2"),
    "smp Unet": of_smp("Unet"),
    "smp UnetPlusPlus": of_smp("UnetPlusPlus"),
    "smp Linknet": of_smp("Linknet"),
    "smp FPN": of_smp("FPN"),
    "smp PSPNet": of_smp("PSPNet"),
    "smp DeepLabV3": of_smp("DeepLabV3"),
    "smp DeepLabV3Plus": of_smp("DeepLabV3Plus"),
    "smp UPerNet": of_smp("UPerNet"),
    "smp MAnet": of_smp("MAnet"),
    "smp PAN": of_smp("PAN"),
    "smp DPT": of_smp("DPT", "tu-vit_tiny_patch16_224", img_size=64, decoder_intermediate_channels=(4, 4, 8, 8)),
    "smp Segformer": of_smp("Segformer", "mit_b0"),
    **{
        f"mmsegmentation {name}": of_keys("mmsegmentation", body, name)
        for body, names in MMSEGMENTATION.items()
        for name in names
    },
    "torchvision ResNet": of_classifier("resnet18"),
    "torchvision MobileNet v3": of_classifier("mobilenet_v3_large"),
    "torchvision VGG": of_classifier("vgg11_bn"),
    "HRNet": of_keys("authors", "hrnet", body="hrnet_w18s"),
    "OCR": of_keys("authors", "ocr", body="hrnet_w18s"),
    "DDRNet": of_keys("authors", "ddrnet23slim"),
    "BiSeNet": of_keys("authors", "bisenetv1"),
    "BiSeNet v2": of_keys("authors", "bisenetv2"),
    **{
        f"imgclsmob {name}": of_keys("imgclsmob", "resnetd50b", name)
        for name in ("fcn8sd", "pspnet", "deeplabv3", "danet")
    },
    **{f"PaddleSeg {name}": of_keys("paddleseg", name) for name in ("segformer", "segnet")},
    "FC-DenseNet": of_keys("authors", "fc_densenet"),
    "SegNet": of_keys("authors", "segnet"),
    "hierarchical attention": of_keys("authors", "nvidia_ocr", "nvidia_attention", body="hrnet_w18s"),
}


def shapes(make: Callable[[], nn.Module]) -> State:
    """A state dict of the right shapes that takes no memory: each tensor is one number, seen everywhere."""
    try:
        with torch.device("meta"):
            state = make().state_dict()
    except RuntimeError:  # it reads numbers while it is built
        state = make().state_dict()
    return {key: torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) for key, tensor in state.items()}


class Payload:
    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


def mutated(state: State, n: int, path: Path) -> None:
    """Write the n-th damaged file: tensors missing, renamed, reshaped, of another kind; the file cut; a pickle."""
    chance = random.Random(n)
    tree: dict[str, Any] = dict(state)
    keys = chance.sample(sorted(tree), k=min(len(tree), 1 << chance.randrange(6)))
    kind = n % 8
    for key in keys:
        tensor = tree[key]
        if kind == 0:
            del tree[key]
        elif kind == 1:
            tree[key.replace(".", "_", 1) + "x"] = tree.pop(key)
        elif kind == 2:
            sides = [max(0, side + chance.choice((-1, 1))) for side in tensor.shape]
            tree[key] = torch.zeros((), dtype=tensor.dtype).expand(sides)
        elif kind == 3:
            tree[key] = torch.zeros(()).expand([1] * chance.randrange(6))
        elif kind == 4:
            tree[key] = tensor.to(chance.choice((torch.complex64, torch.bool, torch.int8)))
    if kind == 5:
        tree[keys[0]] = Payload() if n % 16 == 5 else chance.choice((None, 3, "text", [1]))
    torch.save({"state_dict": tree} if n % 3 else tree, path)
    if kind >= 6:
        whole = path.read_bytes()
        place = chance.randrange(len(whole))
        junk = bytes(chance.randrange(256) for _ in range(8))
        path.write_bytes(whole[:place] if kind == 6 else whole[:place] + junk + whole[place + 8 :])


def check(name: str, numbers: Sequence[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state, path = shapes(WRITERS[name]), tmp_path / "net.pth"
    refused = 0
    for n in numbers:
        mutated(state, n, path)
        try:
            load_foreign(path)
        except CheckpointError as error:
            refused += 1
            said = str(error)
            assert "\n" not in said and "net.pth" in said and len(said) < 1200, (n, said)
    assert refused > len(numbers) // 2, "most damage is seen"
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_files_are_refused_in_a_sentence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = list(WRITERS).index(name)
    check(name, (place % 5, 5, 6), tmp_path, monkeypatch)  # one that is built on paper, a pickle, a cut file


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_two_hundred_damaged_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(name, range(200), tmp_path, monkeypatch)
