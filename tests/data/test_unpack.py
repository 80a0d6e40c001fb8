"""Archives of strangers: whole and within bounds, or nothing of them is left on the disk."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from intarsia import limits
from intarsia.data.files.unpack import unpack
from intarsia.errors import DataError


def zipped(path: Path, *files: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return path


def tarred(path: Path, *files: tuple[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What any archive may unpack to, a GiB, is made a hundred thousand bytes, so that tests are quick."""
    monkeypatch.setattr(limits, "UNPACKED", 100_000)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "names, words",
    [
        (["a", "a/b"], r"'a' is a file in it and the folder of 'a/b'; pack it again"),
        (["a/b", "A"], r"'a' is a file in it and the folder of 'a/b'"),
        (["x.png", "x.png"], r"holds 'x.png' twice; pack it again"),
        (["d/x.png", "d/X.png"], r"holds 'd/x.png' and 'd/X.png', which are one file on some disks"),
        (["caf\u00e9", "cafe\u0301"], r"which are one file on some disks"),
        (["../x"], r"would lie outside of"),
        (["ok", "/etc/x"], r"would lie outside of"),
    ],
)
def test_two_files_in_one_place_are_refused(pack: object, names: list[str], words: str, tmp_path: Path) -> None:
    archive = pack(tmp_path / "archive", *((name, b"1") for name in names))  # type: ignore[operator]
    with pytest.raises(DataError, match=words.replace("'a' is", "'[aA]' is")):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_that_fills_the_disk_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "bomb.zip", ("a", b"1"), ("zeros", bytes(300_000)))
    with pytest.raises(DataError, match=r"bytes that unpack to 300,001 bytes; at most 100,000 are unpacked"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_that_lies_of_its_sizes_is_stopped_while_it_is_copied(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "liar.zip", ("a", b"1"), ("zeros", bytes(300_000)))
    content = archive.read_bytes()
    assert content.count((300_000).to_bytes(4, "little")) == 2
    archive.write_bytes(content.replace((300_000).to_bytes(4, "little"), (200_000).to_bytes(4, "little")))
    before = tmp_path / "out" / "mine.txt"
    before.parent.mkdir()
    before.write_text("mine")
    with pytest.raises(DataError, match="cannot be unpacked|at most 100,000 are unpacked"):
        unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").rglob("*")) == [before] and before.read_text() == "mine"


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_tars_plain_and_compressed(ending: str, tmp_path: Path) -> None:
    mode = "w" + ending.removeprefix("tar").replace(".", ":")
    archive = tarred(tmp_path / "archive", ("d/a", b"one"), ("d/b", b"two"), mode=mode)
    assert unpack(archive, tmp_path / "out") == ["d"] and (tmp_path / "out" / "d" / "b").read_bytes() == b"two"
    archive = tarred(tmp_path / "archive", ("a", b"1"), ("zeros", bytes(300_000)), mode=mode)
    limit = 300_001 if ending == "tar" else 100_000  # a plain tar is as large as what it holds
    if limit == 100_000:
        with pytest.raises(DataError, match="at most 100,000 are unpacked"):
            unpack(archive, tmp_path / "other")
        assert not (tmp_path / "other").exists()


def test_a_sparse_tar_is_as_large_as_it_unpacks(tmp_path: Path) -> None:
    """1.5 KB of header say: a hundred gigabytes of nothing."""
    member = tarfile.TarInfo("hole")
    member.type, member.size = tarfile.GNUTYPE_SPARSE, 512
    header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    size = 100 << 30
    header[386:398], header[398:410] = b"%011o\0" % 0, b"%011o\0" % 512  # the one piece that is there
    header[482], header[483:495] = 0, b"\x80" + size.to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    archive = tmp_path / "sparse.tar"
    archive.write_bytes(bytes(header) + bytes(512) + bytes(1024))
    with tarfile.open(archive) as tar:
        assert next(iter(tar)).size == size
    with pytest.raises(DataError, match="at most 409,600|at most 100,000|at most 1,073"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_header_that_goes_on_without_end(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 8 << 30
    archive = tmp_path / "long.tar"
    archive.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(DataError, match="a header in it claims 8,589,934,592 bytes"):
        unpack(archive, tmp_path / "out")


def test_an_encrypted_zip_says_so(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "secret.zip", ("a.png", b"1"))
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"a.png is encrypted; unpack it yourself, and give the folder"):
        unpack(archive, tmp_path / "out")


def test_more_files_than_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MEMBERS", 3)
    for pack in (zipped, tarred):
        with pytest.raises(DataError, match="holds more than 3 files"):
            unpack(pack(tmp_path / "many", *((str(n), b"") for n in range(4))), tmp_path / "out")


def test_an_honest_archive_that_packs_well(tmp_path: Path) -> None:
    """Label maps without compression shrink by a hundred times and more."""
    archive = zipped(tmp_path / "masks.zip", *((f"{n}.bmp", bytes(9000)) for n in range(11)))
    assert len(unpack(archive, tmp_path / "out")) == 11
