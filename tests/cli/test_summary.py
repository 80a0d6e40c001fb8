"""`intarsia summary`: deck 4's table for any network, and what is wrong with a line."""

import json

import pytest

import intarsia


def test_the_table_of_the_lectures(run_cli) -> None:
    code, out, err = run_cli("summary", "unet", "--size", 224, "--classes", 1)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    for words in (
        ("Conv2d-1 ", "[1, 64, 224, 224]", "1,792"),
        ("EncoderBlock-9 ", "[1, 64, 224, 224]"),
        ("ConvTranspose2d-71 ", "[1, 64, 224, 224]", "32,832"),
        ("UNet-81 ", "[1, 1, 224, 224]"),
        ("parameters", "31,043,521"),
        ("input", "0.57 MB"),
        ("forward and backward", "815.39 MB"),
        ("weights", "118.42 MB"),
    ):
        assert any(all(word in line for word in words) for line in lines), words


def test_a_peers_variant_has_a_table_too(run_cli) -> None:
    code, out, err = run_cli("summary", "smp_pspnet", "encoder=resnet18", "--size", 64, "--json")
    assert code == 0, err
    tree = json.loads(out)
    assert (tree["name"], tree["num_classes"]) == ("smp_pspnet", 21)
    network = intarsia.checkpoint.build("smp_pspnet", 21, encoder="resnet18")
    assert tree["parameters"] == sum(p.numel() for p in network.parameters())
    code, out, err = run_cli("summary", "smp_pspne")
    assert code == 2 and "did you mean 'smp_pspnet'?" in err and not out
    code, out, err = run_cli("summary", "smp_pspnet", "encoderr=resnet18")
    assert code == 2 and "did you mean 'encoder'?" in err and not out


def test_options_reach_the_network(run_cli) -> None:
    code, out, _ = run_cli(
        "summary", "unet", "encoder=resnet18", "--size", "64x96", "--classes", 5, "--channels", 4, "--json"
    )
    tree = json.loads(out)
    assert code == 0
    assert (tree["options"], tree["input"]) == ({"encoder": "resnet18"}, [1, 4, 64, 96])
    assert tree["layers"][-1] == {
        "name": f"EncoderUNet-{len(tree['layers'])}",
        "path": "",
        "shapes": [[1, 5, 64, 96]],
        "parameters": 0,
        "level": 0,
    }


def test_without_classes_it_is_the_network_that_the_catalogue_counts(run_cli) -> None:
    listed = {e["name"]: e["parameters"] for e in json.loads(run_cli("models", "--json")[1])}
    told = json.loads(run_cli("summary", "deeplabv3plus", "encoder=xception65", "--size", 64, "--json")[1])
    assert told["parameters"] == listed["deeplabv3plus"]
    assert json.loads(run_cli("summary", "unet", "--size", 64, "--json")[1])["parameters"] == listed["unet"]


def test_depth_folds_the_table(run_cli) -> None:
    _, out, _ = run_cli("summary", "pspnet", "encoder=resnet18", "--size", 64, "--depth", 1)
    assert len(out.splitlines()) < 25
    assert "not called in evaluation: auxiliary" in out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("unett", "there is no architecture 'unett'; did you mean 'unet'?"),
        ("unet encodr=resnet18", "options: model.encodr: unet takes no such option; did you mean 'encoder'?"),
        ("unet encoder=resnet5O", "timm has no encoder 'resnet5O'; did you mean 'resnet50'?"),
        ("unet channels=abc", "options: model.channels: "),
        ("unet num_classes=3", "num_classes is given by --classes"),
        ("unet encoder", "'model.encoder' is no override; write KEY=VALUE"),
        ("unet --size 22x", "--size is '22x'; write one number of pixels, or HEIGHTxWIDTH such as 480x640"),
        ("unet --size 0", "--size is '0'"),
        ("unet --classes 0", "--classes"),
    ],
)
def test_a_wrong_line_is_one_sentence(run_cli, line: str, words: str) -> None:
    code, out, err = run_cli("summary", *line.split())
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())
    assert err.count("\n") == 1
