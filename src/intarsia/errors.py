"""The family of errors: every message says what was given, what is allowed, and what to do.

    IntarsiaError
      RecipeError       a recipe or an override is wrong: unknown key, wrong type, impossible combination
      DataError         files: missing, unmatched, unreadable, of different sizes
        NoPairs         no image has a mask of its name; the folder may hold something else that can be read
        OddMode         a picture in colors that are not read as they are, but can be turned into RGB
        TwiceNamed      two files of one name, of which one can be kept
        PartError       one of several files that a mask is made of
        PlaceError      a file or folder, and what is wrong with it
        LabelError      label values: outside the label space, or a label space that contradicts itself
          OddValues     a mask holds what the label space does not know
      ModelError        an unknown architecture, or options that it does not take
        EncoderError    an encoder that cannot do what was asked of it
      CheckpointError   a file that is no checkpoint of ours, is damaged, or does not fit
      TrainingError     a run that cannot start or cannot go on
      MissingExtra      an optional dependency is not installed

The command line prints the message of any of these and ends with exit code 2; everything else is a bug of ours.
"""

import difflib
import importlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

_LONGEST = 4000  # letters of a message: what a stranger's file holds may be quoted in it


class IntarsiaError(ValueError):
    """The root of the family. A message is never longer than a page, and can always be printed.

    Args:
        told: the sentence; a line feed in it, which the name of a file may hold, is spelled `\\n`.
        below: lines that stand below the sentence, such as a folder's layout.
    """

    def __init__(self, told: object = "", *below: object) -> None:
        sentence = str(told).replace("\r", "\\r").replace("\n", "\\n")
        super().__init__(_printable("\n".join([sentence, *map(str, below)])))


class RecipeError(IntarsiaError): ...


class DataError(IntarsiaError): ...


class NoPairs(DataError): ...


class OddMode(DataError): ...


class TwiceNamed(DataError):
    """Two files of one name; a message alone makes one too, so that it travels between processes."""

    def __init__(self, *told: object, first: Path | None = None, second: Path | None = None) -> None:
        super().__init__(*told)
        self.first, self.second = first, second


class PartError(DataError):
    """One of several files that a mask is made of; a message alone makes one too, as in `TwiceNamed`."""

    def __init__(self, *told: object, path: Path | None = None) -> None:
        super().__init__(*told)
        self.path = path


class PlaceError(DataError):
    """A file or folder, and what is wrong with it; a message alone makes one too, as in `TwiceNamed`.

    Args:
        where: the file or folder, with which the sentence begins.
        why: the rest of the sentence.
    """

    def __init__(self, *told: object, where: object = "", why: str = "") -> None:
        super().__init__(*(told or (f"{where}: {why}",)))
        self.why = why or str(self)


class LabelError(DataError): ...


class OddValues(LabelError):
    """A mask holds what the label space does not know; a message alone makes one too, as in `TwiceNamed`.

    Args:
        found: what the mask holds, and what is allowed.
        remedy: what to do about it, where a recipe may say what values mean.
        where: the mask's file.
    """

    def __init__(self, *told: object, found: str = "", remedy: str = "", where: str = "") -> None:
        super().__init__(*(told or (f"{where}: {found}; {remedy}" if where else f"{found}; {remedy}",)))
        self.found = found or str(self)


class ModelError(IntarsiaError): ...


class EncoderError(ModelError): ...


class CheckpointError(IntarsiaError): ...


class TrainingError(IntarsiaError): ...


class NotANumber(TrainingError):
    """The loss of a batch became infinite or no number; a message alone makes one too, as in `TwiceNamed`.

    Args:
        names: of the batch's samples.
    """

    def __init__(self, *told: object, names: tuple[str, ...] = ()) -> None:
        super().__init__(*told)
        self.names = names


class MissingExtra(IntarsiaError, ImportError): ...


def _printable(text: str) -> str:
    """A text without its middle where it is too long, and without halves of characters, which no terminal prints."""
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 1000]} [{len(text) - _LONGEST} letters left out] {text[-1000:]}"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def nearest(word: object, known: Iterable[object]) -> str:
    """The tail of a message about an unknown name: the nearest known one, or all of them when they are few.

    Returns: `"; did you mean 'fpn'?"`, or `"; choose from 'a', 'b'"`, or an empty string.
    """
    names = [str(name) for name in known]
    lowered = {name.lower(): name for name in names}
    if near := difflib.get_close_matches(str(word).lower(), lowered, n=1):
        return f"; did you mean {lowered[near[0]]!r}?"
    if 0 < len(names) <= 12:
        return "; choose from " + ", ".join(map(repr, names))
    return ""


def not_a_folder(path: Path) -> str:
    """Say that a folder is not there, or is a file, and what to do: the nearest name beside it, or where the path ends.

    Returns: a sentence without a full stop, such as "data/imgs: there is no such folder; did you mean 'images'?"
    """
    if path.exists():
        return f"{path}: is a file, not a folder; name a folder"
    above = next((folder for folder in path.parents if folder.is_dir()), None)
    told = f"{path}: there is no such folder"
    if above is None:
        return told
    if above != path.parent:
        return f"{told}; of its path, {above} is the last that is there"
    with suppress(OSError):
        near = nearest(path.name, (folder.name for folder in above.iterdir() if folder.is_dir()))
        return told + (near or f"; look at what {above} holds")
    return told


def extra(module: str, name: str) -> ModuleType:
    """Import an optional `module`, or say which extra of intarsia brings it.

    Raises: MissingExtra, with the line to type.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.split(".")[0] == error.name.split(".")[0]:
            raise MissingExtra(f'{module} is not installed; type: pip install "intarsia[{name}]"') from error
        raise MissingExtra(f'{module} misses {error.name}; type: pip install --upgrade "intarsia[{name}]"') from error
    except ImportError as error:
        raise MissingExtra(f"{module} is installed but cannot be imported ({error}); install it again") from error


def counted(number: int, what: str) -> str:
    """ "1 point", "3 points"."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def reason(error: BaseException, most: int = 300) -> str:
    """What a library's error says, as part of a sentence: its first line, or the kind of error where it says nothing.

    >>> reason(ValueError("no such key\\nTraceback")), reason(KeyError())
    ('no such key', 'KeyError')
    """
    return (str(error).splitlines() or [type(error).__name__])[0][:most]
