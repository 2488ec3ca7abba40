"""Other numbers for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from autograd.engine import Value, put_back, write

__all__ = ["holding"]


@contextlib.contextmanager
def holding(leaves: Sequence[Value], numbers: Any) -> Iterator[None]:
    """Let leaves hold other numbers for a while. Afterwards graphs that were computed from them before are as good as
    they were; what was computed meanwhile is not to be kept.
    """
    before = [(leaf, leaf._number, leaf._moment) for leaf in leaves]
    try:
        write(leaves, "data", numbers)
        yield
    finally:
        for leaf, data, moment in before:
            put_back(leaf, data, moment)
