"""What a diagnosis is made of, and the words for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["SEVERITIES", "Finding", "all_or_some", "count", "some", "times"]

SEVERITIES = ("error", "warning", "hint")


@dataclass(frozen=True)
class Finding:
    """Something that keeps a training from learning.

    name: what it is called. severity: "error" if it is certainly wrong, "warning" if learning suffers from it, "hint"
    if it is worth knowing. problem, remedy: what is wrong, with numbers, and what to do, a line each. parameters: the
    names of those concerned.
    """

    name: str
    severity: str
    problem: str
    remedy: str
    parameters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.severity}: {self.name}\n  {self.problem}\n  → {self.remedy}"


def some(names: Sequence[str], most: int = 3) -> str:
    """Names in words."""
    few = ", ".join(names[:most])
    return f"{few} and {len(names) - most:,} more" if len(names) > most else few


def all_or_some(names: Sequence[str], n: int) -> str:
    """Names out of n in words."""
    return f"all {n:,} parameters" if len(names) == n > 3 else some(names)


def count(n: int, what: str) -> str:
    """A number of things, as in 1 parameter, 2 parameters."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def times(ratio: float) -> str:
    """A large ratio in words: 3,400 times."""
    return f"{ratio:,.0f} times" if ratio < 1e6 else f"{ratio:.0e} times"
