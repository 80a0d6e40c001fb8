"""Every network of the catalogue agrees with its exported graph: any number of images, any size, one file."""

from pathlib import Path

import exports
import pytest
import torch
from exports import IN_ONNX, NOT_EXPORTED, Bricks, agrees_in_onnx, agrees_in_torch, exported, fits, new, tried
from miniatures import miniature
from test_architectures import CASES, QUICK, awakened, built
from torch import nn

from intarsia.inference import Predictor
from intarsia.inference.runtime.export import export
from intarsia.labels import LabelSpace
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.structures import Detections, DetectionsAndStuff, SemanticLogits

# Graphs of detectors have a file of their own, test_export_of_detections.py.
OTHERS = {n: e for n, e in ARCHITECTURES.items() if e.output not in (SemanticLogits, Detections, DetectionsAndStuff)}
LONG = {
    "axial_deeplab",
    "dpt",
    "dynamic_routing",
    "hierarchical",
    "kmax_deeplab",
    "manet",
    "max_deeplab",
    "msci",
    "segformer",
}  # over six seconds to trace; in `make test-all`
# Rows of `make test-all` as well -> the row that has a head of the same kind, and is tried in every run. All of their operators
# are in `IN_ONNX`; a newcomer is tried in every run until it is listed here.
ALIKE = {
    "attention_unet": "unet",
    "ddrnet23slim": "ddrnet23",
    "ddrnet39": "ddrnet23",
    "deconvnet": "segnet",
    "deeplabv3_cascade": "deeplabv3",
    "dsspn": "sgr",
    "enet": "erfnet",
    "exfuse": "gcn",
    "fast_scnn": "bisenet",
    "fc_densenet103": "fc_densenet67",
    "fc_densenet56": "fc_densenet67",
    "feature_pyramids_hierarchy": "feature_pyramids_topdown",
    "feature_pyramids_image": "feature_pyramids_topdown",
    "ladder_densenet": "refinenet",
    "lraspp": "bricks",
    "motion_deeplab": "panoptic_deeplab",
    "nasfpn": "fpn",
    "sdn": "spgnet",
    "upernet": "pspnet",
    "vip_deeplab": "panoptic_deeplab",
}
SMALL = [*(case for case in QUICK if case not in NOT_EXPORTED), *OTHERS, "bricks"]


def network_of(case: str) -> nn.Module:
    """A row's network of a few layers, or of the encoder that the catalogue names."""
    if case == "bricks":
        return Bricks()
    if case in CASES:
        return built(case)
    torch.manual_seed(0)
    return awakened(build(case, 5, **miniature(case, OTHERS[case].smallest)))


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.slow) if c in LONG or c in ALIKE else c for c in SMALL]
)
def test_exported_graphs_agree_at_other_sizes(case: str, tmp_path: Path) -> None:
    network = network_of(case)
    program = exported(network, case)
    fits(case, program)
    agrees_in_torch(program, network, case)
    if case in IN_ONNX or new(program):
        agrees_in_onnx(program, network, tmp_path, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in [*CASES, *OTHERS] if case not in {*IN_ONNX, *NOT_EXPORTED}])
def test_every_row_agrees_in_onnx(case: str, tmp_path: Path) -> None:
    network = network_of(case)
    program = exported(network, case)
    agrees_in_torch(program, network, case)
    agrees_in_onnx(program, network, tmp_path, case)


def pixels(*shape: int) -> torch.Tensor:
    """Noise of eight bits."""
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)


ALL = [*CASES, *ARCHITECTURES.keys() - {name for name, _ in CASES.values()}]  # detectors too


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`create_unbacked_symint`")  # what torchvision calls
@pytest.mark.parametrize("case", sorted(case for case in ALL if case.partition(",")[0] not in NOT_EXPORTED))
def test_every_row_passes_the_gate_as_a_file(case: str, tmp_path: Path) -> None:
    """`intarsia export`, from raw pictures to the usual answer: three sizes, one and three pictures at once."""
    if case in CASES:
        network = built(case)
    else:
        torch.manual_seed(0)
        network = awakened(build(case, 5, **miniature(case, ARCHITECTURES[case].smallest)))
    names = tuple("abcde")
    space = LabelSpace(names, things=() if case in CASES else names[2:])
    predictor = Predictor.of_network(network, space, (0.5,) * 3, (0.25,) * 3, device="cpu")
    found = export(predictor, tmp_path / "net.onnx")
    assert found.verdict.passed and len(found.verdict.rows) >= 6
    assert type(Predictor.load(tmp_path / "net.onnx").run(pixels(1, 3, 300, 270))[0]) is type(
        predictor.run(pixels(1, 3, 300, 270))[0]
    )


class Planted(nn.Module):
    """A network of an operator that no row has."""

    def forward(self, image: torch.Tensor) -> SemanticLogits:
        return SemanticLogits(image.erfinv())


def test_a_new_operator_and_a_large_graph_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    program = exported(Planted())
    assert new(program) == {"erfinv"}
    fits("planted", program)
    monkeypatch.setattr(exports, "NODES", 2)
    with pytest.raises(AssertionError, match=r"the graph of 'planted' has 3 nodes, and 2 are allowed"):
        fits("planted", program)


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_what_no_graph_can_hold_is_refused_by_torch(name: str) -> None:
    """The row leaves the list once it can be exported."""
    with pytest.raises(Exception, match=r"(?i)unbacked|data-dependent|dynamic"):
        exported(built(name), name)


def test_each_operator_is_listed_once() -> None:
    quick = set(SMALL) - LONG - set(ALIKE)
    assert set(IN_ONNX) <= quick and set(ALIKE.values()) <= quick and set(ALIKE) <= set(SMALL) - LONG
    assert sum(len(names.split()) for names in IN_ONNX.values()) == len(tried(IN_ONNX))
