"""Recipes and other YAML of strangers: a sentence, whatever they hold."""

from pathlib import Path

import pytest
import yaml

from intarsia import limits
from intarsia.config import override, read
from intarsia.datasets.davis import davis
from intarsia.datasets.pascal_context import pascal_context
from intarsia.doctor.meaning.class_names import labels_file, named
from intarsia.documents import read_yaml, yaml_of
from intarsia.errors import DataError, IntarsiaError, LabelError, RecipeError
from intarsia.labels import LabelSpace

BILLIONS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{this}: &{this} [{', '.join([f'*{last}'] * 10)}]\n" for last, this in zip("abcdefgh", "bcdefghi", strict=True)
)
SPOILED = {
    "digits": ("seed: " + "9" * 5000 + "\n", "a value that cannot be read"),
    "deep lists": ("seed: " + "[" * 20_000, "lists within lists, more than 100 deep"),
    "deep mappings": ("".join(" " * n + "a:\n" for n in range(400)), "lists within lists, more than 100 deep"),
    "aliases": (BILLIONS, "its aliases stand for more than 1,000,000 values"),
    "merged aliases": ("".join(f"k{n}: &k{n} {{a{n}: 1, <<: [*k{n - 1}, *k{n - 1}]}}\n" if n else "k0: &k0 {a: 1}\n" for n in range(60)), "its aliases stand for more than"),
    "itself": ("a: &a [*a]\n", "an alias that stands for a list which it is part of"),
    "half a character": ('a: "\\ud800"\n', "half of a character"),
    "no day": ("a: 2024-99-99\n", "a value that cannot be read"),
    "a list as a key": ("? [a, b]\n: c\n", "unhashable"),
    "a program": ("a: !!python/object/apply:os.system [ls]\n", "could not determine a constructor"),
    "too long": ("a: " + "x" * (limits.SETTINGS + 1), "at most 4,194,304"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPOILED)
def test_one_sentence(kind: str, tmp_path: Path) -> None:
    text, words = SPOILED[kind]
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=f"recipe.yaml.*{words}"):
        read(path)
    with pytest.raises(DataError, match=f"recipe.yaml.*{words}"):
        read_yaml(path)
    (tmp_path / "labels.yaml").write_text(text)
    assert labels_file(tmp_path) is None


def test_values_of_overrides() -> None:
    for text in ("9" * 5000, "[" * 20_000):
        with pytest.raises(RecipeError, match="is no valid YAML value"):
            override({}, [f"seed={text}"])


def test_honest_aliases_are_read() -> None:
    assert yaml_of("a: &a {x: 1}\nb: {<<: *a, y: [*a, *a]}\n") == {"a": {"x": 1}, "b": {"x": 1, "y": [{"x": 1}] * 2}}
    assert yaml_of("") is None
    with pytest.raises(yaml.YAMLError, match="expected"):
        yaml_of("a: [1")


@pytest.mark.parametrize(
    "tree", [None, 7, "x", [], {}, {"classes": "cat"}, {"classes": 3}, {"classes": ["a"], "values": [1]}]
)
def test_what_is_no_label_space(tree: object) -> None:
    with pytest.raises(LabelError, match="a label space is a mapping with classes"):
        LabelSpace.from_dict(tree)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content", ["[" * 20_000, "[1, 2]", '{"a": ' + "9" * 5000 + "}", "7", '["\\ud800"]', '[{"x": 1}]']
)
def test_files_of_class_names_that_say_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "classes.json").write_text(content)
    assert named(tmp_path) is None


def test_lists_of_names_stay_in_their_folder(tmp_path: Path) -> None:
    for folder in ("JPEGImages/480p/x", "Annotations/480p", "ImageSets/2017", "ImageSets/Main"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "ImageSets/2017/train.txt").write_text("../../../home\n")
    with pytest.raises(DataError, match=r"train.txt: lists '../../../home', which leads out of the data set's folder"):
        davis(tmp_path, "train")
    (tmp_path / "ImageSets/Main/train.txt").write_text("/etc/hostname\n")
    with pytest.raises(IntarsiaError):
        pascal_context(tmp_path, "train")
