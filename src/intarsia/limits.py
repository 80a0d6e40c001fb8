"""How much a file that somebody else made may ask for: one number each, read by every decoder before it allocates.

Sizes come from what is needed, never from what a file claims. Whatever is larger is refused in one sentence that says
what was found, what is allowed and what to do.
"""

from .errors import DataError

PIXELS = (
    178_956_970  # of one picture that is decoded as a whole: 13,377 pixels square; Pillow refuses beyond that as well
)
WINDOWED = 1 << 24  # of a training picture beyond which only the part that a crop needs is read, as of 4096 x 4096
DECODED = 8 * PIXELS  # bytes of one picture or array: four channels of 16 bits at most pixels
DOCUMENT = (
    4 << 30
)  # bytes of a JSON or XML file, or a table: they are read as a whole, and the largest releases have 2 GB
SETTINGS = 4 << 20  # bytes of a YAML file, which is written by hand and read slowly
NODES = 1_000_000  # values of a YAML file with each alias written out: a few lines can stand for billions
NESTING = 100  # lists in lists of a YAML file
MEMBERS = 4_000_000  # files of an archive
RATIO = 200  # times the size of an archive that its files may have, beyond what any archive may unpack to:
UNPACKED = 1 << 30  # bytes
FRAMES = 100_000  # pictures of one file
POINTS = 2_000_000  # of one polygon
CORNERS = 40_000_000  # of all polygons of one label map: 30 bytes each while they are traced
CROSSINGS = 1 << 27  # places at which the edges of one polygon cross the middles of rows: 134 million take some seconds


OPTION = 1_000_000  # the largest number among the options of a checkpoint's network
OPTIONS = 1_000  # values that one option has
PARTS = 10_000  # of a network, beyond 20 for each tensor of its checkpoint
ANSWER = 1 << 28  # bytes of a server's answer that is read as a whole: an index of two million samples
MEMBER = 1 << 30  # bytes of one file of a shard, and of what a network computes beside its weights
DOWNLOAD = 1 << 39  # bytes of a file whose size nobody has published
SPARE = 1 << 30  # bytes that a download without a size leaves free on the disk


def check_pixels(width: int, height: int, where: object) -> None:
    """Refuse a picture of more than `PIXELS` pixels.

    Args:
        where: the file (and what in it), for the message.

    Raises: DataError.
    """
    if width * height > PIXELS:
        raise DataError(
            f"{where}: a picture of {_side(width)}x{_side(height)} = {_short(width * height)} pixels; at most {PIXELS:,} are "
            "read as a whole, so cut it into tiles"
        )


def check_decoded(size: int, where: object) -> None:
    """Refuse a picture or an array of more bytes than `DECODED`, however few pixels share them.

    Raises: DataError.
    """
    if size > DECODED:
        raise DataError(
            f"{where}: {size:,} bytes when decoded; at most {DECODED:,} are read as a whole, so cut it into tiles"
        )


def check_points(count: int, where: object) -> None:
    """Refuse a polygon of more than `POINTS` points.

    Raises: DataError.
    """
    if count > POINTS:
        raise DataError(f"{where}: a polygon of {count:,} points; at most {POINTS:,} are drawn, so simplify it")


def check_corners(count: int, where: object) -> None:
    """Refuse a label map whose polygons have more corners than `CORNERS`.

    Raises: DataError.
    """
    if count > CORNERS:
        raise DataError(
            f"{where}: polygons of more than {CORNERS:,} corners; smooth the label map or predict at a lower level first"
        )


def check_document(size: int, where: object, most: int = DOCUMENT) -> None:
    """Refuse a text of more bytes than are read as a whole.

    Raises: DataError.
    """
    if size > most:
        raise DataError(
            f"{where}: {size:,} bytes; at most {most:,} are read as a whole, so split it into several files"
        )


def unpacked_bytes(packed: int) -> int:
    """How many bytes an archive of that size may unpack to."""
    return max(UNPACKED, packed * RATIO)


def _side(number: int) -> str:
    return str(number) if abs(number) < 1 << 64 else _short(number)


def _short(number: int) -> str:
    """A number with its thousands apart; what no page could hold is only called large."""
    return f"{number:,}" if abs(number) < 1 << 64 else "a number of many digits"
