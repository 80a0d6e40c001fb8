"""Characters that a terminal obeys instead of showing: names out of a stranger's file must not bring them along."""

import re

# controls (C0 but tab and line feed, DEL, C1), marks that turn the direction of writing, line separators, invisible tags,
# and halves of pairs, which file names of other encodings hold
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""A text in which such characters are spelled: "\x1b" for an escape, "\u202e" for a turn to the left."""
    return HIDDEN.sub(lambda found: _spelled(ord(found[0])), text)


def one_line(text: str) -> str:
    r"""The same for a text that is one line: a line feed or a tab, which a file's name may hold, is spelled as well."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def in_json(text: str) -> str:
    """A JSON document in which they are spelled as JSON spells them, so that it holds the very same strings."""
    return HIDDEN.sub(lambda found: _json(ord(found[0])), text)


def _spelled(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _json(code: int) -> str:
    if code < 65536:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + ((code - 65536) >> 10):04x}\\u{0xDC00 + (code & 1023):04x}"
