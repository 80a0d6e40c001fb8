"""`intarsia lab`: what stands on the drawings is what the operators give, and mistakes are sentences."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from intarsia.blocks import bilinear_upsample, receptive_field, roi_align, roi_pool, roi_warp
from intarsia.lab import OPERATORS, draw
from intarsia.lab.marks import Words


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    small = Image.fromarray(random.integers(0, 255, (9, 12, 3), np.uint8))
    small.resize((120, 90), Image.Resampling.BICUBIC).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def told(run_cli, tmp_path: Path, *arguments: object) -> dict:
    """The numbers of one drawing, from the command line."""
    code, out, err = run_cli("lab", *arguments, "--out", tmp_path / "drawing.svg", "--json")
    assert (code, err) == (0, "")
    assert (tmp_path / "drawing.svg").is_file()
    return json.loads(out)["numbers"]


def words(figure) -> list[str]:
    return [mark.words for mark in figure.sheet.marks if isinstance(mark, Words)]


def test_unpool_draws_the_lectures_numbers(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "unpool")
    assert numbers["max"] == [[5, 6], [7, 8]]
    assert numbers["bed_of_nails"] == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    assert numbers["max_unpool"] == [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]
    assert numbers["nearest"][1] == [1, 1, 2, 2]


def test_pool_draws_numbers_of_ones_own(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "pool", "--numbers", "1 2 3; 4, 5, -6.5; 7 8 9.25")
    assert numbers["max"] == [[5, 3], [8, 9.25]]
    assert numbers["average"] == [[3, -1.75], [7.5, 9.25]]
    assert numbers["places"] == [[4, 2], [7, 8]]


def test_the_numbers_stand_on_the_drawing() -> None:
    figure = draw("pool", numbers="1 2;3 41.5")
    assert "41.5" in words(figure)
    assert "11.88" in words(figure)


def test_transposed_adds_its_steps(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "transposed")
    x = torch.tensor(numbers["input"])[None, None]
    sides = []
    for setting in numbers["settings"]:
        options = {key: setting[key] for key in ("stride", "padding", "output_padding")}
        expected = F.conv_transpose2d(x, torch.tensor(setting["kernel"])[None, None], **options)
        assert setting["output"] == expected[0, 0].tolist()
        assert np.sum(setting["steps"], axis=0).tolist() == setting["sum"]
        p = setting["padding"]
        assert (
            np.array(setting["sum"])[p : len(setting["sum"]) - p, p : len(setting["sum"]) - p].tolist()
            == setting["output"]
        )
        sides.append((len(setting["kernel"]), setting["stride"], p, len(setting["output"])))
    assert sides == [(2, 1, 0, 3), (2, 2, 0, 4), (3, 2, 1, 4)]


def test_a_kernel_of_ones_own(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "transposed", "--numbers", "1 -1", "--kernel", "1 2;3 4")
    assert [s["output"] for s in numbers["settings"]][:2] == [
        [[1, 1, -2], [3, 1, -4]],
        [[1, 2, -1, -2], [3, 4, -3, -4]],
    ]
    assert len(numbers["settings"]) == 2, "a padding of 1 would crop a single row away"
    three = told(run_cli, tmp_path, "transposed", "--kernel", "1 2;3 4")["settings"][2]
    assert (three["padding"], three["output"]) == (1, [[4, 6], [6, 4]])


def test_bilinear_draws_the_operator(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "bilinear")
    values = torch.tensor(numbers["values"])
    inner = F.interpolate(values[None, None], scale_factor=4, mode="linear")[0, 0, 2:-2]
    torch.testing.assert_close(torch.tensor(numbers["enlarged"])[2:-2], inner)
    plane = bilinear_upsample(values.expand(1, 1, 3, -1), 4)[0, 0, 6]
    assert numbers["enlarged"] == plane.tolist()
    assert numbers["sides"] == {"2": 4, "3": 5, "4": 8, "8": 16, "16": 32, "32": 64}


def test_atrous_draws_receptive_fields_and_rows(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "atrous")
    assert numbers["receptive_field"] == {str(r): receptive_field(3, r) for r in (1, 2, 3, 6, 12, 18)}
    x, w = numbers["x"], numbers["w"]
    for rate, y in numbers["y"].items():
        assert y == [sum(x[i + int(rate) * k] * w[k] for k in range(3)) for i in range(len(y))]


def test_separable_counts(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "separable")
    assert (numbers["full"], numbers["separable"]) == (589824, 67840)
    assert "589,824" in words(draw("separable"))


def test_roi_draws_the_operators(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "roi", "--box", "0.5 1 4.25 6")
    x, box = torch.tensor(numbers["map"])[None, None], torch.tensor([[0.5, 1, 4.25, 6]])
    for name, operator in {"RoIPool": roi_pool, "RoIWarp": roi_warp, "RoIAlign": roi_align}.items():
        for reduce in ("max", "average"):
            if reduce in numbers[name]:
                assert numbers[name][reduce] == operator(x, box, 2, reduce=reduce)[0, 0].tolist()
    assert numbers["RoIPool"]["max"] == [
        [numbers["map"][i][j] for i, j in numbers["RoIPool"]["places"][n : n + 2]] for n in (0, 2)
    ]
    assert numbers["RoIAlign"]["points"]["x"] == pytest.approx([0.96875, 1.90625, 2.84375, 3.78125])


def test_coordinates(run_cli, tmp_path: Path) -> None:
    numbers = told(run_cli, tmp_path, "coordinates")
    assert numbers["across"][0] == pytest.approx([-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1])
    assert [row[0] for row in numbers["down"]] == [-1, -0.5, 0, 0.5, 1]


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_draws_a_picture(run_cli, tmp_path: Path, photo: Path, operator: str) -> None:
    numbers = told(run_cli, tmp_path, operator, "--image", photo)
    assert sum("mean" in value for value in numbers.values() if isinstance(value, dict)) >= 3


@pytest.mark.parametrize("size", [(1, 1), (3, 200)])
@pytest.mark.parametrize("operator", OPERATORS)
def test_odd_pictures_are_drawn(tmp_path: Path, operator: str, size: tuple[int, int]) -> None:
    Image.new("L", size, 90).save(tmp_path / "odd.png")
    assert draw(operator, image=tmp_path / "odd.png").sheet.png(1).width > 300


@pytest.mark.parametrize("operator", OPERATORS)
def test_words_do_not_overlap(operator: str) -> None:
    """Neither each other nor the margin."""
    from intarsia.lab.marks import edges

    figure = draw(operator)
    held = [(mark.words, edges(mark)) for mark in figure.sheet.marks if isinstance(mark, Words)]
    clashes = [
        (a, b)
        for n, (a, (l, t, r, u)) in enumerate(held)
        for b, (l2, t2, r2, u2) in held[n + 1 :]
        if min(r, r2) - max(l, l2) > 1 and min(u, u2) - max(t, t2) > 2
    ]
    assert not clashes


def test_svg_and_png_are_one_drawing(tmp_path: Path) -> None:
    sheet = draw("unpool").sheet
    sheet.save(tmp_path / "a.svg")
    sheet.save(tmp_path / "a.png")
    root = ET.parse(tmp_path / "a.svg").getroot()
    with Image.open(tmp_path / "a.png") as png:
        assert png.size == (2 * int(root.get("width")), 2 * int(root.get("height")))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == words(draw("unpool"))


def test_the_name_of_the_drawing(run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_cli("lab", "pool") == (0, "wrote pool.png\n", "")
    with Image.open("pool.png") as drawing:
        assert drawing.width > 800


def test_the_list(run_cli) -> None:
    code, out, _ = run_cli("lab")
    assert code == 0
    assert all(name in out for name in OPERATORS)
    assert [entry["name"] for entry in json.loads(run_cli("lab", "--json")[1])] == list(OPERATORS)


def test_help(run_cli) -> None:
    code, out, err = run_cli("lab", "--help")
    assert (code, err) == (0, "")
    assert all(option in out for option in ("--image", "--numbers", "--kernel", "--box", "--out", "--docs", "--json"))
    assert max(map(len, out.splitlines())) <= 100


def test_functions_of_the_table_exist() -> None:
    import intarsia.blocks

    named = {name for entry in OPERATORS.values() for name in entry.functions.split(", ")}
    assert named <= set(intarsia.blocks.__all__)
    assert set(intarsia.blocks.__all__) - named == {"apply_conv"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["atrus"], "there is no operator 'atrus'; did you mean 'atrous'?"),
        (["pool", "--numbers", "1 2;3"], "numbers: row 2 has 1 numbers and row 1 has 2; all rows are alike"),
        (["pool", "--numbers", "1 two"], "numbers: 'two' is no number"),
        (["pool", "--numbers", "1;;2"], "numbers: row 2 is empty"),
        (["pool", "--numbers", ""], "numbers: row 1 is empty"),
        (["pool", "--numbers", "nan"], "numbers: nan cannot be drawn"),
        (["pool", "--numbers", " ".join(["1"] * 13)], "cannot be read on a drawing; 12 is most"),
        (["pool", "--image", "no_such.jpg"], "no_such.jpg"),
        (["pool", "--kernel", "1"], "pool takes no kernel; transposed does"),
        (["separable", "--numbers", "1 2"], "the drawing of separable takes no numbers"),
        (["pool", "--numbers", "1", "--image", "a.png"], "give numbers or an image, not both"),
        (["transposed", "--numbers", "1 2 3 4;5 6 7 8"], "8 stamps do not fit side by side"),
        (["transposed", "--kernel", "1 2 3 4 5 6"], "kernel: 1x6 is too large to draw"),
        (["bilinear", "--numbers", "1 2;3 4"], "one row of 2 to 8 numbers"),
        (["atrous", "--numbers", "1 2 3"], "one row of 7 to 12 numbers"),
        (["roi", "--box", "1 2 3"], "box: 3 numbers; give four"),
        (["roi", "--box", "5 5 2 2"], "does not lie inside of 8 x 8 pixels"),
        (["roi", "--box", "0 0 9 9"], "does not lie inside of 8 x 8 pixels"),
        (["pool", "--out", "a.bmp"], "a.bmp: drawings are written as .png or .svg"),
        (["--image", "a.png"], "--image needs an operator"),
        (["pool", "--docs", "x"], "give it alone"),
    ],
)
def test_mistakes_are_sentences(
    run_cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: list, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run_cli("lab", *line)
    assert (code, out) == (2, "")
    assert said in err
    assert not list(tmp_path.iterdir())


def test_the_page_is_what_the_command_writes(run_cli, root: Path, tmp_path: Path) -> None:
    code, out, _ = run_cli("lab", "--docs", tmp_path, "--json")
    assert code == 0
    tree = json.loads(out)
    page = (root / "docs" / "operators.md").read_text(encoding="utf-8")
    assert (tmp_path / "operators.md").read_text(encoding="utf-8") == page
    assert len(tree["pictures"]) == len(OPERATORS) == page.count("](images/operators/")
    for picture in map(Path, tree["pictures"]):
        kept = root / "docs" / picture.relative_to(tmp_path)
        assert f"({picture.relative_to(tmp_path).as_posix()})" in page
        assert kept.stat().st_size < 60_000
        with Image.open(picture) as made, Image.open(kept) as there:
            assert made.size == there.size
            apart = np.abs(np.asarray(made.convert("L"), int) - np.asarray(there.convert("L"), int))
            assert apart.mean() < 1, f"{kept.name} is out of date: intarsia lab --docs docs --overwrite"
