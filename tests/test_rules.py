"""The table, run on symbols and printed in another language, still says the same."""

import math
import random

import pytest

from autograd import TABLE, c_rules
from autograd.symbol import C, Symbol, to_text

ROWS = [row for row in TABLE.values() if row.rule is None]

# Python as the other language: only what differs from C.
PYTHON = {
    **C,
    "power": "power({0}, {1})",
    "ratio": "ratio({0}, {1})",
    "minimum": "({0} if {0} <= {1} else {1})",
    "maximum": "({0} if {0} >= {1} else {1})",
    "where": "({1} if {0} else {2})",
    "round": "round({0})",
    "mod": "({0} % {1})",
    "floordiv": "({0} // {1})",
    "sign": "(1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0)",
}
NAMES = {**vars(math), "ratio": TABLE["ratio"], "power": TABLE["power"]}


def say(formula, **values):
    text = to_text(formula, PYTHON).replace("||", "or")
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


def test_loops_are_printed_for_rows_that_are_made_of_exp():
    text = c_rules.kernels()
    for name in (
        "value_of_sigmoid",
        "value_of_silu",
        "slope_of_tanh",
        "slope_of_sigmoid",
        "slope_of_silu",
        "slope_of_erf",
    ):
        assert f"X({name}, " in text
    for name in ("value_of_exp", "value_of_tanh,", "value_of_gelu,", "slope_of_exp", "slope_of_relu"):
        assert name not in text
    assert "X(slope_of_erf, (1.1283791670955126 * exp_of(((-x) * x))))" in text
