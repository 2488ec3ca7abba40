"""An Explanation as text for a terminal, as Markdown and as LaTeX."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autograd.formulas import name_in_latex, said, slope_of, to_latex
from autograd.value import Value

if TYPE_CHECKING:
    from autograd.explain import Explanation, Path, Step

__all__ = ["as_latex", "as_markdown", "as_text", "many"]

WIDTH = 100
"""Columns of a terminal."""
FORMULA = 46
"""How many characters of a formula are shown."""
LONG = 8
"""How many nodes of a path are written out."""


def many(n: int) -> str:
    """A number of paths, however large: Python's own int has no end."""
    if n < 10**15:
        return f"{n:,}"
    exponent = math.log10(n)
    return f"about {10 ** (exponent % 1.0):.2f} × 10^{int(exponent)}"


def clipped(text: str, width: int) -> str:
    """The text, or its beginning and its end."""
    if len(text) <= width:
        return text
    return f"{text[: width - 1 - width // 3]}…{text[-(width // 3) :]}"


def power(exponent: float) -> str:
    """10 to a power, roughly."""
    return f"about 10^{exponent:.0f}"


# ---------------------------------------------------------------- sentences


def verdict(e: Explanation) -> str:
    """What the gradient says, in a sentence."""
    g = e.gradient
    slope = f"{slope_of(e.y, e.x)} = {g:.6g}"
    if e.y == e.x:
        return f"{slope}: it is the same Value."
    if math.isnan(g):
        return f"{slope_of(e.y, e.x)} has no value here. Why:"
    if math.isinf(g):
        return f"{slope}: {e.y} changes infinitely fast with {e.x}. Why:"
    if g == 0.0:
        return f"{slope_of(e.y, e.x)} = 0: when {e.x} changes by a little, {e.y} does not change. Why:"
    much = "just as much" if abs(g) == 1.0 else f"{abs(g):.6g} times as much"
    return f"{slope}: when {e.x} grows by a little, {e.y} {'grows' if g > 0.0 else 'falls'} by {much}."


def paths_sentence(e: Explanation) -> str:
    """How many paths there are, and what is to be done with them."""
    dead = e.paths - e.carrying
    if e.paths == 1:
        carries = ", and the chain rule multiplies the slopes along it:" if e.carrying else ". Its slopes, multiplied:"
        return f"One path leads from {e.x} to {e.y}{carries}"
    words = f"{many(e.paths)} paths lead from {e.x} to {e.y}. The slopes along each are multiplied, and the products added."
    if dead:
        none = "None of them carries anything" if not e.carrying else f"{many(dead)} of them carry nothing"
        words += f" {none}: a slope on the way is 0."
    return words + (f" The {len(e.best)} that carry most:" if len(e.best) < e.paths else "")


def covered(e: Explanation) -> str:
    """How much of the gradient the paths that are shown are."""
    total = sum(path.product for path in e.best)
    if e.paths == 1 or not math.isfinite(total) or not math.isfinite(e.gradient):
        return ""
    if len(e.best) == e.paths:
        return f"Together {said(total)}."
    share = f", {percent(total / e.gradient)}" if e.gradient else ""
    return f"Together {said(total)} of {said(e.gradient)}{share}; the other {many(e.paths - len(e.best))} paths add the rest."


def percent(share: float) -> str:
    """A share, in per cent."""
    return "less than 1 %" if 0.0 < abs(share) < 0.005 else f"{100.0 * share:.0f} %"


# ---------------------------------------------------------------- one path


def arrows(path: Path, names: Sequence[str] | None = None, arrow: str = " → ") -> str:
    """x → v1 → y; of a long one both ends. Which argument, where the same Value is several."""
    called = [*(path.names if names is None else names)]
    for n, (node, following) in enumerate(zip(path.nodes, path.nodes[1:], strict=False)):
        if sum(isinstance(arg, Value) and arg is node for arg in following.args) > 1:
            called[n] += f" (argument {path.places[n] + 1})"
    if len(called) > LONG:
        called = [*called[:3], f"… {len(called) - 6:,} more …", *called[-3:]]
    return arrow.join(called)


def product(path: Path, times: str = " · ") -> str:
    """The factors and what they make."""
    factors = [said(x) if x >= 0.0 or x != x else f"({said(x)})" for x in path.factors]
    if len(factors) > LONG:
        factors = [*factors[:3], f"… {len(factors) - 6:,} more …", *factors[-3:]]
    made = said(path.product)
    if path.product == 0.0 and math.isfinite(path.exponent):
        made = f"{power(path.exponent)}, too small for a float"
    elif math.isinf(path.product) and math.isfinite(path.exponent):
        made = f"{power(path.exponent)}, too large for a float"
    return times.join(factors) + (f" = {made}" if len(factors) != 1 else "")


def path_lines(e: Explanation, path: Path, indent: str) -> list[str]:
    """One path as a line, or two if it is long."""
    share = f"  ({percent(path.share)})" if e.paths > 1 and math.isfinite(path.share) else ""
    way, made = clipped(arrows(path), WIDTH - 8), clipped(product(path), WIDTH - 28)
    line = f"{indent}{way}:  {made}{share}"
    return [line] if len(line) <= WIDTH else [f"{indent}{way}:", f"{indent}    {made}{share}"]


# ---------------------------------------------------------------- text


def slope_text(step: Step, i: int) -> str:
    """∂y/∂v1 = 1 - y² = 0.42."""
    slope = step.slopes[i]
    by, _, which = slope.by.partition(" (argument ")
    number = "not asked for" if slope.number is None else said(slope.number)
    formula = f" = {slope.formula}" if slope.formula and slope.formula != number else ""
    return f"{slope_of(step.name, by)}{f' (argument {which}' * bool(which)}{formula} = {number}"


def step_lines(steps: Sequence[Step]) -> list[str]:
    """The steps as a table: name, formula, number, slopes."""
    cells = [(step.name, clipped(step.formula, FORMULA), said(step.value)) for step in steps]
    widths = [max((len(cell[i]) for cell in cells), default=0) for i in range(3)]
    lines: list[str] = []
    for step, (name, formula, number) in zip(steps, cells, strict=True):
        if step.skipped:
            lines.append(f"  … {step.skipped:,} more steps …")
        left = f"  {name.ljust(widths[0])} = {formula.ljust(widths[1])} = {number.ljust(widths[2])}  "
        texts = [slope_text(step, i) for i in range(len(step.slopes))]
        texts += [f"… {step.more:,} more …"] * bool(step.more)
        for n, text in enumerate(texts):
            margin = left if n == 0 else " " * len(left)
            if len(margin) + len(text) > WIDTH and n == 0:
                lines.append(left.rstrip())
            if len(margin) + len(text) > WIDTH:
                margin = "        "
            lines.append(margin + clipped(text, WIDTH - len(margin)))
    return lines


def as_text(e: Explanation) -> str:
    """For a terminal: at most 100 columns, and some tens of lines."""
    lines = [clipped(f"How {e.y} depends on {e.x}, at {e.x} = {said(e.at)}, where {e.y} = {said(e.value)}", WIDTH), ""]
    lines += textwrap.wrap(verdict(e), WIDTH)
    for sentence in e.why:
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="- ", subsequent_indent="  ")
    if e.steps:
        lines.append("")
        if len(e.steps) < e.length:
            lines.append(f"Of {e.length:,} operations in between, those of the path that carries most:")
        lines += step_lines(e.steps)
        given = ", ".join(f"{name} = {said(x)}" for name, x in e.given)
        lines += textwrap.wrap(f"with {given}", WIDTH - 2, initial_indent="  ", subsequent_indent="  ")
        lines += ["", *textwrap.wrap(paths_sentence(e), WIDTH)]
        for path in e.best:
            lines += path_lines(e, path, "  ")
        lines += textwrap.wrap(covered(e), WIDTH)
    return "\n".join(lines)


# ---------------------------------------------------------------- Markdown


def code(text: str) -> str:
    """Text as it is, in Markdown, also in a table."""
    fence = "`"
    while fence in text:
        fence += "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", "\\|")


def plain(text: str) -> str:
    """A sentence with nothing in it that Markdown would take for its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|~$&" else c for c in text)


def as_markdown(e: Explanation) -> str:
    """Headline, sentences, a table of the steps and one of the paths."""
    title = f"How {e.y} depends on {e.x}, at {e.x} = {said(e.at)}, where {e.y} = {said(e.value)}"
    lines = [f"**{plain(title)}**", "", plain(verdict(e)), ""]
    lines += [f"- {plain(sentence)}" for sentence in e.why] + [""] * bool(e.why)
    if not e.steps:
        return "\n".join(lines).rstrip() + "\n"
    lines += ["| step | number | slope |", "| --- | --- | --- |"]
    for step in e.steps:
        if step.skipped:
            lines.append(f"| … {step.skipped:,} more steps … | | |")
        slopes = [code(slope_text(step, i)) for i in range(len(step.slopes))] + [f"… {step.more:,} more …"] * bool(step.more)
        lines.append(f"| {code(f'{step.name} = {step.formula}')} | {said(step.value)} | {'<br>'.join(slopes)} |")
    given = ", ".join(code(f"{name} = {said(x)}") for name, x in e.given)
    lines += ["", f"with {given}", "", plain(paths_sentence(e)), "", "| path | slopes | share |", "| --- | --- | --- |"]
    for path in e.best:
        share = percent(path.share) if math.isfinite(path.share) else ""
        lines.append(f"| {code(arrows(path))} | {code(product(path))} | {share} |")
    return "\n".join([*lines, "", plain(covered(e))]).rstrip() + "\n"


# ---------------------------------------------------------------- LaTeX


def fraction(y: str, x: str) -> str:
    r"""\frac{\partial y}{\partial x}."""
    return rf"\frac{{\partial {name_in_latex(y)}}}{{\partial {name_in_latex(x)}}}"


def number(x: float) -> str:
    """A number, in brackets if it has a sign."""
    text = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{nan}"}.get(said(x)) or to_latex(said(x), {})
    return rf"\left({text}\right)" if text.startswith("-") else text


def as_latex(e: Explanation) -> str:
    """The steps and the chain rule, aligned."""
    lines = []
    for step in e.steps:
        if step.skipped:
            lines.append(rf"&\ \vdots")
        first = rf"{name_in_latex(step.name)} &= {step.latex} = {number(step.value)}"
        for slope in step.slopes:
            by = slope.by.partition(" (argument ")[0]
            shown = [slope.latex] if slope.latex and slope.latex != said(slope.number or 0.0) else []
            shown += [] if slope.number is None else [number(slope.number)]
            lines.append(f"{first} & {' = '.join([fraction(step.name, by), *shown])}")
            first = "&"
    lines += _chain_rule(e)
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _chain_rule(e: Explanation) -> list[str]:
    """∂y/∂x as the product along the one path, or as the sum of the products along several."""
    slope = fraction(e.y, e.x)
    if e.paths == 1 and 1 < len(e.best[0].factors) <= LONG:
        path = e.best[0]
        factors = [fraction(b, a) for a, b in zip(path.names, path.names[1:], strict=False)]
        by_number = r" \cdot ".join(number(x) for x in path.factors)
        return [
            rf"{slope} &= {' '.join(factors)}",
            rf"&= {by_number} = {number(e.gradient)}",
        ]
    terms = [number(path.product) for path in e.best] + [r"\cdots"] * (len(e.best) < e.paths)
    total = "" if len(terms) == 1 else f" = {number(e.gradient)}"
    return [rf"{slope} &= {' + '.join(terms)}{total}"]
