"""One name for a model: runs, checkpoints, public models, files of other libraries."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

import intarsia
from intarsia.checkpoint import Checkpoint, is_foreign, load, resolve, save
from intarsia.checkpoint.foreign import public
from intarsia.checkpoint.foreign.names import Found, rename
from intarsia.checkpoint.foreign.pipeline import Pipeline
from intarsia.checkpoint.foreign.public import PUBLIC
from intarsia.checkpoint.foreign.public.labels import CLASSES, LABELS
from intarsia.checkpoint.foreign.public.row import Public
from intarsia.checkpoint.resizing import Resizing
from intarsia.cli import main
from intarsia.errors import CheckpointError
from intarsia.labels import LabelSpace
from intarsia.models import build

NAME = "torchvision:tiny"


def tensors() -> dict[str, Tensor]:
    """A small U-Net of 21 classes in the names of segmentation-models-pytorch."""
    torch.manual_seed(0)
    network = build("unet", 21, encoder="resnet18", channels=(4, 8, 8, 8, 8))
    back = [("encoder.body.*", "encoder.*"), ("classify.score.*", "segmentation_head.0.*")]
    for n in range(2):
        back += [
            (f"decode.{{n}}.conv.{n}.conv.*", f"decoder.blocks.{{n}}.conv{n + 1}.0.*"),
            (f"decode.{{n}}.conv.{n}.norm.*", f"decoder.blocks.{{n}}.conv{n + 1}.1.*"),
        ]
    return rename(network.state_dict(), Found("", "", 21, 3, {}, back)).ours


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("peer") / "net.pth"
    torch.save({"state_dict": {f"model.{key}": tensor for key, tensor in tensors().items()}, "epoch": 3}, path)
    return path


@pytest.fixture
def named(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A public model whose weights lie in torch.hub's folder already."""
    hub = tmp_path / "torch"
    (hub / "checkpoints").mkdir(parents=True)
    (hub / "checkpoints" / "net.pth").write_bytes(file.read_bytes())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(hub))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    row = Public(
        "semantic", "U-Net, ResNet-18", "VOC", "voc", "mIoU 1", 1, "research only", "https://example.org/net.pth", "here",
        digest=hashlib.sha256(file.read_bytes()).hexdigest()[:8], options={"upsample": "bilinear"},
        pipeline=Pipeline(mean=(0.5,) * 3, std=(0.25,) * 3, resize=Resizing(shorter=64)), commercial=False,
    )  # fmt: skip
    monkeypatch.setitem(public.PUBLIC, NAME, row)
    return NAME


def test_a_public_model_comes_with_classes_and_its_makers_pipeline(named: str) -> None:
    said: list[str] = []
    made = resolve(named, say=said.append)
    assert made.model == "unet" and made.options["upsample"] == "bilinear"
    assert made.labels.names[:3] == ("background", "aeroplane", "bicycle")
    assert made.labels.colors[1] == (128, 0, 0)
    assert (made.mean, made.std) == ((0.5,) * 3, (0.25,) * 3)
    assert made.resize == {"shorter": 64}
    assert made.notes["public"] == named and made.notes["licence"] == "research only"
    assert said == [f"{named}: the licence of these weights forbids commercial use (research only)"]
    resolve(named, say=said.append)
    assert len(said) == 1, "a licence is said at the first use"


def test_every_verb_takes_the_name(
    named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    Image.new("RGB", (90, 70), (20, 90, 200)).save(tmp_path / "photo.jpg")
    out = tmp_path / "masks"
    assert main(["predict", named, str(tmp_path / "photo.jpg"), "--out", str(out)]) == 0
    told = capsys.readouterr()
    assert "forbids commercial use" in told.err
    with Image.open(out / "photo.png") as mask:
        assert mask.size == (90, 70)
    made = tmp_path / "x.safetensors"
    assert main(["import", named, "--out", str(made), "--json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["resize"] == {"shorter": 64} and len(tree["classes"]) == 21
    a, b = intarsia.Predictor.load(named), intarsia.Predictor.load(made)
    photo = tmp_path / "photo.jpg"
    assert (a(photo).labels == b(photo).labels).all(), "what is imported answers as the public model"
    assert main(["calibrate", named, "shapes"]) == 2
    assert "name one with --out" in capsys.readouterr().err


def test_a_public_model_is_scored(named: str) -> None:
    space = LABELS["voc"]()

    class Photos:
        labels = space

        def __len__(self) -> int:
            return 2

        def __getitem__(self, n: int) -> intarsia.Sample:
            image = torch.randint(0, 256, (3, 40, 60), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))
            return intarsia.Sample(image, torch.full((40, 60), n, dtype=torch.uint8), f"photo{n}")

    score = intarsia.evaluate(named, Photos())
    assert score.images == 2 and tuple(score.iou) == space.names
    drawn = intarsia.Predictor.load(named)(Photos()[1].image).labels
    assert drawn.shape == (40, 60), "an answer has the picture's own size"


def test_a_network_of_other_classes_starts_from_a_public_model(named: str) -> None:
    from intarsia.training.transplant import head_tensors, transplant

    old, space = resolve(named, say=lambda text: None), LabelSpace(("road", "cat", "background"))
    options = dict(old.options)
    network = build("unet", 3, **options)
    fresh = network.state_dict()["classify.score.weight"].clone()
    heads = head_tensors(lambda classes, **rest: build("unet", classes, **rest), 3, options)
    told = transplant(network, old, space, heads)
    head, given = network.state_dict()["classify.score.weight"], old.weights["classify.score.weight"]
    assert torch.equal(head[1], given[old.labels.names.index("cat")]) and torch.equal(head[2], given[0])
    assert torch.equal(head[0], fresh[0])
    assert torch.equal(network.state_dict()["encoder.body.conv1.weight"], old.weights["encoder.body.conv1.weight"])
    assert "classify.score.weight (1 of 3 classes)" in told


def test_a_file_of_another_library(file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    made = resolve(file, say=said.append)
    assert made.labels.names[:2] == ("class 0", "class 1") and made.labels.num_classes == 21
    assert made.resize == {}
    assert said == [
        (
            f"{file}: segmentation-models-pytorch's Unet; its tensors do not tell upsample='nearest', the names of its 21 classes: "
            "if that is not right, give it with `intarsia import`"
        )
    ]
    names = ",".join(f"n{n}" for n in range(21))
    path = tmp_path / "made.safetensors"
    assert main(["import", str(file), "upsample=bilinear", "--classes", names, "--out", str(path)]) == 0
    read = load(path)
    assert read.options["upsample"] == "bilinear" and read.labels.names[20] == "n20"


def test_an_import_with_too_few_classes(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "made.safetensors"
    assert main(["import", str(file), "--classes", "sky,road", "--out", str(path)]) == 2
    assert "draws 21 maps, and the labels need 2" in capsys.readouterr().err
    assert main(["import", str(file), "upsample", "--out", str(path)]) == 2
    assert "write KEY=VALUE" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "torchvision:deeplabv3_resnet5",
            "there is no public model .*; did you mean 'torchvision:deeplabv3_resnet50'?",
        ),
        ("torchvison:fcn_resnet50", "no checkpoint or public model .*; did you mean 'torchvision:fcn_resnet50'?"),
        ("deeplabv3_resnet50", "did you mean the public model 'torchvision:deeplabv3_resnet50'?"),
        ("smp:nothing", "there is no public model 'smp:nothing'"),
        ("runs/none", "there is no checkpoint 'runs/none'"),
    ],
)
def test_the_nearest_name_is_told(name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=words):
        resolve(name)


def test_whose_file_it_is(file: Path, tmp_path: Path) -> None:
    ours = save(
        tmp_path / "a.safetensors", Checkpoint(None, {}, LabelSpace(("a", "b")), 1, (0,), (1,), {"w": torch.ones(1)})
    )
    assert not is_foreign(ours) and not is_foreign(tmp_path) and not is_foreign(tmp_path / "none")
    assert is_foreign(file)
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(file.read_bytes())
    assert is_foreign(folder)
    assert resolve(folder, say=lambda text: None).model == "unet"
    from safetensors.torch import save_file

    save_file({"x": torch.ones(1)}, tmp_path / "b.safetensors")
    assert is_foreign(tmp_path / "b.safetensors")


def test_the_table_of_public_models() -> None:
    for name, row in PUBLIC.items():
        assert name.partition(":")[0] in public.SOURCES, name
        assert row.task in ("semantic", "instance", "panoptic"), name
        assert row.licence and row.score and row.read_from and row.parameters > 10_000, name
        assert row.pipeline.resize is None or row.pipeline.resize.to_dict(), name
    for key, make in LABELS.items():
        assert make().num_classes == CLASSES[key], key


def test_addresses_are_torchvisions() -> None:
    from torchvision import models

    for name, row in PUBLIC.items():
        source, _, short = name.partition(":")
        if source == "torchvision":
            assert models.get_model_weights(short).DEFAULT.url == row.file, name  # type: ignore[attr-defined]


def test_public_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--pretrained", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == list(PUBLIC)
    assert main(["models", "--pretrained"]) == 0
    text = capsys.readouterr().out
    assert "torchvision:deeplabv3_resnet50" in text and f"{len(PUBLIC)} public models" in text
    assert max(map(len, text.split("public models.")[0].splitlines())) <= 100
    assert main(["models", "SegFormer cityscapes b0", "--pretrained", "--json"]) == 0
    found = [entry["name"] for entry in json.loads(capsys.readouterr().out)]
    assert "hf:nvidia/segformer-b0-finetuned-cityscapes-1024-1024" in found and all("b0" in name for name in found)
    assert main(["models", "nothing of the kind", "--pretrained"]) == 2
    assert main(["models", "torchvision:fcn_resnet50", "--pretrained"]) == 0
    assert "60.5" in capsys.readouterr().out
    assert main(["models", "torchvision:fcn", "--pretrained"]) == 2
    assert "did you mean" in capsys.readouterr().err
