"""What an import costs: heavy packages are imported where they are used, never at the head of a file."""

import subprocess
import sys

import pytest
import source_tree
from source_tree import PACKAGE, where

# At the head of a file a room may import these; everything else belongs into the function that needs it.
LIGHT = {"typer", "rich", "yaml", "pydantic", "jinja2", "numpy", "PIL"}
TENSORS = {"torch", "safetensors", "scipy", "numpy", "PIL"}
AT_THE_HEAD = {
    "__init__": set(),
    "__main__": set(),
    "errors": set(),
    "limits": set(),
    "naming": set(),
    "documents": {"yaml"},
    "cli": {"typer"},
    "config": {"yaml", "pydantic"},
    "labels": {"numpy"},
    "report": {"numpy", "PIL", "jinja2"} | TENSORS,
    "training": TENSORS | {"yaml", "rich"},
    "version": set(),
    "data": TENSORS | {"yaml"},
    "datasets": TENSORS | {"yaml"},
    "annotations": TENSORS | {"yaml"},
    "doctor": TENSORS | {"yaml"},
}
NEVER = {"click", "tqdm", "cv2", "matplotlib", "plyfile", "albumentations", "pydensecrf"}
HEAVY = (
    "torchvision",
    "timm",
    "lightning",
    "onnx",
    "onnxruntime",
    "numba",
    "sklearn",
    "skimage",
    "tensorboard",
    "transformers",
)


def test_heads_of_files_import_little() -> None:
    wrong = []
    for path in source_tree.files():
        allowed = AT_THE_HEAD.get(source_tree.room(path), TENSORS) | sys.stdlib_module_names
        for line, inside, target, late in source_tree.imports(path):
            if not inside and not late and target[0] not in allowed:
                wrong.append(f"{where(path)}:{line}: {target[0]} at the head of a file; import it where it is used")
    assert not wrong, "\n".join(wrong)


def test_some_packages_are_imported_nowhere() -> None:
    wrong = [
        f"{where(path)}:{line}: {target[0]}"
        for path in source_tree.files()
        for line, inside, target, _ in source_tree.imports(path)
        if not inside and target[0] in NEVER
    ]
    assert not wrong


def test_whatever_is_imported_is_declared() -> None:
    import tomllib

    project = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(d for ds in project["optional-dependencies"].values() for d in ds)]
    declared = {line.split("[")[0].split(">")[0].split("<")[0].strip().lower() for line in lines}
    called = {
        "pil": "pillow",
        "yaml": "pyyaml",
        "skimage": "scikit-image",
        "sklearn": "scikit-learn",
        "huggingface_hub": "huggingface-hub",
    }
    used = {
        target[0]
        for path in source_tree.files()
        for _, inside, target, _ in source_tree.imports(path)
        if not inside and target[0] not in sys.stdlib_module_names
    }
    assert used >= {"torch", "numpy", "typer"}
    hosts = {"ipython"}  # imported only where it is what runs us
    assert {called.get(name.lower(), name.lower()) for name in used} - hosts <= declared


FACE = ("torch", "numpy", "typer", "rich", *HEAVY)
NUMBERS = ("torch", "numpy", "PIL", *HEAVY)
LINES = (
    "recipe list",
    "models",
    "models --family realtime",
    "data list",
    "init nowhere",
    "data audit nowhere",
    "data show nowhere",
    "data shard nowhere --out x",
    "study --model fpn --data nowhere",
    "data convert nowhere --to coco --out x",
    "train nowhere",
    "evaluate runs nowhere",
)
# One process a row, since each that imports PyTorch takes seconds: the statements run in turn, what stays out of all of
# them stays out of each, and the first that lets it in is named.
APART: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "the face": (("import intarsia; dir(intarsia)",), FACE),
    "help": (
        ("import intarsia.cli as c; assert c.main(['--help']) == 0",),
        ("torch", "numpy", "pydantic", "yaml", *HEAVY),
    ),
    "verbs without pictures": (
        tuple(
            f"import intarsia.cli as c; assert c.main({line.split()!r}) == {2 if 'nowhere' in line else 0}"
            for line in LINES
        ),
        NUMBERS,
    ),
    "recipes and labels": (("import intarsia.config, intarsia.labels",), ("torch", *HEAVY)),
    "everything else": (
        (
            "import intarsia.cli as c; assert c.main(['recipe', 'explain', 'train.ema']) == 0",
            "import intarsia.data, intarsia.datasets.catalogue, intarsia.data.loader, intarsia.data.augment.color",
            "import intarsia.metrics",
            "import intarsia.losses",
            "import intarsia.models, intarsia.models.catalogue",
            "import intarsia.inference, intarsia.checkpoint",
            "import intarsia.report, intarsia.evaluation",
            "import intarsia.training",
        ),
        HEAVY,
    ),
}


def let_in(statements: tuple[str, ...], banned: tuple[str, ...]) -> list[str]:
    """What each statement lets in that it should not, run in turn in one process of its own."""
    ask = (
        "import sys\n"
        f"for code in {statements!r}:\n"
        "    exec(code)\n"
        f"    for name in sorted({{n.split('.')[0] for n in sys.modules}} & set({banned!r})):\n"
        "        print('LOADED', name, 'by', code)\n"
        "print('DONE')"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("DONE\n"), done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("LOADED")]


@pytest.mark.timeout(900)  # it imports everything
@pytest.mark.parametrize("name", APART)
def test_modules_that_stay_out(name: str) -> None:
    """In a process of its own, since this one has imported everything by now."""
    assert let_in(*APART[name]) == []


def test_a_planted_import_is_named() -> None:
    found = let_in(("import intarsia", "import yaml", "import json"), ("yaml",))
    assert found == ["LOADED yaml by import yaml", "LOADED yaml by import json"]
