"""What to call the Values of a graph in words: their labels, the names of parameters, else v1, v2, ..."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from autograd.engine import Value

__all__ = ["SUBSCRIPTS", "SUPERSCRIPTS", "names_of_nodes", "reading_order", "short_names"]

SUBSCRIPTS = str.maketrans("0123456789,", "₀₁₂₃₄₅₆₇₈₉,")
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
ABBREVIATED = {"weights": "w", "weight": "w", "biases": "b", "bias": "b"}
LONGEST = 24
"""How many characters of a label are shown: a line holds several."""


def short_names(names: Iterable[str]) -> dict[str, str]:
    """A short name for each full one, as a textbook writes it: w with layer above, neuron and input below. Where two
    would be the same, the full ones.

    >>> short_names(["layers.0.neurons.1.weights.2", "layers.1.neurons.0.bias"])
    {'layers.0.neurons.1.weights.2': 'w⁰₁₂', 'layers.1.neurons.0.bias': 'b¹₀'}
    """
    found: dict[str, str] = {}
    for name in names:
        parts = name.split(".")
        words = [part for part in parts if not part.isdecimal()]
        numbers = [part for part in parts if part.isdecimal()]
        above = numbers.pop(0) if parts[0] == "layers" and numbers else ""
        below = (",".join if any(len(n) > 1 for n in numbers) else "".join)(numbers)
        word = ABBREVIATED.get(words[-1], words[-1]) if words else "p"
        found[name] = word + above.translate(SUPERSCRIPTS) + below.translate(SUBSCRIPTS)
    once = Counter(found.values())
    return {name: short if once[short] == 1 else name for name, short in found.items()}


def reading_order(y: Value) -> list[Value]:
    """Every Value that y was computed from, arguments before results, the left argument before the right: as a person
    would write the steps down.
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Value | None] = [y]
    while stack:
        value = stack.pop()
        if value is None:
            done = stack.pop()
            assert done is not None
            order.append(done)
        elif value not in seen:
            seen.add(value)
            stack += [value, None]
            stack += [arg for arg in reversed(value.args) if isinstance(arg, Value) and arg not in seen]
    return order


def names_of_nodes(order: Sequence[Value], x: Value | None = None) -> dict[Value, str]:
    """A name for every Value in `order`, from `reading_order`; no two are the same.

    Labels where there are; parameters as their model calls them, for short; else the root is y and the given `x` is x;
    of the others, leaves are x1, x2, ... and results v1, v2, ..., and which is which does not depend on `x`.
    """
    free = _Free()
    names = {value: free.like(_tidy(value.label)) for value in order if value.label}
    names.update((value, free.like(name)) for value, name in _parameters(order).items())
    others = [value for value in order if value not in names]
    for value, name in ((order[-1], "y"), (x, "x")):
        if value is not None and value not in names and name not in free.taken:
            names[value] = free.like(name)
    counts = {"v": 0, "x": 0}
    for value in others:
        letter = "x" if value.primitive is None else "v"
        counts[letter] += 1
        while f"{letter}{counts[letter]}" in free.taken:
            counts[letter] += 1
        names.setdefault(value, f"{letter}{counts[letter]}")
    return names


class _Free:
    """Gives each name once."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def like(self, name: str) -> str:
        """The name itself, or if it is taken the name with a number behind it."""
        found, n = name, 1
        while found in self.taken:
            n += 1
            found = f"{name}#{n}"
        self.taken.add(found)
        return found


def _tidy(label: str) -> str:
    """A label on one line, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in label).split()) or "?"
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _parameters(order: Sequence[Value]) -> dict[Value, str]:
    """The parameters of nn's Modules among some nodes, by short names. nn is asked only if it is there."""
    nn = sys.modules.get("nn.module")
    if nn is None:
        return {}
    known = nn.known_parameters([v for v in order if v.primitive is None and not v.label])
    short = short_names([name for name in known.values() if name])
    return {value: short[name] for value, name in known.items() if name}
