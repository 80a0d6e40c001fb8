"""Files read by a few threads, a few ahead: decoding releases the interpreter's lock, so threads pay."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(read: Callable[[Item], Result], items: Iterable[Item], most: int = 16) -> Iterator[Result]:
    """What `read` makes of each item, in their order.

    When the caller is interrupted, or an item raises, what is not yet begun never is: the wait is for those few files that
    are being read at that moment, however many are left.

    Args:
        most: threads at most; as many as there are processors.
    """
    threads = min(os.cpu_count() or 1, most)
    pool = ThreadPoolExecutor(threads)
    try:
        pending = iter(items)
        waiting = deque(pool.submit(read, item) for item in islice(pending, 4 * threads))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(read, item) for item in islice(pending, 1))
            yield result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
