"""The report: one file, nothing from elsewhere, every class named, and the numbers those of the score."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intarsia import report
from intarsia.labels import LabelSpace
from intarsia.metrics import Scores
from intarsia.report.curves import charts, ticks
from intarsia.report.template import clock, ink, percent

SPACE = LabelSpace(
    ("sky", "road & <path>", "车", "absent"),
    values={7: "sky", 8: "road & <path>", 9: "车", 10: "absent", "20..30": "ignore"},
)
MATRIX = np.array([[90, 10, 0, 0], [5, 60, 35, 0], [1, 0, 20, 0], [0, 0, 0, 0]])
VOID = {"meta", "img", "br", "link", "hr", "input", "line", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """Tags in order, text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " " if tag in ("td", "th", "dt", "dd", "li", "p") else ""

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def picture(name: str = "scene 1", size: tuple[int, int] = (30, 40)) -> report.Picture:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, size).astype(np.uint8)
    predicted = truth.copy()
    truth[:3] = 255
    predicted[5:8] = (truth[5:8] + 1) % 3
    return report.Picture(name, 0.25, random.integers(0, 256, (*size, 3), dtype=np.uint8), truth, predicted)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    lines: list[dict[str, object]] = [
        {"kind": "train", "step": n, "epoch": n / 50, "seconds": n / 10, "loss": 2.0 / n, "lr": 0.01, "terms": {}}
        for n in range(1, 201)
    ]
    lines += [
        {"kind": "val", "step": n, "epoch": 1, "seconds": 1, "miou": n / 400, "accuracy": 0.5, "iou": {"sky": None}}
        for n in (100, 200)
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + '\n{"kind": "train", "step": 20')
    return path


@pytest.fixture
def page(tmp_path: Path, log: Path) -> Page:
    scores = Scores(MATRIX, 17, names=SPACE.names)
    path = report.write(
        tmp_path / "report.html", scores=scores, space=SPACE, title="fpn on <roads>", command="intarsia evaluate 'a b' --json", seconds=75,
        facts={"model": "fpn", "checkpoint": "runs/x"}, images=[("a", 0.5), ("b", 0.72), ("c", float("nan"))], worst=[picture()],
        best=[picture("scene 2", (700, 900))], log=log, baseline=0.3123,
    )  # fmt: skip
    return Page(path.read_text(encoding="utf-8"))


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path, page: Page) -> None:
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http://" not in text and "https://" not in text
    assert "@import" not in text and "url(" not in text
    assert not {"script", "link", "iframe", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        for key in ("src", "href", "srcset", "data", "action", "poster"):
            value = attributes.get(key)
            assert value is None or value.startswith(("data:image/png;base64,", "#"))


def test_every_element_is_closed_and_every_anchor_leads_somewhere(page: Page) -> None:
    assert page.open == []
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {str(a["href"])[1:] for tag, a in page.tags if tag == "a"} <= ids


def test_numbers_are_those_of_the_score(page: Page) -> None:
    scores = Scores(MATRIX, 17)
    words = re.sub(r"\s+", " ", page.text)
    for value in (
        scores.miou,
        scores.accuracy,
        scores.mean_accuracy,
        scores.fw_iou,
        scores.mean_dice,
        scores.ignored,
        0.3123,
    ):
        assert f"{100 * value:.1f}" in words
    for n in range(3):
        row = [scores[key][n] for key in ("iou", "dice", "precision", "recall")]
        assert " ".join(f"{100 * value:.1f}" for value in row) in words
    assert "35.0 % of road & <path> is called 车 35 px" in words
    assert "17 ignored (7.14 %)" in words and "1 min 15 s" in words


def test_classes_labels_protocol_and_command_are_there(page: Page) -> None:
    words = re.sub(r"\s+", " ", page.text)
    for name in (
        *SPACE.names,
        "ignore",
        "20..30",
        "dataset",
        "occur in the truth or in the prediction",
        "intarsia evaluate 'a b' --json",
        "torch",
        "python",
    ):
        assert name in words
    assert page.text.count("absent") >= 3  # classes, matrix, labels: a class without pixels does not vanish
    assert "fpn on <roads>" in words


def test_pictures_are_png_with_words_for_those_who_do_not_see_them(page: Page) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == 8
    for attributes in images:
        assert attributes["alt"]
        data = base64.b64decode(str(attributes["src"]).removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "PNG" and image.size == (
                int(str(attributes["width"])),
                int(str(attributes["height"])),
            )
            assert image.width <= 480
    error = next(a for a in images if "wrong" in str(a["alt"]))
    shown = picture()
    held = shown.truth != 255
    assert f"{100 * (shown.truth != shown.predicted)[held].mean():.1f} % of the pixels of scene 1" in str(error["alt"])
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) == 4
    assert all(a["role"] == "img" and a["aria-label"] for a in drawings)


def test_works_with_nothing_but_scores(tmp_path: Path) -> None:
    path = report.write(tmp_path / "r.html", scores=Scores(MATRIX), space=SPACE, title="bare")
    page = Page(path.read_text(encoding="utf-8"))
    assert page.open == [] and not [tag for tag, _ in page.tags if tag == "img"]
    assert "Training" not in page.text and "Worst" not in page.text
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_many_classes_get_no_matrix_but_their_confusions(tmp_path: Path) -> None:
    space = LabelSpace(tuple(f"c{n}" for n in range(150)))
    matrix = np.eye(150, dtype=int) * 5
    matrix[7, 9] = 4
    path = report.write(tmp_path / "r.html", scores=Scores(matrix, names=space.names), space=space, title="many")
    text = path.read_text(encoding="utf-8")
    assert '<table class="matrix' not in text
    assert "44.4 % of c7 is called c9" in re.sub(r"\s+", " ", Page(text).text)


def test_an_older_report_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        report.write(path, scores=Scores(MATRIX), space=SPACE, title="bare")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_curves_end_where_the_log_ends(log: Path) -> None:
    loss, miou, rate = charts(log)
    assert (loss.title, rate.title) == ("Training loss", "Learning rate")
    assert "in 200 steps" in loss.says
    assert miou.says == "Validation mIoU ends at 50.0 %; the best was 50.0 % at step 200."
    assert miou.svg.count("<circle") == 2
    line = re.search(r'class="line" points="([^"]+)"', loss.svg)
    assert line is not None
    heights = [float(pair.split(",")[1]) for pair in line[1].split()]
    assert heights == sorted(heights)  # a falling loss goes down on the page


@pytest.mark.parametrize("text", ["", "\n", '{"kind": "train", "step": 1, "loss": NaN, "lr": 0.1}\n', "[1]\n"])
def test_a_log_without_curves_gives_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.jsonl").write_text(text)
    assert charts(tmp_path / "log.jsonl") == []


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.03, 0.031), (-2, 7), (5, 5), (0, 0), (1e-7, 3e-6), (0, 123456)])
def test_ticks_are_round_and_enclose(low: float, high: float) -> None:
    found = ticks(low, high, 4)
    assert found[0] <= low + 1e-12 and found[-1] >= high - 1e-12
    assert 2 <= len(found) <= 7
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0])
    assert f"{steps[0]:.1e}"[0] in "125"


def test_small_words() -> None:
    assert (percent(0.1234), percent(float("nan")), percent(1.0, 2)) == ("12.3", "–", "100.00")
    assert [ink(share) for share in (0, 0.001, 0.1, 0.11, 1)] == ["s0", "s1", "s1", "s2", "s10"]
    assert (clock(3.21), clock(75), clock(3700)) == ("3.2 s", "1 min 15 s", "1 h 1 min")


HIDDEN = "c\u202egnp.exe"  # shown from right to left it ends in another way


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pairs with three classes, of which one mask has another size than its image and a name that turns the line."""
    top = tmp_path / "set"
    for side in ("images", "masks"):
        (top / side).mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("a", "b", HIDDEN, "d"):
        labels = np.zeros((40, 60), np.uint8)
        labels[5:20, 5:30], labels[22:38, 30:55] = 1, 2
        image = random.integers(0, 40, (40, 60, 3)).astype(np.uint8) + 60 * labels[..., None]
        Image.fromarray(image).save(top / "images" / f"{name}.png")
        Image.fromarray(labels[:30] if name == HIDDEN else labels).save(top / "masks" / f"{name}.png")
    return top


def test_the_page_of_an_audit(run_cli, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.html"
    code, _, err = run_cli("data", "audit", folder, "--out", out)
    assert code == 1, err  # an error was found: the sizes
    text = out.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {str(a["href"])[1:] for tag, a in page.tags if tag == "a"} <= ids
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags} and "http" not in text
    for words in (
        "Intarsia label doctor",
        "How this was made",
        "hash of the data",
        "intarsia data audit",
        "60 x 40",
        "hatched",
    ):
        assert words in page.text, words
    assert text.count("<style>") == 1 and text.count("--paper:") == 3, "the style is there once"


def test_a_name_that_turns_the_line_is_spelled(run_cli, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.html"
    run_cli("data", "audit", folder, "--out", out)
    text = out.read_text(encoding="utf-8")
    assert "\u202e" not in text
    assert "c\\u202egnp.exe" in text
