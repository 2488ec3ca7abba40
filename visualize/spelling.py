"""Formulas in a reader's words: an operation and its slopes, with names or numbers in the places of the table's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from autograd import Primitive
from autograd.formulas import spelled
from autograd.naming import SUPERSCRIPTS
from visualize.description import operation_of
from visualize.style import number

__all__ = ["factor", "notes_on", "partial", "shown", "slope_of", "summand", "value_of"]

WORD = re.compile(r"[^\W\d_²³][^\W²³]*")  # to Python, ² is a letter
ATOM = re.compile(r"[\w.\[\]⁰¹²³⁴⁵⁶⁷⁸⁹₀-₉]+")

# Where the table's formula is for those who write rows: slopes, by the operation and the argument's place.
SLOPES = {
    ("relu", 0): "1 if x > 0, else 0", ("abs", 0): "1 if x > 0, -1 if x < 0, else 0",
    ("leaky_relu", 0): "1 if x > 0, else slope", ("leaky_relu", 1): "0 if x > 0, else x",
    ("elu", 0): "1 if x > 0, else alpha · exp(x)", ("elu", 1): "0 if x > 0, else exp(x) - 1",
    ("clip", 0): "1 if low ≤ x ≤ high, else 0", ("clip", 1): "1 if x < low, else 0",
    ("clip", 2): "1 if x > high, else 0",
    ("where", 1): "1 if condition ≠ 0, else 0", ("where", 2): "0 if condition ≠ 0, else 1",
    ("silu", 0): "sigmoid(x) · (1 + x · sigmoid(-x))", ("sinc", 0): "(cos(π · x) - y) / x",
}  # fmt: skip

RADIANS = "Angles are in radians: set the calculator to RAD."
BELL = "Φ and φ are the distribution function and the density of the standard normal distribution."
NOTES = {
    "sin": RADIANS, "cos": RADIANS, "tan": RADIANS, "asin": RADIANS, "acos": RADIANS, "atan": RADIANS, "atan2": RADIANS,
    "exp": "exp(x) is eˣ.",
    "log": "log is the natural logarithm: the key ln.",
    "log1p": "log1p(x) is ln(1 + x).",
    "log2": "log2 is the logarithm to base 2.",
    "log10": "log10 is the logarithm to base 10.",
    "expm1": "expm1(x) is eˣ − 1.",
    "sqrt": "sqrt(x) is √x.",
    "cbrt": "cbrt(x) is the cube root ∛x.",
    "xlogy": "xlogy(a, b) is a · ln(b).",
    "hypot": "hypot(a, b) is √(a² + b²).",
    "sinh": "sinh(x) is (eˣ − e⁻ˣ) / 2.", "cosh": "cosh(x) is (eˣ + e⁻ˣ) / 2.",
    "tanh": "tanh(x) is (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ); many calculators have a key for it.",
    "asinh": "asinh is the inverse of sinh.", "acosh": "acosh is the inverse of cosh.",
    "atanh": "atanh is the inverse of tanh.",
    "sigmoid": "sigmoid(x) is 1 / (1 + e⁻ˣ).",
    "softplus": "softplus(x) is ln(1 + eˣ).",
    "logsigmoid": "logsigmoid(x) is ln(sigmoid(x)).",
    "logaddexp": "logaddexp(a, b) is ln(eᵃ + eᵇ).",
    "logsumexp": "logsumexp(a, b, …) is ln(eᵃ + eᵇ + …).",
    "relu": "relu(x) is x if x > 0, else 0.",
    "leaky_relu": "leaky_relu(x, slope) is x if x > 0, else slope · x.",
    "elu": "elu(x, alpha) is x if x > 0, else alpha · (eˣ − 1).",
    "silu": "silu(x) is x · sigmoid(x).",
    "gelu": "gelu(x) is x · Φ(x).", "Φ": BELL,
    "erf": "erf is the error function: take a table or a computer.",
    "erfc": "erfc(x) is 1 − erf(x); for the error function erf, take a table or a computer.",
    "sinc": "sinc(x) is sin(πx) / (πx).",
    "maximum": "maximum(a, b) is the larger of the two.", "minimum": "minimum(a, b) is the smaller of the two.",
    "clip": "clip(x, low, high) is x, but at least low and at most high.",
    "where": "where(condition, a, b) is a if the condition is not 0, else b.",
    "sign": "sign(x) is 1 for x > 0, −1 for x < 0, and 0 at 0.",
    "step": "step(x) is 1 for x > 0, else 0.",
    "equal": "equal(a, b) is 1 if a = b, else 0.",
    "floor": "floor(x) is the whole number at or below x.", "ceil": "ceil(x) is the whole number at or above x.",
    "trunc": "trunc(x) is x without its fraction.", "round": "round(x) is the nearest whole number.",
    "floordiv": "floordiv(a, b) is ⌊a / b⌋, the whole number at or below the quotient.",
    "mod": "mod(a, b) is a − b · ⌊a / b⌋, the remainder.",
    "stop_gradient": "stop_gradient(x) is x, but its slope counts as 0.",
}  # fmt: skip
"""What a pupil may have to be told about a function that stands on a sheet."""


def shown(x: float, precision: int) -> str:
    """A number with so many significant digits, and the sign for minus.

    >>> shown(-0.46211716, 3), shown(2.0, 3)
    ('−0.462', '2')
    """
    return number(x, precision).replace("-", "−")


def partial(y: str, x: str) -> str:
    """The sign for a derivative: ∂y/∂x."""
    return f"∂{_enclosed(y)}/∂{_enclosed(x)}"


def summand(text: str) -> str:
    """A formula as a term of a sum behind another one."""
    return f"({text})" if text.startswith("−") or re.search(", | if ", _outside(text)) else text


def factor(text: str) -> str:
    """A formula as a factor of a product behind another one."""
    return f"({text})" if text.startswith("−") or re.search(r" [+−/] |, | if ", _outside(text)) else text


def value_of(row: Primitive, args: Sequence[str]) -> str:
    """What an operation computes of `args`, each a name or a number.

    >>> import autograd
    >>> value_of(autograd.mul, ["w", "−2"]), value_of(autograd.pow, ["x", "3"]), value_of(autograd.tanh, ["v1"])
    ('w · (−2)', 'x³', 'tanh(v1)')
    """
    signed = [_signed(arg) for arg in args]
    lead = _enclosed(args[0]) if args else "0"
    match operation_of(row):
        case "add" | "sum":
            return " + ".join([lead, *signed[1:]])
        case "sub":
            return f"{lead} − {signed[1]}"
        case "mul":
            return f"{lead} · {signed[1]}"
        case "div":
            return f"{lead} / {signed[1]}"
        case "neg":
            return f"−{signed[0]}"
        case "abs":
            return f"|{args[0]}|"
        case "pow":
            return _power(signed[0], args[1])
        case "dot":
            pairs = zip(signed[: len(args) // 2], signed[len(args) // 2 :], strict=True)
            return " + ".join(f"{a} · {b}" for a, b in pairs)
        case "mean":
            return f"({' + '.join([lead, *signed[1:]])}) / {len(args)}"
    return f"{row.name}({', '.join(args)})"


def slope_of(row: Primitive, place: int, args: Sequence[str], y: str, fixed: Mapping[int, float]) -> str:
    """The derivative of an operation by one of its arguments.

    y: the name of its result. fixed: the arguments that are plain numbers, by place. For a row without a formula, "".

    >>> import autograd
    >>> slope_of(autograd.tanh, 0, ["v2"], "y", {}), slope_of(autograd.pow, 0, ["x", "3"], "v1", {1: 3.0})
    ('1 − y²', '3 · x²')
    """
    name = operation_of(row)
    half = len(args) // 2
    match name:
        case "sum":
            return "1"
        case "mean":
            return f"1 / {len(args)}"
        case "dot":
            return args[(place + half) % len(args)]
        case "logsumexp":
            return f"exp({args[place]} − {_signed(y)})"
        case "pow" if place == 0 and 1 in fixed:
            return _power_rule(_signed(args[0]), fixed[1])
    formula = SLOPES.get((name, place)) or (row.formula[place + 1] if len(row.formula) > place + 1 else "")
    if row.rule is not None:
        return formula
    return spelled(row, formula.replace("-", "−").replace("**", "^"), args, y)


def notes_on(formulas: Sequence[str]) -> list[str]:
    """What is to be said about the functions in some formulas, each once."""
    words = [word for formula in formulas for word in WORD.findall(formula)]
    return list(dict.fromkeys(NOTES[word] for word in words if word in NOTES))


# ---------------------------------------------------------------- the parts


def _power(base: str, exponent: str) -> str:
    plain = exponent.replace("−", "-")
    if re.fullmatch(r"-?\d+", plain):
        return base + plain.translate(SUPERSCRIPTS)
    return f"{base}^{_signed(exponent)}"


def _power_rule(base: str, exponent: float) -> str:
    """The slope of base ** exponent: 2 · x, 3 · x², 0.5 · x^(−0.5)."""
    lower = shown(exponent - 1.0, 6)
    if exponent == 1.0:
        return "1"
    times = shown(exponent, 6)
    return f"{times} · {base}" if exponent == 2.0 else f"{times} · {_power(base, lower)}"


def _signed(text: str) -> str:
    return f"({text})" if text.startswith("−") else _enclosed(text)


def _enclosed(name: str) -> str:
    """A name that could be misread inside a formula, in parentheses."""
    return name if ATOM.fullmatch(name.lstrip("−")) else f"({name})"


def _outside(text: str) -> str:
    """A formula without what stands inside parentheses."""
    depth, found = 0, []
    for letter in text:
        depth += letter == "("
        if depth == 0:
            found.append(letter)
        depth -= letter == ")"
    return "".join(found)
