"""Every shape comment of blocks, encoders and models is true, every one is run, and the checker can tell."""

import importlib.util
import inspect
import re
import sys
from pathlib import Path

import pytest
import torch
from miniatures import SHALLOW
from torch import nn

HERE = Path(__file__).parent
ROOT = HERE.parents[1] / "src" / "intarsia"
ROOMS = ("blocks", "encoders", "models")

_spec = importlib.util.spec_from_file_location("shape_comments", HERE / "shape_comments.py")
assert _spec and _spec.loader
shapes = importlib.util.module_from_spec(_spec)
sys.modules["shape_comments"] = shapes
_spec.loader.exec_module(shapes)

# Each symbol has a prime that no width has: a number, or one symbol for another, cannot fit by chance, so that one size
# of image says as much as several. H and W are multiples of 32.
PRIMES = {"B": 59, "K": 53, "H": 41, "W": 47}
RUN = {"B": 59, "K": 53, "H": 32 * 41, "W": 32 * 47}
EXTRA = [("unet", {"encoder": "resnet50"}), ("fcn32s", {"encoder": "alexnet"})]  # branches that defaults do not take


def trains_otherwise(network: nn.Module) -> bool:
    """Whether a file of ours, of which the network has a module, looks at whether it is in training."""
    ours = {type(module).__module__ for module in network.modules() if type(module).__module__.startswith("intarsia.")}
    return any(".training" in source for source in map(inspect.getsource, map(sys.modules.__getitem__, ours)))


@pytest.mark.timeout(1200)  # it runs every network
def test_every_comment_is_true_and_every_comment_is_run() -> None:
    book = shapes.Book()
    book.symbols = RUN
    with shapes.watched("intarsia", ROOT, ROOMS, book) as load:
        build, catalogue = load("intarsia.models").build, load("intarsia.models.catalogue")
        for room in ROOMS:  # files that no network uses count, too
            for path in (ROOT / room).rglob("*.py"):
                load(".".join(("intarsia", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"))
        for name, given in [*((n, e.full) for n, e in catalogue.ARCHITECTURES.items()), *EXTRA]:
            options = {key: value for key, value in given.items() if key != "num_classes" and name != "fpn"}
            named = inspect.signature(catalogue.ARCHITECTURES[name].build).parameters.get("encoder")
            deep = options.get("encoder", named and named.default)
            options |= {"encoder": SHALLOW[deep]} if deep in SHALLOW else {}
            with torch.device("meta"):
                network = build(name, RUN["K"], **options)
                image = torch.empty(RUN["B"], 3, RUN["H"], RUN["W"])
            for training in (False, True)[: 1 + trains_otherwise(network)]:
                network.train(training)(image)
    assert not book.wrong, "\n".join(sorted(set(book.wrong)))
    unrun = [f"{c.file}:{c.line}: {c.text}" for key, c in book.written.items() if key not in book.checked]
    assert not unrun, "never run:\n" + "\n".join(unrun)
    written = sum(len(shapes.claims_of(p.read_text(), str(p))) for room in ROOMS for p in (ROOT / room).rglob("*.py"))
    assert written == len(book.written) == len(book.checked)
    assert written >= 50
    silent = ", ".join(sorted(book.silent))
    assert not silent, f"these lines of a forward change a shape and do not say to what: {silent}"
    assert not by_chance(book), "these numbers could fit by chance: give RUN other primes\n" + "\n".join(
        by_chance(book)
    )


def by_chance(book: "shapes.Book") -> list[str]:
    """Comments with a number that is a multiple of the prime of a symbol."""
    return [
        f"{claim.file}:{claim.line}: {claim.text}"
        for claim in book.written.values()
        for number in re.findall(r"\b\d+\b", ",".join(d for shape in claim.shapes for d in shape))
        if int(number) and any(int(number) % prime == 0 for prime in PRIMES.values())
    ]


FORMS = {
    "assignment": "    y = torch.zeros(B, 2 * n, H // 8, W)  # {}\n    return y",
    "tuple": "    y, z = torch.zeros(B, 1), torch.zeros(B, 2 * n, H // 8, W)  # [B, 1], {}\n    return y",
    "starred": "    *y, z = torch.zeros(1), torch.zeros(2), torch.zeros(B, 2 * n, H // 8, W)  # [1], ..., {}\n    return y",
    "return": "    return torch.zeros(B, 2 * n, H // 8, W)  # {}",
    "augmented": "    y = torch.zeros(1)\n    y = y.expand(B, 2 * n, H // 8, W).clone()\n    y += 1  # {}\n    return y",
    "annotated": "    y: torch.Tensor = torch.zeros(B, 2 * n, H // 8, W)  # {}\n    return y",
    "list": "    y = [torch.zeros(B, 2 * n, H // 8, W) for _ in range(2)]  # {} each\n    return y",
    "attribute": "    holder.y = torch.zeros(B, 2 * n, H // 8, W)  # {}\n    return holder.y",
    "several lines": "    y = torch.zeros(\n        B, 2 * n, H // 8, W\n    )  # {}\n    return y",
    "named tuple": "    return Two(torch.zeros(B, 2 * n, H // 8, W), None)  # {}",
}
TRUE = "[B, 2*n, H/8, W]"
FALSE = {
    "another number": "[B, 2*n, H/4, W]",
    "another order": "[B, H/8, 2*n, W]",
    "one too few": "[B, 2*n, H/8]",
    "undeclared": "[B, 2*n, H/8, Q]",
    "unreadable": "[B, 2 n, H/8, W]",
}


def run(form: str, comment: str) -> "shapes.Book":
    book = shapes.Book()
    book.symbols = RUN
    head = "import torch, types\nfrom collections import namedtuple\nTwo = namedtuple('Two', 'a b')\nholder = types.SimpleNamespace()\n"
    source = head + "def f(B, H, W):\n    n = 11\n" + FORMS[form].replace("{}", comment) + "\n"
    shapes.run_source(source, book)["f"](RUN["B"], RUN["H"], RUN["W"])
    return book


@pytest.mark.parametrize("form", FORMS)
def test_a_true_comment_passes_in_each_form(form: str) -> None:
    book = run(form, TRUE)
    assert not book.wrong
    assert len(book.written) == len(book.checked) == 1


@pytest.mark.parametrize("lie", FALSE)
@pytest.mark.parametrize("form", FORMS)
def test_a_planted_lie_fails_in_each_form(form: str, lie: str) -> None:
    assert len(run(form, FALSE[lie]).wrong) == 1


def test_a_size_that_the_divisor_does_not_divide_fits_nothing() -> None:
    book = shapes.Book()
    shapes.run_source("import torch\ndef f(h):\n    return torch.zeros(h // 2 + 1)  # [h/2]\n", book)["f"](7)
    assert len(book.wrong) == 1


def test_a_comment_that_ends_no_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="ends no assignment and no return"):
        shapes.run_source("def f(x):\n    # [B, 3]\n    return x\n", shapes.Book())


def test_a_comment_that_never_runs_is_told_apart() -> None:
    book = shapes.Book()
    shapes.run_source(
        "import torch\ndef f(x):\n    if x:\n        return torch.zeros(1)  # [1]\n    return None\n", book
    )["f"](0)
    assert book.written and not book.checked


@pytest.mark.parametrize(
    ("body", "silent"), [("x = x[:, :1]", True), ("x = x + 1", False), ("x = x[:, :1]  # [2, 1]", False)]
)
def test_a_silent_change_of_shape_is_noted(body: str, silent: bool) -> None:
    book = shapes.Book()
    shapes.run_source(f"def forward(x):\n    {body}\n    return x\n", book, architecture=True)["forward"](
        torch.zeros(2, 3)
    )
    assert bool(book.silent) == silent
    assert not book.wrong


def test_a_number_that_could_fit_by_chance_is_noted() -> None:
    book = shapes.Book()
    shapes.run_source(f"import torch\ndef f(B):\n    return torch.zeros(B)  # [{PRIMES['B']}]\n", book)
    assert len(by_chance(book)) == 1
