"""How much a file that somebody else made may ask for: one number each, read by every decoder before it allocates.

Sizes come from what is needed, never from what a file claims. Whatever is larger is refused in one sentence that says
what was found, what is allowed and what to do.
"""

from .errors import DataError

PIXELS = (
    178_956_970  # of one picture that is decoded as a whole: 13,377 pixels square; Pillow refuses beyond that as well
)
DECODED = 8 * PIXELS  # bytes of one picture or array: four channels of 16 bits at most pixels


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
            f"{where}: a picture of {width}x{height} = {width * height:,} pixels; at most {PIXELS:,} are read as a whole, so cut it into tiles"
        )


def check_decoded(size: int, where: object) -> None:
    """Refuse a picture or an array of more bytes than `DECODED`, however few pixels share them.

    Raises: DataError.
    """
    if size > DECODED:
        raise DataError(
            f"{where}: {size:,} bytes when decoded; at most {DECODED:,} are read as a whole, so cut it into tiles"
        )
