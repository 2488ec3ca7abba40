"""The rows' formulas with the names of a graph in the place of their own, as text and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from autograd import primitives as table
from autograd.engine import Value
from autograd.naming import SUPERSCRIPTS
from autograd.primitive import Primitive

__all__ = [
    "Formula", "factor", "is_prose", "name_in_latex", "said", "slope_formula", "slope_of", "spelled", "superscripted",
    "to_latex", "value_formula",
]  # fmt: skip

MOST_NAMES = 4
"""How many arguments of a long list are written out."""

Called = Callable[[Any], str]
"""What an argument is called: a Value by its name, a float by its number."""


def said(x: float) -> str:
    """A number as people write it: four digits, whole numbers whole, and what is not whole never so: 0.999988."""
    if x - x != 0.0 or x == 0.0:
        return f"{abs(x) if x == 0.0 else x:.4g}"
    if x == int(x) and abs(x) < 1e6:
        return str(int(x))
    texts = (f"{x:.{digits}g}" for digits in (4, 6, 9, 12, 15))
    return next((text for text in texts if abs(x) >= 1e4 or float(text) != round(x)), repr(x))


def factor(name: str) -> str:
    """A name as a factor: in brackets if it is a formula or has a sign."""
    return name if re.fullmatch(r"[\w.#\ue000-\uf8ff]+", name) else f"({name})"


def slope_of(y: str, x: str) -> str:
    """∂y/∂x."""
    return f"∂{factor(y)}/∂{factor(x)}"


class Formula:
    """A formula of a node in the names of its graph. uses: the Values that are in it.

    Until it is shown each Value is one character that no formula has, so that what is done to the formula is not done
    to a name.
    """

    def __init__(self, make: Callable[[Called], str], names: Mapping[Value, str]) -> None:
        self.uses: list[Value] = []
        self._names = names
        self._marks: dict[Value, str] = {}
        self._marked = make(self._called)

    def _called(self, arg: Any) -> str:
        if not isinstance(arg, Value):
            return said(arg)
        if arg not in self._marks:
            self._marks[arg] = chr(MARKS + len(self._marks))
            self.uses.append(arg)
        return self._marks[arg]

    @property
    def text(self) -> str:
        """In a terminal."""
        formula = superscripted(self._marked)

        def named(found: re.Match[str]) -> str:
            before, after = formula[: found.start()], formula[found.end() :]
            return _placed(before, self._names[self.uses[ord(found[0]) - MARKS]], after)

        return re.sub(MARK, named, formula)

    @property
    def latex(self) -> str:
        """In LaTeX."""
        return to_latex(self._marked, {mark: name_in_latex(self._names[arg]) for arg, mark in self._marks.items()})

    @property
    def in_words(self) -> bool:
        """Whether it cannot stand between two signs =, whatever the names are."""
        return is_prose(self._marked)


MARKS = 0xE000
MARK = r"[\ue000-\uf8ff]"
RAISED_NEXT = re.compile(r" ?\*\*|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]")


def _placed(before: str, name: str, after: str) -> str:
    """A name between what stands before and after it in a formula, in brackets where it needs them."""
    if RAISED_NEXT.match(after) and any(c in RAISED for c in name):
        return f"({name})"  # w⁰² would be another name
    return name if not (before or after) or _alone(before, after) else factor(name)


def _alone(before: str, after: str) -> bool:
    """Whether what stands there needs no brackets: within others, behind a comma, beside a comparison."""
    left = re.search(r"([(\[,|⌊] ?|if |[<>=≠] )$", before)
    return left is not None and re.match(r" ?[)\],|⌋<>=≠]", after) is not None


# ---------------------------------------------------------------- values


def value_formula(value: Value, called: Called, shown: Sequence[int]) -> str:
    """What a node is of its arguments, as the user wrote it: w · x, tanh(v1), maximum(v1, 0).

    shown: the places of arguments that a long list must not leave out.
    """
    row = value.primitive
    assert row is not None
    args = value.args
    if row is table.dot or row is table.sum:
        n = len(args) // row.groups

        def term(i: int) -> str:
            return called(args[i]) if row is table.sum else f"{factor(called(args[i]))}·{factor(called(args[i + n]))}"

        return _subtracted(" + ".join(_listed(term, n, {i % n for i in shown})) or "0")
    if row.rule is None and row.formula and _is_wordless(row):
        return _subtracted(spelled(row, row.formula[0], [called(arg) for arg in args], ""))
    n, defaults = len(args), list(row.defaults.values())
    while defaults and type(args[n - 1]) is float and args[n - 1] == defaults.pop():
        n -= 1  # as in leaky_relu(x), which takes 0.01 unless told
    inside = ", ".join(_listed(lambda i: called(args[i]), n, set(shown)))
    return f"{row.name}([{inside}])" if row.domain is table.SOME else f"{row.name}({inside})"


def _is_wordless(row: Primitive) -> bool:
    """Whether the formula is made of the arguments and of signs only, as x1 · x2 and |x|."""
    arguments = {*row.__signature__.parameters, *(f"x{i + 1}" for i in range(row.arity))}
    return all(word in arguments for word in WORD.findall(row.formula[0]))


def _listed(name: Callable[[int], str], n: int, shown: set[int]) -> list[str]:
    """The names of n things, or those that must be there and a few others, and how many there are beside."""
    if n <= MOST_NAMES:
        return [name(i) for i in range(n)]
    wanted = sorted(shown)[: MOST_NAMES - 2]
    others = islice((i for i in range(n) if i not in shown), MOST_NAMES - 1 - len(wanted))
    kept = sorted({*wanted, *others})
    return [*map(name, kept), f"… {n - len(kept):,} more …"]


def _subtracted(formula: str) -> str:
    """a + (-1), and in a sum a + -1, as a - 1."""
    number = r"(\d[\d.]*(?:e[+-]?\d+)?|inf)"
    formula = re.sub(rf"\+ (?:\(-{number}\)|-{number})", lambda found: f"- {found[1] or found[2]}", formula)
    return re.sub(rf"- \(-{number}\)", r"+ \1", formula)


# ---------------------------------------------------------------- slopes


def slope_formula(value: Value, place: int, called: Called) -> str:
    """The derivative of a node by the argument at `place`; "" if the row does not say."""
    row = value.primitive
    assert row is not None
    if row is table.dot:
        return called(value.args[(place + len(value.args) // 2) % len(value.args)])
    if row is table.sum:
        return "1"
    if row is table.mean:
        return f"1 / {len(value.args)}"
    if row is table.logsumexp:
        return f"exp({called(value.args[place])} - {factor(called(value))})"
    if row is table.pow and place == 0 and type(value.args[1]) is float:
        return _power_slope(factor(called(value.args[0])), value.args[1])
    decided = row is table.where and type(value.args[0]) is float
    if row.rule is not None or len(row.formula) < 2 or decided or _is_0_by_0(value):
        return ""
    slopes, names = row.formula[1:], [called(arg) for arg in value.args]
    if row is table.relu:  # step is a row that few have met
        return spelled(table.step, table.step.formula[0], names, "")
    slope = slopes[min(place, len(slopes) - 1)]
    if row in NEAR_1 and abs(value.data) > 0.99:
        slope = NEAR_1[row]
    if row is table.silu_slope:
        slope += ", s = sigmoid(x)"
    return spelled(row, slope, names, called(value))


NEAR_1 = {table.tanh: "1 / cosh(x)²", table.sigmoid: "y · sigmoid(-x)"}
"""Where y is printed as 1, or nearly, 1 - y says nothing."""
DIVIDED = (table.sinc, table.j1, table.j2, table.pow, table.power, table.lowered, table.lowered_twice)


def _is_0_by_0(value: Value) -> bool:
    """Whether the formulas of a row divide by its first argument, or take its logarithm, and that is 0: the slope is a
    limit.
    """
    first = value.args[0]
    return value.primitive in DIVIDED and (first.data if isinstance(first, Value) else first) == 0.0


def is_prose(formula: str) -> bool:
    """Whether a formula is told in words, or has a remark, so that it cannot stand between two signs =."""
    words, remark = r"\b(if|else|or|between|below|above|each)\b", r", (?![^()]*\))"
    return re.search(f"{words}|{remark}", formula) is not None


def _power_slope(x: str, exponent: float) -> str:
    """exponent · x**(exponent - 1)."""
    lower = said(exponent - 1.0)
    if exponent == 2.0:
        return f"2 · {x}"
    return "0" if exponent == 0.0 else f"{said(exponent)} · {x} ** {lower if lower[0] != '-' else f'({lower})'}"


WORD = re.compile(r"π|[^\W\d_][A-Za-z0-9_]*")  # πx are two


def spelled(row: Primitive, formula: str, names: Sequence[str], y: str) -> str:
    """A formula of a row with names in the place of its own: x, x1, ... for the arguments and y for the result."""
    named = {f"x{i + 1}": name for i, name in enumerate(names)}
    named.update(zip(row.__signature__.parameters, names, strict=False))
    named["y"] = y
    if formula in named:
        return named[formula]

    def filled(found: re.Match[str]) -> str:
        word, before, after = found[0], formula[: found.start()], formula[found.end() :]
        if word not in named or after.startswith("("):
            return word
        times = "·" * (before[-1:].isdigit() or before.endswith("π"))
        return times + (named[word] if _alone(before, after) else factor(named[word]))

    return WORD.sub(filled, formula)


def superscripted(formula: str) -> str:
    """x ** 2 as x²."""
    whole = re.compile(r" ?\*\* ?(?:\((-?\d+)\)|(\d+)(?![\w.]))")
    return whole.sub(lambda found: (found[1] or found[2]).translate(SUPERSCRIPTS), formula)


# ---------------------------------------------------------------- LaTeX

FUNCTIONS = {"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "max", "min"}
SIGNS = {
    "·": r"\cdot ", "−": "-", "…": r"\dots ", "π": r"\pi ", "σ": r"\sigma ", "Φ": r"\Phi ", "φ": r"\varphi ",
    "⌊": r"\lfloor ", "⌋": r"\rfloor ", "→": r"\to ", "∞": r"\infty ", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%",
    "#": r"\#", "$": r"\$", "_": r"\_", "^": r"\wedge ", "~": r"\sim ", "\\": r"\backslash ", "'": "'",
}  # fmt: skip
RAISED = {chr(c): chr(d) for d, c in SUPERSCRIPTS.items()}  # ² to 2
TOKEN = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?|[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|[^\W\d_][A-Za-z0-9_]*|\s+|.")


def name_in_latex(name: str) -> str:
    r"""A name as LaTeX, whatever is in it: v1 as v_{1}, w⁰₁₂ as w^{0}_{12}, others upright and escaped."""
    parts = re.fullmatch(r"([^\W\d_])([⁰¹²³⁴⁵⁶⁷⁸⁹]*)((?:_?\d+)?|[₀₁₂₃₄₅₆₇₈₉,]+)", name)
    if parts:
        above = "".join(RAISED[c] for c in parts[2])
        below = "".join(str("₀₁₂₃₄₅₆₇₈₉".index(c)) if c in "₀₁₂₃₄₅₆₇₈₉" else c for c in parts[3].lstrip("_"))
        return parts[1] + (f"^{{{above}}}" if above else "") + (f"_{{{below}}}" if below else "")
    return rf"\mathrm{{{''.join(_character(c) for c in name)}}}"


def _character(c: str) -> str:
    return r"\ " if c.isspace() else SIGNS.get(c, c)


def to_latex(formula: str, names: Mapping[str, str]) -> str:
    """A formula as LaTeX. names: what stands for some characters in it, as LaTeX."""
    found: list[str] = []
    at = 0
    while at < len(formula):
        if formula[at] in "√∛":
            inside, end = _argument(formula, at + 1, names)
            found.append(rf"\sqrt{'[3]' * (formula[at] == '∛')}{{{inside}}}")
        elif formula.startswith("**", at):
            inside, end = _argument(formula, at + 2 + formula.startswith("** ", at), names)
            found = ["".join(found).rstrip(), f"^{{{inside}}}"]
        else:
            token = TOKEN.match(formula, at)
            assert token is not None
            end = token.end()
            made = _token(token[0], formula[end : end + 1] == "(", names)
            twice = "^" in made and token[0] in names and RAISED_NEXT.match(formula, end)
            found.append(f"{{{made}}}" if twice else made)
        at = end
    return re.sub(" {2,}", " ", "".join(found))


def _argument(formula: str, at: int, names: Mapping[str, str]) -> tuple[str, int]:
    """What a root or a power is of: what stands in the brackets that begin there, or the next word or number."""
    if formula[at : at + 1] != "(":
        token = TOKEN.match(formula, at)
        return (_token(token[0], False, names), token.end()) if token else ("", at)
    depth = 0
    for end in range(at, len(formula)):
        depth += (formula[end] == "(") - (formula[end] == ")")
        if depth == 0:
            return to_latex(formula[at + 1 : end], names), end + 1
    return to_latex(formula[at:], names), len(formula)


def _token(token: str, calls: bool, names: Mapping[str, str]) -> str:
    if token in names:
        return names[token]
    if token[0].isdigit() and token[0] not in RAISED:
        mantissa, e, exponent = token.partition("e")
        return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else token
    if token[0] in RAISED:
        return f"^{{{''.join(RAISED[c] for c in token)}}}"
    if token in SIGNS:
        return SIGNS[token]
    if WORD.fullmatch(token):
        if calls:
            return rf"\{token}" if token in FUNCTIONS else rf"\mathrm{{{token.replace('_', chr(92) + '_')}}}"
        return token if len(token) == 1 else rf"\mathrm{{\ {token}\ }}"
    return " " if token.isspace() else token
