"""Every encoding that a file may have, round trips, and the sentences about files that cannot be read."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from intarsia.data.files.codecs import SUFFIXES, orientation_of, read_image, read_labels, read_mask, write_labels
from intarsia.errors import DataError, LabelError
from intarsia.labels import LabelSpace

RNG = np.random.default_rng(0)
TWO, THREE = LabelSpace(("a", "b")), LabelSpace(("a", "b", "c"))


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_8_bit_comes_back_exactly(tmp_path: Path, channels: int) -> None:
    image = noise(7, 5, channels)
    Image.fromarray(image[..., 0] if channels == 1 else image).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png").dtype == np.uint8
    assert (read_image(tmp_path / "x.png") == image).all()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".gif", ".npy"])
def test_gray_comes_back_exactly_from_every_lossless_format(tmp_path: Path, suffix: str) -> None:
    image, path = noise(6, 9), tmp_path / f"x{suffix}"
    np.save(path, image) if suffix == ".npy" else Image.fromarray(image).save(path)
    assert (read_image(path)[..., 0] == image).all()
    assert suffix in SUFFIXES


@pytest.mark.parametrize("suffix", [".png", ".tif", ".npy"])
def test_16_bit_gray_comes_back_exactly(tmp_path: Path, suffix: str) -> None:
    image, path = noise(6, 9, dtype=np.uint16), tmp_path / f"x{suffix}"
    np.save(path, image) if suffix == ".npy" else Image.fromarray(image).save(path)
    assert read_image(path).dtype == np.uint16 and (read_image(path)[..., 0] == image).all()
    assert (read_mask(path, THREE) == image).all()


def test_big_endian_tiff(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile", reason="needs tifffile to write the file")
    image = noise(6, 9, dtype=np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", image, byteorder=">")
    assert (read_image(tmp_path / "x.tif")[..., 0] == image).all()
    assert read_mask(tmp_path / "x.tif", THREE).dtype.isnative


def test_palette_image_gives_its_colors_and_palette_mask_its_indices(tmp_path: Path) -> None:
    index = noise(4, 4) % 3
    picture = Image.fromarray(index).copy()
    picture.putpalette([9, 8, 7, 100, 110, 120, 200, 210, 220])
    picture.save(tmp_path / "x.png")
    colors = np.array([[9, 8, 7], [100, 110, 120], [200, 210, 220]], np.uint8)
    assert (read_image(tmp_path / "x.png") == colors[index]).all()
    assert (read_mask(tmp_path / "x.png", THREE) == index).all()
    by_color = LabelSpace(("a", "b", "c"), values={"#c8d2dc": "a", "#090807": "b", "#646e78": "c"})
    assert (read_labels(tmp_path / "x.png", by_color) == np.array([1, 2, 0])[index]).all()


def test_transparent_index_of_a_palette_is_transparent(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1]], np.uint8)).copy()
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.save(tmp_path / "x.png", transparency=0)
    space = LabelSpace(("a",), values={"transparent": "ignore", "#ff0000": "a"})
    assert read_labels(tmp_path / "x.png", space).tolist() == [[255, 0]]
    assert read_mask(tmp_path / "x.png", TWO).tolist() == [[0, 1]]
    assert read_image(tmp_path / "x.png").shape == (1, 2, 4)


def test_one_bit_masks_are_0_and_1_and_one_bit_images_black_and_white(tmp_path: Path) -> None:
    bits = np.array([[True, False, True]])
    for suffix in (".png", ".tif", ".bmp"):
        Image.fromarray(bits).save(tmp_path / f"x{suffix}")
        assert read_mask(tmp_path / f"x{suffix}", TWO).tolist() == [[1, 0, 1]]
        assert read_image(tmp_path / f"x{suffix}")[..., 0].tolist() == [[255, 0, 255]]


def test_gray_saved_as_rgb_or_opaque_rgba_is_read_as_ids(tmp_path: Path) -> None:
    ids = np.array([[0, 1, 2]], np.uint8)
    Image.fromarray(np.dstack([ids] * 3)).save(tmp_path / "rgb.png")
    Image.fromarray(np.dstack([ids] * 3 + [np.full_like(ids, 255)])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([ids, np.full_like(ids, 255)])).save(tmp_path / "la.png")
    for name in ("rgb", "rgba", "la"):
        assert read_labels(tmp_path / f"{name}.png", THREE).tolist() == [[0, 1, 2]]


def test_exact_rgb_and_rgba_masks(tmp_path: Path) -> None:
    space = LabelSpace(("road", "sky"), values={"#804080": "road", "#808080": "sky", "transparent": "ignore"})
    rgba = np.array([[[128, 64, 128, 255], [128, 128, 128, 255], [1, 2, 3, 0]]], np.uint8)
    Image.fromarray(rgba).save(tmp_path / "x.png")
    assert read_labels(tmp_path / "x.png", space).tolist() == [[0, 1, 255]]
    Image.fromarray(rgba[:, :2, :3].copy()).save(tmp_path / "y.png")
    assert read_labels(tmp_path / "y.png", space).tolist() == [[0, 1]]


def test_unknown_color_is_an_error_with_file_count_and_guess(tmp_path: Path) -> None:
    space = LabelSpace(("road", "sky"), values={"#804080": "road", "#808080": "sky"})
    Image.fromarray(np.array([[[130, 64, 128], [128, 64, 128]]], np.uint8)).save(tmp_path / "odd.png")
    with pytest.raises(
        LabelError, match=r"odd\.png: the mask holds \"#824080\" \(1 px\), outside the 2 classes .* likely 'road'"
    ):
        read_labels(tmp_path / "odd.png", space)


def test_color_mask_for_a_space_of_ids_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[128, 64, 128]]], np.uint8)).save(tmp_path / "x.png")
    with pytest.raises(
        LabelError, match="color image, but the labels are ids; say in labels.values which color is which class"
    ):
        read_labels(tmp_path / "x.png", TWO)


def test_16_bit_mask_for_a_space_of_colors_is_refused(tmp_path: Path) -> None:
    Image.fromarray(noise(2, 2, dtype=np.uint16)).save(tmp_path / "x.png")
    with pytest.raises(LabelError, match="holds uint16 ids, but labels.values lists colors"):
        read_labels(tmp_path / "x.png", LabelSpace(("a",), values={"#000000": "a"}))


def test_id_37_of_11_classes(tmp_path: Path) -> None:
    mask = np.zeros((3, 3), np.uint8)
    mask[1, 1] = 37
    Image.fromarray(mask).save(tmp_path / "m.png")
    with pytest.raises(
        LabelError,
        match=r"m\.png: the mask holds 37 \(1 px\), outside the 11 classes \(values 0..10, 255\); add `37: <class or ignore>`",
    ):
        read_labels(tmp_path / "m.png", LabelSpace(tuple(f"c{n}" for n in range(11))))


def test_written_labels_come_back_in_the_classes_colors(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 2, 255]], np.uint8)
    write_labels(tmp_path / "x.png", labels, THREE)
    assert read_labels(tmp_path / "x.png", THREE).tolist() == labels.tolist()
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.mode == "P" and [picture.convert("RGB").getpixel((n, 0)) for n in range(3)] == list(THREE.colors)


def test_class_255_of_300_survives_on_disk(tmp_path: Path) -> None:
    space = LabelSpace(tuple(f"c{n}" for n in range(300)))
    labels = np.array([[254, 255, 256, 299, 65535]], np.uint16)
    write_labels(tmp_path / "x.png", labels, space)
    assert read_labels(tmp_path / "x.png", space).tolist() == labels.tolist()


def test_labels_that_are_no_classes_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"3 is no class number \(0..2\)"):
        write_labels(tmp_path / "x.png", np.array([[0, 3]]), THREE)
    with pytest.raises(DataError, match="cannot be written"):
        write_labels(tmp_path / "missing" / "x.png", np.array([[0]]), THREE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_orientation_is_undone_for_images_and_masks_alike(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = np.repeat(np.repeat(np.array([[0, 40, 80], [120, 160, 200]], np.uint8), 16, 0), 16, 1)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(stored).save(tmp_path / f"x{suffix}", exif=exif)
    with Image.open(tmp_path / f"x{suffix}") as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    assert (read_image(tmp_path / f"x{suffix}")[..., 0] == upright).all()
    assert (read_mask(tmp_path / f"x{suffix}", TWO) == upright).all()
    if suffix != ".tif":
        assert orientation_of(tmp_path / f"x{suffix}") == orientation


class TestBadFiles:
    def test_missing(self, tmp_path: Path) -> None:
        for name in ("x.png", "x.npy"):
            with pytest.raises(DataError, match=rf"{name}: there is no such file"):
                read_image(tmp_path / name)

    def test_text_named_png(self, tmp_path: Path) -> None:
        (tmp_path / "x.png").write_text("hello, I am no image")
        with pytest.raises(
            DataError, match=r"x\.png: a text file, not an image, in spite of its name; it begins with 'hello"
        ):
            read_image(tmp_path / "x.png")

    def test_git_lfs_pointer(self, tmp_path: Path) -> None:
        (tmp_path / "x.png").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
        with pytest.raises(DataError, match="git lfs pull"):
            read_image(tmp_path / "x.png")

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "x.png").touch()
        with pytest.raises(DataError, match=r"x\.png: the file is empty"):
            read_image(tmp_path / "x.png")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "BMP"])
    @pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
    def test_truncated(self, tmp_path: Path, kind: str, share: float) -> None:
        whole = io.BytesIO()
        Image.fromarray(noise(64, 64, 3)).save(whole, kind)
        path = tmp_path / f"x.{kind.lower()}"
        path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
        for read in (read_image, lambda p: read_mask(p, TWO)):
            with pytest.raises(DataError, match=rf"x\.{kind.lower()}: "):
                read(path)

    def test_truncated_npy_and_pickles(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", noise(9, 9))
        (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:150])
        np.save(tmp_path / "y.npy", np.array([{"a": 1}], object), allow_pickle=True)
        for name in ("x.npy", "y.npy"):
            with pytest.raises(DataError, match=f"{name}: no readable array"):
                read_image(tmp_path / name)

    def test_floats_and_wide_integers(self, tmp_path: Path) -> None:
        np.save(tmp_path / "f.npy", np.zeros((4, 4), np.float32))
        np.save(tmp_path / "i.npy", np.zeros((4, 4), np.int64))
        Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "f.tif")
        for name in ("f.npy", "i.npy", "f.tif"):
            with pytest.raises(DataError, match="images are 8 or 16 bit"):
                read_image(tmp_path / name)
        assert read_mask(tmp_path / "f.tif", TWO).dtype == np.uint8
        for broken in (0.5, np.nan, np.inf, 1e12):
            Image.fromarray(np.full((4, 4), broken, np.float32)).save(tmp_path / "f.tif")
            with pytest.raises(DataError, match="masks hold whole numbers or colors"):
                read_mask(tmp_path / "f.tif", TWO)
        assert read_mask(tmp_path / "i.npy", TWO).tolist() == np.zeros((4, 4)).tolist()

    def test_channels_first_array(self, tmp_path: Path) -> None:
        np.save(tmp_path / "x.npy", noise(3, 20, 30))
        with pytest.raises(DataError, match="channels first; save it as"):
            read_image(tmp_path / "x.npy")

    def test_cmyk(self, tmp_path: Path) -> None:
        Image.new("CMYK", (4, 4)).save(tmp_path / "x.jpg")
        with pytest.raises(DataError, match="a picture in CMYK colors; save it as gray, RGB or RGBA"):
            read_image(tmp_path / "x.jpg")

    def test_several_pages(self, tmp_path: Path) -> None:
        frames = [Image.fromarray(noise(4, 4)) for _ in range(3)]
        for suffix in ("gif", "tif"):
            frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
            with pytest.raises(DataError, match="holds 3 pages, one image is needed"):
                (read_image if suffix == "gif" else read_mask)(
                    tmp_path / f"x.{suffix}", *([] if suffix == "gif" else [TWO])
                )

    def test_half_transparent_mask(self, tmp_path: Path) -> None:
        Image.fromarray(np.full((2, 2, 4), 128, np.uint8)).save(tmp_path / "x.png")
        with pytest.raises(LabelError, match="transparent"):
            read_mask(tmp_path / "x.png", TWO)
        with pytest.raises(LabelError, match="4 pixels of the mask are half transparent"):
            read_mask(tmp_path / "x.png", LabelSpace(("a",), values={"#808080": "a"}))


class TestRealFiles:
    def test_every_voc_mask_holds_its_palette_and_its_ids(self, shared_data: Path) -> None:
        from intarsia.datasets.voc import LABELS, colors

        paths = sorted((shared_data / "voc2012_sample/SegmentationClass").glob("*.png"))[:20]
        values = {f"#{r:02x}{g:02x}{b:02x}": n for (r, g, b), n in zip(colors(), LABELS.names, strict=True)}
        by_color = LabelSpace(LABELS.names, values={**values, "#e0e0c0": "ignore"})
        for path in paths:
            labels = read_labels(path, LABELS)
            assert (labels == np.asarray(Image.open(path))).all()
            assert (read_labels(path, by_color) == labels).all()

    def test_dubai_palette_indices_differ_but_colors_agree(self, shared_data: Path) -> None:
        names = {
            "#3c1098": "building",
            "#8429f6": "land",
            "#6ec1e4": "road",
            "#fedd3a": "vegetation",
            "#e2a929": "water",
        }
        space = LabelSpace(tuple(names.values()), values={**names, "#9b9b9b": "ignore", "#000000": "ignore"})
        for tile, kind in (("Tile 1", "RGB"), ("Tile 2", "P"), ("Tile 4", "P")):
            path = shared_data / "dubai_aerial" / tile / "masks/image_part_001.png"
            with Image.open(path) as picture:
                assert picture.mode == kind
                truth = np.asarray(picture.convert("RGB")).astype(int)
            labels = read_labels(path, space)
            for n, color in enumerate(names):
                rgb = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
                assert ((labels == n) == (truth == rgb).all(-1)).all()

    def test_jpeg_masks_through_spans(self, shared_data: Path) -> None:
        space = LabelSpace(("background", "polyp"), values={"0..127": "background", "128..255": "polyp"})
        for path in (shared_data / "kvasir5/masks").glob("*.jpg"):
            gray = np.asarray(Image.open(path))[..., 0]
            assert len(np.unique(gray)) > 2 and (read_labels(path, space) == (gray > 127)).all()
            with pytest.raises(LabelError, match="outside the 2 classes"):
                read_labels(path, TWO)

    def test_anti_aliased_lungs_and_gif_vessels(self, shared_data: Path) -> None:
        space = LabelSpace(("background", "lung"), values={"0..127": "background", "128..255": "lung"})
        for path in (shared_data / "lung_cxr17/train_masks").glob("*.png"):
            assert (read_labels(path, space) == (np.asarray(Image.open(path)) > 127)).all()
        vessels = LabelSpace(("background", "vessel"), values={0: "background", 255: "vessel"})
        path = next((shared_data / "drive/training/1st_manual").glob("*.gif"))
        assert set(np.unique(read_labels(path, vessels))) == {0, 1}
        assert read_image(next((shared_data / "drive/training/images").glob("*.tif"))).shape == (584, 565, 3)

    def test_16_bit_label_tiff(self, shared_data: Path) -> None:
        raw = read_mask(shared_data / "stardist_data/stardist/data/images/mask2d.tif", TWO)
        assert raw.dtype == np.uint16 and raw.shape == (512, 512) and raw.max() > 13
        with pytest.raises(DataError, match="holds 31 pages"):
            read_image(shared_data / "stardist_data/stardist/data/images/img3d.tif")
