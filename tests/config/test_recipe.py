"""Recipes: what a valid one becomes, and the sentence that every mistake is told in."""

from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from intarsia import config
from intarsia.config import Recipe, override, parse, read
from intarsia.errors import RecipeError


class PSPNet:
    """Pools the whole scene.

    Args:
        bins: sizes of the pooling grids; the paper's are 1, 2, 3, 6
            (section 4.2).
        norm: which normalization.
    """

    def __init__(
        self, num_classes: int, *, in_channels: int = 3, encoder: str = "resnet50", bins: tuple[int, ...] = (1, 2, 3, 6),
        dropout: float = 0.1, norm: Literal["batch", "group"] = "batch",
    ) -> None: ...  # fmt: skip


def fpn(num_classes: int, *, in_channels: int = 3, channels: int = 256) -> None: ...


def folder(root: str, split: str, *, labels: Any = None, images: str = "images") -> None: ...


def dice(*, weights: Any = None, ignore_index: int = 255, smooth: float = 1.0) -> None: ...


def cross_entropy(*, weights: Any = None, ignore_index: int = 255, smoothing: float = 0.0) -> None: ...


def adamw(model: Any, *, lr: float = 1e-3, weight_decay: float = 1e-2) -> None: ...


def poly(*, power: float = 0.9) -> None: ...


CATALOGUES = {
    "model": {"pspnet": PSPNet, "fpn": fpn},
    "data": {"folder": folder},
    "loss": {"dice": dice, "cross_entropy": cross_entropy},
    "optimizer": {"adamw": adamw},
    "schedule": {"poly": poly},
}
GOOD = """
model: {name: pspnet, encoder: resnet18, bins: [1, 2]}
data: {name: folder, root: there, val: null, images: pictures}
labels: {classes: [sky, road], values: {0: sky, 7: road, "128..255": ignore}}
augment: {crop: [64, 96], scale: [0.5, 2.0], flip: true}
loss: {name: dice, smooth: 0.5, class_weights: log}
train: {steps: 10, batch_size: 4}
"""


def recipe(text: str = GOOD, *overrides: str) -> Recipe:
    return parse(override(yaml.safe_load(text), overrides), "r.yaml", CATALOGUES)


def test_a_recipe_becomes_what_it_says() -> None:
    r = recipe()
    assert (r.model.name, r.model.options) == ("pspnet", {"encoder": "resnet18", "bins": (1, 2)})
    assert (r.data.name, r.data.root, r.data.train, r.data.val, r.data.options) == (
        "folder",
        "there",
        "train",
        None,
        {"images": "pictures"},
    )
    assert r.labels.values == {0: "sky", 7: "road", "128..255": "ignore"}
    assert (r.augment.crop, r.augment.scale, r.augment.flip, r.augment.rotate) == ((64, 96), (0.5, 2.0), True, 0.0)
    assert (r.loss.name, r.loss.options, r.loss.class_weights, r.loss.auxiliary) == (
        "dice",
        {"smooth": 0.5},
        "log",
        0.4,
    )
    assert (r.train.steps, r.train.epochs, r.train.batch_size, r.optimizer.name, r.schedule.name) == (
        10,
        None,
        4,
        "adamw",
        "poly",
    )


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        recipe().train.steps = 5  # type: ignore[misc]


def test_the_written_form_is_read_back_as_the_same() -> None:
    r = recipe()
    assert parse(yaml.safe_load(yaml.safe_dump(r.to_dict())), "again", CATALOGUES) == r


def test_a_bare_name_is_a_choice_without_options() -> None:
    assert recipe("model: fpn\ntrain: {epochs: 2}").model.options == {}


def test_exponents_without_a_point_are_numbers() -> None:
    """PyYAML reads 1e-2 as a string."""
    r = recipe("optimizer: {name: adamw, lr: 1e-2}\ntrain: {steps: 1}", "optimizer.weight_decay=3e-4")
    assert r.optimizer.options == {"lr": 0.01, "weight_decay": 0.0003}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["trian.steps=5"], "r.yaml: trian: unknown key; did you mean 'train'?"),
        (["train.batchsize=5"], "r.yaml: train.batchsize: unknown key; did you mean 'batch_size'?"),
        (["train.batch_size=big"], "r.yaml: train.batch_size: input should be a valid integer"),
        (["train.batch_size=big"], "but 'big' was given"),
        (["train.batch_size=0"], "train.batch_size: input should be greater than 0, but 0 was given"),
        (["train.batch_size=2.5"], "train.batch_size: input should be a valid integer"),
        (
            ["train.precision=float64"],
            "train.precision: input should be 'auto', 'float32', 'bfloat16' or 'float16', but 'float64' was given",
        ),
        (["train.ema=1.5"], "train.ema: input should be less than 1, but 1.5 was given"),
        (["train.channels_last=maybe"], "train.channels_last:"),
        (["augment.crop=[64]"], "augment.crop"),
        (["augment.crop=[0, 64]"], "augment.crop: [0, 64] is no size; write [height, width] in pixels"),
        (
            ["augment.scale=[2.0, 0.5]"],
            "augment.scale: [2.0, 0.5] is no range; write [smallest, largest], both above 0",
        ),
        (
            ["augment.crop=null"],
            "augment.scale without augment.crop makes images of many sizes, which fit into no batch",
        ),
        (["loss.class_weights=lgo"], "loss.class_weights"),
        (["labels.classes=null"], "labels.classes: input should be a valid list"),
        (["model.name=pspnt"], "r.yaml: model.name: there is no 'pspnt'; did you mean 'pspnet'?"),
        (["model=resnet"], "model.name: there is no 'resnet'"),
        (["model.bin=[1]"], "r.yaml: model.bin: pspnet takes no such option; did you mean 'bins'?"),
        (["model.num_classes=4"], "model.num_classes: is not set here; it follows from the data and its labels"),
        (["model.dropout=lots"], "model.dropout: input should be a valid number"),
        (["model.norm=layer"], "model.norm: input should be 'batch' or 'group', but 'layer' was given"),
        (["model.nmae=unet"], "r.yaml: model.nmae: pspnet takes no such option; did you mean 'name'?"),
        (["loss.smoth=1"], "loss.smoth: dice takes no such option; did you mean 'smooth'?"),
        (["data.image=here"], "data.image: folder takes no such option; did you mean 'images'?"),
        (
            ["optimizer.learning_rate=1"],
            "optimizer.learning_rate: adamw takes no such option; choose from 'lr', 'weight_decay'",
        ),
        (["schedule.powr=2"], "schedule.powr: poly takes no such option; did you mean 'power'?"),
        (["model={encoder: resnet18}"], "model: name is missing; choose from 'pspnet', 'fpn'"),
        (["model=[1, 2]"], "model: expected a name, or a mapping with a name, not [1, 2]"),
        (["seed=-1"], "seed: input should be greater than or equal to 0"),
        (["train=null"], "r.yaml: train"),
        (["train.steps=null"], "train: give one budget, of steps, epochs, minutes; none given"),
        (
            ["train.until=0.9", "evaluate.every=null"],
            "train.until: 0.9 is looked for in validations on the way, and there are none; set evaluate.every",
        ),
        (["train.until=90"], "train.until: input should be less than or equal to 1"),
        (["nokey"], "'nokey' is no override; write KEY=VALUE, such as train.batch_size=8"),
        (["=5"], "'=5' is no override"),
        (["train.steps.more=5"], "'steps' holds 10, which has no keys below it"),
        (["train.clip=[1"], "'[1' is no valid YAML value"),
        (["train.batch_size.a=1"], "has no keys below it"),
    ],
)
def test_every_mistake_is_one_sentence(overrides: list[str], words: str) -> None:
    with pytest.raises(RecipeError) as told:
        recipe(GOOD, *overrides)
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert "pydantic" not in str(told.value)


def test_two_budgets_in_a_file_are_refused() -> None:
    with pytest.raises(RecipeError, match="give one budget, of steps, epochs, minutes; steps and minutes given"):
        recipe("train: {steps: 5, minutes: 2}")


def test_a_missing_part_is_named() -> None:
    with pytest.raises(RecipeError, match=r"r.yaml: train: is required and missing"):
        recipe("seed: 1")


def test_a_budget_on_the_command_line_replaces_the_other_kind() -> None:
    r = recipe(GOOD, "train.minutes=1.5")
    assert (r.train.steps, r.train.minutes) == (None, 1.5)


def test_another_model_does_not_inherit_the_options_of_the_first() -> None:
    assert recipe(GOOD, "model.name=fpn").model.options == {}
    assert recipe(GOOD, "model=fpn").model.options == {}
    assert recipe(GOOD, "model.name=pspnet").model.options["encoder"] == "resnet18"
    assert recipe(GOOD, "model.name=fpn", "model.channels=96").model.options == {"channels": 96}
    assert recipe("model: fpn\ntrain: {steps: 1}", "model.channels=96").model.options == {"channels": 96}


def test_overrides_leave_the_tree_they_are_given_alone() -> None:
    tree = yaml.safe_load(GOOD)
    override(tree, ["train.steps=99", "model.encoder=vgg16"])
    assert tree == yaml.safe_load(GOOD)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no recipe"),
        ("", "a recipe is a mapping of keys to values, this file holds nothing"),
        ("- 1\n- 2", "a recipe is a mapping of keys to values, this file holds list"),
        ("train: {steps: 5", "line 1 is no valid YAML"),
        ("a: 1\n\tb: 2", "line 2 is no valid YAML"),
        (b"\x89PNG\r\n\x1a\n\xff", "not a text file; a recipe is YAML"),
    ],
)
def test_files_that_are_no_recipes(tmp_path: Path, content: str | bytes | None, words: str) -> None:
    path = tmp_path / "mine.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RecipeError) as told:
        read(path)
    assert words in str(told.value)
    assert "mine.yaml" in str(told.value)


def test_a_mistyped_file_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "street.yaml").write_text("train: {steps: 1}")
    with pytest.raises(RecipeError, match=r"did you mean 'street.yaml'\?"):
        read(tmp_path / "stret.yaml")


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is a folder, not a recipe; `intarsia init"):
        read(tmp_path)


def test_a_broken_file_is_told_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("train:\n  steps: 5\n bad: 1\n")
    with pytest.raises(RecipeError, match=r"mine.yaml: line 3 is no valid YAML"):
        read(path)


class TestExplain:
    def test_a_plain_key(self) -> None:
        told = config.explain("train.ema", CATALOGUES)
        assert told["default"] is None
        assert "float" in told["type"]
        assert "moving average of weights" in told["meaning"]

    def test_a_part(self) -> None:
        told = config.explain("augment", CATALOGUES)
        assert {"crop", "scale", "flip"} <= set(told["keys"])
        assert told["meaning"]

    def test_a_choice_lists_what_there_is(self) -> None:
        assert config.explain("model", CATALOGUES)["choices"] == ["pspnet", "fpn"]
        assert config.explain("loss", CATALOGUES)["choices"] == ["dice", "cross_entropy"]

    def test_a_named_choice_lists_its_options(self) -> None:
        told = config.explain("model.pspnet", CATALOGUES)
        assert told["keys"] == ["encoder", "bins", "dropout", "norm"]
        assert told["meaning"] == "Pools the whole scene."

    def test_an_option_is_explained_by_the_docstring_of_its_owner(self) -> None:
        told = config.explain("model.pspnet.bins", CATALOGUES)
        assert told["default"] == (1, 2, 3, 6)
        assert told["meaning"] == "sizes of the pooling grids; the paper's are 1, 2, 3, 6 (section 4.2)."
        assert told["type"] == "tuple[int, ...]"

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("trian", "trian: unknown key; did you mean 'train'?"),
            ("train.emma", "train.emma: unknown key; did you mean 'ema'?"),
            ("train.ema.decay", "train.ema holds no further keys; 'train.ema.decay' asks for one"),
            ("model.pspnt", "model.pspnt: unknown key; did you mean 'pspnet'?"),
            ("model.pspnet.bin", "pspnet takes no option 'bin'; did you mean 'bins'?"),
            ("seed.more", "seed holds no further keys"),
            ("", "unknown key"),
        ],
    )
    def test_an_unknown_key(self, key: str, words: str) -> None:
        with pytest.raises(RecipeError) as told:
            config.explain(key, CATALOGUES)
        assert words in str(told.value)

    def test_every_key_of_a_recipe_says_what_it_means(self) -> None:
        """`recipe explain` without a meaning would be no explanation."""
        silent = []
        for key in Recipe.model_fields:
            told = config.explain(key, {})
            below = [f"{key}.{part}" for part in told["keys"]]
            silent += [k for k in [key, *below] if not config.explain(k, {})["meaning"]]
        assert set(silent) <= {"model.name", "data.name", "loss.name", "optimizer.name", "schedule.name"}
