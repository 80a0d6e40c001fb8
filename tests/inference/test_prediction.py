"""A prediction of each kind: its parts, its files, read back by independent code, and how it shows itself."""

import json
from io import BytesIO
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from intarsia.data.files.codecs import read_labels
from intarsia.draw.answers import COLORS, OVERLAYS
from intarsia.errors import DataError, LabelError, ModelError
from intarsia.evaluation.from_files.depth import read_depth, score_depth
from intarsia.evaluation.from_files.instances import score_instances
from intarsia.evaluation.from_files.panoptic import score_panoptic
from intarsia.inference import Prediction, Predictor
from intarsia.inference.measures import WORDS
from intarsia.inference.prediction import FIELDS
from intarsia.inference.results import ANSWERS, KINDS
from intarsia.inference.writing import FORMS
from intarsia.labels import LabelSpace, category_ids, raw_of
from intarsia.postprocess import DECISIONS, TASKS
from intarsia.structures import Answer, CroppedMask, Depth, Labels, Objects, Planes, Segments, SemanticLogits, Tags

SPACE = LabelSpace(("sky", "road", "car"), values={7: "sky", 9: "road", 26: "car"}, things=("car",))
PLANES = LabelSpace(("lung", "heart", "a/b"), planes=True)
HALF = (0.5, 0.5, 0.5)
SIZE = (40, 60)


def random_mask(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mask = np.zeros(SIZE, bool)
    top, left = rng.integers(0, 25, 2)
    mask[top : top + 15, left : left + 30] = rng.random((15, 30))[: SIZE[0] - top] > 0.3
    return mask


def made(answer: Answer, space: LabelSpace = SPACE, name: str = "000000000139") -> Prediction:
    return Prediction(answer, space, np.full((*SIZE, 3), 90, np.uint8), name)


def labels() -> Labels:
    return Labels(torch.from_numpy(np.random.default_rng(0).integers(0, 3, SIZE).astype(np.uint8)))


def segments() -> Segments:
    ids = np.zeros(SIZE, np.int32)
    ids[:10], ids[10:30, :30], ids[10:20, 30:] = 1, 70_000, 513
    return Segments(ids, {1: 0, 70_000: 2, 513: 2, 99: 1}, scores={70_000: 0.9, 513: 0.25})


def objects() -> Objects:
    masks = np.stack([random_mask(n) for n in range(3)])
    return Objects(masks, np.array([2, 0, 2]), np.array([0.987654321, 0.5, 0.125]))


def planes() -> Planes:
    return Planes(torch.from_numpy(np.stack([random_mask(n) for n in range(3)])))


def depth() -> Depth:
    meters = np.linspace(0.3, 250, SIZE[0] * SIZE[1], dtype=np.float32).reshape(SIZE).copy()
    meters[0, :5] = np.nan
    return Depth(torch.from_numpy(meters))


def tags() -> Tags:
    return Tags(torch.tensor([2, 0]), torch.tensor([0.6, 0.1, 0.8]))


EVERY = {"labels": labels, "planes": planes, "segments": segments, "objects": objects, "depth": depth, "tags": tags}


@pytest.mark.parametrize("kind", EVERY)
def test_parts_that_an_answer_has_not_are_refused_in_one_sentence(kind):
    found = made(EVERY[kind](), PLANES if kind == "planes" else SPACE)
    for wanted in EVERY:
        if wanted == kind or (kind, wanted) == ("segments", "labels"):
            assert getattr(found, wanted) is not None
            continue
        with pytest.raises(ModelError, match=f"this prediction has no {wanted}: it answers with {kind}; use .{kind}"):
            getattr(found, wanted)


def test_segments_as_labels_have_void_ignored_and_depth_where_it_is_known():
    found = made(segments()._replace(depth=np.full(SIZE, 3.0)))
    assert found.labels.dtype == np.uint8
    assert (found.labels[:10] == 0).all() and (found.labels[10:20] == 2).all() and (found.labels[35:] == 255).all()
    assert found.depth.dtype == np.float32 and (found.depth == 3).all()


def test_shares_count_pixels_and_answers_without_pixels_have_none():
    assert made(segments()).shares() == {"sky": 0.25, "road": 0.0, "car": pytest.approx(900 / 2400)}
    held = objects()
    union = np.asarray(held.shapes)[[0, 2]].any(axis=0).mean()
    assert made(held).shares(0.1)["car"] == pytest.approx(union)
    assert made(held).shares()["car"] == pytest.approx(np.asarray(held.shapes)[0].mean()), "one car scores 0.125"
    assert "1 car, 1 sky; 1 below 0.5" in repr(made(held)), "the third object is counted, not named"
    assert made(planes(), PLANES).shares()["heart"] == pytest.approx(random_mask(1).mean())
    for answer in (tags(), depth(), Objects(np.zeros((1, 4)), [0], [1.0])):
        with pytest.raises(ModelError, match="covers no pixels"):
            made(answer).shares()


class Net(nn.Module):
    """Scores from the picture's channels; counts how often it runs."""

    runs = 0

    def forward(self, image: Tensor) -> SemanticLogits:
        self.runs += 1
        return SemanticLogits(image * 4)


def test_probabilities_are_computed_when_they_are_asked_for_and_once():
    net = Net()
    predictor = Predictor.of_network(net, SPACE, HALF, HALF)
    pixels = np.random.default_rng(0).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    found = predictor(pixels)
    assert net.runs == 1
    sure = found.probabilities
    assert (sure.shape, sure.dtype, net.runs) == ((3, *SIZE), np.float32, 2)
    assert found.probabilities is sure and net.runs == 2
    np.testing.assert_allclose(sure.sum(axis=0), 1, atol=1e-5)
    assert (sure.argmax(axis=0) == found.labels).all()
    (kept,) = predictor.stream([pixels], probabilities=True)
    np.testing.assert_array_equal(kept.probabilities, sure)
    assert net.runs == 3, "kept ones are of the same pass"
    with pytest.raises(ModelError, match="made without a predictor"):
        _ = made(labels()).probabilities


# files, read back by other code


def test_label_maps_hold_class_numbers_or_the_data_sets_own_values(tmp_path):
    found = made(labels())
    found.save(tmp_path / "a.png")
    assert (np.asarray(Image.open(tmp_path / "a.png")) == found.labels).all()
    found.save(tmp_path / "b.png", values=True)
    raw = np.asarray(Image.open(tmp_path / "b.png"))
    assert (raw == np.array([7, 9, 26])[found.labels]).all()
    assert (read_labels(tmp_path / "b.png", SPACE) == found.labels).all()
    disk = LabelSpace(("background", "disk"), values={0: "background", 255: "disk"})
    two = Labels(torch.tensor([[0, 1, 1]], dtype=torch.uint8))
    Prediction(two, disk, np.zeros((1, 3, 3), np.uint8)).save(tmp_path / "c.png", values=True)
    assert np.asarray(Image.open(tmp_path / "c.png")).tolist() == [[0, 255, 255]]


@pytest.mark.parametrize(
    ("space", "raw"),
    [
        (LabelSpace(("a", "b"), values={"0..127": "a", "128..255": "b"}), [[0, 255]]),
        (LabelSpace(("a", "b"), values={3: "a", 4: "a", 70_00: "b"}), [[3, 7000]]),
        (LabelSpace(("a", "b"), values={"#804080": "a", "#000001": "b"}), [[[128, 64, 128], [0, 0, 1]]]),
        (LabelSpace(("a", "b"), values={"transparent": "a", "#000001": "b"}), [[[0, 0, 0, 0], [0, 0, 1, 255]]]),
    ],
)
def test_raw_values_come_back_and_encode_to_the_same_labels(space, raw, tmp_path):
    assert raw_of(np.array([[0, 1]], np.uint8), space).tolist() == raw
    path = tmp_path / "a.png"
    Prediction(Labels(torch.tensor([[0, 1]], dtype=torch.uint8)), space, np.zeros((1, 2, 3), np.uint8)).save(
        path, values=True
    )
    assert read_labels(path, space).tolist() == [[0, 1]]


def test_labels_without_a_raw_value_are_refused():
    space = LabelSpace(("a", "b"), values={3: "a", 5: "b"})
    with pytest.raises(LabelError, match=r"no raw value of labels.values stands for ignored pixels"):
        raw_of(np.array([[0, 255]]), space)
    with pytest.raises(LabelError, match="has no raw value"):
        raw_of(np.array([[0]]), PLANES)
    with pytest.raises(LabelError, match="raw value 100000 fits into no image of 16 bits"):
        raw_of(np.array([[0]]), LabelSpace(("a", "b"), values={100000: "a", 5: "b"}))


def test_planes_as_a_folder_as_bits_and_as_an_array(tmp_path):
    found = made(planes(), PLANES)
    found.save(tmp_path / "scan")
    assert sorted(p.name for p in (tmp_path / "scan").iterdir()) == ["a_b.png", "heart.png", "lung.png"]
    for name, plane in zip(("lung", "heart", "a_b"), found.planes, strict=True):
        assert (np.asarray(Image.open(tmp_path / "scan" / f"{name}.png")) == 255 * plane).all()
    bits = np.asarray(Image.open(found.save(tmp_path / "bits.png")))
    assert bits.dtype == np.uint8
    assert all(((bits >> n & 1) == plane).all() for n, plane in enumerate(found.planes))
    assert (np.load(found.save(tmp_path / "all.npy")) == found.planes).all()
    many = LabelSpace(tuple(f"c{n}" for n in range(12)), planes=True)
    deep = Prediction(Planes(torch.ones(12, 2, 2, dtype=torch.bool)), many, np.zeros((2, 2, 3), np.uint8))
    assert np.asarray(Image.open(deep.save(tmp_path / "deep.png"))).tolist() == [[4095] * 2] * 2
    wide = LabelSpace(tuple(f"c{n}" for n in range(17)), planes=True)
    with pytest.raises(DataError, match=r"holds 16 classes, and there are 17; name it x.npy, or x, a folder"):
        Prediction(Planes(torch.ones(17, 2, 2, dtype=torch.bool)), wide, np.zeros((2, 2, 3), np.uint8)).save(
            tmp_path / "x.png"
        )


def test_panoptic_files_are_read_as_the_official_code_reads_them_and_score_one_against_themselves(tmp_path):
    found = made(segments())
    found.save(tmp_path / "000000000139.png")
    colors = np.asarray(Image.open(tmp_path / "000000000139.png").convert("RGB"), np.uint32)
    ids = colors[..., 0] + 256 * colors[..., 1] + 256 * 256 * colors[..., 2]
    assert (ids == found.segments.ids).all()
    tree = json.loads((tmp_path / "000000000139.json").read_text())
    (entry,) = tree["annotations"]
    assert tree["images"] == [{"id": 139, "file_name": "000000000139", "height": 40, "width": 60}]
    assert entry["image_id"] == 139 and entry["file_name"] == "000000000139.png"
    assert entry["segments_info"] == [
        {"id": 1, "category_id": 7, "area": 600, "bbox": [0, 0, 60, 10], "iscrowd": 0},
        {"id": 513, "category_id": 26, "area": 300, "bbox": [30, 10, 30, 10], "iscrowd": 0, "score": 0.25},
        {"id": 70_000, "category_id": 26, "area": 600, "bbox": [0, 10, 30, 20], "iscrowd": 0, "score": 0.9},
    ], "of segment 99, which has no pixel, nothing is said"
    assert [c["isthing"] for c in tree["categories"]] == [0, 0, 1]
    scores = score_panoptic(tmp_path / "000000000139.json", tmp_path / "000000000139.json").scores
    assert scores.all.pq == 1.0
    with pytest.raises(DataError, match="segment 16777216 is no number that a color can stand for"):
        made(Segments(np.full(SIZE, 1 << 24), {1 << 24: 0})).save(tmp_path / "b.png")
    with pytest.raises(DataError, match="segment 5 has pixels and no class"):
        made(Segments(np.full(SIZE, 5), {})).save(tmp_path / "b.png")


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools under numpy 2
@pytest.mark.parametrize("cropped", [False, True])
def test_objects_are_read_by_cocos_own_code_to_the_pixel(tmp_path, cropped):
    coco_mask = pytest.importorskip("pycocotools.mask")
    held = objects()
    masks = np.asarray(held.shapes)
    if cropped:
        held = held._replace(shapes=[CroppedMask((slice(2, 40), slice(0, 60)), m[2:, :], SIZE) for m in masks])
        masks = masks.copy()
        masks[:, :2] = False
    found = made(held)
    results = json.loads(found.save(tmp_path / "a.json").read_text())
    assert [r["category_id"] for r in results] == [26, 7, 26] and {r["image_id"] for r in results} == {139}
    assert [r["score"] for r in results] == held.scores.tolist()
    for result, mask in zip(results, masks, strict=True):
        assert (coco_mask.decode(result["segmentation"]) == mask).all()
        if not cropped:
            assert coco_mask.toBbox(result["segmentation"]).tolist() == result["bbox"]
    truth = {
        "images": [{"id": 139, "height": 40, "width": 60}],
        "categories": [{"id": n, "name": c} for n, c in zip((7, 9, 26), SPACE.names, strict=True)],
        "annotations": [
            {**r, "id": n + 1, "iscrowd": 0, "area": int(m.sum())}
            for n, (r, m) in enumerate(zip(results, masks, strict=True))
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    scores = score_instances(tmp_path / "a.json", tmp_path / "truth.json")
    assert scores.masks.ap == pytest.approx(1.0)
    from pycocotools.coco import COCO

    loaded = COCO(str(tmp_path / "truth.json")).loadRes(str(tmp_path / "a.json"))
    assert len(loaded.getAnnIds()) == 3


def test_boxes_alone_and_no_object_at_all_are_written(tmp_path):
    boxes = made(Objects(torch.tensor([[1.5, 2.0, 11.0, 22.25]]), [1], [0.5]), name="street")
    assert json.loads(boxes.save(tmp_path / "a.json").read_text()) == [
        {"image_id": "street", "category_id": 9, "bbox": [1.5, 2.0, 9.5, 20.25], "score": 0.5}
    ]
    assert json.loads(made(Objects([], [], [])).save(tmp_path / "b.json").read_text()) == []


def test_depth_is_written_to_half_a_256th_of_a_meter_and_read_back_by_the_scorer(tmp_path):
    found = made(depth())
    for name in ("png", "npy"):
        (tmp_path / name).mkdir()
        found.save(tmp_path / name / f"a.{name}")
    stored = np.asarray(Image.open(tmp_path / "png" / "a.png"))
    assert stored.dtype == np.uint16 and (stored[0, :5] == 0).all() and stored.min(initial=9, where=stored > 0) > 0
    meters = read_depth(tmp_path / "png" / "a.png", 256)
    known = np.isfinite(found.depth)
    assert np.abs(meters - found.depth)[known].max() <= 0.5 / 256 + 1e-6
    np.testing.assert_array_equal(np.load(tmp_path / "npy" / "a.npy"), found.depth)
    assert score_depth(tmp_path / "png", tmp_path / "npy", per_meter=256).scores.abs_rel < 0.001
    with pytest.raises(
        DataError, match=r"a depth of 300 m is beyond the 255.996 m that 16 bits hold; write .npy instead"
    ):
        made(Depth(torch.full(SIZE, 300.0))).save(tmp_path / "far.png")


def test_tags_are_written_with_their_names(tmp_path):
    tree = json.loads(made(tags()).save(tmp_path / "a.json").read_text())
    assert tree["tags"] == ["car", "sky"] and tree["scores"] == {
        k: pytest.approx(v) for k, v in zip(SPACE.names, (0.6, 0.1, 0.8), strict=True)
    }


@pytest.mark.parametrize("kind", EVERY)
def test_other_endings_are_refused_with_those_that_there_are(kind, tmp_path):
    found = made(EVERY[kind](), PLANES if kind == "planes" else SPACE)
    with pytest.raises(DataError, match=f"{kind} are written as .* name it x"):
        found.save(tmp_path / "x.jpeg")
    suffix = {"planes": "", "objects": ".json", "tags": ".json"}.get(kind, ".png")
    if kind != "labels":
        with pytest.raises(DataError, match="raw values are those of label maps"):
            found.save(tmp_path / f"x{suffix}", values=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the folder cannot be made"):
        found.save(tmp_path / "file" / f"x{suffix}")


def test_categories_keep_the_ids_of_the_export():
    assert category_ids(SPACE) == (7, 9, 26)
    assert category_ids(LabelSpace(("a", "b"), values={"#000000": "a", "#ffffff": "b"})) == (0, 1)
    assert category_ids(PLANES) == (0, 1, 2)


# in a notebook


@pytest.mark.parametrize("kind", EVERY)
def test_a_prediction_shows_itself(kind):
    found = made(EVERY[kind](), PLANES if kind == "planes" else SPACE, name="<b>street</b>")
    picture = Image.open(BytesIO(found._repr_png_()))
    assert max(picture.size) <= 1200
    page = found._repr_html_()
    assert page.startswith("<figure") and "data:image/png;base64," in page
    assert "<b>" not in page and "&lt;b&gt;street" in page and "60 x 40" in page
    assert repr(found).startswith(f"Prediction(<b>street</b>: 60 x 40 pixels, {kind}: ") and len(repr(found)) < 200


def test_large_pictures_are_shown_small():
    large = Prediction(Labels(torch.zeros(1500, 3000, dtype=torch.uint8)), SPACE, np.zeros((1500, 3000, 3), np.uint8))
    assert max(Image.open(BytesIO(large._repr_png_())).size) == 1200


def test_a_predictor_says_what_it_is():
    predictor = Predictor.of_network(Net(), SPACE, HALF, HALF, task="semantic")
    assert repr(predictor) == (
        "Predictor(Net; 0 parameters; semantic; 3 classes: sky, road, car; 3 channels; cpu, float32)"
    )


# on real pictures


def test_the_official_panoptic_sample_comes_back_to_the_pixel_and_is_drawn(shared_data, tmp_path):
    home = shared_data / "panopticapi_sample"
    tree = json.loads((home / "sample_data" / "panoptic_examples.json").read_text())
    categories = json.loads((home / "panoptic_coco_categories.json").read_text())
    names, things = tuple(c["name"] for c in categories), tuple(c["name"] for c in categories if c["isthing"])
    space = LabelSpace(names, values={c["id"]: c["name"] for c in categories}, things=things)
    place = {c["id"]: n for n, c in enumerate(categories)}
    for entry in tree["annotations"]:
        path = home / "sample_data" / "panoptic_examples" / entry["file_name"]
        colors = np.asarray(Image.open(path).convert("RGB")).astype(np.int64) @ [1, 256, 65536]
        kinds = {s["id"]: place[s["category_id"]] for s in entry["segments_info"]}
        image = np.asarray(Image.open(home / "sample_data" / "input_images" / f"{path.stem}.jpg").convert("RGB"))
        found = Prediction(Segments(colors.astype(np.int32), kinds), space, image, path.stem)
        made = found.save(tmp_path / path.name)
        assert (np.asarray(Image.open(made)) == np.asarray(Image.open(path).convert("RGB"))).all()
        (own,) = json.loads(made.with_suffix(".json").read_text())["annotations"]
        wanted = {(s["id"], s["category_id"], s["area"], tuple(s["bbox"])) for s in entry["segments_info"]}
        assert {(s["id"], s["category_id"], s["area"], tuple(s["bbox"])) for s in own["segments_info"]} == wanted
        assert own["image_id"] == entry["image_id"]
        drawn = found.overlay()
        assert drawn.width >= image.shape[1] and drawn.height >= image.shape[0]


@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_a_real_depth_map_and_real_overlapping_objects_come_back(shared_data, tmp_path):
    coco_mask = pytest.importorskip("pycocotools.mask")
    meters = np.load(shared_data / "nyuv2_1" / "DATA" / "NYUDepthv2" / "Depth" / "0.npy").astype(np.float32)
    image = np.zeros((*meters.shape, 3), np.uint8)
    stored = Prediction(Depth(torch.from_numpy(meters)), SPACE, image).save(tmp_path / "depth.png")
    assert np.abs(np.asarray(Image.open(stored)) / 256 - meters).max() <= 0.5 / 256 + 1e-6
    folder = next(p for p in sorted((shared_data / "dsb2018_110" / "stage1_train").iterdir()) if (p / "masks").is_dir())
    masks = np.stack([np.asarray(Image.open(p)) > 0 for p in sorted((folder / "masks").iterdir())])
    nuclei = Objects(masks, [0] * len(masks), np.linspace(1, 0.2, len(masks)))
    one = LabelSpace(("nucleus",), things=("nucleus",))
    found = Prediction(nuclei, one, np.zeros((*masks.shape[1:], 3), np.uint8), "nuclei")
    results = json.loads(found.save(tmp_path / "objects.json").read_text())
    assert all((coco_mask.decode(r["segmentation"]) == m).all() for r, m in zip(results, masks, strict=True))
    assert found.shares(0)["nucleus"] == pytest.approx(masks.any(axis=0).mean())
    sure = masks[np.linspace(1, 0.2, len(masks)) >= 0.5]
    assert found.shares()["nucleus"] == pytest.approx(sure.any(axis=0).mean()), "of those that pictures show"


def test_every_kind_of_answer_and_every_task_stands_in_every_table():
    kinds = set(get_args(Answer))
    for table in (FIELDS, WORDS, FORMS, KINDS, OVERLAYS, COLORS):
        assert set(table) == kinds
    assert set(ANSWERS) == set(TASKS) and {task for task, _ in DECISIONS} <= set(TASKS)
