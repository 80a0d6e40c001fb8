"""Documents that somebody else wrote, JSON, YAML and XML, as plain data: whatever is wrong with one is one sentence.

What a parser cannot bear (nesting without end, numbers of thousands of digits, aliases that stand for billions of values,
half of a character) is refused here, so that nothing behind has to.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import yaml

from . import limits
from .errors import DataError, counted

_HALF = (
    re.compile(  # of a pair of surrogates, as JSON writes a character beyond the first 65,536; it may be an escaped \\
        r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
    )
)


_PAGES: ContextVar[dict[Path, str] | None] = ContextVar("files read in a code page", default=None)
_NAMED = {"gb18030": "GB18030, the code page of Chinese Windows", "cp1252": "cp1252, the code page of western Windows"}


@contextmanager
def code_pages() -> Iterator[dict[Path, str]]:
    """Let texts that are not in UTF-8 be read in the code page that their bytes speak for, until the block ends.

    Yields: each file that was read so, and its code page; whoever asks for this tells it to people, see `told_pages`.
    """
    known: dict[Path, str] = {}
    token = _PAGES.set(known)
    try:
        yield known
    finally:
        _PAGES.reset(token)


def told_pages(known: dict[Path, str]) -> list[str]:
    """One sentence for each code page that files were read in."""
    told = []
    for page in dict.fromkeys(known.values()):
        files = [path for path, own in known.items() if own == page]
        them = "it" if len(files) == 1 else "them"
        told.append(
            f"{counted(len(files), 'file')} not in UTF-8, read in {_NAMED[page]} (the first: {files[0].name}); where names "
            f"look wrong, save {them} as UTF-8"
        )
    return told


def code_page(content: bytes) -> str:
    """The code page of a text that is not in UTF-8, "gb18030" or "cp1252"; "" where its bytes speak for neither.

    Chinese is pairs of bytes with their highest bit set, of which the first is below 0xD8 in common characters, several pairs
    long or apart from Latin letters; accents are single such bytes within words of Latin letters.
    """
    plain = re.sub(rb"\\[a-z]", b"  ", content)
    runs = re.findall(rb"([A-Za-z]?)([\x80-\xff]+)([A-Za-z]?)", plain)
    long = any(len(run) > 3 for _, run, _ in runs)
    paired = all(len(run) % 2 == 0 and not (before or after) for before, run, after in runs)
    page = "gb18030" if long or paired else "cp1252"
    if page == "gb18030":
        firsts = b"".join(run[::2] for _, run, _ in runs)
        page = page if 2 * sum(byte < 0xD8 for byte in firsts) >= len(firsts) else ""
    try:
        content.decode(page or "ascii")
    except UnicodeDecodeError:
        return ""
    return page


def read_text(path: Path, most: int = limits.DOCUMENT) -> str:
    """A text file in UTF-8, with or without a byte order mark, in UTF-16 with one, or within `code_pages` in a code page.

    Raises: DataError when it is missing, too large, or no such text.
    """
    try:
        limits.check_document(path.stat().st_size, path, most)
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            return _decoded(path.read_bytes(), path).replace("\r\n", "\n").replace("\r", "\n")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def _decoded(content: bytes, path: Path) -> str:
    """A text that is not in UTF-8. Raises: DataError where nothing tells what it is in, or nobody asked for code pages."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise DataError(f"{path}: is neither in UTF-8 nor in UTF-16; save it as UTF-8") from None
    page, known = code_page(content), _PAGES.get()
    if not page or known is None:
        seems = f", it seems to be in {_NAMED[page]}" if page else ""
        raise DataError(f"{path}: is not in UTF-8{seems}; save it as UTF-8")
    known[path] = page
    return content.decode(page)


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises: DataError when it is missing or damaged.
    """
    return json_of(read_text(path), path)


def json_of(text: str | bytes, where: object) -> Any:
    """The value that a JSON text holds.

    Args:
        where: the file (and the line), for the message.

    Raises: DataError when it is none, or holds what no program should have written.
    """
    try:
        tree = json.loads(text)
        if isinstance(text, str) and ("\\ud" in text or "\\uD" in text) and _HALF.search(text):
            _whole(tree)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: no JSON that can be read ({error}); export it again") from None
    except UnicodeError:
        raise DataError(
            f"{where}: holds half of a character (a lone surrogate) or is no UTF-8; export it again"
        ) from None
    except RecursionError:
        raise DataError(f"{where}: lists within lists without end; export it again") from None
    except ValueError:  # Python's limit on the digits of an integer
        raise DataError(f"{where}: holds a number of thousands of digits; export it again") from None
    except MemoryError:
        raise DataError(f"{where}: is larger than the memory that is left; split it into several files") from None
    return tree


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises: DataError when it is missing or damaged.
    """
    try:
        return yaml_of(read_text(path, limits.SETTINGS))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        raise DataError(
            f"{path}{line}: no YAML that can be read ({getattr(error, 'problem', None) or error})"
        ) from None


def yaml_of(text: str, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """The value that a YAML text holds.

    Raises: yaml.YAMLError when it is none, or stands for more than anybody writes by hand.
    """
    if len(text) > limits.SETTINGS:
        raise yaml.YAMLError(f"{len(text):,} characters; at most {limits.SETTINGS:,} are read")
    try:
        made = loader(text)
        try:
            node = made.get_single_node()
            if node is None:
                return None
            if (count := _values(node, {}, 0)) > limits.NODES:
                raise yaml.YAMLError(f"its aliases stand for more than {min(count, limits.NODES):,} values")
            tree = made.construct_document(node)
        finally:
            made.dispose()
        _whole(tree)
        return tree
    except RecursionError:
        raise yaml.YAMLError(f"lists within lists, more than {limits.NESTING} deep") from None
    except UnicodeError:
        raise yaml.YAMLError("half of a character (a lone surrogate)") from None
    except (ValueError, OverflowError, AttributeError, TypeError, KeyError, IndexError) as error:  # of its constructors
        raise yaml.YAMLError(f"a value that cannot be read ({error})") from None


def _values(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """How many values a node stands for with every alias in it written out."""
    if depth > limits.NESTING:
        raise RecursionError
    if id(node) in known:
        if not known[id(node)]:
            raise yaml.YAMLError("an alias that stands for a list which it is part of")
        return known[id(node)]
    known[id(node)] = 0
    count = 1
    if isinstance(node, yaml.SequenceNode):
        count += sum(_values(child, known, depth + 1) for child in node.value)
    elif isinstance(node, yaml.MappingNode):
        count += sum(_values(child, known, depth + 1) for pair in node.value for child in pair)
    known[id(node)] = count
    return count


def _whole(tree: Any) -> None:
    """Raises: UnicodeError for a text that can be neither printed nor written."""
    if isinstance(tree, str):
        tree.encode()
    elif isinstance(tree, dict):
        for key, value in tree.items():
            _whole(key)
            _whole(value)
    elif isinstance(tree, list | tuple | set):
        for value in tree:
            _whole(value)


def read_xml(path: Path) -> ET.Element:
    """The root of an XML file.

    Raises: DataError when it is missing or damaged.
    """
    try:
        limits.check_document(path.stat().st_size, path)
        try:
            return ET.parse(path).getroot()
        except (ET.ParseError, ValueError):
            if (text := _other_xml(path)) is None:
                raise
            return ET.fromstring(text)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ET.ParseError, ValueError, LookupError, RecursionError) as error:
        raise DataError(f"{path}: no XML that can be read ({error}); export it again") from None
    except MemoryError:
        raise DataError(f"{path}: is larger than the memory that is left; split it into several files") from None


def _other_xml(path: Path) -> str | None:
    """An XML file that the parser cannot decode, without its declaration; None where its encoding is not what is wrong.

    Raises: DataError where nothing tells its encoding.
    """
    content = path.read_bytes()
    start = content[:200]
    declared = re.match(rb"\s*<\?xml[^>]*encoding=[\"']([A-Za-z0-9._-]+)", start)
    try:
        if declared is None or declared[1].lower() in (b"utf-8", b"utf8", b"utf-16"):
            content.decode("utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")
            return None
        text = content.decode(declared[1].decode("ascii"))
    except (UnicodeDecodeError, LookupError):
        text = _decoded(content, path)
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1)


def head(path: Path, size: int = 4096) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(size)


def write_json(path: Path, tree: Any) -> None:
    """Write a JSON file, its folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file.

    Raises: DataError when it cannot be read as UTF-8.
    """
    return read_text(path).splitlines()
