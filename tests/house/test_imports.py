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


@pytest.mark.parametrize(
    ("code", "banned"),
    [
        ("import intarsia; dir(intarsia)", ("torch", "numpy", "typer", "rich", *HEAVY)),
        ("import intarsia.cli as c; assert c.main(['--help']) == 0", ("torch", "numpy", "pydantic", "yaml", *HEAVY)),
        ("import intarsia.cli as c; assert c.main(['recipe', 'explain', 'train.ema']) == 0", HEAVY),
        *(
            (f"import intarsia.cli as c; assert c.main({line.split()!r}) == {code}", ("torch", "numpy", "PIL", *HEAVY))
            for line, code in (
                ("recipe list", 0),
                ("models", 0),
                ("models --family realtime", 0),
                ("data list", 0),
                ("init nowhere", 2),
                ("data audit nowhere", 2),
                ("data show nowhere", 2),
                ("data shard nowhere --out x", 2),
                ("study --model fpn --data nowhere", 2),
                ("data convert nowhere --to coco --out x", 2),
                ("train nowhere", 2),
                ("evaluate runs nowhere", 2),
            )
        ),
        ("import intarsia.config, intarsia.labels", ("torch", *HEAVY)),
        ("import intarsia.data, intarsia.datasets.catalogue, intarsia.data.loader, intarsia.data.augment.color", HEAVY),
        ("import intarsia.metrics", HEAVY),
        ("import intarsia.report, intarsia.evaluation", HEAVY),
        ("import intarsia.losses", HEAVY),
        ("import intarsia.models, intarsia.models.catalogue", HEAVY),
        ("import intarsia.inference, intarsia.checkpoint", HEAVY),
        ("import intarsia.training", HEAVY),
    ],
)
def test_modules_that_stay_out(code: str, banned: tuple[str, ...]) -> None:
    """In a process of its own, since this one has imported everything by now."""
    ask = f"import sys; {code}; print('LOADED', *sorted({{n.split('.')[0] for n in sys.modules}} & set({banned!r})))"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[1:] == []
