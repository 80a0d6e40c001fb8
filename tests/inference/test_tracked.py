"""`predict` follows objects: numbers and colors last, frames are KITTI-STEP's, tracks COCO's, and a video gives a video."""

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from intarsia.draw.objects import color_of
from intarsia.errors import DataError, ModelError
from intarsia.evaluation import score_video
from intarsia.inference import Predictor, predict
from intarsia.labels import LabelSpace
from intarsia.structures import PanopticLogits

SPACE = LabelSpace(("dark", "blob"), things=("blob",))
SIDE, STEP, H, W = 8, 14, 48, 96


def engine(image: Tensor) -> PanopticLogits:
    """Finds a bright square, and says that it was where the seventh channel is highest."""
    bright = image[:, :3].float().mean(dim=1) > 128  # [1, H, W]
    y, x = torch.meshgrid(torch.arange(image.shape[2]), torch.arange(image.shape[3]), indexing="ij")
    semantic = torch.stack([~bright, bright], dim=1).float() * 9
    centers, offsets = torch.zeros_like(semantic[:, :1]), torch.zeros_like(semantic)
    motion = offsets.clone()
    if bright.any():
        at = [int(place[bright[0]].float().mean().round()) for place in (y, x)]
        centers[0, 0, at[0], at[1]] = 1
        offsets = torch.stack([at[0] - y, at[1] - x])[None].float()
        before = divmod(int(image[0, 6].argmax()), image.shape[3]) if image[0, 6].any() else at
        motion = torch.stack([before[0] - y, before[1] - x])[None].float()
    return PanopticLogits(semantic, centers, offsets, motion=motion)


@pytest.fixture
def predictor() -> Predictor:
    made = Predictor(engine, SPACE, task="panoptic", in_channels=7, decide={"stuff_area": 1})
    made.checkpoint = SimpleNamespace(model="motion_deeplab")  # type: ignore[assignment]
    return made


def pictures(count: int = 4) -> list[np.ndarray]:
    frames = np.full((count, H, W, 3), 20, np.uint8)
    for n in range(count):
        frames[n, 20 : 20 + SIDE, 10 + STEP * n : 10 + SIDE + STEP * n] = 250
    return list(frames)


def folder(root: Path, name: str = "drive", skip: int = -1) -> Path:
    (root / name).mkdir(parents=True)
    for n, frame in enumerate(pictures()):
        if n != skip:
            Image.fromarray(frame).save(root / name / f"{n:06d}.png")
    return root / name


def test_a_folder_of_frames(predictor: Predictor, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = predict(predictor, folder(tmp_path), out)
    ids = [next(s["id"] for s in line["segments"] if s["class"] == "blob") for line in found.lines]
    assert ids == [3, 3, 3, 3]  # although the square goes further than its side in each frame
    assert [json.loads(line) for line in (out / "predictions.jsonl").read_text().splitlines()] == found.lines
    for n in range(4):
        seen = np.asarray(Image.open(out / f"tracks/{n:06d}.png"))
        assert seen[24, 14 + STEP * n].tolist() == [1, 0, 1] and seen[0, 0].tolist() == [0, 0, 0]
        overlay = np.asarray(Image.open(out / f"overlays/{n:06d}.png"))
        assert (overlay == color_of(3)).all(axis=-1).any() and not (overlay == color_of(4)).all(axis=-1).any()
    truth = tmp_path / "truth"
    truth.mkdir()
    for n, frame in enumerate(pictures()):
        bright = (frame[..., 0] > 128).astype(np.uint8)
        Image.fromarray(np.stack([bright, 0 * bright, 7 * bright], axis=2)).save(truth / f"{n:06d}.png")
    assert score_video(out / "tracks", truth, classes=SPACE.names, things=SPACE.things).scores.stq == 1
    tree = json.loads((out / "tracks.json").read_text())
    (video,), (track,) = tree["videos"], tree["annotations"]
    assert video["length"] == 4 and video["file_names"] == [f"{n:06d}" for n in range(4)]
    assert track["track_id"] == 1 and track["video_id"] == video["id"]
    assert [kind["id"] for kind in tree["categories"] if kind["name"] == "blob"] == [track["category_id"]]
    assert track["bboxes"] == [[10 + STEP * n, 20, SIDE, SIDE] for n in range(4)]
    assert all(runs["size"] == [H, W] for runs in track["segmentations"])


def test_a_video_file_gives_a_video_and_two_videos_do_not_share_numbers(predictor: Predictor, tmp_path: Path) -> None:
    film = cv2.VideoWriter(str(tmp_path / "a.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 10, (W, H))
    for frame in pictures():
        film.write(frame)
    film.release()
    out = tmp_path / "out"
    found = predict(predictor, [tmp_path / "a.mp4", folder(tmp_path)], out)
    assert len(found.lines) == 8 and not found.failed
    assert [next(s["id"] for s in line["segments"] if s["class"] == "blob") for line in found.lines] == [3] * 8
    made = cv2.VideoCapture(str(out / "films/a.mp4"))
    assert made.get(cv2.CAP_PROP_FRAME_COUNT) == 4 and made.get(cv2.CAP_PROP_FPS) == 10
    read, pixels = made.read()
    assert read and pixels.shape[1] % W == 0 and pixels.shape[0] % H == 0
    tree = json.loads((out / "tracks.json").read_text())
    assert [video["name"] for video in tree["videos"]] == ["a.mp4", "drive"]
    assert sorted(track["video_id"] for track in tree["annotations"]) == [1, 2]


def test_what_cannot_be_followed_is_said_before_the_first_frame(predictor: Predictor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holes: 1 frame between 000001.png and 000003.png is missing"):
        predict(predictor, folder(tmp_path, "holes", skip=2), tmp_path / "out")
    with pytest.raises(ModelError, match="this model follows objects through a video; leave them out"):
        predict(predictor, folder(tmp_path), tmp_path / "out", probabilities="npy")
    Image.fromarray(pictures()[0][:40]).save(tmp_path / "drive/000004.png")
    found = predict(predictor, tmp_path / "drive", tmp_path / "out")
    assert "a frame of 96x40 pixels follows one of 96x48" in found.failed[0]["error"] and len(found.failed) == 1
    (tmp_path / "broken.mp4").write_bytes(b"0000ftyp")
    with pytest.raises(DataError, match=r"broken.mp4: no video that OpenCV can read"):
        predict(predictor, tmp_path / "broken.mp4", tmp_path / "other")


def test_a_single_photo_is_refused_where_a_frame_before_is_needed(predictor: Predictor) -> None:
    with pytest.raises(
        DataError, match=r"3 channels and the network was trained on 7: .* a folder of frames or a video"
    ):
        predictor(pictures()[0])


def test_a_video_of_one_frame_which_is_not_the_first(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    Image.fromarray(pictures()[1]).save(tmp_path / "drive/000041.png")
    (line,) = predict(predictor, tmp_path / "drive", tmp_path / "out").lines
    assert [s["id"] for s in line["segments"]] == [1, 3]
    tree = json.loads((tmp_path / "out/tracks.json").read_text())
    assert tree["videos"][0]["length"] == 1 and [len(track["bboxes"]) for track in tree["annotations"]] == [1]
