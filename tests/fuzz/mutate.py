"""Ways to spoil a file: bytes, numbers, names, nesting, and the inside of what is packed."""

import base64
import io
import json
import random
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

NUMBERS = ["0", "-1", "1", "255", "65536", "4611686018427387904", "9223372036854775807", "-9223372036854775808",
           "18446744073709551616", "1e308", "1e999", "NaN", "-Infinity", "0.5", "true", "null", "1" * 5000, "178956971", "100000"]  # fmt: skip
WORDS = ["", "..", "../../x", "/etc/hostname", "C:\\x", "\\\\server\\x", "a" * 300, "a\\u0000b", "\\ud800", "\\u202e", "~", "*",
         "http://127.0.0.1:9/x", "-", "null", "&", "<", "%s", "{split}", "$(x)", "ignore", "\\u001b[2J"]  # fmt: skip
VALUES: list[Any] = [None, True, -1, 0, 1.5, 1 << 62, 1 << 70, 10**30, "", "x", [], {}, [[]], [None], {"a": None}, "9" * 400,
                     float("nan"), float("inf"), 1e300, 100_000, 99_999_999, "../../x", "/", "\ud800", "a\0b"]  # fmt: skip


def mutated(content: bytes, suffix: str, dice: random.Random, other: bytes) -> bytes:
    """A spoiled copy; `other` is some other file of the same seeds, of which pieces may be taken."""
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        content = _once(content, suffix, dice, other)
    return content[: 1 << 20]


def _once(content: bytes, suffix: str, dice: random.Random, other: bytes) -> bytes:
    text = suffix in (".json", ".ndjson", ".csv", ".xml", ".yaml", ".txt", ".geojson", ".safetensors")
    if suffix == ".zip" and dice.random() < 0.6:
        return _zip(content, dice, other)
    if suffix == ".png" and dice.random() < 0.5:
        return _png(content, dice)
    if suffix in (".json", ".geojson") and dice.random() < 0.75:
        return _json(content, dice)
    if text and dice.random() < 0.7:
        return _text(content, dice)
    return _bytes(content, dice, other)


def _bytes(content: bytes, dice: random.Random, other: bytes) -> bytes:
    made = bytearray(content)
    at = dice.randrange(len(made) + 1)
    match dice.randrange(7):
        case 0:
            return bytes(made[:at])
        case 1 if made:
            made[at % len(made)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        case 2 if made:
            made[at % len(made)] ^= 1 << dice.randrange(8)
        case 3:
            made[at:at] = other[dice.randrange(len(other) + 1) :][: dice.randrange(1, 64)]
        case 4:
            del made[at : at + dice.randrange(1, 32)]
        case 5:
            made[at : at + 4] = struct.pack(
                dice.choice("<>") + "I", dice.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 100_000, 1 << 20))
            )
        case _:
            made[at:at] = made[max(at - dice.randrange(1, 200), 0) : at] * dice.randrange(1, 9)
    return bytes(made)


def _text(content: bytes, dice: random.Random) -> bytes:
    text = content.decode("utf-8", "surrogateescape")
    pattern, words = dice.choice(((r"-?\d+(?:\.\d+)?", NUMBERS), (r"\w{2,}", WORDS)))
    found = list(re.finditer(pattern, text))
    if found:
        hit = dice.choice(found)
        text = text[: hit.start()] + dice.choice(words) + text[hit.end() :]
    elif dice.random() < 0.5:
        text += "[" * 20_000
    if dice.random() < 0.03:
        deep = dice.choice(("[", '{"a":', "- ", "<a>"))
        at = dice.randrange(len(text) + 1)
        text = text[:at] + deep * 20_000 + text[at:]
    return text.encode("utf-8", "surrogateescape")


def _json(content: bytes, dice: random.Random) -> bytes:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return _text(content, dice)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            places.append((node, key))
            walk(value)

    walk(tree)
    if not places:
        return content
    node, key = dice.choice(places)
    match dice.randrange(6):
        case 0:
            del node[key]
        case 1 if isinstance(node, list):
            node.insert(dice.randrange(len(node) + 1), node[key])
        case 2 if isinstance(node[key], list):
            node[key] = node[key] * dice.choice((2, 10, 300))
        case 3 if isinstance(node[key], str):
            node[key] = _packed(node[key], dice)
        case _:
            node[key] = dice.choice(VALUES)
    return json.dumps(tree).encode()


def _packed(text: str, dice: random.Random) -> str:
    """A text that may hold a picture in base64, its inside spoiled."""
    try:
        content = base64.b64decode(text, validate=True)
        if content[:4] == b"\x89PNG":
            return base64.b64encode(_png(content, dice)).decode()
        if content[:1] == b"\x78":
            inside = _png(zlib.decompress(content), dice)
            return base64.b64encode(zlib.compress(inside + bytes(dice.choice((0, 10**6))))).decode()
    except (ValueError, zlib.error):
        pass
    return dice.choice(WORDS) if len(text) < 40 else text[: dice.randrange(len(text))] + chr(dice.randrange(33, 120))


def _png(content: bytes, dice: random.Random) -> bytes:
    """A PNG with one chunk changed, its checksum right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    if not chunks:
        return content
    n = dice.randrange(len(chunks))
    kind, data = chunks[n]
    if kind == b"IHDR" and len(data) == 13 and dice.random() < 0.8:
        fields = list(struct.unpack(">IIBBBBB", data))
        place = dice.randrange(7)
        fields[place] = (
            dice.choice((0, 1, 2, 3, 16, 12, 10))
            if place > 1
            else dice.choice((0, 1, 11, 1000, 13_000, 100_000, 0x7FFFFFFF))
        )
        data = struct.pack(">IIBBBBB", *fields)
    elif kind == b"IDAT" and dice.random() < 0.5:
        data = zlib.compress(bytes(dice.choice((0, 10, 10_000, 3_000_000))))
    else:
        data = _bytes(data, dice, b"\0\1\2\3")
    chunks[n] = (kind, data)
    if dice.random() < 0.2:
        chunks.insert(dice.randrange(len(chunks) + 1), dice.choice(chunks))
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return content[:8] + b"".join(packed)


def _zip(content: bytes, dice: random.Random, other: bytes) -> bytes:
    """A zip whose inside is spoiled: names, contents, a member twice."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # spoiled before
        return _bytes(content, dice, other)
    if not files:
        return content
    n = dice.randrange(len(files))
    name, data = files[n]
    match dice.randrange(4):
        case 0:
            name = dice.choice((*WORDS[1:12], name.upper(), f"{name}/x", name.split("/")[0]))
        case 1:
            files.append((name, data))
        case 2:
            data = bytes(dice.choice((0, 10**5, 10**7)))
        case _:
            data = _once(data, Path(name).suffix, dice, other)
    files[n] = (name, data)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name.encode("utf-8", "replace").decode().replace("\0", "?") or "x", data)
    return made.getvalue()
