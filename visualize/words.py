"""Formulas of the table with the names of a graph in place of their own: what the explorer and films say of a step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from autograd import Value
from autograd.formulas import Called, factor, slope_formula, spelled, superscripted
from visualize.description import Description, operation_of
from visualize.style import number

__all__ = ["Formulas", "formulas_of", "listed"]

MOST = 6
"""Of more names than this in a row, some are left out."""

LISTS = ("pow", "dot", "sum")
"""Operations whose derivatives are told otherwise than in the table."""


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

    def called(arg: Any) -> str:
        return number(arg, precision) if isinstance(arg, float) else names[arg]

    for i, v in enumerate(order):
        if v.primitive is None:
            continue
        found.values[f"n{i}"] = _value_formula(v, called)
        for place, arg in enumerate(v.args):
            if isinstance(arg, Value):
                found.slopes[f"n{i}", place] = _slope_formula(v, place, called)
    labels = {node.id: node.label for node in folded.nodes} | {f"n{i}": names[v] for i, v in enumerate(order)}
    for node in folded.nodes:
        if node.operation == "sum":
            terms = [factor(labels[edge.source]) for edge in folded.edges if edge.target == node.id]
            more = any(isinstance(arg, float) for arg in order[int(node.id[1:])].args)
            found.values[node.id] = listed(terms, " + ") + (" + …" if more else "")
    return found


def listed(words: Sequence[str], joined: str = ", ") -> str:
    """Words one after the other; of many, the first few and the last."""
    return joined.join([*words[:4], "…", words[-1]] if len(words) > MOST else words)


def _value_formula(v: Value, called: Called) -> str:
    """How a node is computed from its arguments, all by name; as the table has it where `explain` has only its name."""
    row = v.primitive
    assert row is not None
    args = [called(arg) for arg in v.args]
    if operation_of(row) == "dot":
        half = len(args) // 2
        return listed([f"{factor(a)}·{factor(b)}" for a, b in zip(args[:half], args[half:], strict=True)], " + ")
    if row.rule is not None or not row.formula:
        return f"{row.name}({listed(args)})"
    return superscripted(spelled(row, _plain(row.formula[0]), args, called(v)))


def _slope_formula(v: Value, place: int, called: Called) -> str:
    """The derivative of a node by argument number `place`, all by name; "" where the table has no formula for it."""
    row = v.primitive
    assert row is not None
    if row.rule is None and row.formula and operation_of(row) != "pow":
        slope = row.formula[min(place + 1, len(row.formula) - 1)]
        return superscripted(spelled(row, _plain(slope), [called(arg) for arg in v.args], called(v)))
    return superscripted(slope_formula(v, place, called)) if operation_of(row) in LISTS else ""


def _plain(formula: str) -> str:
    """A formula without what it says about a parameter."""
    return re.sub(r" \((slope|alpha) [\d.]+\)$", "", formula)
