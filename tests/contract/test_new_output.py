"""A new kind of output and answer is new files in a few rooms, and rows in literal tables elsewhere: one is added to a copy.

The newcomer counts the objects of each class of a picture. The copy of the package trains it, predicts with it, scores and
reports it, in a process of its own.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOMS = ("structures.py", "models/", "losses/", "postprocess/", "metrics/", "draw/")  # which may change in any way

FILES = {
    "models/counting/__init__.py": '"""Architectures that count objects."""\n',
    "models/counting/counter.py": '''
import torch
from torch import Tensor, nn
from ...structures import Counts

class Counter(nn.Module):
    """A line through the mean brightness, for each class."""

    def __init__(self, num_classes: int, *, in_channels: int = 3) -> None:
        super().__init__()
        self.read = nn.Linear(in_channels, num_classes)

    def forward(self, image: Tensor) -> Counts:
        return Counts(self.read(4 * image.mean((2, 3)) + 4))
''',
    "models/catalogue/counting.py": """
from ...structures import Counts
from ..counting.counter import Counter
from .entry import Entry

COUNTING: dict[str, Entry] = {
    "counter": Entry(build=Counter, title="Counting", year=2020, paper="arXiv:2000.00000", idea="sums", smallest={},
                     parameters=1, gflops=1.0, output=Counts),
}
""",
    "losses/counting.py": """
from torch import Tensor, nn
from ..structures import Batch, Counts, objects_in

class Miscount(nn.Module):
    def __init__(self, *, ignore_index: int = 255) -> None:
        super().__init__()
        self.ignore_index = ignore_index

    def forward(self, output: Counts, truth: Batch) -> Tensor:
        true = output.counts.new_zeros(output.counts.shape)
        for n in range(len(truth.names)):
            for number in objects_in(truth.sample(n), self.ignore_index).classes:
                true[n, int(number)] += 1
        return (output.counts - true).square().mean()
""",
    "postprocess/counting.py": """
from ..structures import Count

def count_of_counts(output, space, rounded: bool = True):
    return [Count(one.round() if rounded else one) for one in output.counts]
""",
    "metrics/counting.py": """
from dataclasses import dataclass, field
from typing import Any, NamedTuple
import numpy as np
from ..structures import Count, objects_in
from .records import ImageSums

class Seen(NamedTuple):
    name: str
    score: float
    image: Any
    truth: Any
    predicted: Any
    ignored: Any = None

@dataclass(frozen=True, eq=False)
class CountScore:
    counts: ImageSums
    per_image: list
    space: Any
    seconds: float = 0.0
    source: dict = field(default_factory=dict)
    worst: tuple = ()
    best: tuple = ()
    trust: Any = None
    measure = own = "miscounted"

    @property
    def error(self) -> float:
        return float(np.mean([own for _, own in self.per_image]))

    standing = property(lambda self: 1 / (1 + self.error))
    images = property(lambda self: len(self.per_image))
    brief = property(lambda self: f"miscounted {self.error:.2f}")
    sentence = property(lambda self: f"{self.error:.2f} objects too many or too few")
    figures = property(lambda self: {"miscounted": self.error})
    tiles = property(lambda self: [("miscounted", f"{self.error:.2f}")])
    tables = property(lambda self: [])

    def to_dict(self):
        return {"answer": "count", "standing": self.standing, "miscounted": self.error, "images": self.images}

class CountTally:
    def __init__(self, space, wish) -> None:
        self.space, self.records, self.per_image = space, ImageSums("count", space.names), []

    def update(self, sample, answer, output=None) -> float:
        true = np.zeros(self.space.num_classes)
        for number in objects_in(sample, self.space.ignore_index).classes:
            true[int(number)] += 1
        each = np.abs(answer.numbers.numpy() - true)
        error = float(each.sum())
        self.records.update(sample.name, np.append(1.0, each), true, 1 / (1 + error))
        self.per_image.append((sample.name, error))
        return 1 / (1 + error)

    def picture(self, sample, answer, own):
        return Seen(sample.name, own, sample.image.permute(1, 2, 0).numpy(), Count(answer.numbers), answer)

    def compute(self) -> CountScore:
        return CountScore(self.records, self.per_image, self.space)
""",
}

TASK = "counting"
EDITS = {  # file -> (before which text, what is put there), once each
    "structures.py": [
        ("class ClassLogits(NamedTuple)", "class Counts(NamedTuple):\n    counts: Tensor  # [B, K]\n\n\nclass Count(NamedTuple):\n    numbers: Tensor  # [K]\n\n\n"),
        (" | DepthMap\n", " | Counts"),
        (" | Depth\n", " | Count"),
    ],
    "models/catalogue/__init__.py": [("from .depth import", "from .counting import COUNTING\n"), ("    **DEPTH,", "    **COUNTING,\n")],
    "losses/__init__.py": [
        ("from ..structures import", "from ..structures import Counts\nfrom .counting import Miscount\n"),
        ('    "detection": Detection', '    "miscount": Miscount,\n'),
        ('    DepthMap: "silog"', '    Counts: "miscount",\n'),
    ],
    "postprocess/checked.py": [
        ("from ..structures import", "from ..structures import Counts\n"),
        ("    DepthMap: lambda", '    Counts: lambda o, s: {"counts": (o.counts, ("B", s.num_classes))},\n'),
    ],
    "postprocess/decide.py": [
        ("from .pixels import", "from .counting import count_of_counts\nfrom ..structures import Counts\n"),
        ('"depth")', f'"{TASK}", '),
        ('    ("depth", DepthMap)', f'    ("{TASK}", Counts): count_of_counts,\n'),
    ],
    "metrics/records.py": [('    "depth": Kind', '    "count": Kind(lambda sums: np.append(sums[..., 1:], sums[..., 1:].sum(-1, keepdims=True), -1) / sums[..., :1], Column("miscounted", True, "")),\n')],
    "draw/answers.py": [
        ("from ..structures import", "from ..structures import Count\n"),
        ("    Tags: _overlay_tags", "    Count: lambda image, answer, space, look: viewable(image),\n"),
        ("    Tags: _colorize_tags", '    Count: lambda answer, space, size, _: Image.new("RGB", size[::-1]),\n'),
    ],
    "evaluation/tallies/__init__.py": [
        ("from ...structures import", "from ...metrics.counting import CountTally\nfrom ...structures import Count\n"),
        ("    Depth: DepthTally", "    Count: CountTally,\n"),
    ],
    "report/answers.py": [('    "depth": Words', '    "count": Words("Objects of each class.", "miscounted", lower=True),\n')],
    "report/answer_panels.py": [
        ("from ..structures import", "from ..structures import Count\n"),
        ('    "depth": (depth_panels', '    "count": (lambda picture, space: [], Key(False, ())),\n'),
        ('    Depth: "depth"', '    Count: "count",\n'),
    ],
    "inference/prediction.py": [("from ..structures import", "from ..structures import Count\n"), ('    Tags: "tags"', '    Count: "count",\n')],
    "inference/measures.py": [
        ("from ..structures import", "from ..structures import Count\n"),
        ("    Tags: _tags", '    Count: lambda answer, space, size: ", ".join(f"{int(n)} {name}" for n, name in zip(answer.numbers, space.names)),\n'),
    ],
    "inference/results.py": [
        ("from ..structures import", "from ..structures import Count\n"),
        ('    "depth": Depth', f'    "{TASK}": Count,\n'),
        ("    Tags: Kind(", '    Count: Kind(lambda _, __: [], lambda made, _: {"count": made.answer.numbers.tolist()}),\n'),
        ('    "tags": lambda line', '    "count": lambda line: str(line["count"]),\n'),
    ],
    "inference/writing.py": [("from ..structures import", "from ..structures import Count\n"), ("    Labels: {", "    Count: {},\n")],
    "config/schema.py": [('"panoptic", "depth"]', f'"{TASK}", ')],
    "cli/architectures.py": [('    "depth",\n', '    "counting",\n')],
}  # fmt: skip

RUN = f"""
import json, sys
from pathlib import Path
import torch
from PIL import Image
import intarsia
from intarsia import LabelSpace, Sample
from intarsia.cli import main

class Squares:
    labels = LabelSpace(("ground", "square"), things=("square",))

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        numbers = torch.zeros(32, 32, dtype=torch.int32)
        for n in range(1 + index % 3):
            numbers[4:12, 1 + 10 * n : 9 + 10 * n] = n + 1
        image = (numbers > 0).to(torch.uint8)[None].repeat(3, 1, 1) * 180 + 20 + index
        return Sample(image, (numbers > 0).to(torch.uint8), f"s{{index}}", objects=numbers)

out, data = Path(sys.argv[1]), Squares(6)
train = dict(steps=100, batch_size=6, workers=0, accelerator="cpu", precision="float32", log_every=10, audit=False)
recipe = dict(model="counter", task="{TASK}", optimizer=dict(lr=0.2), train=train, evaluate=dict(every=50))
last = intarsia.train(recipe, data=(data, Squares(3)), out=out / "run", quiet=True)
score = intarsia.evaluate(last, data, out=out / "report")
for n in range(3):
    Image.fromarray(data[n].image.permute(1, 2, 0).numpy()).save(out / f"s{{n}}.png")
code = main(["predict", str(last), *(str(out / f"s{{n}}.png") for n in range(3)), "--out", str(out / "found")])
lines = [json.loads(line) for line in (out / "found" / "predictions.jsonl").read_text().splitlines()]
prediction = intarsia.Predictor.load(last)(out / "s2.png")
same = intarsia.compare(last, last, data)
kept = intarsia.checkpoint.load(last)
print(json.dumps(dict(package=intarsia.__file__, error=score.error, code=code, counts=[line["count"] for line in lines],
                      loss=kept.recipe["loss"]["name"], told=repr(prediction), report=(out / "report" / "report.html").is_file())))
"""


def added(package: Path) -> None:
    """Add the newcomer to a copy of the package."""
    for name, text in FILES.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(text, encoding="utf-8")
    for name, edits in EDITS.items():
        text = (package / name).read_text(encoding="utf-8")
        for anchor, more in edits:
            assert text.count(anchor) >= 1, f"{name}: there is no {anchor!r}"
            at = text.index(anchor)
            text = text[:at] + more + text[at:]
        (package / name).write_text(text, encoding="utf-8")


class WithoutTables(ast.NodeTransformer):
    """Takes out of a module what may change anywhere: imports, literal tables, and the words of a Literal."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = [item for item in node.body if not self.may_change(item)]
        self.generic_visit(node)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "Literal":
            return ast.Name("Literal", ast.Load())
        self.generic_visit(node)
        return node

    @staticmethod
    def may_change(item: ast.stmt) -> bool:
        if isinstance(item, ast.Import | ast.ImportFrom):
            return True
        table = getattr(item, "value", None) if isinstance(item, ast.Assign | ast.AnnAssign) else None
        return isinstance(table, ast.Dict | ast.Tuple | ast.List)


def code_of(path: Path) -> str:
    return ast.dump(WithoutTables().visit(ast.parse(path.read_text(encoding="utf-8"))))


def test_a_new_output_touches_its_rooms_and_rows_of_literal_tables_alone(root: Path, tmp_path: Path) -> None:
    source, package = root / "src/intarsia", tmp_path / "site/intarsia"
    shutil.copytree(source, package)
    added(package)

    files = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*")
        if "__pycache__" not in path.parts and path.is_file()
    }
    before = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if "__pycache__" not in path.parts and path.is_file()
    }
    assert all(name.startswith(ROOMS) for name in files - before), "a new file stands outside its rooms"
    changed = {name for name in before if (source / name).read_bytes() != (package / name).read_bytes()}
    outside = {name for name in changed if not name.startswith(ROOMS)}
    assert {name for name in outside if code_of(source / name) != code_of(package / name)} == set()

    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["package"].startswith(str(package)) and found["code"] == 0 and found["report"]
    assert found["loss"] == "miscount" and found["error"] < 0.5
    assert [round(counts[1]) for counts in found["counts"]] == [1, 2, 3]
    assert "count: 0 ground, 3 square" in found["told"]
