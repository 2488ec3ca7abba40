"""Formulas of the table with the names of a graph in place of their own: what the explorer and films say of a step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from autograd import Primitive, Value
from autograd.naming import SUPERSCRIPTS
from visualize.description import Description, operation_of
from visualize.style import number

__all__ = ["Formulas", "derivative", "formulas_of", "in_brackets", "listed", "slope_formula", "value_formula"]

MOST = 6
"""Of more names than this in a row, some are left out."""

LETTER = "[^\\W\\d_¹²³⁰-⁹₀-₉]"
"""Superscripts count as letters elsewhere: in y², the name is y."""


class Formulas(NamedTuple):
    """values: by the id of a node, how it is computed. slopes: by the id of an operation and the place of one of its
    arguments, the derivative by that; "" where there is no formula for it.
    """

    values: dict[str, str]
    slopes: dict[tuple[str, int], str]


def formulas_of(order: Sequence[Value], names: Mapping[Value, str], folded: Description, precision: int) -> Formulas:
    """The formulas of a graph. order: its Values, as `describe` numbers them. names: what they are called. folded: what
    of it is drawn, in which a chain of additions is one sum.
    """
    found = Formulas({}, {})
    for i, v in enumerate(order):
        if v.primitive is None:
            continue
        args = [number(arg, precision) if isinstance(arg, float) else names[arg] for arg in v.args]
        found.values[f"n{i}"] = value_formula(v.primitive, names[v], args)
        numbers = [arg if isinstance(arg, float) else None for arg in v.args]
        for place, x in enumerate(numbers):
            if x is None:
                slope = slope_formula(v.primitive, place, names[v], args, numbers[-1], precision)
                found.slopes[f"n{i}", place] = slope
    called = {node.id: node.label for node in folded.nodes} | {f"n{i}": names[v] for i, v in enumerate(order)}
    for node in folded.nodes:
        if node.operation == "sum":
            terms = [in_brackets(called[edge.source]) for edge in folded.edges if edge.target == node.id]
            more = any(isinstance(arg, float) for arg in order[int(node.id[1:])].args)
            found.values[node.id] = listed(terms, " + ") + (" + …" if more else "")
    return found


def in_brackets(words: str) -> str:
    """`words` as a factor: in brackets, unless they are one name or a number that is not negative."""
    return words if re.fullmatch(r"[\w.][\w.-]*", words) else f"({words})"


def derivative(y: str, x: str) -> str:
    """∂y/∂x."""
    return f"∂{in_brackets(y)}/∂{in_brackets(x)}"


def listed(words: Sequence[str], joined: str = ", ") -> str:
    """Words one after the other; of many, the first few and the last."""
    return joined.join([*words[:4], "…", words[-1]] if len(words) > MOST else words)


def value_formula(primitive: Primitive, y: str, args: Sequence[str]) -> str:
    """How `y` is computed from its arguments, all by name.

    >>> from autograd import TABLE
    >>> value_formula(TABLE["mul"], "y", ["w", "x"]), value_formula(TABLE["tanh"], "y", ["v1"])
    ('w · x', 'tanh(v1)')
    """
    if operation_of(primitive) == "dot":
        half = len(args) // 2
        pairs = zip(args[:half], args[half:], strict=True)
        return listed([f"{in_brackets(a)}·{in_brackets(b)}" for a, b in pairs], " + ")
    if primitive.rule is not None or not primitive.formula:
        return f"{primitive.name}({listed(args)})"
    return _spelled(primitive.formula[0], primitive, y, args)


def slope_formula(
    primitive: Primitive, place: int, y: str, args: Sequence[str], exponent: float | None = None, precision: int = 4
) -> str:
    """The derivative of `y` by argument number `place`, all by name; "" where the table has no formula for it.
    exponent: of a power, if it is a plain number; one less is written with so many digits.

    >>> from autograd import TABLE
    >>> slope_formula(TABLE["mul"], 0, "L", ["w", "x"]), slope_formula(TABLE["tanh"], 0, "L", ["v1"])
    ('x', '1 - L²')
    """
    operation = operation_of(primitive)
    if operation == "dot":
        return args[(place + len(args) // 2) % len(args)]
    if operation == "sum":
        return "1"
    if operation == "pow" and place == 0 and exponent is not None:
        lower = number(exponent - 1.0, precision)
        whole = set(lower) <= set("0123456789-")
        above = "" if exponent == 2.0 else lower.translate(SUPERSCRIPTS) if whole else f"^{lower}"
        return f"{args[1]} · {in_brackets(args[0])}{above}"
    if primitive.rule is not None or not primitive.formula:
        return ""
    return _spelled(primitive.formula[min(place + 1, len(primitive.formula) - 1)], primitive, y, args)


def _spelled(formula: str, primitive: Primitive, y: str, args: Sequence[str]) -> str:
    """A formula of the table, as of x1 and y, with the names of a graph."""
    own = list(primitive.__signature__.parameters)
    names = {"y": y} | {f"x{k}": arg for k, arg in enumerate(args, 1)} | dict(zip(own, args, strict=True))
    plain = re.sub(r" \((slope|alpha) [\d.]+\)$", "", formula)
    if plain in names:
        return names[plain]

    def put(found: re.Match[str]) -> str:
        before, after = plain[: found.start()], plain[found.end() :]
        if found[0] not in names or after.startswith("("):
            return found[0]
        enclosed = re.search(r"[(,] ?$", before) and re.match(r" ?[),]", after)
        name = names[found[0]]
        return ("·" if re.search(r"[0-9]$", before) else "") + (name if enclosed else in_brackets(name))

    return re.sub(f"{LETTER}(?:{LETTER}|[0-9_])*", put, plain)
