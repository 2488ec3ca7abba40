"""Writes the C of the native core's values and partial derivatives from the table, and what Cython is told of it."""

from __future__ import annotations

from binascii import crc32
from pathlib import Path
from typing import Any

from autograd import primitives as table
from autograd.primitive import TABLE, Primitive
from autograd.symbol import Symbol, to_text
from autograd.value import Value

# Functions of up to two arguments take them as doubles, longer ones as an array.
SHORT = "double x1, double x2"
LONG = "const double *x"


HEAD = "/* Written by autograd/c_rules.py from the table in autograd/primitives.py. */"

# What `%` and `//` of Python are on floats.
HELPERS = """
static inline double modulo(double x1, double x2) {
    const double rest = fmod(x1, x2);
    if (rest == 0.0) return copysign(0.0, x2);
    return (x2 < 0.0) != (rest < 0.0) ? rest + x2 : rest;
}

static inline double floor_quotient(double x1, double x2) {
    if (x2 == 0.0) return NAN;
    const double rest = fmod(x1, x2);
    const double whole = (x1 - rest) / x2 - (rest != 0.0 && (x2 < 0.0) != (rest < 0.0) ? 1.0 : 0.0);
    if (whole == 0.0) return copysign(0.0, x1 / x2);
    const double below = floor(whole);
    return whole - below > 0.5 ? below + 1.0 : below;
}

#define nan NAN
#define inf INFINITY"""


def rules() -> str:
    """The header: one number per built-in row, and functions of that number for its value and its partials."""
    rows = list(TABLE.values())
    short = [row for row in rows if row.rule is None and row.arity <= 2]
    long = [row for row in rows if row.rule is None and row.arity > 2]
    variadic = [row.name for row in rows if row.rule is not None]
    lines = [HEAD, "#include <math.h>", ""]
    numbers = ", ".join(f"OP_{row.name} = {i}" for i, row in enumerate(rows, 1))
    # A core that was built from another table than the one that is imported says so, rather than computing by it.
    fingerprint = crc32(Path(table.__file__).read_bytes())
    lines += [f"#define RULES_FINGERPRINT {fingerprint}UL", "", f"enum {{{numbers}, N_RULES = {len(rows) + 1}}};"]
    lines += HELPERS.splitlines()
    lines.append(f"/* variadic, in the core itself: {', '.join(variadic)} */")
    lines += _function("rule_value", f"int op, {SHORT}", [(row, _value(row)) for row in short])
    for i in (0, 1):
        cases = [(row, _partial(row, i)) for row in short if i < row.arity]
        lines += _function(f"rule_partial{i + 1}", f"int op, {SHORT}, double y", cases)
    lines += _function("rule_value_of_many", f"int op, {LONG}", [(row, _value(row)) for row in long])
    places = [(row, i) for row in long for i in range(row.arity)]
    lines += ["", f"static double rule_partial_of_many(int op, int i, {LONG}, double y) {{", "    (void)y;"]
    for row, i in places:
        lines.append(f"    if (op == OP_{row.name} && i == {i}) return {_partial(row, i)};")
    lines += ["    return NAN;", "}", "", "#undef nan", "#undef inf", ""]
    return "\n".join(lines)


def declarations() -> str:
    """What `rules` writes, as Cython is told of it."""
    lines = [f"# {HEAD[3:-3]}", 'cdef extern from "_rules.h":', "    enum:"]
    lines += [f"        OP_{name}" for name in TABLE]
    lines += ["        N_RULES", "    const unsigned long RULES_FINGERPRINT"]
    lines += [f"    double rule_value(int op, {SHORT}) nogil"]
    lines += [f"    double rule_partial{i}(int op, {SHORT}, double y) nogil" for i in (1, 2)]
    lines += [f"    double rule_value_of_many(int op, {LONG}) nogil"]
    lines += [f"    double rule_partial_of_many(int op, int i, {LONG}, double y) nogil"]
    return "\n".join([*lines, ""])


def methods() -> str:
    """The methods of Value that are rows of one argument, as a class in Cython: those of the reference engine."""
    lines = [f"# {HEAD[3:-3]}", "", "@cython.no_gc", "cdef class RowMethods:", '    """The rows of one argument."""']
    for name, method in vars(Value).items():
        row = TABLE.get(getattr(method, "__name__", ""))
        if row is not None and row.arity == 1 and not name.startswith("_"):
            lines += ["", f"    def {name}(self):", f'        """{method.__doc__}"""']
            lines += [f"        return unary(OP_{row.name}, self)"]
    return "\n".join([*lines, ""])


def _function(name: str, arguments: str, cases: list[tuple[Primitive, str]]) -> list[str]:
    unused = [argument.split()[-1].strip("*") for argument in arguments.split(", ")[1:]]
    lines = ["", f"static inline double {name}({arguments}) {{", "    " + " ".join(f"(void){x};" for x in unused)]
    lines.append("    switch (op) {")
    lines += [f"    case OP_{row.name}: return {text};" for row, text in cases]
    return [*lines, "    default: return NAN;", "    }", "}"]


def _symbols(row: Primitive) -> list[Symbol]:
    return [Symbol(f"x{i + 1}" if row.arity <= 2 else f"x[{i}]") for i in range(row.arity)]


def _value(row: Primitive) -> str:
    return to_text(Symbol(row, tuple(_symbols(row))))


def _partial(row: Primitive, i: int) -> str:
    partial = row.partials[i]
    return to_text(partial(*_symbols(row), Symbol("y")) if callable(partial) else partial)


def rows() -> str:
    """The header of programs, for straight-line code and for loops.

    ROWS(X): an X(name, value, three partials) for each row without a list; and tables of their names, and of how many
    arguments a row has and what each of its partials reads: bits 1, 2, 4 for the arguments, 8 for the value, and 16 if
    anything flows to that argument at all.
    """
    found = [row for row in TABLE.values() if row.rule is None]
    names = ", ".join([f"ROW_{row.name}" for row in found] + ["N_ROWS"])
    lines, tables = ["#define ROWS(X)"], []
    for row in found:
        symbols = [Symbol(f"x{i + 1}") for i in range(row.arity)]
        partials: list[Any] = [p(*symbols, Symbol("y")) if callable(p) else p for p in row.partials]
        texts = [to_text(partial) for partial in partials] + ["0.0"] * (MOST - row.arity)
        lines.append(f"    X({row.name}, {to_text(Symbol(row, tuple(symbols)))}, {', '.join(texts)})")
        reads = [0 if row.partials[i] == 0.0 else FLOWS | _reads(partials[i]) for i in range(row.arity)]
        numbers = [row.arity, *reads, *[0] * (MOST - row.arity)]
        tables.append(f"    {{{', '.join(map(str, numbers))}}},")
    texts = [HEAD, "#include <math.h>", "", f"enum {{{names}}};", *HELPERS.splitlines(), " \\\n".join(lines), ""]
    texts += [f"static const unsigned char row_reads[N_ROWS][{MOST + 1}] = {{", *tables, "};"]
    quoted = ", ".join(f'"{row.name}"' for row in found)
    texts += [f"static const char *const row_names[N_ROWS] = {{{quoted}}};", ""]
    return "\n".join(texts)


MOST = 3  # arguments of a row without a list
FLOWS = 16


def _reads(formula: Any) -> int:
    """Which of x1, x2, x3, y a formula is made of, a bit each."""
    if not isinstance(formula, Symbol):
        return 0
    if not formula.args and isinstance(formula.operation, str):
        return 1 << ["x1", "x2", "x3", "y"].index(formula.operation)
    found = 0
    for arg in formula.args:
        found |= _reads(arg)
    return found


def write(path: Path, text: str) -> None:
    """Write a header, unless it says the same already: an unchanged file is not compiled again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
