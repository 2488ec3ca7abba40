"""Writes the JavaScript of the explorer's page from the table: values, partial derivatives, domains.

A rule of the page is an object: `v`, the value of a list of numbers, nan where there is none; `p`, per argument the
slope, a function of that list and of the value, or of all of them at once; and what the sweep and its errors ask. Each
row is a function of its own, which others call; what a formula uses twice is assigned once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from autograd.primitive import ANYWHERE, Primitive
from autograd.symbol import Language, Symbol, factored, to_text

__all__ = ["rules"]

# What JavaScript lacks, or does otherwise than Python: powers of ±1, whole numbers, the error function. `T` is the
# truth of a number, for which nan is true.
HELPERS = {
    "T": "const T=c=>c!==c||!!c;",
    "lo": "const lo=(a,b)=>a<=b||a!==a?a:b;",
    "hi": "const hi=(a,b)=>a>=b||a!==a?a:b;",
    "quotient": "const quotient=(a,b)=>b===0?NaN:a/b;",
    "pow": "const pow=(a,b)=>a===1||b===0||(a===-1&&(b===Infinity||b===-Infinity))?1:Math.pow(a,b);",
    "rint": "const rint=x=>{const f=Math.floor(x),d=x-f,r=d<0.5?f:d>0.5?f+1:f%2===0?f:f+1;"
    "return r===0?(x<0||Object.is(x,-0)?-0:0):r===r?r:x};",
    "modulo": "const modulo=(a,b)=>{if(b===0)return NaN;const r=a%b;return r===0?(b<0?-0:0):(b<0)!==(r<0)?r+b:r};",
    "floorQuotient": "const floorQuotient=(a,b)=>{if(b===0)return NaN;const r=a%b,"
    "w=(a-r)/b-(r!==0&&(b<0)!==(r<0)?1:0);if(w===0)return a/b<0?-0:0;const f=Math.floor(w);return w-f>0.5?f+1:f};",
    "sign": "const sign=x=>x>0?1:x<0?-1:0*x;",
    # Abramowitz and Stegun 7.1.6 and 7.1.14; exp(-x²) from a part of x whose square is exact, and the rest.
    "gauss": "const gauss=x=>{const h=Math.fround(x);return Math.exp(-h*h)*Math.exp(-(x-h)*(x+h))};",
    "erfSeries": "const erfSeries=x=>{let t=x,s=x;for(let n=1;n<80;n++){t*=2*x*x/(2*n+1);s+=t}"
    "return 2/Math.sqrt(Math.PI)*gauss(x)*s};",
    "erfcFraction": "const erfcFraction=x=>{let f=x;for(let n=160;n>0;n--)f=x+n/2/f;"
    "return x>27.3?0:gauss(x)/f/Math.sqrt(Math.PI)};",
    "erf": "const erf=x=>x!==x?x:Math.abs(x)<1.5?erfSeries(x):x>0?1-erfcFraction(x):erfcFraction(-x)-1;",
    "erfc": "const erfc=x=>x!==x?x:x<1?1-erf(x):erfcFraction(x);",
}
ROWS = {
    "add": "({0}+{1})", "sub": "({0}-{1})", "mul": "({0}*{1})", "div": "quotient({0},{1})", "ratio": "({0}/{1})",
    "power": "(x=>x===-Infinity&&{1}<0?Infinity:x)(pow({0},{1}))", "neg": "(-{0})", "abs": "Math.abs({0})",
    "minimum": "lo({0},{1})", "maximum": "hi({0},{1})", "where": "({0}?{1}:{2})", "floor": "Math.floor({0})",
    "ceil": "Math.ceil({0})", "trunc": "Math.trunc({0})", "round": "rint({0})",
    "floordiv": "floorQuotient({0},{1})", "mod": "modulo({0},{1})", "sign": "sign({0})",
}  # fmt: skip

# By the name of the NumPy ufunc: so a user's own row with such a name can be written, too.
FUNCTIONS = {
    **{name: f"Math.{name}" for name in ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt")},
    **{name: f"Math.{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{f"arc{name}": f"Math.a{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "power": "pow", "absolute": "Math.abs", "negative": "-",
}  # fmt: skip
WITHOUT_UFUNC = {"erf": "erf", "erfc": "erfc"}
LIST = "list"  # of formulas, which together use each part once


def rules(wanted: Iterable[tuple[Primitive, int]]) -> tuple[str, dict[tuple[Primitive, int], str]]:
    """The text of an object `RULES` with a rule for each row and number of arguments, and what it needs before it; and
    what each is called there.

    Not called anything are those that could not be written: rows of a user's own whose value or slope is no formula of
    the table.
    """
    writer = _Writer()
    written: dict[str, str] = {}
    names: dict[tuple[Primitive, int], str] = {}
    for row, n in dict.fromkeys(wanted):
        name = f"{row.name}/{n}" if row.rule is not None else row.name
        while name in written:  # a user may define a row anew, and a graph hold both
            name += "'"
        try:
            written[name] = writer.rule(row, n)
        except (TypeError, AttributeError, ValueError):  # it branches, or calls functions of floats or arrays
            continue
        names[row, n] = name
    text = ",\n".join(f"{json.dumps(name)}:{rule}" for name, rule in written.items())
    return "\n".join([*writer.before(), f"const RULES={{\n{text}\n}};"]), names


class _Writer:
    """Writes functions for rows, those first that others call."""

    def __init__(self) -> None:
        self.functions: dict[str, str] = {}
        self.names: dict[tuple[Primitive, int], str] = {}
        self.language = Language(ROWS, called=self._called, truth="T({0})", infinite="Infinity", missing="NaN")

    def before(self) -> list[str]:
        """The functions that have been called for, and the helpers that they call."""
        return [*HELPERS.values(), *self.functions.values()]

    def _called(self, row: Primitive, n: int) -> str:
        """The name of the function for a row's value, nan where it has none."""
        key = (row, n if row.rule is not None else 0)
        name = self.names.get(key)
        if name is None:
            name = f"f{len(self.names)}_{row.name}"
            names = ["x"] if row.rule is not None else [f"x{i + 1}" for i in range(n)]
            xs = [Symbol(f"x[{i}]") for i in range(n)] if row.rule is not None else [Symbol(x) for x in names]
            text = self._value(row, xs)
            inside = self._domain(row, xs)
            self.names[key] = name
            self.functions[name] = f"const {name}=({','.join(names)})=>{_guarded(row, xs, inside, text)};"
        return name

    def _value(self, row: Primitive, xs: list[Symbol]) -> str:
        args = ",".join(map(str, (x.operation for x in xs)))
        if row.name in ROWS:
            return _block(*self._assigned(Symbol(row, tuple(xs))))
        if row.name in WITHOUT_UFUNC:
            return f"{WITHOUT_UFUNC[row.name]}({args})"
        if isinstance(row.array, str):
            if row.array not in FUNCTIONS:
                raise TypeError(f"{row.name}: {row.array} is not known in JavaScript")
            return f"{FUNCTIONS[row.array]}({args})"
        if row.array is None:
            raise TypeError(f"{row.name} has no formula")
        return _block(*self._assigned(row.array(*xs) if row.rule is None else row.array(list(xs))))

    def _domain(self, row: Primitive, xs: list[Symbol]) -> str:
        """Whether arguments that are numbers lie in the domain; "" if all do."""
        if row.domain is ANYWHERE:
            return ""
        inside = row.domain.contains(*xs)
        return "" if inside is True else to_text(inside, self.language)

    def _assigned(self, formula: Any) -> tuple[list[str], str]:
        """Statements for what is used twice, and the expression that is left."""
        if not isinstance(formula, Symbol):
            return [], to_text(formula, self.language)
        parts, rest = factored(formula)
        names = {name: Symbol(f"t{i}") for i, (name, _) in enumerate(parts)}
        statements = [
            f"const t{i}={to_text(_renamed(part, names), self.language)};" for i, (_, part) in enumerate(parts)
        ]
        if isinstance(rest, Symbol) and rest.operation == LIST:
            return statements, f"[{','.join(to_text(_renamed(arg, names), self.language) for arg in rest.args)}]"
        return statements, to_text(_renamed(rest, names), self.language)

    def rule(self, row: Primitive, n: int) -> str:
        """The rule of a row, as an object."""
        name = self._called(row, n)
        xs, y = [Symbol(f"x[{i}]") for i in range(n)], Symbol("y")
        value = name if row.rule is not None else f"x=>{name}({','.join(f'x[{i}]' for i in range(n))})"
        if row.rule is not None:
            slopes = "(x,y)=>" + _block(*self._assigned(Symbol(LIST, tuple(row.rule(list(xs), y)))))
        else:
            found = [partial(*xs, y) if callable(partial) else partial for partial in row.partials]
            slopes = "[" + ",".join(f"(x,y)=>{_block(*self._assigned(slope))}" for slope in found) + "]"
        inside = self._domain(row, xs)
        facts = {
            "q": row.name, "d": row.domain.text, "m": row.domain.remedy, "k": list(row.cut), "c": row.chooses,
            "u": row.multiplies,
        }  # fmt: skip
        facts = {key: fact for key, fact in facts.items() if fact}
        domain = f",i:x=>{inside}" if inside else ""
        return f"{{v:{value},p:{slopes}{domain},{json.dumps(facts, ensure_ascii=False)[1:]}"


def _renamed(part: Any, names: dict[str, Symbol]) -> Any:
    if not isinstance(part, Symbol):
        return part
    if not part.args:
        return names.get(part.operation, part) if isinstance(part.operation, str) else part
    return Symbol(part.operation, tuple(_renamed(arg, names) for arg in part.args))


def _guarded(row: Primitive, xs: list[Symbol], inside: str, text: str) -> str:
    """A value that is nan outside of the domain, and where it is too large for a float."""
    if row.overflows:
        finite = "&&".join(f"isFinite({x.operation})" for x in xs)
        text = f"(y=>{finite}&&!isFinite(y)?NaN:y)({text})"
    if not inside:
        return text
    known = "||".join(f"{x.operation}!=={x.operation}" for x in xs)
    return f"{inside}||{known}?{text}:NaN"


def _block(statements: list[str], rest: str) -> str:
    return f"(()=>{{{''.join(statements)}return {rest}}})()" if statements else rest
