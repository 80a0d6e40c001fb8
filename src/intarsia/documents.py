"""Documents that somebody else wrote, JSON, YAML and XML, as plain data: whatever is wrong with one is one sentence.

What a parser cannot bear (nesting without end, numbers of thousands of digits, aliases that stand for billions of values,
half of a character) is refused here, so that nothing behind has to.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import yaml

from . import limits
from .errors import DataError

_HALF = (
    re.compile(  # of a pair of surrogates, as JSON writes a character beyond the first 65,536; it may be an escaped \\
        r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
    )
)


def read_text(path: Path, most: int = limits.DOCUMENT) -> str:
    """A text file in UTF-8, with or without a byte order mark.

    Raises: DataError when it is missing, too large, or no such text.
    """
    try:
        limits.check_document(path.stat().st_size, path, most)
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is not in UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


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
        return ET.parse(path).getroot()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    except (OSError, ET.ParseError, ValueError, LookupError, RecursionError) as error:
        raise DataError(f"{path}: no XML that can be read ({error}); export it again") from None
    except MemoryError:
        raise DataError(f"{path}: is larger than the memory that is left; split it into several files") from None


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
