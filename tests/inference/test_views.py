"""Views and ensembles: every way back is exact, means are those of probabilities, and models that do not go together say so."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor

from intarsia import models
from intarsia.checkpoint import Checkpoint, save
from intarsia.errors import ModelError, RecipeError
from intarsia.inference import Averaged, Ensemble, Predictor, Windowed
from intarsia.inference.gather import GATHERED
from intarsia.inference.gather_objects import kept_of
from intarsia.inference.poses import View, upright
from intarsia.inference.uncertainty import tta
from intarsia.inference.views import ROTATIONS, scaled, views
from intarsia.labels import LabelSpace
from intarsia.structures import (
    ClassLogits,
    DepthMap,
    Detections,
    MaskQueries,
    Output,
    PanopticLogits,
    SemanticLogits,
)

NAMES = ("sky", "road", "car")


def picture(height: int = 12, width: int = 20, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(height + width)
    return torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)


def pointwise(image: Tensor) -> Output:
    return SemanticLogits(image.float() / 40 - 3)


def leaning(image: Tensor) -> Output:
    """Scores that change when the picture is mirrored or turned."""
    x = image.float() / 40
    return SemanticLogits(x + torch.linspace(0, 3, image.shape[3]) + torch.linspace(0, 1, image.shape[2])[:, None] ** 2)


def test_views_of_an_engine_that_looks_at_each_pixel_change_nothing() -> None:
    image = picture(batch=2)
    for flip in (False, True):
        for rotations in ((), (90,), (180, 270), ROTATIONS):
            found = Averaged(pointwise, flip=flip, rotations=rotations)(image).logits
            torch.testing.assert_close(found.softmax(1), pointwise(image).logits.softmax(1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_way_back_from_a_view_is_exact(turns: int, mirrored: bool) -> None:
    image = picture()
    every = {(view.turns, view.mirrored): (view, seen) for view, seen in views(image, flip=True, rotations=ROTATIONS)}
    assert len(every) == 8
    view, seen = every[turns, mirrored]
    assert torch.equal(upright(seen, view), image)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_probabilities_are_averaged(how: str) -> None:
    image = picture()
    passes = [
        leaning(image).logits.softmax(1),
        leaning(image.flip(3)).logits.softmax(1).flip(3),
        leaning(image.rot90(1, (2, 3))).logits.softmax(1).rot90(-1, (2, 3)),
        leaning(image.rot90(1, (2, 3)).flip(3)).logits.softmax(1).flip(3).rot90(-1, (2, 3)),
    ]
    wanted = torch.stack(passes).mean(0) if how == "mean" else torch.stack(passes).amax(0)
    found = Averaged(leaning, flip=True, rotations=(90,), how=how)(image).logits
    torch.testing.assert_close(found.softmax(1), wanted / wanted.sum(1, keepdim=True), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("maps", [1, 3])
def test_sigmoids_are_averaged_as_sigmoids(maps: int) -> None:
    engine = lambda image: SemanticLogits(leaning(image).logits[:, :maps] - 3)  # noqa: E731
    image = picture()
    wanted = (engine(image).logits.sigmoid() + engine(image.flip(3)).logits.sigmoid().flip(3)) / 2
    found = Averaged(engine, flip=True, sigmoid=True)(image).logits
    torch.testing.assert_close(found.sigmoid(), wanted, atol=1e-6, rtol=1e-5)


def test_scales_are_seen_and_brought_back() -> None:
    image, seen = picture(), []

    def engine(given: Tensor) -> Output:
        seen.append(tuple(given.shape[2:]))
        return pointwise(given)

    found = Averaged(engine, scales=(0.5, 1, 1.5), flip=True)(image).logits
    assert seen == [(6, 10)] * 2 + [(12, 20)] * 2 + [(18, 30)] * 2
    passes = []
    for factor in (0.5, 1, 1.5):
        p = pointwise(scaled(image, factor)).logits.softmax(1)
        passes.append(torch.nn.functional.interpolate(p, (12, 20), mode="bilinear", align_corners=False))
    torch.testing.assert_close(found.softmax(1), torch.stack(passes).mean(0), atol=1e-5, rtol=1e-4)


def centered(image: Tensor) -> Output:
    """Vectors to the middle of the picture, and depth by gray: what they are in any pose."""
    _, _, height, width = image.shape
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    offsets = torch.stack([height / 2 - y, width / 2 - x])[None]
    gray = image[:, :1].float() / 255
    return PanopticLogits(image.float() / 40, gray, offsets, depth=gray + 1, motion=offsets / 2)


@pytest.mark.parametrize("rotations", [(), (90,), (180,), (270,), ROTATIONS])
def test_vectors_are_turned_mirrored_and_scaled_with_the_picture(rotations: tuple[int, ...]) -> None:
    image, plain = picture(), centered(picture())
    for flip in (False, True):
        found = Averaged(centered, flip=flip, rotations=rotations)(image)
        for name in ("centers", "offsets", "depth", "motion"):
            torch.testing.assert_close(getattr(found, name), getattr(plain, name), atol=1e-5, rtol=1e-5)
    twice = Averaged(centered, scales=(2.0,), rotations=rotations)(image)
    torch.testing.assert_close(twice.offsets[..., 1:-1, 1:-1], plain.offsets[..., 1:-1, 1:-1], atol=1e-4, rtol=1e-4)


def test_depth_and_scores_of_the_whole_picture_are_averaged() -> None:
    image = picture()
    depth = Averaged(lambda image: DepthMap(image[:, :1].float() + 1), flip=True)(image).depth
    torch.testing.assert_close(depth, image[:, :1].float() + 1)
    tags = Averaged(lambda image: ClassLogits(leaning(image).logits.mean(dim=(2, 3))), flip=True)(image).logits
    assert tags.shape == (1, 3)


def finder(image: Tensor) -> Output:
    """Find the single white rectangle; its mask is white in the upper left quarter. One row is padding."""
    y, x = (image[0, 0] == 255).nonzero(as_tuple=True)
    box = torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]).float()
    corner = image[0, 1, y.min() : y.max() + 1, x.min() : x.max() + 1].float()
    mask = torch.nn.functional.interpolate(corner[None, None], (2, 2), mode="area")[0, 0]
    scores = torch.tensor([[0.9 - 0.001 * float(x.min()), 0]])
    masks = torch.stack([mask, torch.zeros(2, 2)])[None]
    return Detections(scores, torch.tensor([[1, 0]]), torch.stack([box, torch.zeros(4)])[None], masks, image.shape[2:])


def test_objects_of_all_views_are_put_together_and_the_best_of_each_is_kept() -> None:
    image = torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    image[:, 0, 10:20, 6:26] = 255
    image[:, 1, 10:15, 6:16] = 200
    plain = finder(image)
    for rotations in ((), (90,), (180,), (270,), ROTATIONS):
        found = Averaged(finder, flip=True, rotations=rotations)(image)
        assert found.scores.shape == (1, 2) and found.scores[0, 1] == 0 and found.size == (40, 60)
        assert found.boxes[0, 0].tolist() == [6, 10, 26, 20] and found.classes[0, 0] == 1
        assert torch.equal(found.masks[0, 0], plain.masks[0, 0])
    twice = Averaged(finder, scales=(2.0,))(image)
    assert twice.boxes[0, 0].tolist() == pytest.approx([6, 10, 26, 20], abs=0.6)


def test_what_overlaps_something_better_of_its_class_is_suppressed() -> None:
    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 0, 30, 10], [0, 0, 0, 0]]).float()
    scores, classes = torch.tensor([0.5, 0.9, 0.8, 0.4, 0.0]), torch.tensor([1, 1, 2, 1, 1])
    assert kept_of(scores, classes, boxes).tolist() == [1, 2, 3]
    assert kept_of(torch.zeros(0), torch.zeros(0), torch.zeros(0, 4)).tolist() == []


def test_windows_around_views_see_the_same_as_views_of_the_whole() -> None:
    image = picture(70, 90)
    found = Windowed(Averaged(pointwise, flip=True, rotations=(180,)), 32)(image).logits
    torch.testing.assert_close(found.softmax(1), pointwise(image).logits.softmax(1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scales": ()}, r"scales are \[\]; give factors above 0, such as 0.75, 1, 1.25"),
        ({"scales": (1, -1)}, r"scales are \[1, -1\]"),
        ({"scales": (float("nan"),)}, r"scales are \[nan\]"),
        ({"rotations": (45,)}, "rotations hold 45; give degrees of 90, 180, 270"),
        ({"how": "median"}, "views are averaged by 'median'; did you mean 'mean'"),
    ],
)
def test_what_is_no_view_is_refused(options: dict, sentence: str) -> None:
    with pytest.raises(ModelError, match=sentence):
        Averaged(pointwise, **options)


def questioner(image: Tensor) -> Output:
    """Queries of three classes, each with the pixels whose red is its own, at half of the size; the last finds nothing."""
    red = torch.nn.functional.interpolate(image[:, :1].float(), scale_factor=0.5, mode="nearest")
    masks = torch.cat([(red == value).float() * 20 - 10 for value in (50, 100, 50, 200)], dim=1)
    classes = torch.tensor([[[9.0, 0, 0, 0], [0, 8, 0, 0], [0, 0, 2, 0], [0, 0, 0, 9]]])
    return MaskQueries(classes, masks, (image.shape[2], image.shape[3]))


def test_queries_of_all_views_are_put_together_and_the_best_of_each_is_kept() -> None:
    image = torch.zeros(1, 3, 40, 60, dtype=torch.uint8)
    image[:, 0, 4:20, 6:26], image[:, 0, 24:36, 30:58] = 50, 100
    plain = questioner(image)
    for options in ({"flip": True}, {"rotations": (90, 180)}, {"flip": True, "rotations": ROTATIONS}):
        found = Averaged(questioner, **options)(image)
        assert isinstance(found, MaskQueries) and found.size == (40, 60)
        kept = found.classes[0].argmax(-1) < 3
        assert found.classes[0][kept].argmax(-1).sort().values.tolist() == [0, 1, 2]
        assert torch.equal(found.masks[0][kept], plain.masks[0, :3])
    sizes = Averaged(questioner, scales=(1.0, 2.0))(image)
    assert sizes.masks.shape == (1, 8, 20, 30) and int((sizes.classes[0].argmax(-1) < 3).sum()) == 3


def test_an_output_of_an_unknown_kind_is_not_averaged_and_says_so() -> None:
    assert set(GATHERED) == set(get_args(Output))
    with pytest.raises(ModelError, match="Tensor of several views or networks cannot be averaged; leave out flip"):
        Averaged(lambda image: image, flip=True)(picture())


def test_an_ensemble_averages_probabilities_each_under_its_own_temperature() -> None:
    image = picture()
    second = lambda image: SemanticLogits(-image.float() / 30)  # noqa: E731
    found = Ensemble((pointwise, second), temperatures=(1.0, 2.0))(image).logits
    wanted = (pointwise(image).logits.softmax(1) + (second(image).logits / 2).softmax(1)) / 2
    torch.testing.assert_close(found.softmax(1), wanted, atol=1e-6, rtol=1e-5)
    with pytest.raises(ModelError, match="return SemanticLogits and DepthMap cannot be averaged"):
        Ensemble((pointwise, lambda image: DepthMap(image[:, :1].float())))(image)
    with pytest.raises(ModelError, match="an ensemble of no models"):
        Ensemble(())


def stored(folder: Path, name: str, seed: int = 0, names: tuple[str, ...] = NAMES, channels: int = 3, **more) -> str:
    torch.manual_seed(seed)
    recipe = {"predict": more.pop("predict")} if "predict" in more else {}
    labels = LabelSpace(names, **more)
    network = models.build("fpn", labels.head_size, encoder="resnet10t", channels=16, in_channels=channels)
    made = Checkpoint(
        "fpn", {"encoder": "resnet10t", "channels": 16}, labels, channels, (0.5,) * channels, (0.25,) * channels,
        network.state_dict(), recipe=recipe, calibration={"temperature": 2.0},
    )  # fmt: skip
    save(folder / f"{name}.safetensors", made)
    return str(folder / f"{name}.safetensors")


def test_models_named_with_a_comma_are_averaged(tmp_path: Path) -> None:
    a, b = stored(tmp_path, "a"), stored(tmp_path, "b", seed=1)
    image = picture(40, 50)
    both, one, other = Predictor.load(f"{a},{b}"), Predictor.load(a), Predictor.load(b)
    wanted = (one.probabilities(image) + other.probabilities(image)) / 2
    torch.testing.assert_close(both.probabilities(image), wanted, atol=1e-6, rtol=1e-5)
    assert both.way == "mean of 2 models" and one.way == ""
    assert torch.equal(Predictor.load([a, b]).run(image)[0].classes.long(), wanted.argmax(1)[0])
    with pytest.raises(ModelError, match="needs a single network, and the predictor runs 2"):
        _ = both.model
    odd = stored(tmp_path, "a,b")  # a file that is there is one model
    assert Predictor.load(odd).way == ""
    with pytest.raises(ModelError, match="names an empty model"):
        Predictor.load(f"{a},")


def test_models_that_do_not_go_together_are_refused_in_one_sentence(tmp_path: Path) -> None:
    a = stored(tmp_path, "a")
    for other, sentence in (
        (stored(tmp_path, "b", names=("sky", "road", "bus")), "class 2 is 'car' in .*a.safetensors and 'bus' in .*b.safetensors"),
        (stored(tmp_path, "c", names=("sky", "road")), "tells 3 classes apart and .*c.safetensors 2"),
        (stored(tmp_path, "d", channels=1), "takes images of 3 channels and .*d.safetensors of 1"),
        (stored(tmp_path, "e", planes=True), "has a softmax and .*e.safetensors several labels a pixel"),
        (stored(tmp_path, "f", things=("car",)), "the things are none in .* and car in"),
    ):  # fmt: skip
        with pytest.raises(ModelError, match=sentence):
            Predictor.load(f"{a},{other}")


def test_the_keys_of_a_recipe_are_used_and_may_be_overridden(tmp_path: Path) -> None:
    kept = stored(tmp_path, "a", predict={"window": 64, "flip": True, "scales": [0.5, 1]})
    model = Predictor.load(kept)
    assert model.way == (
        "windows of 64x64 pixels that overlap by 25 % (gaussian); mean of 4 views (scales 0.5, 1; mirrored)"
    )
    assert Predictor.load(kept, settings={"window": "whole", "flip": False, "scales": [1]}).way == ""
    assert Predictor.load(kept, settings={"window": 128}).way.startswith("windows of 128x128")
    image = picture(100, 90)
    prediction = model(image[0])
    assert prediction.note == "predicted in 6 windows of 64x64 pixels that overlap by at least 25 %"
    scores = Predictor.load(kept, settings={"window": "whole"}).probabilities(image)
    plain = Predictor.load(kept, settings={"window": "whole", "flip": False, "scales": [1]})
    passes = []
    for view, seen in views(image, (0.5, 1), flip=True):
        p = upright(plain.logits(seen).softmax(1), view)
        passes.append(torch.nn.functional.interpolate(p, (100, 90), mode="bilinear", align_corners=False))
    wanted = (torch.stack(passes).mean(0).log() / 2).softmax(1)  # the temperature of 2 is for the mean
    torch.testing.assert_close(scores, wanted, atol=1e-5, rtol=1e-4)
    once = Predictor.load(kept, settings={"flip": False, "scales": [1]})
    assert torch.equal(tta(model, image)[1], tta(once, image)[1])  # views of views would be 24 passes


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"window": 0},
            "predict: window: give the side of windows in pixels, such as 512, or auto, or whole, but 0 was given",
        ),
        ({"window": "big"}, "predict: window: give the side of windows in pixels, such as 512, or auto, or whole"),
        ({"overlap": 1}, "predict: overlap: input should be less than 1, but 1 was given"),
        ({"overlap": -0.5}, "predict: overlap: input should be greater than or equal to 0"),
        ({"scales": []}, "predict: scales: give factors above 0, such as 0.75, 1, 1.25"),
        ({"scales": [0]}, "predict: scales: give factors above 0"),
        ({"rotations": [45]}, "predict: rotations.0: input should be 90, 180 or 270, but 45 was given"),
        ({"windw": 3}, "predict: windw: unknown key; did you mean 'window'?"),
        ({"blend": "gausian"}, "did you mean 'gaussian'"),
    ],
)
def test_settings_that_are_none_are_refused_in_one_sentence(tmp_path: Path, settings: dict, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence):
        Predictor.load(stored(tmp_path, "a"), settings=settings)


def test_a_view_says_what_it_is() -> None:
    every = [view for view, _ in views(picture(), (1, 0.5), flip=True)]
    assert every == [View((12, 20)), View((12, 20), 0, True), View((6, 10)), View((6, 10), 0, True)]
