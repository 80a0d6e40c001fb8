"""What every architecture of the catalogue promises that answers otherwise than with a map of logits.

A newcomer is tested by being listed. Beside the catalogue's rows stand the smallest networks of each kind of output, so that
the promises themselves are tested where the catalogue has no row of a kind.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
import torch
from exports import picture, tensors
from miniatures import miniature
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from test_architectures import awakened
from torch import Tensor, nn

import intarsia
from intarsia.labels import LabelSpace
from intarsia.losses import LOSSES, USUAL_LOSS, accepts
from intarsia.losses.auxiliary import total
from intarsia.models import build
from intarsia.models.catalogue import ARCHITECTURES
from intarsia.postprocess import DECISIONS, checked, decide
from intarsia.structures import (
    Batch,
    ClassLogits,
    DepthMap,
    Detections,
    MaskQueries,
    Output,
    PanopticLogits,
    Sample,
    SemanticLogits,
)

SPACE = LabelSpace(("sky", "road", "car", "person", "dog"), things=("car", "person", "dog"))
K, Q = SPACE.num_classes, 6
NEUTRAL = {
    "maskformer": {"decode.0.among.value.weight"},  # the first layer's queries have no content, so that it is unused
    "shapemask": {  # norms of the levels that no object of these pictures is large enough for
        f"find.measure.norms.{n}.{level}.{part}" for n in (0, 1) for level in (2, 3, 4) for part in ("weight", "bias")
    },
}
OTHERS = {name: entry for name, entry in ARCHITECTURES.items() if entry.output is not SemanticLogits}


class Tiny(nn.Module):
    """One convolution, and what a function makes of its maps."""

    def __init__(self, maps: int, made: Callable[[Tensor], Output], in_channels: int = 3) -> None:
        super().__init__()
        self.draw, self.made = nn.Conv2d(in_channels, maps, 3, padding=1), made

    def forward(self, image: Tensor) -> Output:
        return self.made(self.draw(image))


def queries(x: Tensor) -> MaskQueries:
    masks = x[:, :Q]
    classes = x[:, Q:].mean((2, 3)).unflatten(1, (Q, K + 1))
    return MaskQueries(classes, masks, (x.shape[2], x.shape[3]))


TINY: dict[type, tuple[int, Callable[[Tensor], Output]]] = {
    ClassLogits: (K, lambda x: ClassLogits(x.mean((2, 3)))),
    DepthMap: (1, lambda x: DepthMap(nn.functional.softplus(x))),
    PanopticLogits: (K + 3, lambda x: PanopticLogits(x[:, :K], x[:, K : K + 1], x[:, K + 1 :])),
    MaskQueries: (Q + Q * (K + 1), queries),
}


class Case(NamedTuple):
    """A network of the catalogue, or one of the smallest."""

    output: type
    build: Callable[..., nn.Module]  # (in_channels=) -> network


def _listed(name: str) -> Case:
    entry = ARCHITECTURES[name]
    return Case(
        entry.output, lambda **more: build(name, SPACE.maps(entry.output), **miniature(name, entry.smallest), **more)
    )


CASES = {name: _listed(name) for name in OTHERS} | {
    f"tiny {output.__name__}": Case(output, lambda output=output, **more: Tiny(*TINY[output], **more))
    for output in TINY
}


def usual_loss(case: str) -> str:
    """The loss of a recipe that names none: that of the network's paper, or the usual one of its output."""
    of_paper = ARCHITECTURES[case].loss if case in ARCHITECTURES else ""
    return of_paper or USUAL_LOSS[CASES[case].output]


def built(case: str, **more: int) -> nn.Module:
    torch.manual_seed(0)
    return awakened(CASES[case].build(**more))


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return cast(str, request.param)


@pytest.fixture(scope="module")
def network(case: str) -> nn.Module:
    return built(case)


@torch.no_grad()
def answer(network: nn.Module, image: Tensor) -> Output:
    return checked(network.eval()(image), image, SPACE)


def truth(height: int = 64, width: int = 96) -> Batch:
    """Two pictures: of three objects of two classes, and of one object."""
    objects = torch.zeros(2, height, width, dtype=torch.int32)
    objects[0, 4:30, 6:40], objects[0, 30:60, 10:30], objects[0, 8:50, 50:90] = 1, 2, 3
    objects[1, 10:60, 20:80] = 1
    labels = torch.zeros(2, height, width, dtype=torch.uint8)
    labels[:, height // 2 :] = 1
    for number, label in ((1, 2), (2, 3), (3, 2)):
        labels[objects == number] = label
    labels[:, :2] = 255
    depth = torch.where(objects > 0, 3.0, 9.0)
    depth[:, -3:] = float("nan")
    tags = torch.zeros(2, K, dtype=torch.bool)
    tags[0, 2] = tags[1, 4] = True
    before = objects.roll((2, 3), (1, 2))  # one frame before
    images = picture(2, 3, height, width)
    return Batch(images, labels, ("a", "b"), objects=objects, depth=depth, tags=tags, previous=before)


def trained(network: nn.Module, batch: Batch) -> Any:
    """What a network in training returns for a batch, which it gets as well where it asks for it."""
    asks = "truth" in inspect.signature(network.forward).parameters
    return network(batch.image, truth=batch) if asks else network(batch.image)


def parts(output: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of an output, by its place."""
    if isinstance(output, Tensor):
        yield path, output
    for key, part in output._asdict().items() if hasattr(output, "_asdict") else ():
        yield from parts(part, f"{path}.{key}")


@pytest.mark.parametrize("size", [(9, 13), (33, 70), (64, 64), (97, 65)], ids=str)
def test_any_size_in_the_shapes_of_that_size_out(case: str, network: nn.Module, size: tuple[int, int]) -> None:
    output = answer(network, picture(1, 3, *size))
    assert type(output) is CASES[case].output
    assert all(part.isfinite().all() for _, part in parts(output))
    if isinstance(output, MaskQueries | Detections):
        assert tuple(output.size) == size


def test_an_image_is_answered_alike_alone_and_in_company(network: nn.Module) -> None:
    images = picture(3, 3, 48, 64)
    together = dict(parts(answer(network, images)))
    for n in range(3):
        for place, part in parts(answer(network, images[n : n + 1])):
            torch.testing.assert_close(part, together[place][n : n + 1], atol=1e-4, rtol=1e-3, msg=place)


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels(case: str, channels: int) -> None:
    image = picture(1, channels, 40, 64)
    assert type(answer(built(case, in_channels=channels), image)) is CASES[case].output


def test_one_type_in_training_and_evaluation(case: str, network: nn.Module) -> None:
    batch = truth()
    output = trained(network.train(), batch)
    assert type(checked(output, batch.image, SPACE)) is CASES[case].output
    quiet = answer(network, batch.image)
    assert type(quiet) is CASES[case].output
    assert not getattr(quiet, "auxiliary", ()) and getattr(quiet, "found_by", None) is None


def test_every_parameter_gets_a_gradient_under_the_usual_loss(case: str, network: nn.Module) -> None:
    network.train()
    for module in network.modules():  # of a batch's own statistics, a bias before the norm would have no effect
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    network.zero_grad(set_to_none=True)
    constructor, batch = LOSSES[usual_loss(case)], truth()
    wanted = inspect.signature(constructor).parameters
    known = {"ignore_index": 255, "things": tuple(SPACE.names.index(name) for name in SPACE.things)}
    given: dict[str, Any] = {key: value for key, value in known.items() if key in wanted}
    loss = total(constructor(**given)(trained(network, batch), batch))
    assert loss.isfinite() and loss > 0
    loss.backward()
    silent = [key for key, p in network.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
    dead = [key for key, p in network.named_parameters() if p.grad is not None and not p.grad.any()]
    assert set(dead) == NEUTRAL.get(case, set())


def test_weights_saved_and_loaded_give_the_same_answer(case: str, network: nn.Module) -> None:
    other = built(case)
    for parameter in other.parameters():
        nn.init.constant_(parameter, 0.5)
    other.load_state_dict(from_bytes(to_bytes(network.state_dict())))
    image = picture(1, 3, 48, 64)
    first, second = dict(parts(answer(network, image))), dict(parts(answer(other, image)))
    assert first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(
    "name", [name for name, entry in OTHERS.items() if entry.output in (PanopticLogits, MaskQueries)]
)
@torch.no_grad()
def test_bfloat16_and_channels_last(name: str) -> None:
    torch.manual_seed(0)
    network, image = CASES[name].build().eval(), picture(2, 3, 47, 64)
    with torch.autocast("cpu", torch.bfloat16):
        quick = tensors(network(image.contiguous(memory_format=torch.channels_last)))
    for fast, exact in zip(quick, tensors(network(image)), strict=True):
        assert (fast.float() - exact).abs().mean() < 0.05 * exact.abs().mean() + 0.02


def test_every_task_of_the_output_is_answered_for_each_picture(case: str, network: nn.Module) -> None:
    output = answer(network, picture(2, 3, 48, 64))
    tasks = [task for task, kind in DECISIONS if kind is CASES[case].output]
    assert tasks
    for task in tasks:
        assert len(decide(output, SPACE, task)) == 2


@pytest.mark.parametrize("output", sorted({entry.output for entry in ARCHITECTURES.values()}, key=lambda o: o.__name__))
def test_every_output_of_the_catalogue_has_a_usual_loss_that_takes_it(output: type) -> None:
    assert output in (accepts(LOSSES[USUAL_LOSS[output]]) or ())


def test_every_loss_says_which_outputs_it_takes() -> None:
    said: Mapping[str, Any] = {name: accepts(loss) for name, loss in LOSSES.items()}
    assert {name for name, kinds in said.items() if not kinds} == set()


class Scenes:
    """Two pictures of objects and one without any, with classes, depth and tags."""

    labels = SPACE

    def __init__(self, brighter: int = 0) -> None:
        self.brighter = brighter

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Sample:
        whole = truth().sample(index % 2)
        if index == 2:
            assert whole.objects is not None
            ground = torch.where(whole.objects > 0, 1, whole.labels).to(torch.uint8)
            whole = whole._replace(labels=ground, objects=torch.zeros_like(whole.objects))
        image = (40 * whole.labels[None] % 251).repeat(3, 1, 1) + index + self.brighter
        return whole._replace(image=image.to(torch.uint8), name=f"scene{index}")


@pytest.mark.parametrize("name", OTHERS)
def test_a_recipe_trains_it_and_scores_it_also_on_a_picture_without_objects(name: str, tmp_path: Path) -> None:
    train = {"steps": 1, "batch_size": 3, "workers": 0, "accelerator": "cpu", "precision": "float32", "audit": False}
    recipe = {"model": {"name": name, **miniature(name, OTHERS[name].smallest)}, "train": train}
    last = intarsia.train(recipe, data=(Scenes(), Scenes(20)), out=tmp_path / "run", quiet=True)
    kept = intarsia.checkpoint.load(last)
    assert kept.recipe["loss"]["name"] == usual_loss(name)
    line = json.loads((tmp_path / "run/log.jsonl").read_text().splitlines()[-1])
    assert line["kind"] == "val" and line["step"] == 1
    predictor = intarsia.Predictor.load(last)
    assert predictor.labels == SPACE and len(predictor.run(Scenes()[2].image[None])) == 1
