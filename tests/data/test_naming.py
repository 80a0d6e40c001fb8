"""Names of results never meet, on any disk."""

import unicodedata

import pytest

from intarsia.errors import DataError, MissingExtra
from intarsia.naming import check, climbs, distinct, fresh, key


@pytest.mark.parametrize(
    "given, made",
    [
        (["a", "b"], ["a", "b"]),
        (["a/b", "a_b"], ["a/b", "a_b"]),
        (["x", "X", "x-2"], ["x", "X-3", "x-2"]),
        (["x", "x", "x"], ["x", "x-2", "x-3"]),
        (["A/b", "a/B", "a/c"], ["A/b", "a/B-2", "a/c"]),
        (["stra\u00dfe", "STRASSE"], ["stra\u00dfe", "STRASSE-2"]),
        (["a", "a.png/b"], ["a-2", "a.png/b"]),
        (["day", "day.1/b"], ["day", "day.1/b"]),
        ([], []),
    ],
)
def test_names_of_one_file_get_numbers_and_all_others_stay(given: list[str], made: list[str]) -> None:
    assert distinct(given) == made


def test_two_spellings_of_an_accent_are_one_name() -> None:
    composed, apart = unicodedata.normalize("NFC", "caf\u00e9"), unicodedata.normalize("NFD", "caf\u00e9")
    assert composed != apart and key(composed) == key(apart)
    assert distinct([composed, apart]) == [composed, f"{apart}-2"]


def test_one_name_given_often_is_as_quick_as_many_names() -> None:
    """A hundred thousand objects of one id took hours when each counted from 1 again."""
    taken: dict[str, int] = {}
    made = [fresh("1", taken) for _ in range(100_000)]
    assert len(set(made)) == 100_000 and made[:3] == ["1", "1-2", "1-3"]
    assert fresh("1-3", taken) == "1-3-2"


def test_a_message_is_no_longer_than_a_page_and_can_be_printed() -> None:
    """What a stranger's file holds may be quoted in it: forty thousand letters, or half of a character."""
    assert (
        str(DataError("a" * 100)) == "a" * 100
        and str(DataError("Stra\u00dfe \N{CAT FACE}")) == "Stra\u00dfe \N{CAT FACE}"
    )
    said = str(MissingExtra("begin " + "a" * 50_000 + " end"))
    assert len(said) < 4100 and said.startswith("begin a") and said.endswith(" end") and "letters left out" in said
    assert str(DataError("half \udcff")).encode() == b"half \\udcff"


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/x", "C:\\x", "c:/x", "\\\\server\\x", "~/x", "a\\..\\x", "a\0"]
)
def test_paths_that_lead_out(path: str) -> None:
    assert climbs(path) and not climbs("a/b..c/.d") and not climbs("")


@pytest.mark.parametrize(
    ("name", "words"),
    [("a\0b", "a character of code 0"), ("a" * 300, "it takes 300 bytes"), ("\ud800", "half of a"), ("ab/" * 1500, "with its folders")],
)  # fmt: skip
def test_names_that_no_file_can_have(name: str, words: str) -> None:
    with pytest.raises(DataError, match="no file can be called") as caught:
        check(name)
    assert words in str(caught.value) and len(str(caught.value)) < 200
    assert check("d/\u00e9" + "a" * 190) == "d/\u00e9" + "a" * 190
