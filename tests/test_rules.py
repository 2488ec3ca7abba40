"""The table, run on symbols and printed in another language, still says the same."""

import math
import random

import pytest

from autograd import TABLE, c_rules
from autograd.symbol import C, Symbol, to_text

ROWS = [row for row in TABLE.values() if row.rule is None]

# Python as the other language: only what differs from C.
PYTHON = C._replace(rows={
    **C.rows,
    "power": "power({0}, {1})",
    "ratio": "ratio({0}, {1})",
    "minimum": "({0} if {0} <= {1} else {1})",
    "maximum": "({0} if {0} >= {1} else {1})",
    "where": "({1} if {0} else {2})",
    "round": "round({0})",
    "mod": "({0} % {1})",
    "floordiv": "({0} // {1})",
    "sign": "(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0)",
})  # fmt: skip
NAMES = {**vars(math), "ratio": TABLE["ratio"], "power": TABLE["power"]}


def say(formula, **values):
    if isinstance(formula, bool):
        return formula
    text = to_text(formula, PYTHON).replace("||", "or").replace("&&", "and")
    return eval(text, NAMES, values)


def points(row, n=20):
    rng = random.Random(row.name)
    intervals = row.domain.samples * row.arity if len(row.domain.samples) < row.arity else row.domain.samples
    return [[rng.uniform(*intervals[i]) for i in range(row.arity)] for _ in range(n)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_values_and_partials_come_out_of_symbols_to_the_last_bit(row):
    names = [f"x{i + 1}" for i in range(row.arity)]
    symbols = [Symbol(name) for name in names]
    for point in points(row):
        values = dict(zip(names, point, strict=True))
        y = row(*point)
        assert say(Symbol(row, tuple(symbols)), **values) == y
        for partial, expected in zip(row.partials, row.local_derivatives(point, y), strict=True):
            formula = partial(*symbols, Symbol("y")) if callable(partial) else partial
            assert say(formula, **values, y=y) == expected


def test_a_formula_is_printed_in_c():
    x, y = Symbol("x1"), Symbol("y")
    assert to_text(TABLE["tan"].partials[0](x, y)) == "(1.0 + (y * y))"
    assert to_text(TABLE["relu"].partials[0](x, y)) == "((x1 > 0.0) ? 1.0 : ((x1 <= 0.0) ? 0.0 : x1))"
    assert to_text(-2.0) == "(-2.0)"
    assert to_text((2.0 + x) - (3.0 - x) / (1.0 / x)) == "((2.0 + x1) - ((3.0 - x1) / (1.0 / x1)))"
    assert to_text((x < 1.0) | (x >= 2.0)) == "((x1 < 1.0) || (x1 >= 2.0))"


def test_comparisons_and_remainders_are_formulas_and_not_answers():
    x, y = Symbol("x1"), Symbol("x2")
    assert to_text((x == 0.0) & (y != 1.0)) == "((x1 == 0.0) && (x2 != 1.0))"
    assert to_text(x % 1.0 == 0.0) == "(modulo(x1, 1.0) == 0.0)"
    assert to_text(x // 2.0) == "floor_quotient(x1, 2.0)"
    assert to_text(x**2.0) == "pow(x1, 2.0)"
    assert (x > 0.0) & False is False
    assert (x > 0.0) | True is True
    assert to_text((x > 0.0) & True) == "(x1 > 0.0)"
    assert to_text(False | (x > 0.0)) == "(x1 > 0.0)"
    assert len({x, y, x}) == 2


@pytest.mark.parametrize("row", [row for row in TABLE.values() if row.domain.text], ids=lambda row: row.name)
def test_domains_come_out_of_symbols(row):
    n = row.arity if row.rule is None else 2 * row.groups
    inside = row.domain.contains(*(Symbol(f"x{i}") for i in range(n)))
    values = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, math.inf)
    rng = random.Random(row.name)
    for _ in range(40):
        point = [rng.choice(values) for _ in range(n)]
        expected = bool(row.domain.contains(*point))
        assert say(inside, **{f"x{i}": x for i, x in enumerate(point)}) == expected, point


def test_a_list_row_is_the_formula_of_its_list_and_not_of_its_first_number():
    text = to_text(Symbol(TABLE["logsumexp"], tuple(Symbol(f"x{i}") for i in range(3))))
    assert not text.startswith("(1.0 ?")
    assert text.count("x2") >= 3


def test_a_rule_cannot_branch():
    with pytest.raises(TypeError, match="where"):
        bool(Symbol("x1") > 0.0)


def test_every_row_is_in_the_header(tmp_path):
    text = c_rules.rules()
    for row in ROWS:
        assert f"OP_{row.name}: return" in text or f"op == OP_{row.name}" in text
    path = tmp_path / "rules.h"
    c_rules.write(path, text)
    written = path.stat().st_mtime_ns
    c_rules.write(path, text)  # unchanged, so not written again
    assert path.stat().st_mtime_ns == written
    assert path.read_text(encoding="utf-8") == text


def test_every_row_without_a_list_is_in_the_header_of_programs():
    text = c_rules.rows()
    for row in ROWS:
        assert (f"X({row.name}, " in text) == (row.rule is None)
    assert "X(relu, ((x1 <= 0.0) ? 0.0 : x1), ((x1 > 0.0) ? 1.0 : ((x1 <= 0.0) ? 0.0 : x1)), 0.0, 0.0)" in text
